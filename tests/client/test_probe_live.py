"""The probe's command measures a real server through a real Chromium; its words are asserted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from client.__main__ import main
from server.config import ServeConfig, SessionsSection
from tests.browser.conftest import CHROMIUM, HAS_CHROMIUM
from tests.server.live import running_server

CONFIG = ServeConfig(sessions=SessionsSection(max_sessions=1), is_probe_allowed=True)
SECONDS = 4
PERCENTILES = {"p50", "p95"}
NUMBERS = {
    *("fps", "first_frame_s", "freezes", "longest_gap_s", "p95_gap_s", "voice_delay_s"),
    *("av_skew_median_s", "num_beeps", "num_pictures", "num_unread"),
}


@pytest.mark.browser
@pytest.mark.media
async def test_the_probe_command_says_everything_it_measures(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("playwright.sync_api")
    if not HAS_CHROMIUM:
        pytest.skip(f"{CHROMIUM} is not installed")
    clip, picture = media / "driving" / "half_asl_eat.mkv", tmp_path / "page.png"
    async with running_server(CONFIG, animator="echo") as server:
        url = f"http://127.0.0.1:{server.port}/"
        words = ["probe", "--url", url, "--clip", str(clip), "--seconds", str(SECONDS)]
        words += ["--camera-fps", "15", "--character", "bob", "--screenshot", str(picture)]
        assert await asyncio.to_thread(main, [*words, "--json"]) == 0
    said = capsys.readouterr().out.strip().splitlines()
    report: dict[str, Any] = json.loads(said[-1])
    shares = {"glass_to_glass_s", "av_skew_s"}
    assert report.keys() == {"seconds", "url", "clip", *NUMBERS, *shares}
    assert (report["seconds"], report["url"], report["clip"]) == (SECONDS, url, clip.name)
    assert {name for name in NUMBERS if report[name] is None} == set()
    for name in shares:
        assert report[name].keys() == PERCENTILES
        assert None not in report[name].values()
    assert 0 < report["glass_to_glass_s"]["p50"] <= report["glass_to_glass_s"]["p95"]
    assert 0 <= report["av_skew_s"]["p50"] <= report["av_skew_s"]["p95"]
    assert report["first_frame_s"] > 0
    assert 0 <= report["num_unread"] < report["num_pictures"]
    assert report["fps"] > 0
    assert report["num_beeps"] > 0
    assert said[0].startswith("glass to glass"), "and for people"
    assert "not measured" not in "\n".join(said[:-1])
    assert picture.read_bytes().startswith(b"\x89PNG")


async def test_a_server_that_is_not_there_is_named(
    media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("playwright.sync_api")
    if not HAS_CHROMIUM:
        pytest.skip(f"{CHROMIUM} is not installed")
    clip, url = media / "driving" / "half_asl_eat.mkv", "http://127.0.0.1:9/"
    words = ["probe", "--url", url, "--clip", str(clip), "--seconds", "1", "--json"]
    assert await asyncio.to_thread(main, words) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{url}: the page cannot be opened; is the server up?" in said.err
