"""A real Chromium and a stand-in server for the page's tests (see page_stub.py)."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.browser.page_stub import StubServer

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
HAS_CHROMIUM = CHROMIUM.is_file()
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    # A name that is not this computer itself: browsers hold it for insecure without https.
    "--host-resolver-rules=MAP liveactor.test 127.0.0.1",
)


@pytest.fixture(scope="session")
def camera_clip(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a real person, as Chromium's fake camera wants it (tier A: CC-BY Intel).

    15 pictures per second: each is encoded and decoded twice, and no test asks for more.
    """
    clip = media / "driving" / "half_intel_headpose_male.mp4"
    out = tmp_path_factory.mktemp("camera") / "person.y4m"
    size = "scale=640:480:force_original_aspect_ratio=increase,crop=640:480,fps=15"
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-vf", size, "-t", "2"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", str(out)], check=True)
    return out


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(camera_clip: Path) -> AsyncIterator[Browser]:
    """Chromium with a person in front of its camera."""
    playwright = pytest.importorskip("playwright.async_api")
    if not HAS_CHROMIUM:
        pytest.skip(f"{CHROMIUM} is not installed")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[*FLAGS, f"--use-file-for-fake-video-capture={camera_clip}"],
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def running_stub() -> AsyncIterator[StubServer]:
    server = StubServer()
    runner = web.AppRunner(server.application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield server
    await server.close()
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def stub() -> AsyncIterator[StubServer]:
    """The stand-in server, running."""
    async with running_stub() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def blank(chromium: Browser) -> AsyncIterator[Page]:
    """One tab for all tests of a file that import single modules; the page itself is not there."""
    async with running_stub() as server:
        context = await chromium.new_context(base_url=server.url)
        tab = await context.new_page()
        await tab.goto("/web/favicon.svg")
        yield tab
        await context.close()


class PageErrors(list[str]):
    """What went wrong inside the page; a test that expects an error empties it."""


@pytest_asyncio.fixture(loop_scope="module")
async def page(chromium: Browser, stub: StubServer) -> AsyncIterator[Page]:
    """An empty tab of a new visitor; uncaught errors and CSP violations in it fail the test."""
    context = await chromium.new_context(
        permissions=["camera", "microphone"],
        viewport={"width": 1280, "height": 800},
        base_url=stub.url,
        accept_downloads=True,
    )
    tab = await context.new_page()
    errors = PageErrors()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: _note_csp(message, errors))
    yield tab
    await context.close()
    assert not errors


def _note_csp(message: Any, errors: PageErrors) -> None:
    if message.type == "error" and "Content Security Policy" in message.text:
        errors.append(message.text)
