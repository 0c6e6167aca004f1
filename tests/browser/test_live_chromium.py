"""The real page in a real Chromium, calling a real server with its engine process."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from server.config import ServeConfig, SessionsSection
from tests.server.live import COLOURS, InventingBuilder, running_server, until

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CONFIG = ServeConfig(sessions=SessionsSection(max_sessions=1), is_probe_allowed=True)


async def _start(page: Page, url: str) -> None:
    await page.goto(url)
    await page.wait_for_selector("#go:not([disabled])", timeout=30_000)
    await page.click("#go")


async def _probe(page: Page) -> dict[str, Any]:
    summary: dict[str, Any] = await page.evaluate("window.__probe.summary()")
    return summary


async def _until_read(page: Page, num_fresh: int) -> dict[str, Any]:
    deadline_s = time.monotonic() + 60.0
    while True:
        summary = await _probe(page)
        if summary["num_fresh"] >= num_fresh:
            return summary
        assert time.monotonic() < deadline_s, f"waited in vain for pictures: {summary}"
        await page.wait_for_timeout(200)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_marked_pictures_come_back_through_the_server(chromium: Browser, codec: str) -> None:
    video = replace(CONFIG.video, codec=codec)  # type: ignore[arg-type]
    async with running_server(replace(CONFIG, video=video), animator="echo") as server:
        context = await chromium.new_context(permissions=["camera", "microphone"])
        try:
            page = await context.new_page()
            await _start(page, f"http://127.0.0.1:{server.port}/?probe=1")
            summary = await _until_read(page, 50)
            assert summary["num_unread"] <= 0.2 * summary["num_received"]
            assert 0 < summary["p50_ms"] < 20_000
            (session,) = server.table
            assert session.peer is not None
            assert session.peer.encoder is not None
            assert session.peer.encoder.codec_name == codec.upper()
            counts = session.stats.counts()
            assert counts["decode_errors"] == counts["bad_message"] == 0
        finally:
            await context.close()
        await until(lambda: len(server.table) == 0, "closing the page frees the slot")


async def test_the_strip_is_carried_through_an_animator_that_knows_nothing_of_it(
    chromium: Browser,
) -> None:
    async with running_server(CONFIG, animator="copy") as server:
        context = await chromium.new_context(permissions=["camera", "microphone"])
        try:
            page = await context.new_page()
            await _start(page, f"http://127.0.0.1:{server.port}/?probe=1")
            await _until_read(page, 30)
        finally:
            await context.close()


async def test_a_server_that_does_not_allow_probes_carries_nothing(chromium: Browser) -> None:
    config = replace(CONFIG, is_probe_allowed=False)
    async with running_server(config, animator="copy") as server:
        context = await chromium.new_context(permissions=["camera", "microphone"])
        try:
            page = await context.new_page()
            await _start(page, f"http://127.0.0.1:{server.port}/?probe=1")
            await until(lambda: len(server.table) == 1, "the call begins", 30.0)
            (session,) = server.table
            await until(lambda: session.state.value == "live", "the call is live", 30.0)
            assert not session._is_probe
        finally:
            await context.close()


async def test_a_recording_goes_on_when_the_picture_changes_its_size(
    chromium: Browser, tmp_path: Path
) -> None:
    builder = InventingBuilder({"ada": (256, 256), "bob": (384, 256)})
    async with running_server(CONFIG, animator="copy", builder=builder) as server:
        context = await chromium.new_context(
            permissions=["camera", "microphone"], accept_downloads=True
        )
        try:
            page = await context.new_page()
            await _start(page, f"http://127.0.0.1:{server.port}/")
            await page.wait_for_selector("#actor[data-playing]", timeout=30_000)
            await page.click("#tool-record")
            await page.wait_for_timeout(4000)  # an encoder needs a moment to begin
            await page.check('#gallery input[value="bob"]', force=True)
            await _until_true(page, "avatar.videoHeight === 384")
            await page.wait_for_timeout(2000)
            async with page.expect_download() as download:
                await page.click("#tool-record")
            saved = tmp_path / (await download.value).suggested_filename
            await (await download.value).save_as(saved)
        finally:
            await context.close()
    with av.open(str(saved)) as container:
        frames = list(container.decode(video=0))
    assert {(frame.width, frame.height) for frame in frames} == {(256, 256)}
    colours = [_middle(frame) for frame in frames]
    assert _is_near(colours[0], COLOURS["ada"]), colours[0]
    assert _is_near(colours[-1], COLOURS["bob"]), colours[-1]
    assert _is_near(_middle(frames[-1], column=8), (0, 0, 0)), "fitted in, with bars"
    assert frames[-1].time - frames[0].time > 2


async def _until_true(page: Page, words: str) -> None:
    # Asked in turns: the page's security policy forbids a watcher made of text.
    deadline_s = time.monotonic() + 30.0
    while not await page.evaluate(words):
        assert time.monotonic() < deadline_s, f"waited in vain for {words}"
        await page.wait_for_timeout(100)


def _middle(frame: Any, *, column: int = 128) -> np.ndarray[Any, Any]:
    """The colour half-way down a column of a decoded picture."""
    rgb_HW3 = frame.to_ndarray(format="rgb24")
    colour: np.ndarray[Any, Any] = rgb_HW3[rgb_HW3.shape[0] // 2, column].astype(int)
    return colour


def _is_near(colour: np.ndarray[Any, Any], wanted: tuple[int, int, int]) -> bool:
    return bool(np.abs(colour - np.array(wanted)).max() < 40)


async def test_a_second_page_is_told_that_all_places_are_taken(chromium: Browser) -> None:
    async with running_server(CONFIG, animator="copy") as server:
        context = await chromium.new_context(permissions=["camera", "microphone"])
        try:
            first = await context.new_page()
            await _start(first, f"http://127.0.0.1:{server.port}/")
            await until(lambda: any(s.state.value == "live" for s in server.table), "live", 30.0)
            second = await context.new_page()
            await _start(second, f"http://127.0.0.1:{server.port}/")
            await until(lambda: server.table.num_refused > 0, "the second was refused", 30.0)
            assert len(server.table) == 1
        finally:
            await context.close()
