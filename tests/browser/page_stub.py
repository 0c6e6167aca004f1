"""A stand-in for the server: serves client/web under the real CSP, and an API that does as told.

Knows HTTP and an echoing peer; knows nothing of engines. What the page must survive is switched on
through `StubServer.session_replies` and the other fields.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web
from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.contrib.media import MediaRelay
from PIL import Image, ImageDraw

from server.security import HEADERS

WEB = Path(__file__).resolve().parents[2] / "client" / "web"
NAMES = ("Mira", "Joon", "Alma", "Tomás", "Ines", "Kofi", "Robo", "Old Weatherby-Featherstone")


def thumbnail(seed: int) -> bytes:
    """A drawn face, enough to tell characters apart (no picture of anyone)."""
    hue = (seed * 47) % 256
    image = Image.new("HSV", (256, 256), (hue, 70, 225)).convert("RGB")
    draw = ImageDraw.Draw(image)
    skin = [(240, 208, 180), (198, 142, 104), (122, 82, 58), (160, 190, 160)][seed % 4]
    draw.ellipse((20, 190, 236, 400), fill=(60 + seed * 12, 70, 120))
    draw.ellipse((74, 50, 182, 200), fill=skin)
    draw.pieslice((70, 38, 186, 160), 180, 360, fill=(50, 34, 30 + seed * 20))
    for x in (106, 150):
        draw.ellipse((x - 9, 112, x + 9, 126), fill="white")
        draw.ellipse((x - 4, 115, x + 4, 123), fill="black")
    draw.arc((108, 140, 148, 172), 20, 160, fill=(150, 60, 60), width=4)
    out = io.BytesIO()
    image.save(out, "WEBP")
    return out.getvalue()


@dataclass
class StubServer:
    """What the fake server answers; tests change the fields while it runs."""

    num_characters: int = 8
    is_probe_allowed: bool = False
    tracking: str = "tracked"
    engine: str = "ready"
    config_status: int = 200
    session_replies: list[str] = field(default_factory=list)
    """One word per POST /api/sessions, then `ok`: ok | busy | silent | gone | error | garbage."""
    upload_reply: tuple[int, dict[str, Any]] | None = None
    upload_gate: asyncio.Event | None = None
    offers: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    playouts: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[list[str]] = field(default_factory=list)
    byes: list[str] = field(default_factory=list)
    peers: list[RTCPeerConnection] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    channels: list[Any] = field(default_factory=list)
    url: str = ""
    num_uploaded: int = 0
    uploaded_name: str = ""
    on_say: Callable[[Any, dict[str, Any]], None] | None = None

    def application(self) -> web.Application:
        app = web.Application(middlewares=[_headers], client_max_size=2**24)
        app.router.add_get("/", self._index)
        app.router.add_static("/web", WEB)
        app.router.add_get("/api/config", self._config)
        app.router.add_get("/api/characters", self._characters)
        app.router.add_get("/api/characters/{id}/thumbnail", self._thumbnail)
        app.router.add_post("/api/characters", self._upload)
        app.router.add_post("/api/sessions", self._session)
        app.router.add_delete("/api/sessions/{id}", self._bye)
        app.router.add_post("/api/sessions/{id}/bye", self._bye)
        return app

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.hang_up()

    async def hang_up(self) -> None:
        """Every call breaks, as when the server's network goes away."""
        peers, self.peers = self.peers, []
        await asyncio.gather(*(pc.close() for pc in peers))

    def say(self, message: dict[str, Any]) -> None:
        """Say something on the newest data channel."""
        self.channels[-1].send(json.dumps(message))

    async def _index(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(WEB / "index.html")

    async def _config(self, request: web.Request) -> web.Response:
        if self.config_status != 200:
            return _error(self.config_status, "unauthorized", "A token is needed.")
        return web.json_response(
            {
                "version": "0.1.0",
                "protocol": 1,
                "max_sessions": 2,
                "fps": 25.0,
                "limits": {
                    "picture_bytes": 10 * 2**20,
                    "pictures_per_character": 4,
                    "message_bytes": 65536,
                    "sdp_bytes": 65536,
                },
                "ice": [],
                "is_probe_allowed": self.is_probe_allowed,
                "heartbeat_interval_s": 0.5,
                "heartbeat_timeout_s": 2.0,
            }
        )

    async def _characters(self, request: web.Request) -> web.Response:
        names = NAMES[: self.num_characters]
        return web.json_response([_info(f"c{i}", name) for i, name in enumerate(names)])

    async def _thumbnail(self, request: web.Request) -> web.Response:
        seed = sum(request.match_info["id"].encode())
        return web.Response(body=thumbnail(seed), content_type="image/webp")

    async def _upload(self, request: web.Request) -> web.Response:
        reader = await request.multipart()
        names = []
        while part := await reader.next():
            assert isinstance(part, BodyPartReader)
            content = await part.read()
            if part.name == "name":
                self.uploaded_name = content.decode()
            else:
                assert part.name == "picture"
                names.append(str(part.filename))
        self.uploads.append(names)
        if self.upload_gate is not None:
            await self.upload_gate.wait()
        if self.upload_reply is not None:
            status, body = self.upload_reply
            return web.json_response(body, status=status)
        self.num_uploaded += 1
        info = _info(f"u{self.num_uploaded}", "Your picture")
        info |= {"is_uploaded": True, "notes": ["The face was turned upright."]}
        return web.json_response(info, status=201)

    async def _session(self, request: web.Request) -> web.Response:
        offer = await request.json()
        reply = self.session_replies.pop(0) if self.session_replies else "ok"
        if reply == "busy":
            response = _error(503, "busy", "All places are taken.")
            response.headers["Retry-After"] = "2"
            return response
        if reply == "gone":
            return _error(404, "unknown_character", "There is no such character.")
        if reply == "error":
            return _error(500, "internal", "Something broke.")
        self.offers.append(offer)
        if reply == "garbage":
            return web.json_response(
                {"id": "s0", "sdp": "v=nonsense", "type": "answer"}, status=201
            )
        if reply == "silent":
            await asyncio.sleep(60)
        return await self._answer(offer)

    async def _answer(self, offer: dict[str, Any]) -> web.Response:
        pc = RTCPeerConnection()
        self.peers.append(pc)
        session = f"s{len(self.offers)}"

        def on_track(track: Any) -> None:
            has_camera = "camera" in offer["settings"]["sources"].values()
            if track.kind == "video" and not has_camera:
                pc.addTrack(VideoStreamTrack())  # a character that lives without a camera
            else:
                pc.addTrack(MediaRelay().subscribe(track, buffered=False))

        def on_channel(channel: Any) -> None:
            self.channels.append(channel)
            channel.on("message", lambda text: self._hear(channel, json.loads(text)))
            self.tasks.append(asyncio.ensure_future(self._talk(channel, session, offer)))

        pc.on("track", on_track)
        pc.on("datachannel", on_channel)
        await pc.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        return web.json_response(
            {"id": session, "sdp": pc.localDescription.sdp, "type": "answer"}, status=201
        )

    def _hear(self, channel: Any, message: dict[str, Any]) -> None:
        if message["type"] == "heartbeat":
            channel.send(json.dumps(message))
            return
        if message["type"] == "playout":  # said every second by itself
            self.playouts.append(message)
            return
        self.heard.append(message)
        if self.on_say is not None:
            self.on_say(channel, message)

    async def _talk(self, channel: Any, session: str, offer: dict[str, Any]) -> None:
        hello = {
            "type": "hello",
            "protocol": 1,
            "session": session,
            "character": offer["character"],
            "fps": 25.0,
            "heartbeat_interval_s": 0.5,
            "heartbeat_timeout_s": 2.0,
            "is_probe": self.is_probe_allowed and offer["probe"],
        }
        channel.send(json.dumps(hello))
        drawing = {"renderer": "neural", "reason": "The model takes 12 ms per picture here."}
        channel.send(json.dumps({"type": "drawing", **drawing}))
        while channel.readyState == "open":
            channel.send(json.dumps(self._stats()))
            await asyncio.sleep(0.5)

    def _stats(self) -> dict[str, Any]:
        stage = {"p50_ms": 9.1, "p95_ms": 14.6}
        names = ("receive", "to_engine", "motion", "render", "to_sender", "encode", "server")
        return {
            "type": "stats",
            "state": "live",
            "engine": self.engine,
            "tracking": self.tracking,
            "fps_in": 29.8,
            "fps_engine": 25.0,
            "fps_out": 25.0,
            "stages": dict.fromkeys(names, stage),
            "drops": {"decode": 0, "to_engine": 3, "to_sender": 0},
            "counts": {"sent": 1200, "held": 4, "nack": 0, "pli": 1, "bad_message": 0},
            "bitrate_in_bps": 900000.0,
            "bitrate_out_bps": 1100000.0,
            "voice_delay_ms": 42.0,
            "picture_hold_ms": 12.5,
            "voice_skew_ms": 7.0,
            "round_trip_ms": None,
            "frames": [],
        }

    async def _bye(self, request: web.Request) -> web.Response:
        self.byes.append(f"{request.method} {request.match_info['id']}")
        return web.Response(status=204)


def _info(character_id: str, name: str) -> dict[str, Any]:
    return {
        "id": character_id,
        "name": name,
        "description": "A drawn stand-in for the tests.",
        "style": "drawn",
        "framing": "portrait",
        "thumbnail_url": f"/api/characters/{character_id}/thumbnail",
        "is_uploaded": False,
        "notes": [],
    }


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


@web.middleware
async def _headers(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    response.headers.update(HEADERS)
    return response
