"""Lifted photographs on disk: one NumPy archive each, so that only one process needs a tracker."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from avatar.data.camera import Camera
from avatar.data.lift import Lift, lift_photograph
from avatar.data.lift_fit import FaceFit
from avatar.data.lift_hull import Sheet
from avatar.data.lift_texture import FaceColours
from avatar.errors import AssetError, PictureError

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
_CAMERA = ("rotation_33", "position_3", "focal_px", "centre_px", "size_hw")
_HALF = ("shift_V3", "face_HW3", "back_HW3", "shell_HW3", "shell_back_HW3")
"""Arrays kept in half precision."""


def write_lift(path: Path, lift: Lift) -> None:
    """One archive, uncompressed: trainers read it often. AssetError where it cannot be written."""
    fit, colours = lift.fit, lift.colours
    arrays: dict[str, Any] = {
        "name": lift.name,
        **{f"camera_{k}": getattr(fit.camera, k) for k in _CAMERA},
        **{k: getattr(fit, k) for k in ("identity_K", "expression_E", "gaze_22", "shift_V3",
                                        "error")},
        **{k: getattr(colours, k) for k in ("face_HW3", "back_HW3", "light_93", "teeth_V3",
                                            "skin_rgb", "hair_rgb")},
        "eyes_2HW4": np.stack(colours.eyes),
        **{f"{side}_{k}": getattr(sheet, k)
           for side, sheet in (("front", lift.front), ("back", lift.back))
           for k in ("vertices_V3", "triangles_T3", "uv_V2", "normals_V3")},
        **{k: getattr(lift, k) for k in ("shell_HW3", "shell_back_HW3", "alpha_HW",
                                         "background_HW3", "face_HW", "photo_HW3")},
    }  # fmt: skip
    for key in _HALF:
        arrays[key] = np.asarray(arrays[key], np.float16)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, **arrays)
        part.replace(path)
    except OSError as error:
        raise AssetError(f"{path}: cannot be written ({error.strerror}).") from error


def read_lift(path: Path) -> Lift:
    """The lift of a file; AssetError naming a missing or damaged one."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            a: dict[str, Any] = {key: archive[key] for key in archive.files}
        for key in _HALF:
            a[key] = a[key].astype(np.float32)

        def triple(key: str) -> tuple[float, float, float]:
            red, green, blue = (float(v) for v in a[key])
            return red, green, blue

        def sheet(side: str) -> Sheet:
            names = ("vertices_V3", "triangles_T3", "uv_V2", "normals_V3")
            return Sheet(*(a[f"{side}_{name}"] for name in names))

        x, y = (float(v) for v in a["camera_centre_px"])
        rows, columns = (int(v) for v in a["camera_size_hw"])
        camera = Camera(a["camera_rotation_33"], a["camera_position_3"],
                        float(a["camera_focal_px"]), (x, y), (rows, columns))  # fmt: skip
        fit = FaceFit(a["identity_K"], a["expression_E"], a["gaze_22"], a["shift_V3"], camera,
                      float(a["error"]))  # fmt: skip
        left, right = a["eyes_2HW4"]
        colours = FaceColours(
            a["face_HW3"], a["back_HW3"], (left, right), a["light_93"],
            a["teeth_V3"], triple("skin_rgb"), triple("hair_rgb"),
        )  # fmt: skip
        return Lift(
            str(a["name"]), fit, colours, sheet("front"), sheet("back"), a["shell_HW3"],
            a["shell_back_HW3"], a["alpha_HW"], a["background_HW3"], a["face_HW"], a["photo_HW3"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise AssetError(f"{path}: is not a lifted photograph ({error}). Lift it again.") from error


def lift_folder(pictures: Path, output: Path) -> Iterator[tuple[Path, str]]:
    """Lift every picture of a folder that is not lifted yet: (picture, "" or why it was left out).

    Pictures without a usable face are left out and said so; AssetError for a folder without any.
    """
    found = sorted(p for p in pictures.glob("*") if p.suffix.lower() in PICTURE_ENDINGS)
    if not found:
        raise AssetError(f"{pictures}: holds no picture ({', '.join(PICTURE_ENDINGS)}).")
    for path in found:
        target = output / f"{path.stem}.lift.npz"
        if not target.is_file():
            try:
                write_lift(target, lift_photograph(path))
            except PictureError as error:
                yield path, str(error)
                continue
        yield path, ""


def read_lifts(folder: Path) -> list[Lift]:
    """All lifts of a folder; AssetError where there is none."""
    paths = sorted(folder.glob("*.lift.npz"))
    if not paths:
        raise AssetError(
            f"{folder}: holds no lifted photographs. Make them with: "
            "python -m avatar data lift --photographs PICTURES --output FOLDER"
        )
    return [read_lift(path) for path in paths]
