"""The sliding window: a stream equals a clip, sees no future, stays the same size, forgets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar.errors import ConfigError
from avatar.model.encoders import Condition
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import StreamModel
from avatar.model.torch_runner import InferenceRunner
from avatar.stream.window import SlidingWindow
from tests.model.networks import PICTURE, awake_network, random_chunk, random_view

NUM_LATENTS = 8
"""More than twice the ring's slots: every slot is overwritten at least once."""


class Stream:
    """A tiny model with a window, and the conditions that it was given."""

    def __init__(self, num_denoise_steps: int, *, persistence: float = 1.0) -> None:
        self.network = awake_network(ModelKind.TRANSFORMER)
        self.model = StreamModel(InferenceRunner(self.network), TINY, PICTURE)
        self.model.set_view(0, random_view(100))
        self.model.set_view(1, random_view(101))
        self.window = SlidingWindow(
            self.model,
            num_denoise_steps=num_denoise_steps,
            noise_persistence=persistence,
            seed=3,
        )
        self.conditions: list[list[torch.Tensor]] = []

    def push(self, seed: int) -> torch.Tensor:
        condition = list(self.model.condition(random_chunk(seed)))
        self.conditions.append(condition)
        return self.window.push(condition).clone()

    def run(self, seeds: range) -> torch.Tensor:
        return torch.cat([self.push(seed) for seed in seeds], 1)


def test_streamed_latents_equal_those_of_the_whole_clip() -> None:
    stream = Stream(1)
    streamed = stream.run(range(NUM_LATENTS))

    joined = Condition(*(torch.cat(parts, 1) for parts in zip(*stream.conditions, strict=True)))
    noise = np.random.default_rng(3).standard_normal(stream.model.latent_shape)
    noised = torch.from_numpy(noise.astype(np.float32)).expand(1, NUM_LATENTS, -1, -1, -1)
    network = stream.network
    assert network.transformer is not None
    ones = torch.ones(1, NUM_LATENTS)
    with torch.no_grad():
        views = [
            network.reference_condition(
                *(torch.from_numpy(a) for a in (v.picture_14HW, v.guidance_13HW, v.face_1M))
            )
            for v in (random_view(100), random_view(101))
        ]
        reference = network.transformer.reference_cache(views)
        whole, _ = network.transformer(noised, ones, ones, joined, reference)
    assert (streamed - whole).abs().max() < 1e-4 * whole.abs().max()
    # The past matters, or the comparison above would prove nothing.
    with torch.no_grad():
        hidden = torch.zeros(1, NUM_LATENTS, TINY.transformer.num_history, dtype=torch.bool)
        alone, _ = network.transformer(
            noised, ones, ones, joined, reference, is_past_seen_BLW=hidden
        )
    assert (alone - whole)[:, 1:].abs().max() > 1e-3 * whole.abs().max()
    assert torch.equal(alone[:, 0], whole[:, 0])


def test_a_clip_latent_is_not_changed_by_what_comes_after_it() -> None:
    """No look-ahead in the batched form either: training cannot peek at what streaming lacks."""
    stream = Stream(1)
    stream.run(range(4))
    joined = Condition(*(torch.cat(parts, 1) for parts in zip(*stream.conditions, strict=True)))
    changed = Condition(*(torch.cat([part[:, :3], part[:, 3:] + 1.0], 1) for part in joined))
    network = stream.network
    assert network.transformer is not None
    view = random_view(100)
    generator = torch.Generator().manual_seed(0)
    noised = torch.randn(1, 4, *joined.warped_BLCHW.shape[2:], generator=generator)
    times = torch.tensor([[0.2, 0.9, 0.5, 1.0]])
    with torch.no_grad():
        reference = network.transformer.reference_cache(
            [
                network.reference_condition(
                    torch.from_numpy(view.picture_14HW),
                    torch.from_numpy(view.guidance_13HW),
                    torch.from_numpy(view.face_1M),
                )
            ]
        )
        before, _ = network.transformer(noised, times, times, joined, reference)
        after, _ = network.transformer(noised, times, times, changed, reference)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3], after[:, 3])


def test_only_the_last_latents_are_seen() -> None:
    """What left the ring has no influence: streams that differ only further back agree."""
    depth = TINY.transformer.depth
    reach = TINY.transformer.num_history * depth
    first, second = Stream(1), Stream(1)
    first.push(70)
    second.push(80)
    results = []
    for stream in (first, second):
        stream.model.restart()  # the autoencoder's own memory is not what is tested here
        results.append(stream.run(range(reach + 1)))
    assert not torch.equal(results[0][:, 0], results[1][:, 0])
    assert torch.allclose(results[0][:, -1], results[1][:, -1], atol=1e-5)


def test_the_ring_does_not_grow() -> None:
    stream = Stream(1)
    stream.push(0)
    ring = stream.model._ring
    pointer, shape = ring.data_ptr(), ring.shape
    stream.run(range(1, 20))
    assert stream.model._ring.data_ptr() == pointer
    assert stream.model._ring.shape == shape
    assert stream.window.num_seen == TINY.transformer.num_history


def test_positions_depend_on_age_alone() -> None:
    stream = Stream(1)
    slots = TINY.transformer.num_history
    for count in range(1, 3 * slots):
        stream.push(count)
        position = stream.window._position_W
        newest = (count - 1) % slots
        assert position[newest] == slots - 1
        assert sorted(position.tolist()) == list(range(slots))


@pytest.mark.parametrize("persistence", [1.0, 0.9])
def test_reset_repeats_the_stream_exactly(persistence: float) -> None:
    stream = Stream(2, persistence=persistence)
    once = stream.run(range(5))
    stream.window.reset()
    stream.model.restart()
    assert stream.window.num_seen == 0
    assert torch.equal(stream.run(range(5)), once)


def test_a_swapped_character_owes_nothing_to_the_one_before() -> None:
    swapped, fresh = Stream(2), Stream(2)
    swapped.run(range(6))
    for stream in (swapped, fresh):
        stream.model.clear_views()
        stream.model.set_view(0, random_view(200))
        stream.model.restart()
        stream.window.reset()
    assert torch.equal(swapped.run(range(4)), fresh.run(range(4)))


def test_steps_may_change_in_mid_stream() -> None:
    stream = Stream(2)
    stream.push(0)
    stream.window.set_denoise_steps(1)
    assert torch.isfinite(stream.push(1)).all()
    with pytest.raises(ConfigError, match="num_denoise_steps = 3"):
        stream.window.set_denoise_steps(3)


def test_a_refiner_needs_neither_noise_nor_past() -> None:
    network = awake_network(ModelKind.REFINER)
    model = StreamModel(InferenceRunner(network), TINY, PICTURE)
    window = SlidingWindow(model)
    condition = model.condition(random_chunk(1))
    assert torch.equal(window.push(condition), window.push(condition))
    assert window.num_seen == 0
