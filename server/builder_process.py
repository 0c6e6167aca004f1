"""The builder process: pictures become characters here, so that neither media nor engine waits.

Jobs come over a pipe one at a time, results go back with the character already packed; the media
process never opens it. Built-in characters are opened once per machine and version. Runs at low
priority. Decoding itself happens in a sandbox of its own (see `avatar.character.sandbox`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from avatar.errors import LiveactorError, PictureError
from server.character_cache import CharacterCache
from server.child_process import begin_as
from server.packed_character import pack

if TYPE_CHECKING:
    from avatar.character.character import Character

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """A built-in character, not opened yet."""

    id: str
    name: str
    description: str
    style: str
    framing: str
    thumbnail_webp: bytes


@dataclass(frozen=True, slots=True)
class ListGallery:
    """Job: what is built in? Answer: tuple of GalleryItem."""


@dataclass(frozen=True, slots=True)
class OpenGalleryItem:
    """Job: open a built-in character."""

    id: str


@dataclass(frozen=True, slots=True)
class OpenPictures:
    """Job: make a character of uploaded pictures."""

    id: str
    name: str
    pictures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """Answer: a character."""

    id: str
    name: str
    description: str
    style: str
    framing: str
    thumbnail_webp: bytes
    notes: tuple[str, ...]
    character: bytes
    """Packed, see `packed_character`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Answer: no character; `code` is a PictureReason or another stable word."""

    code: str
    message: str


Job = ListGallery | OpenGalleryItem | OpenPictures
Answer = tuple[GalleryItem, ...] | Built | Refused


def run_builder(
    jobs: Connection,
    gallery_folder: Path | None,
    cache_folder: Path | None,
    niceness: int,
    log_level: int,
) -> None:
    """Entry point of the process; returns when the parent is gone."""
    begin_as("builder")
    logging.basicConfig(level=log_level, format="%(asctime)s builder %(levelname)s %(message)s")
    os.nice(niceness)
    worker = Worker(gallery_folder, cache_folder)
    with contextlib.suppress(EOFError, OSError):
        while True:
            job: Job = pickle.loads(jobs.recv_bytes())
            jobs.send_bytes(pickle.dumps(worker.work(job), protocol=pickle.HIGHEST_PROTOCOL))


class Worker:
    """Does the jobs."""

    def __init__(self, gallery_folder: Path | None, cache_folder: Path | None) -> None:
        # Imported here: the media process imports this module for its words only.
        from avatar.character import gallery

        self._gallery = gallery_folder or gallery.GALLERY_PATH
        self._cache = CharacterCache(cache_folder, self._gallery) if cache_folder else None

    def work(self, job: Job) -> Answer:
        """Do one job; every failure is an answer."""
        try:
            if isinstance(job, ListGallery):
                return self._list()
            if isinstance(job, OpenGalleryItem):
                return self._open_built_in(job.id)
            return self._open_pictures(job)
        except PictureError as error:
            return Refused(error.reason.value, str(error))
        except LiveactorError as error:
            return Refused("character_failed", str(error))
        except Exception:  # boundary: one picture must not end the process for the next one
            logger.exception("a character could not be built")
            return Refused("character_failed", "This picture could not be made into a character.")

    def _list(self) -> tuple[GalleryItem, ...]:
        from avatar.character import gallery

        return tuple(
            GalleryItem(
                id=entry.id,
                name=entry.text.name,
                description=entry.text.description,
                style=entry.text.style,
                framing=entry.text.framing.value if entry.text.framing else "portrait",
                thumbnail_webp=entry.thumbnail_path.read_bytes(),
            )
            for entry in gallery.list_entries(self._gallery)
        )

    def _open_built_in(self, character_id: str) -> Built:
        from avatar.character import gallery

        is_known = (self._gallery / character_id).is_dir()
        if self._cache is not None and is_known:
            kept = self._cache.load(character_id)
            if kept is not None:
                return kept
        built = _built(gallery.open_entry(character_id, folder=self._gallery))
        if self._cache is not None:
            self._cache.save(built)
        return built

    def _open_pictures(self, job: OpenPictures) -> Built:
        from avatar.character.opening import open_character

        return _built(open_character(job.pictures, name=job.name, character_id=job.id))


def _built(character: Character) -> Built:
    return Built(
        id=character.id,
        name=character.name,
        description=character.description,
        style=character.style,
        framing=character.framing.value,
        thumbnail_webp=character.thumbnail_webp,
        notes=character.notes,
        character=pack(character),
    )
