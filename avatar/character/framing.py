"""Which part of a picture becomes the canvas: portrait, half body or full body, with headroom.

Pure geometry on a face's and a body's landmarks; does not decode, draw or detect. The unit of all
proportions is the inter-ocular distance (IOD, between the eyes' centres; an adult's head is about
3.7 IOD high). Shape legend: N landmarks, J joints, H, W pixels; 2, 3 components.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.character.character import Framing
from avatar.frames import ByteArray, FloatArray

_SHOULDERS, _ELBOWS, _HIPS, _ANKLES = (11, 12), (13, 14), (23, 24), (27, 28)
_HANDS = ((15, 17, 19, 21), (16, 18, 20, 22))  # wrist and knuckles
_SEEN = 0.5  # visibility from which a joint counts as found

_PORTRAIT_SIDE_IOD = 6.4
"""Canvas side; the head fills a good half of it and shoulders show."""
_PORTRAIT_TIGHTEST_IOD = 4.2
"""Closest that a portrait may crop rather than invent what lies beyond the picture's edge."""
_PORTRAIT_EYE_LINE = 0.43
_HALF_SIDE_IOD = 12.5
_HALF_TIGHTEST_IOD = 9.0
_HALF_EYE_LINE = 0.24
_HALF_WIDEST_IOD = 20.0
"""A half body may be framed this wide to keep hands that the picture shows."""
_HAND_MARGIN_IOD = 0.7
_INVENTED = 1.12
"""For hands a window may be this much wider than the picture: the rest has to be made up."""
_FULL_MARGIN = 0.07
_CROWN_ABOVE_EYES_IOD = 2.2


@dataclass(frozen=True, slots=True)
class Crop:
    """A window of the picture, in its pixels; it may reach beyond the edges."""

    left: float
    top: float
    width: float
    height: float

    def scale_to(self, canvas_hw: tuple[int, int]) -> float:
        """Canvas pixels per picture pixel."""
        return canvas_hw[1] / self.width

    def points_to_canvas(self, points_N: FloatArray, canvas_hw: tuple[int, int]) -> FloatArray:
        """Move (N, 2) or (N, 3) picture points to the canvas; depth only scales."""
        moved = points_N.astype(np.float32).copy()
        moved[..., 0] -= self.left
        moved[..., 1] -= self.top
        return moved * np.float32(self.scale_to(canvas_hw))

    def outside_fraction(self, picture_hw: tuple[int, int]) -> float:
        """Share of the window that lies beyond the picture."""
        width = min(self.left + self.width, picture_hw[1]) - max(self.left, 0.0)
        height = min(self.top + self.height, picture_hw[0]) - max(self.top, 0.0)
        return 1.0 - max(width, 0.0) * max(height, 0.0) / (self.width * self.height)


@dataclass(frozen=True, slots=True)
class Person:
    """What was found of one person, in picture pixels."""

    eyes_middle_2: FloatArray
    iod_px: float
    """Unit of proportions: distance between the eyes' centres, freed of head turning (of large
    eyed drawings: what it would be in a natural face of that height)."""
    joints_J3: FloatArray | None = None
    visibility_J: FloatArray | None = None

    def sees(self, joints: tuple[int, ...]) -> bool:
        """True where all these joints are found."""
        return self.visibility_J is not None and bool(
            (self.visibility_J[list(joints)] > _SEEN).all()
        )

    def joint_rows(self, joints: tuple[int, ...]) -> FloatArray:
        """Vertical pixels of joints."""
        assert self.joints_J3 is not None
        return self.joints_J3[list(joints), 1]


def picture_hw(picture_HWC: ByteArray) -> tuple[int, int]:
    """Rows and columns."""
    return int(picture_HWC.shape[0]), int(picture_HWC.shape[1])


def choose_framing(person: Person, source_hw: tuple[int, int]) -> Framing:
    """Show as much of the person as the picture was taken to show."""
    below_eyes_iod = (source_hw[0] - float(person.eyes_middle_2[1])) / person.iod_px
    rows = source_hw[0]
    if (
        person.sees(_ANKLES)
        and person.sees(_HIPS)
        and float(person.joint_rows(_ANKLES).max()) < rows
        and below_eyes_iod > 16
    ):
        return Framing.FULL_BODY
    if (
        person.sees(_SHOULDERS)
        and person.sees(_ELBOWS)
        and float(person.joint_rows(_ELBOWS).max()) < rows
        and below_eyes_iod > _HALF_TIGHTEST_IOD
    ):
        return Framing.HALF_BODY
    return Framing.PORTRAIT


def frame_person(
    person: Person, framing: Framing, source_hw: tuple[int, int], canvas_hw: tuple[int, int]
) -> Crop:
    """Choose the window; it stays inside the picture where a sensible one does."""
    aspect = canvas_hw[1] / canvas_hw[0]  # width / height
    eyes_x, eyes_y = (float(value) for value in person.eyes_middle_2)
    if framing is Framing.FULL_BODY and person.joints_J3 is not None:
        return _frame_whole_body(person, aspect)
    if framing is Framing.PORTRAIT:
        widest, tightest = _PORTRAIT_SIDE_IOD, _PORTRAIT_TIGHTEST_IOD
        eye_line = _PORTRAIT_EYE_LINE
    elif framing is Framing.HALF_BODY:
        widest, tightest, eye_line = _HALF_SIDE_IOD, _HALF_TIGHTEST_IOD, _HALF_EYE_LINE
    else:  # a full body was asked for and none was found: about its size, from the head down
        widest = tightest = 28.0
        eye_line = 0.14
    rows, columns = source_hw
    height = min(widest * person.iod_px, max(min(rows, columns / aspect), tightest * person.iod_px))
    centre_x, hands_y = eyes_x, eyes_y
    if framing is Framing.HALF_BODY:
        height, centre_x, hands_y = _with_hands(person, source_hw, height, aspect)
    width = height * aspect
    left = _shift_inside(centre_x - width / 2, width, columns, 0.12 * width)
    top = _shift_inside(eyes_y - eye_line * height, height, rows, 0.07 * height)
    if hands_y > eyes_y:  # down to the hands, but not into the head
        crown_y = eyes_y - _CROWN_ABOVE_EYES_IOD * person.iod_px
        top = min(max(top, hands_y - height), max(top, crown_y))
    # Background continues better above a head than clothes do below it.
    top = max(min(top, rows - height), eyes_y - 0.56 * height)
    return Crop(left, top, width, height)


def needs_upright(
    person: Person,
    source_hw: tuple[int, int],
    square_hw: tuple[int, int],
    upright_hw: tuple[int, int],
) -> bool:
    """Whether a half body keeps hands on an upright canvas and loses all of them on a square."""
    square, upright = (
        num_hands_kept(person, frame_person(person, Framing.HALF_BODY, source_hw, hw))
        for hw in (square_hw, upright_hw)
    )
    return square == 0 and upright > 0


def num_hands_kept(person: Person, crop: Crop) -> int:
    """Hands that are seen, and lie in the window."""
    if person.joints_J3 is None:
        return 0
    end = np.array([crop.left + crop.width, crop.top + crop.height])
    hands = [person.joints_J3[list(hand), :2] for hand in _HANDS if person.sees(hand)]
    return sum(bool(((xy >= (crop.left, crop.top)) & (xy <= end)).all()) for xy in hands)


def _with_hands(
    person: Person, source_hw: tuple[int, int], height: float, aspect: float
) -> tuple[float, float, float]:
    """Height of a half body's window that keeps the hands, its centre column, and their lowest row.

    Hands that would take too wide a window, or more than the picture holds, are let go.
    """
    eyes_x, eyes_y = (float(value) for value in person.eyes_middle_2)
    unit = person.iod_px
    rows, columns = source_hw
    top = eyes_y - _CROWN_ABOVE_EYES_IOD * unit
    low, left, right = eyes_y, eyes_x - 0.5 * height * aspect, eyes_x + 0.5 * height * aspect
    keeps = height, eyes_x, eyes_y
    for hand in _HANDS:
        if person.joints_J3 is None or not person.sees(hand):
            continue
        x, y = person.joints_J3[list(hand), :2].T
        if x.min() < 0 or y.min() < 0 or x.max() > columns or y.max() > rows:
            continue
        # The picture's own edge is as far as a window need go.
        low = max(low, min(float(y.max()) + _HAND_MARGIN_IOD * unit, rows))
        left = min(left, max(float(x.min()) - _HAND_MARGIN_IOD * unit, 0.0))
        right = max(right, min(float(x.max()) + _HAND_MARGIN_IOD * unit, columns))
        needed = max(height, low - top, (right - left) / aspect)
        if needed > max(height, min(_HALF_WIDEST_IOD * unit, _INVENTED * columns / aspect)):
            return keeps
        keeps = needed, (left + right) / 2, low
    return keeps


def _frame_whole_body(person: Person, aspect: float) -> Crop:
    assert person.joints_J3 is not None
    assert person.visibility_J is not None
    seen_J2 = person.joints_J3[person.visibility_J > _SEEN, :2]
    crown = float(person.eyes_middle_2[1]) - _CROWN_ABOVE_EYES_IOD * person.iod_px
    bottom = float(seen_J2[:, 1].max()) + 0.8 * person.iod_px
    left, right = float(seen_J2[:, 0].min()), float(seen_J2[:, 0].max())
    height = (bottom - crown) * (1 + 2 * _FULL_MARGIN)
    height = max(height, (right - left) * (1 + 4 * _FULL_MARGIN) / aspect)
    centre_x, centre_y = (left + right) / 2, (crown + bottom) / 2
    return Crop(centre_x - height * aspect / 2, centre_y - height / 2, height * aspect, height)


def _shift_inside(start: float, length: float, limit: float, reach: float) -> float:
    """Move a window into the picture, but not further than `reach`."""
    inside = min(max(start, 0.0), limit - length) if length <= limit else (limit - length) / 2
    return min(max(inside, start - reach), start + reach)


def cut(picture_HWC: ByteArray, crop: Crop, canvas_hw: tuple[int, int]) -> ByteArray:
    """Resample the window onto the canvas; beyond the picture its edge continues, blurred.

    Works for RGB and for single-channel pictures.
    """
    rows, columns = canvas_hw
    scale = crop.scale_to(canvas_hw)
    source = picture_HWC
    if scale < 0.5:  # average first: bilinear sampling alone would alias
        factor = 2.0 * scale
        size = (
            max(1, round(source.shape[1] * factor)),
            max(1, round(source.shape[0] * factor)),
        )
        source = np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_AREA), np.uint8)
    shrunk_x = source.shape[1] / picture_HWC.shape[1]
    shrunk_y = source.shape[0] / picture_HWC.shape[0]
    # Pixel centres lie at +0.5 in both pictures; cv2 counts them from 0.
    step_x, step_y = shrunk_x * crop.width / columns, shrunk_y * crop.height / rows
    matrix = np.array(
        [
            [step_x, 0.0, shrunk_x * crop.left + 0.5 * step_x - 0.5],
            [0.0, step_y, shrunk_y * crop.top + 0.5 * step_y - 0.5],
        ]
    )
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if scale > 1.0 else cv2.INTER_LINEAR)
    canvas = cv2.warpAffine(
        source, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    if crop.outside_fraction(picture_hw(picture_HWC)) > 0.002:
        canvas = _soften_outside(canvas, crop, scale, picture_hw(picture_HWC))
    return np.asarray(canvas, np.uint8)


def _soften_outside(
    canvas: cv2.typing.MatLike, crop: Crop, scale: float, source_hw: tuple[int, int]
) -> cv2.typing.MatLike:
    """Blur what was continued, more so further out, so that no streaks show."""
    rows, columns = canvas.shape[:2]
    x_W = np.arange(columns) + 0.5 + crop.left * scale
    y_H = np.arange(rows) + 0.5 + crop.top * scale
    beyond_x_W = np.maximum(np.maximum(-x_W, x_W - source_hw[1] * scale), 0.0)
    beyond_y_H = np.maximum(np.maximum(-y_H, y_H - source_hw[0] * scale), 0.0)
    distance_HW = np.hypot(beyond_x_W[None, :], beyond_y_H[:, None]).astype(np.float32)
    result = canvas.astype(np.float32)
    for sigma in (2.0, 6.0, 16.0):
        blurred = cv2.GaussianBlur(canvas, (0, 0), sigma).astype(np.float32)
        weight = np.clip(distance_HW / sigma - 0.5, 0.0, 1.0)
        weight = weight if canvas.ndim == 2 else weight[..., None]
        result += weight * (blurred - result)
    return result.round().astype(np.uint8)
