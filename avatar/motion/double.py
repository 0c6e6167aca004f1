"""A double: another person who makes exactly the same motion, frame by frame.

Real video never shows one; rendered people have them. Driven by a double's landmarks, a character
has a right answer that is known (its own frames), so that what leaks of the driver's face can be
measured, and learned away. Knows landmarks; does not know pictures.

Legend: F frames, N landmarks; landmarks in pixels of one canvas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from avatar.frames import (
    FaceMotion,
    FloatArray,
    Motion,
    ReferenceGeometry,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.motion.geometry import face_motion
from avatar.motion.neutral import Neutral
from avatar.motion.retarget import Retargeter

FPS = 25


def face_of_double(
    reference: FaceMotion, own: Sequence[FaceMotion], double: Sequence[FaceMotion]
) -> FaceMotion:
    """The double doing what the character does in the reference picture.

    Both make the same motion in every frame, so that what sets them apart there sets them apart
    in the reference too.
    """

    def beyond(measure: Callable[[FaceMotion], FloatArray]) -> FloatArray:
        apart = [measure(d) - measure(o) for d, o in zip(double, own, strict=True)]
        return np.asarray(measure(reference) + np.mean(apart, axis=0), np.float32)

    ratio = float(np.mean([d.scale / o.scale for d, o in zip(double, own, strict=True)]))
    return replace(
        reference,
        shape_N3=beyond(lambda face: face.shape_N3),
        translation_2=beyond(lambda face: face.translation_2),
        lid_apertures_2=beyond(lambda face: face.lid_apertures_2),
        gaze_22=beyond(lambda face: face.gaze_22),
        scale=reference.scale * ratio,
    )


def motions_of_double(
    reference: ReferenceGeometry,
    own_FN3: FloatArray,
    double_FN3: FloatArray,
    seen_FN3: FloatArray,
) -> list[RetargetedMotion]:
    """What a stream would make of the double's landmarks, as a tracker gave them (`seen`).

    `own` and `double` are exact; from them comes the double's neutral, as a calibration finds it.
    """
    own, double = ([face_motion(points) for points in each] for each in (own_FN3, double_FN3))
    rest = face_of_double(face_motion(reference.landmarks_N3), own, double)
    neutral = Neutral.of_face(rest, reference.canvas_hw)
    retargeter = Retargeter(reference)
    return [
        retargeter.retarget(
            Motion(
                Stamp(index, Fraction(1, FPS), index / FPS),
                Tracking.TRACKED,
                reference.canvas_hw,
                face_motion(points),
            ),
            neutral,
        )
        for index, points in enumerate(seen_FN3)
    ]
