"""The characters that come with the project, each a folder of `gallery/` beside this file.

A folder holds `character.toml` (name, description, style, framing, licence), `view0.webp` to
`view3.webp` and `thumbnail.webp`; its name is the character's id. Knows folders; `opening` makes
the character. A damaged folder is named in the log and left out, never fatal to the others.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

from avatar.character.character import DEFAULT_SIZE_PX, Character, Framing
from avatar.character.opening import MAX_PICTURES, open_character
from avatar.config import load_config
from avatar.errors import AssetError, ConfigError

_log = logging.getLogger(__name__)
GALLERY_PATH = Path(__file__).with_name("gallery")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryText:
    """What `character.toml` says."""

    name: str
    licence: str
    description: str = ""
    style: str = ""
    framing: Framing | None = None
    """None lets the pictures decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryEntry:
    """One character of the gallery, not yet opened."""

    id: str
    text: GalleryText
    view_paths: tuple[Path, ...]
    thumbnail_path: Path


def list_entries(folder: Path = GALLERY_PATH) -> list[GalleryEntry]:
    """All sound entries in order of id; damaged ones are logged by name."""
    entries: list[GalleryEntry] = []
    if not folder.is_dir():
        return entries
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "__")):
            try:
                entries.append(read_entry(path))
            except AssetError as error:
                _log.warning("%s", error)
    return entries


def read_entry(path: Path) -> GalleryEntry:
    """Read one folder; raises AssetError that names the entry and what is wrong with it."""
    if not _ID.fullmatch(path.name):
        raise AssetError(
            f"Gallery entry '{path.name}': the folder's name must be lower-case letters, digits, "
            "'-' and '_'."
        )
    try:
        text = load_config(path / "character.toml", GalleryText)
    except ConfigError as error:
        raise AssetError(f"Gallery entry '{path.name}': {error}") from error
    views = tuple(
        view
        for view in (path / f"view{index}.webp" for index in range(MAX_PICTURES))
        if view.is_file()
    )
    thumbnail = path / "thumbnail.webp"
    for needed in (path / "view0.webp", thumbnail):
        if not needed.is_file():
            raise AssetError(f"Gallery entry '{path.name}': {needed.name} is missing.")
    return GalleryEntry(id=path.name, text=text, view_paths=views, thumbnail_path=thumbnail)


def open_entry(
    entry_id: str, *, size_px: int = DEFAULT_SIZE_PX, folder: Path = GALLERY_PATH
) -> Character:
    """Open one character; raises AssetError for an unknown id or a damaged entry, PictureError
    where its pictures cannot be used."""
    path = folder / entry_id
    # Ids come from browsers: nothing but a plain name may reach the file system.
    if not _ID.fullmatch(entry_id) or not path.is_dir():
        known = ", ".join(entry.id for entry in list_entries(folder)) or "none"
        raise AssetError(
            f"There is no character '{entry_id[:64]}' in the gallery; there are: {known}."
        )
    entry = read_entry(path)
    character = open_character(
        entry.view_paths,
        name=entry.text.name,
        character_id=entry.id,
        framing=entry.text.framing,
        size_px=size_px,
    )
    return replace(
        character,
        description=entry.text.description,
        style=entry.text.style,
        licence=entry.text.licence,
        thumbnail_webp=entry.thumbnail_path.read_bytes(),
        notes=(),
    )
