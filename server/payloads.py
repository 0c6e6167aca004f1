"""What one RTP payload tells about its frame: does it begin one, does it belong to a keyframe?

VP8: RFC 7741. H264: RFC 6184. Knows bytes; does not know sequence numbers.
"""

from __future__ import annotations

_NAL_IDR = 5
_NAL_SPS = 7
_STAP_A = 24
_FU_A = 28


def describe_payload(codec_name: str, payload: bytes) -> tuple[bool | None, bool]:
    """(begins a frame: None where the format does not say, keyframe) of a payload."""
    if not payload:
        return None, False
    if codec_name.upper() == "VP8":
        return _vp8(payload)
    if codec_name.upper() == "H264":
        return None, _h264_is_key(payload)
    return True, True


def _vp8(payload: bytes) -> tuple[bool, bool]:
    is_first = bool(payload[0] & 0x10) and payload[0] & 0x07 == 0
    at = 1
    if payload[0] & 0x80 and len(payload) > 1:
        extension, at = payload[1], 2
        if extension & 0x80 and len(payload) > at:  # picture id, 7 or 15 bits
            at += 2 if payload[at] & 0x80 else 1
        if extension & 0x40:
            at += 1
        if extension & 0x30:
            at += 1
    is_key = is_first and len(payload) > at and payload[at] & 0x01 == 0
    return is_first, is_key


def _h264_is_key(payload: bytes) -> bool:
    kind = payload[0] & 0x1F
    if kind in (_NAL_IDR, _NAL_SPS):
        return True
    if kind == _FU_A:
        return len(payload) > 1 and payload[1] & 0x1F in (_NAL_IDR, _NAL_SPS)
    if kind == _STAP_A:
        at = 1
        while at + 2 < len(payload):
            if payload[at + 2] & 0x1F in (_NAL_IDR, _NAL_SPS):
                return True
            at += 2 + int.from_bytes(payload[at : at + 2], "big")
    return False
