"""Photographs lifted to 3D: the fit, the own pose, other poses, files and clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from avatar.data.clip import ClipPlan
from avatar.data.head import head_model, identity_shape
from avatar.data.landmark_map import rest_landmarks, with_irises
from avatar.data.lift import CANVAS_PX, Lift, lift_photograph, photo_camera, set_of
from avatar.data.lift_clip import MAX_TURN, render_lifted_clip, render_mixed_clip
from avatar.data.lift_file import lift_folder, read_lift, read_lifts, write_lift
from avatar.data.lift_fit import fit_face
from avatar.data.render import Quality
from avatar.data.resolve import inverse_tone, tone
from avatar.data.scene import Label
from avatar.data.shot import shoot
from avatar.errors import AssetError
from avatar.motion.tracker import locate_face

Bytes = NDArray[np.uint8]

PHOTO = "photo_astronaut_nasa.png"
"""NASA, public domain (tier A)."""


@pytest.fixture(scope="module")
def lift(media: Path, assets: Path) -> Lift:
    return lift_photograph(media / "reference" / PHOTO)


def _psnr(one: Bytes, two: Bytes, where: NDArray[np.bool_]) -> float:
    gap = (one.astype(float) - two.astype(float))[where]
    return float(10 * np.log10(255**2 / (gap**2).mean()))


def test_the_inverse_of_the_tone_curve_gives_the_picture_back() -> None:
    srgb = np.linspace(0, 0.99, 200, dtype=np.float32).reshape(1, -1, 1).repeat(3, 2)
    np.testing.assert_allclose(tone(inverse_tone(srgb), 1.0), srgb, atol=2e-3)


def test_a_face_made_by_the_model_is_found_again(assets: Path, lift: Lift) -> None:
    rng = np.random.default_rng(5)
    model = head_model()
    shape = identity_shape((rng.standard_normal(40) * 0.6).astype(np.float32))
    weights = np.zeros(len(model.expression_names), np.float32)
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        weights[model.expression_index(name)] = 0.6
    gaze = np.full((2, 2), [0.2, 0.1], np.float32)
    rest, eyes = rest_landmarks(shape, weights, gaze)
    points = with_irises(rest, eyes.centre_23, eyes.axis_23)
    camera = lift.fit.camera
    screen = camera.project(points)
    depth = (1 / screen[:, 2] - 110) * camera.focal_px / 110
    fit = fit_face(np.concatenate([screen[:, :2], depth[:, None]], 1), camera.size_hw)
    assert fit.error < 0.008
    assert fit.expression_E[model.expression_index("mouthSmileLeft")] > 0.3
    np.testing.assert_allclose(fit.gaze_22, gaze, atol=0.06)
    turn = fit.camera.rotation_33 @ camera.rotation_33.T
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) < 3.0


def test_the_own_pose_gives_the_photograph_back(lift: Lift) -> None:
    made = set_of(lift, lift.photo_light(), CANVAS_PX)
    shot = shoot(made, lift.photo_pose(), photo_camera(lift, CANVAS_PX), Quality())
    assert (lift.face_HW > 0).sum() > 10_000
    assert _psnr(shot.rgb_HW3, lift.photo_HW3, lift.face_HW > 0) >= 28.0
    whole = (lift.alpha_HW > 250) & (lift.face_HW == 0)
    assert _psnr(shot.rgb_HW3, lift.photo_HW3, whole) >= 26.0


def test_a_turned_photograph_shows_a_turned_face_without_holes(lift: Lift) -> None:
    made = set_of(lift, lift.photo_light(), CANVAS_PX)
    made = replace(made, background_HW3=np.full_like(made.background_HW3, 0.5))
    for sign in (-1.0, 1.0):
        pose = replace(
            lift.photo_pose(), head_rotvec_3=np.array([0, sign * MAX_TURN[1], 0], np.float32)
        )
        shot = shoot(made, pose, photo_camera(lift, CANVAS_PX), Quality())
        found = locate_face(shot.rgb_HW3)
        assert found is not None
        own = locate_face(lift.photo_HW3)
        assert own is not None
        nose = found.landmarks_N3[1, 0] - found.landmarks_N3[[33, 263], 0].mean()
        rest = own.landmarks_N3[1, 0] - own.landmarks_N3[[33, 263], 0].mean()
        assert sign * (nose - rest) > 5.0  # the nose points where the head was turned
        solid = (shot.alpha_HW > 127).astype(np.uint8)
        outlines, _ = cv2.findContours(solid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0:2]
        filled = np.zeros_like(solid)
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, (1,), -1)
        assert (filled - np.minimum(filled, solid)).sum() < 0.004 * solid.sum()


def test_a_lift_survives_its_file_and_a_damaged_one_is_named(tmp_path: Path, lift: Lift) -> None:
    path = tmp_path / "one.lift.npz"
    write_lift(path, lift)
    again = read_lift(path)
    np.testing.assert_array_equal(again.photo_HW3, lift.photo_HW3)
    np.testing.assert_allclose(again.fit.shape_V3, lift.fit.shape_V3, atol=2e-3)
    assert again.colours.skin_rgb == lift.colours.skin_rgb
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(AssetError, match=r"one\.lift\.npz.*Lift it again"):
        read_lift(path)
    with pytest.raises(AssetError, match="data lift"):
        read_lifts(tmp_path / "nothing")


def test_pictures_without_a_face_are_left_out_and_named(tmp_path: Path, media: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    ((path, reason),) = lift_folder(folder, tmp_path / "lifts")
    assert path.name == "grey.png"
    assert "No face" in reason
    with pytest.raises(AssetError, match="holds no picture"):
        list(lift_folder(tmp_path / "lifts_none", tmp_path))


def test_lifted_clips_carry_every_label_and_repeat_by_seed(lift: Lift) -> None:
    plan = ClipPlan(size_px=96, num_frames=2, num_references=1, quality=Quality(samples=1))
    one, two = (render_lifted_clip(3, [lift], plan) for _ in range(2))
    np.testing.assert_array_equal(one.rgb_FHW3, two.rgb_FHW3)
    assert one.landmarks_FN3.shape == (2, 478, 3)
    assert {Label.SKIN, Label.EYES, Label.HAIR} <= set(np.unique(one.regions_FHW).tolist())
    assert (one.visibility_FHW > 0).mean() > 0.1
    assert render_mixed_clip(3, plan, lifted=[lift], lifted_share=1.0).look == one.look
    assert render_mixed_clip(3, plan, lifted=[lift], lifted_share=0.0).seed == 3
