"""How shoulders and chest follow in a head-and-shoulders picture.

Knows the shoulders of reference and motion; does not know limbs (see `skeleton` for bodies).

Legend: G surround vertices, 2 canvas pixels.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import FloatArray, ReferenceGeometry, RetargetedMotion

LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
MIN_VISIBILITY = 0.5
HEAD_SHARE = 0.3
"""Without seen shoulders, the chest follows this much of the head's shift."""
BOTTOM_SHARE = 0.45
"""The cut edge of the picture follows this much of the shoulders' shift."""


def torso_displacement(
    rest_G2: FloatArray, reference: ReferenceGeometry, motion: RetargetedMotion
) -> FloatArray:
    """Displacement (G, 2) of body points: rigid at the shoulders, calmer towards the cut edge.

    The bottom edge never rises, so that no picture content ends in mid-air.
    """
    shift = _similarity(rest_G2, reference, motion)
    if shift is None:
        head_shift = HEAD_SHARE * (motion.translation_2 - reference.translation_2)
        shift = np.broadcast_to(head_shift, rest_G2.shape)
        line_y = float(reference.translation_2[1] + 1.6 * reference.scale)
    else:
        assert reference.joints_J3 is not None
        line_y = float(reference.joints_J3[[LEFT_SHOULDER, RIGHT_SHOULDER], 1].mean())
    bottom_y = float(reference.canvas_hw[0])
    down = np.clip((rest_G2[:, 1] - line_y) / max(bottom_y - line_y, 1.0), 0.0, 1.0)
    result = shift * (1.0 - (1.0 - BOTTOM_SHARE) * down)[:, None]
    rise = np.minimum(result[:, 1], 0.0)
    result[:, 1] -= rise * down**2
    return np.asarray(result, np.float32)


def _similarity(
    rest_G2: FloatArray, reference: ReferenceGeometry, motion: RetargetedMotion
) -> FloatArray | None:
    """Displacement by the turn, shift and growth of the shoulder line; None where unseen."""
    if reference.joints_J3 is None or motion.joints_J3 is None:
        return None
    pair = [LEFT_SHOULDER, RIGHT_SHOULDER]
    for visibility in (reference.visibility_J, motion.visibility_J):
        if visibility is not None and visibility[pair].min() < MIN_VISIBILITY:
            return None
    left, right = reference.joints_J3[pair, :2]
    new_left, new_right = motion.joints_J3[pair, :2]
    # Complex numbers turn and scale at once.
    old = complex(*(left - right))
    new = complex(*(new_left - new_right))
    if abs(old) < 1e-3:
        return None
    ratio = new / old
    turn = ratio / max(abs(ratio), 1e-6) * float(np.clip(abs(ratio), 0.85, 1.15))
    centre, new_centre = (left + right) / 2, (new_left + new_right) / 2
    relative = rest_G2 - centre
    turned = (relative[:, 0] + 1j * relative[:, 1]) * turn
    return np.asarray(np.stack([turned.real, turned.imag], 1) + new_centre - rest_G2, np.float32)
