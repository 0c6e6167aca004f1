"""The neural animator behind `Animator`: the performer's motion, drawn by the warp and corrected.

Knows the order (motion, warp, condition, window, decode, compose) and chunks: the model draws `t`
frames at a time, so that a push returns none or t frames, each with the stamp that caused it; live,
it works beside the stream and they come out a push or so later. Does not know networks or runtimes,
nor whether this machine keeps up: `neural_choice` measures that before a stream begins, `effort`
while it lasts.

The correction is computed at the model's size and added to the warp at the canvas' own size, as far
as the model trusts it: what the reference shows keeps its sharpness, and where the model is unsure
the warp shows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
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
from avatar.stream.chunk_line import ChunkLine
from avatar.stream.compose import add_correction
from avatar.stream.driven_animator import DrivenAnimator
from avatar.stream.effort import Effort, Level
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


@dataclass(frozen=True, slots=True)
class _Pending:
    """A frame that waits for its chunk to fill."""

    stamp: Stamp
    tracking: Tracking
    voice_lag_s: float | None
    stage_s: Mapping[str, float]
    """What it took so far."""
    inputs: FrameInputs


@dataclass(frozen=True, slots=True)
class _Corrected:
    """The latest frame that the model has seen."""

    inputs: FrameInputs
    correction: FrameCorrection

    def carried_to(self, frame: FrameInputs) -> FrameCorrection:
        """Its correction as far as it holds for a later frame: where nothing has moved since."""
        trust_hw = self.correction.trust_hw * still_share(self.inputs, frame)
        return replace(self.correction, trust_hw=np.minimum(trust_hw, frame.validity_4hw[MOVED]))


_MODEL_STAGES = ("denoise", "decode", "compose")


class NeuralRenderer:
    """One character drawn by the model, chunk by chunk; knows motions, not drivers.

    Chunks are drawn in `line`; whoever shares it with another renderer lets it run empty between.
    """

    def __init__(
        self,
        character: Character,
        runner: GraphRunner,
        preset: ModelPreset,
        *,
        level: Level,
        timers: StageTimers,
        line: ChunkLine[RenderedFrame] | None = None,
    ) -> None:
        """Without a line chunks are drawn at once. Raises ConfigError for a canvas that the
        model cannot draw."""
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
        self._line = ChunkLine[RenderedFrame](is_beside=False) if line is None else line
        self._finished: list[RenderedFrame] = []
        self._chunk_frames = preset.autoencoder.frames_per_latent
        self._pending: list[_Pending] = []
        self._latest: _Corrected | None = None
        self._num_since = 0
        self._timers = timers
        self._level = level
        self.spend(level)

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Take a motion; returns whole chunks, those that are finished."""
        finished, self._finished = self._finished, []
        if self._level.num_denoise_steps == 0:
            return [*finished, *self._warp.push(motion, stamp)]
        with self._timers.measure("warp"):
            inputs = self._door.frame(motion)
        stages = self._timers.last()
        self._pending.append(_Pending(stamp, motion.tracking, motion.voice_lag_s, stages, inputs))
        if len(self._pending) < self._chunk_frames:
            return [*finished, *self._line.finished()]
        frames, self._pending = self._pending, []
        return [*finished, *self._line.submit(partial(self._draw, frames))]

    def _draw(self, frames: Sequence[_Pending]) -> list[RenderedFrame]:
        """A chunk's pictures; may run beside the stream's thread, which keeps off the model."""
        corrections = self._corrections([frame.inputs for frame in frames])
        with self._timers.measure("compose"):
            drawn = [
                composed(frame.inputs, correction, self._door.viewport)
                for frame, correction in zip(frames, corrections, strict=True)
            ]
        last = self._timers.last()
        model = {stage: last[stage] for stage in _MODEL_STAGES if stage in last}
        return [
            RenderedFrame(
                frame.stamp,
                rgb_HW3,
                alpha_HW,
                frame.tracking,
                {**frame.stage_s, **model},
                frame.voice_lag_s,
            )
            for frame, (rgb_HW3, alpha_HW) in zip(frames, drawn, strict=True)
        ]

    def _corrections(self, frames: Sequence[FrameInputs]) -> list[FrameCorrection]:
        """The model's for these frames, or its latest as far as it still fits."""
        if self._latest is not None and self._num_since < self._level.correct_every - 1:
            self._num_since += 1
            return [self._latest.carried_to(frame) for frame in frames]
        chunk = stack(frames)
        with self._timers.measure("denoise"):
            latent = self._window.push(self._model.condition(chunk))
        with self._timers.measure("decode"):
            corrections = self._model.decode(latent, chunk).frames()
        self._latest, self._num_since = _Corrected(frames[-1], corrections[-1]), 0
        return corrections

    def spend(self, level: Level) -> None:
        """Spend more or less from the next chunk on; without denoise steps the warp draws alone."""
        self._finished += self._line.flush()
        if (self._level.num_denoise_steps == 0) != (level.num_denoise_steps == 0):
            self._forget()
        self._level = level
        if level.num_denoise_steps > 0:
            self._window.set_denoise_steps(level.num_denoise_steps)

    def restart(self) -> None:
        """Forget the stream so far (a new driver, a jump in time), and what is unfinished."""
        self._line.flush()
        self._finished.clear()
        self._forget()

    def _forget(self) -> None:
        self._pending.clear()
        self._latest = None
        self._door.restart()
        self._model.restart()
        self._window.reset()


def composed(
    inputs: FrameInputs, correction: FrameCorrection, viewport: Viewport
) -> tuple[ByteArray, ByteArray]:
    """(rgb_HW3, alpha_HW): the warp's full-size picture plus a frame's trusted correction."""
    rgb_HW3, alpha_HW = inputs.canvas_rgb_HW3.copy(), inputs.canvas_alpha_HW.copy()
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
        self._line = ChunkLine[RenderedFrame](is_beside=is_live)
        self._left: list[RenderedFrame] = []
        """The last pictures of the character before."""

    @property
    def drawing(self) -> Drawing:
        """The model or the warp, and why."""
        return self._drawing if self._unfit is None else Drawing("warp", self._unfit)

    def open(self, character: Character) -> None:
        """Take on a character, with a fresh driver."""
        self._line.flush()
        self._left.clear()
        super().open(character)

    def swap(self, character: Character) -> None:
        """Become another character; the one before is shown until the last picture of it."""
        left = self._line.flush()
        self._left += [replace(frame, backdrop=self._backdrop) for frame in left]
        super().swap(character)

    def close(self) -> None:
        """Release trackers and the model's thread; the animator cannot be used afterwards."""
        self._line.close()
        super().close()

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        """Advance by one driving frame; a chunk's frames come out together."""
        left, self._left = self._left, []
        if not self._is_live or self._unfit is not None:
            return [*left, *super().push(driving)]
        start_s = self._clock()
        rendered = super().push(driving)
        changed = self._effort.spent(self._clock() - start_s)
        if changed is not None:
            self._apply(changed)
        return [*left, *rendered]

    def _apply(self, level: Level) -> None:
        _, renderer = self._opened()
        if isinstance(renderer, NeuralRenderer):
            renderer.spend(level)
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
                level=level,
                timers=self.timers,
                line=self._line,
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
