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
from avatar.data.head_surface import light_in_mouth, mouth_vertices
from avatar.data.limbs import BodyPose, pose_limbs
from avatar.data.neck import head_share
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
def _carry(
    points: Floats, share: Floats, head: Floats, pivot: Floats, root: Floats, waist: Floats,
    shift: Floats, out: Floats,
) -> None:  # fmt: skip
    """Turn points about the neck by their share, then about the waist, then shift (Rodrigues)."""
    angle = np.sqrt(head[0] ** 2 + head[1] ** 2 + head[2] ** 2)
    x, y, z = head[0], head[1], head[2]
    if angle > 1e-7:
        x, y, z = head[0] / angle, head[1] / angle, head[2] / angle
    full_c, full_s = np.cos(angle), np.sin(angle)
    sway = np.sqrt(root[0] ** 2 + root[1] ** 2 + root[2] ** 2)
    u, v, w = root[0], root[1], root[2]
    if sway > 1e-7:
        u, v, w = root[0] / sway, root[1] / sway, root[2] / sway
    root_c, root_s = np.cos(sway), np.sin(sway)
    for i in range(points.shape[0]):
        px, py, pz = points[i, 0] - pivot[0], points[i, 1] - pivot[1], points[i, 2] - pivot[2]
        k = share[i]
        if k > 0.0 and angle > 1e-7:
            c, s = full_c, full_s
            if k < 1.0:
                c, s = np.cos(angle * k), np.sin(angle * k)
            d = (x * px + y * py + z * pz) * (1 - c)
            qx = px * c + (y * pz - z * py) * s + x * d
            qy = py * c + (z * px - x * pz) * s + y * d
            qz = pz * c + (x * py - y * px) * s + z * d
            px, py, pz = qx, qy, qz
        px += pivot[0] - waist[0]
        py += pivot[1] - waist[1]
        pz += pivot[2] - waist[2]
        d = (u * px + v * py + w * pz) * (1 - root_c)
        out[i, 0] = px * root_c + (v * pz - w * py) * root_s + u * d + waist[0] + shift[0]
        out[i, 1] = py * root_c + (w * px - u * pz) * root_s + v * d + waist[1] + shift[1]
        out[i, 2] = pz * root_c + (u * py - v * px) * root_s + w * d + waist[2] + shift[2]


_ORIGIN = np.zeros(3, np.float32)


@dataclass(frozen=True, slots=True)
class Mover:
    """Takes rest points of a person to the world: cartoon push, turn of the head, sway."""

    pose: Pose
    proportions: Proportions | None
    eye_centres_23: Floats

    def points(self, points_V3: Floats) -> Floats:
        """Moved copies; `points` are in the head's rest space."""
        rest = np.ascontiguousarray(points_V3, np.float32)
        share = head_share(rest)
        if self.proportions is not None:
            rest = push(rest, self.proportions, self.eye_centres_23)
        out = np.empty_like(rest)
        pose = self.pose
        _carry(rest, share, pose.head_rotvec_3, NECK_PIVOT, pose.root_rotvec_3, WAIST,
               pose.root_shift_3, out)  # fmt: skip
        return out

    def directions(self, directions_V3: Floats, at_V3: Floats) -> Floats:
        """Turned normals that sit at rest points."""
        rest = np.ascontiguousarray(directions_V3, np.float32)
        share = head_share(np.ascontiguousarray(at_V3, np.float32))
        out = np.empty_like(rest)
        pose = self.pose
        _carry(rest, share, pose.head_rotvec_3, _ORIGIN, pose.root_rotvec_3, _ORIGIN, _ORIGIN, out)
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
    colour = person.colour_V3
    if person.dressed is not None:  # a photograph's teeth have their mouth's light already
        colour = colour.copy()
        colour[mouth_vertices()] *= light_in_mouth(vertices)
    parts = [
        Part(moved[model.source_V], person.head_T3[person.kept_T],
             person.material_T[person.kept_T], person.label_T[person.kept_T], person.uv_V2,
             colour, person.occlusion_V, normals_V3=split_normals(moved)),
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
