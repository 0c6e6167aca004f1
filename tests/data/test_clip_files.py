"""Clips on disk: what is written is read back; damaged files are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.data.clip import ClipPlan, render_clip
from avatar.data.clip_file import read_clip, write_clip
from avatar.data.looks import Look
from avatar.data.render import Quality
from avatar.errors import AssetError


def test_a_clip_survives_the_disk(assets: Path, tmp_path: Path) -> None:
    plan = ClipPlan(
        size_px=64, num_frames=1, num_references=1, look=Look.TOON, quality=Quality(samples=1)
    )
    clip = render_clip(4, plan)
    write_clip(tmp_path / "a" / "clip.npz", clip)
    back = read_clip(tmp_path / "a" / "clip.npz")
    np.testing.assert_array_equal(back.rgb_FHW3, clip.rgb_FHW3)
    assert (back.look, back.seed) == ("toon", 4)


def test_a_damaged_clip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip_000000001.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(AssetError, match="clip_000000001"):
        read_clip(path)
