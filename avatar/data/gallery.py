"""Writes gallery folders: three views, a thumbnail and `character.toml` per character."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.data.casting import Casting, Finish, detail_of, render_casting
from avatar.data.person import make_person
from avatar.errors import AssetError

Bytes = NDArray[np.uint8]

VIEWS_DEG = (0.0, 30.0, -30.0)
WIDTH_PX = 768
THUMBNAIL_PX = 256
MAX_BYTES = 150_000
LICENCE = "CC0-1.0 for the pictures; geometry: ICT-FaceKit (MIT), MakeHuman (CC0-1.0)"


def encode_webp(rgb_HW3: Bytes, max_bytes: int) -> bytes:
    """WebP at the best quality (92 at most) that fits."""
    for quality in range(92, 60, -3):
        done, data = cv2.imencode(".webp", rgb_HW3[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
        assert done, "OpenCV writes WebP"
        if len(data) <= max_bytes:
            break
    return bytes(data)


def shrink(rgb_HW3: Bytes, width: int) -> Bytes:
    """Area-averaged picture of a given width."""
    height = round(rgb_HW3.shape[0] * width / rgb_HW3.shape[1])
    return np.asarray(cv2.resize(rgb_HW3, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def write_entry(folder: Path, casting: Casting, finish: Finish, num_views: int) -> None:
    """Render and write one character; raises AssetError where the folder cannot be written."""
    person = make_person(casting.person, detail_of(casting, finish))
    views = [render_casting(casting, yaw, finish, person) for yaw in VIEWS_DEG[:num_views]]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for k, view in enumerate(views):
            small = shrink(view, min(WIDTH_PX, view.shape[1]))
            (folder / f"view{k}.webp").write_bytes(encode_webp(small, MAX_BYTES))
        side = views[0].shape[1]
        thumbnail = shrink(views[0][:side], THUMBNAIL_PX)
        (folder / "thumbnail.webp").write_bytes(encode_webp(thumbnail, 30_000))
        (folder / "character.toml").write_text(
            f'name = "{casting.name}"\n'
            f'description = "{casting.description}"\n'
            f'style = "{casting.look.value}"\n'
            f'framing = "{casting.framing}"\n'
            f'licence = "{LICENCE}"\n',
            encoding="utf-8",
        )
    except OSError as error:
        raise AssetError(f"{folder}: cannot be written ({error.strerror}).") from error
