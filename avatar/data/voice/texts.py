"""Something to say in each language: everyday words (`words.toml`) shuffled into lines.

Knows texts; does not know sound. Invented syllables, spoken with each language's own phonemes, add
the sound pairs that everyday words lack.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

import numpy as np

_WORDS: Final[dict[str, dict[str, str]]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)
TRAINING_LANGUAGES: Final = tuple(_WORDS["training"])
HELD_OUT_LANGUAGES: Final = tuple(_WORDS["held_out"])
"""Never heard in training: what carries over to them should carry over to any language."""

_LEXICON: Final = {
    language: words.split() for part in _WORDS.values() for language, words in part.items()
}
# espeak mnemonics that every language's phoneme table resolves; labials more often than in speech
_ONSETS: Final = (
    *("p", "b", "t", "d", "k", "g", "m", "n", "f", "v", "s", "z", "S", "h", "l", "j", "w", "r"),
    *("p", "b", "m", "f", "v", "tS", "dZ", "pl", "br", "tr", "sp", "st", "kl"),
)
_VOWELS: Final = (
    *("a", "e", "i", "o", "u", "a", "e", "i", "o", "u"),
    *("a:", "i:", "u:", "@", "aI", "aU"),
)
_CODAS: Final = ("", "", "", "n", "m", "p", "s", "t", "l", "b", "f", "k")


def sentence(language: str, rng: np.random.Generator) -> str:
    """One line to say in `language`, of 3 to 9 words."""
    chosen = [str(word) for word in rng.choice(_LEXICON[language], size=int(rng.integers(3, 10)))]
    if rng.random() < 0.5 and len(chosen) > 4:
        chosen[len(chosen) // 2] += ","
    return " ".join(chosen) + str(rng.choice([".", ".", "?", "!"]))


def babble(rng: np.random.Generator) -> str:
    """A line of invented words, as espeak phoneme mnemonics."""
    words = []
    for _ in range(int(rng.integers(3, 8))):
        count = int(rng.integers(1, 5))
        stressed = int(rng.integers(count))
        syllables = [
            str(rng.choice(_ONSETS))
            + ("'" if index == stressed else "")
            + str(rng.choice(_VOWELS))
            + str(rng.choice(_CODAS))
            for index in range(count)
        ]
        words.append("[[" + "".join(syllables) + "]]")
    return " ".join(words) + "."
