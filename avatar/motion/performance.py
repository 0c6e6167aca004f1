"""A performance: what any source of motion asks a character to do, free of whose face does it.

Knows the quantities that sources share and how to mix two of them per region; does not know where
they come from (`retarget`, `idle`, audio) or how they are put on a reference (`retarget`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from avatar.frames import FloatArray, MouthInterior
from avatar.motion.face_regions import FACE_REGIONS, region_weights
from avatar.motion.mouth_interior import mixed_interiors
from avatar.motion.rotation import exp_rotation, log_rotation
from avatar.regions import Region


@dataclass(frozen=True, slots=True)
class BodyPose:
    """A body on the reference's canvas: pixels, already with the reference's bones."""

    joints_J3: FloatArray
    visibility_J: FloatArray
    hands_2K3: FloatArray
    """[left, right] hand joints."""
    hand_presence_2: FloatArray
    """0..1, how much each hand is there (fades instead of popping)."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Offsets from the reference at its best rest: lips closed, eyes healthily open."""

    rotation_3: FloatArray
    """Rotation vector in picture axes, applied before (outside) the reference's own rotation."""
    shift_2: FloatArray
    """Of the head centre, in inter-ocular distances of the reference."""
    log_scale: float
    shape_delta_N3: FloatArray
    """Head space, inter-ocular units; its lids and inner lips are overruled by the next two."""
    lid_openness_2: FloatArray
    """[left, right]: 0 closed, 1 the reference's own healthy opening, above that wider."""
    lip_gap: float
    """Inner-lip gap, inter-ocular units; 0 closed."""
    gaze_22: FloatArray
    """[left, right] x [yaw, pitch] relative to the reference's resting gaze, radians."""
    body: BodyPose | None = None
    mouth_interior: MouthInterior | None = None
    """What shows between the lips; None where the source does not know."""


def mix(performances: list[Performance], weights: Mapping[Region, list[float]]) -> Performance:
    """One performance out of several: `weights[region][i]` is the share of performance i.

    Shares of a region add up to 1. Rotations are averaged in the tangent space of the first.
    """
    assert performances
    # Most of the time one source moves everything.
    for index, performance in enumerate(performances):
        if all(shares[index] >= 1.0 for shares in weights.values()) and (
            performance.body is not None or all(other.body is None for other in performances)
        ):
            return performance
    head = np.asarray(weights[Region.HEAD], dtype=np.float32)
    anchor = exp_rotation(performances[0].rotation_3)
    turns = [log_rotation(exp_rotation(p.rotation_3) @ anchor.T) for p in performances]
    turn = np.tensordot(head, np.stack(turns), axes=1)
    shape = np.zeros_like(performances[0].shape_delta_N3)
    masks = region_weights()
    for region in FACE_REGIONS:
        for share, performance in zip(weights[region], performances, strict=True):
            if share > 0.0:
                shape += (share * masks[region])[:, None] * performance.shape_delta_N3
    eyes = np.asarray(weights[Region.EYES], dtype=np.float32)
    mouth = np.asarray(weights[Region.MOUTH], dtype=np.float32)
    return Performance(
        rotation_3=log_rotation(exp_rotation(turn) @ anchor),
        shift_2=_sum(head, [p.shift_2 for p in performances]),
        log_scale=float(head @ np.array([p.log_scale for p in performances])),
        shape_delta_N3=shape,
        lid_openness_2=_sum(eyes, [p.lid_openness_2 for p in performances]),
        lip_gap=float(mouth @ np.array([p.lip_gap for p in performances])),
        gaze_22=_sum(eyes, [p.gaze_22 for p in performances]),
        body=_mix_bodies([p.body for p in performances], weights),
        mouth_interior=mixed_interiors(
            [p.mouth_interior for p in performances], weights[Region.MOUTH]
        ),
    )


def _sum(shares: FloatArray, values: list[FloatArray]) -> FloatArray:
    return np.asarray(np.tensordot(shares, np.stack(values), axes=1), dtype=np.float32)


def _mix_bodies(
    bodies: list[BodyPose | None], weights: Mapping[Region, list[float]]
) -> BodyPose | None:
    """Sources without a body leave their share to the others."""
    known = [(i, body) for i, body in enumerate(bodies) if body is not None]
    if not known:
        return None
    present = [body for _, body in known]
    shares = _renormalised([weights[Region.BODY][i] for i, _ in known])
    hand_shares = np.array([weights[Region.HANDS][i] for i, _ in known], dtype=np.float32)
    joints = _sum(shares, [b.joints_J3 for b in present])
    # Hands hang on the mixed wrists, whoever moves them.
    wrists = joints[[15, 16]]
    shaped = [b.hands_2K3 - b.joints_J3[[15, 16]][:, None] for b in present]
    hands = _sum(_renormalised(hand_shares.tolist()), shaped) + wrists[:, None]
    return BodyPose(
        joints_J3=joints,
        visibility_J=_sum(shares, [b.visibility_J for b in present]),
        hands_2K3=hands,
        # A source's hand shows as far as its share goes: others have none to show.
        hand_presence_2=_sum(hand_shares, [b.hand_presence_2 for b in present]),
    )


def _renormalised(shares: list[float]) -> FloatArray:
    total = sum(shares)
    if total <= 1e-6:
        return np.full(len(shares), 1.0 / len(shares), dtype=np.float32)
    return np.array([share / total for share in shares], dtype=np.float32)
