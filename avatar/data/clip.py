"""Training clips: one person, a few references, some frames in motion, and every label.

A seed becomes a `Clip`, in memory, without touching the disk; `write_clip` and `read_clip` keep
it as one file. Flow is exact: from the frame to the FIRST reference, in pixels.

Shape legend: R references, F frames, H, W pixels, N 478 landmarks, E expression shapes.
"""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.data.acting import Acting, act
from avatar.data.camera import Camera
from avatar.data.head import head_model, identity_shape, pose_face
from avatar.data.labels import flow_to, head_pose, regions
from avatar.data.landmark_map import landmarks_on
from avatar.data.looks import Look
from avatar.data.people import random_person, random_situation
from avatar.data.person import Person
from avatar.data.posing import Mover, Pose
from avatar.data.render import Quality
from avatar.data.shot import Set, portrait_camera, prepare, shoot
from avatar.errors import AssetError

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

HEAD_CENTRE = np.array([0.0, 2.0, 2.0], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """What a clip is made of."""

    size_px: int = 256
    num_frames: int = 8
    num_references: int = 2
    look: Look | None = None
    """None draws one per clip."""
    quality: Quality = Quality()


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures are sRGB bytes; landmarks, flow, translation and scale in pixels of them."""

    reference_rgb_RHW3: Bytes
    reference_alpha_RHW: Bytes
    reference_landmarks_RN3: Floats
    rgb_FHW3: Bytes
    alpha_FHW: Bytes
    flow_FHW2: NDArray[np.float16]
    visibility_FHW: Bytes
    regions_FHW: Bytes
    landmarks_FN3: Floats
    driver_landmarks_FN3: Floats
    """The same motion on another person (cross-identity driving)."""
    rotation_F33: Floats
    translation_F2: Floats
    scale_F: Floats
    expression_FE: Floats
    gaze_F22: Floats
    background_HW3: Bytes
    look: str
    seed: int


def pose_landmarks(shape_V3: Floats, person: Person | None, pose: Pose, camera: Camera) -> Floats:
    """(478, 3) landmarks in pixels; z in the same unit, smaller is nearer, 0 at the head centre."""
    vertices, eyes = pose_face(shape_V3, pose.expression_E, pose.gaze_22)
    proportions = None if person is None else person.style.proportions
    mover = Mover(pose, proportions, eyes.centre_23)
    growth = 1.0 if proportions is None else proportions.eye_growth(eyes.radius)
    # only the vertices that landmarks use need to move: move the face's, keep their numbers
    moved = mover.points(vertices)
    points = landmarks_on(
        moved,
        mover.points(eyes.centre_23),
        mover.directions(eyes.axis_23, eyes.centre_23),
        growth,
    )
    screen = camera.project(points)
    centre = camera.to_camera(mover.points(HEAD_CENTRE[None]))[0, 2]
    depth = (1.0 / screen[:, 2] - centre) * camera.focal_px / centre
    return np.concatenate([screen[:, :2], depth[:, None]], -1).astype(np.float32)


def _rotation(rotvec: Floats) -> Floats:
    angle = float(np.linalg.norm(rotvec))
    if angle < 1e-7:
        return np.eye(3, dtype=np.float32)
    x, y, z = rotvec / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return out.astype(np.float32)


def still(pose: Pose, amount: float) -> Pose:
    """A pose reduced towards neutral: references are calm, but not always neutral."""
    return replace(
        pose,
        expression_E=pose.expression_E * np.float32(amount),
        gaze_22=pose.gaze_22 * np.float32(amount),
        head_rotvec_3=pose.head_rotvec_3 * np.float32(amount),
    )


def render_clip(seed: int, plan: ClipPlan | None = None) -> Clip:
    """Make the clip of a seed; the same seed and plan give the same clip."""
    plan = plan or ClipPlan()
    rng = np.random.default_rng([seed, 5])
    situation = random_situation(seed, plan.look)
    size = (plan.size_px, plan.size_px)
    made = prepare(situation, size)
    proportions = situation.person.proportions
    camera = portrait_camera(seed, size, proportions.head if proportions else 0.0)
    acting = Acting(talk=float(rng.uniform(0.2, 0.9)), liveliness=float(rng.uniform(0.2, 1.0)))
    warm_up = 12  # frames until every track has left its start
    poses = act(seed, plan.num_frames + warm_up, acting)[warm_up:]
    other = act(seed + 1_000_003, plan.num_references + warm_up, acting)[warm_up:]
    calm = [0.0 if rng.random() < 0.6 else float(rng.uniform(0.2, 1.0)) for _ in other]
    references = [still(p, c) for p, c in zip(other, calm, strict=True)]

    driver = identity_shape(np.array(random_person(seed + 7_000_003).identity, np.float32))
    return film(made, camera, references, poses, driver, plan.quality, seed)


def film(
    made: Set,
    camera: Camera,
    references: Sequence[Pose],
    poses: Sequence[Pose],
    driver_shape_V3: Floats,
    quality: Quality,
    seed: int,
) -> Clip:
    """Take all pictures of a clip and work out their labels."""
    situation, proportions = made.situation, made.person.style.proportions
    ref_rgb, ref_alpha, ref_landmarks = [], [], []
    first = None
    for pose in references:
        shot = shoot(made, pose, camera, quality)
        if first is None:
            first = shot.view
        ref_rgb.append(shot.rgb_HW3)
        ref_alpha.append(shot.alpha_HW)
        ref_landmarks.append(pose_landmarks(made.person.shape_V3, made.person, pose, camera))
    assert first is not None, "a clip has at least one reference"

    rows: dict[str, list[Any]] = {f.name: [] for f in dataclasses.fields(Clip) if "_F" in f.name}
    _, eyes = pose_face(made.person.shape_V3, references[0].expression_E, references[0].gaze_22)
    iod = float(np.linalg.norm(eyes.centre_23[0] - eyes.centre_23[1]))
    for pose in poses:
        shot = shoot(made, pose, camera, quality)
        flow, seen = flow_to(shot.view, first)
        mover = Mover(pose, proportions, eyes.centre_23)
        turn = _rotation(pose.root_rotvec_3) @ _rotation(pose.head_rotvec_3)
        head = head_pose(turn, mover.points(HEAD_CENTRE[None])[0], iod, camera)
        rows["rgb_FHW3"].append(shot.rgb_HW3)
        rows["alpha_FHW"].append(shot.alpha_HW)
        rows["flow_FHW2"].append(flow.astype(np.float16))
        rows["visibility_FHW"].append(seen)
        rows["regions_FHW"].append(regions(shot.view))
        rows["landmarks_FN3"].append(
            pose_landmarks(made.person.shape_V3, made.person, pose, camera)
        )
        rows["driver_landmarks_FN3"].append(pose_landmarks(driver_shape_V3, None, pose, camera))
        rows["rotation_F33"].append(head.rotation_33)
        rows["translation_F2"].append(head.translation_2)
        rows["scale_F"].append(np.float32(head.scale))
        rows["expression_FE"].append(pose.expression_E)
        rows["gaze_F22"].append(pose.gaze_22)
    per_frame: dict[str, Any] = {name: np.array(values) for name, values in rows.items()}
    return Clip(
        reference_rgb_RHW3=np.array(ref_rgb),
        reference_alpha_RHW=np.array(ref_alpha),
        reference_landmarks_RN3=np.array(ref_landmarks),
        background_HW3=(made.background_HW3 * 255 + 0.5).astype(np.uint8),
        look=situation.look.value,
        seed=seed,
        **per_frame,
    )


def write_clip(path: Path, clip: Clip) -> None:
    """One compressed NumPy archive; AssetError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        arrays = {f.name: np.asarray(getattr(clip, f.name)) for f in dataclasses.fields(clip)}
        np.savez_compressed(part, **arrays)
        part.replace(path)
    except OSError as error:
        raise AssetError(f"{path}: cannot be written ({error.strerror}).") from error


def read_clip(path: Path) -> Clip:
    """The clip of a file; AssetError naming a missing or damaged one."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            values: dict[str, Any] = {f.name: archive[f.name] for f in dataclasses.fields(Clip)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise AssetError(f"{path}: is not a clip ({error}). Render it again.") from error
    values["look"], values["seed"] = str(values["look"]), int(values["seed"])
    return Clip(**values)


def expression_names() -> tuple[str, ...]:
    """Names of the expression weights, in order."""
    return head_model().expression_names
