"""Change along true flow: none for a picture that moves with it, some for one that stands."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar.evaluation.temporal import change_along, flow_to_before
from avatar.frames import ByteArray, FloatArray

SIZE = 96


def _picture() -> ByteArray:
    noise = np.random.default_rng(0).uniform(0, 255, (SIZE, SIZE, 3)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 4), np.uint8)


def _constant(x: float, y: float) -> FloatArray:
    return np.broadcast_to(np.float32([x, y]), (SIZE, SIZE, 2)).copy()


def _bent(strength: float) -> FloatArray:
    """Flow that is different everywhere, but slowly."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / SIZE
    return np.dstack([strength * np.sin(3 * y), strength * np.cos(2 * x)]).astype(np.float32)


ALL = np.ones((SIZE, SIZE), np.bool_)


def test_two_shifts_subtract() -> None:
    flow, known = flow_to_before(_constant(5, -2), ALL, _constant(2, 1), ALL)
    np.testing.assert_allclose(flow[known], np.float32([[3, -3]] * int(known.sum())), atol=1e-3)
    assert known.mean() > 0.9


def test_bent_flow_is_followed_back() -> None:
    now, before = _bent(4.0), _bent(-3.0)
    flow, known = flow_to_before(now, ALL, before, ALL)
    y, x = 40, 55
    there_x, there_y = x + flow[y, x, 0], y + flow[y, x, 1]
    back = before[round(float(there_y)), round(float(there_x))]
    assert known[y, x]
    assert np.abs([there_x, there_y] + back - ([x, y] + now[y, x])).max() < 0.3


def test_what_was_hidden_before_does_not_count() -> None:
    hidden = ALL.copy()
    hidden[:, : SIZE // 2] = False
    _, known = flow_to_before(_constant(0, 0), ALL, _constant(0, 0), hidden)
    assert not known[:, : SIZE // 2].any()
    assert known[:, SIZE // 2 + 1 :].all()


def test_a_picture_that_moves_with_the_flow_does_not_change() -> None:
    before = _picture()
    now = np.roll(before, 3, axis=1)
    flow, known = flow_to_before(_constant(-3, 0), ALL, _constant(0, 0), ALL)
    known[:, :4] = False
    assert change_along(now, before, flow, known) == pytest.approx(0.0, abs=1e-4)
    still = change_along(before, before, flow, known)
    assert still is not None
    assert still > 0.004, "a still picture is wrong where the truth moves"


def test_too_little_known_is_no_answer() -> None:
    nothing = np.zeros((SIZE, SIZE), np.bool_)
    assert change_along(_picture(), _picture(), _constant(0, 0), nothing) is None
