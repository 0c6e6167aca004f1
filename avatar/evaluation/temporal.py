"""How well a stream of pictures follows its own motion: the temporal warp error against true flow.

A pixel of the person is followed from one frame to the one before by the exact flow of the
renderer; how much the picture changed on the way is the error. Shading and noise change the truth
too, so that the figure is meant as a ratio to the truth's own (Lai et al. 2018, "Learning Blind
Video Temporal Consistency", equation 5, there with estimated flow).

Legend: H, W pixels; 2 column and row; 3 colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray

NUM_ROUNDS = 12
MAX_MISS_PX = 0.5
"""A pixel whose place in the frame before is not found this closely does not count."""
MIN_PIXELS = 100

Mask = NDArray[np.bool_]


def flow_to_before(
    now_HW2: FloatArray, now_seen_HW: Mask, before_HW2: FloatArray, before_seen_HW: Mask
) -> tuple[FloatArray, Mask]:
    """(flow_HW2, is_known_HW) from a frame to the one before, from both frames' flow to a third.

    A pixel x of now shows the third frame's point p = x + now(x); sought is y with y + before(y) =
    p. It is found by y <- p - before(y), which closes in where the flow bends slowly.
    """
    rows, columns = now_seen_HW.shape
    x_HW2 = np.dstack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32)
    point_HW2 = x_HW2 + now_HW2
    y_HW2 = x_HW2
    for _ in range(NUM_ROUNDS):
        y_HW2 = point_HW2 - _sampled(before_HW2, y_HW2)
    miss_HW = np.abs(y_HW2 + _sampled(before_HW2, y_HW2) - point_HW2).max(-1)
    seen_there = _sampled(before_seen_HW.astype(np.float32), y_HW2) > 0.99
    is_known_HW = now_seen_HW & seen_there & (miss_HW < MAX_MISS_PX)
    return np.asarray(y_HW2 - x_HW2, np.float32), is_known_HW


def change_along(
    now_HW3: ByteArray, before_HW3: ByteArray, flow_HW2: FloatArray, is_known_HW: Mask
) -> float | None:
    """Mean change of a picture along the flow, 0..1; None where too little is known of the flow."""
    if int(is_known_HW.sum()) < MIN_PIXELS:
        return None
    rows, columns = is_known_HW.shape
    x_HW2 = np.dstack(np.meshgrid(np.arange(columns), np.arange(rows))).astype(np.float32)
    came_from = _sampled(before_HW3.astype(np.float32), x_HW2 + flow_HW2)
    change = np.abs(now_HW3.astype(np.float32) - came_from).mean(-1)
    return float(change[is_known_HW].mean()) / 255.0


def _sampled(values: FloatArray, at_HW2: FloatArray) -> FloatArray:
    columns_HW, rows_HW = np.ascontiguousarray(at_HW2[..., 0]), np.ascontiguousarray(at_HW2[..., 1])
    return np.asarray(
        cv2.remap(values, columns_HW, rows_HW, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )
