"""The mouthpiece of a session: paced, lips ahead of the ear, silent at once when cut."""

from __future__ import annotations

import asyncio

import numpy as np

from avatar.frames import FloatArray
from avatar.timing import monotonic_s
from server.speech_feed import LEAD_S, SpeechEvent, SpeechFeed
from server.sync import FRAME_SAMPLES, RATE_HZ


class Sink:
    """Writes down what it gets and when."""

    voice_delay_s = 0.01

    def __init__(self) -> None:
        self.log: list[tuple[str, float, float, FloatArray]] = []

    def begin_speech(self) -> None:
        self._note("begin", 0.0, np.zeros(0, np.float32))

    def show_speech(self, samples_T: FloatArray, end_s: float) -> None:
        self._note("show", end_s, samples_T)

    def say_speech(self, samples_T: FloatArray, end_s: float) -> None:
        self._note("say", end_s, samples_T)

    def hush_speech(self) -> None:
        self._note("hush", 0.0, np.zeros(0, np.float32))

    def end_speech(self) -> None:
        self._note("end", 0.0, np.zeros(0, np.float32))

    def _note(self, what: str, end_s: float, samples_T: FloatArray) -> None:
        self.log.append((what, monotonic_s(), end_s, samples_T))

    def sound(self, what: str) -> FloatArray:
        return np.concatenate([samples for kind, _, _, samples in self.log if kind == what])


def _count(sound: FloatArray) -> int:
    return int(np.count_nonzero(sound))


async def _until(condition: object, limit_s: float = 5.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - the log has no event to wait for
            await asyncio.sleep(0.005)


async def test_everything_is_shown_and_said_once_in_order() -> None:
    sink, events = Sink(), list[SpeechEvent]()
    feed = SpeechFeed(sink, events.append)
    task = asyncio.create_task(feed.run())
    ramp = np.linspace(0.1, 0.9, 10 * FRAME_SAMPLES, dtype=np.float32)
    feed.queue.begin()
    feed.queue.push(ramp)
    feed.queue.complete()
    feed.wake()
    await _until(lambda: any(what == "end" for what, *_ in sink.log))
    task.cancel()
    for what in ("show", "say"):
        sound = sink.sound(what)
        np.testing.assert_array_equal(sound[sound > 0], ramp)
    assert [event.kind for event in events] == ["started", "finished"]
    assert not events[1].was_cleared
    assert [what for what, *_ in sink.log][0] == "begin"


async def test_the_lips_get_it_before_the_ear_and_both_for_the_same_moment() -> None:
    sink = Sink()
    feed = SpeechFeed(sink, lambda event: None)
    task = asyncio.create_task(feed.run())
    feed.queue.begin()
    feed.queue.push(np.full(20 * FRAME_SAMPLES, 0.5, np.float32))
    feed.queue.complete()
    feed.wake()
    await _until(lambda: len([1 for what, *_ in sink.log if what == "say"]) > 15)
    task.cancel()
    shown = {end_s: at_s for what, at_s, end_s, _ in sink.log if what == "show"}
    said = [(end_s, at_s) for what, at_s, end_s, _ in sink.log if what == "say"]
    leads = [at_s - shown[end_s] for end_s, at_s in said]
    assert np.median(leads) > 0.5 * LEAD_S


async def test_clear_hushes_the_ear_and_replaces_what_the_lips_were_shown() -> None:
    sink, events = Sink(), list[SpeechEvent]()
    feed = SpeechFeed(sink, events.append)
    task = asyncio.create_task(feed.run())
    feed.queue.begin()
    feed.queue.push(np.full(5 * RATE_HZ, 0.5, np.float32))
    feed.wake()
    await _until(lambda: any(event.kind == "started" for event in events))
    feed.clear()
    assert feed.queue.is_empty
    assert events[-1] == SpeechEvent("finished", 1, was_cleared=True)
    at = next(index for index, (what, *_) in enumerate(sink.log) if what == "hush")
    shown_before = max(end_s for what, _, end_s, _ in sink.log[:at] if what == "show")
    _, _, silent_end_s, silence = sink.log[at + 1]
    assert silent_end_s < shown_before
    assert not silence.any()
    await asyncio.sleep(0.1)
    later = [samples for what, _, _, samples in sink.log[at:] if what in ("show", "say")]
    assert _count(np.concatenate(later)) == 0
    task.cancel()


async def test_cancelling_gives_the_microphone_back() -> None:
    sink = Sink()
    feed = SpeechFeed(sink, lambda event: None)
    task = asyncio.create_task(feed.run())
    feed.queue.begin()
    feed.queue.push(np.ones(RATE_HZ, np.float32))
    feed.wake()
    await _until(lambda: any(what == "show" for what, *_ in sink.log))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sink.log[-1][0] == "end"
