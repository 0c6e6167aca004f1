"""The builder process: pictures become characters here, so that neither media nor engine waits.

Jobs come over a pipe one at a time, results go back with the character already pickled; the media
process never opens it. Runs at low priority. Decoding itself happens in a sandbox of its own (see
`avatar.character.sandbox`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from avatar.errors import LiveactorError, PictureError

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
    """Pickled."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Answer: no character; `code` is a PictureReason or another stable word."""

    code: str
    message: str


Job = ListGallery | OpenGalleryItem | OpenPictures
Answer = tuple[GalleryItem, ...] | Built | Refused


def run_builder(jobs: Connection, gallery_folder: Path | None, log_level: int) -> None:
    """Entry point of the process; returns when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=log_level, format="%(asctime)s builder %(levelname)s %(message)s")
    os.nice(10)
    with contextlib.suppress(EOFError, OSError):
        while True:
            job: Job = pickle.loads(jobs.recv_bytes())
            jobs.send_bytes(
                pickle.dumps(work(job, gallery_folder), protocol=pickle.HIGHEST_PROTOCOL)
            )


def work(job: Job, gallery_folder: Path | None) -> Answer:
    """Do one job; every failure is an answer."""
    # Imported here: the media process imports this module for its words only.
    from avatar.character import gallery
    from avatar.character.opening import open_character

    folder = gallery_folder or gallery.GALLERY_PATH
    try:
        if isinstance(job, ListGallery):
            return tuple(
                GalleryItem(
                    id=entry.id,
                    name=entry.text.name,
                    description=entry.text.description,
                    style=entry.text.style,
                    framing=entry.text.framing.value if entry.text.framing else "portrait",
                    thumbnail_webp=entry.thumbnail_path.read_bytes(),
                )
                for entry in gallery.list_entries(folder)
            )
        if isinstance(job, OpenGalleryItem):
            character = gallery.open_entry(job.id, folder=folder)
        else:
            character = open_character(job.pictures, name=job.name, character_id=job.id)
    except PictureError as error:
        return Refused(error.reason.value, str(error))
    except LiveactorError as error:
        return Refused("character_failed", str(error))
    except Exception:  # boundary: one picture must not end the process for the next one
        logger.exception("a character could not be built")
        return Refused("character_failed", "This picture could not be made into a character.")
    return Built(
        id=character.id,
        name=character.name,
        description=character.description,
        style=character.style,
        framing=character.framing.value,
        thumbnail_webp=character.thumbnail_webp,
        notes=character.notes,
        character=pickle.dumps(character, protocol=pickle.HIGHEST_PROTOCOL),
    )
