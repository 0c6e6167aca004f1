"""A driver's neutral: the face, gaze and posture that all their motion is measured against.

Knows its numbers and its compact JSON form (a browser keeps it, so everything read is checked);
does not know how it is measured (`calibration`).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.errors import ConfigError
from avatar.frames import NUM_JOINTS, NUM_LANDMARKS, FaceMotion, FloatArray, ReferenceGeometry
from avatar.motion.expression import healthy_aperture
from avatar.motion.rotation import blend_rotations

NEUTRAL_VERSION = 1
MAX_JSON_CHARS = 40_000
_SHAPE_UNIT = 1.0 / 8192.0
"""Shapes are kept as 16-bit steps of this size: +-4 inter-ocular units, 0.008 mm on a face."""
_BODY_UNIT = 1.0 / 1024.0
"""Joints likewise, in head sizes: +-32."""


@dataclass(frozen=True, slots=True)
class Neutral:
    """A driver at rest."""

    shape_N3: FloatArray
    """Landmarks in head space."""
    lid_apertures_2: FloatArray
    """[left, right] of the open eyes."""
    lip_aperture: float
    """Of the closed lips (trackers rarely say 0)."""
    gaze_22: FloatArray
    """Looking at the screen."""
    rotation_33: FloatArray
    translation_2: FloatArray
    """Head centre at rest, in picture heights from the picture's middle: a camera may change its
    resolution in the middle of a call."""
    scale: float
    """Picture heights per inter-ocular distance."""
    joints_J3: FloatArray | None = None
    """Body at rest: from the head's centre, in inter-ocular units; None where not seen."""
    visibility_J: FloatArray | None = None

    @classmethod
    def of_face(cls, face: FaceMotion, picture_hw: tuple[int, int]) -> Neutral:
        """This very face as the neutral, as it is."""
        rows, columns = picture_hw
        middle = np.array([columns / 2, rows / 2], dtype=np.float32)
        return cls(
            shape_N3=face.shape_N3,
            lid_apertures_2=face.lid_apertures_2,
            lip_aperture=face.lip_aperture,
            gaze_22=face.gaze_22,
            rotation_33=face.rotation_33,
            translation_2=(face.translation_2 - middle) / np.float32(rows),
            scale=face.scale / rows,
        )

    @classmethod
    def of_reference(cls, reference: ReferenceGeometry) -> Neutral:
        """The reference as its own driver's neutral: self-reenactment then begins at identity."""
        rows, columns = reference.canvas_hw
        middle = np.array([columns / 2, rows / 2], dtype=np.float32)
        joints = reference.joints_J3
        if joints is not None:
            centre = np.array([*reference.translation_2, 0.0], dtype=np.float32)
            joints = (joints - centre) / np.float32(reference.scale)
        return cls(
            shape_N3=reference.shape_N3,
            # A picture with shut eyes or an open mouth is still no rest to measure from.
            lid_apertures_2=np.array(
                [healthy_aperture(float(a)) for a in reference.lid_apertures_2], dtype=np.float32
            ),
            lip_aperture=min(reference.lip_aperture, 0.02),
            gaze_22=reference.gaze_22,
            rotation_33=reference.rotation_33,
            translation_2=(reference.translation_2 - middle) / np.float32(rows),
            scale=reference.scale / rows,
            joints_J3=joints,
            visibility_J=reference.visibility_J,
        )

    def place_px(self, picture_hw: tuple[int, int]) -> tuple[FloatArray, float]:
        """Head centre at rest in pixels of a picture, and pixels per inter-ocular distance."""
        rows, columns = picture_hw
        middle = np.array([columns / 2, rows / 2], dtype=np.float32)
        return middle + self.translation_2 * np.float32(rows), self.scale * rows

    def blend(self, other: Neutral, weight: float) -> Neutral:
        """`weight` of the way to another neutral (0 stays, 1 arrives)."""
        weight = min(weight, 1.0)
        w = np.float32(weight)

        def mix(a: FloatArray, b: FloatArray) -> FloatArray:
            return np.asarray(a + w * (b - a), dtype=np.float32)

        joints, visibility = other.joints_J3, other.visibility_J
        if joints is None or visibility is None:
            joints, visibility = self.joints_J3, self.visibility_J
        elif self.joints_J3 is not None and self.visibility_J is not None:
            # A joint the other did not see at rest says nothing against ours.
            is_seen = visibility >= 0.5
            joints = np.where(is_seen[:, None], mix(self.joints_J3, joints), self.joints_J3)
            visibility = np.where(is_seen, visibility, self.visibility_J)
        return Neutral(
            shape_N3=mix(self.shape_N3, other.shape_N3),
            lid_apertures_2=mix(self.lid_apertures_2, other.lid_apertures_2),
            lip_aperture=self.lip_aperture + weight * (other.lip_aperture - self.lip_aperture),
            gaze_22=mix(self.gaze_22, other.gaze_22),
            rotation_33=blend_rotations(self.rotation_33, other.rotation_33, weight),
            translation_2=mix(self.translation_2, other.translation_2),
            scale=self.scale * (other.scale / self.scale) ** weight,
            joints_J3=joints,
            visibility_J=visibility,
        )

    def to_json(self) -> str:
        """Compact text for the browser to keep; at most 40 000 characters."""
        values: dict[str, Any] = {
            "version": NEUTRAL_VERSION,
            "shape": _pack(self.shape_N3, _SHAPE_UNIT),
            "lids": _plain(self.lid_apertures_2),
            "lip": round(self.lip_aperture, 5),
            "gaze": _plain(self.gaze_22.ravel()),
            "rotation": [round(float(v), 6) for v in self.rotation_33.ravel()],
            "translation": _plain(self.translation_2),
            "scale": round(self.scale, 6),
        }
        if self.joints_J3 is not None and self.visibility_J is not None:
            values["joints"] = _pack(self.joints_J3, _BODY_UNIT)
            values["visibility"] = [round(float(v), 2) for v in self.visibility_J]
        text = json.dumps(values, separators=(",", ":"))
        assert len(text) <= MAX_JSON_CHARS
        return text

    @classmethod
    def from_json(cls, text: str) -> Neutral:
        """Read what `to_json` wrote; ConfigError names what is wrong with anything else."""
        if len(text) > MAX_JSON_CHARS:
            raise _wrong(f"is {len(text)} characters long, more than {MAX_JSON_CHARS}")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _wrong("is not JSON") from error
        if not isinstance(values, dict):
            raise _wrong("is not a JSON object")
        if values.get("version") != NEUTRAL_VERSION:
            raise _wrong(f"has version {values.get('version')!r:.20}, not {NEUTRAL_VERSION}")
        rotation = _numbers(values, "rotation", 9, 1.001).reshape(3, 3)
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2) or (
            np.linalg.det(rotation) < 0
        ):
            raise _wrong("has a 'rotation' that is not a rotation")
        shape = _unpack(values, "shape", NUM_LANDMARKS, _SHAPE_UNIT)
        if float(np.ptp(shape[:, 0])) < 0.5 or float(np.ptp(shape[:, 1])) < 0.5:
            raise _wrong("has a 'shape' that is not a face")
        lids = _numbers(values, "lids", 2, 2.0)
        if float(lids.min()) < 0.0:
            raise _wrong("has negative 'lids'")
        scale = float(_numbers({"scale": [values.get("scale")]}, "scale", 1, 10.0)[0])
        if scale < 1e-4:
            raise _wrong("has a 'scale' that is not positive")
        joints = visibility = None
        if "joints" in values:
            joints = _unpack(values, "joints", NUM_JOINTS, _BODY_UNIT)
            visibility = np.clip(_numbers(values, "visibility", NUM_JOINTS, 1.001), 0.0, 1.0)
        return cls(
            shape_N3=shape,
            lid_apertures_2=lids,
            lip_aperture=float(
                np.clip(_numbers({"lip": [values.get("lip")]}, "lip", 1, 2.0)[0], 0.0, 2.0)
            ),
            gaze_22=_numbers(values, "gaze", 4, math.pi).reshape(2, 2),
            rotation_33=rotation,
            translation_2=_numbers(values, "translation", 2, 10.0),
            scale=scale,
            joints_J3=joints,
            visibility_J=visibility,
        )


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"The stored neutral {what}. Calibrate again.")


def _plain(values: FloatArray) -> list[float]:
    return [round(float(v), 5) for v in values]


def _pack(values: FloatArray, unit: float) -> str:
    steps = np.clip(np.round(values / unit), -32767, 32767).astype("<i2")
    return base64.b64encode(steps.tobytes()).decode("ascii")


def _unpack(values: dict[str, Any], key: str, num_points: int, unit: float) -> FloatArray:
    text = values.get(key)
    if not isinstance(text, str):
        raise _wrong(f"has no '{key}'")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(f"has a damaged '{key}'") from error
    if len(data) != num_points * 3 * 2:
        raise _wrong(f"has a '{key}' of the wrong length")
    steps: NDArray[np.int16] = np.frombuffer(data, dtype="<i2")
    return (steps.reshape(num_points, 3) * unit).astype(np.float32)


def _numbers(values: dict[str, Any], key: str, count: int, bound: float) -> FloatArray:
    given = values.get(key)
    if (
        not isinstance(given, list)
        or len(given) != count
        or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
        or not all(abs(v) <= bound for v in given)  # NaN fails this, too
    ):
        raise _wrong(f"has a '{key}' that is not {count} numbers within {bound:g}")
    return np.array(given, dtype=np.float32)
