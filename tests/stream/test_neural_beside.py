"""Live, the model works beside the stream: the same pictures, later, none lost at a swap."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from avatar.character.character import Character
from avatar.frames import DrivingFrame, RenderedFrame, Stamp
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.torch_runner import InferenceRunner
from avatar.stream.effort import Level
from avatar.stream.neural import NeuralAnimator
from tests.model.networks import awake_network
from tests.stream.fakes import NoFace, SlowClock

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def _animator(*, is_live: bool) -> NeuralAnimator:
    return NeuralAnimator(
        InferenceRunner(awake_network(ModelKind.TRANSFORMER)),
        TINY,
        levels=[Level(1, 1, 0.0)],
        reason="The model serves.",
        is_live=is_live,
        face_tracker=NoFace(),
        clock=SlowClock(0.001),
    )


def _push(animator: NeuralAnimator, index: int) -> list[RenderedFrame]:
    return animator.push(DrivingFrame(Stamp(index, Fraction(1, 25), 0.04 * index)))


def _pts(frames: list[RenderedFrame]) -> list[int]:
    return [frame.stamp.pts for frame in frames]


def test_live_pictures_are_those_drawn_at_once(character: Character) -> None:
    """Idle life moves the character here, so that pictures differ from each other."""
    drawn = []
    for is_live in (False, True):
        animator = _animator(is_live=is_live)
        animator.open(character)
        frames = [frame for index in range(11) for frame in _push(animator, index)]
        animator.close()
        drawn.append(frames)
    at_once, live = drawn
    assert _pts(at_once) == list(range(10))
    assert _pts(live) == list(range(len(live)))
    assert len(live) >= 8, "at most one chunk is still under way"
    for one, other in zip(at_once, live, strict=False):
        assert np.array_equal(one.rgb_HW3, other.rgb_HW3)
    assert not np.array_equal(live[0].rgb_HW3, live[-1].rgb_HW3)


def test_a_swap_shows_the_last_pictures_of_the_one_before_on_its_own_ground(
    character: Character,
) -> None:
    blue = np.full_like(character.background_HW3, (0, 0, 200))
    other = dataclasses.replace(character, id="other", background_HW3=blue)
    animator = _animator(is_live=True)
    animator.open(character)
    before = [frame for index in range(4) for frame in _push(animator, index)]
    animator.swap(other)
    after = [frame for index in range(4, 9) for frame in _push(animator, index)]
    animator.close()
    assert _pts([*before, *after])[:4] == [0, 1, 2, 3], "nothing that was pushed before is lost"
    grounds = {frame.stamp.pts: frame.backdrop for frame in [*before, *after]}
    assert grounds[3] is grounds[0]
    assert grounds[4] is not grounds[3]


def test_what_a_driver_left_unfinished_is_not_shown_to_the_next(character: Character) -> None:
    animator = _animator(is_live=True)
    animator.open(character)
    for index in range(2):
        _push(animator, index)
    animator.reset()
    later = [frame for index in range(10, 13) for frame in _push(animator, index)]
    animator.open(character)
    last = [frame for index in range(20, 23) for frame in _push(animator, index)]
    animator.close()
    assert set(_pts(later)) <= {10, 11}
    assert set(_pts(last)) <= {20, 21}


def test_a_level_that_changes_loses_no_picture(character: Character) -> None:
    levels = (Level(1, 1, 0.0), Level(0, 1, 0.0))
    animator = NeuralAnimator(
        InferenceRunner(awake_network(ModelKind.REFINER)),
        TINY,
        levels=levels,
        reason="The model serves.",
        is_live=True,
        face_tracker=NoFace(),
        clock=SlowClock(0.1),
    )
    animator.open(character)
    index, stamps = 0, []
    while animator.drawing.renderer == "neural":
        stamps += _pts(_push(animator, index))
        index += 1
    stamps += _pts(_push(animator, index))
    animator.close()
    assert stamps == list(range(index + 1))
