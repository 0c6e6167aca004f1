"""Landmarks become pose, shape, gaze and apertures."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.motion import topology as topo
from avatar.motion.geometry import face_motion, fit_pose, reference_geometry
from avatar.motion.rotation import log_rotation, yaw_pitch_roll
from tests.motion import synthetic
from tests.motion.synthetic import face, landmarks, look, open_eyes, open_mouth, raise_brows


def pitch_deg(motion_rotation: np.ndarray) -> float:
    return float(np.degrees(yaw_pitch_roll(motion_rotation)[1]))


@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (0.6, -0.3, 0.2), (-0.8, 0.3, -0.5)])
def test_pose_is_recovered(pose: tuple[float, float, float]):
    yaw, pitch, roll = pose
    found = face(yaw=yaw, pitch=pitch, roll=roll, centre=(200.0, 150.0), scale=42.0)
    assert yaw_pitch_roll(found.rotation_33) == pytest.approx(pose, abs=1e-3)
    np.testing.assert_allclose(found.translation_2, [200.0, 150.0], atol=0.05)
    assert found.scale == pytest.approx(42.0, rel=1e-3)
    np.testing.assert_allclose(found.shape_N3, topo.canonical_face(), atol=1e-3)


def test_depth_offset_of_the_tracker_does_not_matter():
    seen = landmarks(yaw=0.3)
    moved = seen + np.array([0.0, 0.0, 37.0], dtype=np.float32)
    np.testing.assert_allclose(face_motion(moved).shape_N3, face_motion(seen).shape_N3, atol=1e-4)


def test_opening_the_mouth_does_not_pitch_the_head():
    closed = face(open_eyes(), pitch=0.1)
    opened = face(open_mouth(open_eyes(), 0.5), pitch=0.1)
    assert opened.lip_aperture > 0.35
    turn = np.degrees(np.linalg.norm(log_rotation(opened.rotation_33 @ closed.rotation_33.T)))
    assert turn < 0.3
    assert opened.scale == pytest.approx(closed.scale, rel=0.003)


def test_raising_the_brows_does_not_pitch_the_head():
    turn = pitch_deg(face(raise_brows(open_eyes(), 0.15)).rotation_33)
    assert abs(turn - pitch_deg(face(open_eyes()).rotation_33)) < 0.3


def test_fit_outvotes_a_few_wrong_landmarks():
    seen = landmarks(yaw=0.2)
    seen[topo.RIGID[:4]] += 25.0
    rotation, _, _, _ = fit_pose(seen)
    assert np.degrees(yaw_pitch_roll(rotation)[0]) == pytest.approx(np.degrees(0.2), abs=2.0)


@pytest.mark.parametrize("gaze", [(0.0, 0.0), (0.35, 0.0), (-0.3, 0.2), (0.0, -0.25)])
@pytest.mark.parametrize("pose", [(0.0, 0.0), (0.4, 0.1), (-0.3, -0.2)])
def test_gaze_is_found_whatever_the_head_does(gaze: tuple[float, float], pose: tuple[float, float]):
    seen = face(look(open_eyes(), *gaze), yaw=pose[0], pitch=pose[1])
    np.testing.assert_allclose(seen.gaze_22, [gaze, gaze], atol=0.02)


def test_gaze_of_an_iris_beyond_its_eyeball_is_bounded():
    shape = open_eyes()
    shape[topo.LEFT_IRIS, 0] += 0.5
    assert np.abs(face(shape).gaze_22).max() < np.pi / 2


def test_apertures_do_not_change_with_head_pose():
    shape = open_mouth(open_eyes(aperture=0.27), 0.2)
    ahead = face(shape)
    turned = face(shape, yaw=0.5, pitch=0.3, roll=0.4, scale=25.0)
    np.testing.assert_allclose(turned.lid_apertures_2, ahead.lid_apertures_2, atol=0.01)
    np.testing.assert_allclose(ahead.lid_apertures_2, 0.27, atol=0.01)
    assert turned.lip_aperture == pytest.approx(ahead.lip_aperture, abs=0.01)


def test_confidence_falls_for_profiles_and_nonsense():
    rng = np.random.default_rng(1)
    assert face().confidence > 0.9
    assert face(yaw=1.4).confidence < 0.5
    nonsense = rng.uniform(0, 300, (478, 3)).astype(np.float32)
    assert face_motion(nonsense).confidence < 0.2


def test_reference_geometry_places_its_own_shape():
    reference = synthetic.reference(yaw=0.2)
    assert reference.landmarks_N3.shape == (478, 3)
    again = reference_geometry(reference.landmarks_N3, reference.canvas_hw)
    np.testing.assert_allclose(again.landmarks_N3, reference.landmarks_N3, atol=0.02)
    np.testing.assert_allclose(again.rotation_33, reference.rotation_33, atol=1e-3)
