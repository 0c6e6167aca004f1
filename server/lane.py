"""A session's place in the engine, seen from the media process.

Knows how to hand over driving pictures and sound, how rendered pictures come back, and what must be
said again to an engine that was restarted. Does not know peers or codecs.

`publish_picture` and `publish_sound` may be called from a decoder thread; all else belongs to the
event loop.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from avatar.frames import ByteArray, FloatArray
from avatar.timing import Clock
from server.audio_ring import AudioRing
from server.engine_messages import (
    CalibrateLane,
    CloseLane,
    ConfigureLane,
    DrivingMeta,
    EngineCommand,
    LaneClosed,
    LaneEvent,
    LaneLayout,
    LaneOpened,
    NeutralChanged,
    OpenLane,
    RenderedMeta,
    ShowOverlay,
    SwapCharacter,
    UseNeutral,
)
from server.frame_ring import FrameRing

logger = logging.getLogger(__name__)

_OPENING_GRACE_S = 20.0


@dataclass(frozen=True, slots=True)
class RenderedPicture:
    """A picture of the character as it comes out of the engine."""

    i420: ByteArray
    meta: RenderedMeta
    overlay_i420: ByteArray | None = None
    """The character cut out, colours above coverage; None while no overlay is shown."""


class EngineLane:
    """Free, or held by one session."""

    def __init__(
        self,
        index: int,
        *,
        driving: FrameRing,
        rendered: FrameRing,
        audio: AudioRing,
        send: Callable[[EngineCommand], None],
        clock: Clock,
    ) -> None:
        self.index = index
        self._driving = driving
        self._rendered = rendered
        self._audio = audio
        self._send = send
        self._clock = clock
        self._wake: Connection | None = None
        self._wake_lock = threading.Lock()
        self._generation = 0
        self._opened: OpenLane | None = None
        self._is_closing = False
        self._active_s: float | None = None
        """When the engine last showed life in this lane; None while it need not."""
        self.on_picture: Callable[[RenderedPicture], None] | None = None
        self.on_engine_event: Callable[[LaneEvent], None] | None = None
        self.num_to_sender_dropped = 0

    @property
    def layout(self) -> LaneLayout:
        """What the engine must know to attach."""
        return LaneLayout(
            self.index, self._driving.layout, self._rendered.layout, self._audio.layout
        )

    @property
    def is_free(self) -> bool:
        """No session holds it and nothing of the last one is left in the engine."""
        return self._opened is None and not self._is_closing

    @property
    def generation(self) -> int:
        """Number of the session that holds the lane."""
        return self._generation

    # --- the life of a session ------------------------------------------------------------------

    def open(
        self,
        *,
        character_id: str,
        character: bytes,
        sources: Mapping[str, str],
        is_mirrored: bool,
        neutral: Mapping[str, Any] | None,
        is_probe: bool,
        origin_s: float,
        on_picture: Callable[[RenderedPicture], None],
        on_engine_event: Callable[[LaneEvent], None],
    ) -> None:
        """Begin a session; LaneOpened tells when the character stands."""
        assert self.is_free, "the lane is taken"
        self._generation += 1
        self._opened = OpenLane(
            lane=self.index,
            generation=self._generation,
            character_id=character_id,
            character=character,
            sources=dict(sources),
            is_mirrored=is_mirrored,
            neutral=neutral,
            is_probe=is_probe,
            origin_s=origin_s,
        )
        self.on_picture, self.on_engine_event = on_picture, on_engine_event
        self.num_to_sender_dropped = 0
        self._active_s = self._clock() + _OPENING_GRACE_S
        self._rendered.skip_unread()
        self._send(self._opened)

    def swap(self, character_id: str, character: bytes) -> None:
        """Become another character without a gap."""
        opened = self._held()
        self._opened = replace(opened, character_id=character_id, character=character)
        self._send(SwapCharacter(self.index, self._generation, character_id, character))

    def configure(self, sources: Mapping[str, str], is_mirrored: bool) -> None:
        """Apply live settings."""
        opened = self._held()
        self._opened = replace(opened, sources=dict(sources), is_mirrored=is_mirrored)
        self._send(ConfigureLane(self.index, self._generation, dict(sources), is_mirrored))

    def show_overlay(self, is_on: bool) -> None:
        """Have the character cut out too, beside each picture, or no longer."""
        self._opened = replace(self._held(), has_overlay=is_on)
        self._send(ShowOverlay(self.index, self._generation, is_on))

    def calibrate(self) -> None:
        """Take the driver's neutral during the next second."""
        self._held()
        self._send(CalibrateLane(self.index, self._generation))

    def use_neutral(self, neutral: Mapping[str, Any] | None) -> None:
        """Use a neutral that the browser kept, or forget it."""
        self._opened = replace(self._held(), neutral=neutral)
        self._send(UseNeutral(self.index, self._generation, neutral))

    def close(self) -> None:
        """End the session; the lane is free once the engine has confirmed."""
        self._held()
        self._opened = None
        self.on_picture = self.on_engine_event = None
        self._active_s = None
        self._is_closing = self._wake is not None
        self._send(CloseLane(self.index, self._generation))
        if not self._is_closing:
            self._erase()

    def _held(self) -> OpenLane:
        assert self._opened is not None, "no session holds the lane"
        return self._opened

    def _erase(self) -> None:
        self._driving.erase()
        self._rendered.erase()
        self._audio.erase()

    # --- pictures and sound ---------------------------------------------------------------------

    def publish_picture(self, rgb_HW3: ByteArray, meta: DrivingMeta) -> None:
        """Hand a driving picture to the engine; an unread older one is overwritten."""
        self._driving.publish(rgb_HW3, meta.pack())
        with self._wake_lock:
            if self._wake is not None:
                # A full pipe means that the engine has a wake-up waiting; a broken one, that it
                # has just died.
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    os.write(self._wake.fileno(), b"d")

    def publish_sound(self, samples_T: FloatArray, end_pts_s: float, end_arrival_s: float) -> None:
        """Hand sound to the engine; it is taken with the next picture."""
        self._audio.write(samples_T, end_pts_s=end_pts_s, end_arrival_s=end_arrival_s)

    def collect(self) -> None:
        """Take every rendered picture that is waiting (called on a wake-up)."""
        while (frame := self._rendered.read(newest=False)) is not None:
            self.num_to_sender_dropped += frame.num_skipped
            meta = RenderedMeta.unpack(frame.meta)
            if meta.generation != self._generation or self.on_picture is None:
                continue
            self._active_s = self._clock()
            i420, overlay_i420 = frame.picture, None
            if meta.overlay_rows:
                i420, overlay_i420 = np.split(i420, [len(i420) - meta.overlay_rows])
            self.on_picture(RenderedPicture(i420, meta, overlay_i420))

    def on_event(self, event: LaneEvent) -> None:
        """Dispatch what the engine says about this lane."""
        if isinstance(event, LaneClosed):
            if self._is_closing and event.generation == self._generation:
                self._is_closing = False
                self._erase()
            return
        if event.generation != self._generation or self._opened is None:
            return
        if isinstance(event, LaneOpened):
            self._active_s = self._clock()
        if isinstance(event, NeutralChanged):
            # An engine that is restarted goes on with the same driver.
            self._opened = replace(self._opened, neutral=event.neutral)
        if self.on_engine_event is not None:
            self.on_engine_event(event)

    def is_stalled_since(self, limit_s: float) -> bool:
        """The engine has shown no life in this lane since `limit_s`."""
        return self._active_s is not None and self._active_s < limit_s

    # --- lives of the engine process ------------------------------------------------------------

    def connect(self, wake: Connection) -> None:
        """A new engine process listens at the other end of `wake`."""
        os.set_blocking(wake.fileno(), False)
        with self._wake_lock:
            self._wake = wake

    def disconnect(self) -> None:
        """The engine process is gone, and with it whatever it still had to close."""
        with self._wake_lock:
            wake, self._wake = self._wake, None
            if wake is not None:
                wake.close()
        self._active_s = None
        if self._is_closing:
            self._is_closing = False
            self._erase()

    def on_engine_ready(self, *, was_restarting: bool) -> None:
        """Say everything again to an engine that was restarted."""
        if self._opened is None:
            return
        self._active_s = self._clock() + _OPENING_GRACE_S
        if was_restarting:
            self._generation += 1
            self._opened = replace(self._opened, generation=self._generation)
            self._send(self._opened)

    def free(self) -> None:
        """Give the shared memory back; nothing can be done with the lane afterwards."""
        for ring in (self._driving, self._rendered, self._audio):
            ring.close()
