from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from avatar.character.character import Framing
from avatar.character.gallery import list_entries, open_entry, read_entry
from avatar.errors import AssetError

TOML = """
name = "Ada"
licence = "CC0-1.0"
description = "A test."
style = "photo"
framing = "portrait"
"""


def _entry(folder: Path, name: str, *, text: str = TOML, picture: bytes = b"webp") -> Path:
    path = folder / name
    path.mkdir(parents=True)
    (path / "character.toml").write_text(text, encoding="utf-8")
    (path / "view0.webp").write_bytes(picture)
    (path / "thumbnail.webp").write_bytes(b"thumb")
    return path


def test_entries_are_listed_in_order_with_their_text(tmp_path: Path) -> None:
    _entry(tmp_path, "zoe")
    _entry(tmp_path, "ada")
    entries = list_entries(tmp_path)
    assert [entry.id for entry in entries] == ["ada", "zoe"]
    assert entries[0].text.framing is Framing.PORTRAIT
    assert entries[0].text.licence == "CC0-1.0"
    assert len(entries[0].view_paths) == 1


def test_a_damaged_entry_is_named_and_does_not_hide_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _entry(tmp_path, "good")
    _entry(tmp_path, "bad-toml", text="name = ")
    _entry(tmp_path, "no-licence", text='name = "x"')
    (_entry(tmp_path, "no-view") / "view0.webp").unlink()
    with caplog.at_level(logging.WARNING):
        assert [entry.id for entry in list_entries(tmp_path)] == ["good"]
    for name in ("bad-toml", "no-licence", "no-view"):
        assert any(name in record.message for record in caplog.records)


def test_a_gallery_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list_entries(tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", ["nobody", "../secret", "", "a/b", "A", "x" * 200])
def test_unknown_and_crafted_ids_are_refused(tmp_path: Path, name: str) -> None:
    _entry(tmp_path / "gallery", "ada")
    _entry(tmp_path, "secret")
    with pytest.raises(AssetError, match="ada"):
        open_entry(name, folder=tmp_path / "gallery")


def test_a_wrong_key_is_named_with_the_entry(tmp_path: Path) -> None:
    path = _entry(tmp_path, "ada", text=TOML + "stile = 1\n")
    with pytest.raises(AssetError, match=r"'ada'.*stile.*style"):
        read_entry(path)


@pytest.mark.media
def test_an_entry_opens_as_a_character(tmp_path: Path, media: Path) -> None:
    path = _entry(tmp_path, "ada")
    # The content decides, not the name: a PNG is as good here.
    shutil.copyfile(media / "reference" / "photo_astronaut_nasa.png", path / "view0.webp")
    character = open_entry("ada", folder=tmp_path, size_px=256)
    assert (character.id, character.name, character.style) == ("ada", "Ada", "photo")
    assert character.thumbnail_webp == b"thumb"
    assert character.canvas_hw == (256, 256)


def test_every_character_that_ships_is_sound() -> None:
    from avatar.character import gallery

    folders = [path for path in gallery.GALLERY_PATH.glob("*/") if path.is_dir()]
    if not folders:
        pytest.skip("no gallery pictures in this checkout")
    assert {entry.id for entry in list_entries()} == {path.name for path in folders}
    for entry in list_entries():
        assert entry.text.licence, f"{entry.id} says under which licence it is"
