"""The encoder on speech whose truth is known: voices and languages it never heard in training.

Knows the synthesiser and its viseme targets; everything is drawn from fixed seeds, so that two runs
measure the same lines.
"""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from avatar.data.voice.corpus import HELD_OUT_VOICES, clip_of, synthesise
from avatar.data.voice.espeak import Espeak
from avatar.data.voice.texts import HELD_OUT_LANGUAGES, TRAINING_LANGUAGES
from avatar.evaluation.voice_measures import Agreement, agreement
from avatar.evaluation.voice_mouth import heard_mouth
from avatar.motion.audio.encoder import Weights
from avatar.motion.audio.features import SAMPLE_RATE_HZ
from avatar.motion.audio.mouth import COEFFICIENTS

_SEED = 2026
_PAUSE_S = 0.4


def evaluate_synthetic(
    weights: Weights | None, *, num_lines: int, is_quiet: bool
) -> list[dict[str, object]]:
    """One row per language: correlation and lag of each coefficient over `num_lines` lines.

    The lines of a language are said by held-out voices, one after the other, and heard as one
    sound; in the languages marked `is_held_out` every sound of the language is new as well.
    """
    espeak = Espeak()
    rows: list[dict[str, object]] = []
    languages = [*TRAINING_LANGUAGES, *HELD_OUT_LANGUAGES]
    for language in tqdm(languages, desc="synthetic speech", unit="language", disable=is_quiet):
        rng = np.random.default_rng([_SEED, languages.index(language)])
        said, wanted = [], []
        for _ in range(num_lines):
            speech, _ = synthesise(espeak, rng, (language,), HELD_OUT_VOICES, babble_share=0.0)
            clip = clip_of(speech)
            num_pause = int(_PAUSE_S * 50)
            num_moments = len(clip.targets_MK)
            samples_T = clip.samples_T[: num_moments * 320]
            said.append(
                np.pad(samples_T, (0, num_moments * 320 - len(samples_T) + num_pause * 320))
            )
            wanted.append(np.pad(clip.targets_MK, ((0, num_pause), (0, 0))))
        truth_MK = np.concatenate(wanted)
        mouth = heard_mouth(0.5 * np.concatenate(said), SAMPLE_RATE_HZ, weights)
        scores = {
            name: agreement(mouth.coefficients_MK[:, index], truth_MK[:, index])
            for index, name in enumerate(COEFFICIENTS)
        }
        rows.append(
            {
                "language": language,
                "is_held_out": language in HELD_OUT_LANGUAGES,
                "opening_correlation": _rounded(scores["aperture"].correlation),
                "opening_lag_s": scores["aperture"].lag_s,
                "coefficients": {name: _row(score) for name, score in scores.items()},
            }
        )
    return rows


def _row(score: Agreement) -> dict[str, float | None]:
    return {"correlation": _rounded(score.correlation), "lag_s": score.lag_s}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
