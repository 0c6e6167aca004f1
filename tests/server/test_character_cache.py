"""What was opened once is read again, unless its pictures or the code have changed."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from server import character_cache
from server.builder_process import Built
from server.character_cache import CharacterCache, default_folder
from server.packed_character import pack, unpack
from tests.server.live import make_character


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """One entry of two files."""
    entry = tmp_path / "gallery" / "ada"
    entry.mkdir(parents=True)
    (entry / "character.toml").write_text('name = "Ada"')
    (entry / "view0.webp").write_bytes(b"picture")
    return tmp_path / "gallery"


def _built() -> Built:
    return Built("ada", "Ada", "", "test", "portrait", b"RIFF", (), b"packed")


def test_a_kept_character_is_read_by_the_next_start(gallery: Path, tmp_path: Path) -> None:
    assert CharacterCache(tmp_path / "kept", gallery).load("ada") is None
    CharacterCache(tmp_path / "kept", gallery).save(_built())
    assert CharacterCache(tmp_path / "kept", gallery).load("ada") == _built()


def test_a_changed_picture_is_opened_anew_and_replaces_the_old_one(
    gallery: Path, tmp_path: Path
) -> None:
    cache = CharacterCache(tmp_path / "kept", gallery)
    cache.save(_built())
    (gallery / "ada" / "view0.webp").write_bytes(b"another picture")
    assert cache.load("ada") is None
    cache.save(_built())
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_changed_code_opens_anew(
    gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CharacterCache(tmp_path / "kept", gallery).save(_built())
    monkeypatch.setattr(character_cache, "_digest_of_code", lambda: b"another version")
    assert CharacterCache(tmp_path / "kept", gallery).load("ada") is None


@pytest.mark.parametrize("damage", [b"", b"not a pickle", pickle.dumps(_built())[:40]])
def test_a_damaged_file_is_as_good_as_none(gallery: Path, tmp_path: Path, damage: bytes) -> None:
    cache = CharacterCache(tmp_path / "kept", gallery)
    cache.save(_built())
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_bytes(damage)
    assert cache.load("ada") is None


def test_a_folder_that_cannot_be_written_stops_nothing(gallery: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    cache = CharacterCache(tmp_path / "kept", gallery)
    cache.save(_built())
    assert (tmp_path / "kept").is_file()
    assert cache.load("ada") is None


def test_nobody_else_may_read_the_folder(gallery: Path, tmp_path: Path) -> None:
    CharacterCache(tmp_path / "kept", gallery).save(_built())
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_the_folder_is_where_the_desktop_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/liveactor/characters")


def test_a_character_survives_packing_and_is_smaller() -> None:
    character = make_character("ada", (10, 20, 30))
    packed = pack(character)
    again = unpack(packed)
    assert again.id == "ada"
    np.testing.assert_array_equal(again.views[0].rgb_HW3, character.views[0].rgb_HW3)
    assert len(packed) < len(pickle.dumps(character)) / 2
