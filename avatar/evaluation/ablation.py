"""The trained model with something taken from it: what does each input give to the picture?

The weights stay; an input is silenced while the stream runs, so that the figures tell what this
model relies on, not what another one trained without the input would do.

Knows the order of the graphs' inputs and outputs (avatar.model.network); does not know metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from avatar.errors import ConfigError
from avatar.frames import FloatArray
from avatar.model.presets import HIDDEN
from avatar.model.runtime import Array, GraphRunner


class Ablation(StrEnum):
    """What is taken away."""

    WARPED_REFERENCE = "warped-reference"
    """The warp's picture as a latent (the decoder still adds to the warp itself)."""
    FACE_TOKENS = "face-tokens"
    REFERENCE_ATTENTION = "reference-attention"
    """Keys and values of every view of the reference; only a transformer has them."""
    REFERENCE_FEATURES = "reference-features"
    """What the decoder warps of the reference."""


_WARPED, _FACE = 1, 3
"""Outputs of the `condition` graph."""
_REFERENCE_BIAS = 9
"""Input of the `denoise` graph: hides views of the reference."""
_FEATURES = slice(5, 7)
"""Inputs of the `decode` graph."""


class AblatedRunner:
    """A runner that silences one input of the model."""

    def __init__(self, runner: GraphRunner, ablation: Ablation) -> None:
        """Raises ConfigError where the model has no such input."""
        if ablation is Ablation.REFERENCE_ATTENTION and runner.is_refiner:
            raise ConfigError(
                f"neural:without={ablation}: these weights are a refiner, which has no attention."
            )
        self._runner, self._ablation = runner, ablation
        self.is_refiner = runner.is_refiner

    def run(self, graph: str, inputs: Sequence[Array]) -> Sequence[Array]:
        """Outputs of a graph."""
        given, ablation = list(inputs), self._ablation
        if graph == "denoise" and ablation is Ablation.REFERENCE_ATTENTION:
            given[_REFERENCE_BIAS] = given[_REFERENCE_BIAS] * 0 + HIDDEN
        if graph == "decode" and ablation is Ablation.REFERENCE_FEATURES:
            given[_FEATURES] = [features * 0 for features in given[_FEATURES]]
        outputs = list(self._runner.run(graph, given))
        if graph == "condition" and ablation is Ablation.WARPED_REFERENCE:
            outputs[_WARPED] = outputs[_WARPED] * 0
        if graph == "condition" and ablation is Ablation.FACE_TOKENS:
            outputs[_FACE] = outputs[_FACE] * 0
        return outputs

    def twin(self) -> AblatedRunner:
        """The same with working memory of its own."""
        return AblatedRunner(self._runner.twin(), self._ablation)

    def array(self, values: FloatArray) -> Array:
        """As the runner's own."""
        return self._runner.array(values)

    def numpy(self, values: Array) -> FloatArray:
        """As numpy float32."""
        return self._runner.numpy(values)
