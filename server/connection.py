"""What every WebRTC connection of this server begins with: candidates, codecs, a look at the SDP.

The one place where an RTCPeerConnection is made. Knows aiortc and the configuration; does not know
tracks, data channels, or who is at the other end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpsender import RTCRtpSender

from avatar.errors import SessionError
from server.config import ServeConfig
from server.ice_addresses import gather_at, meeting_addresses, own_addresses
from server.impairment import Impairment
from server.offers import clean_offer

logger = logging.getLogger(__name__)

_MOST_MEDIA_SECTIONS = 2


def new_connection(config: ServeConfig) -> RTCPeerConnection:
    """A connection that knows the configured ICE servers."""
    ice = config.ice
    servers = [RTCIceServer(list(ice.urls), ice.username, ice.credential)] if ice.urls else []
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


async def answer_offer(
    connection: RTCPeerConnection,
    offer_sdp: str,
    config: ServeConfig,
    *,
    on_understood: Callable[[str], None],
) -> str:
    """The answer to an offer; `on_understood` gets its SDP between the two descriptions.

    Raises SessionError: 400 where the offer cannot be used, 503 where no port is left.
    """
    cleaned = clean_offer(offer_sdp)
    try:
        await connection.setRemoteDescription(RTCSessionDescription(cleaned, "offer"))
        if len(connection.getTransceivers()) > _MOST_MEDIA_SECTIONS:
            raise SessionError(400, "The offer has too many media sections.")
        on_understood(cleaned)
        await connection.setLocalDescription(await connection.createAnswer())
    except SessionError:
        raise
    except Exception as error:  # boundary: aiortc's parser fails in many ways on bad SDP
        logger.info("offer refused: %s", type(error).__name__)
        raise SessionError(400, "The offer could not be understood.") from error
    answer: str = connection.localDescription.sdp
    if "a=candidate:" not in answer:
        logger.error("no UDP port could be bound for a session (see ice.ports)")
        message = "The server has no network port left for this session."
        raise SessionError(503, message, retry_after_s=config.sessions.retry_after_s)
    return answer


def prepare_transports(
    connection: RTCPeerConnection, config: ServeConfig, offer_sdp: str
) -> tuple[Impairment, ...]:
    """Candidates as configured, and the losses of a test; to be called before the answer."""
    addresses = list(config.ice.addresses)
    is_private = not addresses and config.listen.is_loopback
    if is_private:
        addresses = meeting_addresses(offer_sdp)
    heard_from = own_addresses() if is_private else None
    impairments: tuple[Impairment, ...] = ()
    for transport in connection._RTCPeerConnection__iceTransports:
        if config.impairment.is_on:
            impairments = (
                Impairment(config.impairment, seed=1),
                Impairment(config.impairment, seed=2),
            )
            transport._send = impairments[0].sending(transport._send)
            transport._recv = impairments[1].receiving(transport._recv)
        if addresses:
            gather_at(transport._connection, addresses, heard_from=heard_from)
    return impairments


def video_codecs(preferred: str) -> list[Any]:
    """What aiortc can send, the preferred codec first."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    wanted = f"video/{preferred}".lower()
    return sorted(codecs, key=lambda codec: codec.mimeType.lower() != wanted)


def audio_codecs() -> list[Any]:
    """Opus and nothing else."""
    codecs = RTCRtpSender.getCapabilities("audio").codecs
    return [codec for codec in codecs if codec.mimeType.lower() == "audio/opus"]
