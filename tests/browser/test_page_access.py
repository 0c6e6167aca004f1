"""Anyone can use the page: keyboard, screen reader, phone, light and dark, little motion.

The checks follow WCAG 2.2 AA where a machine can decide: names and labels (1.1.1, 4.1.2), contrast
(1.4.3), reflow at 320 to 360 px (1.4.10), focus order and visibility (2.4.3, 2.4.7), single keys
that can be switched off (2.1.4), size of targets (2.5.8).
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.page_stub import StubServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

# Controls, pictures and dialogs without a name; ids used twice; references to nothing.
AUDIT = """() => {
    const faults = [];
    const seen = (element) => element.getClientRects().length > 0;
    const nameOf = (element) => {
        const by = element.getAttribute("aria-labelledby");
        const texts = (elements) => elements.map((e) => e?.textContent ?? "").join(" ");
        if (by) return texts(by.split(" ").map((id) => document.getElementById(id)));
        return element.getAttribute("aria-label") || element.getAttribute("alt") ||
            texts([...(element.labels ?? [])]) || element.textContent;
    };
    for (const element of document.querySelectorAll(
        "button, input, select, meter, progress, video, img, dialog, [role=group], " +
        "[role=radiogroup], [role=alert]")) {
        if (!seen(element) || element.getAttribute("alt") === "") continue;
        if (!(nameOf(element) ?? "").trim()) faults.push(`no name: ${element.outerHTML}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    faults.push(...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `twice: ${id}`));
    for (const attribute of ["aria-labelledby", "aria-describedby", "for"]) {
        for (const element of document.querySelectorAll(`[${attribute}]`)) {
            for (const id of element.getAttribute(attribute).split(" ")) {
                if (!document.getElementById(id) && seen(element)) faults.push(`dangling ${id}`);
            }
        }
    }
    if (!document.documentElement.lang) faults.push("no language");
    if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
    if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
    const tabs = [...document.querySelectorAll("[tabindex]")].filter((e) => e.tabIndex > 0);
    if (tabs.length > 0) faults.push("positive tabindex");
    return faults;
}"""

# Contrast of every visible text with what is painted behind it (WCAG's formula).
CONTRAST = """() => {
    const channels = (color) => {
        const canvas = new OffscreenCanvas(1, 1).getContext("2d");
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], back) => [r, g, b].map((c, i) => c * a + back[i] * (1 - a));
    const backOf = (element) => {
        const layers = [];
        for (let e = element; e; e = e.parentElement) {
            const layer = channels(getComputedStyle(e).backgroundColor);
            layers.push(layer);
            if (layer[3] === 1) break;
        }
        return layers.reverse().reduce((back, layer) => over(layer, back), [255, 255, 255]);
    };
    const light = (rgb) => rgb.map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const faults = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const style = getComputedStyle(element);
        if (!walker.currentNode.data.trim() || element.getClientRects().length === 0) continue;
        if (style.visibility === "hidden" || element.closest("button:disabled, script")) continue;
        const back = backOf(element);
        const [a, b] = [light(over(channels(style.color), back)), light(back)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const size = parseFloat(style.fontSize);
        const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (isLarge ? 3 : 4.5)) {
            faults.push(`${ratio.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 40)}`);
        }
    }
    return faults;
}"""

SMALL_TARGETS = """() => [...document.querySelectorAll("button, select, input, a[href]")]
    .filter((e) => e.getClientRects().length > 0 && !e.matches(".skip"))
    .map((e) => [e.id || e.outerHTML, (e.closest("label") ?? e).getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24).map(([name]) => name)"""

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def open_page(page: Page) -> None:
    await page.goto("/")
    await page.wait_for_selector("body[data-phase=setup]")
    await page.wait_for_selector("#you-off", state="hidden")


async def go_live(page: Page) -> None:
    await open_page(page)
    await page.click("#go")
    await page.wait_for_selector("body[data-phase=live]")


async def show_failure(page: Page) -> None:
    await page.route("**/api/config", lambda route: route.abort())
    await page.goto("/")
    await page.wait_for_selector("body[data-phase=failed]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_names_contrast_and_targets_hold_in_every_state(
    page: Page, stub: StubServer, scheme: Any
) -> None:
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto("/")
    await open_page(page)
    faults = await faults_now(page, "setup")
    await page.click("#help-open")
    faults += await faults_now(page, "help")
    await page.keyboard.press("Escape")
    await page.click("#go")
    await page.wait_for_selector("body[data-phase=live]")
    await page.click("#tool-hud")
    await expect(page.locator(".hud-list")).not_to_have_count(0)
    faults += await faults_now(page, "live")
    await show_failure(page)
    faults += await faults_now(page, "failed")
    assert faults == []


async def faults_now(page: Page, state: str) -> list[str]:
    found: list[str] = []
    for check in (AUDIT, CONTRAST, SMALL_TARGETS):
        found += [f"{state}: {fault}" for fault in await page.evaluate(check)]
    return found


@pytest.mark.parametrize("width", [320, 360, 768, 1024, 1920])
async def test_nothing_scrolls_sideways_at_any_width(
    page: Page, stub: StubServer, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 740})
    await open_page(page)
    assert await page.evaluate(OVERFLOW) <= 0
    await page.click("#go")
    await page.wait_for_selector("body[data-phase=live]")
    await page.click("#tool-hud")
    assert await page.evaluate(OVERFLOW) <= 0
    await show_failure(page)
    assert await page.evaluate(OVERFLOW) <= 0
    card = await page.locator("#failure").bounding_box()
    button = await page.locator("#failure .primary").bounding_box()
    assert card is not None
    assert button is not None
    assert button["y"] + button["height"] <= card["y"] + card["height"]


async def test_everything_is_reached_by_tab_in_reading_order(page: Page, stub: StubServer) -> None:
    await open_page(page)
    order = []
    for _ in range(40):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(
            "document.activeElement.id || document.activeElement.dataset.region ||"
            " document.activeElement.name || document.activeElement.className"
        )
        if focused in order or focused == "":  # round again, or out at the end
            break
        order.append(focused)
        outline = await page.evaluate(
            "(() => { const e = document.activeElement;"
            " const shown = e.type === 'radio' ? e.nextElementSibling : e;"
            " return getComputedStyle(shown).outlineStyle; })()"
        )
        assert outline == "solid", f"{focused} shows no focus"
    assert order[:6] == ["skip", "help-open", "you-stop", "go", "go-voice", "character"]
    assert order[6:] == [
        "upload-browse",
        "camera-choice",
        "microphone-choice",
        "voice-switch",
        "hear-self",
        *("eyes", "brows", "mouth", "head", "body", "hands"),
        *("overlay-copy", "overlay-renew"),
    ]


async def test_a_whole_session_needs_no_mouse(page: Page, stub: StubServer) -> None:
    await open_page(page)
    await page.keyboard.press("3")
    await expect(page.locator("#announcer")).to_have_text("Alma chosen")
    await page.keyboard.press("g")
    await page.wait_for_selector("body[data-phase=live]")
    await expect(page.locator("#announcer")).to_contain_text("You are live as Alma")
    await page.keyboard.press("m")
    await expect(page.locator("#tool-mirror")).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("v")
    await expect(page.locator("#tool-voice")).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("c")
    await expect(page.locator("#countdown")).to_be_visible()
    await page.keyboard.press("c")
    await expect(page.locator("#countdown")).to_be_hidden()
    await page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Help")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("x")
    assert await page.evaluate("document.body.dataset.phase") == "live"
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.keyboard.press("x")
    await page.wait_for_selector("body[data-phase=setup]")
    await expect(page.locator("#go")).to_be_focused()


async def test_single_keys_can_be_switched_off_and_stay_off(page: Page, stub: StubServer) -> None:
    await open_page(page)
    await page.click("#help-open")
    await page.get_by_role("switch", name="Use single keys as shortcuts").click()
    await page.keyboard.press("Escape")
    await page.keyboard.press("3")
    await page.keyboard.press("g")
    await expect(page.get_by_role("radio", name="Mira")).to_be_checked()
    assert await page.evaluate("document.body.dataset.phase") == "setup"
    await open_page(page)
    await page.keyboard.press("3")
    await expect(page.get_by_role("radio", name="Mira")).to_be_checked()


async def test_typing_in_a_choice_is_not_a_shortcut(page: Page, stub: StubServer) -> None:
    await open_page(page)
    await page.locator("#camera-choice").focus()
    await page.keyboard.press("g")
    assert await page.evaluate("document.body.dataset.phase") == "setup"


async def test_light_and_dark_follow_the_system(page: Page, stub: StubServer) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await page.goto("/")
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(int(c) for c in ground[4:-1].split(",")))
    assert grounds[0] > 600
    assert grounds[1] < 120


async def test_reduced_motion_stops_what_moves(page: Page, stub: StubServer) -> None:
    await page.emulate_media(reduced_motion="reduce")
    await page.goto("/")
    durations = await page.evaluate(
        "[...document.querySelectorAll('.dot, .spinner, .primary')]"
        ".map((e) => getComputedStyle(e)).flatMap((s) => [s.animationIterationCount,"
        " s.transitionDuration])"
    )
    assert "infinite" not in durations
    assert {d for d in durations if d.endswith("s")} <= {"0.001s", "0s"}


async def test_page_asks_for_nothing_outside_its_server(page: Page, stub: StubServer) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await open_page(page)
    outside = [url for url in asked if not url.startswith((stub.url, "data:", "blob:"))]
    assert outside == []
