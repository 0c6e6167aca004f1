"""The body in a single still picture.

One of the `tracker*` files, the only doors to mediapipe. Knows one picture at a time; the live body
tracker is another file. Shape legend: J joints; H, W pixels; 3 colours or components.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import BodyMotion, ByteArray
from avatar.motion.native_log import quiet_native_log

_FULL_MODEL = 1  # the only one inside the wheel


def locate_body(rgb_HW3: ByteArray) -> BodyMotion | None:
    """The most prominent body, in picture pixels; None where none is found. Takes 0.2 s."""
    with quiet_native_log():
        from mediapipe.python.solutions.pose import Pose

        with Pose(static_image_mode=True, model_complexity=_FULL_MODEL) as pose:
            found = pose.process(np.ascontiguousarray(rgb_HW3)).pose_landmarks
    if found is None:
        return None
    rows, columns = rgb_HW3.shape[:2]
    size_3 = np.array([columns, rows, columns], np.float32)
    return BodyMotion(
        joints_J3=np.array([(p.x, p.y, p.z) for p in found.landmark], np.float32) * size_3,
        visibility_J=np.array([p.visibility for p in found.landmark], np.float32),
    )
