from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import AssetError
from avatar.evaluation.report import build_report, mean_row, table, write_report
from avatar.evaluation.sheet import NUM_COLUMNS, ContactSheet

ROWS: list[dict[str, object]] = [
    {"clip": "a.mp4", "num_frames": 3, "psnr": 20.0, "mouth_correlation": None, "error": None},
    {"clip": "b.mp4", "num_frames": 5, "psnr": 30.0, "mouth_correlation": 0.5, "error": None},
    {"clip": "c.mp4", "error": "no face was found in the clip"},
]


def test_means_skip_what_was_not_measured() -> None:
    assert mean_row(ROWS) == {"psnr": 25.0, "mouth_correlation": 0.5}
    nothing: list[dict[str, object]] = [{"clip": "a", "psnr": None, "error": None}]
    assert mean_row(nothing) == {"psnr": None}


def test_clips_without_a_face_are_in_the_report() -> None:
    report = build_report("warp", "self", ROWS)
    assert report["num_without_face"] == 1
    clips = report["clips"]
    assert isinstance(clips, list)
    assert [clip["clip"] for clip in clips] == ["a.mp4", "b.mp4", "c.mp4"]
    text = table(ROWS, ("clip", "psnr", "mouth_correlation"))
    assert "no face was found" in text
    assert text.splitlines()[-1].split() == ["mean", "25.000", "0.500"]


def test_a_report_is_valid_json_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(build_report("warp", "self", ROWS), path)
    assert json.loads(path.read_text())["mean"]["psnr"] == 25.0
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]
    with pytest.raises(AssetError, match="nowhere"):
        write_report({}, tmp_path / "nowhere" / "report.json")


@pytest.mark.parametrize("num_frames", [1, 5, 16, 17, 500])
def test_a_sheet_spans_the_clip_however_long(num_frames: int, tmp_path: Path) -> None:
    sheet = ContactSheet(("x",))
    for index in range(num_frames):
        sheet.add(np.full((8, 8, 3), 200 * index // num_frames, np.uint8))
    picture = sheet.picture()
    assert picture.shape[1] // 192 == min(num_frames, NUM_COLUMNS)
    assert picture[96, -96, 0] >= 0.7 * 200 * (num_frames - 1) / num_frames, "up to the end"
    sheet.save(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
