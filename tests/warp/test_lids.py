from __future__ import annotations

import cv2
import numpy as np

from avatar.frames import ByteArray
from avatar.motion import topology
from avatar.warp.eyes import LID_OUTLINES
from avatar.warp.lids import build_lids, draw_lids
from avatar.warp.renderer import WarpRenderer
from avatar.warp.rig import build_rig
from tests.warp.conftest import IRIS, SKIN, Painted


def test_open_lids_draw_nothing(painted: Painted) -> None:
    rgb = painted.rgb_HW3.copy()
    draw_lids(rgb, build_lids(painted.rgb_HW3, painted.reference), painted.motion())
    np.testing.assert_array_equal(rgb, painted.rgb_HW3)


def test_a_closed_lid_is_skin_over_a_line_of_lashes(painted: Painted) -> None:
    motion = painted.motion(shape_N3=painted.with_closed_eyes())
    rgb, _ = WarpRenderer(painted.rig, painted.background_HW3).render(motion)
    crease = motion.landmarks_N3[topology.LEFT_LID_UPPER_CREASE[4], :2]
    edge = motion.landmarks_N3[topology.LEFT_LID_UPPER[4], :2]
    x, y = (0.4 * crease + 0.6 * edge).round().astype(int)
    assert np.abs(rgb[y, x].astype(int) - SKIN).max() < 40
    column = rgb[int(edge[1]) - 2 : int(edge[1]) + 3, int(edge[0])].astype(int).sum(1)
    assert column.min() < 0.85 * sum(SKIN)
    assert column.max() < 1.08 * sum(SKIN), "the white of the eye shows below the lashes"


def test_a_lid_comes_in_little_by_little(painted: Painted) -> None:
    closed = painted.with_closed_eyes()
    rest = painted.reference.shape_N3
    renderer = WarpRenderer(painted.rig, painted.background_HW3)
    frames = [
        renderer.render(painted.motion(shape_N3=rest + np.float32(share) * (closed - rest)))[0]
        for share in np.linspace(0.0, 1.0, 21)
    ]
    steps = [
        np.abs(after.astype(int) - before).mean()
        for before, after in zip(frames, frames[1:], strict=False)
    ]
    assert max(steps) < 0.25 * sum(steps)


def test_an_eye_painted_larger_than_its_landmarks_still_closes(painted: Painted) -> None:
    rgb = painted.rgb_HW3.copy()
    outline = painted.reference.landmarks_N3[LID_OUTLINES[0], :2]
    middle = outline.mean(0).round().astype(int)
    width = float(np.ptp(outline[:, 0]))
    cv2.circle(rgb, tuple(middle.tolist()), round(0.4 * width), IRIS, -1)
    rig = build_rig(painted.reference, rgb, painted.alpha_HW)
    motion = painted.motion(shape_N3=painted.with_closed_eyes())
    drawn, _ = WarpRenderer(rig, painted.background_HW3).render(motion)
    assert _num_dark(drawn, middle, width) < 0.3 * _num_dark(rgb, middle, width)


def _num_dark(
    rgb: ByteArray, middle: np.ndarray[tuple[int], np.dtype[np.int64]], width: float
) -> int:
    reach = round(0.5 * width)
    x, y = middle.tolist()
    patch = rgb[y : y + reach, x - reach : x + reach].astype(int)
    return int((np.abs(patch - IRIS).sum(-1) < 60).sum())
