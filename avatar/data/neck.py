"""Where a point lies between head and chest: what follows the head's turns, and how much.

Knows places in the head's rest space (cm) only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar.jit import kernel

Floats = NDArray[np.float32]


def neck_run(points: Floats) -> Floats:
    """How far down the neck a point is: about 5 at the chin, 9 mid-neck, 12 at the collar bones."""
    aside = np.maximum(np.abs(points[..., 0]) - 5.5, 0)
    return (-(points[..., 1] + 0.25 * points[..., 2]) + 0.5 * aside).astype(np.float32)


def ramp(v: Floats, low: float, high: float) -> Floats:
    """Hermite step from 0 at `low` to 1 at `high`."""
    t = np.clip((v - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


@kernel
def _share_into(points: Floats, out: Floats) -> None:
    for i in range(points.shape[0]):
        aside = max(abs(points[i, 0]) - 5.5, 0.0)
        run = -(points[i, 1] + 0.25 * points[i, 2]) + 0.5 * aside
        t = min(max((run - 6.0) / 5.0, 0.0), 1.0)
        out[i] = 1.0 - t * t * (3.0 - 2.0 * t)


def head_share(points_V3: Floats) -> Floats:
    """Share of the head's turn that a point follows: 1 above the jaw, 0 at the collar bones."""
    out = np.empty(len(points_V3), np.float32)
    _share_into(points_V3, out)
    return out
