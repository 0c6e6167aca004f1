"""Where the open 3D assets lie and how they are read; knows no meaning beyond array names.

Packs are NumPy archives (face, body, wardrobe, motion), described in docs/DATA.md. They are never
part of this repository: LIVEACTOR_ASSETS names their folder. Their originals are fetched by
`python -m avatar data assets --fetch` (`avatar.data.asset_fetch`).
"""

from __future__ import annotations

import os
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar.errors import AssetError

PACKS = ("face", "body", "wardrobe", "motion")

Pack = dict[str, NDArray[Any]]


def assets_dir() -> Path:
    """The first of LIVEACTOR_ASSETS, ~/.cache/liveactor/assets, ../shared/assets that exists.

    Raises AssetError that names all three where none does.
    """
    named = os.environ.get("LIVEACTOR_ASSETS")
    if named:
        if not Path(named).is_dir():
            raise AssetError(f"LIVEACTOR_ASSETS={named}: no such folder.")
        return Path(named)
    places = [
        Path.home() / ".cache" / "liveactor" / "assets",
        Path(__file__).resolve().parents[3] / "shared" / "assets",
    ]
    for place in places:
        if (place / "face.npz").is_file():
            return place
    raise AssetError(
        "The 3D assets were not found (looked in LIVEACTOR_ASSETS, "
        f"{', '.join(map(str, places))}). Set LIVEACTOR_ASSETS to the folder of the packs; "
        "docs/DATA.md, Assets, says how they are made from their originals."
    )


@cache
def load_pack(name: str, folder: Path | None = None) -> Pack:
    """All arrays of one pack, read once per process.

    Raises AssetError naming the file that is missing or damaged.
    """
    path = (folder or assets_dir()) / f"{name}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except FileNotFoundError as error:
        raise AssetError(
            f"{path}: missing. docs/DATA.md, Assets, says how packs are made; LIVEACTOR_ASSETS "
            "names their folder."
        ) from error
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise AssetError(
            f"{path}: damaged ({error}). Replace it; python -m avatar data assets checks packs."
        ) from error
