"""The driver at rest before a clip begins, measured as a live session measures it.

A picture that is looked at once gives other numbers than the same picture in a stream, where the
tracker follows what it saw before: heads a few per cent larger, shoulders some pixels elsewhere.
Live, neutral and motion come from the same stream, so the difference cancels; here the reference is
held before the tracker for a moment, so that it cancels too.

Knows pictures and trackers; does not know animators or metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from avatar.frames import ByteArray, DrivingFrame, ReferenceGeometry
from avatar.motion.body_follower import BodyFollower
from avatar.motion.calibration import Observation, robust_neutral
from avatar.motion.geometry import face_motion
from avatar.motion.neutral import Neutral
from avatar.motion.tracker import FaceTracker

PERIOD_S = Fraction(1, 25)
NUM_FRAMES = 16
"""Held before the tracker; the first half settles it. A multiple of every model's chunk."""


def held_before(first: DrivingFrame, reference_HW3: ByteArray) -> Iterator[DrivingFrame]:
    """The reference as camera pictures that end where a clip's first frame begins."""
    step = max(1, round(PERIOD_S / first.stamp.time_base))
    for index in range(NUM_FRAMES):
        pts = first.stamp.pts - (NUM_FRAMES - index) * step
        yield DrivingFrame(replace(first.stamp, pts=pts), reference_HW3)


def neutral_of(reference_HW3: ByteArray, geometry: ReferenceGeometry) -> Neutral:
    """The reference as its own driver's neutral, as a stream sees it.

    Where the stream sees no face, that of the single look (`geometry`).
    """
    rows, columns = reference_HW3.shape[:2]
    tracker, follower = FaceTracker(), BodyFollower(is_live=False)
    seen: list[Observation] = []
    try:
        for index in range(NUM_FRAMES):
            time_s = float(index * PERIOD_S)
            face = tracker.track(reference_HW3, time_s)
            body, _ = follower.update(reference_HW3, time_s, wants_hands=False)
            if face is not None and index >= NUM_FRAMES // 2:
                found = face_motion(face.landmarks_N3)
                seen.append(Observation(found, (rows, columns), body))
    finally:
        tracker.close()
        follower.close()
    single = Neutral.of_reference(geometry)
    if not seen:
        return single
    # A picture with shut eyes or an open mouth is still no rest to measure from.
    return replace(
        robust_neutral(seen),
        lid_apertures_2=single.lid_apertures_2,
        lip_aperture=single.lip_aperture,
    )
