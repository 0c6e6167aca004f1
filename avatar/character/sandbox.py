"""Decoding in a process of its own: a hostile picture can exhaust or crash only that process.

Knows the worker's protocol (bytes in; a JSON line and pixels out) and turns every way in which it
can end into pixels or a PictureError. Does not know picture formats.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from avatar.character.picture import (
    DecodedPicture,
    PictureLimits,
    PictureSource,
    picture_name,
    read_bytes,
)
from avatar.errors import PictureError, PictureReason

_log = logging.getLogger(__name__)
_WORKER = Path(__file__).with_name("decode_worker.py")
_HEADER_LIMIT = 65536


def decode_picture(
    source: PictureSource, *, index: int = 0, limits: PictureLimits | None = None
) -> DecodedPicture:
    """Decode one picture file in a sandboxed process; takes about 0.2 s.

    Raises PictureError (unreadable, unsupported_format, animated, too_small, too_large, timeout).
    """
    limits = limits or PictureLimits()
    name = picture_name(source, index)
    data = read_bytes(source, name, limits)
    command = [sys.executable, "-I", str(_WORKER)]
    command += [str(limits.max_pixels), str(limits.max_side_px)]
    command += [str(limits.memory_bytes), str(limits.cpu_s)]
    try:
        # An empty environment: nothing of ours reaches a process that reads strangers' files.
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=limits.wall_s, env={}, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PictureError(
            PictureReason.TIMEOUT,
            f"{name} took longer than {limits.wall_s:.0f} s to decode. Save it anew, smaller.",
        ) from error
    if done.returncode != 0:
        _log.info("decoder of %s ended with %d", name, done.returncode)
        raise PictureError(
            PictureReason.UNREADABLE,
            f"{name} could not be decoded within the limits of memory and time. Save it anew.",
        )
    return _read_answer(name, done.stdout, limits)


def _read_answer(name: str, output: bytes, limits: PictureLimits) -> DecodedPicture:
    """Trust nothing that the worker says about sizes without checking it."""
    header, separator, pixels = output.partition(b"\n")
    assert separator, "the worker ends its header with a newline"
    assert len(header) < _HEADER_LIMIT, "the worker's header is short"
    answer: dict[str, Any] = json.loads(header)
    if "reason" in answer:
        message = str(answer["message"])
        if answer["reason"] == PictureReason.UNREADABLE:
            message += f" ({answer['detail']}). Save it anew or use another picture."
        raise PictureError(PictureReason(answer["reason"]), f"{name} {message}")
    width, height = answer["size"]
    num_channels = {"RGB": 3, "RGBA": 4}[answer["mode"]]
    assert 0 < width <= limits.max_side_px, "the worker reduces to the limit"
    assert 0 < height <= limits.max_side_px, "the worker reduces to the limit"
    assert len(pixels) == width * height * num_channels, "the worker sends every pixel"
    picture_HWC = np.frombuffer(pixels, np.uint8).reshape(height, width, num_channels)
    alpha_HW = None
    if num_channels == 4 and int(picture_HWC[..., 3].min()) < 255:
        alpha_HW = picture_HWC[..., 3].copy()
    return DecodedPicture(
        name=name,
        rgb_HW3=picture_HWC[..., :3].copy(),
        alpha_HW=alpha_HW,
        notes=tuple(answer["notes"]),
    )
