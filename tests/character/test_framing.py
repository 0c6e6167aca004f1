from __future__ import annotations

import numpy as np
import pytest

from avatar.character.character import Framing, canvas_hw
from avatar.character.framing import (
    Crop,
    Person,
    choose_framing,
    cut,
    frame_person,
    needs_upright,
    num_hands_kept,
)


def _person(eyes: tuple[float, float], iod: float, *, bottom: float | None = None) -> Person:
    """A standing person; `bottom` is where the ankles are."""
    joints = np.zeros((33, 3), np.float32)
    visibility = np.zeros(33, np.float32)
    if bottom is not None:
        joints[:, 0] = eyes[0]
        joints[:, 1] = eyes[1]
        for joint, share in (
            (11, 0.2),
            (12, 0.2),
            (13, 0.4),
            (14, 0.4),
            (23, 0.55),
            (24, 0.55),
            (27, 1.0),
            (28, 1.0),
        ):
            joints[joint, 1] = eyes[1] + share * (bottom - eyes[1])
            visibility[joint] = 1.0
    return Person(np.array(eyes, np.float32), iod, joints, visibility)


def test_canvases_are_multiples_of_sixteen_and_cost_about_the_same() -> None:
    for size in (256, 384, 512, 768):
        pixels = []
        for framing in Framing:
            rows, columns = canvas_hw(framing, size)
            assert rows % 16 == 0
            assert columns % 16 == 0
            pixels.append(rows * columns)
        assert max(pixels) / min(pixels) < 1.05


@pytest.mark.parametrize("size", [100, 500, 4096])
def test_odd_canvas_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        canvas_hw(Framing.PORTRAIT, size)


def test_framing_shows_what_the_picture_was_taken_to_show() -> None:
    selfie = _person((320, 200), 90)
    assert choose_framing(selfie, (480, 640)) is Framing.PORTRAIT
    standing = _person((300, 100), 25, bottom=720)
    assert choose_framing(standing, (800, 600)) is Framing.FULL_BODY
    cut_at_the_knees = _person((300, 100), 40, bottom=1100)
    assert choose_framing(cut_at_the_knees, (800, 600)) is Framing.HALF_BODY


def test_a_head_in_a_wide_picture_is_framed_with_headroom_inside_it() -> None:
    crop = frame_person(_person((960, 500), 100), Framing.PORTRAIT, (1080, 1920), (512, 512))
    assert crop.outside_fraction((1080, 1920)) == pytest.approx(0.0, abs=1e-6)
    eyes = crop.points_to_canvas(np.array([[960.0, 500.0]], np.float32), (512, 512))[0]
    assert eyes[0] == pytest.approx(256, abs=2)
    assert 0.38 * 512 < eyes[1] < 0.48 * 512


def test_a_square_headshot_is_used_whole_rather_than_padded() -> None:
    crop = frame_person(_person((256, 240), 110), Framing.PORTRAIT, (512, 512), (512, 512))
    assert crop.outside_fraction((512, 512)) < 0.01


def test_a_tight_picture_never_continues_below_the_person() -> None:
    crop = frame_person(_person((200, 180), 105), Framing.PORTRAIT, (420, 400), (512, 512))
    assert crop.top + crop.height <= 420 + 1e-3


def test_a_whole_body_fits_from_crown_to_toes() -> None:
    person = _person((300, 150), 25, bottom=800)
    hw = canvas_hw(Framing.FULL_BODY)
    crop = frame_person(person, Framing.FULL_BODY, (900, 600), hw)
    assert crop.top < 150 - 2 * 25
    assert crop.top + crop.height > 800
    assert crop.width / crop.height == pytest.approx(hw[1] / hw[0])


def test_points_and_pixels_are_framed_alike() -> None:
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[120:124, 200:204] = 255
    crop = Crop(left=150.0, top=80.0, width=100.0, height=100.0)
    canvas = cut(picture, crop, (256, 256))
    rows, columns = np.nonzero(canvas[..., 0] > 127)
    expected = crop.points_to_canvas(np.array([[202.0, 122.0]], np.float32), (256, 256))[0]
    assert columns.mean() + 0.5 == pytest.approx(expected[0], abs=0.6)
    assert rows.mean() + 0.5 == pytest.approx(expected[1], abs=0.6)


def test_beyond_the_edge_the_picture_goes_on_without_black_bars() -> None:
    picture = np.full((100, 100, 3), 180, np.uint8)
    canvas = cut(picture, Crop(-50.0, -50.0, 200.0, 200.0), (128, 128))
    assert canvas.min() > 170


def _with_hands(person: Person, x: tuple[float, float], y: float) -> Person:
    """The same person with both hands at a height."""
    assert person.joints_J3 is not None
    assert person.visibility_J is not None
    joints, visibility = person.joints_J3.copy(), person.visibility_J.copy()
    for hand, column in zip(((15, 17, 19, 21), (16, 18, 20, 22)), x, strict=True):
        joints[list(hand), 0], joints[list(hand), 1] = column, y
        visibility[list(hand)] = 1.0
    return Person(person.eyes_middle_2, person.iod_px, joints, visibility)


def test_a_half_body_keeps_the_hands_that_the_picture_shows() -> None:
    person = _person((500, 200), 40, bottom=2400)
    without = frame_person(person, Framing.HALF_BODY, (1000, 1000), (512, 512))
    crop = frame_person(
        _with_hands(person, (400, 620), 700), Framing.HALF_BODY, (1000, 1000), (512, 512)
    )
    assert without.top + without.height < 700, "or the test shows nothing"
    assert crop.top + crop.height > 700 + 20
    assert crop.top < 200 - 2 * 40, "the head stays in"


def test_hands_out_of_the_picture_do_not_widen_the_window() -> None:
    person = _person((500, 200), 40, bottom=2400)
    without = frame_person(person, Framing.HALF_BODY, (1000, 1000), (512, 512))
    beyond = _with_hands(person, (400, 620), 1100)
    assert frame_person(beyond, Framing.HALF_BODY, (1000, 1000), (512, 512)) == without


def test_a_narrow_picture_is_not_widened_with_invented_background_for_its_hands() -> None:
    person = _with_hands(_person((250, 200), 40, bottom=2400), (150, 350), 900)
    crop = frame_person(person, Framing.HALF_BODY, (1000, 500), (512, 512))
    assert crop.outside_fraction((1000, 500)) < 0.2


def test_a_head_close_to_the_pictures_top_is_not_given_a_sky() -> None:
    crop = frame_person(_person((300, 150), 100), Framing.PORTRAIT, (400, 600), (512, 512))
    assert crop.top >= -0.06 * crop.height


def _with_hands_at(y: float, x: tuple[float, float]) -> Person:
    """A person at (300, 150) whose wrists and knuckles are seen at these places."""
    person = _person((300, 150), 40, bottom=1400)
    assert person.joints_J3 is not None
    assert person.visibility_J is not None
    for hand, column in zip(((15, 17, 19, 21), (16, 18, 20, 22)), x, strict=True):
        person.joints_J3[list(hand), :2] = (column, y)
        person.visibility_J[list(hand)] = 1.0
    return person


def test_folded_hands_in_an_upright_picture_get_an_upright_canvas() -> None:
    square, upright = (canvas_hw(Framing.HALF_BODY, is_upright=u) for u in (False, True))
    assert upright == canvas_hw(Framing.FULL_BODY)
    folded = _with_hands_at(780, (280, 330))
    assert needs_upright(folded, (900, 600), square, upright)
    crop = frame_person(folded, Framing.HALF_BODY, (900, 600), upright)
    assert num_hands_kept(folded, crop) == 2
    assert crop.top < 150 - 2 * 40


def test_hands_that_a_square_keeps_leave_it_square() -> None:
    square, upright = (canvas_hw(Framing.HALF_BODY, is_upright=u) for u in (False, True))
    raised = _with_hands_at(420, (180, 420))
    assert not needs_upright(raised, (900, 600), square, upright)
    assert not needs_upright(_person((300, 150), 40, bottom=1400), (900, 600), square, upright)
