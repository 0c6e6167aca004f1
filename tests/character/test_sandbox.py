from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.character.picture import PictureLimits, sniff
from avatar.character.sandbox import decode_picture
from avatar.errors import PictureError, PictureReason

GRADIENT = np.linspace(0, 255, 96 * 128 * 3).reshape(96, 128, 3).astype(np.uint8)


def _file(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _refusal(data: bytes | Path, limits: PictureLimits | None = None) -> PictureError:
    with pytest.raises(PictureError) as caught:
        decode_picture(data, limits=limits)
    return caught.value


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_lossless_pictures_come_back_pixel_for_pixel(kind: str) -> None:
    picture = decode_picture(_file(Image.fromarray(GRADIENT), kind, lossless=True))
    np.testing.assert_array_equal(picture.rgb_HW3, GRADIENT)
    assert picture.alpha_HW is None


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA", "RGBA", "I;16"])
def test_every_pixel_format_becomes_eight_bit_rgb(mode: str) -> None:
    plain = Image.fromarray(GRADIENT)
    if mode == "I;16":
        wide = np.asarray(plain.convert("L")).astype(np.uint16) * 257
        data = _file(Image.fromarray(wide), "PNG")
    else:
        data = _file(plain.convert(mode), "JPEG" if mode == "CMYK" else "PNG")
    picture = decode_picture(data)
    assert picture.rgb_HW3.shape == (96, 128, 3)
    assert picture.rgb_HW3.dtype == np.uint8
    assert picture.alpha_HW is None, "an alpha that is opaque everywhere says nothing"
    middle_row = picture.rgb_HW3[:, 64].mean(axis=1)
    assert middle_row[-10:].mean() > middle_row[:10].mean() + 100, "dark above, light below"


def test_transparency_is_kept_as_coverage() -> None:
    rgba = np.dstack([GRADIENT, np.full((96, 128), 255, np.uint8)])
    rgba[:48, :, 3] = 0
    picture = decode_picture(_file(Image.fromarray(rgba), "PNG"))
    assert picture.alpha_HW is not None
    assert picture.alpha_HW[:48].max() == 0
    assert picture.alpha_HW[48:].min() == 255


def test_exif_orientation_turns_the_picture_upright() -> None:
    picture = Image.fromarray(GRADIENT)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side; upright after a quarter turn clockwise
    turned = decode_picture(_file(picture.rotate(90, expand=True), "PNG", exif=exif.tobytes()))
    np.testing.assert_array_equal(turned.rgb_HW3, GRADIENT)


def test_large_pictures_are_reduced_while_decoding() -> None:
    data = _file(Image.fromarray(np.tile(GRADIENT, (10, 10, 1))), "JPEG")
    picture = decode_picture(data, limits=PictureLimits(max_side_px=640))
    assert max(picture.rgb_HW3.shape) <= 640


def test_pixel_bombs_are_refused_by_their_header() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    bomb += chunk(b"IDAT", zlib.compress(bytes(10_000_000))) + chunk(b"IEND", b"")
    error = _refusal(bomb)
    assert error.reason is PictureReason.TOO_LARGE
    assert "60000 x 60000" in str(error)


def test_memory_limit_of_the_worker_holds() -> None:
    data = _file(Image.fromarray(np.zeros((6000, 6000, 3), np.uint8)), "PNG")
    error = _refusal(data, PictureLimits(memory_bytes=120 * 2**20))
    assert error.reason in (PictureReason.TOO_LARGE, PictureReason.UNREADABLE)


def test_a_decoder_that_takes_too_long_is_ended() -> None:
    data = _file(Image.fromarray(GRADIENT), "PNG")
    error = _refusal(data, PictureLimits(wall_s=0.001))
    assert error.reason is PictureReason.TIMEOUT


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(kind: str) -> None:
    frames = [Image.fromarray(np.full((96, 96, 3), 60 * i, np.uint8)) for i in range(3)]
    data = _file(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert _refusal(data).reason is PictureReason.ANIMATED


def test_size_kind_and_emptiness_are_told_apart(tmp_path: Path) -> None:
    assert _refusal(b"").reason is PictureReason.UNREADABLE
    assert _refusal(tmp_path / "missing.png").reason is PictureReason.UNREADABLE
    assert _refusal(b"GIF89a" + bytes(100)).reason is PictureReason.UNSUPPORTED_FORMAT
    assert _refusal(b"hello world").reason is PictureReason.UNSUPPORTED_FORMAT
    tiny = _file(Image.fromarray(GRADIENT[:20, :20]), "PNG")
    assert _refusal(tiny).reason is PictureReason.TOO_SMALL
    large = _refusal(b"\xff\xd8\xff" + bytes(2000), PictureLimits(max_bytes=1000))
    assert large.reason is PictureReason.TOO_LARGE


def test_format_is_known_by_content_not_by_name() -> None:
    assert sniff(_file(Image.fromarray(GRADIENT), "JPEG")) == "JPEG"
    assert sniff(b"\x00\x00\x00\x1cftypavif") == "an AVIF"
    assert sniff(b"\x00\x00\x00\x1cftypisom") == "a video"


_VALID = {
    "hopper_gray.jpg",
    "hopper_orientation_6.jpg",
    "invalid-exif.jpg",
    "pil_sample_cmyk.jpg",
    "fuzz_webp_2.webp",
}
"""Files of the folder that are sound pictures; all others must be refused."""


@pytest.mark.media
def test_every_bad_file_is_refused_with_a_reason(media: Path) -> None:
    for path in sorted((media / "bad").iterdir()):
        if path.name in _VALID:
            assert decode_picture(path).rgb_HW3.size > 0
        else:
            error = _refusal(path)
            assert path.name in str(error), "the message names the file"
            assert "0x" not in str(error), "no address of an object reaches the user"
