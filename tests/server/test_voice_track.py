"""The voice's packets: steady, opus, begun with the picture, and in step with what arrives."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError

from avatar.timing import monotonic_s
from server import voice_track
from server.delay_line import DelayLine
from server.lip_sync import LipSync
from server.sync import FRAME_SAMPLES, RATE_HZ
from server.voice_encoder import VoiceEncoder
from server.voice_track import VoiceTrack

PTIME_S = FRAME_SAMPLES / RATE_HZ


def _track(line: DelayLine) -> VoiceTrack:
    return VoiceTrack(line, LipSync(max_hold_s=0.1), origin_s=monotonic_s(), is_on=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No listener is waited for."""
    monkeypatch.setattr(voice_track, "BEGIN_AT_THE_LATEST_S", 0.0)


def test_a_tone_survives_the_encoder_with_its_own_timestamps() -> None:
    encoder, decoder = VoiceEncoder(), OpusDecoder()
    tone_T = (0.5 * np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(50 * FRAME_SAMPLES))).astype("f4")
    heard = []
    for index in range(50):
        pts = 1_000_000 + index * FRAME_SAMPLES
        samples_T = tone_T[index * FRAME_SAMPLES :][:FRAME_SAMPLES]
        packet = encoder.encode(samples_T, pts)
        assert packet.pts == pts
        for frame in decoder.decode(JitterFrame(bytes(packet), pts)):
            heard.append(frame.to_ndarray().reshape(-1, 2)[:, 0] / 32768)
    spectrum = np.abs(np.fft.rfft(np.concatenate(heard[10:])))
    frequency_hz = np.argmax(spectrum) * RATE_HZ / (40 * FRAME_SAMPLES)
    assert frequency_hz == pytest.approx(440, abs=2)
    assert np.abs(np.concatenate(heard[10:])).max() == pytest.approx(0.5, abs=0.1)


async def test_packets_come_at_an_even_count_even_of_nothing(at_once: None) -> None:
    track = _track(DelayLine())
    stamps = [(await track.recv()).pts for _ in range(5)]
    assert list(np.diff(stamps)) == [FRAME_SAMPLES] * 4


async def test_nothing_is_sent_before_the_listener_can_play_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(voice_track, "BEGIN_AT_THE_LATEST_S", 60.0)
    track = _track(DelayLine())
    first = asyncio.ensure_future(track.recv())
    await asyncio.sleep(0.1)
    assert not first.done()
    track.begin_soon()
    assert (await asyncio.wait_for(first, 20)).pts >= 0


async def test_a_track_that_is_stopped_ends_a_waiting_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(voice_track, "BEGIN_AT_THE_LATEST_S", 60.0)
    track = _track(DelayLine())
    waiting = asyncio.ensure_future(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await asyncio.wait_for(waiting, 20)


class _Uplink:
    """Packets that come every 20 ms into a line that is read by a track; an invented clock."""

    def __init__(self, *, phase_s: float) -> None:
        self.line = DelayLine()
        self.track = _track(self.line)
        self.phase_s = phase_s
        self.waited_s: list[float] = []

    def run(self, num_packets: int) -> None:
        track = self.track
        for index in range(num_packets):
            arrival_s = 50.0 + index * PTIME_S
            tone_T = np.full(FRAME_SAMPLES, 0.1, np.float32)
            self.line.push(tone_T, index * FRAME_SAMPLES, arrival_s)
            read_s = arrival_s + self.phase_s + track._phase_s
            self.line.pull(0.0, read_s)
            track._follow_arrivals(is_silent=self.line.lag_s is None)
            self.waited_s.append(self.line.waited_s)


@pytest.mark.parametrize("phase_s", [0.001, 0.006, 0.015])
def test_the_rhythm_falls_in_with_the_arrivals(phase_s: float) -> None:
    uplink = _Uplink(phase_s=phase_s)
    uplink.run(200)
    assert np.median(uplink.waited_s[-20:]) == pytest.approx(0.003, abs=0.001)
    assert uplink.line.floor_s < 0.008, "no packet's length is waited for in vain"
