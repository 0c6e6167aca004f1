from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray, MouthInterior
from avatar.motion import topology as topo
from avatar.motion.geometry import face_motion
from avatar.motion.mirror import mirror_face
from avatar.motion.mouth_interior import (
    COLUMNS,
    ROWS,
    measure_mouth_interior,
    mixed_interiors,
    spread_interior,
    teeth_reach,
    tinted,
)
from avatar.motion.smoothing import FaceSmoother

HW = (240, 320)
SKIN = (190.0, 140.0, 115.0)
TEETH, TONGUE, DARK = (205.0, 190.0, 175.0), (150.0, 75.0, 72.0), (30.0, 12.0, 12.0)


def landmarks(gap: float) -> FloatArray:
    """The average face in the middle of a picture with its inner lips `gap` apart."""
    shape = topo.canonical_face().copy()
    middle = 0.5 * (shape[topo.LIPS_INNER_UPPER] + shape[topo.LIPS_INNER_LOWER])
    arc = np.sin(np.linspace(0.0, np.pi, len(middle)))[:, None] * np.array([0.0, 0.5 * gap, 0.0])
    shape[topo.LIPS_INNER_UPPER] = middle - arc
    shape[topo.LIPS_INNER_LOWER] = middle + arc
    placed = shape * 60.0
    placed[:, :2] += (160.0, 110.0)
    return np.asarray(placed, np.float32)


def face(
    gap: float, upper: tuple[float, ...], lower: tuple[float, ...], light: float = 1.0
) -> tuple[ByteArray, FloatArray]:
    """A flat face whose mouth shows one colour above its middle line and another below."""
    points = landmarks(gap)
    picture = np.zeros((*HW, 3), np.float32) + SKIN
    inner = points[np.r_[topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER[::-1]], :2]
    mask = np.zeros(HW, np.uint8)
    cv2.fillPoly(mask, [np.rint(inner).astype(np.int32)], (1.0,))
    is_upper = np.arange(HW[0])[:, None] < float(inner[:, 1].mean())
    picture[(mask == 1) & is_upper] = upper
    picture[(mask == 1) & ~is_upper] = lower
    return np.clip(picture * light, 0, 255).astype(np.uint8), points


def measured(
    gap: float, upper: tuple[float, ...], lower: tuple[float, ...], light: float = 1.0
) -> MouthInterior:
    found = measure_mouth_interior(*face(gap, upper, lower, light))
    assert found is not None
    return found


def test_teeth_are_light_the_empty_mouth_is_dark_and_a_tongue_is_red() -> None:
    found = measured(0.35, TEETH, TONGUE)
    middle = COLUMNS // 2
    assert found.light_RC.shape == found.red_RC.shape == (ROWS, COLUMNS)
    assert found.light_RC[1, middle] > 0.8
    assert found.red_RC[1, middle] < 0.3
    assert found.red_RC[-2, middle] > 0.7
    assert measured(0.35, DARK, DARK).light_RC[ROWS // 2, middle] < 0.15


def test_the_light_of_the_room_does_not_change_what_is_seen() -> None:
    bright, dim = (measured(0.35, TEETH, TONGUE, light) for light in (1.0, 0.4))
    np.testing.assert_allclose(bright.light_RC, dim.light_RC, atol=0.03)
    np.testing.assert_allclose(bright.red_RC, dim.red_RC, atol=0.05)


def test_teeth_of_a_mouth_in_the_shade_count_as_light_as_in_full_light() -> None:
    picture, points = face(0.35, TEETH, TEETH)
    lids = points[np.r_[topo.LEFT_LID_UPPER, topo.LEFT_LID_LOWER], 1]
    picture[int(lids.min()) : int(lids.max()) + 1] = DARK  # eyes closed: no white to go by
    shaded = picture.copy()
    nose = int(points[topo.NOSE_TIP, 1])
    shaded[nose:] = (0.6 * shaded[nose:]).astype(np.uint8)
    seen = measure_mouth_interior(picture, points)
    in_shade = measure_mouth_interior(shaded, points)
    assert seen is not None
    assert in_shade is not None
    ratio = in_shade.light_RC.mean() / seen.light_RC.mean()
    assert 0.85 < ratio < 1.15, "0.6 where the shade is not known"


def test_teeth_reach_as_far_down_as_they_are_seen() -> None:
    grin, half = measured(0.35, TEETH, TEETH), measured(0.35, TEETH, TONGUE)
    assert teeth_reach(grin) > 0.9
    assert 0.3 < teeth_reach(half) < 0.6
    for upper, lower in ((TONGUE, TEETH), (DARK, DARK), (TONGUE, TONGUE)):
        assert teeth_reach(measured(0.35, upper, lower)) < 0.1


def test_closed_and_crossed_lips_show_nothing() -> None:
    for gap in (0.0, 0.01, -0.1):
        assert measure_mouth_interior(*face(gap, DARK, DARK)) is None


def test_a_mouth_is_surer_the_further_it_opens() -> None:
    slit, open_wide = (measured(gap, DARK, DARK).certainty for gap in (0.05, 0.3))
    assert 0.0 < slit < open_wide == 1.0


def test_a_face_out_of_the_picture_is_not_measured() -> None:
    picture, points = face(0.3, TEETH, DARK)
    away = points + np.array([1000.0, 0.0, 0.0], np.float32)
    assert measure_mouth_interior(picture, away) is None


def test_spreading_gives_back_what_was_measured() -> None:
    picture, points = face(0.4, TEETH, DARK)
    found = measure_mouth_interior(picture, points)
    assert found is not None
    light_HW, _ = spread_interior(found, points, 0, 0, HW)
    x = int(points[13, 0])
    top, bottom = points[13, 1], points[14, 1]
    assert light_HW[int(top + 3), x] > 0.7
    assert light_HW[int(bottom - 3), x] < 0.2


def test_light_and_red_go_back_to_the_colours_they_came_from() -> None:
    colour = np.array([0.5, 0.25, 0.25], np.float32)
    light = np.float32(colour.mean())
    red = np.float32((0.5 - 0.25) / 0.5 / 0.6)
    np.testing.assert_allclose(tinted(np.array(light), np.array(red)), colour, atol=1e-5)


def test_a_source_that_knows_nothing_leaves_the_mix_less_certain() -> None:
    seen = measured(0.35, TEETH, DARK)
    half = mixed_interiors([seen, None], [0.5, 0.5])
    assert half is not None
    np.testing.assert_allclose(half.light_RC, seen.light_RC, atol=1e-6)
    assert half.certainty == 0.5 * seen.certainty
    assert mixed_interiors([seen, None], [0.0, 1.0]) is None


def test_a_mirror_changes_the_sides_of_the_interior() -> None:
    picture, points = face(0.35, TEETH, DARK)
    interior = replace(measured(0.35, TEETH, DARK), light_RC=_ramp())
    seen = replace(face_motion(points), mouth_interior=interior)
    mirrored = mirror_face(seen, picture.shape[1]).mouth_interior
    assert mirrored is not None
    np.testing.assert_array_equal(mirrored.light_RC, _ramp()[:, ::-1])


def test_the_interior_flickers_less_after_smoothing_and_is_forgotten_with_closed_lips() -> None:
    smoother = FaceSmoother()
    base = face_motion(landmarks(0.3))
    random = np.random.default_rng(1)
    raw, smooth = [], []
    for index in range(30):
        noisy = np.clip(0.5 + random.normal(0.0, 0.05, (ROWS, COLUMNS)), 0, 1).astype(np.float32)
        interior = MouthInterior(noisy, noisy, 1.0)
        shown, _ = smoother.update(replace(base, mouth_interior=interior), None, HW, index / 25)
        assert shown is not None
        assert shown.mouth_interior is not None
        raw.append(noisy)
        smooth.append(shown.mouth_interior.light_RC)
    assert np.std(smooth[5:], axis=0).mean() < 0.75 * np.std(raw[5:], axis=0).mean()
    shown, _ = smoother.update(base, None, HW, 30 / 25)
    assert shown is not None
    assert shown.mouth_interior is None


def _ramp() -> FloatArray:
    return np.tile(np.linspace(0.0, 1.0, COLUMNS, dtype=np.float32), (ROWS, 1))
