"""A long sound through the voice and the mixer, faster than real time: does anything grow or drift?

    python -m avatar.evaluation.voice_soak --minutes 30

A spoken marker comes at known times; the mixed mouth must open for the last one as far from its
sound as for the first. Knows no pictures, network or clock: time is what the stamps say. The last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from fractions import Fraction

import numpy as np

from avatar.data.voice.espeak import Espeak
from avatar.evaluation.machine import resident_mb
from avatar.frames import AudioChunk, FloatArray, Stamp, Tracking
from avatar.motion import topology as topo
from avatar.motion.audio.encoder import Weights
from avatar.motion.audio.voice import VoiceTracker
from avatar.motion.geometry import place_head, reference_geometry
from avatar.motion.mixer import Mixer
from avatar.motion.retarget import Retargeter
from avatar.regions import LiveSettings, Region, Source

RATE_HZ = 48_000
_CLOCK = Fraction(1, RATE_HZ)
_PACKET_T = RATE_HZ // 50
_FRAME_S = 0.04
_MARKER_EVERY_S = 6.0
_AHEAD_S = 0.12
"""Sound is handed over this much before its picture is asked for, as offline and `/speak` do."""
_OPEN_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Soak:
    """What a long run did."""

    minutes: float
    num_frames: int
    num_markers: int
    num_missed: int
    """Markers for which the mouth did not open."""
    first_offset_s: float
    """Mouth after sound, median of the first tenth of the markers."""
    last_offset_s: float
    """The same for the last tenth."""
    memory_growth_mb: float | None
    """Of the process, from a tenth into the run to its end; None where the system does not tell."""
    num_restarts: int
    cpu_s_per_frame: float


def soak(minutes: float, *, weights: Weights | None = None) -> Soak:
    """Run `minutes` of sound with a marker every six seconds."""
    marker_T = _marker()
    tracker, mixer, retargeter = VoiceTracker(weights), Mixer(seed=1), _average_reference()
    settings = LiveSettings(dict.fromkeys(Region, Source.AUDIO), is_mirrored=False)
    num_frames = int(minutes * 60.0 / _FRAME_S)
    period_T = int(_MARKER_EVERY_S * RATE_HZ)
    offsets_s: list[float] = []
    num_missed = 0
    gaps: list[float] = []
    times_s: list[float] = []
    heard_T = 0
    memory_mb: float | None = None
    started_s = time.process_time()
    for frame in range(num_frames):
        time_s = frame * _FRAME_S
        while heard_T < (time_s + _AHEAD_S) * RATE_HZ:
            at = np.arange(heard_T, heard_T + _PACKET_T) % period_T
            packet_T = np.where(at < len(marker_T), marker_T[np.minimum(at, len(marker_T) - 1)], 0)
            stamp = Stamp(heard_T, _CLOCK, time_s)
            tracker.push(AudioChunk(stamp, packet_T.astype(np.float32), RATE_HZ))
            heard_T += _PACKET_T
        audio = tracker.motion_at(time_s)
        mixed = mixer.mix(retargeter, None, Tracking.LOST, audio, settings, time_s)
        times_s.append(time_s)
        gaps.append(mixed.lip_gap)
        if len(gaps) == round(_MARKER_EVERY_S / _FRAME_S):
            offset_s = _opening_s(np.array(times_s), np.array(gaps))
            if offset_s is None:
                num_missed += 1
            else:
                offsets_s.append(offset_s)
            gaps.clear()
            times_s.clear()
        if frame == num_frames // 10:
            memory_mb = resident_mb()
    cpu_s = time.process_time() - started_s
    last_mb = resident_mb()
    tenth = max(1, len(offsets_s) // 10)
    return Soak(
        minutes=minutes,
        num_frames=num_frames,
        num_markers=len(offsets_s) + num_missed,
        num_missed=num_missed,
        first_offset_s=round(float(np.median(offsets_s[:tenth])), 4),
        last_offset_s=round(float(np.median(offsets_s[-tenth:])), 4),
        memory_growth_mb=None if memory_mb is None or last_mb is None else last_mb - memory_mb,
        num_restarts=tracker.num_restarts,
        cpu_s_per_frame=round(cpu_s / num_frames, 6),
    )


def _opening_s(times_s: FloatArray, gaps: FloatArray) -> float | None:
    """When in its period the mouth first opens, between frames; None for a mouth that does not."""
    if gaps.max() < 0.02:
        return None
    level = _OPEN_SHARE * float(gaps.max())
    index = int(np.argmax(gaps > level))
    since_s = times_s - np.floor(times_s[0] / _MARKER_EVERY_S + 0.5) * _MARKER_EVERY_S
    if index == 0:
        return float(since_s[0])
    share = (level - gaps[index - 1]) / (gaps[index] - gaps[index - 1])
    return float(since_s[index - 1] + share * _FRAME_S)


def _marker() -> FloatArray:
    """A spoken syllable at the run's rate."""
    speech = Espeak().say("da", "en-us+f2", words_per_minute=120)
    at_s = np.arange(int(len(speech.samples_T) * RATE_HZ / speech.sample_rate_hz)) / RATE_HZ
    at_T = at_s * speech.sample_rate_hz
    marker_T = 0.6 * np.interp(at_T, np.arange(len(speech.samples_T)), speech.samples_T)
    return np.asarray(marker_T, dtype=np.float32)


def _average_reference() -> Retargeter:
    """The canonical face as a character."""
    landmarks_N3 = place_head(
        topo.canonical_face(), np.eye(3, dtype=np.float32), np.full(2, 256.0, np.float32), 120.0
    )
    return Retargeter(reference_geometry(landmarks_N3, (512, 512)))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="long sound through the voice and the mixer")
    parser.add_argument("--minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    print(json.dumps(asdict(soak(arguments.minutes))))


if __name__ == "__main__":
    main()
