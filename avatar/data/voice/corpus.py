"""The corpus: clean synthesised speech with mouth targets, made once and read by the trainer.

Knows languages, voices and the folder's layout; does not know augmentation or the network. The
folder holds `samples.i16` (16 kHz), `targets.f16` (50 per second), `index.npz` (where each clip
lies) and `corpus.json` (what made it), and is made again only when that differs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly
from tqdm import tqdm

from avatar.data.voice.espeak import Espeak, Speech
from avatar.data.voice.texts import TRAINING_LANGUAGES, babble, sentence
from avatar.data.voice.visemes import TARGET_RATE_HZ, mouth_targets
from avatar.errors import AssetError
from avatar.frames import FloatArray
from avatar.motion.audio.features import SAMPLE_RATE_HZ
from avatar.motion.audio.mouth import NUM_COEFFICIENTS

# fmt: off
TRAINING_VOICES: Final = (
    "m1", "m2", "m3", "m4", "m5", "m7", "f1", "f2", "f3", "f5", "croak", "klatt", "klatt2",
    "klatt3", "klatt4", "whisper", "whisperf", "Alex", "Andy", "Alicia", "Belinda", "Michael",
    "Jacky", "Marcelo", "Lee", "Linda", "Mike", "Storm", "grandma", "grandpa", "victor",
    "sandro", "aunty", "anika", "john", "max", "pablo", "paul", "rob", "quincy", "shelby",
    "steph", "travis", "Nguyen", "Henrique", "Hugo", "benjamin", "boris", "caleb", "david",
    "edward", "gene", "iven2", "ed", "norbert",
)
HELD_OUT_VOICES: Final = (
    "m6", "m8", "f4", "Andrea", "Annie", "steph3", "Denis", "Marco", "zac", "robert",
)
# fmt: on
_FORMAT = 3
_BABBLE_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Clip:
    """Clean speech at 16 kHz and the mouth that says it."""

    samples_T: FloatArray
    targets_MK: FloatArray
    """At 50 per second, the first at time 0."""


def synthesise(
    espeak: Espeak,
    rng: np.random.Generator,
    languages: tuple[str, ...],
    voices: tuple[str, ...],
    *,
    babble_share: float = _BABBLE_SHARE,
) -> tuple[Speech, str]:
    """A random line in a random language by a random voice: the speech and its language."""
    language = str(rng.choice(languages))
    voice = str(rng.choice(voices))
    text = babble(rng) if rng.random() < babble_share else sentence(language, rng)
    speech = espeak.say(
        text,
        f"{language}+{voice}",
        words_per_minute=int(rng.integers(100, 220)),
        pitch=int(rng.integers(10, 95)),
        pitch_range=int(rng.integers(10, 95)),
    )
    return speech, language


def clip_of(speech: Speech) -> Clip:
    """Bring speech to 16 kHz and compute its mouth."""
    divisor = gcd(speech.sample_rate_hz, SAMPLE_RATE_HZ)
    samples_T = resample_poly(
        speech.samples_T, SAMPLE_RATE_HZ // divisor, speech.sample_rate_hz // divisor
    ).astype(np.float32)
    moments_s = np.arange(len(samples_T) * TARGET_RATE_HZ // SAMPLE_RATE_HZ) / TARGET_RATE_HZ
    targets_MK = mouth_targets(
        speech.phones, speech.samples_T, speech.sample_rate_hz, moments_s.astype(np.float32)
    )
    return Clip(samples_T, targets_MK)


def build_corpus(folder: Path, *, num_clips: int, seed: int) -> None:
    """Make the corpus unless the folder already holds this very one."""
    made_by: dict[str, Any] = {
        "format": _FORMAT,
        "num_clips": num_clips,
        "seed": seed,
        "languages": list(TRAINING_LANGUAGES),
        "voices": list(TRAINING_VOICES),
    }
    note = folder / "corpus.json"
    if note.is_file() and json.loads(note.read_text(encoding="utf-8")) == made_by:
        return
    folder.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    espeak = Espeak()
    rng = np.random.default_rng(seed)
    sample_ends, target_ends = [0], [0]
    with (
        (folder / "samples.i16").open("wb") as samples_file,
        (folder / "targets.f16").open("wb") as targets_file,
    ):
        for _ in tqdm(range(num_clips), desc="speaking", unit="line"):
            speech, _ = synthesise(espeak, rng, TRAINING_LANGUAGES, TRAINING_VOICES)
            if speech.samples_T.size == 0:
                continue
            clip = clip_of(speech)
            peak = max(float(np.abs(clip.samples_T).max()), 1e-3)
            samples_file.write(np.round(clip.samples_T / peak * 30000.0).astype("<i2").tobytes())
            targets_file.write(clip.targets_MK.astype("<f2").tobytes())
            sample_ends.append(sample_ends[-1] + len(clip.samples_T))
            target_ends.append(target_ends[-1] + len(clip.targets_MK))
    np.savez(
        folder / "index.npz", sample_ends=np.array(sample_ends), target_ends=np.array(target_ends)
    )
    note.write_text(json.dumps(made_by), encoding="utf-8")


class Corpus:
    """Read access to a corpus on disk; nothing is loaded before it is asked for."""

    def __init__(self, folder: Path) -> None:
        try:
            with np.load(folder / "index.npz", allow_pickle=False) as index:
                self._sample_ends: NDArray[np.int64] = index["sample_ends"]
                self._target_ends: NDArray[np.int64] = index["target_ends"]
            self._samples = np.memmap(folder / "samples.i16", dtype="<i2", mode="r")
            targets = np.memmap(folder / "targets.f16", dtype="<f2", mode="r")
            self._targets = targets.reshape(-1, NUM_COEFFICIENTS)
        except (OSError, ValueError, KeyError) as error:
            raise AssetError(
                f"{folder}: the speech corpus is missing or damaged; delete the folder and train "
                "again to have it rebuilt."
            ) from error

    def __len__(self) -> int:
        return len(self._sample_ends) - 1

    def __getitem__(self, index: int) -> Clip:
        samples = self._samples[self._sample_ends[index] : self._sample_ends[index + 1]]
        targets = self._targets[self._target_ends[index] : self._target_ends[index + 1]]
        return Clip(samples.astype(np.float32) / 32768.0, targets.astype(np.float32))
