"""What the wire accepts, what it refuses, and that fixtures and code say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from avatar.regions import Region, Source
from server import protocol

FIXTURES: dict[str, Any] = json.loads(
    (Path(__file__).parent / "fixtures" / "protocol.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("message", FIXTURES["client"], ids=lambda m: m["type"])
def test_every_client_fixture_survives_a_round_trip(message: dict[str, Any]) -> None:
    parsed = protocol.parse_client_message(json.dumps(message))
    assert json.loads(protocol.dump_message(parsed)) == message


@pytest.mark.parametrize("message", FIXTURES["server"], ids=lambda m: m["type"])
def test_every_server_fixture_survives_a_round_trip(message: dict[str, Any]) -> None:
    parsed = protocol.parse_server_message(json.dumps(message))
    assert json.loads(protocol.dump_message(parsed)) == message


def test_every_message_kind_has_a_fixture() -> None:
    assert {m["type"] for m in FIXTURES["client"]} == set(protocol.CLIENT_MESSAGES)
    assert {m["type"] for m in FIXTURES["server"]} == set(protocol.SERVER_MESSAGES)


@pytest.mark.parametrize("name", FIXTURES["http"])
def test_http_bodies_parse(name: str) -> None:
    for body in FIXTURES["http"][name]:
        parsed = protocol.parse_body(
            getattr(protocol, name), json.dumps(body), max_bytes=protocol.MAX_MESSAGE_BYTES
        )
        written = protocol.to_json(parsed)
        assert {key: written[key] for key in body} == body


def test_regions_and_sources_are_those_of_the_vocabulary() -> None:
    assert set(protocol.REGIONS) == {region.value for region in Region}
    assert set(protocol.SOURCES) == {source.value for source in Source}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_json"),
        ("[1]", "not_json"),
        ("{", "not_json"),
        ("[" * 100_000, "too_large"),
        ("[" * 60_000, "not_json"),
        ('{"t_ms": 1}', "unknown_type"),
        ('{"type": 7}', "unknown_type"),
        ('{"type": ["heartbeat"]}', "unknown_type"),
        ('{"type": "stats"}', "unknown_type"),
        ('{"type": "heartbeat"}', "missing_field"),
        ('{"type": "heartbeat", "t_ms": "1"}', "bad_type"),
        ('{"type": "heartbeat", "t_ms": true}', "bad_type"),
        ('{"type": "heartbeat", "t_ms": NaN}', "bad_type"),
        ('{"type": "heartbeat", "t_ms": 1e999}', "bad_type"),
        ('{"type": "heartbeat", "t_ms": 1, "extra": 2}', "unknown_field"),
        ('{"type": "settings", "sources": {"tail": "camera"}}', "bad_value"),
        ('{"type": "settings", "sources": {"head": "moon"}}', "bad_value"),
        ('{"type": "settings", "sources": ["head"]}', "bad_type"),
        ('{"type": "settings", "is_mirrored": 1}', "bad_type"),
        ('{"type": "character", "id": "../../etc"}', "bad_value"),
        ('{"type": "character", "id": ""}', "bad_value"),
        ('{"type": "neutral", "neutral": [1]}', "bad_type"),
        ('{"type": "heartbeat", "t_ms": 1' + " " * 70_000 + "}", "too_large"),
    ],
)
def test_bad_messages_are_refused_with_a_code(text: str, code: str) -> None:
    with pytest.raises(protocol.ProtocolError) as caught:
        protocol.parse_client_message(text)
    assert caught.value.code == code
    assert len(str(caught.value)) < 200


def test_an_offer_that_is_no_offer_is_refused() -> None:
    body = json.dumps({"sdp": "v=0", "type": "answer", "character": "ada"})
    with pytest.raises(protocol.ProtocolError, match="type"):
        protocol.parse_body(protocol.SessionOffer, body, max_bytes=1000)
