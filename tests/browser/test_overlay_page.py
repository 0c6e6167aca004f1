"""The overlay in a real Chromium: the character of a live page, on nothing at all."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from server.config import ListenSection, ServeConfig, SessionsSection
from tests.server.live import COLOURS, running_server

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CONFIG = ServeConfig(
    sessions=SessionsSection(max_sessions=1),
    listen=replace(ListenSection(), requests_per_minute=6000.0),
)


async def _seen(page: Page) -> np.ndarray:
    """The page as (rows, columns, RGBA); transparent where nothing is drawn."""
    picture = await page.screenshot(omit_background=True)
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGBA"))


async def _until_shown(page: Page, *, is_shown: bool) -> None:
    state = "visible" if is_shown else "hidden"
    await page.wait_for_selector("#character", state=state, timeout=30_000)


async def test_the_copied_link_shows_the_character_without_its_background(
    chromium: Browser,
) -> None:
    async with running_server(CONFIG, animator="copy") as server:
        url = f"http://127.0.0.1:{server.port}/"
        grants = ["camera", "microphone", "clipboard-read", "clipboard-write"]
        context = await chromium.new_context(
            permissions=grants, viewport={"width": 640, "height": 400}
        )
        try:
            page = await context.new_page()
            await page.goto(url)
            await page.wait_for_selector("#go:not([disabled])", timeout=30_000)
            await page.click("#overlay-copy")
            link = await page.evaluate("navigator.clipboard.readText()")
            assert link.startswith(f"{url}overlay?key=")

            overlay = await context.new_page()
            await overlay.goto(link)
            await overlay.wait_for_timeout(500)
            assert not (await _seen(overlay))[..., 3].any(), "nobody is live yet"

            await page.click("#go")
            await _until_shown(overlay, is_shown=True)
            await overlay.wait_for_timeout(1000)
            seen = (await _seen(overlay)).astype(int)
            rows, columns = seen.shape[:2]
            middle = seen[rows // 2 - 40 : rows // 2 + 40, columns // 2 - 40 : columns // 2 + 40]
            colour = COLOURS[
                await page.evaluate("document.querySelector('#gallery input:checked').value")
            ]
            assert middle[..., 3].min() == 255
            assert np.abs(middle[..., :3] - colour).max() <= 16
            assert not seen[:40, :, 3].any(), "above the covered middle is nothing"
            assert not seen[:, :40, 3].any()

            await page.bring_to_front()
            await page.click("#tool-end")
            await _until_shown(overlay, is_shown=False)
            await page.click("#go")
            await overlay.bring_to_front()
            await _until_shown(overlay, is_shown=True)
        finally:
            await context.close()


async def test_an_address_without_its_key_says_what_to_do(chromium: Browser) -> None:
    async with running_server(CONFIG, animator="copy", is_ready=False) as server:
        context = await chromium.new_context()
        try:
            page = await context.new_page()
            await page.goto(f"http://127.0.0.1:{server.port}/overlay")
            text = await page.inner_text("#trouble")
            assert "copy the overlay link" in text
        finally:
            await context.close()
