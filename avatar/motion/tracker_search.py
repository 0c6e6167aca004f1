"""Where the faces of a picture are: detection on the whole picture and on crops of it.

Knows boxes, not landmarks. Detectors see a picture shrunk to 128 or 192 pixels, so that small and
off-centre faces only appear in crops, and faces that fill the picture only with a border added.
One of the tracker files, which alone may import mediapipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from avatar.frames import ByteArray, FloatArray
from avatar.motion.crop import Square, cut, fit_within
from avatar.motion.native_log import quiet_native_log

MAX_SIDE_PX = 640
_MIN_SCORE = 0.5
_TILE_PX = 256
_SAME_FACE_OVERLAP = 0.3
CONFIRMED = 0.22
"""`confirm` of anything that is to count as a face: two looks of four must see it."""


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A detected face: centre and side in picture pixels, score 0..1."""

    x: float
    y: float
    side: float
    score: float

    def overlap(self, other: FaceBox) -> float:
        """Intersection over the smaller square."""
        half = 0.5 * (self.side + other.side)
        width = min(half - abs(self.x - other.x), self.side, other.side)
        height = min(half - abs(self.y - other.y), self.side, other.side)
        if width <= 0 or height <= 0:
            return 0.0
        return width * height / min(self.side, other.side) ** 2


def tile_squares(picture_hw: tuple[int, int]) -> list[Square]:
    """Overlapping squares covering a picture: halves of its short side, then thirds."""
    rows, columns = picture_hw
    squares: list[Square] = []
    for share in (0.75, 0.45):
        side = share * min(rows, columns)
        if side < 64:
            break
        num_x = max(1, int(np.ceil((columns - side) / (0.6 * side))) + 1)
        num_y = max(1, int(np.ceil((rows - side) / (0.6 * side))) + 1)
        for j in range(num_y):
            for i in range(num_x):
                x = (columns - side) * (i / (num_x - 1) if num_x > 1 else 0.5)
                y = (rows - side) * (j / (num_y - 1) if num_y > 1 else 0.5)
                squares.append(Square(x, y, side))
    return squares


def merge_boxes(boxes: list[FaceBox]) -> list[FaceBox]:
    """One box per face, the best scored of those that overlap; largest face first."""
    kept: list[FaceBox] = []
    for box in sorted(boxes, key=lambda b: -b.score):
        if all(box.overlap(other) < _SAME_FACE_OVERLAP for other in kept):
            kept.append(box)
    return sorted(kept, key=lambda b: -b.side)


class FaceSearch:
    """Finds faces; `step` does a bounded share of the search, `everywhere` all of it."""

    def __init__(self) -> None:
        with quiet_native_log():
            from mediapipe.python.solutions.face_detection import FaceDetection

            # 0: short range (BlazeFace, 128 px), 3 ms; 1: full range (192 px), 7 ms
            self._near: Any = FaceDetection(model_selection=0, min_detection_confidence=_MIN_SCORE)
            self._far: Any = FaceDetection(model_selection=1, min_detection_confidence=_MIN_SCORE)
            blank = np.zeros((48, 64, 3), dtype=np.uint8)
            self._near.process(blank)
            self._far.process(blank)
        self._turn = 0

    def step(self, rgb_HW3: ByteArray) -> list[FaceBox]:
        """Faces found in this turn's place: the whole picture, then one tile, and so on round."""
        tiles = tile_squares((rgb_HW3.shape[0], rgb_HW3.shape[1]))
        turn, self._turn = self._turn, self._turn + 1
        if turn % 2 == 0:
            return merge_boxes(self.whole(rgb_HW3, is_far=turn % 4 == 0))
        if not tiles:
            return []
        return merge_boxes(self._tile(rgb_HW3, tiles[(turn // 2) % len(tiles)]))

    def whole(self, rgb_HW3: ByteArray, *, is_far: bool = False) -> list[FaceBox]:
        """Faces found on the whole picture by one detector."""
        small, factor = fit_within(rgb_HW3, MAX_SIDE_PX)
        rows, columns = small.shape[:2]
        return [
            FaceBox(b.x / factor, b.y / factor, b.side / factor, b.score)
            for b in _boxes(self._far if is_far else self._near, small, columns, rows)
        ]

    def first(self, rgb_HW3: ByteArray) -> list[FaceBox]:
        """Faces of the whole picture; only where it shows none, those of everywhere."""
        boxes = merge_boxes(self.whole(rgb_HW3) + self.whole(rgb_HW3, is_far=True))
        return boxes or self.everywhere(rgb_HW3)

    def everywhere(self, rgb_HW3: ByteArray) -> list[FaceBox]:
        """Faces found on the whole picture, with a border around it, and on every tile."""
        boxes = self.whole(rgb_HW3) + self.whole(rgb_HW3, is_far=True)
        rows, columns = rgb_HW3.shape[:2]
        boxes += self._tile(
            rgb_HW3,
            Square.about(
                np.array([columns / 2, rows / 2], dtype=np.float32), 1.8 * max(rows, columns)
            ),
        )
        for square in tile_squares((rows, columns)):
            boxes += self._tile(rgb_HW3, square)
        return merge_boxes(boxes)

    def confirm(self, rgb_HW3: ByteArray, centre_2: FloatArray, size_px: float) -> float:
        """How surely a face of that size (of its landmarks) is there: 0..1, mean of four looks.

        Two framings by two detectors. Measured: photographs score 0.85, drawings and animals 0.3 to
        0.7; knots and foliage that one look takes for a face are seen by no other, below 0.2.
        """
        scores = []
        for share in (2.2, 3.2):
            crop, _ = cut(rgb_HW3, Square.about(centre_2, share * size_px), _TILE_PX)
            middle = _TILE_PX / 2
            for detector in (self._near, self._far):
                boxes = _boxes(detector, crop, _TILE_PX, _TILE_PX)
                reach = 0.2 * _TILE_PX
                here = [b for b in boxes if max(abs(b.x - middle), abs(b.y - middle)) < reach]
                scores.append(max((b.score for b in here), default=0.0))
        return float(np.mean(scores))

    def _tile(self, rgb_HW3: ByteArray, square: Square) -> list[FaceBox]:
        crop, cut_square = cut(rgb_HW3, square, _TILE_PX)
        factor = cut_square.side / _TILE_PX
        return [
            FaceBox(
                cut_square.x + b.x * factor,
                cut_square.y + b.y * factor,
                b.side * factor,
                b.score,
            )
            for b in _boxes(self._near, crop, _TILE_PX, _TILE_PX)
            # A box cut off by the tile's border is seen better elsewhere.
            if 0.3 * b.side < b.x < _TILE_PX - 0.3 * b.side
            and 0.3 * b.side < b.y < _TILE_PX - 0.3 * b.side
        ]

    def close(self) -> None:
        """Release the detectors."""
        self._near.close()
        self._far.close()


def _boxes(detector: Any, rgb_HW3: ByteArray, columns: int, rows: int) -> list[FaceBox]:
    found = detector.process(np.ascontiguousarray(rgb_HW3)).detections or []
    boxes = []
    for detection in found:
        box = detection.location_data.relative_bounding_box
        width, height = box.width * columns, box.height * rows
        boxes.append(
            FaceBox(
                x=(box.xmin * columns) + width / 2,
                y=(box.ymin * rows) + height / 2,
                side=max(width, height),
                score=float(detection.score[0]),
            )
        )
    return boxes
