"""What a camera sees between somebody's lips: a coarse map of how light and how red it is there.

Teeth are light, a tongue is red, an empty mouth is dark. Each is told by comparison with what white
looks like in the same picture, so that neither the room's light nor the driver's skin goes with it.

Knows a picture and its landmarks; does not know trackers, time, or how an interior is painted.
Shape legend: R rows from upper to lower lip; C columns from the subject's right corner to the left
one; S samples along an axis; P contour points; 2 pixels; 3 colours.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, MouthInterior
from avatar.motion.topology import (
    EYE_CORNERS,
    LEFT_LID_LOWER,
    LEFT_LID_UPPER,
    LIPS_INNER_LOWER,
    LIPS_INNER_UPPER,
    NOSE_TIP,
    RIGHT_LID_LOWER,
    RIGHT_LID_UPPER,
)

ROWS, COLUMNS = 7, 5
LIGHTEST = 1.6
"""Teeth in front of the shade that white is measured in can be lighter than it."""
_SAMPLES_PER_ROW, _SAMPLES_PER_COLUMN = 2, 3
_ACROSS = (0.12, 0.88)
"""Share of the way from corner to corner that is looked at: corners are shadow and lip."""
_DOWN = (0.04, 0.96)
_DOWN_S11 = np.linspace(*_DOWN, ROWS * _SAMPLES_PER_ROW, dtype=np.float32)[:, None, None]
_ACROSS_S = np.linspace(*_ACROSS, COLUMNS * _SAMPLES_PER_COLUMN)
_SEEN_PX = (1.5, 5.0)
"""Lip gaps in pixels at which the interior begins to be seen, and is seen well."""
_SEEN_IOD = (0.02, 0.06)
"""The same, as shares of the inter-ocular distance: narrower is the line between closed lips."""
_LEAST_WHITE = 40.0
_TOOTH_LIGHT, _TOOTH_RED = (0.45, 0.7), (0.35, 0.6)
"""Between which light and red a row of cells turns to teeth, and ceases to be teeth."""
_REDDEST = 0.6
"""Excess of red over the other channels' mean, as a share of red, that counts as 1."""
_BARE = np.array([50, 280, 101, 330, 205, 425, 151, 9], np.intp)
"""Cheeks and forehead."""
_MIDDLE = np.array([203, 423, 206, 426, 36, 266, 129, 358, 98, 327, 142, 371, 205, 425], np.intp)
"""Beside nose and upper lip, where no beard grows: the light there is the mouth's."""
_DARKEST_SHADE = 0.5
_LOWER_LIDS = np.concatenate([LEFT_LID_LOWER[1:-1], RIGHT_LID_LOWER[1:-1]])
_UPPER_LIDS = np.concatenate([LEFT_LID_UPPER[1:-1], RIGHT_LID_UPPER[1:-1]])
_BETWEEN_S11 = np.array([0.35, 0.5, 0.65], np.float32)[:, None, None]
"""Where between the lids the whites of the eyes are looked for."""
_SCLERA_GAIN = 1.1
"""The whites of the eyes lie in their lids' shade."""
_SCLERA_TRUSTED = (1.0, 1.2)
"""White by the eyes over white by the skin: where the former begins to count, and alone does."""


def measure_mouth_interior(rgb_HW3: ByteArray, landmarks_N3: FloatArray) -> MouthInterior | None:
    """The interior of a mouth in a picture, from landmarks in its pixels.

    None where the lips are closed, or too small or too narrow to see between.
    """
    points_N2 = landmarks_N3[:, :2]
    upper_P2, lower_P2 = points_N2[LIPS_INNER_UPPER], points_N2[LIPS_INNER_LOWER]
    gap_px = float(np.linalg.norm(lower_P2[4:7] - upper_P2[4:7], axis=1).mean())
    eyes_2 = points_N2[EYE_CORNERS[:2]].mean(0) - points_N2[EYE_CORNERS[2:]].mean(0)
    unit_px = float(np.linalg.norm(np.append(eyes_2, _eye_depth(landmarks_N3))))
    certainty = _step(gap_px, *_SEEN_PX) * _step(gap_px / max(unit_px, 1e-3), *_SEEN_IOD)
    # Lips that cross are closed, whatever their distance.
    down_2 = points_N2[LIPS_INNER_LOWER[5]] - points_N2[NOSE_TIP]
    if certainty == 0.0 or float((lower_P2[5] - upper_P2[5]) @ down_2) <= 0.0:
        return None
    white = white_of(rgb_HW3, landmarks_N3)
    if white is None:
        return None
    seen_RC3 = _sample(rgb_HW3, upper_P2, lower_P2) / white
    light_RC = seen_RC3.mean(2)
    red_RC = (seen_RC3[..., 0] - seen_RC3[..., 1:].mean(2)) / np.maximum(seen_RC3[..., 0], 0.05)
    return MouthInterior(
        light_RC=np.clip(light_RC, 0.0, LIGHTEST).astype(np.float32),
        red_RC=np.clip(red_RC / _REDDEST, 0.0, 1.0).astype(np.float32),
        certainty=certainty,
    )


def white_of(rgb_HW3: ByteArray, landmarks_N3: FloatArray) -> FloatArray | None:
    """What white looks like at a face's mouth (3), 0..255; None where the face is out of sight.

    The light tones of cheeks and forehead with most of their hue taken out, in the shade and hue
    that the light has around the mouth; or, where those are lighter (dark skin), the whites of the
    eyes. The same for whoever is measured or painted.
    """
    points_N2 = landmarks_N3[:, :2]
    bright_3 = _light_tone(rgb_HW3, points_N2[_BARE], 0.75)
    if bright_3 is None:
        return None
    white_3 = 0.6 * bright_3.max() + 0.4 * bright_3
    middle_3 = _light_tone(rgb_HW3, points_N2[_MIDDLE], 0.5)
    if middle_3 is None:
        middle_3 = bright_3
    shade_3 = np.clip(middle_3 / np.maximum(bright_3, 1.0), _DARKEST_SHADE, 1.0)
    # Skin is more saturated in the shade than a tooth is.
    at_mouth_3 = white_3 * np.sqrt(shade_3 * shade_3.mean())
    lower_L2, upper_L2 = points_N2[_LOWER_LIDS], points_N2[_UPPER_LIDS]
    between_SL2 = lower_L2 + _BETWEEN_S11 * (upper_L2 - lower_L2)
    sclera_3 = _light_tone(rgb_HW3, between_SL2.reshape(-1, 2), 0.85)
    if sclera_3 is not None:
        sclera_3 = _SCLERA_GAIN * sclera_3
        trust = _step(float(sclera_3.sum() / max(at_mouth_3.sum(), 1.0)), *_SCLERA_TRUSTED)
        at_mouth_3 = at_mouth_3 + trust * (sclera_3 - at_mouth_3)
    at_mouth_3 = at_mouth_3 * max(1.0, _LEAST_WHITE / float(at_mouth_3.max()))
    return np.minimum(at_mouth_3, 255.0).astype(np.float32)


def _light_tone(rgb_HW3: ByteArray, points_S2: FloatArray, share: float) -> FloatArray | None:
    """Per channel, what `share` of the picture's pixels at these points are darker than."""
    height, width = rgb_HW3.shape[:2]
    x_S, y_S = np.floor(points_S2).astype(np.intp).T
    inside = (x_S >= 0) & (y_S >= 0) & (x_S < width) & (y_S < height)
    if not inside.any():
        return None
    ordered_S3 = np.sort(rgb_HW3[y_S[inside], x_S[inside]], axis=0)
    return ordered_S3[round(share * (len(ordered_S3) - 1))].astype(np.float32)


def tinted(light: FloatArray, red: FloatArray) -> FloatArray:
    """Light and red back to colours (..., 3), as shares of white."""
    excess = _REDDEST * red
    redness = 3.0 / (3.0 - 2.0 * excess)
    other = redness * (1.0 - excess)
    return np.asarray(light[..., None] * np.stack([redness, other, other], axis=-1), np.float32)


def teeth_reach(interior: MouthInterior) -> float:
    """How far down from the upper lip teeth are seen without a break, as a share of the gap.

    1 is a grin: teeth from lip to lip. What lies right under the lip may be its shadow.
    """
    light_R = interior.light_RC[:, 1:-1].mean(1)
    red_R = interior.red_RC[:, 1:-1].mean(1)
    tooth_R = np.array(
        [
            _step(float(light), *_TOOTH_LIGHT) * (1.0 - _step(float(red), *_TOOTH_RED))
            for light, red in zip(light_R, red_R, strict=True)
        ]
    )
    tooth_R[0] = max(tooth_R[0], tooth_R[1])
    tooth_R[-1] = max(tooth_R[-1], tooth_R[-2])
    return float(np.cumprod(tooth_R).mean())


def mixed_interiors(
    interiors: Sequence[MouthInterior | None], shares: Sequence[float]
) -> MouthInterior | None:
    """Several interiors by their shares, each as far as it is certain; None where none is."""
    known = [
        (interior, share * interior.certainty)
        for interior, share in zip(interiors, shares, strict=True)
        if interior is not None and share * interior.certainty > 0.0
    ]
    certainty = sum(weight for _, weight in known)
    if certainty <= 0.0:
        return None
    return MouthInterior(
        light_RC=_mean([(i.light_RC, weight / certainty) for i, weight in known]),
        red_RC=_mean([(i.red_RC, weight / certainty) for i, weight in known]),
        certainty=min(certainty, 1.0),
    )


def spread_interior(
    interior: MouthInterior, landmarks_N3: FloatArray, left: int, top: int, size_hw: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Light and red (H, W) of an interior in a window of a picture with lips at these landmarks.

    The window's first pixel is (`left`, `top`). The inverse of what measuring does.
    """
    points_N2 = landmarks_N3[:, :2] - np.array([left, top], np.float32)
    upper_P2, lower_P2 = points_N2[LIPS_INNER_UPPER], points_N2[LIPS_INNER_LOWER]
    axis_2 = upper_P2[-1] - upper_P2[0]
    down_2 = np.array([-axis_2[1], axis_2[0]], np.float32)
    length2 = max(float(axis_2 @ axis_2), 1e-6)
    y_HW, x_HW = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32) + np.float32(0.5)
    from_corner_HW2 = np.dstack([x_HW, y_HW]) - upper_P2[0]
    across_HW = from_corner_HW2 @ axis_2 / length2
    height_HW = from_corner_HW2 @ down_2 / length2
    upper_HW, lower_HW = (
        np.interp(across_HW, *((contour - upper_P2[0]) @ np.stack([axis_2, down_2]).T / length2).T)
        for contour in (_ordered(upper_P2), _ordered(lower_P2))
    )
    down_HW = (height_HW - upper_HW) / np.maximum(lower_HW - upper_HW, 1e-4)
    column_HW = (across_HW - _ACROSS[0]) / (_ACROSS[1] - _ACROSS[0]) * COLUMNS - 0.5
    row_HW = (down_HW - _DOWN[0]) / (_DOWN[1] - _DOWN[0]) * ROWS - 0.5
    light_HW, red_HW = (
        cv2.remap(
            cells,
            np.clip(column_HW, 0, COLUMNS - 1).astype(np.float32),
            np.clip(row_HW, 0, ROWS - 1).astype(np.float32),
            cv2.INTER_LINEAR,
        )
        for cells in (interior.light_RC, interior.red_RC)
    )
    return np.asarray(light_HW, np.float32), np.asarray(red_HW, np.float32)


def _mean(weighted: Sequence[tuple[FloatArray, float]]) -> FloatArray:
    return np.asarray(sum(np.float32(w) * values for values, w in weighted), np.float32)


def _sample(rgb_HW3: ByteArray, upper_P2: FloatArray, lower_P2: FloatArray) -> FloatArray:
    """Mean colours (R, C, 3) of the cells between two lip contours."""
    upper_S2, lower_S2 = _along(upper_P2), _along(lower_P2)
    at_SS2 = upper_S2 + _DOWN_S11 * (lower_S2 - upper_S2)
    # Pixel centres lie at halves; OpenCV's at whole numbers.
    at_SS2 -= np.float32(0.5)
    seen = cv2.remap(  # type: ignore[call-overload]  # one map of two channels is enough
        rgb_HW3, at_SS2, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # A cell's mean is what area averaging to one pixel per cell gives.
    cells = cv2.resize(np.asarray(seen, np.float32), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32)


def _along(contour_P2: FloatArray) -> FloatArray:
    """Points (S, 2) of a contour at the sampled shares of the way between the mouth's corners."""
    ordered_P2 = _ordered(contour_P2)
    axis_2 = ordered_P2[-1] - ordered_P2[0]
    along_P = (ordered_P2 - ordered_P2[0]) @ axis_2 / max(float(axis_2 @ axis_2), 1e-6)
    points = np.empty((len(_ACROSS_S), 2), np.float32)
    points[:, 0] = np.interp(_ACROSS_S, along_P, ordered_P2[:, 0])
    points[:, 1] = np.interp(_ACROSS_S, along_P, ordered_P2[:, 1])
    return points


def _ordered(contour_P2: FloatArray) -> FloatArray:
    """A contour whose points run from corner to corner without turning back (turned heads)."""
    axis_2 = contour_P2[-1] - contour_P2[0]
    along_P = (contour_P2 - contour_P2[0]) @ axis_2
    back_P = np.maximum.accumulate(along_P) - along_P
    return contour_P2 + back_P[:, None] * (axis_2 / max(float(axis_2 @ axis_2), 1e-6))


def _eye_depth(landmarks_N3: FloatArray) -> float:
    corners = landmarks_N3[EYE_CORNERS, 2]
    return float(corners[:2].mean() - corners[2:].mean())


def _step(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)
