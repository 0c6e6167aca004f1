"""The wire: every message between page (or native client) and server, and the strict way in.

Knows names, types and sizes of what is said over HTTP and over the data channel `control`; uses
the standard library only, so that any client may import it. Does not know sockets, media or what a
message causes. All messages are JSON objects; those of the data channel carry a `type`.

Over HTTP
    GET    /api/config                   -> ServerConfig
    GET    /api/characters               -> [CharacterInfo]
    GET    /api/characters/{id}/thumbnail -> image/webp
    POST   /api/characters               multipart, 1..4 parts `picture`, optional `name` -> 201
                                         CharacterInfo with `notes`
    POST   /api/sessions                 SessionOffer -> 201 SessionAnswer + Location, or 503 +
                                         Retry-After when every slot is taken
    DELETE /api/sessions/{id}            -> 204
    GET    /api/overlays/{key}           -> OverlayState
    POST   /api/overlays                 OverlayOffer -> 201 OverlayAnswer, or 409 while the session
                                         that the key belongs to is not live
    POST   /api/sessions/{id}/bye        (navigator.sendBeacon) -> 204
    any failure                          -> {"error": {"code", "message"}}
Over the data channel `control` (ordered, UTF-8 text, at most MAX_MESSAGE_BYTES)
    client says  heartbeat settings character calibrate neutral playout
    server says  hello heartbeat stats neutral character notice bye
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

from server.protocol_stats import FrameTrace as FrameTrace
from server.protocol_stats import StageLatency as StageLatency
from server.protocol_stats import Stats as Stats
from server.strict_json import ProtocolError as ProtocolError
from server.strict_json import from_json as from_json
from server.strict_json import load_object
from server.strict_json import to_json as to_json

PROTOCOL_VERSION = 1
MAX_MESSAGE_BYTES = 64 * 1024
MAX_SDP_BYTES = 64 * 1024
MAX_ID_CHARACTERS = 64
MIN_KEY_CHARACTERS = 16
HEARTBEAT_INTERVAL_S = 2.0
"""The client says `heartbeat` this often."""
SLOT_FREE_S = 6.0
"""A peer that has vanished has left its slot after this long, with the settings as shipped."""
STATS_INTERVAL_S = 0.5
MAX_PLAYOUT_MS = 10_000.0
CONTROL_CHANNEL = "control"

REGIONS = ("mouth", "eyes", "brows", "head", "body", "hands")
SOURCES = ("camera", "audio", "idle", "still")


# --- data channel, client -> server -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Both ways: the client's clock, echoed by the server."""

    type: ClassVar[str] = "heartbeat"
    t_ms: float
    """`performance.now()` of the client."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What moves what, whole (not a difference). Left-out regions keep the camera."""

    type: ClassVar[str] = "settings"
    sources: Mapping[str, str] = field(default_factory=dict)
    """Region -> source; words of REGIONS and SOURCES."""
    is_mirrored: bool = True
    is_voice_on: bool = True

    def __post_init__(self) -> None:
        for region, source in self.sources.items():
            if region not in REGIONS:
                raise ProtocolError("bad_value", f"settings.sources: no region '{region}'.")
            if source not in SOURCES:
                raise ProtocolError(
                    "bad_value", f"settings.sources.{region}: no source '{source}'."
                )


@dataclass(frozen=True, slots=True)
class UseCharacter:
    """Client: become this character. Server: this character is on screen from now on."""

    type: ClassVar[str] = "character"
    id: str

    def __post_init__(self) -> None:
        _check_id(self.id)


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Take the driver's neutral face during the next second."""

    type: ClassVar[str] = "calibrate"


@dataclass(frozen=True, slots=True)
class NeutralFace:
    """Both ways: a driver's neutral, opaque to all but the engine; null forgets it."""

    type: ClassVar[str] = "neutral"
    neutral: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Playout:
    """How long this browser lately held what came in, until it was heard or seen; every second."""

    type: ClassVar[str] = "playout"
    voice_ms: float
    """Jitter buffer and sound card."""
    picture_ms: float
    """Jitter buffer, decoder and display."""

    def __post_init__(self) -> None:
        for name, value in (("voice_ms", self.voice_ms), ("picture_ms", self.picture_ms)):
            if not 0 <= value <= MAX_PLAYOUT_MS:
                raise ProtocolError(
                    "bad_value", f"playout.{name}: must be from 0 to {MAX_PLAYOUT_MS:.0f}."
                )


ClientMessage = Heartbeat | Settings | UseCharacter | Calibrate | NeutralFace | Playout

# --- data channel, server -> client -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of the server on the channel."""

    type: ClassVar[str] = "hello"
    protocol: int
    session: str
    character: str
    fps: float
    """At which the picture is sent; its size is the character's, and a swap may change it."""
    heartbeat_interval_s: float
    heartbeat_timeout_s: float
    is_probe: bool
    """The strip with the marker is carried through (see client/web/probe.js)."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What draws the character, and why: after `hello`, and whenever it changes."""

    type: ClassVar[str] = "drawing"
    renderer: str
    """warp | neural | copy | echo"""
    reason: str
    """One sentence, with the measured time where one decided."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know; the session goes on. `code` is a stable word.

    Codes: engine_restarting, engine_ready, character_failed, bad_message, no_camera_picture,
    camera_picture, calibrated, rate_limited.
    """

    type: ClassVar[str] = "notice"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The session ends. Reasons: client, replaced, timeout, shutdown, engine_failed, internal,
    too_long."""

    type: ClassVar[str] = "bye"
    reason: str


ServerMessage = Hello | Heartbeat | Stats | NeutralFace | UseCharacter | Drawing | Notice | Bye

# --- HTTP bodies --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionOffer:
    """Body of POST /api/sessions: one audio and one video m-line, and the data channel."""

    sdp: str
    type: Literal["offer"]
    character: str
    settings: Settings = field(default_factory=Settings)
    neutral: Mapping[str, Any] | None = None
    probe: bool = False
    overlay_key: str | None = None
    """Chosen by the page and kept: whoever has it may look on (OverlayOffer). None: nobody may."""

    def __post_init__(self) -> None:
        _check_id(self.character)
        if self.overlay_key is not None:
            _check_key(self.overlay_key)
        if len(self.sdp) > MAX_SDP_BYTES:
            raise ProtocolError("too_large", f"sdp is longer than {MAX_SDP_BYTES} bytes.")


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """Reply to a SessionOffer."""

    id: str
    sdp: str
    type: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True)
class OverlayOffer:
    """Body of POST /api/overlays: one audio and one video m-line that only receive."""

    sdp: str
    type: Literal["offer"]
    key: str

    def __post_init__(self) -> None:
        _check_key(self.key)
        if len(self.sdp) > MAX_SDP_BYTES:
            raise ProtocolError("too_large", f"sdp is longer than {MAX_SDP_BYTES} bytes.")


@dataclass(frozen=True, slots=True)
class OverlayAnswer:
    """Reply to an OverlayOffer. The picture is twice as high as the session's: colours weighed by
    coverage above, coverage as grey below."""

    id: str
    sdp: str
    type: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True)
class OverlayState:
    """Reply to GET /api/overlays/{key}."""

    is_live: bool


@dataclass(frozen=True, slots=True)
class CharacterInfo:
    """A character that can be used, built in or uploaded."""

    id: str
    name: str
    description: str
    style: str
    framing: str
    """portrait | half_body | full_body"""
    thumbnail_url: str
    is_uploaded: bool = False
    notes: tuple[str, ...] = ()
    """What was found or adjusted in an uploaded picture, in plain sentences."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server accepts."""

    picture_bytes: int
    pictures_per_character: int
    message_bytes: int
    sdp_bytes: int


@dataclass(frozen=True, slots=True)
class IceServer:
    """For RTCPeerConnection({iceServers})."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Reply to GET /api/config."""

    version: str
    protocol: int
    max_sessions: int
    fps: float
    limits: Limits
    ice: tuple[IceServer, ...]
    is_probe_allowed: bool
    heartbeat_interval_s: float
    heartbeat_timeout_s: float


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The inner object of every failure reply."""

    code: str
    message: str


# --- reading and writing ------------------------------------------------------------------------

CLIENT_MESSAGES: Mapping[str, type[ClientMessage]] = {
    kind.type: kind for kind in (Heartbeat, Settings, UseCharacter, Calibrate, NeutralFace, Playout)
}
SERVER_MESSAGES: Mapping[str, type[ServerMessage]] = {
    kind.type: kind
    for kind in (Hello, Heartbeat, Stats, NeutralFace, UseCharacter, Drawing, Notice, Bye)
}

_Message = TypeVar("_Message")


def parse_client_message(text: str | bytes) -> ClientMessage:
    """Read what a client said on the data channel. Raises ProtocolError."""
    return _parse_typed(text, CLIENT_MESSAGES)


def parse_server_message(text: str | bytes) -> ServerMessage:
    """Read what a server said on the data channel. Raises ProtocolError."""
    return _parse_typed(text, SERVER_MESSAGES)


def parse_body(kind: type[_Message], text: str | bytes, *, max_bytes: int) -> _Message:
    """Read an HTTP body. Raises ProtocolError."""
    return from_json(kind, load_object(text, max_bytes), where=kind.__name__)


def dump_message(message: ClientMessage | ServerMessage) -> str:
    """Write a data channel message, its `type` first."""
    return json.dumps({"type": message.type, **to_json(message)}, separators=(",", ":"))


def _check_key(value: str) -> None:
    _check_id(value)
    if len(value) < MIN_KEY_CHARACTERS:
        raise ProtocolError(
            "bad_value", f"overlay_key: at least {MIN_KEY_CHARACTERS} letters and digits, random."
        )


def _check_id(value: str) -> None:
    if not 0 < len(value) <= MAX_ID_CHARACTERS or not all(c.isalnum() or c in "-_" for c in value):
        raise ProtocolError("bad_value", "an id has 1 to 64 letters, digits, '-' or '_'.")


def _parse_typed(text: str | bytes, kinds: Mapping[str, type[_Message]]) -> _Message:
    values = load_object(text, MAX_MESSAGE_BYTES)
    name = values.pop("type", None)
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ProtocolError("unknown_type", f"unknown message type {str(name)[:40]!r}.")
    return from_json(kind, values, where=str(name))
