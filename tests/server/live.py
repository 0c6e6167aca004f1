"""A real server in this loop with a builder that invents characters, and a peer to call it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from avatar.character.character import Character, Framing, ReferenceView
from avatar.errors import PictureReason
from avatar.frames import NUM_LANDMARKS, ReferenceGeometry
from server.builder_process import (
    Answer,
    Built,
    GalleryItem,
    Job,
    ListGallery,
    OpenGalleryItem,
    Refused,
)
from server.config import ListenSection, ServeConfig
from server.ice_addresses import gather_at
from server.packed_character import pack
from server.protocol import ServerMessage, parse_server_message
from server.serve import LiveServer

COLOURS = {"ada": (200, 60, 40), "bob": (40, 60, 200)}
CANVAS_PX = 256


def make_character(
    character_id: str,
    colour: tuple[int, int, int],
    canvas_hw: tuple[int, int] = (CANVAS_PX, CANVAS_PX),
) -> Character:
    """A character of one colour, its middle half covered: enough for copy and echo animators."""
    rgb = np.full((*canvas_hw, 3), colour, dtype=np.uint8)
    alpha = np.zeros(canvas_hw, dtype=np.uint8)
    alpha[canvas_hw[0] // 4 : -canvas_hw[0] // 4, canvas_hw[1] // 4 : -canvas_hw[1] // 4] = 255
    zeros = np.zeros((NUM_LANDMARKS, 3), dtype=np.float32)
    geometry = ReferenceGeometry(
        canvas_hw=canvas_hw,
        landmarks_N3=zeros,
        rotation_33=np.eye(3, dtype=np.float32),
        translation_2=np.zeros(2, dtype=np.float32),
        scale=1.0,
        shape_N3=zeros,
        gaze_22=np.zeros((2, 2), dtype=np.float32),
        lid_apertures_2=np.full(2, 0.3, dtype=np.float32),
        lip_aperture=0.0,
    )
    view = ReferenceView(rgb, rgb, alpha, geometry)
    return Character(
        id=character_id,
        name=character_id,
        framing=Framing.PORTRAIT,
        views=(view,),
        background_HW3=rgb,
        thumbnail_webp=b"RIFF....WEBP",
    )


class InventingBuilder:
    """Stands in for the builder process: characters of one colour, at once."""

    num_killed = 0

    def __init__(self, canvas_hw: Mapping[str, tuple[int, int]] | None = None) -> None:
        self.jobs: list[Job] = []
        self.canvas_hw = canvas_hw or {}

    async def work(self, job: Job) -> Answer:
        self.jobs.append(job)
        if isinstance(job, ListGallery):
            return tuple(
                GalleryItem(name, name.title(), "", "test", "portrait", b"RIFF....WEBP")
                for name in COLOURS
            )
        if isinstance(job, OpenGalleryItem):
            return _built(job.id, COLOURS[job.id], self.canvas_hw.get(job.id))
        if job.pictures[0].startswith(b"no face"):
            return Refused(PictureReason.NO_FACE.value, "No face was found in the picture.")
        return _built(job.id, (90, 90, 90))

    async def stop(self) -> None:
        pass


def _built(
    character_id: str, colour: tuple[int, int, int], canvas_hw: tuple[int, int] | None = None
) -> Built:
    character = make_character(character_id, colour, canvas_hw or (CANVAS_PX, CANVAS_PX))
    return Built(
        id=character_id,
        name=character.name,
        description="",
        style="test",
        framing="portrait",
        thumbnail_webp=b"RIFF....WEBP",
        notes=("A note.",),
        character=pack(character),
    )


@asynccontextmanager
async def running_server(
    config: ServeConfig | None = None,
    *,
    animator: str = "echo",
    token: str | None = None,
    web_folder: Path | None = None,
    is_ready: bool = True,
    builder: InventingBuilder | None = None,
) -> AsyncIterator[LiveServer]:
    """A server on a free port of the loopback interface."""
    config = config or ServeConfig()
    listen = replace(config.listen, port=0)
    engine = replace(config.engine, animator=animator)  # type: ignore[arg-type]
    config = replace(config, listen=listen, engine=engine)
    named: dict[str, Any] = {} if web_folder is None else {"web_folder": web_folder}
    server = LiveServer(config, token, builder=builder or InventingBuilder(), **named)
    await server.start()
    try:
        if is_ready:
            await until(lambda: server.engine.state.value == "ready", "the engine is ready", 60.0)
        yield server
    finally:
        await server.stop()


async def until(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Wait for a condition; fails the test in words."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain until {what}"
        await asyncio.sleep(0.02)


class Camera(MediaStreamTrack):  # type: ignore[misc]
    """Pictures whose grey level counts up: what comes back can be recognised."""

    kind = "video"

    def __init__(self, *, size: tuple[int, int] = (256, 256), fps: float = 25.0) -> None:
        super().__init__()
        self.size = size
        self.num_sent = 0
        self.is_frozen = False
        self._period_s = 1 / fps
        self._next_s: float | None = None

    async def recv(self) -> av.VideoFrame:
        loop = asyncio.get_running_loop()
        self._next_s = (self._next_s or loop.time()) + self._period_s
        await asyncio.sleep(max(0.0, self._next_s - loop.time()))
        while self.is_frozen:
            await asyncio.sleep(0.05)
            self._next_s = loop.time()
        self.num_sent += 1
        width, height = self.size
        rgb = np.full((height, width, 3), 40 + 4 * (self.num_sent % 40), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.pts = round(loop.time() * 90_000)
        frame.time_base = Fraction(1, 90_000)
        return frame


class Microphone(MediaStreamTrack):  # type: ignore[misc]
    """A 440 Hz tone."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._start_s: float | None = None

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        if self._start_s is None:
            self._start_s = loop.time()
        due_s = self._start_s + self._count / 48_000
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        phase = 2 * np.pi * 440 / 48_000 * (self._count + np.arange(960))
        pcm = (np.sin(phase) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.pts = self._count
        frame.time_base = Fraction(1, 48_000)
        self._count += 960
        return frame


class Caller:
    """A peer that behaves like the page: two tracks and the control channel."""

    def __init__(self, *, camera: Camera | None = None) -> None:
        self.camera = camera or Camera()
        self.pc = RTCPeerConnection()
        self.pc.addTrack(self.camera)
        self.pc.addTrack(Microphone())
        self.channel = self.pc.createDataChannel("control")
        self.messages: list[ServerMessage] = []
        self.pictures: list[tuple[float, np.ndarray]] = []
        self.sound: list[tuple[float, np.ndarray]] = []
        self.session_id = ""
        self.headers: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.channel.on("message", lambda text: self.messages.append(parse_server_message(text)))
        self.pc.on("track", self._on_track)

    def _on_track(self, track: Any) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._consume(track)))

    async def _consume(self, track: Any) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self.pictures.append((loop.time(), frame.to_ndarray(format="rgb24")))
                    del self.pictures[:-500]
                else:
                    self.sound.append((loop.time(), frame.to_ndarray()))
                    del self.sound[:-2000]
        except MediaStreamError:
            pass

    async def offer(self, **changes: Any) -> dict[str, Any]:
        """Body of POST /api/sessions."""
        if self.pc.localDescription is None:
            offer = await self.pc.createOffer()
            for transport in self.pc._RTCPeerConnection__iceTransports:
                gather_at(transport._connection, ["127.0.0.1"])
            await self.pc.setLocalDescription(offer)
        sdp = self.pc.localDescription.sdp
        return {"sdp": sdp, "type": "offer", "character": "ada", **changes}

    async def call(self, server: LiveServer, **changes: Any) -> int:
        """Begin a session; returns the HTTP status."""
        body = await self.offer(**changes)
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"http://127.0.0.1:{server.port}/api/sessions", json=body) as reply,
        ):
            self.headers = dict(reply.headers)
            answer = await reply.json()
            if reply.status == 201:
                self.session_id = answer["id"]
                description = RTCSessionDescription(answer["sdp"], answer["type"])
                await self.pc.setRemoteDescription(description)
            return reply.status

    def say(self, **message: Any) -> None:
        """Send on the control channel."""
        self.channel.send(json.dumps(message))

    def heard(self, kind: type[Any]) -> list[Any]:
        """Messages of a kind so far."""
        return [message for message in self.messages if isinstance(message, kind)]

    def vanish(self) -> None:
        """Send nothing any more and say nothing about it, as a machine that lost its network."""

        async def swallow(data: bytes) -> None:
            return None

        for transport in self.pc._RTCPeerConnection__iceTransports:
            transport._send = swallow
            transport._connection.send = swallow
            for protocol in transport._connection._protocols:
                protocol.transport.sendto = lambda *_: None

    async def close(self) -> None:
        """Hang up."""
        await self.pc.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def calling(server: LiveServer, **changes: Any) -> AsyncIterator[Caller]:
    """A caller whose session is live: pictures come back."""
    caller = Caller()
    try:
        assert await caller.call(server, **changes) == 201
        await until(lambda: caller.pictures and caller.messages, "pictures and words come back")
        yield caller
    finally:
        await caller.close()


__all__ = ["COLOURS", "Caller", "Camera", "ListenSection", "calling", "running_server", "until"]
