"""The neural animator behind `Animator`: the performer's motion, drawn by the warp and corrected.

Knows the order (motion, warp, condition, window, decode, compose) and chunks: the model corrects
`t` frames at a time. Offline a push returns none or t frames, each with its own correction. Live it
returns one, at once, with the latest correction as far as it still lies where it belongs, and the
model works beside the stream. Does not know networks or runtimes, nor whether this machine keeps
up: `neural_choice` measures that before a stream begins, `effort` while it lasts.

The correction is computed at the model's size and added to the warp at the canvas' own size, as far
as the model trusts it: what the reference shows keeps its sharpness, and where the model is unsure
the warp shows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from avatar.character.character import Character
from avatar.errors import ConfigError
from avatar.frames import (
    ByteArray,
    DrivingFrame,
    RenderedFrame,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.model.presets import ModelPreset
from avatar.model.runtime import FrameCorrection, GraphRunner, StreamModel
from avatar.stream.animator import Drawing
from avatar.stream.compose import add_correction
from avatar.stream.driven_animator import DrivenAnimator
from avatar.stream.effort import Effort, Level
from avatar.stream.model_thread import ModelThread
from avatar.stream.neural_inputs import (
    MOVED,
    FrameInputs,
    NeuralInputs,
    model_picture_hw,
    reference_view,
    stack,
    still_share,
)
from avatar.stream.performer import FaceSource
from avatar.stream.viewport import Viewport, about_the_head
from avatar.stream.warp_animator import WarpStream, rig_of
from avatar.stream.window import SlidingWindow
from avatar.timing import Clock, StageTimers, monotonic_s
from avatar.warp.renderer import WarpRenderer

_log = logging.getLogger(__name__)

OLDEST_CHUNKS = 4
"""The model may be as many chunks late before it counts as falling behind."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A frame that waits for its chunk to fill."""

    stamp: Stamp
    tracking: Tracking
    voice_lag_s: float | None
    inputs: FrameInputs


@dataclass(frozen=True, slots=True)
class _Corrected:
    """The latest frame that the model has seen."""

    inputs: FrameInputs
    correction: FrameCorrection
    took_s: float
    """How long the model worked on its chunk."""

    def carried_to(self, frame: FrameInputs) -> FrameCorrection:
        """Its correction as far as it holds for a later frame: where nothing has moved since."""
        trust_hw = self.correction.trust_hw * still_share(self.inputs, frame)
        return replace(self.correction, trust_hw=np.minimum(trust_hw, frame.validity_4hw[MOVED]))


class NeuralRenderer:
    """One character drawn by the model; knows motions, not drivers."""

    def __init__(
        self,
        character: Character,
        runner: GraphRunner,
        preset: ModelPreset,
        *,
        level: Level,
        timers: StageTimers,
        thread: ModelThread[_Corrected] | None = None,
    ) -> None:
        """With a thread the model works beside the stream; only one renderer may use it at a time.

        Raises ConfigError for a canvas that the model cannot draw.
        """
        picture_hw = model_picture_hw(preset, character.canvas_hw)
        rig = rig_of(character)
        viewport = about_the_head(rig.reference, preset, picture_hw)
        self._door = NeuralInputs(rig, character.background_HW3, preset, picture_hw, viewport)
        self._warp = WarpStream(self._door.renderer, timers)
        self._model = StreamModel(runner, preset, picture_hw)
        for index, each in enumerate(character.views[: self._model.max_views]):
            self._model.set_view(
                index,
                reference_view(
                    each.geometry, each.foreground_HW3, each.alpha_HW, preset, picture_hw
                ),
            )
        self._window = SlidingWindow(self._model)
        self._chunk_frames = preset.autoencoder.frames_per_latent
        self._pending: list[_Pending] = []
        self._latest: _Corrected | None = None
        self._num_since = 0
        self._thread = thread
        self._timers = timers
        self._level = level
        self.spend(level)

    @property
    def late_s(self) -> float:
        """What the model's delay costs per frame: its time for a chunk over those it may miss."""
        took_s = 0.0 if self._latest is None else self._latest.took_s
        return took_s / (OLDEST_CHUNKS * self._chunk_frames)

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Take a motion; returns its picture, or without a thread a whole chunk or nothing."""
        if self._level.num_denoise_steps == 0:
            return self._warp.push(motion, stamp)
        with self._timers.measure("warp"):
            inputs = self._door.frame(motion)
        self._pending.append(_Pending(stamp, motion.tracking, motion.voice_lag_s, inputs))
        if self._thread is not None:
            correction = self._latest_beside(self._thread, inputs)
            return self._composed(self._pending[-1:], [correction])
        if len(self._pending) < self._chunk_frames:
            return []
        frames, self._pending = self._pending, []
        return self._composed(frames, self._corrections([frame.inputs for frame in frames]))

    def _composed(
        self, frames: Sequence[_Pending], corrections: Sequence[FrameCorrection | None]
    ) -> list[RenderedFrame]:
        with self._timers.measure("compose"):
            drawn = [
                composed(frame.inputs, correction, self._door.viewport)
                for frame, correction in zip(frames, corrections, strict=True)
            ]
        stages = self._timers.last()
        return [
            RenderedFrame(frame.stamp, rgb_HW3, alpha_HW, frame.tracking, stages, frame.voice_lag_s)
            for frame, (rgb_HW3, alpha_HW) in zip(frames, drawn, strict=True)
        ]

    def _latest_beside(
        self, thread: ModelThread[_Corrected], frame: FrameInputs
    ) -> FrameCorrection | None:
        """The latest correction as far as it fits a frame; the model is given what came last."""
        self._latest = thread.take() or self._latest
        self._num_since += 1
        del self._pending[: -self._chunk_frames]
        is_due = self._num_since >= self._level.correct_every * self._chunk_frames
        if is_due and len(self._pending) == self._chunk_frames and not thread.is_busy:
            self._num_since = 0
            thread.begin(partial(self._correct, [each.inputs for each in self._pending]))
        return None if self._latest is None else self._latest.carried_to(frame)

    def _corrections(self, frames: Sequence[FrameInputs]) -> list[FrameCorrection]:
        """The model's for these frames, or its latest as far as it still fits."""
        if self._latest is not None and self._num_since < self._level.correct_every - 1:
            self._num_since += 1
            return [self._latest.carried_to(frame) for frame in frames]
        corrections = self._run_model(frames)
        self._latest, self._num_since = _Corrected(frames[-1], corrections[-1], 0.0), 0
        return corrections

    def _correct(self, frames: Sequence[FrameInputs]) -> _Corrected:
        """The correction of the last of a chunk; nobody else may use the model meanwhile."""
        start_s = monotonic_s()
        corrections = self._run_model(frames)
        return _Corrected(frames[-1], corrections[-1], monotonic_s() - start_s)

    def _run_model(self, frames: Sequence[FrameInputs]) -> list[FrameCorrection]:
        chunk = stack(frames)
        with self._timers.measure("denoise"):
            latent = self._window.push(self._model.condition(chunk))
        with self._timers.measure("decode"):
            return self._model.decode(latent, chunk).frames()

    def spend(self, level: Level) -> None:
        """Spend more or less from the next chunk on; without denoise steps the warp draws alone."""
        self._latest = self._rest() or self._latest
        if (self._level.num_denoise_steps == 0) != (level.num_denoise_steps == 0):
            self.restart()
        self._level = level
        if level.num_denoise_steps > 0:
            self._window.set_denoise_steps(level.num_denoise_steps)

    def restart(self) -> None:
        """Forget the stream so far (a new driver, a jump in time); half a chunk is dropped."""
        self._rest()
        self._pending.clear()
        self._latest = None
        self._door.restart()
        self._model.restart()
        self._window.reset()

    def _rest(self) -> _Corrected | None:
        """Wait for the model's thread, so that its state may be changed."""
        return None if self._thread is None else self._thread.wait()


def composed(
    inputs: FrameInputs, correction: FrameCorrection | None, viewport: Viewport
) -> tuple[ByteArray, ByteArray]:
    """(rgb_HW3, alpha_HW): the warp's full-size picture plus what is trusted of a correction."""
    rgb_HW3, alpha_HW = inputs.canvas_rgb_HW3.copy(), inputs.canvas_alpha_HW.copy()
    if correction is None:
        return rgb_HW3, alpha_HW
    place = viewport.place((alpha_HW.shape[0], alpha_HW.shape[1]))
    add_correction(
        rgb_HW3[place],
        alpha_HW[place],
        correction.rgb_3HW,
        correction.alpha_HW,
        correction.trust_hw,
    )
    return rgb_HW3, alpha_HW


class NeuralAnimator(DrivenAnimator[NeuralRenderer | WarpStream]):
    """A character moved by the model; see `avatar.stream.animator.Animator`.

    Live, it goes down `levels` (see `avatar.stream.effort`) while the machine is too slow, and says
    so in `drawing`; offline it stays at the first and takes its time.
    """

    def __init__(
        self,
        runner: GraphRunner,
        preset: ModelPreset,
        *,
        levels: Sequence[Level],
        reason: str,
        fps: float = 25.0,
        is_live: bool = False,
        is_strict: bool = True,
        face_tracker: FaceSource | None = None,
        clock: Clock = monotonic_s,
    ) -> None:
        """`is_strict`: a canvas that the model cannot draw is a ConfigError; else the warp draws it
        and `drawing` says so."""
        super().__init__(is_live=is_live, face_tracker=face_tracker)
        self._runner, self._preset = runner, preset
        self._reason, self._is_strict, self._clock = reason, is_strict, clock
        self._unfit: str | None = None
        chunk_frames = preset.autoencoder.frames_per_latent
        self._is_live = is_live
        self._effort = Effort(levels, period_s=1.0 / fps, chunk_frames=chunk_frames)
        self._drawing = Drawing("neural", reason)
        self._thread: ModelThread[_Corrected] | None = ModelThread() if is_live else None

    @property
    def drawing(self) -> Drawing:
        """The model or the warp, and why."""
        return self._drawing if self._unfit is None else Drawing("warp", self._unfit)

    def close(self) -> None:
        """Release trackers and the model's thread; the animator cannot be used afterwards."""
        if self._thread is not None:
            self._thread.close()
        super().close()

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        """Advance by one driving frame; offline a chunk's frames come out together."""
        if not self._is_live or self._unfit is not None:
            return super().push(driving)
        start_s = self._clock()
        rendered = super().push(driving)
        took_s = self._clock() - start_s
        _, renderer = self._opened()
        if isinstance(renderer, NeuralRenderer):
            took_s = max(took_s, renderer.late_s)
        changed = self._effort.spent(took_s)
        if changed is not None:
            self._apply(changed)
        return rendered

    def _apply(self, level: Level) -> None:
        _, renderer = self._opened()
        if isinstance(renderer, NeuralRenderer):
            renderer.spend(level)
        text = f"{self._reason} At present the machine affords: {level}."
        self._drawing = Drawing("warp" if level.num_denoise_steps == 0 else "neural", text)
        _log.info("%s", text)

    def _renderer_of(self, character: Character) -> NeuralRenderer | WarpStream:
        level = self._effort.level
        if self._thread is not None:
            self._thread.wait()  # the character before still uses the runner
        try:
            renderer = NeuralRenderer(
                character,
                self._runner,
                self._preset,
                level=level,
                timers=self.timers,
                thread=self._thread,
            )
        except ConfigError as error:
            if self._is_strict:
                raise
            self._unfit = f"The warp serves for {character.name}: {error}"
            _log.info("%s", self._unfit)
            return WarpStream(
                WarpRenderer(rig_of(character), character.background_HW3), self.timers
            )
        self._unfit = None
        return renderer
