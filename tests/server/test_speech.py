"""Pushed sound: bytes to samples, utterances in turn, nothing without bounds."""

from __future__ import annotations

import av
import numpy as np
import pytest

from server.speech import SpeechDecoder, SpeechError, SpeechQueue, Turn
from server.sync import FRAME_SAMPLES, RATE_HZ


def _tone(rate_hz: int, duration_s: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 300 * np.arange(int(rate_hz * duration_s)) / rate_hz)


def _opus_packets(samples: np.ndarray) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE_HZ, "mono", "s16"
    encoder.open()
    pcm = (samples * 32767).astype(np.int16)
    packets = []
    for at in range(0, len(pcm) // 960 * 960, 960):
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis, at : at + 960], "s16", "mono")
        frame.sample_rate, frame.pts = RATE_HZ, at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_pcm_of_any_rate_keeps_its_length_and_pitch(rate_hz: int) -> None:
    decoder = SpeechDecoder("pcm_s16le", rate_hz, 1)
    data = (_tone(rate_hz, 1.0) * 32767).astype("<i2").tobytes()
    parts = [decoder.decode(data[at : at + 777]) for at in range(0, len(data), 777)]
    sound = np.concatenate([*parts, decoder.flush()])
    assert len(sound) == pytest.approx(RATE_HZ, abs=100)
    crossings = np.count_nonzero(np.diff((sound > 1e-3).astype(int)) > 0)
    assert crossings == pytest.approx(300, abs=3)


def test_channels_are_mixed_and_broken_floats_silenced() -> None:
    decoder = SpeechDecoder("pcm_f32le", RATE_HZ, 2)
    pairs = np.array([[0.5, 0.1], [np.nan, 0.4], [9.0, 1.0]], "<f4")
    np.testing.assert_allclose(decoder.decode(pairs.tobytes()), [0.3, 0.2, 1.0])


def test_opus_packets_become_sound_and_others_an_error() -> None:
    decoder = SpeechDecoder("opus", RATE_HZ, 1)
    sound = np.concatenate([decoder.decode(packet) for packet in _opus_packets(_tone(RATE_HZ, 1))])
    assert len(sound) == RATE_HZ
    assert np.sqrt(np.square(sound[9600:]).mean()) == pytest.approx(0.354, abs=0.05)
    with pytest.raises(SpeechError, match="not an Opus packet"):
        decoder.decode(b"\xff\xff\x00junk" * 9)


@pytest.mark.parametrize(("rate_hz", "channels"), [(0, 1), (96_000, 1), (16_000, 0), (16_000, 9)])
def test_absurd_formats_are_refused(rate_hz: int, channels: int) -> None:
    with pytest.raises(SpeechError, match="rate_hz|channels"):
        SpeechDecoder("pcm_s16le", rate_hz, channels)


def test_utterances_are_said_in_turn_and_announced() -> None:
    queue = SpeechQueue()
    assert queue.begin() == 1
    queue.push(np.full(FRAME_SAMPLES + 100, 0.1, np.float32))
    assert queue.begin() == 2  # completes the first
    queue.push(np.full(FRAME_SAMPLES, 0.2, np.float32))
    queue.complete()
    frame, turns = queue.pull()
    assert turns == [Turn(1, is_begin=True)]
    assert (frame == np.float32(0.1)).all()
    frame, turns = queue.pull()
    assert turns == [Turn(1, is_begin=False), Turn(2, is_begin=True)]
    assert frame[99] == np.float32(0.1)
    assert frame[100] == np.float32(0.2)
    frame, turns = queue.pull()
    assert turns == [Turn(2, is_begin=False)]
    assert frame[100:].max() == 0.0
    assert queue.is_empty


def test_an_application_that_stalls_leaves_silence_and_may_go_on() -> None:
    queue = SpeechQueue()
    queue.begin()
    queue.push(np.full(100, 0.3, np.float32))
    assert queue.pull()[1] == [Turn(1, is_begin=True)]
    frame, turns = queue.pull()
    assert not frame.any()
    assert not turns
    assert not queue.is_empty
    queue.push(np.full(FRAME_SAMPLES, 0.3, np.float32))
    assert queue.pull()[0].all()


def test_a_flood_is_cut_and_counted() -> None:
    queue = SpeechQueue(max_queued_s=1.0)
    queue.begin()
    assert queue.push(np.zeros(RATE_HZ // 2, np.float32))
    assert not queue.push(np.zeros(RATE_HZ, np.float32))
    assert queue.queued_s == 1.0
    assert queue.num_refused == RATE_HZ // 2
    assert queue.clear() == [1]
    assert queue.queued_s == 0.0
    assert queue.is_empty
