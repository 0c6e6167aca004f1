"""python -m client speak --url http://127.0.0.1:8080 --text "Hello, I am here."

Lets the avatar of a live session talk: `Speaker` streams sound to the server's /speak and hands
back its events; the command speaks a text through espeak-ng, or a WAV file. Knows the messages of
/speak (docs/VOICE.md); does not know anything of the server's inside. Needs the extra `client`.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import shutil
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed, InvalidStatus

CHUNK_S = 0.2
"""Sound is sent in pieces of this length: small enough for `clear` to overtake the rest."""
_BYTES_PER_SAMPLE = {"pcm_s16le": 2, "pcm_f32le": 4}
SpeechFormat = Literal["pcm_s16le", "pcm_f32le", "opus"]


class SpeakerError(Exception):
    """The server does not let us speak, or what we sent cannot be said."""


@dataclass(frozen=True, slots=True)
class SpeakerEvent:
    """What the server tells: ready, accepted, started, finished, error."""

    type: str
    utterance: int | None = None
    was_cleared: bool = False
    code: str = ""
    message: str = ""
    session: str = ""


class Speaker:
    """A connection to one live session's mouth.

    async with Speaker("http://127.0.0.1:8080") as speaker:
        await speaker.say(pcm_bytes, rate_hz=24000)
        async for event in speaker.events(): ...
    """

    def __init__(self, url: str, *, session: str | None = None, token: str | None = None) -> None:
        """`url` of the server; without `session` the only live one is meant."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.netloc:
            raise SpeakerError(f"{url}: is not the address of a server, such as http://HOST:8080.")
        scheme = "wss" if parts.scheme in ("https", "wss") else "ws"
        query = f"session={quote(session)}" if session else ""
        self._address = urlunsplit((scheme, parts.netloc, "/speak", query, ""))
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._socket: websockets.asyncio.client.ClientConnection | None = None

    async def __aenter__(self) -> Speaker:
        """Connect; raises SpeakerError with the server's reason."""
        try:
            self._socket = await websockets.asyncio.client.connect(
                self._address, additional_headers=self._headers, max_size=1 << 20
            )
        except InvalidStatus as error:
            raise SpeakerError(_reason(error)) from error
        except OSError as error:
            raise SpeakerError(f"{self._address}: {error.strerror or error}") from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect; what was sent is still said."""
        assert self._socket is not None
        await self._socket.close()

    async def start(
        self, *, format: SpeechFormat = "pcm_s16le", rate_hz: int, channels: int = 1
    ) -> None:
        """Begin an utterance."""
        await self._tell(type="start", format=format, rate_hz=rate_hz, channels=channels)

    async def send(self, data: bytes) -> None:
        """The next bytes of the utterance: PCM cut anywhere, or one Opus packet."""
        assert self._socket is not None, "use it as a context manager"
        await self._socket.send(data)

    async def finish(self) -> None:
        """The utterance is complete."""
        await self._tell(type="finish")

    async def clear(self) -> None:
        """Stop talking at once and forget what waits."""
        await self._tell(type="clear")

    async def say(
        self,
        data: bytes,
        *,
        rate_hz: int,
        format: Literal["pcm_s16le", "pcm_f32le"] = "pcm_s16le",
        channels: int = 1,
    ) -> None:
        """A whole utterance of PCM."""
        await self.start(format=format, rate_hz=rate_hz, channels=channels)
        step = int(CHUNK_S * rate_hz) * channels * _BYTES_PER_SAMPLE[format]
        for at in range(0, len(data), step):
            await self.send(data[at : at + step])
        await self.finish()

    async def events(self) -> AsyncIterator[SpeakerEvent]:
        """What the server tells, until the connection ends."""
        assert self._socket is not None, "use it as a context manager"
        try:
            async for text in self._socket:
                values = json.loads(text)
                known = {key: values[key] for key in SpeakerEvent.__slots__ if key in values}
                yield SpeakerEvent(**known)
        except ConnectionClosed:
            return

    async def _tell(self, **values: Any) -> None:
        assert self._socket is not None, "use it as a context manager"
        await self._socket.send(json.dumps(values))


def _reason(error: InvalidStatus) -> str:
    """The server's own words for a refusal."""
    try:
        return str(json.loads(error.response.body or b"")["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The server answered {error.response.status_code}."


def synthesise(text: str, voice: str) -> tuple[bytes, int, int]:
    """Speak a text through espeak-ng: (PCM, rate, channels)."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise SpeakerError("espeak-ng is missing; install it (Debian: apt-get install espeak-ng).")
    result = subprocess.run(
        [program, "-v", voice, "--stdout", "--stdin"],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    if result.returncode != 0 or not result.stdout:
        raise SpeakerError(f"espeak-ng: {result.stderr.decode(errors='replace').strip()}")
    return read_wav(result.stdout)


def read_wav(data: bytes) -> tuple[bytes, int, int]:
    """16-bit WAV bytes as (PCM, rate, channels)."""
    # espeak-ng writes to a pipe and cannot fill in the length: take what is there.
    try:
        with wave.open(io.BytesIO(data)) as sound:
            if sound.getsampwidth() != 2:
                raise SpeakerError("Only 16-bit WAV files can be sent as they are.")
            rate_hz, channels = sound.getframerate(), sound.getnchannels()
            return sound.readframes(len(data) // (2 * channels)), rate_hz, channels
    except (wave.Error, EOFError) as error:
        raise SpeakerError(f"That is not a WAV file ({error}).") from error


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m client speak`."""
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the server")
    parser.add_argument("--session", help="id of the session (default: the only live one)")
    parser.add_argument("--token", help="the server's access token, where it has one")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="spoken through espeak-ng")
    what.add_argument("--wav", type=Path, help="a 16-bit WAV file")
    parser.add_argument("--voice", default="en-us", help="espeak-ng voice (default: en-us)")
    parser.add_argument("--cut-after", type=float, metavar="S", help="say clear after S seconds")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Say it, and print the server's events as lines of JSON."""
    try:
        if arguments.text is not None:
            data, rate_hz, channels = synthesise(arguments.text, arguments.voice)
        else:
            data, rate_hz, channels = read_wav(arguments.wav.read_bytes())
        asyncio.run(_speak(arguments, data, rate_hz, channels))
    except (SpeakerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def _speak(arguments: argparse.Namespace, data: bytes, rate_hz: int, channels: int) -> None:
    async with Speaker(arguments.url, session=arguments.session, token=arguments.token) as speaker:
        await speaker.say(data, rate_hz=rate_hz, channels=channels)
        cut = None
        if arguments.cut_after is not None:
            cut = asyncio.create_task(_clear_after(speaker, arguments.cut_after))
        async for event in speaker.events():
            print(json.dumps({key: getattr(event, key) for key in SpeakerEvent.__slots__}))
            if event.type in ("finished", "error"):
                break
        if cut is not None:
            cut.cancel()


async def _clear_after(speaker: Speaker, duration_s: float) -> None:
    await asyncio.sleep(duration_s)
    await speaker.clear()
