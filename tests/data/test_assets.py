"""Assets that are missing or damaged are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar.data.assets import assets_dir, load_pack
from avatar.errors import AssetError


def test_a_missing_pack_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"face\.npz: missing"):
        load_pack("face", tmp_path)


def test_a_damaged_pack_is_named(tmp_path: Path) -> None:
    (tmp_path / "body.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(AssetError, match=r"body\.npz: damaged"):
        load_pack("body", tmp_path)


def test_a_named_folder_that_does_not_exist_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEACTOR_ASSETS", str(tmp_path / "nowhere"))
    with pytest.raises(AssetError, match="nowhere"):
        assets_dir()
