"""The body and hand skeletons as data: bones in drawing order, mirrored pairs, typical proportions.

Knows MediaPipe's 33 body and 21 hand joints (numbering restated from its documentation); does not
know pictures or motion.
"""

from __future__ import annotations

import numpy as np

NOSE = 0
LEFT_EAR, RIGHT_EAR = 7, 8
LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_ELBOW, RIGHT_ELBOW = 13, 14
LEFT_WRIST, RIGHT_WRIST = 15, 16
LEFT_HIP, RIGHT_HIP = 23, 24
WRISTS = np.array([LEFT_WRIST, RIGHT_WRIST])
ELBOWS = np.array([LEFT_ELBOW, RIGHT_ELBOW])

HEAD_JOINTS = np.arange(11)
HEAD_LANDMARKS = np.array([1, 362, 473, 263, 133, 468, 33, 454, 234, 291, 61])
"""For each of the head's joints the face landmark that lies there."""

ARM_BONES = ((11, 13), (13, 15), (12, 14), (14, 16))
LEG_BONES = (
    (23, 25),
    (25, 27),
    (27, 29),
    (27, 31),
    (24, 26),
    (26, 28),
    (28, 30),
    (28, 32),
)
PALM_BONES = ((15, 17), (15, 19), (15, 21), (16, 18), (16, 20), (16, 22))
TORSO_BONES = ((11, 12), (11, 23), (12, 24), (23, 24))
DRAWN_BONES = (*TORSO_BONES, *LEG_BONES, *ARM_BONES)

HAND_BONES = (
    (0, 1),
    (1, 2),
    (2, 3),
    (3, 4),
    (0, 5),
    (5, 6),
    (6, 7),
    (7, 8),
    (0, 9),
    (9, 10),
    (10, 11),
    (11, 12),
    (0, 13),
    (13, 14),
    (14, 15),
    (15, 16),
    (0, 17),
    (17, 18),
    (18, 19),
    (19, 20),
)
HAND_BONE_LENGTHS = np.array(
    [0.37, 0.45, 0.34, 0.28]
    + [0.97, 0.43, 0.26, 0.21]
    + [1.00, 0.48, 0.30, 0.22]
    + [0.94, 0.45, 0.29, 0.22]
    + [0.90, 0.35, 0.21, 0.19],
    dtype=np.float32,
)
"""Lengths of `HAND_BONES` in palms (wrist to middle knuckle) of an adult's hand."""
PALM_PER_FOREARM = 0.38
"""Palm over forearm (elbow to wrist) of an adult."""
FOREARM_PER_INTER_OCULAR = 4.1
"""Forearm over inter-ocular distance of an adult: for references whose arms are not seen."""
