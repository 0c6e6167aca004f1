"""The sandboxed process that decodes one hostile-until-proven-otherwise picture.

Started by `avatar.character.sandbox` as a plain script: reads the file's bytes from stdin, writes
one JSON line and then raw pixels to stdout. Imports the standard library and Pillow, nothing of
ours, so that it starts in a tenth of a second and has little to attack. Knows nothing of faces.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

MIN_SIDE_PX = 64


class Refusal(Exception):
    """The picture cannot be used: a reason word and a sentence that completes 'The picture ...'."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def limit_resources(memory_bytes: int, cpu_s: int) -> None:
    """Bound memory and processor time; no core dumps, no file writing."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


def decode(data: bytes, max_pixels: int, max_side_px: int) -> tuple[Image.Image, dict[str, Any]]:
    """Return the upright 8-bit RGB or RGBA picture and what was noticed about it."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # our own check follows, before any pixel is decoded
    notes: list[str] = []
    picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP"))
    width, height = picture.size
    if width * height > max_pixels:
        raise Refusal(
            "too_large",
            f"has {width} x {height} pixels; at most {max_pixels // 1_000_000} million are read. "
            "Scale it down.",
        )
    if min(width, height) < MIN_SIDE_PX:
        raise Refusal(
            "too_small",
            f"is only {width} x {height} pixels. Use one of at least 256 x 256.",
        )
    # An MPO is a JPEG with a depth or gain map behind it, as phones write them: not an animation.
    if picture.format in ("PNG", "WEBP") and getattr(picture, "n_frames", 1) > 1:
        raise Refusal("animated", "is animated. Use a still picture (save one frame of it).")
    if picture.format in ("JPEG", "MPO"):
        picture.draft("RGB", (max_side_px, max_side_px))  # decodes at 1/2, 1/4 or 1/8 if it can
    picture.load()
    upright = _upright(picture, notes)
    plain = _eight_bit(_to_srgb(upright))
    if max(plain.size) > max_side_px:
        plain.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS)
    return plain, {"source_size": [width, height], "notes": notes}


def _upright(picture: Image.Image, notes: list[str]) -> Image.Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # boundary: a damaged EXIF block raises anything, the pixels are still good
        notes.append("The EXIF data is damaged; the orientation was taken as it is stored.")
        return picture


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Colours of a wide-gamut or CMYK profile brought to sRGB; as they are where that fails."""
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "CMYK"):
        return picture
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture  # a damaged profile: the usual meaning of the numbers is the best guess
    return converted or picture


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Any Pillow mode as RGB or, where there is transparency, RGBA."""
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits and more: keep the top 8
        wide = picture.convert("F")
        peak = 1.0 if picture.mode == "F" else 257.0
        picture = wide.point(lambda value: value * (1.0 / peak) + 0.0).convert("L")
    has_alpha = picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info
    return picture.convert("RGBA" if has_alpha else "RGB")


def main(arguments: list[str]) -> None:
    """`decode_worker.py MAX_PIXELS MAX_SIDE_PX MEMORY_BYTES CPU_S` with the file on stdin."""
    max_pixels, max_side_px, memory_bytes, cpu_s = (int(value) for value in arguments)
    data = sys.stdin.buffer.read()
    limit_resources(memory_bytes, cpu_s)
    pixels = b""
    try:
        picture, answer = decode(data, max_pixels, max_side_px)
        pixels = picture.tobytes()
        answer |= {"size": list(picture.size), "mode": picture.mode}
    except Refusal as refusal:
        answer = {"reason": refusal.reason, "message": str(refusal)}
    except MemoryError:
        answer = {"reason": "too_large", "message": "needs too much memory to decode."}
    except Exception as error:  # boundary: whatever a decoder raises, the file is unreadable
        detail = str(error)[:200]
        if detail.startswith("cannot identify"):  # Pillow prints the address of its buffer here
            detail = "its header makes no sense"
        answer = {"reason": "unreadable", "message": "is damaged", "detail": detail}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + pixels)


if __name__ == "__main__":
    main(sys.argv[1:])
