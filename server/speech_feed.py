"""Says what waits in a speech queue: 20 ms every 20 ms, to the lips a little ahead of the ear.

Knows one session's way in (a sink) and its clock; does not know sockets or formats. While it speaks
the session's microphone is not heard. The lips get the sound early, because what decides a mouth
comes after it; the ear gets it when the picture that it belongs to leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avatar.frames import FloatArray
from avatar.timing import Clock, monotonic_s
from server.speech import SpeechQueue
from server.sync import FRAME_SAMPLES, RATE_HZ

LEAD_S = 0.12
"""By how much the lips hear it before the ear; covers the encoder's look-ahead."""
AFTER_S = 0.6
"""Silence that follows the last word before the microphone is heard again."""
_FRAME_S = FRAME_SAMPLES / RATE_HZ
_MAX_BEHIND_S = 0.5


class SpeechSink(Protocol):
    """Where a session takes pushed sound."""

    @property
    def voice_delay_s(self) -> float:
        """From the feed of a sample to the moment it leaves."""

    def begin_speech(self) -> None:
        """Pushed sound takes the microphone's place."""

    def show_speech(self, samples_T: FloatArray, end_s: float) -> None:
        """For the lips: sound whose last sample is said at `end_s` (monotonic)."""

    def say_speech(self, samples_T: FloatArray, end_s: float) -> None:
        """For the ear: sound whose last sample is said at `end_s` (monotonic)."""

    def hush_speech(self) -> None:
        """Nothing of what waits for the ear is to be heard any more."""

    def end_speech(self) -> None:
        """The microphone is heard again."""


@dataclass(frozen=True, slots=True)
class SpeechEvent:
    """What an application is told."""

    kind: str
    """`started` or `finished`."""
    utterance: int
    was_cleared: bool = False


class SpeechFeed:
    """One session's mouthpiece; `run` is its task."""

    def __init__(
        self,
        sink: SpeechSink,
        on_event: Callable[[SpeechEvent], None],
        *,
        queue: SpeechQueue | None = None,
        clock: Clock = monotonic_s,
    ) -> None:
        self.queue = queue or SpeechQueue()
        self._sink = sink
        self._on_event = on_event
        self._clock = clock
        self._wake = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()
        self._begun: set[int] = set()
        self._is_speaking = False
        self._shown_end_s = 0.0
        self._waiting: list[tuple[float, FloatArray]] = []
        """Shown to the lips, not yet said to the ear: (end, samples)."""
        self.num_skipped = 0
        """Stretches left out after a stall of this process."""

    def wake(self) -> None:
        """Something was pushed."""
        self._wake.set()

    def clear(self) -> None:
        """Stop at once: lips and sound (barge-in)."""
        cut = set(self.queue.clear()) | self._begun
        self._waiting.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._begun.clear()
        if self._is_speaking:
            self._sink.hush_speech()
            # The silence takes the place of what the lips were shown in advance.
            now_s = self._clock()
            self._shown_end_s = now_s + _FRAME_S
            self._sink.show_speech(np.zeros(FRAME_SAMPLES, np.float32), self._shown_end_s)
        for utterance in sorted(cut):
            self._on_event(SpeechEvent("finished", utterance, was_cleared=True))

    async def run(self) -> None:
        """Feed until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if not self.queue.is_empty:
                    await self._speak()
        finally:
            for timer in self._timers:
                timer.cancel()
            if self._is_speaking:
                self._is_speaking = False
                self._sink.end_speech()

    async def _speak(self) -> None:
        """From the first word to the silence after the last."""
        self._is_speaking = True
        self._sink.begin_speech()
        self._shown_end_s = self._clock() + LEAD_S
        quiet_until_s = 0.0
        while True:
            now_s = self._clock()
            if now_s + LEAD_S - self._shown_end_s > _MAX_BEHIND_S:
                self.num_skipped += 1
                self._shown_end_s = now_s + LEAD_S
            while self._shown_end_s < now_s + LEAD_S + _FRAME_S:
                samples_T, turns = self.queue.pull()
                self._shown_end_s += _FRAME_S
                self._sink.show_speech(samples_T, self._shown_end_s)
                self._waiting.append((self._shown_end_s, samples_T))
                for turn in turns:
                    self._tell_when_heard(turn.utterance, turn.is_begin, now_s)
                if turns or not self.queue.is_empty or samples_T.any():
                    quiet_until_s = self._shown_end_s + AFTER_S
            while self._waiting and self._waiting[0][0] <= now_s + _FRAME_S:
                end_s, samples_T = self._waiting.pop(0)
                self._sink.say_speech(samples_T, end_s)
            if self.queue.is_empty and now_s > quiet_until_s:
                break
            await asyncio.sleep(_FRAME_S / 2)
        self._is_speaking = False
        self._sink.end_speech()

    def _tell_when_heard(self, utterance: int, is_begin: bool, now_s: float) -> None:
        """Tell of a turn when its sound leaves."""
        delay_s = max(0.0, self._shown_end_s - now_s) + self._sink.voice_delay_s
        if is_begin:
            self._begun.add(utterance)
        kind = "started" if is_begin else "finished"

        def tell() -> None:
            self._timers.discard(handle)
            if not is_begin:
                self._begun.discard(utterance)
            self._on_event(SpeechEvent(kind, utterance))

        handle = asyncio.get_running_loop().call_later(delay_s, tell)
        self._timers.add(handle)
