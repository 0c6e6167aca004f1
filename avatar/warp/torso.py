"""How the trunk follows: shoulders at its top, hips or the picture's cut edge at its bottom.

Knows shoulders and hips of reference and motion; does not know limbs (see `skeleton`).

Legend: G points of the body at rest, 2 canvas pixels.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import FloatArray, ReferenceGeometry, RetargetedMotion
from avatar.warp.polygon import smoothstep
from avatar.warp.skeleton import ANKLES, HIPS, SHOULDERS, is_seen

HEAD_SHARE = 0.3
"""Without seen shoulders, the chest follows this much of the head's shift."""
BOTTOM_SHARE = 0.45
"""The cut edge of the picture follows this much of the shoulders' shift."""
GROWTH_LIMITS = (0.8, 1.15)
"""A turned trunk is drawn narrower, one that comes closer larger: no further than this."""


def torso_displacement(
    rest_G2: FloatArray, reference: ReferenceGeometry, motion: RetargetedMotion
) -> FloatArray:
    """Displacement (G, 2) of body points.

    Rigid at the shoulders; from there down it goes over to that of the hips, where both reference
    and motion show them, else to a calmer share at the cut edge of the picture. That edge never
    rises, so that no picture content ends in mid-air.
    """
    top = _pair_displacement(rest_G2, SHOULDERS, reference, motion)
    if top is None:
        head_shift = HEAD_SHARE * (motion.translation_2 - reference.translation_2)
        top = np.broadcast_to(head_shift, rest_G2.shape)
        line_y = float(reference.translation_2[1] + 1.6 * reference.scale)
    else:
        assert reference.joints_J3 is not None
        line_y = float(reference.joints_J3[list(SHOULDERS), 1].mean())
    bottom_y = float(reference.canvas_hw[0])
    down = np.clip((rest_G2[:, 1] - line_y) / max(bottom_y - line_y, 1.0), 0.0, 1.0)
    hips = _pair_displacement(rest_G2, HIPS, reference, motion)
    if hips is not None:
        lower = _along_trunk(rest_G2, reference)[:, None]
        result = top + lower * (hips - top)
    else:
        result = top * (1.0 - (1.0 - BOTTOM_SHARE) * down)[:, None]
    if not _is_whole(reference):
        rise = np.minimum(result[:, 1], 0.0)
        result[:, 1] -= rise * down**2
    return np.asarray(result, np.float32)


def _is_whole(reference: ReferenceGeometry) -> bool:
    """True where the picture does not cut the body off: its feet are in it."""
    if reference.joints_J3 is None or reference.visibility_J is None:
        return False
    lowest = float(reference.joints_J3[list(ANKLES), 1].max())
    return is_seen(reference.visibility_J, ANKLES) and lowest < reference.canvas_hw[0]


def _along_trunk(rest_G2: FloatArray, reference: ReferenceGeometry) -> FloatArray:
    """0 at the shoulders and above, 1 at the hips and below."""
    assert reference.joints_J3 is not None
    shoulders_2 = reference.joints_J3[list(SHOULDERS), :2].mean(0)
    axis_2 = reference.joints_J3[list(HIPS), :2].mean(0) - shoulders_2
    along_G = (rest_G2 - shoulders_2) @ axis_2 / max(float(axis_2 @ axis_2), 1e-3)
    return smoothstep(0.0, 1.0, np.asarray(along_G, np.float32))


def _pair_displacement(
    rest_G2: FloatArray,
    pair: tuple[int, int],
    reference: ReferenceGeometry,
    motion: RetargetedMotion,
) -> FloatArray | None:
    """Displacement by the turn, shift and growth of the line between two joints; None if unseen.

    A line that grows comes closer: everything grows. One that shrinks turns away: only its own
    direction shrinks.
    """
    if reference.joints_J3 is None or motion.joints_J3 is None:
        return None
    for visibility in (reference.visibility_J, motion.visibility_J):
        if visibility is not None and not is_seen(visibility, pair):
            return None
    left, right = reference.joints_J3[list(pair), :2]
    new_left, new_right = motion.joints_J3[list(pair), :2]
    # Complex numbers turn and scale at once.
    old = complex(*(left - right))
    new = complex(*(new_left - new_right))
    if abs(old) < 1e-3 or abs(new) < 1e-3:
        return None
    ratio = new / old
    growth = float(np.clip(abs(ratio), *GROWTH_LIMITS))
    relative = rest_G2 - (left + right) / 2
    along = (relative[:, 0] + 1j * relative[:, 1]) * (old.conjugate() / abs(old))
    sized = growth * along.real + 1j * max(growth, 1.0) * along.imag
    turned = sized * (old / abs(old)) * (ratio / abs(ratio))
    new_centre = (new_left + new_right) / 2
    return np.asarray(np.stack([turned.real, turned.imag], 1) + new_centre - rest_G2, np.float32)
