"""The encoder at run time: the trained arithmetic, causal, streamed, bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from avatar.errors import AssetError
from avatar.frames import FloatArray
from avatar.motion.audio.encoder import (
    LOOK_AHEAD_S,
    OUTPUT_SCALES,
    PRESSED_SHUT,
    STEP_S,
    AudioEncoder,
    Weights,
    first_output_s,
    silent_frames,
)
from avatar.motion.audio.features import log_mel
from avatar.motion.audio.mouth import (
    APERTURE,
    COEFFICIENTS,
    NUM_COEFFICIENTS,
    PRESS,
    mouth_basis,
    mouth_lengths,
    shape_offset,
)
from avatar.training.voice.network import VoiceNetwork
from tests.voice.conftest import pieces


def test_numpy_and_torch_agree(
    network: VoiceNetwork, weights: Weights, speechlike: FloatArray
) -> None:
    rounded = VoiceNetwork(width=24, hidden=16, mix=12)
    rounded.load_state_dict(
        {name: value.half().float() for name, value in network.state_dict().items()}
    )
    features = log_mel(speechlike)
    features = np.concatenate([silent_frames(), features[: len(features) // 2 * 2]])
    with torch.no_grad():
        outputs = rounded(torch.from_numpy(features)[None])[0].numpy() * OUTPUT_SCALES
    wanted = outputs[len(silent_frames()) // 2 :]
    heard = AudioEncoder(weights).push(speechlike)
    free = slice(2, 5)  # width, protrusion, upper lip: not clipped
    np.testing.assert_allclose(heard.coefficients_MK[:, free], wanted[:, free], atol=1e-5)
    press = np.clip(wanted[:, PRESS], 0.0, 1.0)
    opening = np.maximum(wanted[:, APERTURE], 0.0) * (1.0 - PRESSED_SHUT * press)
    np.testing.assert_allclose(heard.coefficients_MK[:, APERTURE], opening, atol=1e-5)
    np.testing.assert_allclose(heard.coefficients_MK[:, PRESS], press, atol=1e-5)


def test_streamed_output_equals_that_of_the_whole_sound(
    weights: Weights, speechlike: FloatArray
) -> None:
    whole = AudioEncoder(weights).push(speechlike)
    stream = AudioEncoder(weights)
    curves = [stream.push(piece) for piece in pieces(speechlike, 3, 1500)]
    streamed = np.concatenate([curve.coefficients_MK for curve in curves])
    np.testing.assert_allclose(streamed, whole.coefficients_MK, atol=1e-5)
    starts_s = [curve.start_s for curve in curves]
    counts = np.cumsum([0] + [len(curve.speech_M) for curve in curves[:-1]])
    np.testing.assert_allclose(starts_s, first_output_s() + STEP_S * counts)


def test_nothing_after_the_look_ahead_changes_an_output(
    weights: Weights, speechlike: FloatArray
) -> None:
    assert LOOK_AHEAD_S <= 0.08
    changed = speechlike.copy()
    change_s = 2.0
    changed[int(change_s * 16_000) :] *= -0.3
    before, after = AudioEncoder(weights).push(speechlike), AudioEncoder(weights).push(changed)
    times_s = before.start_s + STEP_S * np.arange(len(before.speech_M))
    same = np.all(np.isclose(before.coefficients_MK, after.coefficients_MK, atol=1e-7), axis=1)
    assert np.all(same[times_s + LOOK_AHEAD_S <= change_s])
    assert not np.all(same[times_s > change_s])


def test_state_does_not_grow(weights: Weights, speechlike: FloatArray) -> None:
    encoder = AudioEncoder(weights)

    def size() -> int:
        arrays = [encoder._pending_MC, encoder._state_H, encoder._features._tail_T]
        arrays += [encoder._first._past_MC] + [block[2]._past_MC for block in encoder._blocks]
        return sum(array.size for array in arrays)

    encoder.push(speechlike)
    once = size()
    for _ in range(5):
        encoder.push(speechlike)
    assert size() <= once + 400 + 2 * 65


def test_reset_forgets(weights: Weights, speechlike: FloatArray) -> None:
    encoder = AudioEncoder(weights)
    first = encoder.push(speechlike)
    encoder.reset()
    again = encoder.push(speechlike)
    assert again.start_s == first.start_s
    np.testing.assert_array_equal(again.coefficients_MK, first.coefficients_MK)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "voice.npz"
    path.write_bytes(b"not weights")
    with pytest.raises(AssetError, match=r"voice\.npz.*missing or damaged"):
        Weights.read(path)
    with pytest.raises(AssetError):
        Weights.read(tmp_path / "absent.npz")


def test_each_coefficient_changes_its_own_length_only() -> None:
    lengths = mouth_lengths(mouth_basis().astype(np.float64))
    np.testing.assert_allclose(lengths[:5], np.eye(5), atol=0.01)
    np.testing.assert_allclose(lengths[5:], 0.0, atol=0.01)
    assert len(COEFFICIENTS) == NUM_COEFFICIENTS == 7


def test_the_basis_moves_the_mouth_and_leaves_the_eyes() -> None:
    from avatar.motion import topology as topo

    offset = shape_offset(np.ones(NUM_COEFFICIENTS, np.float32))
    assert np.abs(offset[topo.LEFT_LID_UPPER]).max() < 0.02
    assert np.abs(offset[topo.LIPS]).max() > 0.2
    mirrored = offset[topo.mirror_map()] * np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(offset, mirrored, atol=0.02)
