"""/speak as an application meets it: every wrong word answered, the connection living on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientWebSocketResponse, web
from aiohttp.test_utils import TestClient, TestServer

from avatar.frames import FloatArray
from server.speak import SpeakSocket
from server.speech import SpeechQueue
from server.speech_feed import SpeechEvent, SpeechFeed


class Sink:
    """Takes everything at once."""

    voice_delay_s = 0.0

    def __init__(self) -> None:
        self.num_said = 0

    def begin_speech(self) -> None: ...

    def show_speech(self, samples_T: FloatArray, end_s: float) -> None: ...

    def say_speech(self, samples_T: FloatArray, end_s: float) -> None:
        self.num_said += int(np.count_nonzero(samples_T))

    def hush_speech(self) -> None: ...

    def end_speech(self) -> None: ...


class Place:
    """A session's mouthpiece behind one route."""

    def __init__(self) -> None:
        self.sink = Sink()
        self.socket: SpeakSocket | None = None
        self.feed = SpeechFeed(self.sink, self._on_event, queue=SpeechQueue(max_queued_s=1.0))

    def _on_event(self, event: SpeechEvent) -> None:
        assert self.socket is not None
        self.socket.on_event(event)

    async def speak(self, request: web.Request) -> web.StreamResponse:
        self.socket = SpeakSocket(self.feed, "abc")
        return await self.socket.serve(request)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    import asyncio

    here = Place()
    task = asyncio.create_task(here.feed.run())
    yield here
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def socket(place: Place) -> AsyncIterator[ClientWebSocketResponse]:
    app = web.Application()
    app.router.add_get("/speak", place.speak)
    async with TestClient(TestServer(app)) as client:
        connection = await client.ws_connect("/speak")
        ready = await connection.receive_json(timeout=5)
        assert ready == {"type": "ready", "session": "abc", "max_queued_s": 120.0}
        yield connection
        await connection.close()


async def _next(socket: ClientWebSocketResponse) -> dict[str, Any]:
    message: dict[str, Any] = await socket.receive_json(timeout=5)
    return message


async def test_an_utterance_is_accepted_started_and_finished(
    socket: ClientWebSocketResponse, place: Place
) -> None:
    await socket.send_json({"type": "start", "format": "pcm_s16le", "rate_hz": 48_000})
    assert await _next(socket) == {"type": "accepted", "utterance": 1}
    await socket.send_bytes(np.full(4800, 8000, "<i2").tobytes())
    await socket.send_json({"type": "finish"})
    assert await _next(socket) == {"type": "started", "utterance": 1}
    finished = {"type": "finished", "utterance": 1, "was_cleared": False}
    assert await _next(socket) == finished
    assert place.sink.num_said == 4800


async def test_clear_ends_the_utterance_and_the_next_one_speaks(
    socket: ClientWebSocketResponse,
) -> None:
    await socket.send_json({"type": "start", "rate_hz": 48_000})
    await socket.send_bytes(np.full(40_000, 8000, "<i2").tobytes())
    assert (await _next(socket))["type"] == "accepted"
    assert (await _next(socket))["type"] == "started"
    await socket.send_json({"type": "clear"})
    assert await _next(socket) == {"type": "finished", "utterance": 1, "was_cleared": True}
    await socket.send_bytes(b"\0\0")
    assert (await _next(socket))["code"] == "no_start"
    await socket.send_json({"type": "start", "rate_hz": 48_000})
    assert await _next(socket) == {"type": "accepted", "utterance": 2}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "not_json"),
        ("[1]", "not_json"),
        ('{"type": "sing"}', "unknown_type"),
        ('{"type": "start", "format": "mp3"}', "bad_value"),
        ('{"type": "start", "rate_hz": "fast"}', "bad_type"),
        ('{"type": "start", "rate_hz": 7}', "bad_value"),
        ('{"type": "start", "channels": 99}', "bad_value"),
    ],
)
async def test_wrong_words_get_a_reason_and_the_connection_lives(
    socket: ClientWebSocketResponse, message: str, code: str
) -> None:
    await socket.send_str(message)
    reply = await _next(socket)
    assert reply["type"] == "error"
    assert reply["code"] == code
    assert reply["message"]
    await socket.send_json({"type": "start", "rate_hz": 48_000})
    assert (await _next(socket))["type"] == "accepted"


async def test_sound_without_start_and_broken_opus_are_told(
    socket: ClientWebSocketResponse,
) -> None:
    await socket.send_bytes(b"\1\2\3\4")
    assert (await _next(socket))["code"] == "no_start"
    await socket.send_json({"type": "start", "format": "opus"})
    assert (await _next(socket))["type"] == "accepted"
    await socket.send_bytes(b"\xff\xff\x00junk" * 9)
    assert (await _next(socket))["code"] == "bad_sound"


async def test_a_flood_is_told_once_and_cut(socket: ClientWebSocketResponse, place: Place) -> None:
    await socket.send_json({"type": "start", "rate_hz": 48_000})
    for _ in range(6):
        await socket.send_bytes(np.full(24_000, 8000, "<i2").tobytes())
    kinds = [await _next(socket) for _ in range(3)]
    assert {kind["type"] for kind in kinds} == {"accepted", "error", "started"}
    assert place.feed.queue.queued_s <= 1.0
    assert place.feed.queue.num_refused > 0
