from __future__ import annotations

import json
from pathlib import Path

from avatar.__main__ import main


def test_a_sweep_moves_faces_names_refusals_and_finds_no_crash(media: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite"
    for folder, names in (
        ("driving", ("close_lp_d0.mp4", "full_intel_enter_leave.mp4")),
        ("reference", ("photo_astronaut_nasa.png", "noface_background.jpg")),
    ):
        (suite / folder).mkdir(parents=True)
        for name in names:
            (suite / folder / name).symlink_to(media / folder / name)
    output = tmp_path / "report.json"
    assert main(["sweep", "--suite", str(suite), "--output", str(output), "--frames", "2"]) == 0
    report = json.loads(output.read_text())
    assert report["num_pairs"] == 1
    assert report["num_crashes"] == 0
    assert "No face" in report["refused"]["noface_background.jpg"]
    by_clip = {row["clip"]: row for row in report["clips"]}
    assert by_clip["close_lp_d0.mp4"]["worst_holes"] < 0.05
    assert "no face" in by_clip["full_intel_enter_leave.mp4"]["error"]
    assert (tmp_path / "report_sheets" / "close_lp_d0.png").is_file()
