"""The autoencoder: begins as the warp, streams as it batches, looks where the map says."""

from __future__ import annotations

import torch

from avatar.model.autoencoder import DRAWN, MOVED, Autoencoder, ReferenceFeatures, corrected
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import StreamModel
from avatar.model.sampling import identity_map, sample
from avatar.model.torch_runner import InferenceRunner
from avatar.stream.window import SlidingWindow
from tests.model.networks import PICTURE, awake_network, random_chunk, random_view


def _clip(num_frames: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(1, num_frames, 4, *PICTURE, generator=generator)


def test_an_untrained_model_draws_exactly_the_warp() -> None:
    torch.manual_seed(0)
    for kind in ModelKind:
        model = StreamModel(InferenceRunner(AvatarNetwork(TINY, kind)), TINY, PICTURE)
        model.set_view(0, random_view(1))
        chunk = random_chunk(2)
        latent = SlidingWindow(model).push(model.condition(chunk))
        correction = model.decode(latent, chunk)
        assert abs(correction.rgb_t3HW).max() == 0.0
        assert abs(correction.alpha_tHW).max() == 0.0


def test_an_encoder_fed_chunk_by_chunk_equals_the_whole_clip() -> None:
    autoencoder = awake_network(ModelKind.REFINER).autoencoder
    frames = _clip(6)
    with torch.no_grad():
        whole, _ = autoencoder.encode(frames)
        memory = autoencoder.encoder.empty_memory(1, (PICTURE[0] // 16, PICTURE[1] // 16))
        parts = []
        for start in range(0, 6, 2):
            mean, _, memory = autoencoder.encoder(frames[:, start : start + 2], memory)
            parts.append(mean)
        no_past = autoencoder.encode(frames[:, 2:])[0]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
    assert not torch.allclose(no_past[:, 0], whole[:, 1], atol=1e-4), "the past must matter"


def test_encoding_sees_no_future() -> None:
    autoencoder = awake_network(ModelKind.REFINER).autoencoder
    frames = _clip(6)
    changed = frames.clone()
    changed[:, 4:] += 1.0
    with torch.no_grad():
        before, after = autoencoder.encode(frames)[0], autoencoder.encode(changed)[0]
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.equal(before[:, 2], after[:, 2])


def test_a_decoder_fed_latent_by_latent_equals_the_whole_clip() -> None:
    autoencoder = awake_network(ModelKind.REFINER).autoencoder
    inputs, memory = _decoder_inputs(autoencoder, num_latents=3)
    latents, warp, sampling_map, validity, features = inputs
    with torch.no_grad():
        whole, _, _ = autoencoder.decoder(latents, memory, warp, sampling_map, validity, features)
        parts = []
        for k in range(3):
            frames = slice(2 * k, 2 * k + 2)
            part, _, memory = autoencoder.decoder(
                latents[:, k : k + 1],
                memory,
                warp[:, frames],
                sampling_map[:, frames],
                validity[:, frames],
                features,
            )
            parts.append(part.rgb_BF3HW)
    assert torch.allclose(torch.cat(parts, 1), whole.rgb_BF3HW, atol=1e-5)


def test_the_decoder_uses_latent_reference_and_warp() -> None:
    """None of the three may be bypassed: change one, and the picture changes."""
    autoencoder = awake_network(ModelKind.REFINER).autoencoder
    inputs, memory = _decoder_inputs(autoencoder, num_latents=1)
    latents, warp, sampling_map, validity, features = inputs

    def decode(*given: object) -> torch.Tensor:
        with torch.no_grad():
            decoded, _, _ = autoencoder.decoder(given[0], memory, *given[1:])
        return decoded.rgb_BF3HW

    whole = decode(latents, warp, sampling_map, validity, features)
    silent = ReferenceFeatures(*(torch.zeros_like(f) for f in features))
    for others in (
        (latents + 0.5, warp, sampling_map, validity, features),
        (latents, warp * 0.5, sampling_map, validity, features),
        (latents, warp, sampling_map * 0.5, validity, features),
        (latents, warp, sampling_map, validity, silent),
    ):
        assert (decode(*others) - whole).abs().max() > 1e-3


def test_a_map_samples_where_it_points() -> None:
    picture = torch.arange(24.0).reshape(1, 1, 4, 6)
    assert torch.allclose(sample(picture, identity_map(4, 6)), picture, atol=1e-5)
    one_right = identity_map(4, 6)
    one_right[:, 0] += 2.0 / 6
    assert torch.allclose(sample(picture, one_right)[..., :-1], picture[..., 1:], atol=1e-4)
    assert torch.allclose(sample(picture, one_right)[..., -1], picture[..., -1], atol=1e-4)


def test_half_precision_does_not_move_places() -> None:
    picture = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    looked = sample(picture.bfloat16(), identity_map(64, 64))
    assert looked.dtype == torch.bfloat16
    assert torch.equal(looked, sample(picture.bfloat16().float(), identity_map(64, 64)).bfloat16())


def test_confidence_hands_pixels_over_to_the_warp() -> None:
    from avatar.model.autoencoder import Decoded

    warp = torch.zeros(1, 1, 4, 8, 8)
    ones, cells = torch.ones(1, 1, 1, 8, 8), torch.ones(1, 1, 1, 2, 2)
    decoded = Decoded(ones.expand(-1, -1, 3, -1, -1) * 0.5, ones, cells * -20.0, cells)
    assert corrected(warp, decoded, trust=True)[:, :, :3].abs().max() < 1e-6
    assert torch.allclose(corrected(warp, decoded)[:, :, :3], torch.tensor(0.5))


def test_what_did_not_move_or_was_painted_is_not_corrected_however_sure_the_model_is() -> None:
    autoencoder = awake_network(ModelKind.REFINER).autoencoder
    (latents, warp, sampling_map, validity, features), memory = _decoder_inputs(autoencoder, 1)
    rows, columns = sampling_map.shape[-2:]
    validity[:, :, [DRAWN, MOVED]] = 0.0
    validity[:, :, MOVED, :, columns // 2 :] = 0.8
    validity[:, :, DRAWN, rows // 2 :] = 1.0
    with torch.no_grad():
        decoded, _, _ = autoencoder.decoder(latents, memory, warp, sampling_map, validity, features)
    sure = decoded._replace(confidence_BF1hw=torch.full_like(decoded.confidence_BF1hw, 20.0))
    may_change = torch.zeros(rows, columns, dtype=torch.bool)
    may_change[: rows // 2, columns // 2 :] = True
    assert (sure.trust_BF1hw[..., may_change] > 0.2).all()
    assert (sure.trust_BF1hw[..., ~may_change] < 1e-6).all()
    drawn = corrected(warp.clamp(0.0, 1.0), sure, trust=True)
    unchanged = ((drawn - warp.clamp(0.0, 1.0)).abs() < 1e-5).all(2).all(1).all(0)
    far = 4  # trust is enlarged bilinearly, over half a cell
    assert unchanged[:, : 2 * columns - far].all()
    assert unchanged[2 * rows + far :].all()
    assert not unchanged[: 2 * rows - far, 2 * columns + far :].any()


def _decoder_inputs(
    autoencoder: Autoencoder, num_latents: int
) -> tuple[
    tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, ReferenceFeatures], torch.Tensor
]:
    generator = torch.Generator().manual_seed(2)
    rows, columns = PICTURE[0] // 4, PICTURE[1] // 4
    frames = 2 * num_latents

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(1, *shape, generator=generator)

    latents = noise(num_latents, TINY.autoencoder.latent_channels, rows // 4, columns // 4)
    with torch.no_grad():
        features = autoencoder.reference(noise(4, *PICTURE))
    inputs = (
        latents,
        noise(frames, 4, *PICTURE),
        torch.tanh(noise(frames, 2, rows, columns)),
        noise(frames, 4, rows, columns),
        features,
    )
    return inputs, autoencoder.decoder.empty_memory(1, (rows // 4, columns // 4))
