"""The audio encoder: a stream of sound at 16 kHz becomes mouth coefficients, 50 times a second.

Knows the network's arithmetic in numpy and its bounded state; does not know training (the same
network in torch is `avatar.training.voice.network`), devices or video. Causal throughout: what it
looks ahead is a delay of its output, so that a moment's mouth is known 60 ms after the moment's
sound, 80 ms with the interpolation between outputs.

    65 features, 100 Hz -> strided causal convolution, 50 Hz -> residual dilated convolutions
    -> GRU (Cho et al. 2014) beside them -> 7 coefficients and the presence of speech

Shape legend: T samples, M moments (50 per second), C features, D width, K coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avatar.errors import AssetError
from avatar.frames import FloatArray
from avatar.motion.audio.features import (
    HOP_T,
    NUM_FEATURES,
    SAMPLE_RATE_HZ,
    WINDOW_T,
    LogMel,
    frame_loudness,
    log_mel,
)
from avatar.motion.audio.mouth import APERTURE, COEFFICIENTS, NUM_COEFFICIENTS, PRESS

FRAMES_PER_STEP: Final = 2
STEP_T: Final = FRAMES_PER_STEP * HOP_T
STEP_S: Final = STEP_T / SAMPLE_RATE_HZ
LOOK_AHEAD_S: Final = 0.060
"""Sound heard after the moment that an output stands for."""
WEIGHTS_PATH: Final = Path(__file__).with_name("voice.npz")

FIRST_TAPS: Final = 4
TAPS: Final = 3
DILATIONS: Final = (1, 2, 4, 8)
NORM_EPSILON: Final = 1e-5
PRESSED_SHUT: Final = 0.8
"""How far fully pressed lips shut an opening that the network still gives."""
_SILENCE_S = 0.5
_LOUDNESS_FALL = float(np.exp(-STEP_S / 0.1))

OUTPUT_SCALES: Final[FloatArray] = np.array(
    [0.05, 0.05, 0.05, 0.035, 0.006, 0.3, 0.25, 0.4], np.float32
)
"""Typical size of each output: the network works in these units (7 coefficients, speech)."""


def first_output_s() -> float:
    """Media time of the first output when the first sample is at 0; the next follow every 20 ms."""
    return ((FRAMES_PER_STEP - 1) * HOP_T + WINDOW_T) / SAMPLE_RATE_HZ - LOOK_AHEAD_S


@cache
def silent_frames() -> FloatArray:
    """The (M, C) features that every sound is taken to come after."""
    frames_MC = log_mel(np.zeros(int(_SILENCE_S * SAMPLE_RATE_HZ), np.float32))
    return frames_MC[: len(frames_MC) // FRAMES_PER_STEP * FRAMES_PER_STEP]


@dataclass(frozen=True, slots=True)
class MouthCurve:
    """Consecutive outputs of the encoder."""

    start_s: float
    """Time of the first output after the start of the sound; the next follow every 20 ms."""
    coefficients_MK: FloatArray
    speech_M: FloatArray
    """0..1: whether someone speaks."""
    loudness_M: FloatArray
    """0..1: level of the sound, 0 at -60 dB below full scale and 1 at full scale."""


class Weights:
    """The network's arrays, read without torch and checked."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        self.arrays = arrays
        self.first = arrays["first.weight"]  # D, C, taps
        self.width = self.first.shape[0]
        self.hidden = arrays["memory.weight_hh_l0"].shape[1]

    @staticmethod
    @cache
    def shipped() -> Weights:
        """The weights that ship with the project."""
        return Weights.read(WEIGHTS_PATH)

    @staticmethod
    def read(path: Path) -> Weights:
        """Read weights; raises AssetError where they are missing, damaged or of another version."""
        try:
            with np.load(path, allow_pickle=False) as file:
                names = tuple(str(name) for name in file["coefficients"])
                arrays = {
                    name: file[name].astype(np.float32)
                    for name in file.files
                    if name != "coefficients"
                }
            weights = Weights(arrays)
        except (OSError, ValueError, KeyError) as error:
            raise AssetError(
                f"{path}: the audio encoder's weights are missing or damaged; reinstall, or train "
                "them with `python -m avatar train voice --config configs/train_voice.toml`."
            ) from error
        if names != COEFFICIENTS or weights.first.shape[1] != NUM_FEATURES:
            raise AssetError(f"{path}: audio encoder weights of another version; reinstall.")
        return weights

    @property
    def num_parameters(self) -> int:
        """How many numbers were learned."""
        return sum(array.size for array in self.arrays.values())


class _Convolution:
    """A causal convolution over time that remembers the inputs it still needs."""

    def __init__(self, weight: FloatArray, bias: FloatArray, *, dilation: int, stride: int) -> None:
        self._taps_KCD = np.ascontiguousarray(weight.transpose(2, 1, 0))
        self._bias_D = bias
        self._dilation, self._stride = dilation, stride
        self._memory = (weight.shape[2] - 1) * dilation - (stride - 1)
        self.reset()

    def reset(self) -> None:
        self._past_MC = np.zeros((self._memory, self._taps_KCD.shape[1]), np.float32)

    def __call__(self, inputs_MC: FloatArray) -> FloatArray:
        """Take M inputs (a multiple of the stride), return M / stride outputs."""
        heard_MC = np.concatenate([self._past_MC, inputs_MC])
        self._past_MC = heard_MC[len(heard_MC) - self._memory :]
        num_outputs = len(inputs_MC) // self._stride
        outputs_MD = self._bias_D
        for tap, weight_CD in enumerate(self._taps_KCD):
            start = tap * self._dilation
            stop = start + (num_outputs - 1) * self._stride + 1
            outputs_MD = outputs_MD + heard_MC[start : stop : self._stride] @ weight_CD
        return outputs_MD


class AudioEncoder:
    """Streams sound into mouth coefficients; memory and cost do not grow with time."""

    def __init__(self, weights: Weights | None = None) -> None:
        weights = weights or Weights.shipped()
        arrays = weights.arrays
        self._features = LogMel()
        self._first = _Convolution(
            weights.first, arrays["first.bias"], dilation=1, stride=FRAMES_PER_STEP
        )
        self._blocks = [
            (
                arrays[f"norms.{index}.weight"],
                arrays[f"norms.{index}.bias"],
                _Convolution(
                    arrays[f"blocks.{index}.weight"],
                    arrays[f"blocks.{index}.bias"],
                    dilation=dilation,
                    stride=1,
                ),
            )
            for index, dilation in enumerate(DILATIONS)
        ]
        self._memory_norm = arrays["memory_norm.weight"], arrays["memory_norm.bias"]
        self._input_DG = np.ascontiguousarray(arrays["memory.weight_ih_l0"].T)
        self._input_bias_G = arrays["memory.bias_ih_l0"]
        self._state_HG = np.ascontiguousarray(arrays["memory.weight_hh_l0"].T)
        self._state_bias_G = arrays["memory.bias_hh_l0"]
        self._hidden = weights.hidden
        self._mix = np.ascontiguousarray(arrays["mix.weight"].T), arrays["mix.bias"]
        self._last = np.ascontiguousarray(arrays["last.weight"].T), arrays["last.bias"]
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far: the next sample is at time 0."""
        self._features.reset()
        self._first.reset()
        for _, _, convolution in self._blocks:
            convolution.reset()
        self._pending_MC = np.zeros((0, NUM_FEATURES), np.float32)
        self._state_H = np.zeros(self._hidden, np.float32)
        self._num_outputs = 0
        self._loud = 0.0
        # Nothing in training begins with a voice: a state that has heard no silence shuts the first
        # syllable up.
        self._network(silent_frames())

    def push(self, samples_T: FloatArray) -> MouthCurve:
        """Take the next samples (16 kHz, any number); return the outputs they complete."""
        frames_MC = np.concatenate([self._pending_MC, self._features.push(samples_T)])
        num_outputs = len(frames_MC) // FRAMES_PER_STEP
        self._pending_MC = frames_MC[num_outputs * FRAMES_PER_STEP :]
        start_s = first_output_s() + self._num_outputs * STEP_S
        self._num_outputs += num_outputs
        if num_outputs == 0:
            none = np.zeros((0, NUM_COEFFICIENTS), np.float32)
            empty = np.zeros(0, np.float32)
            return MouthCurve(start_s, none, empty, empty)
        frames_MC = frames_MC[: num_outputs * FRAMES_PER_STEP]
        outputs_MK = self._network(frames_MC) * OUTPUT_SCALES
        coefficients_MK = outputs_MK[:, :NUM_COEFFICIENTS]
        np.maximum(coefficients_MK[:, :2], 0.0, out=coefficients_MK[:, :2])
        np.clip(coefficients_MK[:, -2:], 0.0, 1.0, out=coefficients_MK[:, -2:])
        # An unsure network answers with the mean of shut and open: where lips press, they meet.
        coefficients_MK[:, APERTURE] *= 1.0 - PRESSED_SHUT * coefficients_MK[:, PRESS]
        speech_M = np.clip(outputs_MK[:, NUM_COEFFICIENTS], 0.0, 1.0)
        return MouthCurve(start_s, coefficients_MK, speech_M, self._loudness(frames_MC))

    def _loudness(self, frames_MC: FloatArray) -> FloatArray:
        """Level per output, rising at once and falling with 100 ms."""
        loudness_M = np.empty(len(frames_MC) // FRAMES_PER_STEP, np.float32)
        for index, level in enumerate(frame_loudness(frames_MC)[1::FRAMES_PER_STEP].tolist()):
            self._loud = max(level, self._loud * _LOUDNESS_FALL)
            loudness_M[index] = self._loud
        return loudness_M

    def _network(self, frames_MC: FloatArray) -> FloatArray:
        stream_MD = self._first(frames_MC)
        for gain_D, shift_D, convolution in self._blocks:
            normed_MD = _layer_norm(stream_MD, gain_D, shift_D)
            stream_MD = stream_MD + convolution(np.maximum(normed_MD, 0.0))
        inputs_MG = _layer_norm(stream_MD, *self._memory_norm) @ self._input_DG
        inputs_MG += self._input_bias_G
        states_MH = np.empty((len(stream_MD), self._hidden), np.float32)
        for index, input_G in enumerate(inputs_MG):
            self._state_H = self._remember(input_G)
            states_MH[index] = self._state_H
        mixed_MD = np.concatenate([stream_MD, states_MH], axis=1) @ self._mix[0] + self._mix[1]
        return np.maximum(mixed_MD, 0.0) @ self._last[0] + self._last[1]

    def _remember(self, input_G: FloatArray) -> FloatArray:
        """One step of the GRU; gates in torch's order: reset, update, new."""
        size = self._hidden
        # einsum, not @: BLAS would wake a second thread for this, which on a busy machine waits
        recurrent_G = np.einsum("h,hg->g", self._state_H, self._state_HG) + self._state_bias_G
        gates = 1.0 / (1.0 + np.exp(-(input_G[: 2 * size] + recurrent_G[: 2 * size])))
        reset_H, update_H = gates[:size], gates[size:]
        new_H = np.tanh(input_G[2 * size :] + reset_H * recurrent_G[2 * size :])
        return (1.0 - update_H) * new_H + update_H * self._state_H


def _layer_norm(inputs_MD: FloatArray, gain_D: FloatArray, shift_D: FloatArray) -> FloatArray:
    """Layer normalisation (Ba et al. 2016)."""
    centred_MD = inputs_MD - inputs_MD.mean(axis=1, keepdims=True)
    variance_M1 = np.square(centred_MD).mean(axis=1, keepdims=True)
    return centred_MD / np.sqrt(variance_M1 + np.float32(NORM_EPSILON)) * gain_D + shift_D
