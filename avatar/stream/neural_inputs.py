"""The door between motion and model: a motion on the reference becomes the model's arrays.

Draws the classical warp, notes where it sampled and how far to trust that, paints the guidance
maps, and turns expression into face numbers. Knows pictures and landmarks; does not know tensors'
use, training or time beyond the frame before.

Legend: H, W canvas pixels; h, w feature cells (a cell is the model's first pixel block); M face
numbers; N landmarks; G triangles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.errors import ConfigError
from avatar.frames import (
    ByteArray,
    FloatArray,
    MouthInterior,
    ReferenceGeometry,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.model.face_layout import FACE_REGIONS, NUM_FACE_NUMBERS
from avatar.model.presets import ModelPreset
from avatar.model.runtime import ChunkInputs, ViewInputs
from avatar.motion import topology as topo
from avatar.motion.guidance import GuidancePainter
from avatar.motion.mouth_interior import COLUMNS, ROWS
from avatar.motion.rotation import log_rotation
from avatar.stream.compose import shrink_into
from avatar.stream.viewport import Viewport, whole_picture
from avatar.warp.mesh import Label
from avatar.warp.raster import RasterTarget, rasterise
from avatar.warp.renderer import WarpRenderer, place_vertices
from avatar.warp.rig import WarpRig

GUIDANCE_DRAWN_PX = 192
"""Guidance is painted at about this size and averaged down to the cells."""
STILL_PX = 3.0
"""Displacement, in pixels of 256 across the picture, up to which a cell counts as still."""
DRAWN_MOVED = 0.5
"""How far eyes and the inside of the mouth count as moved at least: they have no map. Otherwise
they are as far moved as what is around them."""
MOVED = 3
"""The validity channel that gates corrections (avatar.model.autoencoder)."""
CARRIED_PX = 1.5
"""Displacement, in the same pixels, at which a correction is too old to be shown again."""
SHOWN, UNSEEN, INTERIOR = 1, 2, 3
"""What a cell of the warp shows: reference surface, surface turned away in the reference, or eye
and mouth, which the warp draws itself."""
OFFSET_GAIN = 5.0
VELOCITY_GAIN = 10.0
"""Bring expression offsets (inter-ocular units) and their change per frame to about 1."""
STRETCH_OCTAVES = 4.0
MIN_AREA = 2.0**-STRETCH_OCTAVES


def _lid(upper: Sequence[int], lower: Sequence[int]) -> list[int]:
    return [*upper, *lower]  # both corners twice: 18 entries, one fixed layout


def _ring(upper: Sequence[int], lower: Sequence[int]) -> list[int]:
    return [*upper, *list(lower)[-2:0:-1]]


_LEFT_EYE = _lid(topo.LEFT_LID_UPPER.tolist(), topo.LEFT_LID_LOWER.tolist())
_RIGHT_EYE = _lid(topo.RIGHT_LID_UPPER.tolist(), topo.RIGHT_LID_LOWER.tolist())
_BROWS = np.concatenate(
    [topo.LEFT_BROW_UPPER, topo.LEFT_BROW_LOWER, topo.RIGHT_BROW_UPPER, topo.RIGHT_BROW_LOWER]
).tolist()
_LIPS_OUTER = _ring(topo.LIPS_OUTER_UPPER.tolist(), topo.LIPS_OUTER_LOWER.tolist())
_LIPS_INNER = _ring(topo.LIPS_INNER_UPPER.tolist(), topo.LIPS_INNER_LOWER.tolist())
_JAW = topo.FACE_OVAL[12:24].tolist()


@dataclass(frozen=True, slots=True)
class FrameInputs:
    """One frame as the model reads it, seen through the viewport, and the warp's own full-size
    picture to be corrected."""

    warp_4HW: FloatArray
    sampling_map_2hw: FloatArray
    validity_4hw: FloatArray
    guidance_3hw: FloatArray
    face_M: FloatArray
    canvas_rgb_HW3: ByteArray
    canvas_alpha_HW: ByteArray


class NeuralInputs:
    """Everything the model needs of one character, drawn per motion."""

    def __init__(
        self,
        rig: WarpRig,
        background_HW3: ByteArray,
        preset: ModelPreset,
        picture_hw: tuple[int, int],
        viewport: Viewport | None = None,
    ) -> None:
        """Without a viewport everything is seen."""
        self._rig = rig
        self._reference = rig.reference
        self.picture_hw = picture_hw
        self._feature_hw = preset.feature_hw(picture_hw)
        self.renderer = WarpRenderer(rig, background_HW3)
        self.viewport = viewport or whole_picture(picture_hw)
        self._painter = GuidancePainter(rig.reference, min_drawn_px=GUIDANCE_DRAWN_PX)
        self._target = RasterTarget.of_size(*self._feature_hw)
        self._labels_G = _cell_labels(rig)
        self._at_rest_hw = self._coverage(self.renderer.render(at_rest(rig.reference))[1])
        self._rim_hw = self.viewport.rim(preset.feature_hw(self.viewport.hw))
        self._before: list[FloatArray] | None = None

    def frame(self, motion: RetargetedMotion) -> FrameInputs:
        """The model's view of a motion; velocities are relative to the call before."""
        rgb_HW3, alpha_HW = self.renderer.render(motion)
        sampling_map, validity = self._sampling(motion)
        values = _face_values(motion, self._reference)
        before = values if self._before is None else self._before
        self._before = values
        seen, cells_hw = self.viewport, self._feature_hw
        place = seen.place((alpha_HW.shape[0], alpha_HW.shape[1]))
        # Where the person has gone from, the background is a guess.
        gone_hw = np.clip(self._at_rest_hw - self._coverage(alpha_HW), 0.0, 1.0)
        validity[MOVED] = np.maximum(validity[MOVED], gone_hw)
        validity = np.ascontiguousarray(seen.of(validity, cells_hw))
        validity[MOVED] *= self._rim_hw
        return FrameInputs(
            warp_4HW=picture_4HW(rgb_HW3[place], alpha_HW[place], seen.hw),
            sampling_map_2hw=seen.of(sampling_map, cells_hw),
            validity_4hw=validity,
            guidance_3hw=seen.of(self._guidance(motion), cells_hw),
            face_M=_face_numbers(values, before),
            canvas_rgb_HW3=rgb_HW3,
            canvas_alpha_HW=alpha_HW,
        )

    def _coverage(self, alpha_HW: ByteArray) -> FloatArray:
        """Share of each cell that the person covers."""
        rows, columns = self._feature_hw
        cells = cv2.resize(alpha_HW, (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(cells, np.float32) / np.float32(255.0)

    def restart(self) -> None:
        """Forget the frame before: the next one is at rest."""
        self._before = None

    def _guidance(self, motion: RetargetedMotion) -> FloatArray:
        painted = self._painter.paint(motion, self._feature_hw)
        return np.ascontiguousarray(painted.transpose(2, 0, 1), np.float32) / np.float32(255.0)

    def _sampling(self, motion: RetargetedMotion) -> tuple[FloatArray, FloatArray]:
        """The mesh drawn again, one sample per cell: where it looks, and how far to trust it."""
        target, (rows, columns) = self._target, self._feature_hw
        canvas_h, canvas_w = self._reference.canvas_hw
        cell = canvas_w / columns
        placed = place_vertices(self._rig, motion)
        # A cell's centre lies half a cell, less half a pixel, from its first pixel's centre.
        placed[:, :2] = (placed[:, :2] - (cell - 1.0) / 2.0) / cell
        target.clear()
        rasterise(
            placed,
            self._rig.mesh.texture_X2,
            self._rig.mesh.triangle_T3,
            self._labels_G,
            target.map_HW2,
            target.depth_HW,
            target.label_HW,
        )
        size = np.array([canvas_w, canvas_h], np.float32)
        where = (target.map_HW2 + 0.5) / size * 2.0 - 1.0
        drawn = target.label_HW > 0
        where = np.where(drawn[..., None], where, _identity(rows, columns))
        # Undrawn cells hold what was drawn there long ago: only the filled map may be used.
        stretch = _stretch((where + 1.0) / 2.0 * np.array([columns, rows], np.float32)) * drawn
        is_interior = target.label_HW == INTERIOR
        moved = _moved(where - _identity(rows, columns), is_interior)
        validity = np.stack([target.label_HW == SHOWN, stretch, is_interior, moved])
        return (
            np.ascontiguousarray(where.transpose(2, 0, 1), np.float32),
            validity.astype(np.float32),
        )


def reference_view(
    geometry: ReferenceGeometry,
    rgb_HW3: ByteArray,
    alpha_HW: ByteArray,
    preset: ModelPreset,
    picture_hw: tuple[int, int],
) -> ViewInputs:
    """A view of the reference for the model: its picture, its own guidance, its face at rest."""
    motion = at_rest(geometry)
    painted = GuidancePainter(geometry).paint(motion, preset.feature_hw(picture_hw))
    guidance = np.ascontiguousarray(painted.transpose(2, 0, 1), np.float32) / np.float32(255.0)
    values = _face_values(motion, geometry)
    return ViewInputs(
        picture_4HW(rgb_HW3, alpha_HW, picture_hw)[None],
        guidance[None],
        _face_numbers(values, values)[None],
    )


def model_picture_hw(preset: ModelPreset, canvas_hw: tuple[int, int]) -> tuple[int, int]:
    """The size at which a canvas goes through the model.

    Raises ConfigError for a canvas whose shape does not fit (the full body's, so far).
    """
    rows, columns = canvas_hw
    if rows != columns:
        raise ConfigError(
            f"the neural animator draws square canvases only, this one is {columns}x{rows}; "
            "frame the character as a portrait or half body, or use the warp."
        )
    return preset.picture_px, preset.picture_px


def stack(frames: Sequence[FrameInputs]) -> ChunkInputs:
    """Frames as one chunk with a batch axis."""

    def joined(arrays: Sequence[FloatArray]) -> FloatArray:
        return np.stack(arrays)[None]

    return ChunkInputs(
        joined([f.warp_4HW for f in frames]),
        joined([f.sampling_map_2hw for f in frames]),
        joined([f.validity_4hw for f in frames]),
        joined([f.guidance_3hw for f in frames]),
        joined([f.face_M for f in frames]),
    )


def picture_4HW(rgb_HW3: ByteArray, alpha_HW: ByteArray, picture_hw: tuple[int, int]) -> FloatArray:
    """Bytes to the model's range and size: colours in [-1, 1], coverage in [0, 1]."""
    rows, columns = picture_hw
    factor = rgb_HW3.shape[0] // rows
    if rgb_HW3.shape[:2] == (factor * rows, factor * columns):
        picture = np.empty((4, rows, columns), np.float32)
        shrink_into(np.ascontiguousarray(rgb_HW3), np.ascontiguousarray(alpha_HW), factor, picture)
        return picture
    joined: ByteArray = np.dstack([rgb_HW3, alpha_HW])
    size = (columns, rows)
    joined = np.asarray(cv2.resize(joined, size, interpolation=cv2.INTER_AREA), np.uint8)
    picture = np.ascontiguousarray(joined.transpose(2, 0, 1), np.float32) / np.float32(255.0)
    picture[:3] = picture[:3] * 2.0 - 1.0
    return picture


def at_rest(geometry: ReferenceGeometry, stamp: Stamp | None = None) -> RetargetedMotion:
    """The motion that leaves a reference as it is."""

    return RetargetedMotion(
        stamp=stamp or Stamp(0, Fraction(1, 25), 0.0),
        tracking=Tracking.TRACKED,
        rotation_33=geometry.rotation_33,
        translation_2=geometry.translation_2,
        scale=geometry.scale,
        shape_N3=geometry.shape_N3,
        landmarks_N3=geometry.landmarks_N3,
        gaze_22=geometry.gaze_22,
        lid_apertures_2=geometry.lid_apertures_2,
        lip_aperture=geometry.lip_aperture,
        joints_J3=geometry.joints_J3,
        visibility_J=geometry.visibility_J,
    )


def _cell_labels(rig: WarpRig) -> ByteArray:
    """Per triangle: shown, unseen (turned away in the reference, or borrowed from the mirror side,
    which turns it over), or interior."""
    a, b, c = (rig.mesh.texture_X2[rig.mesh.triangle_T3[:, k]] for k in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    labels = np.where(area > 0.05, SHOWN, UNSEEN).astype(np.uint8)
    is_interior = np.isin(rig.mesh.label_T, (Label.LEFT_EYE, Label.RIGHT_EYE, Label.MOUTH))
    labels[is_interior] = INTERIOR
    return labels


def _stretch(map_hw2: FloatArray) -> FloatArray:
    """Source area per target area, octaves / 4, in [-1, 1]: -1 is a sliver drawn far too wide."""
    down, right = np.gradient(map_hw2, axis=0), np.gradient(map_hw2, axis=1)
    area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    octaves = np.log2(np.clip(area, MIN_AREA, 1.0 / MIN_AREA))
    return np.asarray(octaves / STRETCH_OCTAVES, np.float32)


def _moved(shift_hw2: FloatArray, is_interior_hw: NDArray[np.bool_]) -> FloatArray:
    """0..1: how far the warp moved or drew what is in a cell. Where it did not, it is the reference
    itself."""
    moved = 1.0 - np.exp(-np.square(_displaced_px(shift_hw2) / STILL_PX))
    around = cv2.dilate(np.where(is_interior_hw, 0.0, moved), np.ones((5, 5), np.uint8))
    return np.where(is_interior_hw, np.maximum(around, DRAWN_MOVED), moved).astype(np.float32)


def _displaced_px(shift_hw2: FloatArray) -> FloatArray:
    """Length of shifts in the map's units, in pixels of 256 across the picture."""
    return np.asarray(np.hypot(shift_hw2[..., 0], shift_hw2[..., 1]) * 128.0, np.float32)


def still_share(before: FrameInputs, now: FrameInputs) -> FloatArray:
    """Per cell 0..1: how far an earlier frame's correction still lies where it belongs."""
    shift_hw2 = (now.sampling_map_2hw - before.sampling_map_2hw).transpose(1, 2, 0)
    return np.asarray(np.exp(-np.square(_displaced_px(shift_hw2) / CARRIED_PX)), np.float32)


def _identity(rows: int, columns: int) -> FloatArray:
    y = (np.arange(rows, dtype=np.float32) + 0.5) * (2.0 / rows) - 1.0
    x = (np.arange(columns, dtype=np.float32) + 0.5) * (2.0 / columns) - 1.0
    return np.stack(np.meshgrid(x, y), -1).astype(np.float32)


def _face_values(motion: RetargetedMotion, reference: ReferenceGeometry) -> list[FloatArray]:
    """Per region what the driver does beyond the reference's rest, free of pose and identity."""
    offset_N3 = OFFSET_GAIN * (motion.shape_N3 - reference.shape_N3)

    def of(landmarks: Sequence[int], *more: float) -> FloatArray:
        return np.concatenate([offset_N3[landmarks].ravel(), more]).astype(np.float32)

    lids = OFFSET_GAIN * (motion.lid_apertures_2 - reference.lid_apertures_2)
    lips = OFFSET_GAIN * (motion.lip_aperture - reference.lip_aperture)
    turn = log_rotation((motion.rotation_33 @ reference.rotation_33.T).astype(np.float32))
    values = {
        "left_eye": of(_LEFT_EYE, float(lids[0])),
        "right_eye": of(_RIGHT_EYE, float(lids[1])),
        "gaze": (motion.gaze_22 - reference.gaze_22).ravel().astype(np.float32),
        "brows": of(_BROWS),
        "lips_outer": of(_LIPS_OUTER),
        "lips_inner": of(_LIPS_INNER, float(lips)),
        "mouth_interior": _interior_values(motion.mouth_interior),
        "jaw": of(_JAW),
        "head": turn.astype(np.float32),
    }
    result = [values[region.name] for region in FACE_REGIONS]
    for region, value in zip(FACE_REGIONS, result, strict=True):
        assert value.size == region.num_values, region.name
    return result


def _interior_values(interior: MouthInterior | None) -> FloatArray:
    """Light and red of every cell as far as they are certain, and the certainty; 0 if unknown."""
    if interior is None:
        return np.zeros(2 * ROWS * COLUMNS + 1, np.float32)
    light = 2.0 * np.minimum(interior.light_RC.ravel(), 1.0) - 1.0
    red = 2.0 * interior.red_RC.ravel() - 1.0
    certain = interior.certainty * np.concatenate([light, red, [1.0]])
    return np.asarray(certain, np.float32)


def _face_numbers(values: list[FloatArray], before: list[FloatArray]) -> FloatArray:
    parts = [
        part
        for now, then in zip(values, before, strict=True)
        for part in (now, VELOCITY_GAIN * (now - then) / OFFSET_GAIN)
    ]
    numbers = np.concatenate(parts).astype(np.float32)
    assert numbers.size == NUM_FACE_NUMBERS
    return np.clip(numbers, -4.0, 4.0)
