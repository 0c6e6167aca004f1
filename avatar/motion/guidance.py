"""Guidance maps: the skeleton, the hands and the head sphere as a picture, at any resolution.

Knows colours and strokes; does not know trackers or models. After DreamActor-M1 (arXiv 2504.01724):
bones have a colour of their own, so that left and right, arm and leg can be told apart; nearer ones
are brighter and cover farther ones. The head is a sphere where the driver puts it, as large as the
REFERENCE's head, painted with the direction each of its points has in head space, so that its
colours turn with the head.
"""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.motion import skeleton as sk

HEAD_RADIUS = 1.35
"""Radius of the head sphere, inter-ocular distances of the reference."""
MIN_DRAWN_PX = 384
"""Small maps are drawn at a multiple of their size and averaged down: thin lines stay even."""
_VISIBLE = 0.3
_BONE_WIDTH = 0.28
"""Width of a bone's stroke, inter-ocular distances; hands have a third of it."""
_SHIFT = 4
_BODY_BONES = (*sk.TORSO_BONES, *sk.LEG_BONES, *sk.ARM_BONES)


def _palette(count: int, *, value: float) -> FloatArray:
    hues = (np.arange(count) * 0.618034) % 1.0  # neighbours in the list get far-apart hues
    colours = [colorsys.hsv_to_rgb(float(hue), 0.9, value) for hue in hues]
    return np.array(colours, dtype=np.float32) * np.float32(255.0)


BONE_COLOURS = _palette(len(_BODY_BONES), value=1.0)
HAND_COLOURS = np.stack(
    [_palette(len(sk.HAND_BONES), value=1.0), _palette(len(sk.HAND_BONES), value=1.0)[::-1]]
)
"""[left, right] x bone: the same hues in opposite order."""


def orientation_colours(directions_P3: FloatArray) -> FloatArray:
    """RGB (0..255) of unit directions in head space: red subject's left, green down, blue front."""
    signs = np.array([1.0, 1.0, -1.0], dtype=np.float32)
    return np.asarray(127.5 + 127.5 * directions_P3 * signs, dtype=np.float32)


class GuidancePainter:
    """Paints the maps of one reference; background black."""

    def __init__(self, reference: ReferenceGeometry, *, min_drawn_px: int = MIN_DRAWN_PX) -> None:
        self._reference = reference
        self._min_drawn_px = min_drawn_px

    def paint(self, motion: RetargetedMotion, size_hw: tuple[int, int]) -> ByteArray:
        """The map of a motion, (rows, columns, 3) uint8, for a picture of that size."""
        rows, columns = size_hw
        assert rows > 0
        assert columns > 0
        finer = max(1, int(np.ceil(self._min_drawn_px / max(rows, columns))))
        canvas_h, canvas_w = self._reference.canvas_hw
        # A map of another aspect ratio than the canvas is stretched like the picture it guides.
        factor = np.array([finer * columns / canvas_w, finer * rows / canvas_h], dtype=np.float32)
        picture = np.zeros((rows * finer, columns * finer, 3), dtype=np.uint8)
        self._paint_body(picture, motion, factor)
        self._paint_head(picture, motion, factor)
        self._paint_hands(picture, motion, factor)
        if finer > 1:
            picture = np.asarray(
                cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8
            )
        return picture

    def _width(self, factor: FloatArray, share: float = 1.0) -> int:
        width = _BONE_WIDTH * share * self._reference.scale * float(np.sqrt(factor.prod()))
        return max(1, round(width))

    def _paint_body(self, picture: ByteArray, motion: RetargetedMotion, factor: FloatArray) -> None:
        if motion.joints_J3 is None or motion.visibility_J is None:
            return
        joints, visibility = motion.joints_J3, motion.visibility_J
        bones = [
            (float(joints[[a, b], 2].mean()), index, a, b)
            for index, (a, b) in enumerate(_BODY_BONES)
            if min(visibility[a], visibility[b]) >= _VISIBLE
        ]
        # Depth is relative: about two head radii before and behind the hips span the brightness.
        span = 4.0 * HEAD_RADIUS * self._reference.scale
        for depth, index, a, b in sorted(bones, reverse=True):
            _stroke(
                picture,
                joints[a, :2] * factor,
                joints[b, :2] * factor,
                BONE_COLOURS[index] * _brightness(depth / span),
                self._width(factor),
            )

    def _paint_hands(
        self, picture: ByteArray, motion: RetargetedMotion, factor: FloatArray
    ) -> None:
        if motion.hands is None:
            return
        for side in (0, 1):
            if not motion.hands.is_present_2[side]:
                continue
            joints = motion.hands.joints_2K3[side]
            palm = max(float(np.linalg.norm(joints[9] - joints[0])), 1e-6)
            depths = [
                (float(joints[[a, b], 2].mean() - joints[0, 2]) / (3.0 * palm), index, a, b)
                for index, (a, b) in enumerate(sk.HAND_BONES)
            ]
            for depth, index, a, b in sorted(depths, reverse=True):
                _stroke(
                    picture,
                    joints[a, :2] * factor,
                    joints[b, :2] * factor,
                    HAND_COLOURS[side, index] * _brightness(depth),
                    self._width(factor, 1.0 / 3.0),
                )

    def _paint_head(self, picture: ByteArray, motion: RetargetedMotion, factor: FloatArray) -> None:
        centre = motion.translation_2 * factor
        radii = np.float32(HEAD_RADIUS * self._reference.scale) * factor
        rows, columns = picture.shape[:2]
        left = max(int(np.floor(centre[0] - radii[0] - 1)), 0)
        top = max(int(np.floor(centre[1] - radii[1] - 1)), 0)
        right = min(int(np.ceil(centre[0] + radii[0] + 2)), columns)
        bottom = min(int(np.ceil(centre[1] + radii[1] + 2)), rows)
        if left >= right or top >= bottom:
            return
        x = ((np.arange(left, right) + 0.5 - centre[0]) / radii[0]).astype(np.float32)
        y = ((np.arange(top, bottom) + 0.5 - centre[1]) / radii[1]).astype(np.float32)
        across_x, across_y = np.meshgrid(x, y)
        distance = np.sqrt(across_x**2 + across_y**2)
        depth = np.sqrt(np.maximum(1.0 - distance**2, 0.0))
        normals = np.stack([across_x, across_y, -depth], axis=-1)
        normals /= np.maximum(distance, 1.0)[..., None]
        colours = orientation_colours(normals @ motion.rotation_33)  # row vectors: R^T n
        shade = (0.45 + 0.55 * depth)[..., None]
        cover = np.clip((1.0 - distance) * float(radii.min()) + 0.5, 0.0, 1.0)[..., None]
        patch = picture[top:bottom, left:right]
        patch[:] = np.round(patch * (1.0 - cover) + colours * shade * cover).astype(np.uint8)


def _brightness(depth: float) -> float:
    """1 near, 0.45 far; 0.72 at depth 0."""
    return float(np.clip(0.725 - 0.55 * depth, 0.45, 1.0))


def _stroke(
    picture: ByteArray, start_2: FloatArray, end_2: FloatArray, colour: FloatArray, width: int
) -> None:
    # OpenCV puts pixel centres at whole numbers; ours lie at halves.
    ends = np.clip(np.stack([start_2, end_2]) - 0.5, -1e5, 1e5)
    a, b = (tuple(int(round(v * (1 << _SHIFT))) for v in point) for point in ends.tolist())
    red, green, blue = (int(round(c)) for c in colour.tolist())
    cv2.line(picture, a, b, (red, green, blue), width, cv2.LINE_AA, _SHIFT)
