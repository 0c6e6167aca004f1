from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.character.character import Character, Framing
from avatar.character.opening import open_character
from avatar.errors import PictureError, PictureReason

pytestmark = pytest.mark.media


@pytest.fixture(scope="module")
def references(media: Path) -> Path:
    return media / "reference"


@pytest.fixture(scope="module")
def astronaut(references: Path) -> Character:
    return open_character([references / "photo_astronaut_nasa.png"], name="Eileen")


def test_a_portrait_has_all_its_layers(astronaut: Character) -> None:
    assert astronaut.framing is Framing.PORTRAIT
    assert astronaut.canvas_hw == (512, 512)
    assert astronaut.name == "Eileen"
    view = astronaut.views[0]
    x, y = (int(value) for value in view.geometry.translation_2)
    assert view.alpha_HW[y, x] == 255, "the head is the person"
    assert view.alpha_HW[20, 20] == 0, "the corner is not"
    inside = view.alpha_HW == 255
    np.testing.assert_array_equal(view.foreground_HW3[inside], view.rgb_HW3[inside])
    outside = view.alpha_HW == 0
    far = np.abs(astronaut.background_HW3.astype(int) - view.rgb_HW3)[outside]
    assert np.median(far) == 0, "what was background stays as it was"


def test_layers_composite_to_the_picture_that_was_given(astronaut: Character) -> None:
    view = astronaut.views[0]
    alpha = view.alpha_HW[..., None].astype(float) / 255
    again = view.foreground_HW3 * alpha + astronaut.background_HW3 * (1 - alpha)
    assert np.abs(again - view.rgb_HW3).mean() < 1.5


def test_eyes_are_where_the_geometry_says(astronaut: Character) -> None:
    view = astronaut.views[0]
    iris = view.geometry.landmarks_N3[[468, 473], :2].round().astype(int)
    skin = view.geometry.landmarks_N3[[50, 280], :2].round().astype(int)  # cheeks
    dark = view.rgb_HW3[iris[:, 1], iris[:, 0]].mean()
    light = view.rgb_HW3[skin[:, 1], skin[:, 0]].mean()
    assert dark < light - 40


def test_a_character_survives_pickling(astronaut: Character) -> None:
    copy = pickle.loads(pickle.dumps(astronaut))
    assert copy.id == astronaut.id
    np.testing.assert_array_equal(copy.views[0].rgb_HW3, astronaut.views[0].rgb_HW3)


def test_thumbnail_is_a_small_webp(astronaut: Character) -> None:
    with Image.open(io.BytesIO(astronaut.thumbnail_webp)) as picture:
        assert picture.format == "WEBP"
        assert picture.size == (256, 256)
    assert len(astronaut.thumbnail_webp) < 40_000


def test_framing_and_size_can_be_asked_for(references: Path) -> None:
    picture = references / "photo_business_woman.png"
    half = open_character([picture], size_px=256)
    assert half.framing is Framing.HALF_BODY
    assert half.canvas_hw == (256, 256)
    assert half.views[0].geometry.joints_J3 is not None
    portrait = open_character([picture], size_px=256, framing=Framing.PORTRAIT)
    assert portrait.framing is Framing.PORTRAIT
    assert portrait.views[0].geometry.scale > 1.3 * half.views[0].geometry.scale


def test_the_most_frontal_and_neutral_picture_is_animated(references: Path) -> None:
    turned = references / "photo_vh_emotions_a-2.jpg"
    frontal = references / "photo_vh_emotions_a-1.jpg"
    character = open_character([turned, frontal], size_px=256)
    assert len(character.views) == 2
    alone = open_character([frontal], size_px=256)
    np.testing.assert_array_equal(character.views[0].rgb_HW3, alone.views[0].rgb_HW3)


def test_a_transparent_cut_out_keeps_its_own_matte(references: Path) -> None:
    emoji = open_character([references / "emoji_1f469_1f3fe.png"], size_px=256)
    alpha = emoji.views[0].alpha_HW
    assert alpha[128, 128] == 255
    assert alpha[3, 3] == 0
    assert emoji.background_HW3.std() < 1.0, "behind it lies plain grey"


def test_orientation_does_not_change_the_character(references: Path) -> None:
    with Image.open(references / "photo_astronaut_nasa.png") as picture:
        plain = picture.convert("RGB")
    upright, turned = io.BytesIO(), io.BytesIO()
    plain.save(upright, "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6
    plain.rotate(90, expand=True).save(turned, "PNG", exif=exif.tobytes())
    one = open_character([upright.getvalue()], size_px=256)
    other = open_character([turned.getvalue()], size_px=256)
    np.testing.assert_array_equal(one.views[0].rgb_HW3, other.views[0].rgb_HW3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("noface_background.jpg", PictureReason.NO_FACE),
        ("noface_cf_017_0.jpg", PictureReason.NO_FACE),
        ("exif_rot6.jpg", PictureReason.NO_FACE),
    ],
)
def test_pictures_without_a_face_are_refused_by_name(
    references: Path, name: str, reason: PictureReason
) -> None:
    with pytest.raises(PictureError, match=name) as caught:
        open_character([references / name])
    assert caught.value.reason is reason


def test_a_face_of_a_few_pixels_is_refused_with_a_remedy(references: Path) -> None:
    with Image.open(references / "photo_tfjs_black_man_smile.jpg") as picture:
        small = picture.convert("RGB").resize((40, 53), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (160, 160), (200, 200, 200))
    canvas.paste(small, (60, 50))
    data = io.BytesIO()
    canvas.save(data, "PNG")
    with pytest.raises(PictureError) as caught:
        open_character([data.getvalue()])
    assert caught.value.reason in (PictureReason.FACE_TOO_SMALL, PictureReason.NO_FACE)
    assert "picture 1" in str(caught.value)


def test_no_pictures_and_too_many_are_refused(references: Path) -> None:
    with pytest.raises(PictureError, match="1 to 4"):
        open_character([])
    with pytest.raises(PictureError, match="1 to 4"):
        open_character([references / "photo_astronaut_nasa.png"] * 5)


def test_one_bad_picture_among_good_ones_is_named(references: Path, media: Path) -> None:
    good, bad = references / "photo_astronaut_nasa.png", media / "bad" / "truncated_image.png"
    with pytest.raises(PictureError, match=r"truncated_image\.png"):
        open_character([good, bad])
