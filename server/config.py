"""What `python -m server` can be told: frozen sections, one TOML file (`configs/serve*.toml`).

Knows names, units, defaults and bounds; does not know how anything is served. The access token is
not here: it comes from `--token` or the environment, never from a file that may be committed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from avatar.stream.factory import AnimatorKind


@dataclass(frozen=True, kw_only=True)
class ListenSection:
    """Where the server listens and who may talk to it."""

    host: str = "127.0.0.1"
    port: int = 8080
    tls_cert: Path | None = None
    """PEM chain; with `tls_key` the server speaks HTTPS (browsers give a camera to HTTPS or
    localhost only)."""
    tls_key: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    """Names that may stand in the Host header besides localhost and IP addresses."""
    allowed_origins: tuple[str, ...] = ()
    """Origins (scheme://host[:port]) that may call besides the server's own."""
    trusted_proxy_scheme: Literal["http", "https"] | None = None
    """Set to `https` behind a proxy that ends TLS, so that the page's origin is recognised."""
    requests_per_minute: float = 120.0
    """Sessions and uploads that one address may ask for."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"listen.port = {self.port}: must be from 0 to 65535.")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("listen.tls_cert and listen.tls_key belong together: give both.")

    @property
    def is_loopback(self) -> bool:
        """Only programs on this machine can reach the server."""
        return is_loopback_host(self.host)


@dataclass(frozen=True, kw_only=True)
class VideoSection:
    """The pictures in and out."""

    fps: float = 25.0
    """Pictures per second that are driven, rendered and sent."""
    codec: Literal["vp8", "h264"] = "vp8"
    """Preferred; VP8 takes about a third of the processor time of H264 here."""
    start_bitrate_bps: int = 1_500_000
    min_bitrate_bps: int = 500_000
    max_bitrate_bps: int = 4_000_000
    driving_max_side_px: int = 640
    """Larger camera pictures are scaled down on entry."""
    driving_max_decoded_px: int = 1920 * 1080
    """Larger ones are refused: decoding them would starve the other sessions."""
    canvas_max_px: int = 1024 * 1024
    max_hold_s: float = 0.12
    """Most by which pictures are held back so that the voice, which browsers keep for longer, is
    heard when they are seen; 0: the least latency, and lips that move before the sound."""

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 60:
            raise ValueError(f"video.fps = {self.fps}: must be from 1 to 60.")
        if not (50_000 <= self.min_bitrate_bps <= self.start_bitrate_bps <= self.max_bitrate_bps):
            raise ValueError("video: bitrates must satisfy 50000 <= min <= start <= max.")
        if not 0 <= self.max_hold_s <= 0.5:
            raise ValueError(f"video.max_hold_s = {self.max_hold_s}: must be from 0 to 0.5.")
        if not 128 <= self.driving_max_side_px <= 1920:
            raise ValueError("video.driving_max_side_px: must be from 128 to 1920.")


@dataclass(frozen=True, kw_only=True)
class SessionsSection:
    """How many may be live, and when one is over."""

    max_sessions: int = 2
    connect_timeout_s: float = 10.0
    """From the offer to connected media."""
    silence_timeout_s: float = 4.0
    """No heartbeat and no media for this long: the peer has vanished and the slot is freed, a tick
    of the watch (0.5 s) and a closing (1 s) later at most."""
    max_duration_s: float = 0.0
    """0: as long as the user likes."""
    retry_after_s: float = 5.0
    """What a refused client is told to wait."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_sessions <= 64:
            raise ValueError(f"sessions.max_sessions = {self.max_sessions}: must be 1 to 64.")


@dataclass(frozen=True, kw_only=True)
class EngineSection:
    """The process that owns the animators."""

    animator: AnimatorKind = AnimatorKind.AUTO
    """`auto` is the trained model where its weights are here and this machine keeps up (measured at
    the start, and said in the log and in /health), else the warp."""
    stall_timeout_s: float = 8.0
    """A live session without a rendered picture for this long: the engine is restarted."""
    restart_delay_s: float = 0.5
    """Pause before the first restart; doubled up to 8 s while it keeps failing."""


@dataclass(frozen=True, kw_only=True)
class CharactersSection:
    """Built-in and uploaded characters; uploads live in memory only."""

    gallery: Path | None = None
    """Folder of characters to offer instead of those that come with the project."""
    default: str = ""
    """Id of the built-in character that is opened first; empty: the first of the gallery."""
    picture_bytes: int = 10 * 1024 * 1024
    pictures_per_character: int = 4
    max_uploads: int = 16
    """Uploaded characters kept at a time; the one unused for longest goes first."""
    upload_ttl_s: float = 3600.0
    """An upload is forgotten this long after its last use."""
    build_timeout_s: float = 120.0
    """A builder that has not answered by then is stopped. Generous, because a loaded machine makes
    everything slow: a picture's cost is bounded in processor time (`PictureLimits.cpu_s`)."""
    is_cached: bool = True
    """Keep opened built-in characters in the user's cache folder; uploads never leave memory."""
    num_kept_open: int = 32
    """Built-in characters kept ready in memory."""


@dataclass(frozen=True, kw_only=True)
class IceSection:
    """How peers find each other. No STUN or TURN server is asked by default."""

    urls: tuple[str, ...] = ()
    username: str | None = None
    credential: str | None = None
    addresses: tuple[str, ...] = ()
    """Addresses of this machine to offer; empty: 127.0.0.1 alone on a loopback bind, else all."""
    ports: tuple[int, ...] = ()
    """First and last UDP port for peers; empty: any. A session takes one per address offered."""

    def __post_init__(self) -> None:
        if not self.ports:
            return
        if len(self.ports) != 2 or not 1 <= self.ports[0] <= self.ports[1] <= 65535:
            raise ValueError(
                f"ice.ports = {list(self.ports)}: give the first and the last port, as "
                "[50000, 50100]; both from 1 to 65535."
            )


@dataclass(frozen=True, kw_only=True)
class ReceiverSection:
    """How packets become frames."""

    kind: Literal["low_latency", "stock"] = "low_latency"
    """`stock` keeps aiortc's own receiver, for comparison in the benchmark."""
    blocked_before_pli_s: float = 0.12
    pli_interval_s: float = 0.3
    """Least time between two requests for a keyframe, in both directions."""


@dataclass(frozen=True, kw_only=True)
class ImpairmentSection:
    """A bad network on purpose, for tests and benchmarks; shares of media packets, 0 to 1."""

    loss: float = 0.0
    reorder: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.loss <= 1 and 0 <= self.reorder <= 1 - self.loss):
            raise ValueError("impairment: loss and reorder are shares, together at most 1.")

    @property
    def is_on(self) -> bool:
        """Whether anything is impaired."""
        return self.loss > 0 or self.reorder > 0


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """One server."""

    listen: ListenSection = field(default_factory=ListenSection)
    video: VideoSection = field(default_factory=VideoSection)
    sessions: SessionsSection = field(default_factory=SessionsSection)
    engine: EngineSection = field(default_factory=EngineSection)
    characters: CharactersSection = field(default_factory=CharactersSection)
    ice: IceSection = field(default_factory=IceSection)
    receiver: ReceiverSection = field(default_factory=ReceiverSection)
    impairment: ImpairmentSection = field(default_factory=ImpairmentSection)
    is_preferred: bool = True
    """Ask the system to run the media process before other programs (see `server.priority`)."""
    is_probe_allowed: bool = False
    """Sessions may ask that the marker strip of the driving picture be carried through."""


def is_loopback_host(host: str) -> bool:
    """Whether binding to `host` keeps everyone but this machine out."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
