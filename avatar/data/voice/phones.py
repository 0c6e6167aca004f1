"""What the mouth does for each sound: IPA symbols to lip and jaw targets.

Knows articulation (Ladefoged & Johnson, A Course in Phonetics; viseme groups after Fisher 1968);
does not know time. Targets are millimetres of an adult face at ordinary effort, relative to lips at
rest; dominance says how strongly a sound insists on its shape against its neighbours (Cohen &
Massaro 1993): a sibilant insists on a high jaw, an h on nothing.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Viseme:
    """Mouth target of one sound."""

    aperture_mm: float
    """Gap between the inner lips."""
    jaw_mm: float
    """Drop of the chin."""
    width_mm: float = 0.0
    """Change of the distance of the mouth corners."""
    protrusion_mm: float = 0.0
    """How far the lips come forward."""
    upper_mm: float = 0.0
    """Raise of the upper lip."""
    open_dominance: float = 1.0
    """Of aperture and jaw."""
    shape_dominance: float = 0.7
    """Of width, protrusion and upper lip."""
    closure: float = 0.0
    """1 where the lips must meet (p, b, m), partly where they nearly do."""
    tuck: float = 0.0
    """1 where the lower lip goes to the upper teeth (f, v)."""
    is_stop: bool = False
    """The closure ends in a burst inside the sound's segment."""


PAUSE: Final = Viseme(0.0, 0.0, open_dominance=1.6, shape_dominance=0.8)

_ROUND = 1.0
_VOWELS: dict[str, Viseme] = {
    "i": Viseme(4.5, 3.0, 5.0, -1.0, 1.0),
    "ɪ": Viseme(5.5, 4.0, 3.0, -0.5, 0.5),
    "e": Viseme(7.0, 5.5, 4.0, -0.5, 0.5),
    "ɛ": Viseme(9.0, 7.5, 3.0, 0.0, 0.5),
    "æ": Viseme(11.0, 9.5, 3.5, 0.0, 1.0),
    "a": Viseme(12.5, 11.5, 1.0),
    "ɑ": Viseme(12.5, 12.0, -1.0),
    "ɐ": Viseme(9.5, 8.5, 0.5),
    "ʌ": Viseme(9.5, 8.0),
    "ə": Viseme(6.0, 5.0, open_dominance=0.6, shape_dominance=0.25),
    "ɜ": Viseme(7.5, 6.0, -1.0, 1.0),
    "ɯ": Viseme(5.0, 4.0, 1.0),
    "ɒ": Viseme(10.0, 10.0, -4.0, 2.0, shape_dominance=_ROUND),
    "ɔ": Viseme(8.5, 8.5, -6.0, 3.5, shape_dominance=_ROUND),
    "o": Viseme(6.5, 6.5, -8.0, 5.0, shape_dominance=_ROUND),
    "ʊ": Viseme(4.5, 4.5, -7.0, 4.0, shape_dominance=_ROUND),
    "u": Viseme(3.5, 3.5, -10.0, 6.0, shape_dominance=_ROUND),
    "y": Viseme(3.5, 3.0, -8.0, 5.0, shape_dominance=_ROUND),
    "ø": Viseme(5.5, 5.0, -6.5, 4.0, shape_dominance=_ROUND),
    "œ": Viseme(7.5, 7.0, -4.5, 3.0, shape_dominance=_ROUND),
}
_SAME_VOWEL = {
    "ᵻ": "ɪ", "ɨ": "ɪ", "ʏ": "y", "ʉ": "y", "ɵ": "ø", "ɘ": "ə", "ɤ": "ʌ", "ɞ": "œ", "ɚ": "ɜ",
    "ɝ": "ɜ", "ɶ": "œ",
}  # fmt: skip

_LIP_CLOSURE = Viseme(0.0, 2.0, upper_mm=0.0, open_dominance=1.2, shape_dominance=0.15, closure=1.0)
_LABIODENTAL = Viseme(
    1.5, 2.0, 0.5, 0.0, 1.0, open_dominance=1.6, shape_dominance=0.4, closure=0.75, tuck=1.0
)
_DENTAL = Viseme(4.5, 3.5, 1.0, open_dominance=0.8, shape_dominance=0.2)
_SIBILANT = Viseme(3.5, 1.5, 2.5, 0.0, 0.5, open_dominance=1.1, shape_dominance=0.4)
_HUSHING = Viseme(5.5, 2.5, -5.0, 5.0, 1.5, open_dominance=1.0, shape_dominance=1.0)
_PALATAL_SIBILANT = Viseme(4.5, 2.0, -1.0, 2.0, 0.5, open_dominance=1.0, shape_dominance=0.6)
_ALVEOLAR = Viseme(4.0, 3.0, open_dominance=0.55, shape_dominance=0.1)
_LATERAL = Viseme(5.5, 4.5, open_dominance=0.5, shape_dominance=0.1)
_RHOTIC = Viseme(4.5, 4.0, open_dominance=0.5, shape_dominance=0.15)
_ROUND_RHOTIC = Viseme(4.0, 3.5, -4.0, 3.0, open_dominance=0.6, shape_dominance=0.6)
_BACK = Viseme(5.5, 4.5, open_dominance=0.3, shape_dominance=0.05)
_PALATAL = Viseme(4.5, 3.0, 3.0, open_dominance=0.5, shape_dominance=0.3)
_BREATH = Viseme(6.0, 5.0, open_dominance=0.08, shape_dominance=0.02)
_LABIOVELAR = Viseme(2.5, 3.0, -9.5, 6.0, open_dominance=1.0, shape_dominance=1.1)

_CONSONANTS: dict[str, Viseme] = {}
for _symbols, _viseme in (
    ("pbɓ", replace(_LIP_CLOSURE, is_stop=True)),
    ("m", _LIP_CLOSURE),
    ("βɸ", replace(_LIP_CLOSURE, aperture_mm=1.5, closure=0.6)),
    ("fvɱ", _LABIODENTAL),
    ("ʋⱱ", replace(_LABIODENTAL, closure=0.5, tuck=0.6, open_dominance=0.9)),
    ("θð", _DENTAL),
    ("sz", _SIBILANT),
    ("ʃʒʂʐ", _HUSHING),
    ("ɕʑ", _PALATAL_SIBILANT),
    ("tdnɖʈɳɗ", _ALVEOLAR),
    ("ɾɽr", _RHOTIC),
    ("ɹɻ", _ROUND_RHOTIC),
    ("lɭɫʎɬɺ", _LATERAL),
    ("kgɡŋqɢxɣχʁɴɰɠħʕʔ", _BACK),
    ("jcɟçɲʝ", _PALATAL),
    ("hɦ", _BREATH),
    ("wʍɥ", _LABIOVELAR),
):
    for _symbol in _symbols:
        _CONSONANTS[_symbol] = _viseme

_RHOTACISED = frozenset("ɚɝ")


def visemes(ipa: str) -> list[tuple[Viseme, float]]:
    """The targets an espeak IPA string stands for, each with its share of the sound's duration.

    Diphthongs and affricates become two targets; length, tone and aspiration marks none. A pause
    ("") is `PAUSE`. Symbols without a mouth shape are skipped; a string of only such symbols takes
    no target at all (its neighbours shape it).
    """
    if not ipa:
        return [(PAUSE, 1.0)]
    found: list[Viseme] = []
    for symbol in unicodedata.normalize("NFD", ipa):
        vowel = _VOWELS.get(_SAME_VOWEL.get(symbol, symbol))
        viseme = vowel or _CONSONANTS.get(symbol)
        if viseme is None:
            if symbol in "ʷᵝ" and found:
                found[-1] = replace(
                    found[-1], width_mm=-6.0, protrusion_mm=4.0, shape_dominance=0.8
                )
            continue
        if symbol == "h" and found:
            continue  # aspiration written as a letter
        found.append(viseme)
    return [(viseme, 1.0 / len(found)) for viseme in found]


def is_bilabial(ipa: str) -> bool:
    """Whether the lips meet for this sound."""
    return ipa[:1] in {"p", "b", "m"}


def is_open_vowel(ipa: str) -> bool:
    """Whether the mouth is wide open for this sound."""
    return unicodedata.normalize("NFD", ipa)[:1] in {"a", "ɑ", "æ", "ɐ", "ʌ"}
