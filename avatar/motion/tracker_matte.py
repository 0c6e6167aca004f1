"""Where the person is in a still picture: a coarse mask from the selfie segmentation network.

One of the `tracker*` files, the only doors to mediapipe. Knows pictures; does not refine the
mask's edge (`avatar.character.matte` does). Shape legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

import numpy as np

from avatar.frames import ByteArray, FloatArray
from avatar.motion.native_log import quiet_native_log

_GENERAL_MODEL = 0  # 256 x 256; model 1 (landscape, 144 x 256) is coarser


def segment_person(rgb_HW3: ByteArray) -> FloatArray:
    """Return coverage (H, W) in 0..1 by all people in the picture; 0.1 s, most of it start-up.

    The network (MediaPipe Selfie Segmentation, general model) sees the picture at 256 x 256.
    """
    with quiet_native_log():
        from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

        with SelfieSegmentation(model_selection=_GENERAL_MODEL) as segmentation:
            mask_HW = segmentation.process(np.ascontiguousarray(rgb_HW3)).segmentation_mask
    return np.clip(np.asarray(mask_HW, np.float32), 0.0, 1.0)
