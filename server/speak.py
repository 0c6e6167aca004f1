"""/speak: a WebSocket over which an application lets the avatar talk.

Knows the messages and whom they reach; does not know how sound is said. Access as everywhere: the
server's token (`Authorization: Bearer`), allowed hosts and origins.

    GET /speak?session=ID        (without `session`: the only live session)
    application says  {"type": "start", "format": "pcm_s16le", "rate_hz": 24000, "channels": 1}
                      binary messages: the sound (PCM cut anywhere, or one Opus packet each)
                      {"type": "finish"}    the utterance is complete
                      {"type": "clear"}     stop lips and sound at once, forget what waits
    server says       {"type": "ready", "session": ID, "max_queued_s": 120}
                      {"type": "accepted", "utterance": 1}
                      {"type": "started", "utterance": 1}
                      {"type": "finished", "utterance": 1, "was_cleared": false}
                      {"type": "error", "code": "...", "message": "..."}   the connection lives on
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any, get_args

from aiohttp import WSMsgType, web

from server.speech import MAX_QUEUED_S, SpeechDecoder, SpeechError, SpeechFormat
from server.speech_feed import SpeechEvent, SpeechFeed

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 1 << 20
HEARTBEAT_S = 15.0
_CLOSE_S = 1.0
_MAX_EVENTS_WAITING = 256
_FORMATS = get_args(SpeechFormat)


class SpeakSocket:
    """One application's connection to one session."""

    def __init__(self, feed: SpeechFeed, session_id: str) -> None:
        self._feed = feed
        self._session_id = session_id
        self._decoder: SpeechDecoder | None = None
        self._is_full = False
        self._socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, heartbeat=HEARTBEAT_S)
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_MAX_EVENTS_WAITING)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Talk until either side ends it; an utterance left open then is completed."""
        await self._socket.prepare(request)
        self._tell({"type": "ready", "session": self._session_id, "max_queued_s": MAX_QUEUED_S})
        writer = asyncio.ensure_future(self._write())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self._on_text(message.data)
                elif message.type is WSMsgType.BINARY:
                    self._on_sound(message.data)
        finally:
            self._finish()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
        return self._socket

    async def close(self) -> None:
        """The session ends; takes at most a second, also where nobody reads any more."""
        try:
            closing = self._socket.close(code=1001, message=b"the session ended")
            await asyncio.wait_for(closing, _CLOSE_S)
        except TimeoutError:
            logger.warning("an application's connection did not close in %.0f s", _CLOSE_S)

    def on_event(self, event: SpeechEvent) -> None:
        """Tell the application what became of its words."""
        values = {"type": event.kind, "utterance": event.utterance}
        if event.kind == "finished":
            values["was_cleared"] = event.was_cleared
        self._tell(values)

    def _on_text(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._fail("not_json", "A text message must be a JSON object.")
            return
        kind = message.get("type")
        if kind == "start":
            self._start(message)
        elif kind == "finish":
            self._finish()
        elif kind == "clear":
            self._decoder = None
            self._is_full = False
            self._feed.clear()
        else:
            self._fail("unknown_type", "The types are start, finish and clear.")

    def _start(self, message: dict[str, Any]) -> None:
        self._finish()
        format = message.get("format", "pcm_s16le")
        rate_hz, num_channels = message.get("rate_hz", 48_000), message.get("channels", 1)
        if format not in _FORMATS:
            self._fail("bad_value", f"format must be one of {', '.join(_FORMATS)}.")
            return
        if type(rate_hz) is not int or type(num_channels) is not int:
            self._fail("bad_type", "rate_hz and channels must be whole numbers.")
            return
        try:
            self._decoder = SpeechDecoder(format, rate_hz, num_channels)
        except SpeechError as error:
            self._fail(error.code, str(error))
            return
        self._is_full = False
        self._tell({"type": "accepted", "utterance": self._feed.queue.begin()})

    def _on_sound(self, data: bytes) -> None:
        if self._decoder is None:
            self._fail("no_start", "Say start before sending sound.")
            return
        try:
            samples_T = self._decoder.decode(data)
        except SpeechError as error:
            self._fail(error.code, str(error))
            return
        if not self._feed.queue.push(samples_T) and not self._is_full:
            self._is_full = True  # said once per utterance
            self._fail("too_much", f"More than {MAX_QUEUED_S:.0f} s wait; the rest is left out.")
        self._feed.wake()

    def _finish(self) -> None:
        if self._decoder is None:
            return
        self._feed.queue.push(self._decoder.flush())
        self._decoder = None
        self._feed.queue.complete()
        self._feed.wake()

    def _fail(self, code: str, message: str) -> None:
        self._tell({"type": "error", "code": code, "message": message})

    def _tell(self, values: dict[str, Any]) -> None:
        if self._outbox.full():  # an application that does not read loses the oldest news
            self._outbox.get_nowait()
        self._outbox.put_nowait(values)

    async def _write(self) -> None:
        while True:
            values = await self._outbox.get()
            try:
                await self._socket.send_json(values)
            except ConnectionError:
                return
