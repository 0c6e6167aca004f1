"""Earlier frames as further references: only good and new ones, and the model really looks."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import cv2
import numpy as np
import pytest

from avatar.character.character import Character
from avatar.frames import ByteArray, RetargetedMotion, Stamp, Tracking
from avatar.model.network import ModelKind
from avatar.model.presets import TINY
from avatar.model.torch_runner import InferenceRunner
from avatar.motion.rotation import from_yaw_pitch_roll
from avatar.stream.earlier_frames import TURN_RAD, EarlierFrames, KeepRules, Seen
from avatar.stream.effort import Level
from avatar.stream.neural_inputs import at_rest
from avatar.stream.neural_renderer import NeuralRenderer
from avatar.timing import StageTimers
from avatar.training.examples import motion_from
from avatar.training.people import PersonClip
from tests.model.networks import awake_network

pytestmark = pytest.mark.usefixtures("one_torch_thread")

RULES = KeepRules(min_apart_frames=0)


def _policy(character: Character, *, num_slots: int = 4, rules: KeepRules = RULES) -> EarlierFrames:
    view = character.views[0]
    return EarlierFrames(
        [view.geometry], view.rgb_HW3, view.alpha_HW, num_slots=num_slots, rules=rules
    )


def _turned(character: Character, yaw: float) -> RetargetedMotion:
    rest = at_rest(character.views[0].geometry)
    turn = from_yaw_pitch_roll(yaw, 0.0, 0.0) @ rest.rotation_33
    return dataclasses.replace(rest, rotation_33=turn.astype(np.float32))


def _seen(character: Character, yaw: float) -> Seen:
    """A frame that the model trusts and that shows the reference's own pixels."""
    view, ones = character.views[0], np.ones((8, 8), np.float32)
    drawn = view.rgb_HW3, view.alpha_HW
    return Seen(_turned(character, yaw), view.rgb_HW3, ones, ones, lambda: drawn)


def test_a_new_look_is_kept_and_the_same_again_is_not(character: Character) -> None:
    policy = _policy(character)
    assert policy.slot_for(_seen(character, 0.5 * TURN_RAD)) is None
    assert policy.slot_for(_seen(character, 1.5 * TURN_RAD)) == 1
    assert policy.slot_for(_seen(character, 1.6 * TURN_RAD)) is None
    assert policy.slot_for(_seen(character, -1.5 * TURN_RAD)) == 2
    assert policy.num_kept == 2
    policy.restart()
    assert policy.slot_for(_seen(character, 1.6 * TURN_RAD)) == 1


def test_full_it_keeps_what_differs_most(character: Character) -> None:
    policy = _policy(character, num_slots=3)
    slots = [policy.slot_for(_seen(character, k * TURN_RAD)) for k in (1.1, 2.2, 4.0, 3.1)]
    assert slots == [1, 2, 1, None]
    assert policy.num_kept == 2


def test_an_open_mouth_is_a_new_look(character: Character) -> None:
    seen = _seen(character, 0.0)
    wide = dataclasses.replace(seen.motion, lip_aperture=seen.motion.lip_aperture + 0.4)
    assert _policy(character).slot_for(dataclasses.replace(seen, motion=wide)) == 1


def test_what_is_unsure_blurred_drifted_or_lost_is_not_kept(character: Character) -> None:
    good = _seen(character, 1.5 * TURN_RAD)
    rgb, alpha = good.draw()
    blurred = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 2.0), np.uint8)
    warmer = np.clip(rgb.astype(int) + [8, 0, 0], 0, 255).astype(np.uint8)
    bad = {
        "unsure": dataclasses.replace(good, trust_hw=np.full((8, 8), 0.3, np.float32)),
        "blurred": dataclasses.replace(good, draw=lambda: (blurred, alpha)),
        "drifted": dataclasses.replace(good, draw=lambda: (warmer, alpha)),
        "lost": dataclasses.replace(
            good, motion=dataclasses.replace(good.motion, tracking=Tracking.LOST)
        ),
    }
    for name, frame in bad.items():
        policy = _policy(character)
        assert policy.slot_for(frame) is None, name
        assert policy.slot_for(good) == 1, name


def test_frames_are_kept_apart_and_never_beyond_the_models_views(character: Character) -> None:
    policy = _policy(character, rules=KeepRules(min_apart_frames=3))
    looks = [k * 1.5 * TURN_RAD for k in (1, 2, -1, -2, 3, -3, 4)]
    slots = [policy.slot_for(_seen(character, yaw)) for yaw in looks]
    assert slots == [1, None, None, None, 2, None, None]
    full = _policy(character, num_slots=1)
    assert full.slot_for(_seen(character, 1.5 * TURN_RAD)) is None


def _stream(
    character: Character, clip: PersonClip, keep: KeepRules | None
) -> tuple[NeuralRenderer, list[list[ByteArray]]]:
    """The clip twice, with a restart between."""
    runner = InferenceRunner(awake_network(ModelKind.TRANSFORMER))
    renderer = NeuralRenderer(
        character, runner, TINY, level=Level(1, 1, 0.0), timers=StageTimers(), keep=keep
    )
    passes = []
    for _ in range(2):
        frames = []
        for index, landmarks in enumerate(clip.landmarks_FN3):
            stamp = Stamp(index, Fraction(1, 25), 0.04 * index)
            frames += renderer.push(motion_from(landmarks), stamp)
        passes.append([frame.rgb_HW3 for frame in frames])
        if len(passes) == 1:
            renderer.restart()
    return renderer, passes


def test_a_kept_frame_is_looked_at_and_a_restart_forgets_it(
    character: Character, clip: PersonClip
) -> None:
    # Whatever an untrained net draws is taken, as soon as it looks a little different.
    rules = KeepRules(
        min_novelty=0.05, min_trust=0.0, min_sharpness=0.0, max_drift=255.0, min_apart_frames=0
    )
    alone = dataclasses.replace(character, views=character.views[:1])
    renderer, with_earlier = _stream(alone, clip, rules)
    none, without = _stream(alone, clip, None)
    assert 1 <= renderer.num_earlier <= TINY.transformer.max_references - 1
    assert none.num_earlier == 0
    for one, other in zip(with_earlier[0], with_earlier[1], strict=True):
        assert np.array_equal(one, other), "after a restart the stream repeats itself"
    changed = [
        not np.array_equal(one, other)
        for one, other in zip(with_earlier[0], without[0], strict=True)
    ]
    assert not changed[0]
    assert changed[-1], "attention reads the view that was added"
