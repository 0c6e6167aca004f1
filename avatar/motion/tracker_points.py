"""MediaPipe's lists of landmarks become arrays, quickly.

Knows how protobuf writes a landmark; does not know what the landmarks are of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avatar.frames import FloatArray

_WIRE_POINT = np.dtype(
    [
        ("tag_and_length", "<u2"),
        ("tag_x", "u1"),
        ("x", "<f4"),
        ("tag_y", "u1"),
        ("y", "<f4"),
        ("tag_z", "u1"),
        ("z", "<f4"),
    ]
)
"""A landmark with three coordinates and nothing else, as protobuf writes it."""
_WIRE_TAGS = (0x0F0A, 0x0D, 0x15, 0x1D)


def points_of(landmark_list: Any) -> FloatArray:
    """Coordinates (N, 3) of MediaPipe's list of landmarks.

    Read from its serialised form in one go: asking for 478 x 3 attributes takes ten times as long.
    """
    data: bytes = landmark_list.SerializeToString()
    if len(data) == _WIRE_POINT.itemsize * len(landmark_list.landmark):
        wire = np.frombuffer(data, _WIRE_POINT)
        names = ("tag_and_length", "tag_x", "tag_y", "tag_z")
        if all((wire[name] == tag).all() for name, tag in zip(names, _WIRE_TAGS, strict=True)):
            return np.stack([wire["x"], wire["y"], wire["z"]], axis=1).astype(np.float32)
    # Landmarks that say more (their visibility) or less.
    return np.array([(p.x, p.y, p.z) for p in landmark_list.landmark], dtype=np.float32)
