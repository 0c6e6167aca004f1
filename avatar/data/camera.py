"""A pinhole camera: world centimetres to picture pixels and back. Knows nothing of what it sees.

World: x to the subject's left, y up, z forward (the subject looks along +z). Camera: x right,
y down, z into the picture. A camera in front of the subject shows its left on picture right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.jit import kernel

Floats = NDArray[np.float32]


@kernel
def _project_into(
    points: Floats, rotation: Floats, position: Floats, focal: float, column: float, row: float,
    out: Floats,
) -> None:  # fmt: skip
    for i in range(points.shape[0]):
        x, y, z = points[i, 0] - position[0], points[i, 1] - position[1], points[i, 2] - position[2]
        depth = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z
        inverse = np.float32(1.0) / max(depth, np.float32(1e-3))
        if depth <= 1e-3:
            inverse = np.float32(-1.0)
        across = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z
        down = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z
        out[i, 0] = focal * across * inverse + column
        out[i, 1] = focal * down * inverse + row
        out[i, 2] = inverse


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera stands and how it draws; sizes in pixels of the finished picture."""

    rotation_33: Floats
    """World axes to camera axes."""
    position_3: Floats
    """Camera centre in world centimetres."""
    focal_px: float
    centre_px: tuple[float, float]
    """Principal point (column, row)."""
    size_hw: tuple[int, int]

    def to_camera(self, points_V3: Floats) -> Floats:
        """World points in camera axes (cm)."""
        return ((points_V3 - self.position_3) @ self.rotation_33.T).astype(np.float32)

    def project(self, points_V3: Floats) -> Floats:
        """World points to (column, row, 1 / depth in 1/cm); depth <= 0 gives 1/depth <= 0."""
        out = np.empty((len(points_V3), 3), np.float32)
        _project_into(
            np.ascontiguousarray(points_V3, np.float32), self.rotation_33, self.position_3,
            self.focal_px, self.centre_px[0], self.centre_px[1], out,
        )  # fmt: skip
        return out

    def scaled(self, factor: float) -> Camera:
        """The same view with `factor` times as many pixels per side."""
        return Camera(
            self.rotation_33,
            self.position_3,
            self.focal_px * factor,
            (self.centre_px[0] * factor, self.centre_px[1] * factor),
            (round(self.size_hw[0] * factor), round(self.size_hw[1] * factor)),
        )


def look_at(
    target_3: Floats,
    *,
    distance_cm: float,
    yaw_rad: float = 0.0,
    pitch_rad: float = 0.0,
    roll_rad: float = 0.0,
    height_cm: float,
    size_hw: tuple[int, int],
) -> Camera:
    """A camera that has `target` in its middle and shows `height_cm` there from top to bottom.

    yaw > 0 moves the camera to the subject's left, pitch > 0 raises it.
    """
    cy, sy, cp, sp = np.cos(yaw_rad), np.sin(yaw_rad), np.cos(pitch_rad), np.sin(pitch_rad)
    backward = np.array([sy * cp, sp, cy * cp])
    right = np.array([cy, 0.0, -sy])
    up = np.cross(backward, right)
    rotation = np.stack([right, -up, -backward])
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ rotation
    height, width = size_hw
    return Camera(
        rotation.astype(np.float32),
        (np.asarray(target_3) + distance_cm * backward).astype(np.float32),
        float(distance_cm * height / height_cm),
        (width / 2, height / 2),
        size_hw,
    )
