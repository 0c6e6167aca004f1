"""client/web/protocol.js says and understands exactly what the shared fixtures hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from server import protocol

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

FIXTURES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "server" / "fixtures" / "protocol.json").read_text("utf-8")
)

BUILD = """async (message) => {
    const words = await import("/web/protocol.js");
    switch (message.type) {
        case "heartbeat": return words.heartbeat(message.t_ms);
        case "settings": return words.settings(message);
        case "character": return words.character(message.id);
        case "calibrate": return words.calibrate();
        case "neutral": return words.neutral(message.neutral);
        case "playout": return words.playout(message.voice_ms, message.picture_ms);
    }
}"""

PARSE = """async (text) => {
    const { parseServerMessage, ProtocolError } = await import("/web/protocol.js");
    try { return parseServerMessage(text); }
    catch (error) { return error instanceof ProtocolError ? error.message : "crash"; }
}"""


async def test_page_builds_every_client_message_of_the_fixtures(blank: Page) -> None:
    for message in FIXTURES["client"]:
        assert await blank.evaluate(BUILD, message) == message
    assert {message["type"] for message in FIXTURES["client"]} == set(protocol.CLIENT_MESSAGES)


async def test_page_reads_every_server_message_of_the_fixtures(blank: Page) -> None:
    for message in FIXTURES["server"]:
        assert await blank.evaluate(PARSE, json.dumps(message)) == message
    assert {message["type"] for message in FIXTURES["server"]} == set(protocol.SERVER_MESSAGES)


async def test_page_words_are_those_of_the_server(blank: Page) -> None:
    words = await blank.evaluate(
        """async () => {
            const w = await import("/web/protocol.js");
            return { regions: w.REGIONS, sources: w.SOURCES, channel: w.CONTROL_CHANNEL,
                     version: w.PROTOCOL_VERSION, bytes: w.MAX_MESSAGE_BYTES };
        }"""
    )
    assert sorted(words["regions"]) == sorted(protocol.REGIONS)
    assert sorted(words["sources"]) == sorted(protocol.SOURCES)
    assert words["channel"] == protocol.CONTROL_CHANNEL
    assert words["version"] == protocol.PROTOCOL_VERSION
    assert words["bytes"] == protocol.MAX_MESSAGE_BYTES


async def test_page_offer_passes_the_strict_parser_of_the_server(blank: Page) -> None:
    offer = await blank.evaluate(
        """async () => {
            const { sessionOffer } = await import("/web/protocol.js");
            const { defaultLive, newOverlayKey } = await import("/web/preferences.js");
            return sessionOffer({ sdp: "v=0", characterId: "ada", live: defaultLive(),
                                  neutral: { version: 1 }, isProbe: true,
                                  overlayKey: newOverlayKey() });
        }"""
    )
    parsed = protocol.parse_body(protocol.SessionOffer, json.dumps(offer), max_bytes=10_000)
    assert parsed.character == "ada"
    assert parsed.settings.is_mirrored
    assert set(parsed.settings.sources) == set(protocol.REGIONS)
    assert parsed.neutral == {"version": 1}
    assert parsed.probe
    assert parsed.overlay_key is not None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"type": "sing"}', "unknown message type sing"),
        ('{"type": "toString"}', "unknown message type toString"),
        ('{"type": "heartbeat", "t_ms": "now"}', "heartbeat.t_ms is not of type number"),
        ('{"type": "bye"}', "bye.reason is not of type string"),
    ],
)
async def test_page_refuses_a_bad_message_and_names_it(
    blank: Page, text: str, complaint: str
) -> None:
    assert complaint in await blank.evaluate(PARSE, text)
