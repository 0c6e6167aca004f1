"""Live, a picture never waits for the model: it shows the latest correction that still fits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from avatar.character.character import Character
from avatar.frames import DrivingFrame, RenderedFrame, Stamp
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import Array, GraphRunner
from avatar.model.torch_runner import InferenceRunner
from avatar.stream.effort import Effort, Level
from avatar.stream.neural import NeuralAnimator
from avatar.stream.neural_renderer import OLDEST_CHUNKS
from tests.model.networks import awake_network
from tests.stream.fakes import NoFace, SlowClock

pytestmark = pytest.mark.usefixtures("one_torch_thread")

FULL, REST = Level(1, 1, 0.0), Level(0, 1, 0.0)


class _Gated:
    """A runner that decodes when the test says so."""

    def __init__(self, runner: GraphRunner) -> None:
        self._runner, self.is_refiner = runner, runner.is_refiner
        self.may_decode = threading.Event()
        self.is_decoding = threading.Event()

    def run(self, graph: str, inputs: Sequence[Array]) -> Sequence[Array]:
        if graph == "decode":
            self.is_decoding.set()
            self.may_decode.wait()
        return self._runner.run(graph, inputs)

    def twin(self) -> GraphRunner:
        return self

    def array(self, values: np.ndarray) -> Array:  # type: ignore[type-arg]
        return self._runner.array(values)

    def numpy(self, values: Array) -> np.ndarray:  # type: ignore[type-arg]
        return self._runner.numpy(values)


def _gated() -> _Gated:
    return _Gated(InferenceRunner(awake_network(ModelKind.REFINER)))


def _animator(
    runner: GraphRunner,
    *,
    levels: Sequence[Level] = (FULL,),
    is_live: bool = True,
    clock: Callable[[], float] | None = None,
) -> NeuralAnimator:
    return NeuralAnimator(
        runner,
        TINY,
        levels=levels,
        reason="The model serves.",
        is_live=is_live,
        face_tracker=NoFace(),
        clock=clock or SlowClock(0.001),
    )


def _push(animator: NeuralAnimator, index: int) -> list[RenderedFrame]:
    return animator.push(DrivingFrame(Stamp(index, Fraction(1, 25), 0.04 * index)))


def _wait_until_idle(animator: NeuralAnimator) -> None:
    """Leaves the result where it is."""
    assert animator._thread is not None
    if animator._thread._under_way is not None:
        animator._thread._under_way.result()


def test_every_push_gives_its_own_picture_while_the_model_still_works(character: Character) -> None:
    runner = _gated()
    animator, bare = _animator(runner), _animator(runner, levels=(REST,))
    for each in (animator, bare):
        each.open(character)
    for index in range(6):
        (frame,), (warped,) = _push(animator, index), _push(bare, index)
        assert frame.stamp.pts == index
        assert np.array_equal(frame.rgb_HW3, warped.rgb_HW3), "no correction is there yet"
    assert runner.is_decoding.wait(10.0)
    runner.may_decode.set()
    is_corrected = False
    for index in range(6, 60):  # idle life moves the character after a while
        _wait_until_idle(animator)
        (frame,), (warped,) = _push(animator, index), _push(bare, index)
        is_corrected |= not np.array_equal(frame.rgb_HW3, warped.rgb_HW3)
    assert is_corrected
    animator.close()
    bare.close()


def test_another_character_waits_for_the_model_and_takes_no_correction_over(
    character: Character,
) -> None:
    runner = _gated()
    animator, bare = _animator(runner), _animator(runner, levels=(REST,))
    animator.open(character)
    bare.open(character)
    for index in range(2):
        _push(animator, index), _push(bare, index)
    assert runner.is_decoding.wait(10.0)
    threading.Timer(0.05, runner.may_decode.set).start()
    animator.swap(character)
    bare.swap(character)
    (frame,), (warped,) = _push(animator, 2), _push(bare, 2)
    assert np.array_equal(frame.rgb_HW3, warped.rgb_HW3)
    animator.close()
    bare.close()


def test_a_driver_who_left_leaves_no_correction_behind(character: Character) -> None:
    runner = _gated()
    runner.may_decode.set()
    animator = _animator(runner)
    animator.open(character)
    for index in range(4):
        _push(animator, index)
    _wait_until_idle(animator)
    animator.reset()
    fresh = _animator(runner)
    fresh.open(character)
    (after,), (first,) = _push(animator, 10), _push(fresh, 10)
    assert np.array_equal(after.rgb_HW3, first.rgb_HW3)
    animator.close()
    fresh.close()


def test_a_model_that_is_chunks_late_is_left_to_rest(
    character: Character, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream itself keeps up: only the model's own time says that it does not."""
    runner = _gated()
    runner.may_decode.set()
    monkeypatch.setattr(
        "avatar.stream.neural_renderer.monotonic_s", SlowClock(1.1 * OLDEST_CHUNKS * 2 * 0.04)
    )
    animator = _animator(runner, levels=(FULL, REST))
    animator.open(character)
    num_observed = Effort((FULL,), period_s=0.04, chunk_frames=2).num_observed
    stamps = []
    for index in range(4 * num_observed):
        stamps += [frame.stamp.pts for frame in _push(animator, index)]
        _wait_until_idle(animator)
    animator.close()
    assert animator.drawing.renderer == "warp"
    assert stamps == list(range(4 * num_observed)), "a level that changes loses no picture"
