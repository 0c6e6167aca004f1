"""Smoothing of a face's motion, and what happens while the face is lost.

Knows which signal is filtered how, and easing; does not know trackers, references, or how a filter
works (`one_euro`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar.frames import FaceMotion, FloatArray, MouthInterior, Tracking
from avatar.motion import topology as topo
from avatar.motion.geometry import place_head
from avatar.motion.mouth_interior import mixed_interiors
from avatar.motion.neutral import Neutral
from avatar.motion.one_euro import OneEuro, OneEuroRotation, OneEuroSettings
from avatar.motion.rotation import blend_rotations

HOLD_S = 0.25
EASE_OUT_S = 0.8
EASE_IN_S = 0.35
MAX_GAP_S = 0.5
"""After a longer gap between stamps a filter starts anew."""


# Speeds are per second in each signal's unit (radians, inter-ocular units, aperture).
TREND_S = 0.09
"""How long the course of a head and of its points is believed (docs/LOG.md)."""
ROTATION = OneEuroSettings(min_cutoff_hz=1.8, beta=24.0, speed_cutoff_hz=4.0, trend_s=TREND_S)
TRANSLATION = OneEuroSettings(min_cutoff_hz=1.8, beta=16.0, speed_cutoff_hz=4.0, trend_s=TREND_S)
SCALE = OneEuroSettings(min_cutoff_hz=1.5, beta=12.0, speed_cutoff_hz=3.0, trend_s=TREND_S)
SHAPE = OneEuroSettings(min_cutoff_hz=2.0, beta=8.0, trend_s=TREND_S)
EYE_SHAPE = OneEuroSettings(min_cutoff_hz=3.0, beta=16.0, speed_cutoff_hz=4.0, trend_s=TREND_S)
LIP_SHAPE = OneEuroSettings(min_cutoff_hz=3.0, beta=14.0, speed_cutoff_hz=4.0, trend_s=TREND_S)
GAZE = OneEuroSettings(min_cutoff_hz=1.2, beta=3.0, speed_cutoff_hz=3.0)
LIDS = OneEuroSettings(min_cutoff_hz=3.0, beta=16.0, speed_cutoff_hz=6.0)
INTERIOR = OneEuroSettings(min_cutoff_hz=3.0, beta=6.0, speed_cutoff_hz=4.0)
LIPS = OneEuroSettings(min_cutoff_hz=3.5, beta=14.0, speed_cutoff_hz=6.0)

TURN_RAD = (0.2, 0.6)
"""Angles between face and camera from which a measured size is trusted less, and hardly any more:
a tracker's guess of depth is too flat, so that turned and nodding heads measure smaller."""
LEAST_TRUST = 0.15
LEVEL_S = 0.25
"""Time constant at which the size of a face seen straight on is learned."""

_EYE_POINTS = np.unique(
    np.concatenate(
        [topo.LEFT_LID_UPPER, topo.LEFT_LID_LOWER, topo.RIGHT_LID_UPPER, topo.RIGHT_LID_LOWER]
    )
)
_LIP_POINTS = topo.LIPS
_FRONT_3 = np.array([0.0, -0.1, -1.0], dtype=np.float32)
"""Middle of the face's front in head space."""


class FaceSmoother:
    """Smooths a face over time; holds it when lost, then eases it to the driver's neutral."""

    def __init__(self) -> None:
        self._rotation = OneEuroRotation(ROTATION)
        self._filters = {
            "front": OneEuro(TRANSLATION),
            "scale": OneEuro(SCALE),
            "shape": OneEuro(SHAPE),
            "eyes": OneEuro(EYE_SHAPE),
            "lips": OneEuro(LIP_SHAPE),
            "gaze": OneEuro(GAZE),
            "lids": OneEuro(LIDS),
            "lip": OneEuro(LIPS),
            "interior": OneEuro(INTERIOR),
        }
        self.reset()

    def reset(self) -> None:
        """Forget the face."""
        self._last_s: float | None = None
        self._shown: FaceMotion | None = None
        self._held: FaceMotion | None = None
        self._lost_s: float | None = None
        self._back_s: float | None = None
        self._back_from: FaceMotion | None = None
        self._reset_filters()

    def _reset_filters(self) -> None:
        self._log_level: float | None = None
        self._rotation.reset()
        for one in self._filters.values():
            one.reset()

    def update(
        self,
        face: FaceMotion | None,
        neutral: Neutral | None,
        picture_hw: tuple[int, int],
        time_s: float,
    ) -> tuple[FaceMotion | None, Tracking]:
        """The face to show at `time_s`, and how it came to be.

        Never seen or long lost: (neutral face or None, LOST).
        """
        dt_s = 0.0 if self._last_s is None else time_s - self._last_s
        if dt_s < 0 or dt_s > MAX_GAP_S:
            self._reset_filters()
        self._last_s = time_s
        if face is None:
            return self._lost(neutral, picture_hw, time_s)
        if self._lost_s is not None:
            if time_s - self._lost_s > HOLD_S:
                # From where the loss had brought the face, without a jump, to where it is.
                self._back_from, self._back_s = self._shown, time_s
                self._reset_filters()
            self._lost_s = None
        smooth = self._smooth(face, dt_s)
        if self._back_s is not None and self._back_from is not None:
            t = (time_s - self._back_s) / EASE_IN_S
            if t >= 1.0 or t < 0.0:
                self._back_s = self._back_from = None
            else:
                smooth = blend_faces(self._back_from, smooth, _ease(t))
        self._shown = smooth
        return smooth, Tracking.TRACKED

    def _lost(
        self, neutral: Neutral | None, picture_hw: tuple[int, int], time_s: float
    ) -> tuple[FaceMotion | None, Tracking]:
        if self._shown is None:
            return None, Tracking.LOST
        if self._lost_s is None:
            self._lost_s, self._held = time_s, self._shown
        gone_s = time_s - self._lost_s
        if gone_s <= HOLD_S or neutral is None or self._held is None:
            return self._shown, Tracking.HELD
        rest = neutral_face(neutral, picture_hw)
        t = (gone_s - HOLD_S) / EASE_OUT_S
        self._shown = rest if t >= 1.0 else blend_faces(self._held, rest, _ease(t))
        return self._shown, Tracking.LOST if t >= 1.0 else Tracking.EASING

    def _smooth(self, face: FaceMotion, dt_s: float) -> FaceMotion:
        f = self._filters
        rotation = self._rotation(face.rotation_33, dt_s)
        log_scale = self._believed(float(np.log(face.scale)), face.rotation_33, dt_s)
        scale = float(np.exp(f["scale"](np.array([log_scale], dtype=np.float32), dt_s)[0]))
        # The face's front is what a tracker sees; errors of the head centre behind it mirror those
        # of rotation and scale. So the front is filtered, and the centre follows from it.
        front = face.translation_2 + np.float32(face.scale) * (face.rotation_33 @ _FRONT_3)[:2]
        front = f["front"](front, dt_s, unit=max(face.scale, 1e-6))
        translation = np.asarray(front - np.float32(scale) * (rotation @ _FRONT_3)[:2])
        shape = f["shape"](face.shape_N3, dt_s).copy()
        shape[_EYE_POINTS] = f["eyes"](face.shape_N3[_EYE_POINTS], dt_s)
        shape[_LIP_POINTS] = f["lips"](face.shape_N3[_LIP_POINTS], dt_s)
        lids = f["lids"](face.lid_apertures_2[:, None], dt_s)[:, 0]
        lip = float(f["lip"](np.array([face.lip_aperture], dtype=np.float32), dt_s)[0])
        return FaceMotion(
            landmarks_N3=place_head(shape, rotation, translation, scale),
            rotation_33=rotation,
            translation_2=translation,
            scale=scale,
            shape_N3=shape,
            gaze_22=f["gaze"](face.gaze_22, dt_s),
            lid_apertures_2=lids,
            lip_aperture=lip,
            confidence=face.confidence,
            mouth_interior=self._smooth_interior(face.mouth_interior, dt_s),
        )

    def _believed(self, log_scale: float, rotation_33: FloatArray, dt_s: float) -> float:
        """A measured size as far as the head's turn lets it be believed."""
        turn = float(np.arccos(np.clip(rotation_33[2, 2], -1.0, 1.0)))
        low, high = TURN_RAD
        trust = 1.0 - (1.0 - LEAST_TRUST) * _ease((turn - low) / (high - low))
        if self._log_level is None:
            self._log_level = log_scale
        beyond = log_scale - self._log_level
        # Slowly even while it is turned: a head that stays so may have come closer meanwhile.
        self._log_level += beyond * float(1.0 - np.exp(-dt_s * trust**4 / LEVEL_S))
        return self._log_level + trust * (log_scale - self._log_level)

    def _smooth_interior(self, interior: MouthInterior | None, dt_s: float) -> MouthInterior | None:
        """Every cell for itself; lips that have been closed start anew."""
        if interior is None:
            self._filters["interior"].reset()
            return None
        cells_2RC1 = np.stack([interior.light_RC, interior.red_RC])[..., None]
        light_RC, red_RC = self._filters["interior"](cells_2RC1, dt_s)[..., 0]
        return replace(interior, light_RC=light_RC, red_RC=red_RC)


def _ease(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def neutral_face(neutral: Neutral, picture_hw: tuple[int, int]) -> FaceMotion:
    """The driver at rest as a tracker would have seen them."""
    translation, scale = neutral.place_px(picture_hw)
    return FaceMotion(
        landmarks_N3=place_head(neutral.shape_N3, neutral.rotation_33, translation, scale),
        rotation_33=neutral.rotation_33,
        translation_2=translation,
        scale=scale,
        shape_N3=neutral.shape_N3,
        gaze_22=neutral.gaze_22,
        lid_apertures_2=neutral.lid_apertures_2,
        lip_aperture=neutral.lip_aperture,
        confidence=0.0,
    )


def blend_faces(start: FaceMotion, end: FaceMotion, weight: float) -> FaceMotion:
    """A face `weight` of the way between two."""
    w = np.float32(weight)

    def mix(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(a + w * (b - a), dtype=np.float32)

    rotation = blend_rotations(start.rotation_33, end.rotation_33, weight)
    translation = mix(start.translation_2, end.translation_2)
    scale = start.scale * (end.scale / start.scale) ** weight
    shape = mix(start.shape_N3, end.shape_N3)
    return replace(
        end,
        landmarks_N3=place_head(shape, rotation, translation, scale),
        rotation_33=rotation,
        translation_2=translation,
        scale=scale,
        shape_N3=shape,
        gaze_22=mix(start.gaze_22, end.gaze_22),
        lid_apertures_2=mix(start.lid_apertures_2, end.lid_apertures_2),
        lip_aperture=start.lip_aperture + weight * (end.lip_aperture - start.lip_aperture),
        mouth_interior=mixed_interiors(
            [start.mouth_interior, end.mouth_interior], [1.0 - weight, weight]
        ),
    )
