"""The neural animator: an untrained model IS the warp; stamps, chunks, resets, and the choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from avatar.character.character import Character, ReferenceView
from avatar.errors import ConfigError
from avatar.frames import ByteArray, DrivingFrame, ReferenceGeometry, RetargetedMotion, Stamp
from avatar.model.network import AvatarNetwork, ModelKind
from avatar.model.presets import TINY
from avatar.model.runtime import Correction
from avatar.model.torch_runner import InferenceRunner
from avatar.stream.effort import Effort, Level
from avatar.stream.neural import NeuralAnimator
from avatar.stream.neural_inputs import FrameInputs, NeuralInputs, at_rest, picture_4HW
from avatar.stream.neural_renderer import NeuralRenderer, composed
from avatar.stream.viewport import whole_picture
from avatar.timing import StageTimers
from avatar.training.examples import motion_from
from avatar.training.people import PersonClip
from avatar.warp.renderer import WarpRenderer
from avatar.warp.rig import build_rig
from tests.conftest import FakeClock
from tests.model.networks import awake_network
from tests.stream.fakes import NoFace, SlowClock

pytestmark = pytest.mark.usefixtures("one_torch_thread")

LEVEL = Level(2, 1, 0.0)
NUM_OBSERVED = Effort((LEVEL,), period_s=0.04, chunk_frames=2).num_observed


def _renderer(character: Character, network: AvatarNetwork, level: Level = LEVEL) -> NeuralRenderer:
    return NeuralRenderer(
        character, InferenceRunner(network), TINY, level=level, timers=StageTimers()
    )


def _stamp(index: int) -> Stamp:
    return Stamp(index, Fraction(1, 25), 0.04 * index)


def _motions(clip: PersonClip) -> list[RetargetedMotion]:
    return [motion_from(landmarks) for landmarks in clip.landmarks_FN3]


@pytest.mark.parametrize("kind", list(ModelKind))
def test_an_untrained_model_shows_the_warp(
    kind: ModelKind, character: Character, clip: PersonClip
) -> None:
    renderer = _renderer(character, AvatarNetwork(TINY, kind))
    warp = WarpRenderer(build_rig(*_main(character)), clip.background_HW3)
    frames = []
    for index, motion in enumerate(_motions(clip)):
        frames += renderer.push(motion, _stamp(index))
    assert [frame.stamp.pts for frame in frames] == list(range(6))
    for frame, motion in zip(frames, _motions(clip), strict=True):
        rgb, alpha = warp.render(motion)
        assert np.array_equal(frame.rgb_HW3, rgb)
        assert frame.alpha_HW is not None
        assert np.array_equal(frame.alpha_HW, alpha)


def test_frames_come_a_chunk_at_a_time_and_restart_drops_half_a_chunk(
    character: Character, clip: PersonClip
) -> None:
    network = awake_network(ModelKind.TRANSFORMER)
    renderer, motions = _renderer(character, network), _motions(clip)
    counts = [len(renderer.push(motion, _stamp(k))) for k, motion in enumerate(motions[:3])]
    assert counts == [0, 2, 0]
    renderer.restart()
    again = [frame for k in (0, 1) for frame in renderer.push(motions[k], _stamp(10 + k))]
    fresh = _renderer(character, network)
    first = [frame for k in (0, 1) for frame in fresh.push(motions[k], _stamp(k))]
    assert [frame.stamp.pts for frame in again] == [10, 11]
    for one, other in zip(again, first, strict=True):
        assert np.array_equal(one.rgb_HW3, other.rgb_HW3)


def test_a_trained_model_changes_the_picture(character: Character, clip: PersonClip) -> None:
    frames = []
    for kind in (AvatarNetwork(TINY, ModelKind.REFINER), awake_network(ModelKind.REFINER)):
        renderer = _renderer(character, kind)
        for index, motion in enumerate(_motions(clip)[:2]):
            frames += renderer.push(motion, _stamp(index))
    assert np.abs(frames[0].rgb_HW3.astype(int) - frames[2].rgb_HW3).max() > 2


def test_between_two_corrections_the_latest_shows_where_nothing_has_moved(
    character: Character, clip: PersonClip
) -> None:
    warp = WarpRenderer(build_rig(*_main(character)), clip.background_HW3)
    still = _motions(clip)[1]
    away = dataclasses.replace(
        still, landmarks_N3=still.landmarks_N3 + np.array([12.0, 0.0, 0.0], np.float32)
    )
    for motion in (still, away):
        renderer = _renderer(character, awake_network(ModelKind.REFINER), Level(1, 2, 0.0))
        frames = [
            frame.rgb_HW3.astype(int)
            for k, each in enumerate((still, still, motion, motion))
            for frame in renderer.push(each, _stamp(k))
        ]
        plain = warp.render(motion)[0].astype(int)
        if motion is still:
            assert np.abs(frames[2] - frames[1]).max() <= 1, "what stood still keeps its correction"
            assert np.abs(frames[2] - plain).max() > 2
        else:
            face = _face_box(motion)
            assert np.abs(frames[2] - plain)[face].mean() < 0.2, "an old correction is no ghost"


def test_where_the_model_is_unsure_the_warp_shows() -> None:
    size = 8
    rgb = np.full((size, size, 3), 100, np.uint8)
    alpha = np.full((size, size), 200, np.uint8)
    nothing = np.zeros((1, 1, 1), np.float32)
    inputs = FrameInputs(nothing, nothing, nothing, nothing, nothing, rgb, alpha)
    trust = np.zeros((1, size, size), np.float32)
    trust[:, :, : size // 2] = 1.0
    correction = Correction(
        np.full((1, 3, size, size), 0.4, np.float32),
        np.full((1, size, size), -0.2, np.float32),
        trust,
    )
    (first,) = correction.frames()
    drawn_rgb, drawn_alpha = composed(inputs, first, whole_picture((size, size)))
    assert (drawn_rgb[:, : size // 2] == 151).all()
    assert (drawn_rgb[:, size // 2 :] == 100).all()
    assert (drawn_alpha[:, : size // 2] == 149).all()
    assert (drawn_alpha[:, size // 2 :] == 200).all()


def test_at_rest_the_map_is_the_identity_wherever_the_person_is(character: Character) -> None:
    door = NeuralInputs(build_rig(*_main(character)), character.background_HW3, TINY, (128, 128))
    inputs = door.frame(at_rest(character.views[0].geometry))
    rows = columns = 32
    x = (np.arange(columns) + 0.5) / columns * 2 - 1
    y = (np.arange(rows) + 0.5) / rows * 2 - 1
    assert np.abs(inputs.sampling_map_2hw - np.stack(np.meshgrid(x, y))).max() < 0.02
    visible, stretch, interior, moved = inputs.validity_4hw
    assert visible.mean() > 0.3
    assert np.abs(stretch[visible > 0]).mean() < 0.05
    assert 0 < interior.mean() < 0.05
    assert np.array_equal(moved > 0.05, interior > 0), "only eyes and mouth, which are drawn"
    assert (moved[interior > 0] == 0.5).all()
    assert np.abs(inputs.face_M).max() < 1e-5


def test_a_canvas_that_is_not_square_is_refused_by_name(character: Character) -> None:
    with pytest.raises(ConfigError, match="square canvases only, this one is 256x512"):
        _renderer(_tall(character), AvatarNetwork(TINY, ModelKind.REFINER))


def _animator(
    network: AvatarNetwork, *, levels: Sequence[Level], is_strict: bool = True, **more: Any
) -> NeuralAnimator:
    return NeuralAnimator(
        InferenceRunner(network),
        TINY,
        levels=levels,
        reason="The model serves.",
        is_strict=is_strict,
        face_tracker=NoFace(),
        **more,
    )


def _push(animator: NeuralAnimator, index: int) -> list[int]:
    """Stamps of what comes out."""
    rendered = animator.push(DrivingFrame(_stamp(index)))
    return [frame.stamp.pts for frame in rendered]


def test_a_stream_begins_with_the_warp_climbs_and_gives_back_step_by_step_what_is_too_much(
    character: Character, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = (Level(2, 1, 0.0), Level(1, 1, 0.0), Level(1, 2, 0.0), Level(0, 1, 0.0))
    clock = SlowClock(0.01)
    monkeypatch.setattr("avatar.stream.neural_renderer.monotonic_s", FakeClock())
    animator = _animator(
        awake_network(ModelKind.TRANSFORMER), levels=levels, is_live=True, clock=clock
    )
    animator.open(character)
    assert animator.drawing.renderer == "warp"
    said = [animator.drawing.reason]
    stamps = []
    num_half = NUM_OBSERVED * 2 * 4
    for index in range(2 * num_half):
        clock.per_look_s = 0.01 if index < num_half else 0.1
        stamps += _push(animator, index)
        if animator.drawing.reason != said[-1]:
            said.append(animator.drawing.reason)
    animator.close()
    affords = "The model serves. At present the machine affords: "
    assert said == [
        "The model serves. The warp begins, until there is seen to be room.",
        f"{affords}1 denoise step, every 2nd chunk.",
        f"{affords}1 denoise step.",
        f"{affords}2 denoise steps.",
        f"{affords}1 denoise step.",
        f"{affords}1 denoise step, every 2nd chunk.",
        f"{affords}the warp alone.",
    ]
    assert stamps == list(range(2 * num_half)), "no frame is left out"
    assert animator.drawing.renderer == "warp"


def test_a_slow_machine_never_begins_with_the_model(character: Character) -> None:
    levels = (Level(1, 1, 0.0), Level(0, 1, 0.0))
    animator = _animator(
        awake_network(ModelKind.REFINER), levels=levels, is_live=True, clock=SlowClock(0.1)
    )
    animator.open(character)
    for index in range(NUM_OBSERVED * 4):
        _push(animator, index)
        assert animator.drawing.renderer == "warp"
    animator.close()


def test_offline_a_slow_machine_draws_every_frame_at_full_effort(character: Character) -> None:
    levels = (Level(2, 1, 0.0), Level(0, 1, 0.0))
    animator = _animator(awake_network(ModelKind.TRANSFORMER), levels=levels, clock=SlowClock(9.0))
    animator.open(character)
    stamps = [pts for index in range(NUM_OBSERVED * 4) for pts in _push(animator, index)]
    animator.close()
    assert stamps == list(range(NUM_OBSERVED * 4))
    assert animator.drawing.reason == "The model serves."


def test_a_canvas_the_model_cannot_draw_is_the_warps_and_said_so(character: Character) -> None:
    tall = _tall(character)
    animator = _animator(
        awake_network(ModelKind.REFINER), levels=[Level(1, 1, 0.0)], is_strict=False
    )
    animator.open(tall)
    assert _push(animator, 0) == [0]
    assert animator.drawing.renderer == "warp"
    assert "square canvases only" in animator.drawing.reason
    animator.swap(character)
    assert [_push(animator, index) for index in (1, 2)] == [[], [1, 2]]
    assert animator.drawing.renderer == "neural"
    animator.close()


def test_by_name_such_a_canvas_is_an_error(character: Character) -> None:
    animator = _animator(awake_network(ModelKind.REFINER), levels=[Level(1, 1, 0.0)])
    with pytest.raises(ConfigError, match="square canvases only"):
        animator.open(_tall(character))
    animator.close()


def test_pictures_come_in_the_models_range() -> None:
    white = picture_4HW(np.full((4, 4, 3), 255, np.uint8), np.zeros((4, 4), np.uint8), (2, 2))
    assert white.shape == (4, 2, 2)
    assert (white[:3] == 1.0).all()
    assert (white[3] == 0.0).all()


def _face_box(motion: RetargetedMotion) -> tuple[slice, slice]:
    """The middle of the face, pixels of the canvas."""
    (left, top), (right, bottom) = (
        np.percentile(motion.landmarks_N3[:, :2], share, axis=0).astype(int) for share in (30, 70)
    )
    return slice(top, bottom), slice(left, right)


def _main(character: Character) -> tuple[ReferenceGeometry, ByteArray, ByteArray]:
    view = character.views[0]
    return view.geometry, view.foreground_HW3, view.alpha_HW


def _tall(character: Character) -> Character:
    """The same person on a canvas twice as high."""
    view = character.views[0]

    def grown(picture: ByteArray) -> ByteArray:
        return np.concatenate([picture, picture])

    height, width = view.geometry.canvas_hw
    geometry = dataclasses.replace(view.geometry, canvas_hw=(2 * height, width))
    pictures = (grown(view.rgb_HW3), grown(view.foreground_HW3), grown(view.alpha_HW))
    tall = ReferenceView(*pictures, geometry)
    return dataclasses.replace(
        character, views=(tall,), background_HW3=grown(character.background_HW3), rig=None
    )
