"""A stream's model behind two protocols, whatever runs the graphs.

`StreamModel` keeps the state of one stream (reference features, keys and values, memories, ring) in
buffers of fixed size and runs graphs by name on a `GraphRunner`. Eager torch, compiled torch and
OpenVINO are three runners; nothing else differs. Knows no time and no pictures' meaning; needs no
torch itself (arrays are whatever the runner's are).

Legend: t frames per chunk, R reference views, W history slots, N tokens per latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from avatar.frames import FloatArray
from avatar.model.presets import HIDDEN, ModelPreset
from avatar.model.shapes import StreamShapes

Array = Any
"""A torch tensor or a numpy array: whatever the runner computes with."""


class GraphRunner(Protocol):
    """Runs the four graphs of avatar.model.network."""

    is_refiner: bool
    """The `denoise` graph takes a condition only (no noise, no past)."""

    def run(self, graph: str, inputs: Sequence[Array]) -> Sequence[Array]:
        """Outputs of a graph; they stay valid after later runs."""

    def twin(self) -> GraphRunner:
        """The same weights for another stream: two twins may run at the same time."""

    def array(self, values: FloatArray) -> Array:
        """A numpy array as the runner's own."""

    def numpy(self, values: Array) -> FloatArray:
        """The runner's array as numpy float32."""


@dataclass(frozen=True, slots=True)
class ChunkInputs:
    """The door's arrays for one chunk, see `Driving` in avatar.model.encoders; batch axis 1."""

    warp: FloatArray
    sampling_map: FloatArray
    validity: FloatArray
    guidance: FloatArray
    face: FloatArray


@dataclass(frozen=True, slots=True)
class ViewInputs:
    """The door's arrays for one view of the reference."""

    picture_14HW: FloatArray
    guidance_13HW: FloatArray
    face_1M: FloatArray


@dataclass(frozen=True, slots=True)
class FrameCorrection:
    """What is added to one frame of the warp, as in `Correction`."""

    rgb_3HW: FloatArray
    alpha_HW: FloatArray
    trust_hw: FloatArray


@dataclass(frozen=True, slots=True)
class Correction:
    """What a decoded chunk adds to the warp."""

    rgb_t3HW: FloatArray
    """In [-1, 1] units: 2 is the way from black to white."""
    alpha_tHW: FloatArray
    trust_thw: FloatArray
    """Per cell the share of it that is to be shown, 0..1."""

    def frames(self) -> list[FrameCorrection]:
        """One for each frame of the chunk."""
        return [
            FrameCorrection(*each)
            for each in zip(self.rgb_t3HW, self.alpha_tHW, self.trust_thw, strict=True)
        ]


class Denoiser(Protocol):
    """Anything that cleans a latent; keeps the reference, and the past in numbered slots."""

    @property
    def num_history(self) -> int:
        """Slots of the past."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of a latent, batch included."""

    @property
    def uses_noise(self) -> bool:
        """False for a refiner: one step, and the noise is ignored."""

    def array(self, values: FloatArray) -> Array:
        """Numpy to the denoiser's own arrays."""

    def denoise(
        self,
        noised: Array,
        timestep: float,
        step_size: float,
        condition: Sequence[Array],
        position_W: FloatArray,
        bias_1W: FloatArray,
    ) -> Array:
        """The clean latent; slots stand at window-relative times and are hidden by their bias."""

    def remember(self, slot: int) -> None:
        """Keep the keys and values of the latest `denoise` in a slot."""


class Decoder(Protocol):
    """Anything that turns clean latents into corrections of the warp."""

    def decode(self, latent: Array, chunk: ChunkInputs) -> Correction:
        """One chunk; remembers what the next needs."""

    def restart(self) -> None:
        """Forget the past of the stream."""


class StreamModel:
    """Conditioner, Denoiser and Decoder of one stream over one runner."""

    def __init__(
        self, runner: GraphRunner, preset: ModelPreset, picture_hw: tuple[int, int]
    ) -> None:
        self._runner = runner
        self._shapes = StreamShapes(preset, picture_hw)
        self._max_views = preset.transformer.max_references
        self._history_slots = preset.transformer.num_history
        zeros = self._zeros
        self._features: tuple[Array, Array] | None = None
        self._view_bias_1R = np.full((1, self._max_views), HIDDEN, np.float32)
        if not runner.is_refiner:
            self._self = zeros(self._shapes.reference_self)
            self._cross = zeros(self._shapes.reference_cross)
            self._ring = zeros(self._shapes.history)
        self._latest: Array = None
        self._encoder_memory = zeros(self._shapes.encoder_memory)
        self._decoder_memory = zeros(self._shapes.decoder_memory)

    @property
    def num_history(self) -> int:
        """Slots of the past."""
        return self._history_slots

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of a latent, batch included."""
        return self._shapes.latent

    @property
    def uses_noise(self) -> bool:
        """Whether latents are sampled (transformer) or predicted (refiner)."""
        return not self._runner.is_refiner

    @property
    def shapes(self) -> StreamShapes:
        """All shapes of this stream."""
        return self._shapes

    @property
    def max_views(self) -> int:
        """How many views of the reference fit."""
        return self._max_views

    def array(self, values: FloatArray) -> Array:
        """Numpy to the runner's arrays."""
        return self._runner.array(values)

    def set_view(self, index: int, view: ViewInputs) -> None:
        """Remember a view of the reference; view 0 also supplies the decoder's features."""
        assert 0 <= index < self._max_views
        which = np.zeros(self._max_views, np.float32)
        which[index] = 1.0
        arrays = [view.picture_14HW, view.guidance_13HW, view.face_1M, which]
        outputs = self._runner.run("reference", [self.array(a) for a in arrays])
        if index == 0:
            self._features = (outputs[0], outputs[1])
        if self.uses_noise:
            at = self._tokens_of(index)
            self._self[:, :, :, :, at] = outputs[2]
            self._cross[:, :, :, :, at] = outputs[3]
        self._view_bias_1R[:, index] = 0.0

    def clear_views(self, first: int = 0) -> None:
        """Forget the views from `first` on; without the first there is no reference."""
        if first == 0:
            self._features = None
        self._view_bias_1R[:, first:] = HIDDEN

    def restart(self) -> None:
        """Forget the past of the stream; slots are hidden by whoever owns their bias."""
        self._encoder_memory = self._zeros(self._shapes.encoder_memory)
        self._decoder_memory = self._zeros(self._shapes.decoder_memory)

    def condition(self, chunk: ChunkInputs) -> Sequence[Array]:
        """What the denoiser sees of a chunk; remembers what the next chunk needs."""
        arrays = [chunk.warp, chunk.validity, chunk.guidance, chunk.face]
        *condition, self._encoder_memory = self._runner.run(
            "condition", [*(self.array(a) for a in arrays), self._encoder_memory]
        )
        return condition

    def denoise(
        self,
        noised: Array,
        timestep: float,
        step_size: float,
        condition: Sequence[Array],
        position_W: FloatArray,
        bias_1W: FloatArray,
    ) -> Array:
        """The clean latent."""
        if not self.uses_noise:
            return self._runner.run("denoise", condition)[0]
        bias_1S = np.repeat(self._view_bias_1R, self._shapes.num_tokens, 1)
        clean, self._latest = self._runner.run(
            "denoise",
            [
                noised,
                self.array(np.full((1, 1), timestep, np.float32)),
                self.array(np.full((1, 1), step_size, np.float32)),
                *condition,
                self._self,
                self._cross,
                self.array(bias_1S),
                self._ring,
                self.array(position_W),
                self.array(bias_1W),
            ],
        )
        return clean

    def remember(self, slot: int) -> None:
        """Keep the latest keys and values in a slot of the ring."""
        if self.uses_noise:
            self._ring[:, :, :, :, self._tokens_of(slot)] = self._latest

    def decode(self, latent: Array, chunk: ChunkInputs) -> Correction:
        """Corrections of the chunk's frames."""
        assert self._features is not None, "set_view(0, ...) comes before decode()"
        arrays = [self.array(a) for a in (chunk.warp, chunk.sampling_map, chunk.validity)]
        rgb, alpha, trust, self._decoder_memory = self._runner.run(
            "decode", [latent, self._decoder_memory, *arrays, *self._features]
        )
        numpy = self._runner.numpy
        return Correction(numpy(rgb)[0], numpy(alpha)[0, :, 0], numpy(trust)[0, :, 0])

    def _tokens_of(self, index: int) -> slice:
        return slice(index * self._shapes.num_tokens, (index + 1) * self._shapes.num_tokens)

    def _zeros(self, shape: tuple[int, ...]) -> Array:
        return self._runner.array(np.zeros(shape, np.float32))
