"""Every state of the page is reached, understood and left again, in a real Chromium."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.browser.page_stub import StubServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PICTURE: FilePayload = {"name": "me.png", "mimeType": "image/png", "buffer": b"\x89PNG"}

BREAK_CAMERA = """(() => {
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.permissions.query = async ({ name }) => ({ state: "prompt", name });
    navigator.mediaDevices.getUserMedia = async (wish) => {
        if (wish[window.brokenKind ?? "%(kind)s"]) throw new DOMException("broken", "%(error)s");
        return real(wish);
    };
})()"""


async def in_phase(page: Page, phase: str) -> None:
    await page.wait_for_selector(f"body[data-phase={phase}]", timeout=20_000)


async def go_live(page: Page) -> None:
    await page.goto("/")
    await in_phase(page, "setup")
    await page.click("#go")
    await in_phase(page, "live")


async def until(condition: Any, what: str) -> None:
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never happened: {what}")


async def test_two_clicks_from_opening_the_page_to_being_a_character(
    page: Page, stub: StubServer
) -> None:
    await page.goto("/")
    await page.get_by_label("Alma").click()
    await page.get_by_role("button", name="Go live as Alma").click()
    await in_phase(page, "live")
    await expect(page.locator("#status-text")).to_contain_text("Live")
    await page.wait_for_selector("#actor[data-playing]")
    size = await page.evaluate(
        "[avatar.videoWidth > 0, avatar.muted, document.getElementById('self-view').muted]"
    )
    assert size == [True, True, True]
    offer = stub.offers[0]
    assert offer["character"] == "c2"
    assert offer["neutral"] is None
    assert "m=video" in offer["sdp"]
    assert "m=audio" in offer["sdp"]
    assert "m=application" in offer["sdp"]
    await page.get_by_role("button", name="End").click()
    await in_phase(page, "setup")
    await until(lambda: "DELETE s1" in stub.byes, "the slot is freed at once")


async def test_a_voice_is_enough_and_no_camera_is_asked_for(page: Page, stub: StubServer) -> None:
    await page.add_init_script(BREAK_CAMERA % {"kind": "video", "error": "NotAllowedError"})
    await page.goto("/")
    await in_phase(page, "setup")
    await page.get_by_role("button", name="With my voice only, no camera").click()
    await in_phase(page, "live")
    offer = stub.offers[0]
    assert set(offer["settings"]["sources"].values()) == {"audio"}
    assert await page.evaluate(
        "document.getElementById('self-view').srcObject === null || "
        "document.getElementById('self-view').srcObject.getVideoTracks().length === 0"
    )
    stub.say({"type": "notice", "code": "camera_picture", "message": ""})
    await expect(page.locator("#hint")).to_be_hidden()
    # The next ordinary start follows the camera again.
    await page.get_by_role("button", name="End").click()
    await in_phase(page, "setup")
    await page.click("#go")
    await in_phase(page, "failed")
    await expect(page.locator("#failure-title")).to_have_text("The camera is blocked")


async def test_without_camera_and_microphone_the_character_still_lives(
    page: Page, stub: StubServer
) -> None:
    await page.add_init_script(BREAK_CAMERA % {"kind": "video", "error": "NotFoundError"})
    await page.add_init_script(BREAK_CAMERA % {"kind": "audio", "error": "NotFoundError"})
    await page.add_init_script("window.brokenKind = undefined")
    await page.goto("/")
    await in_phase(page, "setup")
    await page.click("#go-voice")
    await in_phase(page, "live")
    await expect(page.locator("#device-note")).to_contain_text("No microphone was found")


@pytest.mark.parametrize(
    ("error", "title"),
    [
        ("NotFoundError", "No camera was found"),
        ("NotAllowedError", "The camera is blocked"),
        ("NotReadableError", "The camera is in use"),
        ("TypeError", "The camera did not start"),
    ],
)
async def test_a_camera_that_fails_is_explained_with_a_way_on(
    page: Page, stub: StubServer, error: str, title: str
) -> None:
    await page.add_init_script(BREAK_CAMERA % {"kind": "video", "error": error})
    await page.goto("/")
    await in_phase(page, "setup")
    await page.click("#go")
    await in_phase(page, "failed")
    card = page.get_by_role("alert")
    await expect(card.get_by_role("heading")).to_have_text(title)
    assert await card.locator("li").count() >= 1
    await expect(card.get_by_role("button", name="Try again")).to_be_focused()
    assert stub.offers == []
    await page.evaluate("window.brokenKind = 'nothing'")
    await page.keyboard.press("Enter")
    await in_phase(page, "live")


async def test_the_other_camera_can_be_chosen_after_a_failure(page: Page) -> None:
    await page.add_init_script(BREAK_CAMERA % {"kind": "video", "error": "NotReadableError"})
    await page.goto("/")
    await in_phase(page, "setup")
    await page.click("#preview")
    await in_phase(page, "failed")
    await page.get_by_role("button", name="Back").click()
    await in_phase(page, "setup")
    await expect(page.locator("#go")).to_be_enabled()


async def test_without_a_microphone_the_character_moves_and_says_why(
    page: Page, stub: StubServer
) -> None:
    await page.add_init_script(BREAK_CAMERA % {"kind": "audio", "error": "NotFoundError"})
    await go_live(page)
    await expect(page.locator("#device-note")).to_contain_text("No microphone was found")
    assert "m=audio" in stub.offers[0]["sdp"]


async def test_insecure_address_is_explained(page: Page, stub: StubServer) -> None:
    port = stub.url.rsplit(":", 1)[1]
    await page.goto(f"http://liveactor.test:{port}")
    await in_phase(page, "failed")
    await expect(page.get_by_role("alert")).to_contain_text("secure (https) address")


async def test_browser_without_webrtc_is_explained(page: Page) -> None:
    await page.add_init_script("delete window.RTCPeerConnection")
    await page.goto("/")
    await in_phase(page, "failed")
    await expect(page.get_by_role("alert")).to_contain_text("cannot make live calls")


async def test_protected_server_asks_for_its_key(page: Page, stub: StubServer) -> None:
    stub.config_status = 401
    await page.goto("/")
    await in_phase(page, "failed")
    await expect(page.get_by_role("alert")).to_contain_text("access key")
    await page.get_by_label("Access key").fill("geheim")
    stub.config_status = 200
    async with page.expect_request("**/?token=geheim"):
        await page.keyboard.press("Enter")
    await in_phase(page, "setup")
    assert "token" not in page.url


async def test_server_that_is_away_is_explained_and_sought_again(
    page: Page, stub: StubServer
) -> None:
    await page.route("**/api/config", lambda route: route.abort())
    await page.goto("/")
    await in_phase(page, "failed")
    await expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    await page.unroute("**/api/config")
    await page.get_by_role("button", name="Try again").click()
    await in_phase(page, "setup")


async def test_busy_server_counts_down_and_lets_in(page: Page, stub: StubServer) -> None:
    stub.session_replies = ["busy", "busy"]
    await page.goto("/")
    await in_phase(page, "setup")
    await page.click("#go")
    await in_phase(page, "waiting")
    await expect(page.locator("#waiting-title")).to_have_text("All places are taken")
    await expect(page.locator("#waiting-text")).to_contain_text("Next try in 2 s")
    await expect(page.locator("#waiting-text")).to_contain_text("Next try in 1 s")
    await in_phase(page, "live")


async def test_waiting_for_a_place_can_be_given_up(page: Page, stub: StubServer) -> None:
    stub.session_replies = ["busy"]
    await page.goto("/")
    await in_phase(page, "setup")
    await page.click("#go")
    await in_phase(page, "waiting")
    await page.get_by_role("button", name="Cancel").click()
    await in_phase(page, "setup")
    await asyncio.sleep(2.5)
    assert stub.offers == []


async def test_lost_connection_comes_back_with_everything_kept(
    page: Page, stub: StubServer
) -> None:
    await go_live(page)
    await page.get_by_label("Kofi").click()
    await page.get_by_label("Hands").select_option("still")
    await page.click("#tool-mirror")
    stub.say({"type": "neutral", "neutral": {"version": 1, "values": [0.5]}})
    await until(lambda: len(stub.heard) >= 3, "the three changes are said")
    await stub.hang_up()
    await in_phase(page, "reconnecting")
    await expect(page.locator("#waiting-text")).to_contain_text("settings are kept")
    await in_phase(page, "live")
    again = stub.offers[1]
    assert again["character"] == "c5"
    assert again["settings"]["sources"]["hands"] == "still"
    assert again["settings"]["is_mirrored"] is False
    assert again["neutral"] == {"version": 1, "values": [0.5]}
    await page.wait_for_selector("#actor[data-playing]")


async def test_a_server_that_stays_away_ends_in_a_clear_state(page: Page, stub: StubServer) -> None:
    await go_live(page)
    await page.route("**/api/sessions", lambda route: route.abort())
    await page.evaluate(
        """() => {
            const real = window.setTimeout; // time flies: the waits between attempts shrink
            window.setTimeout = (act, ms, ...rest) => real(act, Math.min(ms, 30), ...rest);
        }"""
    )
    stub.say({"type": "bye", "reason": "shutdown"})
    await stub.hang_up()
    await in_phase(page, "failed")
    await expect(page.get_by_role("alert")).to_contain_text("The server was stopped")
    await page.unroute("**/api/sessions")
    await expect(page.get_by_role("button", name="Go live again")).to_be_focused()


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        ("replaced", "The session continues elsewhere"),
        ("too_long", "Time is up"),
        ("engine_failed", "The engine stopped"),
    ],
)
async def test_a_final_bye_is_explained_and_not_undone(
    page: Page, stub: StubServer, reason: str, title: str
) -> None:
    await go_live(page)
    stub.say({"type": "bye", "reason": reason})
    await asyncio.sleep(0.2)
    await stub.hang_up()
    await in_phase(page, "failed")
    await expect(page.get_by_role("alert").get_by_role("heading")).to_have_text(title)
    assert len(stub.offers) == 1


async def test_live_troubles_are_hinted_and_pass(page: Page, stub: StubServer) -> None:
    await go_live(page)
    hint = page.locator("#hint")
    await expect(hint).to_be_hidden()
    stub.tracking = "lost"
    await expect(hint).to_contain_text("No face found")
    stub.say({"type": "notice", "code": "engine_restarting", "message": "…"})
    await expect(hint).to_contain_text("The engine is restarting")
    stub.say({"type": "notice", "code": "engine_ready", "message": "…"})
    stub.tracking = "tracked"
    await expect(hint).to_be_hidden()
    stub.say({"type": "notice", "code": "no_camera_picture", "message": "…"})
    await expect(hint).to_contain_text("No picture arrives")
    stub.say({"type": "notice", "code": "camera_picture", "message": "…"})
    await expect(hint).to_be_hidden()
    await expect(page.locator("#announcer")).not_to_be_empty()


async def test_a_camera_that_dies_in_the_call_is_hinted_and_replaced(
    page: Page, stub: StubServer
) -> None:
    await go_live(page)
    await page.evaluate(
        """() => { // as when it is unplugged: the track ends by itself
            const [track] = document.getElementById("self-view").srcObject.getVideoTracks();
            track.dispatchEvent(new Event("ended"));
        }"""
    )
    await expect(page.locator("#hint")).to_contain_text("The camera stopped")
    await page.locator("#camera-choice").dispatch_event("change")
    await expect(page.locator("#hint")).to_be_hidden()
    assert (
        await page.evaluate(
            "document.getElementById('self-view').srcObject.getVideoTracks()[0].readyState"
        )
        == "live"
    )
    assert len(stub.offers) == 1


async def test_uploaded_character_that_the_server_forgot_is_sent_again(
    page: Page, stub: StubServer
) -> None:
    await page.goto("/")
    await in_phase(page, "setup")
    await page.set_input_files("#upload-input", [PICTURE])
    await expect(page.locator("#go")).to_have_text("Go live as Your picture")
    stub.session_replies = ["gone"]
    await page.click("#go")
    await in_phase(page, "live")
    assert stub.uploads == [["me.png"], ["me.png"]]
    assert stub.offers[0]["character"] == "u2"


@pytest.mark.parametrize("reply", ["error", "garbage"])
async def test_a_server_that_fails_is_told_and_tried_again(
    page: Page, stub: StubServer, reply: str
) -> None:
    stub.session_replies = [reply]
    await page.goto("/")
    await in_phase(page, "setup")
    await page.click("#go")
    await in_phase(page, "failed")
    await expect(page.get_by_role("alert")).to_contain_text("The server could not do that")
    await page.get_by_role("button", name="Try again").click()
    await in_phase(page, "setup")
    await page.click("#go")
    await in_phase(page, "live")


async def test_camera_can_be_looked_at_and_turned_off_before_the_start(
    page: Page, stub: StubServer
) -> None:
    await page.goto("/")
    await in_phase(page, "setup")
    await page.get_by_role("button", name="Turn my camera off").click()
    await expect(page.get_by_role("button", name="Check my camera")).to_be_focused()
    assert await page.evaluate("document.getElementById('self-view').srcObject") is None
    await page.select_option("#camera-choice", index=0)
    assert await page.evaluate("document.getElementById('self-view').srcObject") is None
    await page.keyboard.press("g")
    await in_phase(page, "live")
    tracks = "document.getElementById('self-view').srcObject.getTracks().length"
    assert await page.evaluate(tracks) == 2


async def test_a_character_chosen_while_connecting_is_the_one_that_comes(
    page: Page, stub: StubServer
) -> None:
    await page.goto("/")
    await in_phase(page, "setup")
    await page.click("#go")
    await page.evaluate("document.querySelector('#gallery input[value=c4]').click()")
    await in_phase(page, "live")
    if stub.offers[0]["character"] != "c4":
        await until(lambda: {"type": "character", "id": "c4"} in stub.heard, "the swap is said")


async def test_an_empty_gallery_asks_for_a_picture(page: Page, stub: StubServer) -> None:
    stub.num_characters = 0
    await page.goto("/")
    await in_phase(page, "setup")
    await expect(page.get_by_role("radiogroup")).to_contain_text("There is no character yet")
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add a picture to begin").click()
    await (await chooser.value).set_files([PICTURE])
    await expect(page.locator("#go")).to_have_text("Go live as Your picture")


async def test_closing_the_tab_says_goodbye(
    page: Page, chromium: Browser, stub: StubServer
) -> None:
    await go_live(page)
    await page.goto("about:blank")
    await until(lambda: "POST s1" in stub.byes, "the beacon arrives")
