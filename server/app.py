"""HTTP: the page, the characters, and the signalling of sessions.

Knows routes, sizes and status codes; does not know media. What each route takes and gives is
written in `server.protocol`. Bodies are read up to their limit and no further.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
from pathlib import Path
from typing import TypeVar

from aiohttp import BodyPartReader, web

from avatar.errors import SessionError
from server import protocol
from server.characters import CharacterRefused, CharacterStore
from server.config import ServeConfig
from server.engine import Engine
from server.metrics import CONTENT_TYPE, Metrics
from server.security import Gatekeeper, Handler, add_headers, error_response
from server.session_table import SessionTable
from server.speak import SpeakSocket

logger = logging.getLogger(__name__)

WEB_FOLDER = Path(__file__).resolve().parents[1] / "client" / "web"
MAX_NAME_CHARACTERS = 80
_OVERHEAD_BYTES = 64 * 1024
_OFFER_BYTES = protocol.MAX_SDP_BYTES + protocol.MAX_MESSAGE_BYTES

Offer = TypeVar("Offer", protocol.SessionOffer, protocol.OverlayOffer)


class LiveApp:
    """The routes over the parts that do the work."""

    def __init__(
        self,
        config: ServeConfig,
        token: str | None,
        table: SessionTable,
        characters: CharacterStore,
        engine: Engine,
        metrics: Metrics,
        *,
        web_folder: Path = WEB_FOLDER,
    ) -> None:
        self._config = config
        self._table = table
        self._characters = characters
        self._engine = engine
        self._metrics = metrics
        self._web_folder = web_folder
        self._gate = Gatekeeper(config.listen, token)

    def build(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._failures, self._gate.check])
        app.on_response_prepare.append(add_headers)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/overlay", self._overlay_page),
                web.get("/health", self._health),
                web.get("/metrics", self._show_metrics),
                web.get("/api/config", self._show_config),
                web.get("/speak", self._speak),
                web.get("/api/characters", self._list_characters),
                web.post("/api/characters", self._upload),
                web.get("/api/characters/{id}/thumbnail", self._thumbnail),
                web.post("/api/sessions", self._begin),
                web.delete("/api/sessions/{id}", self._end),
                web.post("/api/sessions/{id}/bye", self._end),
                web.get("/api/overlays/{key}", self._overlay_state),
                web.post("/api/overlays", self._begin_overlay),
            ]
        )
        if self._web_folder.is_dir():
            app.router.add_static("/web", self._web_folder, append_version=False)
        return app

    @web.middleware
    async def _failures(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every failure in the one form of failures, and counted."""
        try:
            response = await handler(request)
        except CharacterRefused as error:
            response = error_response(error.status, error.code, str(error))
        except SessionError as error:
            code = "busy" if error.status == 503 else "bad_request"
            response = error_response(
                error.status, code, str(error), retry_after_s=error.retry_after_s
            )
        except protocol.ProtocolError as error:
            status = 413 if error.code == "too_large" else 400
            response = error_response(status, error.code, str(error))
        except web.HTTPException as error:
            response = error_response(error.status, "http", error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # boundary: a bug of ours becomes a 500 without its inside
            logger.exception("%s %s failed", request.method, request.path)
            response = error_response(500, "internal", "Something went wrong in the server.")
        if response.status >= 400:
            self._metrics.http_refusals[str(response.status)] += 1
        return response

    # --- the page -------------------------------------------------------------------------------

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return self._page("index.html")

    async def _overlay_page(self, request: web.Request) -> web.StreamResponse:
        return self._page("overlay.html")

    def _page(self, name: str) -> web.StreamResponse:
        page = self._web_folder / name
        if not page.is_file():
            return error_response(404, "no_page", "The page is not part of this installation.")
        return web.FileResponse(page, headers={"Cache-Control": "no-cache"})

    async def _health(self, request: web.Request) -> web.Response:
        state = self._engine.state.value
        is_well = state in ("ready", "starting")
        body = {"status": "ok" if is_well else "degraded", "engine": state}
        drawing = self._engine.drawing
        if drawing is not None:
            body |= {"renderer": drawing.renderer, "drawing": drawing.reason}
        return web.json_response(body, status=200 if is_well else 503)

    async def _show_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def _show_config(self, request: web.Request) -> web.Response:
        config = self._config
        ice = config.ice
        servers = (protocol.IceServer(ice.urls, ice.username, ice.credential),) if ice.urls else ()
        reply = protocol.ServerConfig(
            version=importlib.metadata.version("liveactor"),
            protocol=protocol.PROTOCOL_VERSION,
            max_sessions=config.sessions.max_sessions,
            fps=config.video.fps,
            limits=protocol.Limits(
                picture_bytes=config.characters.picture_bytes,
                pictures_per_character=config.characters.pictures_per_character,
                message_bytes=protocol.MAX_MESSAGE_BYTES,
                sdp_bytes=protocol.MAX_SDP_BYTES,
            ),
            ice=servers,
            is_probe_allowed=config.is_probe_allowed,
            heartbeat_interval_s=protocol.HEARTBEAT_INTERVAL_S,
            heartbeat_timeout_s=config.sessions.silence_timeout_s,
        )
        return web.json_response(protocol.to_json(reply))

    # --- characters -----------------------------------------------------------------------------

    async def _list_characters(self, request: web.Request) -> web.Response:
        infos = await self._characters.infos()
        return web.json_response([protocol.to_json(info) for info in infos])

    async def _thumbnail(self, request: web.Request) -> web.Response:
        picture = self._characters.thumbnail(request.match_info["id"])
        headers = {"Cache-Control": "private, max-age=3600"}
        return web.Response(body=picture, content_type="image/webp", headers=headers)

    async def _upload(self, request: web.Request) -> web.Response:
        if (refusal := self._gate.spend(request)) is not None:
            return refusal
        if not request.content_type.startswith("multipart/form-data"):
            return error_response(415, "wrong_type", "Send the pictures as multipart/form-data.")
        section = self._config.characters
        most_bytes = section.picture_bytes * section.pictures_per_character + _OVERHEAD_BYTES
        if (request.content_length or 0) > most_bytes:
            return error_response(413, "too_large", "The pictures are too large together.")
        pictures: list[bytes] = []
        name = ""
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    return error_response(400, "bad_request", "Parts must not be nested.")
                if part.name == "picture":
                    if len(pictures) >= section.pictures_per_character:
                        return error_response(400, "bad_request", "Too many pictures.")
                    pictures.append(await _read_part(part, section.picture_bytes))
                elif part.name == "name":
                    text = await _read_part(part, 4 * MAX_NAME_CHARACTERS)
                    name = text.decode("utf-8", "replace").strip()[:MAX_NAME_CHARACTERS]
                else:
                    return error_response(400, "bad_request", "Unknown part in the form.")
        except ValueError:  # aiohttp's multipart parser
            return error_response(400, "bad_request", "The form could not be read.")
        info = await self._characters.add(tuple(pictures), name)
        location = {"Location": f"/api/characters/{info.id}"}
        return web.json_response(protocol.to_json(info), status=201, headers=location)

    # --- sessions -------------------------------------------------------------------------------

    async def _overlay_state(self, request: web.Request) -> web.Response:
        session = self._table.find_by_overlay_key(request.match_info["key"])
        reply = protocol.OverlayState(is_live=session is not None)
        return web.json_response(protocol.to_json(reply))

    async def _begin_overlay(self, request: web.Request) -> web.Response:
        """Somebody's own streaming program looks on (see `server.overlays`)."""
        if (refusal := self._offer_refusal(request)) is not None:
            return refusal
        offer = await _read_offer(request, protocol.OverlayOffer)
        session = self._table.find_by_overlay_key(offer.key)
        if session is None:
            return error_response(409, "not_live", "Nobody is live with this overlay key.")
        overlay_id, answer = await session.overlays.open(offer.sdp)
        reply = protocol.OverlayAnswer(overlay_id, answer)
        return web.json_response(protocol.to_json(reply), status=201)

    async def _begin(self, request: web.Request) -> web.Response:
        if (refusal := self._offer_refusal(request)) is not None:
            return refusal
        offer = await _read_offer(request, protocol.SessionOffer)
        session = self._table.reserve()
        answer = await session.begin(offer)
        location = {"Location": f"/api/sessions/{session.id}"}
        return web.json_response(protocol.to_json(answer), status=201, headers=location)

    def _offer_refusal(self, request: web.Request) -> web.Response | None:
        if (refusal := self._gate.spend(request)) is not None:
            return refusal
        if request.content_type != "application/json":
            return error_response(415, "wrong_type", "Send the offer as application/json.")
        return None

    async def _end(self, request: web.Request) -> web.Response:
        # Whoever knows the id holds the session: ids are 128 random bits.
        session = self._table.find(request.match_info["id"])
        if session is None:
            return error_response(404, "unknown_session", "There is no such session.")
        await session.close("client")
        return web.Response(status=204)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        """An application lets the avatar of a session talk (see `server.speak`)."""
        session_id = request.query.get("session")
        if session_id is not None:
            session = self._table.find(session_id)
            if session is None:
                return error_response(404, "unknown_session", "There is no such session.")
        else:
            sessions = list(self._table)
            if len(sessions) != 1:
                message = "No session is live." if not sessions else "Say which: ?session=ID."
                return error_response(409, "choose_session", message)
            session = sessions[0]
        if session.speaker is not None:
            return error_response(409, "busy", "Another application speaks in this session.")
        if not web.WebSocketResponse().can_prepare(request):
            return error_response(426, "not_websocket", "/speak is a WebSocket.")
        session.speaker = SpeakSocket(session.speech, session.id)
        try:
            return await session.speaker.serve(request)
        finally:
            session.speaker = None


async def _read_offer(request: web.Request, kind: type[Offer]) -> Offer:
    body = await _read_body(request, _OFFER_BYTES)
    return protocol.parse_body(kind, body, max_bytes=_OFFER_BYTES)


async def _read_body(request: web.Request, most_bytes: int) -> bytes:
    if (request.content_length or 0) > most_bytes:
        raise protocol.ProtocolError("too_large", f"The body is larger than {most_bytes} bytes.")
    body = bytearray()
    async for chunk in request.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > most_bytes:
            raise protocol.ProtocolError(
                "too_large", f"The body is larger than {most_bytes} bytes."
            )
    return bytes(body)


async def _read_part(part: BodyPartReader, most_bytes: int) -> bytes:
    body = bytearray()
    while chunk := await part.read_chunk(64 * 1024):
        body += chunk
        if len(body) > most_bytes:
            raise CharacterRefused(
                "too_large", f"A picture may have at most {most_bytes // 1_000_000} MB."
            )
    return bytes(body)
