"""What opens between the lips: teeth on their arches, a tongue, and the dark behind them.

Knows where these lie in a head and how the jaw carries them; does not know how far the mouth should
open. A small mesh in head space, drawn by the same rasteriser as the face.

Legend: M vertices of the interior, T triangles, H, W pixels, P points of the inner lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import (
    ByteArray,
    FloatArray,
    MouthInterior,
    ReferenceGeometry,
    RetargetedMotion,
)
from avatar.motion.mouth_interior import teeth_reach, white_of
from avatar.motion.topology import (
    CHIN,
    LIPS_INNER_LOWER,
    LIPS_INNER_UPPER,
    MOUTH_CORNERS,
)
from avatar.warp import mouth_texture
from avatar.warp.mesh import Label
from avatar.warp.mouth_paint import as_seen, paint_interior
from avatar.warp.polygon import Box, depth_inside, smoothstep
from avatar.warp.raster import RasterTarget, rasterise

IntArray = NDArray[np.int32]

MM = 1.0 / 63.0
"""One millimetre of an average adult in inter-ocular units."""
AVERAGE_MOUTH_WIDTH_MM = 50.0
ARCH_COLUMNS = 17
ARCH_RADIUS_MM = 30.0
LIP_THICKNESS_MM = 6.0
BITE_MM = 1.5
"""The upper incisors' edge below the line where closed lips meet."""
SHOWN_UPPER_MM = 3.0
SHOWN_LOWER_MM = 1.3
"""How much of the teeth a well opened mouth shows, at least."""
BARED_MM, BARED_LOWER_MM = 8.5, 4.0
"""Most that may show of the upper teeth, and of the lower ones of a wide open mouth."""
GRIN_UPPER = 0.62
"""Share of a grin that the upper teeth fill."""
PARTED_MM = 3.0
OPEN_MM = 8.0
"""Lip gaps of barely parted lips and of a well opened mouth."""
TONGUE_MM = 13.0
"""Height of a resting tongue over its tip."""
CAVITY_RGB = np.array([58.0, 20.0, 22.0], np.float32)
WHITE_LEVEL = 235.0
"""What the white of an eye or a tooth measures under full light."""
LIP_SHARE = 0.6
"""The picture's own teeth follow the upper lip this much: a rising lip bares few more of them."""
JAW_SHARE = 0.5
"""Of a reference's lip gap, what its jaw has dropped; the rest is lips drawn apart."""
MIN_GAP_PX = 0.6
MIN_OWN_GAP = 0.06
"""Lip gap (inter-ocular units) from which the picture itself shows an interior."""
ANCHORS_33 = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.3, 0.0]], np.float32)

INNER_OUTLINE = np.concatenate([LIPS_INNER_UPPER, LIPS_INNER_LOWER[-2:0:-1]])
MIDDLE = 5
"""Index of the lips' middle in the inner-lip lists."""


@dataclass(frozen=True, slots=True)
class OwnInterior:
    """The reference's own teeth: they keep their place on the skull when the lips move."""

    patch_HW4: ByteArray
    """Cut from the picture, alpha falling off towards the lips."""
    anchors_32: FloatArray
    """Where `ANCHORS_33` lie in the patch."""
    upper_lip_y: float
    """Height of the upper lip's inner edge in head space, as the picture has it."""


@dataclass(frozen=True, slots=True)
class MouthRig:
    """The interior of one character's mouth."""

    atlas_HW4: ByteArray
    upper_M3: FloatArray
    """Upper teeth in head space relative to the point where closed lips meet."""
    lower_M3: FloatArray
    tongue_M3: FloatArray
    texture_M2: FloatArray
    triangle_T3: IntArray
    label_T: ByteArray
    rest_3: FloatArray
    """Where closed lips meet, in head space."""
    chin_y: float
    """Height of the chin in head space while the teeth meet."""
    unit: float
    """One millimetre of this mouth in head space."""
    light_3: FloatArray
    """Colour of white under the reference's light, 0..1."""
    white_3: FloatArray
    """The same in bytes, as the driver's is measured: from the face alone."""
    own: OwnInterior | None
    """What the reference's picture shows between its lips; None where they are closed."""


def build_mouth(rgb_HW3: ByteArray, reference: ReferenceGeometry, white_3: FloatArray) -> MouthRig:
    """Fit an interior to the reference; `white_3` is what white looks like under its light."""
    shape = reference.shape_N3
    left, right = shape[MOUTH_CORNERS]
    width = float(np.linalg.norm(left - right))
    unit = MM * float(np.clip(width / (AVERAGE_MOUTH_WIDTH_MM * MM), 0.75, 1.35))
    upper_lip = shape[LIPS_INNER_UPPER[MIDDLE]]
    rest_3 = upper_lip + np.array([0.0, 0.0, LIP_THICKNESS_MM * unit], np.float32)
    pixels_per_mm = float(np.clip(1.5 * unit * reference.scale, 1.0, 8.0))
    atlas, spans = _atlas(pixels_per_mm)
    upper_M3 = _arch(unit, is_upper=True)
    lower_M3 = _arch(unit, is_upper=False)
    tongue_M3 = _tongue(unit)
    parts = (
        (_grid_triangles(2, ARCH_COLUMNS), _grid_texture(2, ARCH_COLUMNS, spans[0])),
        (_grid_triangles(2, ARCH_COLUMNS), _grid_texture(2, ARCH_COLUMNS, spans[1])),
        (_grid_triangles(5, 7), _grid_texture(5, 7, spans[2])),
    )
    offsets = (0, len(upper_M3), len(upper_M3) + len(lower_M3))
    own = _own_interior(rgb_HW3, reference, rest_3.astype(np.float32))
    measured_3 = white_of(rgb_HW3, reference.landmarks_N3)
    face_white_3 = white_3.astype(np.float32) if measured_3 is None else measured_3
    if own is not None:
        # Painted teeth beside the picture's own must match them.
        shown = own.patch_HW4[own.patch_HW4[..., 3] > 128][:, :3]
        own_tooth_3 = np.percentile(shown, 85, axis=0) if len(shown) else white_3
        white_3 = np.maximum(white_3, own_tooth_3 / mouth_texture.TOOTH_RGB * WHITE_LEVEL)
    return MouthRig(
        atlas_HW4=atlas,
        upper_M3=upper_M3,
        lower_M3=lower_M3,
        tongue_M3=tongue_M3,
        texture_M2=np.concatenate([texture for _, texture in parts]).astype(np.float32),
        triangle_T3=np.concatenate(
            [triangles + offset for (triangles, _), offset in zip(parts, offsets, strict=True)]
        ).astype(np.int32),
        label_T=np.concatenate(
            [np.full(len(t), k + 1, np.uint8) for k, (t, _) in enumerate(parts)]
        ),
        rest_3=rest_3.astype(np.float32),
        chin_y=float(shape[CHIN, 1]) - JAW_SHARE * float(reference.lip_aperture),
        unit=unit,
        light_3=(np.clip(white_3, 70.0, 250.0) / WHITE_LEVEL).astype(np.float32),
        white_3=face_white_3,
        own=own,
    )


def _own_interior(
    rgb_HW3: ByteArray, reference: ReferenceGeometry, rest_3: FloatArray
) -> OwnInterior | None:
    """Cut out what shows between parted lips."""
    if reference.lip_aperture < MIN_OWN_GAP:
        return None
    outline_P2 = np.ascontiguousarray(reference.landmarks_N3[INNER_OUTLINE, :2])
    box = Box.around(outline_P2, 2.0, reference.canvas_hw)
    if box.is_empty:
        return None
    # The innermost part only: tracked lips are a pixel or two off, and red between teeth shows.
    alpha_HW = smoothstep(0.7, 2.4, depth_inside(outline_P2, box)) * 255
    anchors_32 = _anchors(rest_3, reference.rotation_33, reference.scale, reference.translation_2)
    return OwnInterior(
        np.dstack([rgb_HW3[box.slices], alpha_HW.astype(np.uint8)]),
        anchors_32 - np.array([box.left, box.top], np.float32),
        float(reference.shape_N3[LIPS_INNER_UPPER[MIDDLE], 1]),
    )


def _anchors(
    rest_3: FloatArray, rotation_33: FloatArray, scale: float, translation_2: FloatArray
) -> FloatArray:
    """Three points of the teeth's plane, in canvas pixels."""
    placed = scale * (rest_3 + ANCHORS_33) @ rotation_33.T
    return np.asarray(placed[:, :2] + translation_2, np.float32)


def draw_mouth(
    rgb_HW3: ByteArray, label_HW: ByteArray, mouth: MouthRig, motion: RetargetedMotion
) -> None:
    """Draw the interior into a rendered picture where the lips have parted."""
    outline_P2 = np.ascontiguousarray(motion.landmarks_N3[INNER_OUTLINE, :2])
    upper = motion.shape_N3[LIPS_INNER_UPPER[MIDDLE]]
    lower = motion.shape_N3[LIPS_INNER_LOWER[MIDDLE]]
    gap = float(lower[1] - upper[1])
    if gap * motion.scale < MIN_GAP_PX:
        return
    box = Box.around(outline_P2, 1.0, label_HW.shape)  # type: ignore[arg-type]
    if box.is_empty:
        return
    depth_HW = depth_inside(outline_P2, box)
    near_HW = cv2.dilate(
        (label_HW[box.slices] == Label.MOUTH).astype(np.uint8), np.ones((3, 3), np.uint8)
    )
    coverage_HW = np.clip(depth_HW + 0.5, 0.0, 1.0) * near_HW
    target = RasterTarget.of_size(*box.hw)
    rasterise(
        _place(mouth, motion, upper, lower, gap, motion.mouth_interior, box),
        mouth.texture_M2,
        mouth.triangle_T3,
        mouth.label_T,
        target.map_HW2,
        target.depth_HW,
        target.label_HW,
    )
    gap_px = gap * motion.scale
    painted_HW3 = np.zeros((*box.hw, 3), np.float32)
    paint_interior(
        painted_HW3,
        coverage_HW.astype(np.float32),
        depth_HW,
        target.map_HW2,
        target.label_HW,
        mouth.atlas_HW4,
        mouth.light_3,
        CAVITY_RGB,
        max(1.0, 0.22 * gap_px),
        # A small mouth has no room for a shadow's full range: it would be all shadow.
        float(np.interp(gap_px, (4.0, 16.0), (0.85, 0.58))),
        _own_layer(mouth, motion, box),
    )
    if motion.mouth_interior is not None:
        painted_HW3 = as_seen(
            painted_HW3,
            coverage_HW,
            motion.mouth_interior,
            mouth.white_3,
            motion.landmarks_N3,
            box,
            motion.scale,
        )
    patch_HW3 = rgb_HW3[box.slices]
    blended = patch_HW3 + coverage_HW[..., None] * (painted_HW3 - patch_HW3)
    patch_HW3[:] = np.clip(blended + 0.5, 0, 255).astype(np.uint8)


def _own_layer(mouth: MouthRig, motion: RetargetedMotion, box: Box) -> ByteArray:
    """The reference's own teeth where the skull now has them: (H, W, 4) over `box`."""
    if mouth.own is None:
        return np.zeros((*box.hw, 4), np.uint8)
    upper_lip = motion.shape_N3[LIPS_INNER_UPPER[MIDDLE]]
    rise = LIP_SHARE * min(float(upper_lip[1] - mouth.own.upper_lip_y), 0.0)
    at = mouth.rest_3 + np.array([0.0, rise, 0.0], np.float32)
    now_32 = _anchors(at, motion.rotation_33, motion.scale, motion.translation_2)
    now_32 -= np.array([box.left, box.top], np.float32)
    to_box = cv2.getAffineTransform(mouth.own.anchors_32, now_32)
    height, width = box.hw
    moved = cv2.warpAffine(mouth.own.patch_HW4, to_box, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(moved, np.uint8)


def _place(
    mouth: MouthRig,
    motion: RetargetedMotion,
    upper_lip: FloatArray,
    lower_lip: FloatArray,
    gap: float,
    seen: MouthInterior | None,
    box: Box,
) -> FloatArray:
    """Vertices in pixels of `box`: upper teeth on the skull, the rest on the jaw."""
    openness = float(np.clip(gap / (OPEN_MM * mouth.unit), 0.0, 1.0))
    rest_y = float(mouth.rest_3[1])
    # Barely parted lips already show the upper teeth, not a dark slit.
    parted = float(np.clip(gap / (PARTED_MM * mouth.unit), 0.0, 1.0))
    edge_y = max(
        rest_y + BITE_MM * mouth.unit, float(upper_lip[1]) + SHOWN_UPPER_MM * mouth.unit * parted
    )
    # A lip that is drawn up bares the teeth to their necks, not a band of gum.
    edge_y = min(edge_y, float(upper_lip[1]) + BARED_MM * mouth.unit)
    # The lower teeth ride on the jaw: a grin parts the lips over teeth that still meet.
    jaw_drop = float(motion.shape_N3[CHIN, 1]) - mouth.chin_y
    lower_y = max(
        rest_y + BITE_MM * mouth.unit,
        min(
            float(lower_lip[1]) - SHOWN_LOWER_MM * mouth.unit * openness,
            rest_y + BITE_MM * mouth.unit + max(jaw_drop, 0.0),
        ),
    )
    # A wide open mouth is a dropped jaw: its lower lip covers most of the teeth below it.
    bared_mm = float(np.interp(openness, (0.4, 1.0), (BARED_MM, BARED_LOWER_MM)))
    lower_y = max(lower_y, float(lower_lip[1]) - bared_mm * mouth.unit)
    if seen is not None:
        edge_y, lower_y = _as_far_as_seen(
            edge_y, lower_y, seen, float(upper_lip[1]), gap, BARED_MM * mouth.unit
        )
    # The jaw swings on a hinge below the ears: as it drops it also goes back.
    back = 0.35 * max(0.0, lower_y - edge_y)
    x, _, z = mouth.rest_3
    at_upper = np.array([x, edge_y, z], np.float32)
    at_lower = np.array([x, lower_y, z + 2.0 * mouth.unit + back], np.float32)
    at_tongue = np.array([x, lower_y + 1.0 * mouth.unit, at_lower[2] + 4.0 * mouth.unit])
    # It rises with the floor of the mouth, and fills half of a wide one.
    rise = float(np.clip(0.5 * gap / (TONGUE_MM * mouth.unit), 0.35 + 0.65 * openness, 2.2))
    tongue = mouth.tongue_M3 * np.array([1.0 + 0.15 * openness, rise, 1.0], np.float32)
    shape = np.concatenate(
        [mouth.upper_M3 + at_upper, mouth.lower_M3 + at_lower, tongue + at_tongue]
    )
    placed = motion.scale * shape @ motion.rotation_33.T
    placed[:, :2] += motion.translation_2 - np.array([box.left, box.top])
    return placed.astype(np.float32)


def _as_far_as_seen(
    edge_y: float, lower_y: float, seen: MouthInterior, lip_y: float, gap: float, most: float
) -> tuple[float, float]:
    """The teeth's free edges where the camera sees them end: a tongue must not be painted white.

    In a grin both rows meet; a gap taller than a crown is shared between them.
    """
    reach = teeth_reach(seen)
    trust = seen.certainty * float(np.interp(reach, (0.1, 0.3), (0.0, 1.0)))
    meet = float(np.interp(reach, (0.6, 0.85), (0.0, 1.0)))
    end_y = lip_y + min(reach * (1.0 - (1.0 - GRIN_UPPER) * meet) * gap, most)
    edge_y += trust * (end_y - edge_y)
    lower_y += trust * meet * (edge_y - lower_y)
    return edge_y, lower_y


def _arch(unit: float, *, is_upper: bool) -> FloatArray:
    """Two rows of a dental arch; y is 0 at the free edge."""
    along_mm = np.linspace(-0.5, 0.5, ARCH_COLUMNS) * mouth_texture.ARCH_MM
    angle = along_mm / ARCH_RADIUS_MM
    x = ARCH_RADIUS_MM * 0.92 * np.sin(angle)
    z = ARCH_RADIUS_MM * (1.0 - np.cos(angle)) * 1.05
    rows = (-mouth_texture.STRIP_MM, 0.0) if is_upper else (0.0, mouth_texture.STRIP_MM)
    points = [np.column_stack([x, np.full_like(x, y), z]) for y in rows]
    return np.asarray(np.concatenate(points) * unit, np.float32)


def _tongue(unit: float) -> FloatArray:
    """A 5 x 7 patch rising backwards from its tip (last row)."""
    v, u = np.meshgrid(np.linspace(0, 1, 5), np.linspace(-1, 1, 7), indexing="ij")
    x = 17.0 * u * (1.0 - 0.25 * v**2)
    y = -TONGUE_MM * (1.0 - v) ** 0.8 + 3.0 * u**2
    z = 26.0 * (1.0 - v) + 6.0 * u**2
    return np.asarray(np.stack([x, y, z], -1).reshape(-1, 3) * unit, np.float32)


def _grid_triangles(rows: int, columns: int) -> IntArray:
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    first = np.stack([corner, corner + 1, corner + columns], axis=1)
    second = np.stack([corner + 1, corner + columns + 1, corner + columns], axis=1)
    return np.concatenate([first, second]).astype(np.int32)


def _grid_texture(rows: int, columns: int, span: tuple[int, int, int, int]) -> FloatArray:
    left, top, width, height = span
    x, y = np.meshgrid(np.linspace(0, width - 1, columns), np.linspace(0, height - 1, rows))
    return np.stack([left + x, top + y], -1).reshape(-1, 2).astype(np.float32)


def _atlas(pixels_per_mm: float) -> tuple[ByteArray, list[tuple[int, int, int, int]]]:
    """Both arches and the tongue in one texture; spans are (left, top, width, height)."""
    upper = mouth_texture.teeth_strip(pixels_per_mm, is_upper=True)
    lower = mouth_texture.teeth_strip(pixels_per_mm, is_upper=False)
    tongue = np.dstack([mouth_texture.tongue_patch(48), np.full((48, 48), 255, np.uint8)])
    width = max(upper.shape[1], 48)
    spans = []
    rows = []
    top = 0
    for part in (upper, lower, tongue):
        height, part_width = part.shape[:2]
        spans.append((0, top, part_width, height))
        rows.append(np.pad(part, ((0, 0), (0, width - part_width), (0, 0))))
        top += height
    return np.concatenate(rows), spans
