"""Offers from strangers: what may stand in an SDP before aiortc sees it.

Knows SDP's lines (RFC 8866) and ICE candidates (RFC 8839); does not know peers. Candidates that are
not plain reachable addresses are taken out: names are never resolved (mDNS floods, DNS traffic on
command), link-local addresses never contacted (cloud metadata services live there).
"""

from __future__ import annotations

import ipaddress

from avatar.errors import SessionError

MAX_LINES = 1500
MAX_LINE_CHARACTERS = 2000
MAX_CANDIDATES = 64
_KINDS = ("audio", "video", "application")
PLACEHOLDER = "a=candidate:1 1 udp 1 127.0.0.1 9 typ host"
"""Stands in where no candidate is left: the browser's own checks then tell its address."""


def clean_offer(sdp: str) -> str:
    """The offer without unusable candidates. Raises SessionError (400) saying what is wrong."""
    lines = sdp.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES or any(len(line) > MAX_LINE_CHARACTERS for line in lines):
        raise SessionError(400, "The offer is too long.")
    if not lines[0].startswith("v=0"):
        raise SessionError(400, "The offer is not an SDP.")
    kinds: list[str] = []
    cleaned: list[str] = []
    num_candidates = num_kept = 0
    for line in lines:
        if line.startswith("m="):
            kinds.append(line[2:].split(" ", 1)[0])
        if line.startswith("a=candidate:"):
            num_candidates += 1
            if not _is_usable(line):
                continue
            num_kept += 1
        cleaned.append(line)
    if num_candidates > MAX_CANDIDATES:
        raise SessionError(400, f"The offer has more than {MAX_CANDIDATES} candidates.")
    unknown = [kind for kind in kinds if kind not in _KINDS]
    if unknown or any(kinds.count(kind) > 1 for kind in _KINDS):
        raise SessionError(400, "The offer must have one audio, one video and one data section.")
    if "video" not in kinds:
        raise SessionError(400, "The offer has no video section.")
    if num_kept == 0:
        cleaned = _with_placeholder(cleaned)
    return "\r\n".join(cleaned)


def _is_usable(line: str) -> bool:
    parts = line.split()
    if len(parts) < 8 or parts[2].lower() != "udp":
        return False  # aioice speaks UDP only
    try:
        address = ipaddress.ip_address(parts[4])
        port = int(parts[5])
    except ValueError:
        return False
    return 0 < port < 65536 and not (
        address.is_link_local or address.is_multicast or address.is_unspecified
    )


def _with_placeholder(lines: list[str]) -> list[str]:
    result: list[str] = []
    for line in lines:
        result.append(line)
        if line.startswith("m="):
            result.append(PLACEHOLDER)
    return result
