"""The benchmark: pushes after the warm-up, and what a frame of the model costs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from avatar.__main__ import main
from avatar.evaluation.benchmark import time_animator
from avatar.evaluation.machine import gemm_ceiling, peak_resident_mb, resident_mb
from avatar.evaluation.model_cost import flop_per_frame
from avatar.frames import DrivingFrame, RenderedFrame, Tracking
from avatar.model.network import ModelKind
from avatar.model.presets import NANO, TINY
from avatar.stream.echo import CopyAnimator
from tests.stream.weights import save_awake


class _Staged(CopyAnimator):
    """A copy that claims to have spent time."""

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        frame = np.zeros((16, 16, 3), np.uint8)
        return [RenderedFrame(driving.stamp, frame, None, Tracking.TRACKED, {"render": 0.5})]


def test_the_benchmark_counts_pushes_after_the_warm_up() -> None:
    class _Canvas:
        canvas_hw = (16, 16)

    pictures = [np.zeros((480, 640, 3), np.uint8)] * 3
    result = time_animator(
        _Staged(),
        _Canvas(),  # type: ignore[arg-type]
        pictures,
        num_frames=7,
        num_warm_up=2,
    )
    assert result["num_frames"] == 7
    stages = result["stages"]
    assert isinstance(stages, dict)
    assert stages["render"]["p95_s"] == 0.5
    assert stages["push"]["p50_s"] > 0


def test_the_last_line_tells_what_the_model_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["benchmark", "--animator", "neural:runtime=eager", "--device", "cpu", "--size", "256"]
    words += ["--weights", str(save_awake(tmp_path, "refiner")), "--frames", "4", "--warm-up", "1"]
    assert main([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert result["fps"] > 0
    assert result["renderer"] == "neural"
    assert {"face", "warp", "denoise", "decode", "push"} <= set(result["stages"])
    assert result["model"]["gflop_per_frame"] > 0
    assert 0 < result["model"]["gemm_share"] < 1
    assert result["memory"]["peak_mb"] > 0.9 * result["memory"]["after_mb"] > 0


def test_the_warp_has_no_other_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--animator", "warp", "--device", "cuda"]) == 1
    assert "runs on the CPU only" in capsys.readouterr().err


def test_a_denoise_step_costs_the_same_every_time() -> None:
    one, two, four = (flop_per_frame(TINY, ModelKind.TRANSFORMER, steps) for steps in (1, 2, 4))
    assert 0 < two - one == pytest.approx((four - two) / 2)
    assert flop_per_frame(NANO, ModelKind.REFINER, 1) > flop_per_frame(TINY, ModelKind.REFINER, 1)


def test_the_machine_has_a_ceiling_and_memory() -> None:
    assert gemm_ceiling(is_bfloat16=False) > 1e8
    now_mb = resident_mb()
    assert now_mb is None or 0 < now_mb <= peak_resident_mb() * 1.01
