"""The batched rollout of training is the sliding window of the stream, number for number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar.model.autoencoder import NUM_VALIDITY
from avatar.model.encoders import NUM_FACE_TOKENS, Condition
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import StreamModel
from avatar.model.torch_runner import InferenceRunner
from avatar.stream.window import SlidingWindow
from avatar.training.rollout import roll_out
from tests.model.networks import PICTURE, awake_network, random_chunk, random_view


@pytest.mark.parametrize(("num_denoise_steps", "num_views"), [(1, 1), (2, 1), (4, 1), (2, 3)])
def test_a_rollout_equals_the_served_stream(num_denoise_steps: int, num_views: int) -> None:
    network = awake_network(ModelKind.TRANSFORMER)
    assert network.transformer is not None
    model = StreamModel(InferenceRunner(network), TINY, PICTURE)
    views = [random_view(1 + index) for index in range(num_views)]
    for index, view in enumerate(views):
        model.set_view(index, view)
    window = SlidingWindow(model, num_denoise_steps=num_denoise_steps, seed=4)
    given = [list(model.condition(random_chunk(seed))) for seed in range(7)]
    streamed = torch.cat([window.push(condition).clone() for condition in given], 1)

    noise = np.random.default_rng(4).standard_normal(model.latent_shape).astype(np.float32)
    with torch.no_grad():
        reference = network.transformer.reference_cache(
            [
                network.reference_condition(
                    torch.from_numpy(view.picture_14HW),
                    torch.from_numpy(view.guidance_13HW),
                    torch.from_numpy(view.face_1M),
                )
                for view in views
            ]
        )
        rolled = roll_out(
            network.transformer,
            Condition(*(torch.cat(parts, 1) for parts in zip(*given, strict=True))),
            reference,
            torch.from_numpy(noise),
            num_denoise_steps=num_denoise_steps,
        )
    assert (streamed - rolled).abs().max() < 1e-4 * rolled.abs().max()


def test_gradients_reach_only_the_chosen_latents() -> None:
    network = awake_network(ModelKind.TRANSFORMER)
    assert network.transformer is not None
    generator = torch.Generator().manual_seed(0)
    shape, t = (1, 3, TINY.autoencoder.latent_channels, 4, 4), TINY.autoencoder.frames_per_latent
    condition = Condition(
        torch.randn(1, 3, TINY.transformer.pose_channels, 4, 4, generator=generator),
        torch.randn(shape, generator=generator),
        torch.randn(1, 3, t * NUM_VALIDITY, 4, 4, generator=generator),
        torch.randn(1, 3, t * NUM_FACE_TOKENS, TINY.transformer.face_width, generator=generator),
    )
    first = Condition(*(part[:, :1] for part in condition))
    rolled = roll_out(
        network.transformer,
        condition,
        network.transformer.reference_cache([first]),
        torch.randn(shape[0], 1, *shape[2:], generator=generator),
        num_denoise_steps=2,
        trained=[1],
    )
    weight = network.transformer.last.weight
    for index in range(3):
        network.zero_grad()
        if index == 1:
            loss = rolled[:, index].square().sum()
            loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
            assert weight.grad is not None
            assert weight.grad.abs().max() > 0
        else:
            (gradient,) = torch.autograd.grad(
                rolled[:, index].square().sum(), weight, retain_graph=True, allow_unused=True
            )
            assert gradient is None or gradient.abs().max() == 0
