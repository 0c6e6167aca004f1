"""The transformer: one-way reference, masks that hide, rotary phases that stay relative."""

from __future__ import annotations

import torch

from avatar.model.encoders import NUM_FACE_TOKENS, Condition
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import TINY
from avatar.model.rope import angles, rotate
from avatar.model.transformer import DenoisingTransformer, ReferenceCache
from tests.model.networks import awake_network

SIZES = TINY.transformer.rope_sizes


def _condition(network: AvatarNetwork, num_latents: int, seed: int) -> Condition:
    generator = torch.Generator().manual_seed(seed)
    net, ae = TINY.transformer, TINY.autoencoder

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(1, num_latents, *shape, generator=generator)

    return Condition(
        noise(net.pose_channels, 4, 6),
        noise(ae.latent_channels, 4, 6),
        noise(4 * ae.frames_per_latent, 4, 6),
        noise(NUM_FACE_TOKENS * ae.frames_per_latent, net.face_width),
    )


def _denoise(
    transformer: DenoisingTransformer, condition: Condition, reference: ReferenceCache
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(9)
    noised = torch.randn(condition.warped_BLCHW.shape, generator=generator)
    times = torch.full(noised.shape[:2], 0.5)
    with torch.no_grad():
        clean, _ = transformer(noised, times, times, condition, reference)
    return clean


def _transformer() -> tuple[AvatarNetwork, DenoisingTransformer]:
    network = awake_network(ModelKind.TRANSFORMER)
    assert network.transformer is not None
    return network, network.transformer


def test_each_signal_reaches_the_result() -> None:
    network, transformer = _transformer()
    condition = _condition(network, 2, 0)
    with torch.no_grad():
        reference = transformer.reference_cache([_condition(network, 1, 5)])
        other = transformer.reference_cache([_condition(network, 1, 6)])
    whole = _denoise(transformer, condition, reference)
    for index in range(4):
        parts = list(condition)
        parts[index] = parts[index] + 1.0
        changed = _denoise(transformer, Condition(*parts), reference)
        assert (changed - whole).abs().max() > 1e-2, Condition._fields[index]
    no_cross = other._replace(cross_depth2BKSE=reference.cross_depth2BKSE)
    no_self = other._replace(self_depth2BKSE=reference.self_depth2BKSE)
    assert (_denoise(transformer, condition, no_cross) - whole).abs().max() > 1e-3
    assert (_denoise(transformer, condition, no_self) - whole).abs().max() > 1e-3


def test_a_hidden_view_has_no_influence() -> None:
    network, transformer = _transformer()
    condition = _condition(network, 2, 0)
    one, two = _condition(network, 1, 5), _condition(network, 1, 6)
    with torch.no_grad():
        alone = transformer.reference_cache([one])
        both = transformer.reference_cache([one, two])
        hidden = transformer.reference_cache([one, two], torch.tensor([[True, False]]))
    expected = _denoise(transformer, condition, alone)
    assert torch.allclose(_denoise(transformer, condition, hidden), expected, atol=1e-5)
    assert not torch.allclose(_denoise(transformer, condition, both), expected, atol=1e-3)


def test_without_any_view_the_reference_is_silent() -> None:
    network, transformer = _transformer()
    condition = _condition(network, 2, 0)
    views = [_condition(network, 1, 5)], [_condition(network, 1, 6)]
    none = torch.tensor([[False]])
    with torch.no_grad():
        caches = [transformer.reference_cache(view, none) for view in views]
    results = [_denoise(transformer, condition, cache) for cache in caches]
    assert torch.allclose(results[0], results[1], atol=1e-5)


def test_views_are_remembered_one_by_one() -> None:
    """A view added later gives the same keys as one that was there from the start."""
    network, transformer = _transformer()
    one, two = _condition(network, 1, 5), _condition(network, 1, 6)
    which = torch.eye(TINY.transformer.max_references)
    with torch.no_grad():
        both = transformer.reference_cache([one, two])
        later, _ = transformer.remember_view(two, which[1])
    num_tokens = later.shape[4]
    assert torch.equal(both.self_depth2BKSE[:, :, :, :, num_tokens:], later)


def test_scores_depend_on_differences_of_place_only() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 6, sum(SIZES), generator=generator)

    def score(query_time: float, key_time: float) -> torch.Tensor:
        turned = [
            rotate(x, angles(torch.tensor([time]), (2, 3), SIZES))
            for x, time in ((query, query_time), (key, key_time))
        ]
        return turned[0] @ turned[1].transpose(-1, -2)

    assert torch.allclose(score(3.0, 1.0), score(103.0, 101.0), atol=1e-3)
    assert not torch.allclose(score(3.0, 1.0), score(3.0, 2.0), atol=1e-2)
