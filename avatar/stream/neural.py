"""The neural animator behind `Animator`: the performer's motion, drawn by the warp and corrected.

Knows the order (motion, warp, condition, window, decode, compose) and chunks: the model draws `t`
frames at a time, so that a push returns none or t frames, each with the stamp that caused it. Does
not know networks or runtimes, nor whether this machine keeps up: `neural_choice` measures that
before a stream begins, `effort` while it lasts.

The correction is computed at the model's size and added to the warp at the canvas' own size, as far
as the model trusts it: what the reference shows keeps its sharpness, and where the model is unsure
the warp shows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

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
from avatar.model.runtime import Correction, GraphRunner, StreamModel
from avatar.stream.animator import Drawing
from avatar.stream.compose import add_correction
from avatar.stream.driven_animator import DrivenAnimator
from avatar.stream.effort import Effort, Level
from avatar.stream.neural_inputs import (
    FrameInputs,
    NeuralInputs,
    model_picture_hw,
    reference_view,
    stack,
)
from avatar.stream.performer import FaceSource
from avatar.stream.warp_animator import WarpStream, rig_of
from avatar.stream.window import SlidingWindow
from avatar.timing import Clock, StageTimers, monotonic_s
from avatar.warp.renderer import WarpRenderer

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A frame that waits for its chunk to fill."""

    stamp: Stamp
    tracking: Tracking
    voice_lag_s: float | None
    inputs: FrameInputs


class NeuralRenderer:
    """One character drawn by the model, chunk by chunk; knows motions, not drivers."""

    def __init__(
        self,
        character: Character,
        runner: GraphRunner,
        preset: ModelPreset,
        *,
        num_denoise_steps: int,
        timers: StageTimers,
    ) -> None:
        """Raises ConfigError for a canvas that the model cannot draw."""
        picture_hw = model_picture_hw(preset, character.canvas_hw)
        self._door = NeuralInputs(rig_of(character), character.background_HW3, preset, picture_hw)
        self._warp = WarpStream(self._door.renderer, timers)
        self._model = StreamModel(runner, preset, picture_hw)
        for index, each in enumerate(character.views[: self._model.max_views]):
            self._model.set_view(
                index,
                reference_view(
                    each.geometry, each.foreground_HW3, each.alpha_HW, preset, picture_hw
                ),
            )
        self._window = SlidingWindow(self._model, num_denoise_steps=num_denoise_steps)
        self._chunk_frames = preset.autoencoder.frames_per_latent
        self._pending: list[_Pending] = []
        self._is_resting = False
        self._timers = timers

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Take a motion; returns a whole chunk when it fills one, else nothing."""
        if self._is_resting:
            return self._warp.push(motion, stamp)
        with self._timers.measure("warp"):
            inputs = self._door.frame(motion)
        self._pending.append(_Pending(stamp, motion.tracking, motion.voice_lag_s, inputs))
        if len(self._pending) < self._chunk_frames:
            return []
        frames, self._pending = self._pending, []
        chunk = stack([frame.inputs for frame in frames])
        with self._timers.measure("denoise"):
            latent = self._window.push(self._model.condition(chunk))
        with self._timers.measure("decode"):
            correction = self._model.decode(latent, chunk)
            drawn = [composed(f.inputs, correction, k) for k, f in enumerate(frames)]
        stages = self._timers.last()
        return [
            RenderedFrame(frame.stamp, rgb_HW3, alpha_HW, frame.tracking, stages, frame.voice_lag_s)
            for frame, (rgb_HW3, alpha_HW) in zip(frames, drawn, strict=True)
        ]

    def set_denoise_steps(self, num_denoise_steps: int) -> None:
        """Spend more or fewer steps from the next chunk on; with 0 the warp draws alone."""
        if self._is_resting != (num_denoise_steps == 0):
            self._is_resting = num_denoise_steps == 0
            self.restart()
        if not self._is_resting:
            self._window.set_denoise_steps(num_denoise_steps)

    def restart(self) -> None:
        """Forget the stream so far (a new driver, a jump in time); half a chunk is dropped."""
        self._pending.clear()
        self._door.restart()
        self._model.restart()
        self._window.reset()


def composed(
    inputs: FrameInputs, correction: Correction, index: int
) -> tuple[ByteArray, ByteArray]:
    """(rgb_HW3, alpha_HW): the warp's full-size picture plus a frame's trusted correction."""
    rgb_HW3 = np.empty_like(inputs.canvas_rgb_HW3)
    alpha_HW = np.empty_like(inputs.canvas_alpha_HW)
    add_correction(
        inputs.canvas_rgb_HW3,
        inputs.canvas_alpha_HW,
        correction.rgb_t3HW[index],
        correction.alpha_tHW[index],
        correction.confidence_tHW[index],
        rgb_HW3,
        alpha_HW,
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

    @property
    def drawing(self) -> Drawing:
        """The model or the warp, and why."""
        return self._drawing if self._unfit is None else Drawing("warp", self._unfit)

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        """Advance by one driving frame; a chunk's frames come out together.

        Live on a slow machine some driving frames are passed over and nothing comes out for them.
        """
        if not self._is_live or self._unfit is not None:
            return super().push(driving)
        if not self._effort.takes():
            return []
        start_s = self._clock()
        rendered = super().push(driving)
        changed = self._effort.spent(self._clock() - start_s)
        if changed is not None:
            self._apply(changed)
        return rendered

    def _apply(self, level: Level) -> None:
        _, renderer = self._opened()
        if isinstance(renderer, NeuralRenderer):
            renderer.set_denoise_steps(level.num_denoise_steps)
        text = f"{self._reason} At present the machine affords: {level}."
        self._drawing = Drawing("warp" if level.num_denoise_steps == 0 else "neural", text)
        _log.info("%s", text)

    def _renderer_of(self, character: Character) -> NeuralRenderer | WarpStream:
        level = self._effort.level
        try:
            renderer = NeuralRenderer(
                character,
                self._runner,
                self._preset,
                num_denoise_steps=max(1, level.num_denoise_steps),
                timers=self.timers,
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
        renderer.set_denoise_steps(level.num_denoise_steps)
        return renderer
