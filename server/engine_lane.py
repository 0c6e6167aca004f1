"""One session inside the engine: a thread that pushes the newest picture and hands back results.

Knows an Animator, its lane of shared memory and its commands; does not know sessions, sockets or
the other lanes. The stream never stops: while the camera is late the animator is pushed without a
picture, at the frame rate, so that tracking eases out and idle motion goes on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import select
import threading
from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection

import numpy as np

from avatar.errors import LiveactorError
from avatar.frames import AudioChunk, ByteArray, DrivingFrame, RenderedFrame, Stamp
from avatar.regions import LiveSettings, Region, Source
from avatar.stream.animator import Animator, Drawing, Neutral
from avatar.stream.cutout import cut_out
from avatar.timing import monotonic_s
from server.audio_ring import AudioRing
from server.engine_messages import (
    CalibrateLane,
    CharacterShown,
    CloseLane,
    ConfigureLane,
    DrivingMeta,
    LaneCalibrated,
    LaneClosed,
    LaneCommand,
    LaneDrawing,
    LaneLayout,
    LaneOpened,
    LaneProblem,
    NeutralChanged,
    OpenLane,
    RenderedMeta,
    ShowOverlay,
    SwapCharacter,
    UseNeutral,
)
from server.engine_outlet import Outlet
from server.engine_spares import SpareAnimators
from server.frame_ring import FrameRing
from server.packed_character import unpack
from server.picture_formats import copy_strip, rgb_to_i420, rgb_to_i420_over_alpha, top_strip
from server.priority import PICTURES_NICENESS, take_precedence
from server.push_pace import PushPace

logger = logging.getLogger(__name__)

MEDIA_TIME_BASE = Fraction(1, 90_000)
_LATE_PICTURE_S = 0.2
_MAX_FAILURES_IN_A_ROW = 25
_NEUTRAL_AFTER_START_S = 2.5
"""The first second of a driver gives a neutral that is worth keeping."""
_NEUTRAL_AFTER_CALIBRATED_S = 0.5
"""A calibrated neutral is eased into within this."""
_NEUTRAL_EVERY_S = 20.0
_COMMANDS_WAITING = 256
_STAMPS_REMEMBERED = 64
ANY_GENERATION = 0
"""Generations of sessions count from 1."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """What is remembered of a pushed picture until its result comes out."""

    meta: DrivingMeta
    taken_s: float
    is_driven: bool
    strip_HW3: ByteArray | None
    """Top of the picture with the probe's marker; None where nobody measures."""


class Lane:
    """A place for one session at a time."""

    def __init__(
        self,
        layout: LaneLayout,
        wake: Connection,
        outlet: Outlet,
        spares: SpareAnimators,
        *,
        fps: float,
        is_preferred: bool = False,
    ) -> None:
        self.index = layout.index
        self._driving = FrameRing.attach(layout.driving)
        self._rendered = FrameRing.attach(layout.rendered)
        self._audio = AudioRing.attach(layout.audio)
        self._wake = wake
        os.set_blocking(wake.fileno(), False)
        self._outlet = outlet
        self._spares = spares
        self._period_s = 1.0 / fps
        self._is_preferred = is_preferred
        self._commands: queue.Queue[LaneCommand] = queue.Queue(_COMMANDS_WAITING)
        self._bell_out, self._bell_in = os.pipe()
        os.set_blocking(self._bell_out, False)
        os.set_blocking(self._bell_in, False)
        self._thread: threading.Thread | None = None

    def open(self, command: OpenLane) -> None:
        """Begin a session; returns at once."""
        assert self._thread is None, "the lane is taken"
        self._thread = threading.Thread(
            target=self._run, args=(command,), name=f"lane-{self.index}", daemon=True
        )
        self._thread.start()

    def tell(self, command: LaneCommand) -> None:
        """Queue a command for the next picture; one too many is dropped and reported."""
        try:
            self._commands.put_nowait(command)
        except queue.Full:
            self._problem(command.generation, "rate_limited", "Too many commands; one was dropped.")
            return
        with contextlib.suppress(BlockingIOError):
            os.write(self._bell_in, b"c")

    def close(self, command: CloseLane) -> None:
        """End the session and wait for its last push."""
        if self._thread is not None:
            self.tell(command)
            self._thread.join()
            self._thread = None
        self._outlet.tell(LaneClosed(self.index, command.generation))

    def shut_down(self) -> None:
        """End whatever runs and let go of the shared memory."""
        thread = self._thread  # a `close` that is under way may let go of it meanwhile
        if thread is not None:
            self.tell(CloseLane(self.index, ANY_GENERATION))
            thread.join(timeout=1.0)
            if thread.is_alive():
                return  # a push that does not end: the process exit takes the rest with it
        for ring in (self._driving, self._rendered, self._audio):
            ring.close()

    def _run(self, command: OpenLane) -> None:
        animator: Animator | None = None
        try:
            animator = self._spares.take()
            animator.open(unpack(command.character))
            animator.configure(_live_settings(command.sources, command.is_mirrored))
            if command.neutral is not None:
                self._use_kept_neutral(animator, command)
            self._driving.skip_unread()
            self._audio.skip_unread()
            self._outlet.tell(LaneOpened(self.index, command.generation))
            if self._is_preferred:
                take_precedence(PICTURES_NICENESS, is_inherited=False)
            _LaneLoop(self, command, animator).run()
            self._spares.give_back(animator)
            animator = None
        except LiveactorError as error:
            self._problem(command.generation, "character_failed", str(error), is_fatal=True)
        except Exception:  # boundary: one session's failure must not take the others down
            logger.exception("lane %d failed", self.index)
            self._problem(
                command.generation, "engine_failed", "The animator failed.", is_fatal=True
            )
        finally:
            if animator is not None:
                animator.close()
            self._spares.refill()

    def _use_kept_neutral(self, animator: Animator, command: OpenLane) -> None:
        """What a browser kept may be of another version: the session then calibrates anew."""
        try:
            animator.neutral = Neutral.from_json(json.dumps(command.neutral))
        except LiveactorError as error:
            self._problem(command.generation, "bad_message", str(error))

    def _problem(self, generation: int, code: str, message: str, *, is_fatal: bool = False) -> None:
        self._outlet.tell(LaneProblem(self.index, generation, code, message, is_fatal))


class _LaneLoop:
    """The loop of one session; ends with CloseLane."""

    def __init__(self, lane: Lane, opened: OpenLane, animator: Animator) -> None:
        self._lane = lane
        self._opened = opened
        self._animator = animator
        self._origins: OrderedDict[int, _Origin] = OrderedDict()
        self._num_failures = self._num_skipped = 0
        self._pace = PushPace(lane._period_s)
        self._start_s = monotonic_s()
        self._last_push_s = 0.0
        self._last_picture: DrivingMeta | None = None
        self._last_pts = -1
        self._neutral_due_s = self._start_s + _NEUTRAL_AFTER_START_S
        self._num_calibrated = animator.num_calibrated
        self._neutral_sent: Neutral | None = None
        self._shown_id: str | None = opened.character_id
        self._drawing_told: Drawing | None = None
        self._has_overlay = opened.has_overlay

    def run(self) -> None:
        """Serve until closed."""
        lane = self._lane
        wake, bell = lane._wake.fileno(), lane._bell_out
        self._tell_drawing()
        while True:
            left_s = 0.0 if lane._driving.has_unread else self._next_blank_s() - monotonic_s()
            readable, _, _ = select.select([wake, bell], [], [], max(0.0, left_s))
            for descriptor in readable:
                _drain(descriptor)
            if not self._obey_commands():
                return
            frame = lane._driving.read(newest=not self._pace.can_catch_up)
            if frame is not None:
                meta = DrivingMeta.unpack(frame.meta)
                if meta.generation != self._opened.generation:
                    continue
                self._num_skipped += frame.num_skipped
                self._last_picture = meta
                self._push(meta, frame.picture, is_driven=True)
            elif monotonic_s() >= self._next_blank_s():
                self._push(self._blank_meta(), None, is_driven=False)
            self._tell_calibrated()
            self._tell_drawing()
            self._send_neutral()

    def _next_blank_s(self) -> float:
        since_s = self._last_picture.arrival_s if self._last_picture else -_LATE_PICTURE_S
        return max(since_s + _LATE_PICTURE_S, self._last_push_s + self._lane._period_s)

    def _blank_meta(self) -> DrivingMeta:
        now_s = monotonic_s()
        if self._last_picture is None:
            pts = round((now_s - self._opened.origin_s) * 90_000)
        else:
            late_s = now_s - self._last_picture.arrival_s
            pts = self._last_picture.pts + round(late_s * 90_000)
        return DrivingMeta(self._opened.generation, pts, 0, now_s, now_s)

    def _push(self, meta: DrivingMeta, picture: ByteArray | None, *, is_driven: bool) -> None:
        taken_s = monotonic_s()
        self._last_push_s = taken_s
        pts = max(meta.pts, self._last_pts + 1)
        self._last_pts = pts
        strip_HW3 = None
        if self._opened.is_probe and picture is not None:
            strip_HW3 = top_strip(picture)
        self._origins[pts] = _Origin(meta, taken_s, is_driven, strip_HW3)
        while len(self._origins) > _STAMPS_REMEMBERED:
            self._origins.popitem(last=False)
        driving = DrivingFrame(
            stamp=Stamp(pts, MEDIA_TIME_BASE, meta.arrival_s),
            rgb_HW3=picture,
            audio=self._new_audio(),
        )
        try:
            rendered = self._animator.push(driving)
        except Exception:  # boundary: one bad frame is counted, the stream goes on
            self._num_failures += 1
            logger.exception("push failed (%d in a row)", self._num_failures)
            if self._num_failures >= _MAX_FAILURES_IN_A_ROW:
                raise
            return
        self._num_failures = 0
        self._pace.note(monotonic_s() - taken_s)
        for frame in rendered:
            self._hand_back(frame, len(rendered))
        if rendered and self._shown_id is not None:
            self._lane._outlet.tell(
                CharacterShown(self._lane.index, self._opened.generation, self._shown_id)
            )
            self._shown_id = None

    def _hand_back(self, frame: RenderedFrame, chunk_frames: int) -> None:
        origin = self._origins.get(frame.stamp.pts)
        if origin is None:
            logger.warning("a rendered frame carries a stamp that was never pushed")
            return
        picture, overlay_rows = self._planes(frame, origin.strip_HW3)
        meta = RenderedMeta(
            generation=self._opened.generation,
            pts=frame.stamp.pts,
            rtp_timestamp=origin.meta.rtp_timestamp,
            arrival_s=origin.meta.arrival_s,
            published_s=origin.meta.published_s,
            taken_s=origin.taken_s,
            finished_s=monotonic_s(),
            chunk_frames=chunk_frames,
            is_driven=origin.is_driven,
            num_skipped=self._num_skipped,
            tracking=frame.tracking,
            stage_s=frame.stage_s,
            voice_lag_s=frame.voice_lag_s,
            overlay_rows=overlay_rows,
        )
        self._num_skipped = 0
        self._lane._rendered.publish(picture, meta.pack())
        self._lane._outlet.wake()

    def _planes(self, frame: RenderedFrame, strip_HW3: ByteArray | None) -> tuple[ByteArray, int]:
        """(I420 of the picture and of its overlay, rows of the latter)."""
        rgb_HW3 = frame.rgb_HW3 if strip_HW3 is None else copy_strip(strip_HW3, frame.rgb_HW3)
        i420 = rgb_to_i420(rgb_HW3)
        if not self._has_overlay:
            return i420, 0
        overlay_i420 = rgb_to_i420_over_alpha(*cut_out(frame))
        return np.concatenate([i420, overlay_i420]), len(overlay_i420)

    def _new_audio(self) -> tuple[AudioChunk, ...]:
        heard = self._lane._audio.read()
        if heard is None:
            return ()
        rate_hz = self._lane._audio.layout.sample_rate_hz
        stamp = Stamp(round(heard.pts_s * 90_000), MEDIA_TIME_BASE, heard.arrival_s)
        return (AudioChunk(stamp, heard.samples_T, rate_hz),)

    def _obey_commands(self) -> bool:
        """Do what was asked meanwhile; False: the session is over."""
        while True:
            try:
                command = self._lane._commands.get_nowait()
            except queue.Empty:
                return True
            if command.generation not in (self._opened.generation, ANY_GENERATION):
                continue  # meant for an earlier session of this lane
            if isinstance(command, CloseLane):
                return False
            try:
                self._obey(command)
            except LiveactorError as error:
                self._lane._problem(command.generation, "character_failed", str(error))

    def _obey(self, command: LaneCommand) -> None:
        if isinstance(command, SwapCharacter):
            self._animator.swap(unpack(command.character))
            self._shown_id = command.character_id
        elif isinstance(command, ConfigureLane):
            self._animator.configure(_live_settings(command.sources, command.is_mirrored))
        elif isinstance(command, ShowOverlay):
            self._has_overlay = command.is_on
        elif isinstance(command, CalibrateLane):
            self._animator.calibrate()
        elif isinstance(command, UseNeutral):
            kept = None if command.neutral is None else json.dumps(command.neutral)
            self._animator.neutral = None if kept is None else Neutral.from_json(kept)

    def _tell_calibrated(self) -> None:
        if self._animator.num_calibrated == self._num_calibrated:
            return
        self._num_calibrated = self._animator.num_calibrated
        self._neutral_due_s = monotonic_s() + _NEUTRAL_AFTER_CALIBRATED_S
        self._lane._outlet.tell(LaneCalibrated(self._lane.index, self._opened.generation))

    def _tell_drawing(self) -> None:
        drawing = self._animator.drawing
        if drawing == self._drawing_told:
            return
        self._drawing_told = drawing
        lane, generation = self._lane.index, self._opened.generation
        logger.info("lane %d is drawn by %s: %s", lane, drawing.renderer, drawing.reason)
        self._lane._outlet.tell(LaneDrawing(lane, generation, drawing))

    def _send_neutral(self) -> None:
        now_s = monotonic_s()
        if now_s < self._neutral_due_s:
            return
        self._neutral_due_s = now_s + _NEUTRAL_EVERY_S
        neutral = self._animator.neutral
        if neutral is None or neutral is self._neutral_sent:
            return
        self._neutral_sent = neutral
        self._lane._outlet.tell(
            NeutralChanged(self._lane.index, self._opened.generation, json.loads(neutral.to_json()))
        )


def _live_settings(sources: object, is_mirrored: bool) -> LiveSettings:
    chosen = {Region(region): Source(source) for region, source in dict(sources).items()}  # type: ignore[call-overload]
    return LiveSettings(
        sources={region: chosen.get(region, Source.CAMERA) for region in Region},
        is_mirrored=is_mirrored,
    )


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while len(os.read(descriptor, 4096)) == 4096:
            pass
