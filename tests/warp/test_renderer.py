from __future__ import annotations

import numpy as np

from avatar.frames import ByteArray
from avatar.motion import topology
from avatar.warp.eyes import LID_OUTLINES
from avatar.warp.polygon import Box, depth_inside
from avatar.warp.renderer import WarpRenderer
from tests.warp.conftest import IRIS, SIDE, WALL, Painted


def render(painted: Painted, **motion: object) -> tuple[ByteArray, ByteArray]:
    renderer = WarpRenderer(painted.rig, painted.background_HW3)
    return renderer.render(painted.motion(**motion))  # type: ignore[arg-type]


def iris_columns(painted: Painted, rgb: ByteArray) -> np.ndarray:
    """Columns of iris-coloured pixels inside the left eye."""
    lids = painted.reference.landmarks_N3[LID_OUTLINES[0], :2]
    box = Box.around(lids, 0.0, (SIDE, SIDE))
    patch = rgb[box.slices].astype(int)
    is_iris = (np.abs(patch - IRIS).sum(-1) < 60) & (depth_inside(lids, box) > 0)
    return np.nonzero(is_iris)[1]


def test_the_reference_motion_gives_the_reference_back(painted: Painted) -> None:
    rgb, alpha = render(painted)
    error = np.abs(rgb.astype(int) - painted.rgb_HW3).mean()
    assert error < 1.5
    assert np.abs(alpha.astype(int) - painted.alpha_HW).mean() < 1.0


def test_the_background_keeps_still_whatever_the_head_does(painted: Painted) -> None:
    rgb, alpha = render(painted, yaw=0.4, shift=(14.0, -4.0))
    empty = alpha == 0
    assert empty.mean() > 0.2
    assert (rgb[empty] == WALL).all()


def test_a_turned_head_has_no_holes(painted: Painted) -> None:
    for yaw in (-0.6, 0.6):
        rgb, alpha = render(painted, yaw=yaw)
        face = Box.around(
            painted.motion(yaw=yaw).landmarks_N3[topology.NOSE, :2], 0.0, (SIDE, SIDE)
        )
        assert (alpha[face.slices] == 255).all()
        assert not (rgb[face.slices] == WALL).all(-1).any()


def test_turning_the_head_moves_the_nose_more_than_the_cheek(painted: Painted) -> None:
    rest, turned = painted.motion(), painted.motion(yaw=0.4)
    moved = turned.landmarks_N3[:, 0] - rest.landmarks_N3[:, 0]
    assert moved[topology.NOSE_TIP] > 3.0 + abs(moved[topology.EAR_SIDES[0]])


def test_the_iris_goes_where_the_gaze_goes(painted: Painted) -> None:
    ahead, right = (
        iris_columns(painted, render(painted, gaze=gaze)[0]).mean() for gaze in ((0, 0), (0.4, 0))
    )
    left = iris_columns(painted, render(painted, gaze=(-0.4, 0))[0]).mean()
    assert right > ahead + 1.5
    assert left < ahead - 1.5


def test_closed_lids_hide_the_iris(painted: Painted) -> None:
    assert len(iris_columns(painted, render(painted)[0])) > 10
    closed, _ = render(painted, shape_N3=painted.with_closed_eyes())
    assert len(iris_columns(painted, closed)) <= 2


def test_an_opening_mouth_shows_teeth_and_the_dark_behind_them(painted: Painted) -> None:
    shape = painted.with_open_mouth(0.30)
    rgb, _ = render(painted, shape_N3=shape)
    middle = painted.motion(shape_N3=shape).landmarks_N3
    upper, lower = middle[13], middle[14]
    column = rgb[int(upper[1]) + 2 : int(lower[1]) - 1, int(upper[0])].astype(int)
    assert column.sum(1).max() > 380, "no teeth"
    assert column.sum(1).min() < 200, "no depth"
    teeth_at = int(column.sum(1).argmax())
    assert teeth_at < len(column) * 0.6, "the upper teeth hang from the upper lip"


def test_closed_lips_are_left_alone(painted: Painted) -> None:
    rgb, _ = render(painted)
    lips = painted.reference.landmarks_N3[topology.LIPS_INNER_UPPER, :2]
    box = Box.around(lips, 1.0, (SIDE, SIDE))
    assert np.abs(rgb[box.slices].astype(int) - painted.rgb_HW3[box.slices]).max() < 40


def test_extreme_motion_stays_a_picture(painted: Painted) -> None:
    for yaw, pitch, shift in ((1.2, 0.8, (200.0, -200.0)), (-1.5, -1.0, (-900.0, 900.0))):
        rgb, alpha = render(painted, yaw=yaw, pitch=pitch, shift=shift)
        assert rgb.shape == (SIDE, SIDE, 3)
        assert alpha.shape == (SIDE, SIDE)
