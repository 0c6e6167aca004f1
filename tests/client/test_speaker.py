"""The application's side of /speak, against a server that writes down what it hears."""

from __future__ import annotations

import json
import wave
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

from client.speaker import Speaker, SpeakerError, SpeakerEvent, read_wav, synthesise


class Listener:
    """A server that accepts utterances and says they are finished."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        self.sound = b""
        self.paths: list[str] = []
        self.tokens: list[str | None] = []
        self.url = ""

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        self.tokens.append(socket.request.headers.get("Authorization"))
        await socket.send(json.dumps({"type": "ready", "session": "abc", "max_queued_s": 120}))
        async for message in socket:
            if isinstance(message, bytes):
                self.sound += message
                continue
            self.texts.append(json.loads(message))
            if self.texts[-1]["type"] in ("finish", "clear"):
                was_cleared = self.texts[-1]["type"] == "clear"
                reply = {"type": "finished", "utterance": 1, "was_cleared": was_cleared}
                await socket.send(json.dumps(reply))


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    heard = Listener()
    server: Server
    async with serve(heard.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        heard.url = f"http://127.0.0.1:{port}"
        yield heard


async def test_an_utterance_arrives_whole_and_its_end_is_told(listener: Listener) -> None:
    sound = bytes(range(256)) * 200
    seen: list[SpeakerEvent] = []
    async with Speaker(listener.url, session="s 1", token="secret") as speaker:
        await speaker.say(sound, rate_hz=16_000)
        async for event in speaker.events():
            seen.append(event)
            if event.type == "finished":
                break
    assert listener.sound == sound
    assert listener.paths == ["/speak?session=s%201"]
    assert listener.tokens == ["Bearer secret"]
    assert [text["type"] for text in listener.texts] == ["start", "finish"]
    assert listener.texts[0] == {
        "type": "start",
        "format": "pcm_s16le",
        "rate_hz": 16_000,
        "channels": 1,
    }
    assert seen[0] == SpeakerEvent("ready", session="abc")
    assert seen[-1] == SpeakerEvent("finished", utterance=1)


async def test_clear_is_said_at_once(listener: Listener) -> None:
    async with Speaker(listener.url) as speaker:
        await speaker.start(rate_hz=24_000)
        await speaker.send(b"\0\0" * 100)
        await speaker.clear()
        async for event in speaker.events():
            if event.type == "finished":
                assert event.was_cleared
                break
    assert [text["type"] for text in listener.texts] == ["start", "clear"]


async def test_no_server_is_a_plain_error() -> None:
    with pytest.raises(SpeakerError, match="127.0.0.1:9"):
        async with Speaker("http://127.0.0.1:9"):
            raise AssertionError("nobody listens there")


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(SpeakerError, match="is not the address"):
        Speaker("localhost:8080")


def test_espeak_speaks_and_wav_files_are_read() -> None:
    sound, rate_hz, channels = synthesise("Hello", "en-us")
    assert (rate_hz, channels) == (22_050, 1)
    assert len(sound) > 10_000
    with pytest.raises(SpeakerError, match="espeak-ng"):
        synthesise("Hello", "xx-none")
    with pytest.raises(SpeakerError, match="not a WAV file"):
        read_wav(b"nonsense")
    eight_bit = BytesIO()
    with wave.open(eight_bit, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(b"\x80" * 100)
    with pytest.raises(SpeakerError, match="16-bit"):
        read_wav(eight_bit.getvalue())
