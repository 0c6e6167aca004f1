"""Own pictures: browsed, dropped or pasted; progress, refusals and success are told in words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import FilePayload, Page, expect

from avatar.errors import PictureReason
from tests.browser.page_stub import StubServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

# A file arrives by drop or paste as the browser would hand it over.
HAND_OVER = """([kind, name, type]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(2000)], name, { type }));
    if (kind === "paste") {
        window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
        return;
    }
    const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent("dragover", options));
    const veil = !document.getElementById("drop").hidden;
    document.body.dispatchEvent(new DragEvent("drop", options));
    return veil && document.getElementById("drop").hidden;
}"""


def picture(name: str = "me.png", size: int = 2000, kind: str = "image/png") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": bytes(size)}


async def open_page(page: Page) -> None:
    await page.goto("/")
    await page.wait_for_selector("body[data-phase=setup]")


async def test_browsed_pictures_go_up_with_progress_and_are_chosen(
    page: Page, stub: StubServer
) -> None:
    stub.upload_gate = asyncio.Event()
    await open_page(page)
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Use your own picture").click()
    assert (await chooser.value).is_multiple()
    await (await chooser.value).set_files(
        [picture("dsc_7.png"), picture("b.jpg", kind="image/jpeg")]
    )
    await expect(page.locator("#upload-text")).to_have_text("Looking for the face")
    await expect(page.locator("#upload-browse")).to_be_disabled()
    stub.upload_gate.set()
    await expect(page.locator("#upload-result")).to_contain_text("Your picture is ready.")
    await expect(page.locator("#upload-result")).to_contain_text("turned upright")
    await expect(page.get_by_role("radio", name="Your picture")).to_be_checked()
    await expect(page.locator("#go")).to_have_text("Go live as Your picture")
    await expect(page.locator("#upload-progress")).to_be_hidden()
    assert stub.uploads == [["dsc_7.png", "b.jpg"]]
    assert stub.uploaded_name == "My picture"


@pytest.mark.parametrize("kind", ["drop", "paste"])
async def test_pictures_are_taken_by_drop_and_paste(
    page: Page, stub: StubServer, kind: str
) -> None:
    await open_page(page)
    veiled = await page.evaluate(HAND_OVER, [kind, "me.webp", "image/webp"])
    assert kind == "paste" or veiled
    await expect(page.get_by_role("radio", name="Your picture")).to_be_checked()
    assert stub.uploads == [["me.webp"]]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([picture(f"{i}.png") for i in range(5)], "5 pictures are too many."),
        ([picture("dance.mp4", kind="video/mp4")], "“dance.mp4” is not a picture"),
        ([picture("big.png", size=10 * 2**20 + 1)], "“big.png” is larger than 10 MB."),
    ],
    ids=["too many", "wrong type", "too large"],
)
async def test_what_cannot_work_is_refused_before_sending(
    page: Page, stub: StubServer, files: list[FilePayload], message: str
) -> None:
    await open_page(page)
    await page.set_input_files("#upload-input", files)
    await expect(page.get_by_role("status").filter(has_text=message)).to_be_visible()
    assert stub.uploads == []


async def test_refusal_of_the_server_is_told_with_a_remedy_and_the_next_one_works(
    page: Page, stub: StubServer
) -> None:
    await open_page(page)
    words = "No face or body was found in the picture."
    error: dict[str, Any] = {"error": {"code": "no_face", "message": words}}
    stub.upload_reply = (422, error)
    await page.set_input_files("#upload-input", [picture()])
    result = page.locator("#upload-result")
    await expect(result).to_contain_text(words)
    await expect(result).to_contain_text("shows the whole face from the front")
    await expect(page.get_by_role("radio", name="Mira")).to_be_checked()
    stub.upload_reply = None
    await page.set_input_files("#upload-input", [picture()])
    await expect(result).to_contain_text("is ready")
    await expect(result).not_to_contain_text(words)


async def test_upload_can_be_stopped(page: Page, stub: StubServer) -> None:
    stub.upload_gate = asyncio.Event()
    await open_page(page)
    await page.set_input_files("#upload-input", [picture()])
    await expect(page.locator("#upload-progress")).to_be_visible()
    await page.locator("#upload-stop").click()
    await expect(page.locator("#upload-progress")).to_be_hidden()
    await expect(page.locator("#upload-result")).to_be_empty()
    await expect(page.locator("#upload-browse")).to_be_enabled()
    stub.upload_gate.set()


async def test_lost_server_during_an_upload_is_told(page: Page, stub: StubServer) -> None:
    await open_page(page)
    await page.route("**/api/characters", lambda route: route.abort())
    await page.set_input_files("#upload-input", [picture()])
    await expect(page.locator("#upload-result")).to_contain_text("The server does not answer.")


async def test_every_reason_of_the_server_has_a_remedy(page: Page) -> None:
    await page.goto("/")
    source = await page.evaluate("fetch('/web/upload.js').then((reply) => reply.text())")
    table = source.split("const REMEDIES")[1].split("});")[0]
    missing = [reason for reason in PictureReason if f"  {reason.value}:" not in table]
    assert missing == []
