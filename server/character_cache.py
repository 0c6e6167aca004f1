"""Built-in characters that were opened once stay opened, on disk, for later starts of the server.

Opening one takes seconds of a core, and a person who picks a character waits for it. Only the
project's own gallery is kept here, never an upload: nothing of a user is written to disk. What is
kept is bound to the pictures and to the code that opened them, so that neither can be out of date.
Knows files; does not know how a character is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pickle
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.builder_process import Built

logger = logging.getLogger(__name__)

CODE_ROOMS = ("character", "motion", "warp")
"""Whose code and tables decide what an opened character is."""


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/liveactor/characters`, or below `~/.cache` (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "liveactor" / "characters"


class CharacterCache:
    """One folder, readable by its owner only, of files named by what they were made from."""

    def __init__(self, folder: Path, gallery: Path) -> None:
        self._folder = folder
        self._gallery = gallery
        self._code = _digest_of_code()

    def load(self, character_id: str) -> Built | None:
        """A character opened earlier; None where there is none or it cannot be read."""
        path = self._path(character_id)
        try:
            if path.stat().st_uid != os.getuid():
                return None  # somebody else's file: a pickle can run code
            built: Built = pickle.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError) as error:
            logger.warning("kept character %s cannot be read: %s", character_id, error)
            return None
        return built

    def save(self, built: Built) -> None:
        """Keep a character; versions that it replaces go. A disk that refuses is only logged."""
        path = self._path(built.id)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Whole or not at all, whoever else writes: a folder of its own, then a rename.
            with tempfile.TemporaryDirectory(dir=self._folder, prefix=".part-") as part:
                whole = Path(part) / path.name
                whole.write_bytes(pickle.dumps(built, protocol=pickle.HIGHEST_PROTOCOL))
                os.replace(whole, path)
            for old in self._folder.glob(f"{built.id}.*"):
                if old != path:
                    with contextlib.suppress(FileNotFoundError):
                        old.unlink()
        except OSError as error:
            logger.warning("character %s cannot be kept on disk: %s", built.id, error)

    def _path(self, character_id: str) -> Path:
        digest = hashlib.sha256(self._code)
        for path in sorted((self._gallery / character_id).iterdir()):
            if path.is_file():
                _feed(digest, path)
        return self._folder / f"{character_id}.{digest.hexdigest()[:32]}"


def _digest_of_code() -> bytes:
    root = Path(__file__).resolve().parents[1] / "avatar"
    digest = hashlib.sha256()
    for room in CODE_ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".py", ".npz"):
                _feed(digest, path)
    for path in sorted(root.glob("*.py")):
        _feed(digest, path)
    return digest.digest()


def _feed(digest: hashlib._Hash, path: Path) -> None:
    data = path.read_bytes()
    digest.update(f"{path.name} {len(data)} ".encode())
    digest.update(data)
