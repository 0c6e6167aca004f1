"""Pictures as users give them: format by content, size limits, plain pixels or a clear refusal.

Knows file bytes and pixel arrays; decodes nothing itself (`sandbox` does, in another process) and
knows nothing of faces. Shape legend: H, W pixels; 3 colour components.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from avatar.errors import PictureError, PictureReason
from avatar.frames import ByteArray

PictureSource = bytes | Path
"""A picture file's bytes, or where it lies."""

_REMEDY = "Use a JPEG, PNG or WebP picture."


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """What one picture may cost."""

    max_bytes: int = 10 * 1024 * 1024
    """File size."""
    max_pixels: int = 64_000_000
    """Width x height as the header claims it, checked before anything is decoded."""
    max_side_px: int = 3072
    """Larger pictures are reduced to this while decoding."""
    memory_bytes: int = 1024 * 1024 * 1024
    """Address space of the decoding process."""
    cpu_s: int = 10
    """Processor seconds of the decoding process."""
    wall_s: float = 90.0
    """Seconds until the decoding process is ended."""


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """Plain upright pixels of one picture."""

    name: str
    """What to call it in messages: the file's name, or 'picture 2'."""
    rgb_HW3: ByteArray
    """Where the picture is transparent, the colours are as stored."""
    alpha_HW: ByteArray | None
    """Coverage, 255 inside; None where the picture is opaque."""
    notes: tuple[str, ...] = ()
    """Sentences about the file worth telling."""


def picture_name(source: PictureSource, index: int) -> str:
    """Name for messages; uploads have only their place in the row."""
    return source.name if isinstance(source, Path) else f"picture {index + 1}"


def read_bytes(source: PictureSource, name: str, limits: PictureLimits) -> bytes:
    """Return the file's bytes after checks of size and kind; raises PictureError."""
    if isinstance(source, Path):
        try:
            size = source.stat().st_size
            data = source.read_bytes() if size <= limits.max_bytes else b""
        except OSError as error:
            raise PictureError(
                PictureReason.UNREADABLE, f"{source}: cannot be read ({error.strerror})."
            ) from error
    else:
        data, size = source, len(source)
    if size == 0:
        raise PictureError(PictureReason.UNREADABLE, f"{name} is empty. {_REMEDY}")
    if size > limits.max_bytes:
        raise PictureError(
            PictureReason.TOO_LARGE,
            f"{name} has {size / 2**20:.1f} MB; at most {limits.max_bytes / 2**20:.0f} MB are read."
            " Save it smaller.",
        )
    kind = sniff(data)
    if kind not in ("JPEG", "PNG", "WebP"):
        what = f"looks like {kind}, which is not read" if kind else "is not a picture file"
        raise PictureError(PictureReason.UNSUPPORTED_FORMAT, f"{name} {what}. {_REMEDY}")
    return data


def sniff(data: bytes) -> str | None:
    """Name the kind of file by its first bytes, whatever its name ends in; None if unknown."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in (b"avif", b"avis"):
            return "an AVIF"
        return "a HEIC" if brand[:3] in (b"hei", b"hev", b"mif") else "a video"
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    return None


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "a GIF"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"BM", "a BMP"),
    (b"%PDF", "a PDF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (b"<svg", "a SVG"),
    (b"<?xml", "an SVG or XML file"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"RIFF", "an AVI or WAV"),
    (b"ID3", "a sound"),
)
