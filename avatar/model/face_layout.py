"""The face numbers: which region owns which part of the vector that crosses from door to model.

Each region's numbers are followed by their change since the frame before. Knows sizes only; the
door (`avatar.stream.neural_inputs`) fills them, the face encoder gives each region its own net.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaceRegion:
    """A stretch of the vector."""

    name: str
    num_values: int

    @property
    def size(self) -> int:
        """Values and their velocities."""
        return 2 * self.num_values


FACE_REGIONS = (
    FaceRegion("left_eye", 55),
    FaceRegion("right_eye", 55),
    FaceRegion("gaze", 4),
    FaceRegion("brows", 60),
    FaceRegion("lips_outer", 60),
    FaceRegion("lips_inner", 61),
    FaceRegion("mouth_interior", 71),
    FaceRegion("jaw", 36),
    FaceRegion("head", 3),
)
"""Eyes: 18 lid landmarks (3 each) and the aperture; lips: 20 landmarks each, inner with the
aperture; mouth interior: how light and how red 7 x 5 cells between the lips are, and how certainly
(all zero where it is unknown); jaw: 12 landmarks; head: rotation relative to the reference, as a
rotation vector."""

NUM_FACE_NUMBERS = sum(region.size for region in FACE_REGIONS)
