"""A training clip: what it holds, and how it is kept as one file.

Shape legend: R references, F frames, H, W pixels, N 478 landmarks, E expression shapes, J 33 body
joints, 2 x K hand joints, B bones.
"""

from __future__ import annotations

import dataclasses
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.errors import AssetError

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


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
    joints_FJ3: Floats
    """MediaPipe's 33 body joints; z against the hips' middle, smaller is nearer."""
    joints_seen_FJ: Floats
    """1 where a joint is in the picture and uncovered; 0 also where it is not known."""
    hands_F2K3: Floats
    """[left, right] x 21 hand joints."""
    hands_seen_F2K: Floats
    driver_joints_FJ3: Floats
    """The same motion on the other person."""
    bone_lengths_B: Floats
    """Of `avatar.motion.skeleton.DRAWN_BONES`, centimetres."""
    background_HW3: Bytes
    """Behind the references and the first frame."""
    backgrounds_FHW3: Bytes
    """Behind every frame; a single one where it does not move."""
    look: str
    seed: int


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
