"""The page's pure modules, each run in a real Chromium without the page around it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.page_stub import StubServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

# Draws a stamp over a noisy picture, scales the picture, sends it through JPEG, reads it back.
STRIP_TRIP = """async ([side, quality, stamps]) => {
    const { drawStrip, readStrip } = await import("/web/strip.js");
    const canvas = new OffscreenCanvas(512, 512);
    const context = canvas.getContext("2d");
    const read = [];
    for (const stamp of stamps) {
        for (let i = 0; i < 300; i += 1) {
            context.fillStyle = `hsl(${(i * 77) % 360} 80% 50%)`;
            context.fillRect((i * 131) % 512, (i * 57) % 512, 60, 60);
        }
        drawStrip(context, 512, 512, stamp);
        const small = new OffscreenCanvas(side, side);
        small.getContext("2d").drawImage(canvas, 0, 0, side, side);
        const blob = await small.convertToBlob({ type: "image/jpeg", quality });
        const bitmap = await createImageBitmap(blob);
        const back = new OffscreenCanvas(side, side).getContext("2d");
        back.drawImage(bitmap, 0, 0);
        const rows = Math.round(side / 16);
        const { data } = back.getImageData(0, 0, side, rows);
        read.push(readStrip(data.subarray(1), { width: side, rows, stride: side * 4, step: 4 }));
    }
    return read;
}"""


@pytest.mark.parametrize(("side", "quality"), [(512, 0.9), (512, 0.2), (320, 0.4), (180, 0.6)])
async def test_strip_survives_scaling_and_compression(
    blank: Page, side: int, quality: float
) -> None:
    stamps = [0, 1, 255, 256, 21845, 43690, 65535, 65536 + 4711]
    read = await blank.evaluate(STRIP_TRIP, [side, quality, stamps])
    assert read == [stamp % 65536 for stamp in stamps]


async def test_strip_that_is_absent_or_damaged_is_refused(blank: Page) -> None:
    result = await blank.evaluate(
        """async () => {
            const { cellsOf, readStrip } = await import("/web/strip.js");
            const layout = { width: 200, rows: 4, stride: 200, step: 1 };
            const drawn = (cells) => {
                const row = cells.flatMap((isWhite) => Array(10).fill(isWhite ? 235 : 16));
                return Uint8Array.from([...row, ...row, ...row, ...row]);
            };
            const flipped = (cells, at) => cells.map((cell, i) => (i === at ? !cell : cell));
            const good = cellsOf(12345.9);
            return {
                good: readStrip(drawn(good), layout),
                damaged: Array.from({ length: 18 }, (_, i) =>
                    readStrip(drawn(flipped(good, i + 2)), layout)),
                grey: readStrip(new Uint8Array(800).fill(128), layout),
                tiny: readStrip(new Uint8Array(8), { width: 8, rows: 1, stride: 8, step: 1 }),
            };
        }"""
    )
    assert result["good"] == 12345
    assert result["damaged"] == [None] * 18
    assert result["grey"] is None
    assert result["tiny"] is None


async def test_age_of_a_stamp_survives_the_wrap_around(blank: Page) -> None:
    ages = await blank.evaluate(
        """async () => {
            const { ageMs } = await import("/web/strip.js");
            return [ageMs(65636, 65500), ageMs(131072 + 30, 65530), ageMs(1000.5, 900)];
        }"""
    )
    assert ages == [136, 36, 100.5]


async def test_moves_that_the_machine_does_not_have_are_refused(blank: Page) -> None:
    result = await blank.evaluate(
        """async () => {
            const { Store, IllegalMove } = await import("/web/state.js");
            const store = new Store({ phase: "loading", failure: null });
            let refused = false;
            try { store.go("live"); } catch (error) { refused = error instanceof IllegalMove; }
            const seen = [];
            store.subscribe((state) => seen.push(state.phase));
            store.go("failed", { failure: { code: "no_webrtc", detail: "" } });
            const kept = store.state.failure.code;
            store.go("loading");
            store.go("setup");
            return { refused, seen, kept, forgotten: store.state.failure };
        }"""
    )
    assert result == {
        "refused": True,
        "seen": ["loading", "failed", "loading", "setup"],
        "kept": "no_webrtc",
        "forgotten": None,
    }


async def test_backoff_grows_and_stays_bounded(blank: Page) -> None:
    delays: list[list[float]] = await blank.evaluate(
        """async () => {
            const { backoffMs, MAX_ATTEMPTS } = await import("/web/backoff.js");
            return [0, 1].map((random) =>
                Array.from({ length: MAX_ATTEMPTS }, (_, i) => backoffMs(i, random)));
        }"""
    )
    for run in delays:
        assert run == sorted(run)
        assert run[0] < 600
        assert run[-1] <= 10_000
    assert sum(delays[0]) > 20_000


async def test_retry_after_reads_seconds_dates_and_nonsense(blank: Page) -> None:
    seconds = await blank.evaluate(
        """async () => {
            const { retrySeconds } = await import("/web/api.js");
            const date = new Date(Date.now() + 20_000).toUTCString();
            return [null, "7", "0", "100000", "soon", date].map(retrySeconds);
        }"""
    )
    assert seconds[:5] == [5, 7, 1, 300, 5]
    assert 15 <= seconds[5] <= 21


async def test_latency_estimate_adds_the_parts_of_matching_pictures(blank: Page) -> None:
    result: dict[str, Any] = await blank.evaluate(
        """async () => {
            const { LatencyEstimate, percentile } = await import("/web/latency.js");
            const estimate = new LatencyEstimate();
            const before = estimate.summary();
            estimate.setLink(4, 10);
            for (let i = 0; i < 200; i += 1) estimate.addShown(i * 3600, 20);
            estimate.addTraces([
                { driving_rtp_timestamp: 0, sent_rtp_timestamp: 199 * 3600, server_ms: 40 },
                { driving_rtp_timestamp: 0, sent_rtp_timestamp: 198 * 3600, server_ms: 60 },
                { driving_rtp_timestamp: 0, sent_rtp_timestamp: 7, server_ms: 9999 },
                { driving_rtp_timestamp: 0, sent_rtp_timestamp: 0, server_ms: 9999 },
            ]);
            return { before, after: estimate.summary(), kept: estimate.shown.size,
                     p: percentile([4, 1, 3, 2], 0.5) };
        }"""
    )
    assert result["before"] is None
    assert result["after"]["num"] == 2
    assert result["after"]["p50Ms"] == pytest.approx(4 + 10 + 20 + 50)
    assert result["after"]["parts"] == {
        "encode": 4,
        "up": 5,
        "server": 50,
        "down": 5,
        "display": 20,
    }
    assert result["kept"] <= 120
    assert result["p"] == 2.5


async def test_file_names_are_safe_whatever_the_character_is_called(blank: Page) -> None:
    names = await blank.evaluate(
        """async () => {
            const { fileName } = await import("/web/recorder.js");
            const at = new Date(2026, 10, 22, 8, 5, 9);
            const odd = ["../../etc/passwd", "Tomás O'Hara", "光", "a".repeat(200), "CON:*?"];
            return ["Mira", ...odd]
                .map((name) => fileName(name, at, 'video/mp4;codecs="avc1"'))
                .concat(fileName("Mira", at, "video/webm"));
        }"""
    )
    assert names[0] == "liveactor-mira-2026-11-22-08-05-09.mp4"
    assert names[-1] == "liveactor-mira-2026-11-22-08-05-09.webm"
    assert names[3].startswith("liveactor-character-")
    for name in names:
        assert len(name) < 90
        assert all(c.isascii() and (c.isalnum() or c in "-.") for c in name)
        assert ".." not in name


async def test_characters_are_called_as_their_file_unless_a_camera_numbered_it(
    page: Page, stub: StubServer
) -> None:
    await page.goto("/")
    await page.wait_for_selector("body[data-phase=setup]")
    names = await page.evaluate(
        """async () => {
            const { nameOf } = await import("/web/upload.js");
            return ["grandma_rose.jpg", "IMG_2034.JPG", "1234.png", "tomás.v2.webp", "image.png"]
                .map((name) => nameOf([new File([], name)]));
        }"""
    )
    assert names == ["Grandma rose", "My picture", "My picture", "Tomás v2", "My picture"]


async def test_a_hint_waits_until_it_lasts_and_the_gravest_wins(blank: Page) -> None:
    due = await blank.evaluate(
        """async () => {
            const { Hints } = await import("/web/hints.js");
            const hints = new Hints();
            hints.set("no_face", true, 0);
            const early = hints.due(1000);
            const late = hints.due(1300);
            hints.set("engine_restarting", true, 1300);
            const graver = hints.due(1300);
            hints.set("engine_restarting", false, 1400);
            hints.set("no_face", false, 1500);
            hints.set("no_face", true, 1600);
            return [early, late, graver, hints.due(1700)];
        }"""
    )
    assert due == [None, "no_face", "engine_restarting", None]


@pytest.mark.parametrize("saved", ["", "{", "null", "7", '{"live": 3}', '{"live": {"sources": 1}}'])
async def test_damaged_preferences_become_the_defaults(blank: Page, saved: str) -> None:
    result = await blank.evaluate(
        """async (saved) => {
            localStorage.setItem("liveactor.preferences", saved);
            localStorage.setItem("liveactor.neutral", saved);
            const { loadPreferences, loadNeutral, defaultLive } =
                await import("/web/preferences.js");
            const { live, characterId, hasShortcuts } = loadPreferences();
            return [JSON.stringify(live) === JSON.stringify(defaultLive()), characterId,
                    hasShortcuts, loadNeutral()];
        }""",
        saved,
    )
    assert result == [True, None, True, None]


async def test_a_neutral_too_large_for_a_message_is_not_kept(blank: Page) -> None:
    result = await blank.evaluate(
        """async () => {
            const { saveNeutral, loadNeutral } = await import("/web/preferences.js");
            const small = saveNeutral({ values: [1, 2] });
            const huge = saveNeutral({ values: "x".repeat(70000) });
            const kept = loadNeutral();
            saveNeutral(null);
            return { small, huge, kept, forgotten: loadNeutral() };
        }"""
    )
    assert result == {
        "small": True,
        "huge": False,
        "kept": {"values": [1, 2]},
        "forgotten": None,
    }


async def test_every_failure_names_a_cause_a_remedy_and_a_button(blank: Page) -> None:
    advice: dict[str, dict[str, Any]] = await blank.evaluate(
        """async () => {
            const { FAILURE_CODES, adviceFor } = await import("/web/failures.js");
            return Object.fromEntries(FAILURE_CODES.map((code) => [code, adviceFor(code)]));
        }"""
    )
    devices = {f"camera_{why}" for why in ("missing", "denied", "busy", "failed")}
    assert devices <= set(advice)
    for entry in advice.values():
        assert entry["title"]
        assert entry["text"]
        assert entry["label"]
        assert entry["steps"]
