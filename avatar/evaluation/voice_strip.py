"""Pictures to look at: a sound's waveform, its opening curve, and the mouth, moment by moment.

Knows how to draw an average mouth from coefficients; does not know who speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.voice.espeak import Phone
from avatar.data.voice.phones import is_bilabial, is_open_vowel
from avatar.evaluation.voice_mouth import HeardMouth
from avatar.frames import ByteArray, FloatArray
from avatar.motion import topology as topo
from avatar.motion.audio.mouth import APERTURE, shape_offset
from avatar.motion.expression import with_lip_gap

_ROW_S = 2.5
_MOUTHS_PER_S = 10
_MOUTH_PX = 72
_WAVE_PX = 80
_MAX_ROWS = 4
_SKIN, _LIPS, _INSIDE, _TEETH = (172, 196, 228), (110, 100, 190), (40, 30, 70), (235, 238, 240)


def draw_mouth(coefficients_K: FloatArray, size_px: int) -> ByteArray:
    """The lower face of the average face with these coefficients (rows, columns, BGR)."""
    rest_N3 = with_lip_gap(topo.canonical_face(), 0.0)
    shape_N3 = rest_N3 + shape_offset(coefficients_K)
    shape_N3 = with_lip_gap(shape_N3, float(coefficients_K[APERTURE]))
    middle_2 = rest_N3[topo.LIPS, :2].mean(axis=0) + np.array([0.0, 0.05], np.float32)
    points = (shape_N3[:, :2] - middle_2) / 1.15 * size_px * 4 + size_px * 2
    picture = np.full((size_px * 4, size_px * 4, 3), _SKIN, np.uint8)

    def polygon(upper: NDArray[np.intp], lower: NDArray[np.intp]) -> NDArray[np.int32]:
        return points[np.concatenate([upper, lower[::-1]])].astype(np.int32)

    oval = points[topo.FACE_OVAL].astype(np.int32)
    picture[:] = (120, 140, 160)
    cv2.fillPoly(picture, [oval], _SKIN)
    cv2.fillPoly(picture, [polygon(topo.LIPS_OUTER_UPPER, topo.LIPS_OUTER_LOWER)], _LIPS)
    inside = polygon(topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER)
    cv2.fillPoly(picture, [inside], _INSIDE)
    teeth = inside.copy()
    teeth[11:, 1] = np.minimum(teeth[11:, 1], inside[:11, 1].max() + int(0.05 * size_px * 4))
    cv2.fillPoly(picture, [teeth], _TEETH)
    cv2.polylines(picture, [inside], True, (60, 50, 110), 4)
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA))


def write_strip(
    path: Path,
    mouth: HeardMouth,
    samples_T: FloatArray,
    rate_hz: int,
    phones: Sequence[Phone],
) -> None:
    """Write up to ten seconds as rows of 2.5 s: waveform, opening (red), speech (green), mouths.

    Bilabials are marked blue and open vowels orange where a transcript was aligned.
    """
    width = int(_ROW_S * _MOUTHS_PER_S * _MOUTH_PX)
    duration_s = len(samples_T) / rate_hz
    rows = []
    for number in range(min(_MAX_ROWS, max(1, int(np.ceil(duration_s / _ROW_S))))):
        start_s = number * _ROW_S
        rows.append(_wave(mouth, samples_T, rate_hz, phones, start_s, width))
        mouths = []
        for index in range(int(_ROW_S * _MOUTHS_PER_S)):
            time_s = start_s + (index + 0.5) / _MOUTHS_PER_S
            moment = int(round(time_s * 50))
            if moment < len(mouth.times_s):
                mouths.append(draw_mouth(mouth.coefficients_MK[moment], _MOUTH_PX))
            else:
                mouths.append(np.full((_MOUTH_PX, _MOUTH_PX, 3), 255, np.uint8))
        rows.append(np.hstack(mouths))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(rows))


def _wave(
    mouth: HeardMouth,
    samples_T: FloatArray,
    rate_hz: int,
    phones: Sequence[Phone],
    start_s: float,
    width: int,
) -> ByteArray:
    picture = np.full((_WAVE_PX, width, 3), 255, np.uint8)
    pixels_per_s = width / _ROW_S
    for phone in phones:
        colour = None
        if is_bilabial(phone.ipa):
            colour = (255, 200, 160)
        elif is_open_vowel(phone.ipa):
            colour = (150, 210, 255)
        if colour is not None:
            left = int((phone.start_s - start_s) * pixels_per_s)
            right = int((phone.end_s - start_s) * pixels_per_s)
            cv2.rectangle(picture, (left, 0), (right, _WAVE_PX), colour, -1)
    peak = float(np.abs(samples_T).max()) + 1e-6
    edges = ((start_s + np.arange(width + 1) / pixels_per_s) * rate_hz).astype(np.intp)
    for column in range(width):
        part_T = samples_T[edges[column] : edges[column + 1]]
        if part_T.size:
            low, high = (np.array([part_T.min(), part_T.max()]) / peak * 0.48 + 0.5) * _WAVE_PX
            cv2.line(picture, (column, int(low)), (column, int(high)), (190, 190, 190), 1)
    for curve_M, scale, colour in (
        (mouth.opening_M, 0.25, (30, 30, 220)),
        (mouth.speech_M, 1.05, (60, 160, 60)),
    ):
        x = (mouth.times_s - start_s) * pixels_per_s
        y = _WAVE_PX - 2 - np.clip(curve_M / scale, 0.0, 1.0) * (_WAVE_PX - 4)
        cv2.polylines(picture, [np.stack([x, y], axis=1).astype(np.int32)], False, colour, 1)
    return picture
