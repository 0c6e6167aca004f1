"""The thread that decodes one peer's pictures: a short queue, and never a broken picture shown.

A queue that fills means that this machine cannot keep up: everything waiting is dropped (and
counted) and decoding goes on with the next keyframe, so that the delay never grows. Knows codecs;
does not know packets, nor what becomes of the pictures.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterFrame

logger = logging.getLogger(__name__)

MAX_WAITING = 8


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A complete encoded frame."""

    data: bytes
    timestamp: int
    is_key: bool
    arrival_s: float


class DecoderThread:
    """Decodes in order; calls `on_picture(av.VideoFrame, RTP timestamp, arrival)` for each."""

    def __init__(
        self, on_picture: Callable[[Any, int, float], None], *, max_decoded_px: int
    ) -> None:
        self._on_picture = on_picture
        self._max_decoded_px = max_decoded_px
        self._waiting: deque[tuple[Any, EncodedPicture]] = deque()
        self._condition = threading.Condition()
        self._is_stopping = False
        self._has_lost_state = False
        self._thread: threading.Thread | None = None
        self.num_dropped = 0
        self.num_errors = 0
        self.num_too_large = 0

    def start(self) -> None:
        """Begin; once."""
        if self._thread is None and not self._is_stopping:
            self._thread = threading.Thread(target=self._run, name="video-decoder", daemon=True)
            self._thread.start()

    def put(self, codec: Any, picture: EncodedPicture) -> bool:
        """Queue a frame; False: the queue was full, nothing before a keyframe is of use now."""
        with self._condition:
            if len(self._waiting) >= MAX_WAITING:
                self.num_dropped += len(self._waiting) + (not picture.is_key)
                self._waiting.clear()
                if not picture.is_key:
                    return False
            self._waiting.append((codec, picture))
            self._condition.notify()
            return True

    @property
    def num_waiting(self) -> int:
        """Pictures in the queue."""
        return len(self._waiting)

    def take_lost_state(self) -> bool:
        """Whether a frame could not be decoded since this was asked last."""
        has_lost, self._has_lost_state = self._has_lost_state, False
        return has_lost

    def stop(self) -> None:
        """End the thread and wait for the picture it is at (milliseconds)."""
        with self._condition:
            self._is_stopping = True
            self._waiting.clear()
            self._condition.notify()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
            self._thread = None

    def _run(self) -> None:
        decoder: Any = None
        codec_name = ""
        while True:
            with self._condition:
                while not self._waiting and not self._is_stopping:
                    self._condition.wait()
                if self._is_stopping:
                    return
                codec, picture = self._waiting.popleft()
            if codec.name != codec_name:
                decoder, codec_name = get_decoder(codec), codec.name
            try:
                frames = decoder.decode(JitterFrame(picture.data, picture.timestamp))
            except av.FFmpegError:
                self.num_errors += 1
                self._has_lost_state = True
                continue
            for frame in frames:
                if frame.width * frame.height > self._max_decoded_px:
                    self.num_too_large += 1
                    continue
                try:
                    self._on_picture(frame, picture.timestamp, picture.arrival_s)
                except Exception:  # boundary: the thread outlives a bad picture, loudly
                    self.num_errors += 1
                    logger.exception("a decoded picture could not be handed on")
