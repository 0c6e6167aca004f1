"""Sound is listened to while something is moved by it, and nothing of a pause's length is lost."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avatar.frames import AudioChunk, Stamp
from avatar.motion.audio.mouth import APERTURE
from avatar.motion.audio.sound import read_sound
from avatar.motion.audio.voice import VoiceTracker
from avatar.motion.mixer import AudioMotion
from avatar.stream.hearing import BACKLOG_S, LINGER_S, MAX_CHUNKS, Hearing, joined

RATE_HZ = 1000


def chunk(start_s: float, length_s: float = 0.04, level: float = 0.0) -> AudioChunk:
    stamp = Stamp(round(start_s * 90_000), Fraction(1, 90_000), 0.0)
    samples_T = np.full(round(length_s * RATE_HZ), level, np.float32)
    return AudioChunk(stamp, samples_T, RATE_HZ)


class Listener:
    lag_s = 0.0

    def __init__(self) -> None:
        self.heard: list[AudioChunk] = []

    def push(self, chunk: AudioChunk) -> None:
        self.heard.append(chunk)

    def motion_at(self, time_s: float) -> AudioMotion | None:
        return AudioMotion(np.zeros((478, 3), np.float32), 0.0, 0.0)

    def reset(self) -> None:
        self.heard.clear()


def heard_s(listener: Listener) -> float:
    return sum(len(each.samples_T) for each in listener.heard) / RATE_HZ


def test_what_nobody_wants_is_not_heard_and_the_last_of_it_is_caught_up_with_in_one_piece() -> None:
    listener = Listener()
    hearing = Hearing(listener)
    for index in range(250):
        time_s = 0.04 * index
        assert hearing.motion_at([chunk(time_s)], time_s, is_wanted=False) is None
    assert listener.heard == []
    assert hearing.motion_at([chunk(10.0)], 10.0, is_wanted=True) is not None
    assert len(listener.heard) == 1
    assert heard_s(listener) == pytest.approx(BACKLOG_S, abs=0.1)
    last = listener.heard[-1]
    assert last.stamp.time_s + len(last.samples_T) / RATE_HZ == pytest.approx(10.04, abs=0.001)


def test_listening_lingers_while_a_region_eases_over() -> None:
    listener = Listener()
    hearing = Hearing(listener)
    hearing.motion_at([chunk(0.0)], 0.0, is_wanted=True)
    assert hearing.motion_at([chunk(0.04)], LINGER_S - 0.1, is_wanted=False) is not None
    assert hearing.motion_at([chunk(0.08)], LINGER_S + 0.1, is_wanted=False) is None
    assert heard_s(listener) == pytest.approx(0.08)


def test_only_what_follows_is_joined() -> None:
    pieces = [chunk(0.0), chunk(0.04), chunk(0.2), chunk(0.24), chunk(0.1)]
    assert [each.stamp.time_s for each in joined(pieces)] == pytest.approx([0.0, 0.2, 0.1])
    assert [len(each.samples_T) for each in joined(pieces)] == [80, 80, 40]


def test_stamps_that_lie_cannot_fill_the_memory() -> None:
    hearing = Hearing(Listener())
    for index in range(3 * MAX_CHUNKS):
        hearing.motion_at([chunk(1e6 + index)], 0.04 * index, is_wanted=False)
    assert len(hearing._unheard) == MAX_CHUNKS


def test_a_voice_caught_up_with_ends_where_one_heard_all_along_does(media: Path) -> None:
    sound = read_sound(media / "audio" / "en_jfk.wav")
    rate_hz, size = sound.sample_rate_hz, sound.sample_rate_hz // 25
    starts = range(0, 6 * rate_hz, size)
    pieces = [
        AudioChunk(
            Stamp(start, Fraction(1, rate_hz), 0.0), sound.samples_T[start : start + size], rate_hz
        )
        for start in starts
    ]
    always, late = VoiceTracker(), VoiceTracker()
    hearing = Hearing(late)
    for piece in pieces:
        always.push(piece)
        hearing.motion_at([piece], piece.stamp.time_s, is_wanted=piece is pieces[-1])
    moments_s = np.arange(4.4, 5.8, 0.04)
    mouths = [[voice.mouth_at(at_s) for at_s in moments_s] for voice in (always, late)]
    one, other = (
        np.stack([mouth.coefficients_K for mouth in each if mouth is not None]) for each in mouths
    )
    assert len(one) == len(other) == len(moments_s)
    assert np.ptp(one[:, APERTURE]) > 0.05, "the clip speaks here"
    assert np.corrcoef(one[:, APERTURE], other[:, APERTURE])[0, 1] > 0.98
