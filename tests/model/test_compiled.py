"""The compiled runtime draws what eager draws; needs a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import StreamModel
from avatar.model.torch_runner import CompiledRunner, InferenceRunner
from avatar.stream.window import SlidingWindow
from tests.model.networks import PICTURE, awake_network, random_chunk, random_view


@pytest.mark.gpu
def test_a_compiled_stream_is_that_of_eager_torch() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    results = []
    for make in (InferenceRunner, CompiledRunner):
        runner = make(awake_network(ModelKind.TRANSFORMER), "cuda")
        model = StreamModel(runner, TINY, PICTURE)
        model.set_view(0, random_view(0))
        window = SlidingWindow(model, num_denoise_steps=2)
        chunks = [random_chunk(seed) for seed in range(6)]
        results.append(
            np.stack(
                [
                    model.decode(window.push(model.condition(chunk)), chunk).rgb_t3HW
                    for chunk in chunks
                ]
            )
        )
    assert np.abs(results[0]).max() > 0.01
    assert np.abs(results[0] - results[1]).max() < 1e-3
