"""Sources per region, the ladder below them, and eased changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar.frames import Tracking
from avatar.motion import topology as topo
from avatar.motion.face_regions import FACE_REGIONS, region_weights
from avatar.motion.mixer import EASE_S, AudioMotion, Mixer, resolve_source
from avatar.motion.neutral import Neutral
from avatar.motion.performance import Performance
from avatar.motion.retarget import Retargeter
from avatar.regions import ALL_CAMERA, LiveSettings, Region, Source
from tests.motion.synthetic import (
    PICTURE_HW,
    body,
    face,
    motion,
    open_eyes,
    open_mouth,
    raise_brows,
    reference,
    with_raised_arm,
)

DT_S = 0.04
CAMERA = LiveSettings(is_mirrored=False)


def settings(**sources: Source) -> LiveSettings:
    return LiveSettings({**ALL_CAMERA, **{Region(k): v for k, v in sources.items()}}, False)


def camera_performance(retargeter: Retargeter) -> Performance:
    driver = face(raise_brows(open_mouth(open_eyes(aperture=0.12), 0.3), 0.06), yaw=0.3)
    neutral = Neutral.of_face(face(open_eyes()), PICTURE_HW)
    return retargeter.perform(motion(driver), neutral)


def voice(gap: float = 0.2, energy: float = 1.0) -> AudioMotion:
    delta = open_mouth(open_eyes(), gap) - open_eyes()
    return AudioMotion(delta, gap, energy)


@pytest.fixture
def retargeter() -> Retargeter:
    return Retargeter(reference())


def test_region_weights_add_up_to_one_and_know_their_place():
    masks = region_weights()
    np.testing.assert_allclose(sum(masks[r] for r in FACE_REGIONS), 1.0, atol=1e-5)
    assert masks[Region.MOUTH][topo.LIPS].min() == 1.0
    assert masks[Region.EYES][topo.LEFT_LID_UPPER].min() == 1.0
    assert masks[Region.BROWS][topo.RIGHT_BROW_UPPER].min() == 1.0
    assert masks[Region.MOUTH][topo.CHIN] > 0.99
    assert masks[Region.BROWS][topo.FOREHEAD_TOP] > 0.99


def test_all_camera_is_the_cameras_performance(retargeter: Retargeter):
    camera = camera_performance(retargeter)
    out = Mixer().mix(retargeter, camera, Tracking.TRACKED, None, CAMERA, 0.0)
    np.testing.assert_allclose(out.rotation_3, camera.rotation_3, atol=1e-5)
    np.testing.assert_allclose(out.shape_delta_N3, camera.shape_delta_N3, atol=1e-5)
    np.testing.assert_allclose(out.lid_openness_2, camera.lid_openness_2, atol=1e-5)
    assert out.lip_gap == pytest.approx(camera.lip_gap, abs=1e-5)


@pytest.mark.parametrize("region", [Region.MOUTH, Region.EYES, Region.BROWS, Region.HEAD])
def test_a_still_region_is_still_and_the_others_go_on(retargeter: Retargeter, region: Region):
    camera = camera_performance(retargeter)
    rest = retargeter.rest()
    out = Mixer().mix(
        retargeter, camera, Tracking.TRACKED, None, settings(**{region.value: Source.STILL}), 0.0
    )
    points = {Region.MOUTH: 17, Region.EYES: 386, Region.BROWS: 105}
    for own, index in points.items():
        expected = rest if own is region else camera
        np.testing.assert_allclose(
            out.shape_delta_N3[index], expected.shape_delta_N3[index], atol=1e-4
        )
    head = rest if region is Region.HEAD else camera
    np.testing.assert_allclose(out.rotation_3, head.rotation_3, atol=1e-5)
    eyes = rest if region is Region.EYES else camera
    np.testing.assert_allclose(out.lid_openness_2, eyes.lid_openness_2, atol=1e-5)
    mouth = rest if region is Region.MOUTH else camera
    assert out.lip_gap == pytest.approx(mouth.lip_gap, abs=1e-5)


def test_change_of_source_is_eased_not_cut(retargeter: Retargeter):
    mixer = Mixer()
    camera = camera_performance(retargeter)
    gaps = []
    for i in range(30):
        chosen = CAMERA if i < 10 else settings(mouth=Source.STILL)
        out = mixer.mix(retargeter, camera, Tracking.TRACKED, None, chosen, i * DT_S)
        gaps.append(out.lip_gap)
    assert gaps[0] > 0.2
    assert gaps[-1] == pytest.approx(retargeter.reference.lip_aperture, abs=1e-4)
    assert np.abs(np.diff(gaps)).max() < 0.3 * gaps[0]
    arrived = next(i for i, g in enumerate(gaps) if g < 0.03)
    assert (arrived - 10) * DT_S == pytest.approx(EASE_S, abs=3 * DT_S)


def test_change_back_in_the_middle_does_not_jump(retargeter: Retargeter):
    mixer = Mixer()
    camera = camera_performance(retargeter)
    turns = []
    for i in range(40):
        chosen = settings(head=Source.STILL) if i // 4 % 2 else CAMERA
        out = mixer.mix(retargeter, camera, Tracking.TRACKED, None, chosen, i * DT_S)
        turns.append(out.rotation_3[1])
    assert np.abs(np.diff(turns)).max() < 0.08


def test_lost_face_comes_alive_by_itself(retargeter: Retargeter):
    mixer = Mixer(seed=3)
    camera = camera_performance(retargeter)
    for i in range(10):
        mixer.mix(retargeter, camera, Tracking.TRACKED, None, CAMERA, i * DT_S)
    yaws, opens = [], []
    for i in range(10, 400):
        out = mixer.mix(retargeter, camera, Tracking.LOST, None, CAMERA, i * DT_S)
        yaws.append(out.rotation_3[1])
        opens.append(out.lid_openness_2[0])
    assert np.abs(np.diff(yaws)).max() < 0.06
    assert np.abs(yaws[50:]).max() < 0.15
    assert np.ptp(yaws[50:]) > 0.01
    assert min(opens[50:]) < 0.1
    assert max(opens[50:]) > 0.95
    assert out.lip_gap < 0.02


def test_lost_face_with_a_voice_still_speaks(retargeter: Retargeter):
    mixer = Mixer()
    for i in range(60):
        out = mixer.mix(retargeter, None, Tracking.LOST, voice(), CAMERA, i * DT_S)
    assert out.lip_gap > 0.1
    assert out.shape_delta_N3[topo.CHIN, 1] > 0.03


def test_ladder():
    lost = {"is_seen": False}
    assert resolve_source(Region.MOUTH, Source.CAMERA, **lost, is_heard=True) is Source.AUDIO
    assert resolve_source(Region.MOUTH, Source.CAMERA, **lost, is_heard=False) is Source.IDLE
    assert resolve_source(Region.EYES, Source.CAMERA, **lost, is_heard=True) is Source.IDLE
    assert resolve_source(Region.MOUTH, Source.AUDIO, is_seen=True, is_heard=False) is Source.IDLE
    for region in Region:
        assert resolve_source(region, Source.STILL, **lost, is_heard=True) is Source.STILL
        assert resolve_source(region, Source.CAMERA, is_seen=True, is_heard=True) is Source.CAMERA


def test_voice_drives_the_mouth_only_when_asked(retargeter: Retargeter):
    camera = camera_performance(retargeter)
    seen = (retargeter, camera, Tracking.TRACKED)
    by_camera = Mixer().mix(*seen, voice(0.05), CAMERA, 0.0)
    by_voice = Mixer().mix(*seen, voice(0.05), settings(mouth=Source.AUDIO), 0.0)
    assert by_camera.lip_gap == pytest.approx(camera.lip_gap)
    assert by_voice.lip_gap == pytest.approx(0.05, rel=0.4)
    np.testing.assert_allclose(by_voice.rotation_3, camera.rotation_3, atol=1e-5)


def test_a_voice_that_begins_is_not_eased_away(retargeter: Retargeter):
    mixer = Mixer()
    asked = settings(mouth=Source.AUDIO)
    for i in range(20):
        mixer.mix(retargeter, None, Tracking.LOST, None, asked, i * DT_S)
    gaps = [
        mixer.mix(retargeter, None, Tracking.LOST, voice(0.2), asked, i * DT_S).lip_gap
        for i in range(20, 24)
    ]
    assert gaps[2] == pytest.approx(gaps[3], rel=0.05)  # whole after 80 ms
    assert gaps[0] < 0.5 * gaps[3]  # and yet no jump


def test_stress_nods_and_raises_the_brows(retargeter: Retargeter):
    asked = settings(head=Source.AUDIO, brows=Source.AUDIO, mouth=Source.AUDIO)
    even, stressed = Mixer(), Mixer()
    nods, brows = [], []
    brow = topo.LEFT_BROW_UPPER[2]
    for i in range(120):
        a = even.mix(retargeter, None, Tracking.LOST, voice(energy=0.5), asked, i * DT_S)
        energy = 1.0 if i >= 100 else 0.5
        b = stressed.mix(retargeter, None, Tracking.LOST, voice(energy=energy), asked, i * DT_S)
        nods.append(b.rotation_3[0] - a.rotation_3[0])
        brows.append(a.shape_delta_N3[brow, 1] - b.shape_delta_N3[brow, 1])
    assert np.abs(nods[:100]).max() == 0.0
    assert max(nods) > 0.02
    assert max(brows) > 0.02
    assert np.abs(np.diff(brows)).max() < 0.02


def test_a_speaker_moves_the_head_more_than_a_listener(retargeter: Retargeter):
    asked = settings(head=Source.AUDIO, mouth=Source.AUDIO)
    silent, calm, loud = Mixer(seed=2), Mixer(seed=2), Mixer(seed=2)
    turns = []
    for i in range(500):
        turns.append(
            [
                mixer.mix(retargeter, None, Tracking.LOST, heard, asked, i * DT_S).rotation_3
                for mixer, heard in (
                    (silent, None),
                    (calm, voice(energy=0.3)),
                    (loud, voice(energy=0.8)),
                )
            ]
        )
    spread = np.std(turns, axis=0)[:, 1]
    assert spread[0] < spread[1] < spread[2]
    assert spread[2] < np.radians(5.0)
    assert np.abs(np.diff(turns, axis=0)).max() < np.radians(1.5)


def test_body_and_hands_are_switched_on_their_own():
    onto = Retargeter(reference(canvas_hw=(900, 600), scale=30.0, has_body=True))
    neutral = replace(
        Neutral.of_face(face(open_eyes()), PICTURE_HW),
        joints_J3=(body().joints_J3 - np.array([320, 240, 0], np.float32)) / 60.0,
        visibility_J=np.ones(33, np.float32),
    )
    seen = motion(face(open_eyes()), body=with_raised_arm(body(), 0))
    camera = onto.perform(seen, neutral)
    rest = onto.rest()
    moving = Mixer().mix(onto, camera, Tracking.TRACKED, None, CAMERA, 0.0)
    still = Mixer().mix(onto, camera, Tracking.TRACKED, None, settings(body=Source.STILL), 0.0)
    assert moving.body is not None
    assert still.body is not None
    assert camera.body is not None
    assert rest.body is not None
    np.testing.assert_allclose(moving.body.joints_J3, camera.body.joints_J3, atol=1e-3)
    np.testing.assert_allclose(still.body.joints_J3, rest.body.joints_J3, atol=1e-3)
    np.testing.assert_allclose(
        still.body.hands_2K3[:, 0], still.body.joints_J3[[15, 16]], atol=1e-3
    )


def test_idle_breath_moves_shoulders_and_not_hips():
    onto = Retargeter(reference(canvas_hw=(900, 600), scale=30.0, has_body=True))
    mixer = Mixer()
    idle = settings(**{region.value: Source.IDLE for region in Region})
    joints = []
    for i in range(200):
        out = mixer.mix(onto, None, Tracking.LOST, None, idle, i * DT_S)
        assert out.body is not None
        joints.append(out.body.joints_J3)
    moved = np.ptp(np.array(joints), axis=0)
    assert moved[11, 1] > 0.5
    assert moved[23:].max() == 0.0


def test_reference_swapped_while_lost_does_not_show_the_old_ones_body():
    mixer = Mixer()
    first = Retargeter(reference(canvas_hw=(900, 600), scale=30.0, has_body=True))
    camera = first.rest()
    mixer.mix(first, camera, Tracking.TRACKED, None, CAMERA, 0.0)
    mixer.forget_reference()
    second = Retargeter(reference())
    out = mixer.mix(second, None, Tracking.HELD, None, CAMERA, DT_S)
    assert out.body is None
