"""Colours survive the way into a codec and back; sizes stay within bounds."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from server.config import VideoSection
from server.encoder import SteadyEncoder
from server.picture_formats import copy_strip, fitted_size, i420_to_rgb, rgb_to_i420, top_strip

PALETTE = [
    (0, 0, 0),
    (255, 255, 255),
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (128, 128, 128),
    (224, 172, 140),
    (90, 56, 37),
]


def _bars(height: int = 128, bar: int = 32) -> np.ndarray:
    picture = np.zeros((height, bar * len(PALETTE), 3), dtype=np.uint8)
    for index, colour in enumerate(PALETTE):
        picture[:, index * bar : (index + 1) * bar] = colour
    return picture


def _colours(picture: np.ndarray, bar: int = 32) -> np.ndarray:
    row = picture[picture.shape[0] // 2, bar // 2 :: bar]
    return row.astype(int)


def test_colours_survive_i420() -> None:
    error = np.abs(_colours(i420_to_rgb(rgb_to_i420(_bars()))) - np.array(PALETTE))
    assert error.max() <= 3


def test_luma_is_limited_range() -> None:
    i420 = rgb_to_i420(_bars())
    assert i420[10, 10] == 16
    assert i420[10, 48] == 235


@pytest.mark.parametrize(("codec", "decoder"), [("VP8", "libvpx"), ("H264", "h264")])
def test_colours_survive_the_codecs_both_ways(codec: str, decoder: str) -> None:
    encoder = SteadyEncoder(codec, VideoSection(), keyframe_interval_s=0.3)
    decode = av.CodecContext.create(decoder, "r")
    rgb = None
    for index in range(4):
        frame = av.VideoFrame.from_ndarray(rgb_to_i420(_bars()), format="yuv420p")
        frame.pts, frame.time_base = 3600 * index, Fraction(1, 90_000)
        if encoder._codec is None:
            encoder._codec = encoder._new_codec(frame.width, frame.height, 1_500_000)
        for packet in encoder._codec.encode(frame):
            for decoded in decode.decode(av.Packet(bytes(packet))):
                rgb = decoded.to_ndarray(format="rgb24")
    assert rgb is not None
    assert np.abs(_colours(rgb) - np.array(PALETTE)).max() <= 8


def test_odd_sizes_lose_a_row_or_column_and_nothing_else() -> None:
    assert rgb_to_i420(np.zeros((101, 51, 3), dtype=np.uint8)).shape == (150, 50)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((640, 480), (640, 480)),
        ((1280, 720), (640, 360)),
        ((720, 1280), (360, 640)),
        ((641, 3), (640, 2)),
        ((16, 16), (16, 16)),
    ],
)
def test_large_camera_pictures_are_fitted(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fitted_size(*size, 640) == fitted


def test_the_marker_strip_is_carried_over_and_the_rest_is_not() -> None:
    driving = np.full((480, 640, 3), 10, dtype=np.uint8)
    driving[:30, 320:] = 250
    rendered = np.full((512, 512, 3), 99, dtype=np.uint8)
    marked = copy_strip(top_strip(driving), rendered)
    assert (marked[:32, :250] == 10).all()
    assert (marked[:32, 262:] == 250).all()
    assert (marked[32:] == 99).all()
    assert (rendered == 99).all(), "animators may keep their picture"
