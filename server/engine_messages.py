"""What media process and engine process say to each other, besides pictures and sound.

Knows plain picklable values only; importing it must stay cheap (no model, no tracker, no aiortc).
A lane is one place for a session in the engine: two picture rings, a sound ring, a wake-up pipe.
`generation` numbers the sessions of a lane, so that a late answer is not taken for the next one's.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from avatar.frames import Tracking
from avatar.stream.animator import Drawing
from server.audio_ring import AudioRingLayout
from server.frame_ring import META_BYTES, RingLayout

# --- media process -> engine process ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LaneLayout:
    """Shared memory of one lane."""

    index: int
    driving: RingLayout
    rendered: RingLayout
    audio: AudioRingLayout


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the engine is started with."""

    animator: str
    fps: float
    is_preferred: bool
    """Threads that make pictures ask to go first (`server.priority`)."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Run once, so that the first session finds everything compiled. The answer is EngineReady."""

    character: bytes | None
    """A pickled Character; None where the server has none."""


@dataclass(frozen=True, slots=True)
class OpenLane:
    """Begin a session in a lane."""

    lane: int
    generation: int
    character_id: str
    character: bytes
    """A pickled Character; opened in the engine only."""
    sources: Mapping[str, str]
    is_mirrored: bool
    neutral: Mapping[str, Any] | None
    is_probe: bool
    origin_s: float
    """`time.monotonic()` at which the session's media clock is 0."""
    has_overlay: bool = False
    """As in ShowOverlay."""


@dataclass(frozen=True, slots=True)
class SwapCharacter:
    """Become another character at the next picture."""

    lane: int
    generation: int
    character_id: str
    character: bytes


@dataclass(frozen=True, slots=True)
class ConfigureLane:
    """New live settings."""

    lane: int
    generation: int
    sources: Mapping[str, str]
    is_mirrored: bool


@dataclass(frozen=True, slots=True)
class ShowOverlay:
    """Hand back the character cut out too, beside each picture (or no longer)."""

    lane: int
    generation: int
    is_on: bool


@dataclass(frozen=True, slots=True)
class CalibrateLane:
    """Take the driver's neutral during the next second."""

    lane: int
    generation: int


@dataclass(frozen=True, slots=True)
class UseNeutral:
    """Use (or, with None, forget) a neutral."""

    lane: int
    generation: int
    neutral: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class CloseLane:
    """The session is over; the answer is LaneClosed."""

    lane: int
    generation: int


@dataclass(frozen=True, slots=True)
class StopEngine:
    """Close everything and exit."""


LaneCommand = (
    OpenLane | SwapCharacter | ConfigureLane | ShowOverlay | CalibrateLane | UseNeutral | CloseLane
)
EngineCommand = LaneCommand | WarmUp | StopEngine

# --- engine process -> media process ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EngineReady:
    """Warm: the next session starts without delay."""

    warm_up_s: float
    drawing: Drawing | None = None
    """What draws, and why."""


@dataclass(frozen=True, slots=True)
class LaneOpened:
    """The character of the session stands."""

    lane: int
    generation: int


@dataclass(frozen=True, slots=True)
class CharacterShown:
    """From the next picture on this character is drawn."""

    lane: int
    generation: int
    character_id: str


@dataclass(frozen=True, slots=True)
class NeutralChanged:
    """The driver's neutral, for the browser to keep."""

    lane: int
    generation: int
    neutral: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LaneCalibrated:
    """The calibration that was asked for has found a neutral."""

    lane: int
    generation: int


@dataclass(frozen=True, slots=True)
class LaneDrawing:
    """What draws the session's character; said at its beginning and when it changes."""

    lane: int
    generation: int
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class LaneProblem:
    """Something did not work; `is_fatal` ends the session. `code` as in protocol.Notice."""

    lane: int
    generation: int
    code: str
    message: str
    is_fatal: bool = False


@dataclass(frozen=True, slots=True)
class LaneClosed:
    """Nothing of the session is left in the engine."""

    lane: int
    generation: int


LaneEvent = (
    LaneOpened
    | CharacterShown
    | NeutralChanged
    | LaneCalibrated
    | LaneDrawing
    | LaneProblem
    | LaneClosed
)
EngineEvent = EngineReady | LaneEvent

# --- beside each picture ------------------------------------------------------------------------

_DRIVING = struct.Struct("<QqQdd")
_RENDERED = struct.Struct("<QqQddddHHII")


@dataclass(frozen=True, slots=True)
class DrivingMeta:
    """Where a driving picture comes from. Times are `time.monotonic()` seconds."""

    generation: int
    pts: int
    """90 kHz on the session's media clock."""
    rtp_timestamp: int
    arrival_s: float
    """When its last packet came in."""
    published_s: float

    def pack(self) -> bytes:
        """As bytes beside the picture."""
        return _DRIVING.pack(
            self.generation, self.pts, self.rtp_timestamp, self.arrival_s, self.published_s
        )

    @classmethod
    def unpack(cls, data: bytes) -> DrivingMeta:
        """Inverse of `pack`."""
        return cls(*_DRIVING.unpack(data))


@dataclass(frozen=True, slots=True)
class RenderedMeta:
    """Which driving picture caused a rendered one, and what it cost."""

    generation: int
    pts: int
    rtp_timestamp: int
    """Of the driving picture; 0 where no picture drove it (`is_driven` False)."""
    arrival_s: float
    published_s: float
    """When the driving picture was handed to the engine."""
    taken_s: float
    """When the engine took it."""
    finished_s: float
    """When the rendered picture was handed back."""
    chunk_frames: int
    """Pictures that came out of the same push."""
    is_driven: bool
    num_skipped: int
    """Driving pictures overwritten before the engine came to them, since the last one."""
    tracking: Tracking
    stage_s: Mapping[str, float] = field(default_factory=dict)
    voice_lag_s: float | None = None
    """The mouth follows the voice and shows what was said that much before the stamp."""
    overlay_rows: int = 0
    """Rows at the end of the bytes that are the cut-out picture; 0 where there is none."""

    def pack(self) -> bytes:
        """As bytes beside the picture; stages that do not fit are left out."""
        fixed = _RENDERED.pack(
            self.generation,
            self.pts,
            self.rtp_timestamp,
            self.arrival_s,
            self.published_s,
            self.taken_s,
            self.finished_s,
            self.chunk_frames,
            int(self.is_driven),
            self.num_skipped,
            self.overlay_rows,
        )
        stages = {name[:24]: round(value, 6) for name, value in list(self.stage_s.items())[:12]}
        lag_s = None if self.voice_lag_s is None else round(self.voice_lag_s, 4)
        tail = json.dumps([self.tracking.value, stages, lag_s]).encode()
        assert len(fixed) + len(tail) <= META_BYTES
        return fixed + tail

    @classmethod
    def unpack(cls, data: bytes) -> RenderedMeta:
        """Inverse of `pack`."""
        (
            generation,
            pts,
            rtp,
            arrival_s,
            published_s,
            taken_s,
            finished_s,
            chunk,
            driven,
            skipped,
            overlay_rows,
        ) = _RENDERED.unpack_from(data)
        tracking, stages, lag_s = json.loads(data[_RENDERED.size :])
        return cls(
            generation,
            pts,
            rtp,
            arrival_s,
            published_s,
            taken_s,
            finished_s,
            chunk,
            bool(driven),
            skipped,
            Tracking(tracking),
            stages,
            lag_s,
            overlay_rows,
        )
