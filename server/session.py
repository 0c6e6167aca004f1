"""One user's life on the server: a slot, a lane in the engine, a peer, and what is said between.

Knows the order of things and when it is over; does not know HTTP, nor how media is carried. All of
it runs in the event loop; every task has its owner here and ends in `close`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

from avatar.errors import LiveactorError, SessionError
from avatar.timing import Clock, StageTimers, monotonic_s
from server import protocol
from server.config import ServeConfig
from server.delay_line import DelayLine
from server.engine import Engine, EngineState
from server.engine_messages import (
    CharacterShown,
    LaneCalibrated,
    LaneDrawing,
    LaneEvent,
    LaneProblem,
    NeutralChanged,
)
from server.intake import DrivingIntake
from server.lane import EngineLane, RenderedPicture
from server.lip_sync import LipSync
from server.overlays import Overlays
from server.peer import Peer, PeerCallbacks
from server.rate_limit import TokenBucket
from server.session_state import SessionState, StateMachine
from server.session_stats import SessionStats
from server.speak import SpeakSocket
from server.speech_feed import SpeechEvent, SpeechFeed
from server.speech_sink import SessionMouth
from server.tracks import AvatarVideoTrack
from server.voice_track import VoiceTrack

logger = logging.getLogger(__name__)

MESSAGES_PER_S = 40.0
NO_PICTURE_NOTICE_S = 3.0
_TICK_S = 0.5

CharacterSource = Callable[[str], Awaitable[bytes]]
"""The packed character of an id; raises a LiveactorError where there is none."""


class Session:
    """Made when a slot is reserved; `closed` is set when everything of it is gone."""

    def __init__(
        self,
        config: ServeConfig,
        engine: Engine,
        lane: EngineLane,
        characters: CharacterSource,
        *,
        clock: Clock = monotonic_s,
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self.closed = asyncio.Event()
        self.on_closed: list[Callable[[Session], None]] = []
        self.timers = StageTimers(history=256)
        self.num_bad_messages = 0
        self.first_picture_s: float | None = None
        """From the offer to the first picture handed to the encoder."""
        self._config = config
        self._engine = engine
        self._lane = lane
        self._characters = characters
        self._clock = clock
        self._machine = StateMachine()
        self._origin_s = clock()
        self._lips = LipSync(max_hold_s=config.video.max_hold_s)
        self._line = DelayLine()
        self._bucket = TokenBucket(MESSAGES_PER_S, 2 * MESSAGES_PER_S, clock)
        self.video_track = AvatarVideoTrack(
            fps=config.video.fps,
            origin_s=self._origin_s,
            lips=self._lips,
            timers=self.timers,
            clock=clock,
        )
        self.video_track.on_first_sent = self._on_first_picture
        self.intake = DrivingIntake(
            lane,
            self._line,
            self._lips,
            fps=config.video.fps,
            max_side_px=config.video.driving_max_side_px,
            origin_s=self._origin_s,
            clock=clock,
        )
        self.voice_track = VoiceTrack(
            self._line, self._lips, origin_s=self._origin_s, is_on=True, clock=clock
        )
        mouth = SessionMouth(self.intake, lane, self._line, self._lips, origin_s=self._origin_s)
        self.speech = SpeechFeed(mouth, self._on_speech, clock=clock)
        """What an application lets the avatar say."""
        self.speaker: SpeakSocket | None = None
        """The application's connection."""
        self.peer: Peer | None = None
        self.overlays = Overlays(config, self._on_overlay_wanted, clock=clock)
        """Who looks on without the background."""
        self.overlay_key: str | None = None
        self.video_track.on_shown = lambda picture, pts: self.overlays.on_picture(
            picture.overlay_i420, pts
        )
        self.voice_track.on_packet = self.overlays.on_voice
        self.stats = SessionStats(self, clock)
        self._settings = protocol.Settings()
        self._character_id = ""
        self._drawing: protocol.Drawing | None = None
        self._is_probe = False
        self._is_lane_open = False
        self._last_heartbeat_s = self._origin_s
        self._live_since_s: float | None = None
        self._has_camera_notice = False
        self._was_rate_limited = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._close_task: asyncio.Task[None] | None = None

    # --- read by statistics ---------------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        """Where the session is in its life."""
        return self._machine.state

    @property
    def lane(self) -> EngineLane:
        """Its place in the engine."""
        return self._lane

    @property
    def engine_state(self) -> EngineState:
        """How the engine is."""
        return self._engine.state

    @property
    def lips(self) -> LipSync:
        """Who waits for whom, voice or picture."""
        return self._lips

    @property
    def line(self) -> DelayLine:
        """Where the voice waits."""
        return self._line

    # --- beginning ------------------------------------------------------------------------------

    async def begin(self, offer: protocol.SessionOffer) -> protocol.SessionAnswer:
        """Answer an offer. On any error the session is closed before the error goes on."""
        self._machine.enter(SessionState.NEGOTIATING)
        self.overlay_key = offer.overlay_key
        try:
            character = await self._characters(offer.character)
            self._settings = offer.settings
            self._character_id = offer.character
            self._is_probe = offer.probe and self._config.is_probe_allowed
            self.voice_track.is_on = offer.settings.is_voice_on
            if self._machine.is_over:
                raise SessionError(503, "The server is shutting down.", retry_after_s=5.0)
            self._lane.open(
                character_id=offer.character,
                character=character,
                sources=offer.settings.sources,
                is_mirrored=offer.settings.is_mirrored,
                neutral=offer.neutral,
                is_probe=self._is_probe,
                origin_s=self._origin_s,
                on_picture=self._on_picture,
                on_engine_event=self._on_engine_event,
            )
            self._is_lane_open = True
            self._engine.on_state.append(self._on_engine_state)
            self.peer = Peer(
                self._config,
                self.intake,
                self.video_track,
                self.voice_track,
                PeerCallbacks(self._on_open, self._on_message, self._on_connection),
                timers=self.timers,
                clock=self._clock,
            )
            answer = await self.peer.answer(offer.sdp)
            if self._machine.is_over:
                raise SessionError(503, "The server is shutting down.", retry_after_s=5.0)
        except BaseException:
            await self.close("client")
            raise
        self._machine.enter(SessionState.CONNECTING)
        self._start(self._watch())
        self._start(self.speech.run())
        return protocol.SessionAnswer(self.id, answer)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A session that nobody watches would keep its slot for ever.
            logger.error("a task of session %s… failed", self.id[:6], exc_info=error)
            self.close_soon("internal")

    # --- what the engine says -------------------------------------------------------------------

    def _on_picture(self, picture: RenderedPicture) -> None:
        self.stats.on_rendered(picture.meta)
        self.video_track.offer(picture)

    def _on_first_picture(self) -> None:
        self.first_picture_s = self._clock() - self._origin_s
        self.voice_track.begin_soon()

    def _on_engine_event(self, event: LaneEvent) -> None:
        if isinstance(event, NeutralChanged):
            self._say(protocol.NeutralFace(event.neutral))
        elif isinstance(event, CharacterShown):
            self._character_id = event.character_id
            self._say(protocol.UseCharacter(event.character_id))
        elif isinstance(event, LaneCalibrated):
            self._say(protocol.Notice("calibrated", "Your relaxed face is known now."))
        elif isinstance(event, LaneDrawing):
            drawing = event.drawing
            self._drawing = protocol.Drawing(drawing.renderer, drawing.reason)
            self._say(self._drawing)
        elif isinstance(event, LaneProblem):
            self._say(protocol.Notice(event.code, event.message))
            if event.is_fatal:
                self.close_soon("engine_failed")

    def _on_engine_state(self, state: EngineState) -> None:
        if state is EngineState.RESTARTING:
            text = "The animation engine stopped and is starting again."
            self._say(protocol.Notice("engine_restarting", text))
        elif state is EngineState.READY:
            self._say(protocol.Notice("engine_ready", "The animation engine is ready."))

    def _on_overlay_wanted(self, is_wanted: bool) -> None:
        if self._is_lane_open and not self._machine.is_over:
            self._lane.show_overlay(is_wanted)

    def _on_speech(self, event: SpeechEvent) -> None:
        if self.speaker is not None:
            self.speaker.on_event(event)

    # --- what the peer says ---------------------------------------------------------------------

    def _on_connection(self, state: str) -> None:
        if state == "connected" and self.state is SessionState.CONNECTING:
            self._machine.enter(SessionState.LIVE)
            self._live_since_s = self._last_heartbeat_s = self._clock()
        elif state in ("closed", "failed") and not self._machine.is_over:
            self.close_soon("client" if state == "closed" else "timeout")

    def _on_open(self) -> None:
        self._say(
            protocol.Hello(
                protocol=protocol.PROTOCOL_VERSION,
                session=self.id,
                character=self._character_id,
                fps=self._config.video.fps,
                heartbeat_interval_s=protocol.HEARTBEAT_INTERVAL_S,
                heartbeat_timeout_s=self._config.sessions.silence_timeout_s,
                is_probe=self._is_probe,
            )
        )
        if self._drawing is not None:  # said by the engine before anybody could listen
            self._say(self._drawing)

    def _on_message(self, text: str | bytes) -> None:
        if self._machine.is_over:
            return
        if not self._bucket.take():
            self.num_bad_messages += 1
            if not self._was_rate_limited:
                self._was_rate_limited = True
                self._say(protocol.Notice("rate_limited", "Too many messages; some were dropped."))
            return
        try:
            message = protocol.parse_client_message(text)
        except protocol.ProtocolError as error:
            self.num_bad_messages += 1
            self._say(protocol.Notice("bad_message", str(error)))
            return
        if isinstance(message, protocol.Heartbeat):
            self._last_heartbeat_s = self._clock()
            self._say(message)
        elif isinstance(message, protocol.Settings):
            self._settings = message
            self.voice_track.is_on = message.is_voice_on
            self._lane.configure(message.sources, message.is_mirrored)
        elif isinstance(message, protocol.Playout):
            self._lips.on_playout(message.voice_ms / 1e3, message.picture_ms / 1e3)
        elif isinstance(message, protocol.UseCharacter):
            self._start(self._swap(message.id))
        elif isinstance(message, protocol.Calibrate):
            self._lane.calibrate()
        else:
            self._lane.use_neutral(message.neutral)

    async def _swap(self, character_id: str) -> None:
        try:
            character = await self._characters(character_id)
        except LiveactorError as error:
            self._say(protocol.Notice("character_failed", str(error)))
            return
        if not self._machine.is_over:
            self._lane.swap(character_id, character)

    def _say(self, message: protocol.ServerMessage) -> None:
        if self.peer is not None:
            self.peer.say(protocol.dump_message(message))

    # --- watching -------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Statistics, and the reasons to end a session that nobody ends."""
        sessions = self._config.sessions
        while not self._machine.is_over:
            await asyncio.sleep(_TICK_S)
            now_s = self._clock()
            if self.state is SessionState.CONNECTING:
                if now_s - self._origin_s > sessions.connect_timeout_s:
                    self.close_soon("timeout")
                continue
            assert self.peer is not None
            alive_s = max(self._last_heartbeat_s, self.peer.last_packet_s)
            if now_s - alive_s > sessions.silence_timeout_s:
                self.close_soon("timeout")
                return
            if sessions.max_duration_s and now_s - self._origin_s > sessions.max_duration_s:
                self.close_soon("too_long")
                return
            self._notice_camera(now_s)
            self.peer.collect_timings()
            self._say(self.stats.snapshot())

    def _notice_camera(self, now_s: float) -> None:
        since_s = max(self.intake.last_picture_s, self._live_since_s or now_s)
        sources = self._settings.sources
        is_wanted = any(sources.get(region, "camera") == "camera" for region in protocol.REGIONS)
        is_missing = is_wanted and now_s - since_s > NO_PICTURE_NOTICE_S
        if is_missing and not self._has_camera_notice:
            self._say(protocol.Notice("no_camera_picture", "No picture comes from the camera."))
        elif self._has_camera_notice and not is_missing:
            self._say(protocol.Notice("camera_picture", "The camera's picture is back."))
        self._has_camera_notice = is_missing

    # --- end ------------------------------------------------------------------------------------

    def close_soon(self, reason: str) -> None:
        """Begin to close without waiting for it."""
        if self._close_task is None:
            self._close_task = asyncio.ensure_future(self._close(reason))

    async def close(self, reason: str) -> None:
        """Close and wait until nothing of the session is left. Safe to call more than once."""
        self.close_soon(reason)
        assert self._close_task is not None
        await asyncio.shield(self._close_task)

    async def _close(self, reason: str) -> None:
        self._say(protocol.Bye(reason))
        self._machine.enter(SessionState.CLOSING)
        logger.info("session %s… ends: %s", self.id[:6], reason)
        if self._on_engine_state in self._engine.on_state:
            self._engine.on_state.remove(self._on_engine_state)
        for task in list(self._tasks):
            task.cancel()
        self.video_track.stop()
        self.voice_track.stop()
        # At once: each takes up to a second where nobody is left at the other end.
        closings = [self.overlays.close()]
        if self.speaker is not None:
            closings.append(self.speaker.close())
        if self.peer is not None:
            closings.append(self.peer.close())
        await asyncio.gather(*closings)
        if self._is_lane_open:
            self._lane.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._machine.enter(SessionState.CLOSED)
        self.closed.set()
        for listener in self.on_closed:
            listener(self)
