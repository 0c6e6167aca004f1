"""Examples: made again from their number, split without overlap, judged on unseen people."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar.frames import FloatArray
from avatar.model.presets import TINY
from avatar.motion import topology as topo
from avatar.training.examples import (
    ClipExamples,
    Example,
    Examples,
    TrackerNoise,
    add_tracker_noise,
    batches,
    region_weights,
)
from avatar.training.sources import Mixture
from avatar.training.toy import ToyPeople
from avatar.training.views import TrainingView

SIZE = 64


@pytest.fixture(scope="module")
def examples() -> Examples:
    return Examples(_toy(ToyPeople(SIZE)), TINY, seed=5)


def _toy(people: ToyPeople) -> ClipExamples:
    return ClipExamples(people, TINY, num_frames=4, num_references=2, noise=TrackerNoise())


def test_an_example_is_the_same_whenever_it_is_made(examples: Examples) -> None:
    once, again, other = examples[3], examples[3], examples[4]
    for name, array in once.items():
        assert np.array_equal(array, again[name]), name
        assert np.isfinite(array).all(), name
    assert not np.array_equal(once["target"], other["target"])


def test_two_devices_share_a_batch_without_overlap(examples: Examples) -> None:
    options = {"first_step": 7, "last_step": 8, "batch_size": 4}
    whole = next(iter(batches(examples, **options)))
    parts = [next(iter(batches(examples, **options, rank=rank, world_size=2))) for rank in (0, 1)]
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), tensor), name


def test_the_warp_is_close_to_the_truth_but_not_the_truth(examples: Examples) -> None:
    """The door and the toy agree on where things are: the warp beats the unmoved reference."""
    gains = []
    for number in range(6):
        example = examples[number]
        truth, warp = example["target"][:, :3], example["warp"][:, :3]
        unmoved = np.broadcast_to(example["warp"][:1, :3], truth.shape)
        face = example["weight"] > 2.0
        error = np.abs(warp - truth)[np.broadcast_to(face, truth.shape)].mean()
        still = np.abs(unmoved - truth)[np.broadcast_to(face, truth.shape)].mean()
        gains.append(error / max(still, 1e-6))
        assert np.abs(warp - truth).mean() > 0.005, "nothing would be left to learn"
        assert np.abs(example["map"]).max() < 3.0
    assert np.mean(gains) < 1.0


def test_held_out_people_are_never_trained_on() -> None:
    random = np.random.default_rng(0)
    seen = {ToyPeople(32).clip(random, 2).person for _ in range(25)}
    unseen = {ToyPeople(32, is_held_out=True).clip(random, 2).person for _ in range(25)}
    assert not seen & unseen


def test_tracker_noise_has_the_size_it_is_given() -> None:
    clean = np.tile(100.0 * topo.canonical_face(), (60, 1, 1)).astype(np.float32)
    noise = TrackerNoise(jitter=0.01, bias=0.0, lag_frames=0.0)
    noisy = add_tracker_noise(clean, noise, np.random.default_rng(0))
    assert (noisy - clean).std() == pytest.approx(1.0, rel=0.1)
    biased = add_tracker_noise(
        clean, TrackerNoise(jitter=0.0, bias=0.01, lag_frames=0.0), np.random.default_rng(0)
    )
    offset = biased - clean
    assert np.allclose(offset, offset[:1], atol=1e-3), "a bias stays"
    assert 0.1 < offset.std() < 3.0


def test_eyes_and_mouth_weigh_more_and_the_mean_is_one() -> None:
    landmarks = 20.0 * topo.canonical_face() + 50.0
    weight = region_weights(landmarks.astype(np.float32), (100, 100))[0]
    x, y = landmarks[13, :2].astype(int)
    assert weight.mean() == pytest.approx(1.0, abs=1e-4)
    assert weight[y, x] > 3.0 * weight[5, 5]


def test_a_mixture_draws_by_its_shares() -> None:
    seen = [_toy(ToyPeople(32, num_people=20)), _toy(ToyPeople(32, num_people=40))]
    mixture = Mixture(seen, [0.0, 1.0])
    drawn = [mixture.example(np.random.default_rng(k))["reference"] for k in range(4)]
    only = [seen[0].example(np.random.default_rng(k))["reference"] for k in range(4)]
    assert not any(np.array_equal(a, b) for a, b in zip(drawn, only, strict=True))
    assert "100 % 40 toy people" in mixture.description
    with pytest.raises(ValueError, match="one share"):
        Mixture(seen, [1.0])


def test_a_cropped_example_is_a_part_of_the_whole_one(examples: Examples) -> None:
    """Pictures, cells and latents are cut at one place, and the map still points where it did."""
    whole = examples[3]
    seen = TrainingView(crop_px=32, colour_jitter=0.0).of(whole, TINY, np.random.default_rng(2))
    assert seen["warp"].shape[-2:] == (32, 32)
    assert seen["noise"].shape[-2:] == (2, 2)
    places = [
        (top, left)
        for top in range(0, SIZE - 31, 16)
        for left in range(0, SIZE - 31, 16)
        if np.array_equal(seen["warp"], whole["warp"][..., top : top + 32, left : left + 32])
    ]
    assert len(places) == 1
    top, left = (k // 4 for k in places[0])
    for name in ("map", "validity", "guidance"):
        assert np.array_equal(seen[name], whole[name][..., top : top + 8, left : left + 8]), name
    assert np.array_equal(seen["reference"], whole["reference"])


def test_other_light_changes_reference_warp_and_truth_alike(examples: Examples) -> None:
    whole = examples[1]
    other = TrainingView(crop_px=None, colour_jitter=0.5).of(whole, TINY, np.random.default_rng(4))

    def samples(example: Example, name: str) -> FloatArray:
        colours = np.moveaxis(example[name][..., :3, :, :], -3, -1) + 1.0
        return colours.reshape(-1, 3)[::97]

    mixing = np.linalg.lstsq(samples(whole, "warp"), samples(other, "warp"), rcond=None)[0]
    assert np.abs(mixing - np.eye(3)).max() > 0.05, "it is another light"
    for name in ("warp", "target", "reference"):
        found = samples(other, name)
        assert np.allclose(samples(whole, name) @ mixing, found, atol=1e-4), name
        assert found.min() >= -1e-5
        assert found.max() <= 2.0 + 1e-5
    assert np.array_equal(other["warp"][:, 3], whole["warp"][:, 3]), "coverage has no colour"


def test_a_share_of_examples_is_driven_by_another_person_with_the_persons_own_truth() -> None:
    people = ToyPeople(SIZE)
    exact = TrackerNoise(jitter=0.0, bias=0.0)
    plain, always = (
        Examples(
            ClipExamples(
                people, TINY, num_frames=2, num_references=1, noise=exact, cross_share=share
            ),
            TINY,
            seed=3,
        )
        for share in (0.0, 1.0)
    )
    for number in range(2):
        own, cross = plain[number], always[number]
        for name in ("target", "reference", "weight"):
            assert np.array_equal(own[name], cross[name]), name
        for name in ("warp", "map", "face"):
            assert not np.array_equal(own[name], cross[name]), name
        errors = [np.abs(e["warp"] - e["target"]).mean() for e in (own, cross)]
        assert errors[1] < 2.5 * errors[0] + 0.02, "the motion is the person's own"
    clip = people.clip(np.random.default_rng(0), 2)
    assert clip.double_landmarks_FN3 is not None
    assert np.abs(clip.double_landmarks_FN3 - clip.landmarks_FN3).max() > 1.0
