"""The real page in a real Chromium, calling a real server with its engine process."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from server.config import ServeConfig, SessionsSection
from tests.server.live import running_server, until

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
