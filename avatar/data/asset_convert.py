"""Turns fetched originals into packs: FOLDER/originals/... becomes FOLDER/face.npz and so on.

Knows which source feeds which pack; formats are in `avatar.data.pack_face` and `pack_body`. The
motion pack is not made: its joint names were matched to the body by hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from avatar.data.pack_body import body_pack, wardrobe_pack
from avatar.data.pack_face import face_pack
from avatar.errors import AssetError

MAKERS = {
    "face": (face_pack, "ict-facekit/FaceXModel"),
    "body": (body_pack, "makehuman/makehuman/data"),
    "wardrobe": (wardrobe_pack, "makehuman-assets/base"),
}
"""Pack name to (what makes its arrays, folder below `originals`)."""


def convert_pack(name: str, folder: Path) -> Path:
    """Make one pack beside the originals; returns its path.

    Raises AssetError that names the original or the pack, and the remedy.
    """
    maker, below = MAKERS[name]
    source = folder / "originals" / below
    if not source.is_dir():
        raise AssetError(
            f"{source}: missing. Bring it first: python -m avatar data assets --fetch {folder}"
        )
    arrays = maker(source)
    path = folder / f"{name}.npz"
    draft = path.with_suffix(".part")
    try:
        with draft.open("wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(draft, path)
    except OSError as error:
        raise AssetError(f"{path}: cannot be written ({error}). Make room or rights.") from error
    return path


def convert_all(folder: Path) -> Iterator[tuple[str, str]]:
    """(pack, what went wrong or '') one after the other; one failure does not stop the rest."""
    for name in MAKERS:
        try:
            convert_pack(name, folder)
        except AssetError as error:
            yield name, str(error)
        else:
            yield name, ""
