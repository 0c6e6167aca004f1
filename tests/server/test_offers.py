"""What a stranger may write in an offer."""

from __future__ import annotations

import pytest

from avatar.errors import SessionError
from server.offers import MAX_CANDIDATES, PLACEHOLDER, clean_offer

HEAD = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96"


def _offer(*candidates: str, media: tuple[str, ...] = (VIDEO,)) -> str:
    return "\r\n".join([*HEAD, *media, *candidates, ""])


def _candidate(address: str, *, protocol: str = "udp") -> str:
    return f"a=candidate:1 1 {protocol} 2113937151 {address} 50000 typ host"


@pytest.mark.parametrize("address", ["192.168.1.7", "127.0.0.1", "2001:db8::1", "8.8.8.8"])
def test_plain_addresses_stay(address: str) -> None:
    assert _candidate(address) in clean_offer(_offer(_candidate(address)))


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "3f2a.local", "example.com", "1.2.3"],
)
def test_unreachable_link_local_and_named_candidates_go(address: str) -> None:
    cleaned = clean_offer(_offer(_candidate(address)))
    assert address not in cleaned.replace("IN IP4 0.0.0.0", "")
    assert PLACEHOLDER in cleaned, "the browser's own checks can still tell its address"


def test_tcp_candidates_go() -> None:
    kept = _candidate("192.168.1.7")
    cleaned = clean_offer(_offer(kept, _candidate("192.168.1.7", protocol="tcp")))
    assert cleaned.count("a=candidate") == 1


@pytest.mark.parametrize(
    ("sdp", "said"),
    [
        ("", "not an SDP"),
        ("hello", "not an SDP"),
        ("\r\n".join([*HEAD, "m=audio 9 UDP/TLS/RTP/SAVPF 111"]), "no video"),
        (_offer(media=(VIDEO, VIDEO)), "one audio"),
        (_offer(media=(VIDEO, "m=text 9 x 1")), "one audio"),
        (_offer(*[_candidate("10.0.0.1")] * (MAX_CANDIDATES + 1)), "candidates"),
        (_offer("a=" + "x" * 3000), "too long"),
        ("v=0\n" * 2000, "too long"),
    ],
)
def test_other_offers_are_refused_with_a_reason(sdp: str, said: str) -> None:
    with pytest.raises(SessionError, match=said) as caught:
        clean_offer(sdp)
    assert caught.value.status == 400
