"""The encoder against real faces: mouth opening from the sound and from the face tracker.

Knows clips with pictures and sound; a clip counts as someone talking where the sound is speech and
the seen mouth opens and closes again and again. Every other clip with a sound track is listed with
the reason why it is not averaged. Beside the encoder stands what the sound's bare envelope would
give. A clip's own sound and picture may be out of step, which a correlation without shift punishes.
So two more are given: the best within 0.4 s, and the one in step, where the clip itself says by how
much it is out: a delay of the heard opening, jaw and width behind the seen ones that both halves of
the clip agree on; each half is then judged by the delay that the other half says.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from avatar.errors import AudioError
from avatar.evaluation.voice_measures import (
    RATE_HZ,
    agreement,
    correlation,
    envelope,
    shared_shift,
    shifted_correlation,
)
from avatar.evaluation.voice_mouth import heard_mouth
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import Weights
from avatar.motion.audio.mouth import APERTURE, JAW, WIDTH, mouth_lengths
from avatar.motion.audio.sound import Sound, read_sound
from avatar.motion.geometry import face_motion
from avatar.motion.tracker import FaceTracker
from avatar.stream.clip import Clip

_QUIET = 1e-3
_TALKING_SPEECH = 0.4
_TALKING_MOVEMENT = 0.02
"""Least standard deviation of a talking mouth's opening, inter-ocular units."""
_TALKING_RATE_HZ = 0.5
"""A talking mouth opens at least this often."""
_LEAST_SEEN = 0.7
_LONGEST_LAG_S = 0.4
_LONGEST_OFFSET_S = 0.2
_SAME_OFFSET_S = 0.041
"""Halves of a clip that tell of offsets no further apart than this tell of the same."""
_COMPARED = [APERTURE, JAW, WIDTH]


@dataclass(frozen=True, slots=True)
class SeenMouth:
    """What the face tracker sees of a mouth (M moments); NaN where it sees no face."""

    times_s: FloatArray
    opening_M: FloatArray
    """Inner-lip gap, inter-ocular units."""
    lengths_MC: FloatArray
    """Inner-lip gap, place of the chin, distance of the mouth corners: head space."""


def evaluate_clips(
    suite: Path, weights: Weights | None, *, is_quiet: bool
) -> list[dict[str, object]]:
    """One row per clip of `suite/driving` that has sound."""
    rows: list[dict[str, object]] = []
    folder = suite / "driving"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in tqdm(files, desc="talking clips", unit="clip", disable=is_quiet):
        try:
            sound = read_sound(path)
        except AudioError:
            continue  # a clip without sound has nothing to say here
        if float(np.sqrt(np.square(sound.samples_T).mean())) < _QUIET:
            rows.append(_left_out(path, "the sound track is silent"))
            continue
        rows.append(_compared(path, sound, weights))
    return rows


def _left_out(path: Path, reason: str) -> dict[str, object]:
    return {"clip": path.name, "is_talking": False, "left_out": reason}


def _compared(path: Path, sound: Sound, weights: Weights | None) -> dict[str, object]:
    seen = tracked_mouth(path)
    times_s = seen.times_s
    is_seen = np.isfinite(seen.opening_M)
    if is_seen.mean() < _LEAST_SEEN:
        return _left_out(path, f"the face is found in {100 * is_seen.mean():.0f} % of the pictures")
    mouth = heard_mouth(sound.samples_T, sound.sample_rate_hz, weights)
    start_s = max(sound.start_s, float(times_s[is_seen][0]))
    end_s = min(float(times_s[is_seen][-1]), sound.start_s + sound.duration_s)
    clip_s = start_s + np.arange(int((end_s - start_s) * RATE_HZ), dtype=np.float32) / RATE_HZ
    sound_s = clip_s - np.float32(sound.start_s)
    seen_M = _interpolated(clip_s, times_s[is_seen], seen.opening_M[is_seen])
    seen_MC = _columns(clip_s, times_s[is_seen], seen.lengths_MC[is_seen])
    heard_M = _interpolated(sound_s, mouth.times_s, mouth.opening_M)
    heard_MC = _columns(sound_s, mouth.times_s, mouth.coefficients_MK[:, _COMPARED])
    speech_M = _interpolated(sound_s, mouth.times_s, mouth.speech_M)
    is_speech = speech_M > 0.5
    reason = None
    if not _is_busy(seen_M):
        reason = "the mouth does not talk: music, or someone out of the picture"
    elif speech_M.mean() <= _TALKING_SPEECH:
        reason = "hardly any speech is heard"
    score = agreement(heard_M, seen_M, longest_lag_s=_LONGEST_LAG_S)
    offset_s, in_step = _in_step(heard_MC, seen_MC)
    level_M = envelope(sound.samples_T, sound.sample_rate_hz, sound_s)
    return {
        "clip": path.name,
        "is_talking": reason is None,
        "left_out": reason,
        "correlation": _rounded(score.correlation),
        "best_correlation": _rounded(score.best_correlation),
        "lag_s": score.lag_s,
        "offset_s": offset_s,
        "in_step_correlation": _rounded(in_step),
        "correlation_while_speaking": _rounded(correlation(heard_M[is_speech], seen_M[is_speech])),
        "envelope_correlation": _rounded(correlation(level_M, seen_M)),
        "speech": _rounded(float(speech_M.mean())),
        "seen_movement": _rounded(float(seen_M.std())),
    }


def tracked_mouth(path: Path) -> SeenMouth:
    """The mouth of the face in a clip."""
    tracker = FaceTracker()
    times_s: list[float] = []
    openings: list[float] = []
    lengths = []
    try:
        for driving in Clip(path).frames():
            assert driving.rgb_HW3 is not None
            seen = tracker.track(driving.rgb_HW3, driving.stamp.time_s)
            times_s.append(driving.stamp.time_s)
            if seen is None:
                openings.append(np.nan)
                lengths.append(np.full(len(_COMPARED), np.nan))
                continue
            face = face_motion(seen.landmarks_N3)
            openings.append(face.lip_aperture)
            lengths.append(mouth_lengths(face.shape_N3[np.newaxis])[0, _COMPARED])
    finally:
        tracker.close()
    return SeenMouth(
        np.array(times_s, np.float32), np.array(openings, np.float32), np.array(lengths, np.float32)
    )


def _in_step(heard_MC: FloatArray, seen_MC: FloatArray) -> tuple[float | None, float | None]:
    """(offset of the sound in seconds, correlation of the openings without it).

    The offset: mean of both halves, > 0 where the sound comes late (lips that lead their sound
    count too); each half's correlation is taken with the other half's. None where the halves do not
    agree: nothing is known of it.
    """
    middle = len(heard_MC) // 2
    halves = [(heard_MC[half], seen_MC[half]) for half in (slice(middle), slice(middle, None))]
    shifts = [shared_shift(heard, seen, longest_lag_s=_LONGEST_OFFSET_S) for heard, seen in halves]
    if abs(shifts[0] - shifts[1]) > _SAME_OFFSET_S * RATE_HZ:
        return None, None
    scores = [
        shifted_correlation(heard[:, 0], seen[:, 0], shift)
        for (heard, seen), shift in zip(halves, reversed(shifts), strict=True)
    ]
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None, None
    return float(np.mean(shifts)) / RATE_HZ, float(np.mean(known))


def _is_busy(seen_M: FloatArray) -> bool:
    """Whether a mouth opens and closes again and again."""
    level = 0.5 * float(np.percentile(seen_M, 5) + np.percentile(seen_M, 95))
    num_openings = int(np.count_nonzero(np.diff((seen_M > level).astype(np.int8)) > 0))
    is_frequent = num_openings >= _TALKING_RATE_HZ * len(seen_M) / RATE_HZ
    return is_frequent and float(seen_M.std()) > _TALKING_MOVEMENT


def _interpolated(at_s: FloatArray, times_s: FloatArray, values_M: FloatArray) -> FloatArray:
    return np.interp(at_s, times_s, values_M).astype(np.float32)


def _columns(at_s: FloatArray, times_s: FloatArray, values_MC: FloatArray) -> FloatArray:
    return np.stack([_interpolated(at_s, times_s, values_M) for values_M in values_MC.T], axis=1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
