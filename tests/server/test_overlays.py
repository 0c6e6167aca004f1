"""Looking on without the background: who may, what is cut out, and when it ends."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from server import protocol
from server.config import ListenSection, ServeConfig
from server.ice_addresses import gather_at
from server.overlays import MAX_OVERLAYS, _Tap
from server.picture_formats import i420_to_rgb, rgb_to_i420_over_alpha
from server.serve import LiveServer
from tests.server.live import CANVAS_PX, COLOURS, calling, running_server

KEY = "00112233445566778899aabbccddeeff"
CONFIG = ServeConfig(listen=ListenSection(requests_per_minute=6000.0))


class _Onlooker:
    """A viewer that keeps the newest picture."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection()
        self.pc.addTransceiver("video", direction="recvonly")
        self.pc.addTransceiver("audio", direction="recvonly")

    async def offer(self) -> str:
        offer = await self.pc.createOffer()
        for transport in self.pc._RTCPeerConnection__iceTransports:
            gather_at(transport._connection, ["127.0.0.1"])
        await self.pc.setLocalDescription(offer)
        sdp: str = self.pc.localDescription.sdp
        return sdp

    async def take(self, answer_sdp: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))

    async def picture(self) -> np.ndarray[Any, Any]:
        (video,) = (r.track for r in self.pc.getReceivers() if r.track.kind == "video")
        rgb: np.ndarray[Any, Any] = (await video.recv()).to_ndarray(format="rgb24")
        return rgb


async def _post(server: LiveServer, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    url = f"http://127.0.0.1:{server.port}/api/overlays"
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as reply:
        return reply.status, await reply.json()


async def _is_live(server: LiveServer, key: str) -> bool:
    url = f"http://127.0.0.1:{server.port}/api/overlays/{key}"
    async with aiohttp.ClientSession() as http, http.get(url) as reply:
        return bool((await reply.json())["is_live"])


def test_colours_stand_above_their_coverage() -> None:
    rgb = np.full((16, 32, 3), (200, 60, 40), np.uint8)
    alpha = np.zeros((16, 32), np.uint8)
    alpha[:, 16:] = 255
    both = i420_to_rgb(rgb_to_i420_over_alpha(rgb, alpha))
    assert both.shape == (32, 32, 3)
    assert np.abs(both[:16].astype(int) - (200, 60, 40)).max() <= 4
    assert both[16:, :16].max() <= 1
    assert both[16:, 16:].min() >= 254


async def test_a_tap_keeps_the_newest_and_counts_what_it_dropped() -> None:
    tap = _Tap("video", 1)
    frames = [av.VideoFrame(16, 16, "yuv420p") for _ in range(3)]
    for pts, frame in enumerate(frames):
        frame.pts, frame.time_base = pts, Fraction(1, 90_000)
        tap.offer(frame)
    assert (await tap.recv()).pts == 2
    assert tap.num_dropped == 2


async def test_an_onlooker_sees_the_character_cut_out_until_the_session_ends() -> None:
    async with (
        running_server(CONFIG, animator="copy") as server,
        calling(server, overlay_key=KEY),
    ):
        assert not await _is_live(server, KEY[::-1])
        assert await _is_live(server, KEY)
        onlooker = _Onlooker()
        status, answer = await _post(
            server, {"sdp": await onlooker.offer(), "type": "offer", "key": KEY}
        )
        assert status == 201
        await onlooker.take(answer["sdp"])
        for _ in range(5):
            picture = await onlooker.picture()
        assert picture.shape == (2 * CANVAS_PX, CANVAS_PX, 3)
        colours, cover = picture[:CANVAS_PX].astype(int), picture[CANVAS_PX:].astype(int)
        middle = slice(CANVAS_PX // 2 - 20, CANVAS_PX // 2 + 20)
        assert np.abs(colours[middle, middle] - COLOURS["ada"]).max() <= 12
        assert cover[middle, middle].min() >= 240
        assert colours[:20, :20].max() <= 12
        assert cover[:20, :20].max() <= 12
        (session,) = server.table
        assert len(session.overlays) == 1
        await session.close("client")
        assert len(session.overlays) == 0
        assert not await _is_live(server, KEY)
        await onlooker.pc.close()


async def test_more_onlookers_than_allowed_push_the_oldest_out() -> None:
    async with (
        running_server(CONFIG, animator="copy") as server,
        calling(server, overlay_key=KEY),
    ):
        onlookers = [_Onlooker() for _ in range(MAX_OVERLAYS + 1)]
        for onlooker in onlookers:
            offer = {"sdp": await onlooker.offer(), "type": "offer", "key": KEY}
            status, answer = await _post(server, offer)
            assert status == 201
            await onlooker.take(answer["sdp"])
        (session,) = server.table
        assert len(session.overlays) == MAX_OVERLAYS
        assert (await onlookers[-1].picture()).shape[0] == 2 * CANVAS_PX
        for onlooker in onlookers:
            await onlooker.pc.close()


async def test_without_the_right_key_nobody_looks_on() -> None:
    async with (
        running_server(CONFIG, animator="copy") as server,
        calling(server, overlay_key=KEY),
    ):
        wrong = {"sdp": "v=0", "type": "offer", "key": KEY[::-1]}
        status, body = await _post(server, wrong)
        assert (status, body["error"]["code"]) == (409, "not_live")
        short = {"sdp": "v=0", "type": "offer", "key": "abc"}
        status, body = await _post(server, short)
        assert status == 400
        assert "overlay_key" in body["error"]["message"]
        broken = {"sdp": "v=0\r\nnonsense", "type": "offer", "key": KEY}
        status, body = await _post(server, broken)
        assert status == 400
        (session,) = server.table
        assert len(session.overlays) == 0


async def test_a_session_that_named_no_key_cannot_be_looked_at() -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.SessionOffer("v=0", "offer", "ada", overlay_key="short")
    async with running_server(CONFIG, animator="copy") as server, calling(server):
        assert not await _is_live(server, "None")
        assert not await _is_live(server, KEY)
