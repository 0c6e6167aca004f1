"""The character cut out: the backdrop's share is taken out of a picture exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from avatar.frames import ByteArray, RenderedFrame, Stamp, Tracking
from avatar.stream.cutout import cut_out
from avatar.warp.plate import Plate, still_background

STAMP = Stamp(0, Fraction(1, 90_000), 0.0)


def _mixed(colour: ByteArray, alpha: ByteArray, backdrop: ByteArray) -> ByteArray:
    share = alpha[..., None].astype(np.float64) / 255.0
    return (share * colour + (1.0 - share) * backdrop).round().astype(np.uint8)


def test_what_is_left_laid_over_the_backdrop_is_the_picture_again() -> None:
    rng = np.random.default_rng(5)
    colour, backdrop = rng.integers(0, 256, (2, 40, 60, 3)).astype(np.uint8)
    alpha = rng.integers(0, 256, (40, 60)).astype(np.uint8)
    picture = _mixed(colour, alpha, backdrop)
    cut, cover = cut_out(
        RenderedFrame(STAMP, picture, alpha, Tracking.TRACKED, backdrop=Plate(backdrop, None))
    )
    assert np.array_equal(cover, alpha)
    back = cut + (1.0 - alpha[..., None] / 255.0) * backdrop
    assert np.abs(back - picture).max() <= 1.0


def test_nothing_of_the_backdrop_is_left_where_nobody_is() -> None:
    backdrop = np.full((8, 8, 3), 200, np.uint8)
    alpha = np.zeros((8, 8), np.uint8)
    cut, _ = cut_out(
        RenderedFrame(STAMP, backdrop, alpha, Tracking.TRACKED, backdrop=Plate(backdrop, None))
    )
    assert not cut.any()


def test_no_colour_is_lighter_than_its_coverage() -> None:
    picture, dark = np.full((8, 8, 3), 255, np.uint8), np.zeros((8, 8, 3), np.uint8)
    alpha = np.full((8, 8), 100, np.uint8)
    cut, _ = cut_out(
        RenderedFrame(STAMP, picture, alpha, Tracking.TRACKED, backdrop=Plate(dark, None))
    )
    assert cut.max() == 100


def test_a_picture_without_a_matte_covers_everything() -> None:
    picture = np.full((8, 8, 3), 90, np.uint8)
    cut, cover = cut_out(RenderedFrame(STAMP, picture, None, Tracking.LOST))
    assert np.array_equal(cut, picture)
    assert (cover == 255).all()


def test_where_a_person_has_left_the_fill_is_taken_out_too() -> None:
    picture, fill = np.full((2, 128, 128, 3), 90, np.uint8)
    fill[...] = 160
    stood = np.zeros((128, 128), np.uint8)
    stood[32:96, 16:64] = 255
    plate = Plate(fill, still_background(picture, picture, stood))
    moved = np.roll(stood, 48, axis=1)
    drawn = np.where(moved[..., None] > 0, np.uint8(30), plate.rest_HW3)
    plate.uncover(drawn, moved)
    assert drawn[64, 32, 0] == 160, "the fill shows where the person stood"
    cut, _ = cut_out(RenderedFrame(STAMP, drawn, moved, Tracking.TRACKED, backdrop=plate))
    assert cut[moved == 0].max() <= 1
    assert (cut[moved == 255] == 30).all()
