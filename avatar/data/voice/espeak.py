"""Speech from espeak-ng with the exact time of every phoneme.

Knows the C interface of libespeak-ng; does not know what a mouth is. The library reports, with
each piece of sound, the sample at which every phoneme begins (`speak_lib.h`,
espeakINITIALIZE_PHONEME_EVENTS), in IPA. It keeps global state that every `Espeak` of a process
shares: one call at a time.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.errors import AssetError, ConfigError
from avatar.frames import FloatArray

_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS = 0x1
_INITIALIZE_PHONEME_IPA = 0x2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_PHONEMES = 0x100  # text in [[...]] is phoneme mnemonics
_POS_CHARACTER = 1
_EVENT_END = 0
_EVENT_PHONEME = 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_SILENCE_LEVEL = 0.002
"""espeak writes exact zeros in closures; a little above them covers resonator tails."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One spoken sound: its IPA symbol ("" is a pause) and when it sounds."""

    ipa: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """A synthesised utterance; the phones tile it without gaps."""

    samples_T: FloatArray
    sample_rate_hz: int
    phones: tuple[Phone, ...]


class _Id(ctypes.Union):
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The synthesiser; deterministic for the same text, voice and settings."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        try:
            self._library = ctypes.CDLL(name)
        except OSError as error:
            raise AssetError(
                "libespeak-ng is missing: install espeak-ng (Debian: apt-get install espeak-ng)."
            ) from error
        rate_hz = self._library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS,
            0,
            None,
            _INITIALIZE_PHONEME_EVENTS | _INITIALIZE_PHONEME_IPA | _INITIALIZE_DONT_EXIT,
        )
        if rate_hz <= 0:
            raise AssetError("espeak-ng cannot find its data: reinstall espeak-ng-data.")
        self.sample_rate_hz = int(rate_hz)
        self._sound: list[NDArray[np.int16]] = []
        self._marks: list[tuple[int, str]] = []
        self._callback = _Callback(self._receive)  # kept: the library holds a bare pointer

    def _receive(self, wave: ctypes._Pointer[ctypes.c_short], count: int, events: object) -> int:
        if count > 0 and wave:
            self._sound.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:  # type: ignore[index]
            event = events[index]  # type: ignore[index]
            if event.type == _EVENT_PHONEME:
                self._marks.append((event.sample, event.id.string.decode("utf-8", "ignore")))
            index += 1
        return 0

    def say(
        self,
        text: str,
        voice: str,
        *,
        words_per_minute: int = 175,
        pitch: int = 50,
        pitch_range: int = 50,
    ) -> Speech:
        """Speak `text` with an espeak voice such as `de` or `fr+f3`; pitch and range are 0..100.

        Raises ConfigError for an unknown voice.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ConfigError(f"espeak-ng has no voice '{voice}'; see `espeak-ng --voices`.")
        for parameter, value in (
            (_RATE, words_per_minute),
            (_VOLUME, 100),
            (_PITCH, pitch),
            (_RANGE, pitch_range),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._sound.clear()
        self._marks.clear()
        data = text.encode("utf-8")
        # Another Espeak of this process may have set its own since, and be gone.
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Synth(
            data, len(data) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8 | _PHONEMES, None, None
        )
        self._library.espeak_Synchronize()
        if not self._sound:
            return Speech(np.zeros(0, np.float32), self.sample_rate_hz, ())
        samples_T = np.concatenate(self._sound).astype(np.float32) / 32768.0
        return Speech(samples_T, self.sample_rate_hz, self._phones(samples_T))

    def _phones(self, samples_T: FloatArray) -> tuple[Phone, ...]:
        """Turn marks into phones that tile the sound."""
        marks = [(start, ipa) for start, ipa in self._marks if not ipa.startswith("(")]
        if not marks or marks[0][0] > 0:
            marks.insert(0, (0, ""))
        ends = [start for start, _ in marks[1:]] + [len(samples_T)]
        symbols = [ipa for _, ipa in marks]
        starts = [start for start, _ in marks]
        # A stop's mark stands at its burst; the silence of its closure trails the phone before.
        for index in range(1, len(marks)):
            if is_stop(symbols[index]) and symbols[index - 1]:
                before_T = np.abs(samples_T[starts[index - 1] : starts[index]])
                loud = np.flatnonzero(before_T > _SILENCE_LEVEL)
                if loud.size:
                    starts[index] = ends[index - 1] = starts[index - 1] + int(loud[-1]) + 1
        rate_hz = self.sample_rate_hz
        return tuple(
            Phone(ipa, start / rate_hz, end / rate_hz)
            for ipa, start, end in zip(symbols, starts, ends, strict=True)
            if end > start
        )


def is_stop(ipa: str) -> bool:
    """Whether a phone begins with a closure of the vocal tract."""
    return bool(ipa) and ipa[0] in "pbtdkgqcɟʈɖɢʔɓɗɠɡ"
