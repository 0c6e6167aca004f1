"""Cartoon proportions: a smooth push of space that enlarges eyes and head, slims jaw and nose.

Knows points only, so that the same push moves face, hair, props and body alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportions:
    """0 leaves a thing as it is; 1 is as far as a cartoon goes."""

    eyes: float = 0.5
    head: float = 0.3
    jaw: float = 0.3
    """How much the lower face narrows."""
    nose: float = 0.3
    """How much the nose shrinks."""

    def eye_growth(self, radius: float) -> float:
        """Factor by which an eyeball of this radius grows."""
        growth = 1 + 0.62 * self.eyes * float(np.exp(-((radius / EYE_REACH_CM) ** 2)))
        return growth * (1 + 0.30 * self.head)


EYE_REACH_CM = 2.9


def _ramp(v: Floats, low: float, high: float) -> Floats:
    t = np.clip((v - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def push(points_V3: Floats, style: Proportions, eye_centres_23: Floats) -> Floats:
    """Points of a person in its head's space, moved to cartoon proportions."""
    p = points_V3.astype(np.float32).copy()
    moved = np.zeros_like(p)
    for centre in eye_centres_23:
        d = p - centre
        moved += d * (0.62 * style.eyes * np.exp(-(d * d).sum(1) / EYE_REACH_CM**2))[:, None]
    p += moved
    tip = np.array([0.0, 0.6, 12.4], np.float32)
    d = p - tip
    shrink = 0.55 * style.nose * np.exp(-(d * d).sum(1) / 2.4**2)
    p += (np.array([0.0, 0.9, 9.6], np.float32) - p) * shrink[:, None] * np.array([0.8, 0.5, 1.0])
    low = _ramp(-p[:, 1], -1.5, 6.0) * _ramp(p[:, 1], -10.5, -7.0) * _ramp(p[:, 2], -3, 4)
    p[:, 0] *= 1 - 0.26 * style.jaw * low
    pivot = np.array([0.0, -9.5, -1.0], np.float32)
    grow = 0.30 * style.head * _ramp(p[:, 1] + 0.25 * p[:, 2], -11.5, -6.0)
    p += (p - pivot) * grow[:, None]
    return p.astype(np.float32)
