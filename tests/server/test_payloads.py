"""What real encoders write is read rightly: frame starts and keyframes."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from server.config import VideoSection
from server.encoder import SteadyEncoder
from server.payloads import describe_payload


def _payloads(codec: str, num_frames: int) -> list[list[bytes]]:
    encoder = SteadyEncoder(codec, VideoSection(), keyframe_interval_s=0.3)
    generator = np.random.default_rng(0)
    frames = []
    for index in range(num_frames):
        noise = generator.integers(0, 255, (384, 256), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(noise, format="yuv420p")
        frame.pts, frame.time_base = 3600 * index, Fraction(1, 90_000)
        frames.append(encoder.encode(frame)[0])
    return frames


def test_vp8_says_where_frames_begin_and_which_are_keys() -> None:
    for index, payloads in enumerate(_payloads("VP8", 4)):
        for place, payload in enumerate(payloads):
            is_first, is_key = describe_payload("VP8", payload)
            assert is_first == (place == 0)
            assert is_key == (place == 0 and index == 0)


def test_h264_keyframes_are_known_by_their_first_packet() -> None:
    for index, payloads in enumerate(_payloads("H264", 4)):
        is_first, is_key = describe_payload("H264", payloads[0])
        assert is_first is None
        assert is_key == (index == 0)


@pytest.mark.parametrize("codec", ["VP8", "H264", "opus"])
@pytest.mark.parametrize(
    "payload", [b"", b"\x90", b"\x90\x80", b"\x90\xf0\x80", b"\x78\x00", b"\x7c"]
)
def test_stumps_of_payloads_do_no_harm(codec: str, payload: bytes) -> None:
    describe_payload(codec, payload)
