"""What a person does during a call reaches the server, and what comes back is kept or saved."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from server import protocol
from tests.browser.page_stub import StubServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def go_live(page: Page, path: str = "/") -> None:
    await page.goto(path)
    await page.wait_for_selector("body[data-phase=setup]")
    await page.click("#go")
    await page.wait_for_selector("body[data-phase=live]")


async def until(condition: Callable[[], Any], what: str) -> None:
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never happened: {what}")


async def becomes_true(page: Page, expression: str) -> None:
    """Playwright's own wait_for_function is an eval inside the page, which the CSP forbids."""
    for _ in range(200):
        if await page.evaluate(expression):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"never became true: {expression}")


async def test_every_switch_is_said_to_the_server_whole_and_valid(
    page: Page, stub: StubServer
) -> None:
    await go_live(page)
    for region in ("Eyes", "Brows", "Mouth", "Head", "Body", "Hands"):
        await page.get_by_label(region, exact=True).select_option("still")
    await page.click("#tool-mirror")
    await page.click("#tool-voice")
    await until(lambda: len(stub.heard) == 8, "eight settings arrive")
    for message in stub.heard:
        protocol.parse_client_message(json.dumps(message))
    last = stub.heard[-1]
    assert last["sources"] == dict.fromkeys(protocol.REGIONS, "still")
    assert last["is_mirrored"] is False
    assert last["is_voice_on"] is False
    assert await page.evaluate("document.body.hasAttribute('data-mirror')") is False
    await page.reload()
    await page.wait_for_selector("body[data-phase=setup]")
    assert await page.get_by_label("Eyes", exact=True).input_value() == "still"
    assert await page.get_by_role("switch", name="Speak with my voice").is_checked() is False


async def test_a_voice_that_is_off_does_not_leave_the_computer(
    page: Page, stub: StubServer
) -> None:
    await page.goto("/")
    await page.wait_for_selector("body[data-phase=setup]")
    await page.wait_for_selector("#you-off", state="hidden")
    track = "document.getElementById('self-view').srcObject.getAudioTracks()[0].enabled"
    assert await page.evaluate(track) is True
    await page.get_by_role("switch", name="Speak with my voice").click()
    assert await page.evaluate(track) is False


async def test_character_is_swapped_in_the_call_and_a_failed_swap_goes_back(
    page: Page, stub: StubServer
) -> None:
    await go_live(page)
    await page.get_by_label("Robo").click()
    await until(lambda: stub.heard, "the swap is said")
    assert stub.heard[-1] == {"type": "character", "id": "c6"}
    stub.say({"type": "character", "id": "c6"})
    await page.get_by_label("Kofi").click()
    await until(lambda: len(stub.heard) == 2, "the second swap is said")
    stub.say({"type": "notice", "code": "character_failed", "message": "Kofi cannot be used."})
    await expect(page.get_by_label("Robo")).to_be_checked()
    await expect(page.locator("#toast")).to_have_text("Kofi cannot be used.")
    assert len(stub.offers) == 1


async def test_calibration_counts_down_asks_once_and_is_kept_in_the_browser(
    page: Page, stub: StubServer
) -> None:
    neutral = {"version": 1, "values": [0.25, -1.0]}

    def answer(channel: Any, message: dict[str, Any]) -> None:
        if message["type"] == "calibrate":
            refined = {"version": 1, "values": [9.0, 9.0]}
            channel.send(json.dumps({"type": "neutral", "neutral": refined}))
            notice = {"type": "notice", "code": "calibrated", "message": "Calibrated."}
            channel.send(json.dumps(notice))
            channel.send(json.dumps({"type": "neutral", "neutral": neutral}))

    stub.on_say = answer
    await go_live(page)
    await expect(page.locator("#neutral-forget")).to_be_hidden()
    await page.click("#tool-calibrate")
    for number in ("3", "2", "1"):
        await expect(page.locator("#countdown-number")).to_have_text(number)
    await expect(page.locator("#toast")).to_contain_text("Calibrated")
    await expect(page.locator("#countdown")).to_be_hidden()
    assert [message["type"] for message in stub.heard] == ["calibrate"]
    await go_live(page)
    assert stub.offers[-1]["neutral"] == neutral
    await page.get_by_role("button", name="Forget it").click()
    await until(lambda: stub.heard[-1] == {"type": "neutral", "neutral": None}, "forgotten")
    assert await page.evaluate("localStorage.getItem('liveactor.neutral')") is None


async def test_calibration_that_sees_no_face_says_so(page: Page, stub: StubServer) -> None:
    await go_live(page)
    await page.click("#tool-calibrate")
    toast = page.locator("#toast")
    await expect(toast).to_contain_text("your face was not seen well enough", timeout=15_000)
    await expect(page.locator("#countdown")).to_be_hidden()


async def test_recording_becomes_a_playable_file_with_picture_and_sound(
    page: Page, stub: StubServer, tmp_path: Path
) -> None:
    await go_live(page)
    await page.wait_for_selector("#actor[data-playing]")
    await page.click("#tool-record")
    await expect(page.locator("#recording")).to_be_visible()
    await expect(page.locator("#recording-time")).to_have_text("0:02")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Save").click()
    file = await download.value
    assert file.suggested_filename.startswith("liveactor-mira-")
    path = tmp_path / file.suggested_filename
    await file.save_as(path)
    assert set(probe_codecs(path)) == {"audio", "video"}
    await expect(page.locator("#recording")).to_be_hidden()


async def test_recording_is_saved_when_the_connection_is_lost(
    page: Page, stub: StubServer, tmp_path: Path
) -> None:
    await go_live(page)
    await page.wait_for_selector("#actor[data-playing]")
    await page.click("#tool-record")
    await expect(page.locator("#recording-time")).to_have_text("0:02")
    async with page.expect_download() as download:
        await stub.hang_up()
    path = tmp_path / "lost.bin"
    await (await download.value).save_as(path)
    assert "video" in probe_codecs(path)


def probe_codecs(path: Path) -> list[str]:
    show = ["-show_entries", "stream=codec_type", "-of", "csv=p=0"]
    command = ["ffprobe", "-v", "error", *show, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


async def test_microphone_is_changed_in_the_call_without_a_new_session(
    page: Page, stub: StubServer
) -> None:
    await go_live(page)
    before = await page.evaluate(
        "document.getElementById('self-view').srcObject.getAudioTracks()[0].id"
    )
    options = page.locator("#microphone-choice option")
    assert await options.count() >= 2
    value = await options.nth(1).get_attribute("value")
    await page.select_option("#microphone-choice", value)
    await expect(page.locator("#toast")).to_contain_text("Now using")
    after = await page.evaluate(
        "document.getElementById('self-view').srcObject.getAudioTracks().map((t) => t.id)"
    )
    assert len(after) == 1
    assert after[0] != before
    assert len(stub.offers) == 1


async def test_figures_show_rates_latency_drops_and_tracking(page: Page, stub: StubServer) -> None:
    await go_live(page)
    await page.keyboard.press("h")
    hud = page.get_by_role("group", name="Live figures")
    await expect(hud).to_be_visible()
    for words in ("Glass to glass", "face tracked", "30, 25, 25 fps", "motion", "9.1 / 14.6"):
        await expect(hud).to_contain_text(words)
    await expect(hud).to_contain_text("640 × 480 VP8")
    await expect(hud).to_contain_text("trained model")
    await expect(hud).to_contain_text("12 ms per picture")
    await expect(hud.locator(".hud-head strong").first).to_have_text(re.compile(r"^\d+"))
    await page.keyboard.press("h")
    await expect(hud).to_be_hidden()


async def test_a_renderer_that_hands_over_amid_the_call_is_named_once(
    page: Page, stub: StubServer
) -> None:
    await go_live(page)
    status = page.locator("#status-text")
    await expect(status).to_have_attribute("title", re.compile("Drawn by the trained model"))
    await expect(page.locator("#toast")).to_be_hidden()
    stub.say({"type": "drawing", "renderer": "warp", "reason": "The model fell behind."})
    await expect(page.locator("#toast")).to_have_text(
        "The landmark warp draws now. The model fell behind."
    )
    await expect(status).to_have_attribute("title", re.compile("landmark warp"))
    await expect(page.locator("#toast")).to_be_hidden(timeout=15_000)
    stub.say({"type": "drawing", "renderer": "neural", "reason": "There is room again."})
    await expect(status).to_have_attribute("title", re.compile("trained model. There is room"))
    await expect(page.locator("#toast")).to_be_hidden()


async def test_own_voice_is_silent_unless_asked_for(page: Page, stub: StubServer) -> None:
    await go_live(page)
    assert await page.evaluate("avatar.muted") is True
    await page.get_by_role("switch", name="Hear my own voice").click()
    assert await page.evaluate("avatar.muted") is False
    await page.reload()
    await page.wait_for_selector("body[data-phase=setup]")
    assert await page.get_by_role("switch", name="Hear my own voice").is_checked() is False


async def test_fullscreen_shows_the_stage_and_leaves_again(page: Page, stub: StubServer) -> None:
    await go_live(page)
    await page.click("#tool-fullscreen")
    await becomes_true(page, "document.fullscreenElement?.id === 'stage'")
    assert await page.locator("#you").is_hidden()
    await page.keyboard.press("f")
    await becomes_true(page, "document.fullscreenElement === null")


async def test_the_page_reports_how_long_the_browser_holds_voice_and_pictures(
    page: Page, stub: StubServer
) -> None:
    await go_live(page)
    await until(lambda: len(stub.playouts) >= 2, "two reports")
    for report in stub.playouts:
        assert protocol.parse_client_message(json.dumps(report))
        assert 0 < report["voice_ms"] < 2000
        assert 0 < report["picture_ms"] < 2000


async def test_probe_measures_glass_to_glass_through_an_echo(page: Page, stub: StubServer) -> None:
    stub.is_probe_allowed = True
    await go_live(page, "/?probe=1")
    assert stub.offers[0]["probe"] is True
    await becomes_true(page, "__probe.summary().num_fresh > 20")
    await becomes_true(page, "__probe.summary().num_beeps_heard >= 2")
    summary = await page.evaluate("__probe.summary()")
    assert 0 < summary["p50_ms"] < 2000
    assert summary["p50_ms"] <= summary["p95_ms"]
    assert summary["num_unread"] <= 0.2 * summary["num_received"]
    assert summary["fps"] > 1
    assert summary["first_frame_ms"] > 0
    assert summary["skew_p50_ms"] is not None
