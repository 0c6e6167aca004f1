"""A person at one moment: posed, moved into the world, and laid out as a scene.

Knows how rest points travel (expression, cartoon push, turn of the head, sway); knows no light.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.cartoon import Proportions, push
from avatar.data.head import head_model, pose_face, split_normals
from avatar.data.limbs import BodyPose, pose_limbs
from avatar.data.neck import neck_run, ramp
from avatar.data.person import Person
from avatar.data.scene import Kind, Material, Part, Scene
from avatar.data.strands import strand_part
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """One moment of a person."""

    expression_E: Floats
    gaze_22: Floats
    head_rotvec_3: Floats = field(default_factory=lambda: np.zeros(3, np.float32))
    """Turn of the head on the neck: axis times radians, world axes."""
    root_rotvec_3: Floats = field(default_factory=lambda: np.zeros(3, np.float32))
    """Sway of the whole person about the waist."""
    root_shift_3: Floats = field(default_factory=lambda: np.zeros(3, np.float32))
    """Shift of the whole person (cm)."""
    body: BodyPose | None = None
    """Arms, hands and legs; None stands with hanging arms (and costs nothing)."""


NECK_PIVOT = np.array([0.0, -5.0, -1.5], np.float32)
WAIST = np.array([0.0, -55.0, 0.0], np.float32)


@kernel
def _turn_points(points: Floats, rotvec: Floats, pivot: Floats, share: Floats) -> None:
    """Rotate points about a pivot by their share of a rotation, in place (Rodrigues)."""
    angle = np.sqrt(rotvec[0] ** 2 + rotvec[1] ** 2 + rotvec[2] ** 2)
    if angle < 1e-7:
        return
    x, y, z = rotvec[0] / angle, rotvec[1] / angle, rotvec[2] / angle
    for i in range(points.shape[0]):
        if share[i] <= 0.0:
            continue
        c, s = np.cos(angle * share[i]), np.sin(angle * share[i])
        px, py, pz = points[i, 0] - pivot[0], points[i, 1] - pivot[1], points[i, 2] - pivot[2]
        d = (x * px + y * py + z * pz) * (1 - c)
        points[i, 0] = px * c + (y * pz - z * py) * s + x * d + pivot[0]
        points[i, 1] = py * c + (z * px - x * pz) * s + y * d + pivot[1]
        points[i, 2] = pz * c + (x * py - y * px) * s + z * d + pivot[2]


@dataclass(frozen=True, slots=True)
class Mover:
    """Takes rest points of a person to the world: cartoon push, turn of the head, sway."""

    pose: Pose
    proportions: Proportions | None
    eye_centres_23: Floats

    def points(self, points_V3: Floats) -> Floats:
        """Moved copies; `points` are in the head's rest space."""
        out = np.ascontiguousarray(points_V3, np.float32).copy()
        share = 1 - ramp(neck_run(out), 6.0, 11.0)
        if self.proportions is not None:
            out = push(out, self.proportions, self.eye_centres_23)
        _turn_points(out, self.pose.head_rotvec_3, NECK_PIVOT, share)
        _turn_points(out, self.pose.root_rotvec_3, WAIST, np.ones(len(out), np.float32))
        return out + self.pose.root_shift_3

    def directions(self, directions_V3: Floats, at_V3: Floats) -> Floats:
        """Turned normals that sit at rest points."""
        out = np.ascontiguousarray(directions_V3, np.float32).copy()
        share = 1 - ramp(neck_run(at_V3), 6.0, 11.0)
        origin = np.zeros(3, np.float32)
        _turn_points(out, self.pose.head_rotvec_3, origin, share)
        _turn_points(out, self.pose.root_rotvec_3, origin, np.ones(len(out), np.float32))
        return out


def person_scene(person: Person, pose: Pose, camera: Camera, samples: int) -> Scene:
    """Everything as merged arrays, ribbons turned towards `camera`.

    Vertex order is the same for every pose and camera of a person (flow relies on it).
    """
    model = head_model()
    fine = camera.scaled(samples)
    vertices, eyes = pose_face(person.shape_V3, pose.expression_E, pose.gaze_22)
    proportions = person.style.proportions
    mover = Mover(pose, proportions, eyes.centre_23)
    moved = mover.points(vertices)
    radius = eyes.radius
    if proportions is not None:
        radius = radius * proportions.eye_growth(radius)
    parts = [
        Part(moved[model.source_V], person.head_T3[person.kept_T],
             person.material_T[person.kept_T], person.label_T[person.kept_T], person.uv_V2,
             person.colour_V3, person.occlusion_V, normals_V3=split_normals(moved)),
    ]  # fmt: skip
    body_parts = person.still_parts
    if pose.body is not None and person.dressed is not None:
        dressed = person.dressed
        body_parts = dressed.parts(*pose_limbs(dressed.skeleton, dressed.seat, pose.body))
    for part in (*body_parts, *person.head_parts):
        normals = part.normals_V3
        parts.append(
            replace(
                part,
                vertices_V3=mover.points(part.vertices_V3),
                normals_V3=None if normals is None else mover.directions(normals, part.vertices_V3),
            )
        )
    for strands in [*person.strands, person.lashes.pose(vertices)]:
        points = strands.points_SK3
        if strands.roots is not None and strands.rest_roots_S3 is not None:
            points = points + (strands.roots.on(vertices) - strands.rest_roots_S3)[:, None]
        flat = points.reshape(-1, 3)
        normals = mover.directions(strands.normals_SK3.reshape(-1, 3), flat)
        parts.append(
            strand_part(
                strands,
                mover.points(flat).reshape(points.shape),
                normals.reshape(points.shape),
                fine,
            )
        )
    axes = mover.directions(eyes.axis_23, eyes.centre_23)
    return Scene.build(
        parts, person.atlas, person_materials(mover.points(eyes.centre_23), axes, radius)
    )


def person_materials(centre_23: Floats, axis_23: Floats, radius: float) -> list[Material]:
    """The table that the M_ rows index."""

    def eye(side: int) -> Material:
        c, a = centre_23[side], axis_23[side]
        return Material(
            Kind.EYE, (0.30, 0.16, 0.14), 0.035, 0.15, mirror=0.25,
            eye_centre_3=(float(c[0]), float(c[1]), float(c[2])),
            eye_axis_3=(float(a[0]), float(a[1]), float(a[2])), eye_radius=radius,
        )  # fmt: skip

    return [
        Material(Kind.SKIN, (0.22, 0.09, 0.06), 0.020, 0.56, bump=0.8, mirror=0.2, sheen=0.03),
        eye(0),
        eye(1),
        Material(Kind.WET, (0.30, 0.10, 0.10), 0.035, 0.35, mirror=0.3),
        Material(Kind.WET, (0.20, 0.18, 0.15), 0.04, 0.28, mirror=0.4),
        Material(Kind.HAIR, specular=0.11),
        Material(Kind.HAIR, specular=0.03),
        Material(Kind.CLOTH, (0.10, 0.10, 0.10), 0.012, 0.85, sheen=0.06, bump=1.0),
        Material(Kind.CLOTH, (0.10, 0.10, 0.10), 0.03, 0.5, sheen=0.02, bump=0.5),
        Material(Kind.HARD, specular=0.05, roughness=0.22, mirror=0.8),
        Material(Kind.HARD, specular=0.6, roughness=0.25, mirror=0.9),
        Material(Kind.CLOTH, (0.12, 0.12, 0.12), 0.01, 0.9, sheen=0.12, bump=1.0),
    ]
