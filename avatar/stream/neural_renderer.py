"""One character drawn by the model: motions in, corrected pictures of the warp out.

Knows the order (motion, warp, condition, window, decode, compose) and chunks: the model corrects
`t` frames at a time. Offline a push returns none or t frames, each with its own correction. With a
thread (live) it returns one, at once, with the latest correction as far as it still lies where it
belongs, while the model works beside the stream. Does not know drivers, networks or runtimes, nor
whether this machine keeps up.

The correction is computed at the model's size and added to the warp at the canvas' own size, as far
as the model trusts it: what the reference shows keeps its sharpness, and where the model is unsure
the warp shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from avatar.character.character import Character
from avatar.frames import (
    ByteArray,
    RenderedFrame,
    RetargetedMotion,
    Stamp,
)
from avatar.model.presets import ModelPreset
from avatar.model.runtime import FrameCorrection, GraphRunner, StreamModel
from avatar.stream.compose import add_correction
from avatar.stream.earlier_frames import EarlierViews, KeepRules, Seen
from avatar.stream.effort import Level
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
from avatar.stream.viewport import Viewport, about_the_head
from avatar.stream.warp_animator import WarpStream, rig_of
from avatar.stream.window import SlidingWindow
from avatar.timing import StageTimers, monotonic_s

OLDEST_CHUNKS = 4
"""The model may be as many chunks late before it counts as falling behind."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A frame that waits for its chunk to fill."""

    stamp: Stamp
    motion: RetargetedMotion
    inputs: FrameInputs


@dataclass(frozen=True, slots=True)
class Corrected:
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
        thread: ModelThread[Corrected] | None = None,
        keep: KeepRules | None = None,
    ) -> None:
        """With a thread the model works beside the stream; only one renderer may use it at a time.
        `keep` makes good frames further references, where the model can look at them.

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
        self._earlier = None
        if keep is not None and self._model.uses_noise:
            self._earlier = EarlierViews(self._model, character, preset, keep)
        self._window = SlidingWindow(self._model)
        self._chunk_frames = preset.autoencoder.frames_per_latent
        self._pending: list[_Pending] = []
        self._latest: Corrected | None = None
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

    @property
    def num_earlier(self) -> int:
        """Earlier frames that are references now."""
        return 0 if self._earlier is None else self._earlier.num_kept

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Take a motion; returns its picture, or without a thread a whole chunk or nothing."""
        if self._level.num_denoise_steps == 0:
            return self._warp.push(motion, stamp)
        with self._timers.measure("warp"):
            inputs = self._door.frame(motion)
        self._pending.append(_Pending(stamp, motion, inputs))
        if self._thread is not None:
            correction = self._latest_beside(self._thread, inputs)
            return self._composed(self._pending[-1:], [correction])
        if len(self._pending) < self._chunk_frames:
            return []
        frames, self._pending = self._pending, []
        return self._composed(frames, self._corrections(frames))

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
            RenderedFrame(
                frame.stamp,
                rgb_HW3,
                alpha_HW,
                frame.motion.tracking,
                stages,
                frame.motion.voice_lag_s,
            )
            for frame, (rgb_HW3, alpha_HW) in zip(frames, drawn, strict=True)
        ]

    def _latest_beside(
        self, thread: ModelThread[Corrected], frame: FrameInputs
    ) -> FrameCorrection | None:
        """The latest correction as far as it fits a frame; the model is given what came last."""
        self._latest = thread.take() or self._latest
        self._num_since += 1
        del self._pending[: -self._chunk_frames]
        is_due = self._num_since >= self._level.correct_every * self._chunk_frames
        if is_due and len(self._pending) == self._chunk_frames and not thread.is_busy:
            self._num_since = 0
            thread.begin(partial(self._correct, list(self._pending)))
        return None if self._latest is None else self._latest.carried_to(frame)

    def _corrections(self, frames: Sequence[_Pending]) -> list[FrameCorrection]:
        """The model's for these frames, or its latest as far as it still fits."""
        if self._latest is not None and self._num_since < self._level.correct_every - 1:
            self._num_since += 1
            return [self._latest.carried_to(frame.inputs) for frame in frames]
        corrections = self._run_model(frames)
        self._latest, self._num_since = Corrected(frames[-1].inputs, corrections[-1], 0.0), 0
        return corrections

    def _correct(self, frames: Sequence[_Pending]) -> Corrected:
        """The correction of the last of a chunk; nobody else may use the model meanwhile."""
        start_s = monotonic_s()
        corrections = self._run_model(frames)
        return Corrected(frames[-1].inputs, corrections[-1], monotonic_s() - start_s)

    def _run_model(self, frames: Sequence[_Pending]) -> list[FrameCorrection]:
        chunk = stack([frame.inputs for frame in frames])
        with self._timers.measure("denoise"):
            latent = self._window.push(self._model.condition(chunk))
        with self._timers.measure("decode"):
            corrections = self._model.decode(latent, chunk).frames()
        if self._earlier is not None:
            inputs, correction = frames[-1].inputs, corrections[-1]
            with self._timers.measure("remember"):
                self._earlier.consider(
                    Seen(
                        frames[-1].motion,
                        inputs.canvas_rgb_HW3,
                        correction.trust_hw,
                        inputs.validity_4hw[MOVED],
                        partial(composed, inputs, correction, self._door.viewport),
                    )
                )
        return corrections

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
        if self._earlier is not None:
            self._earlier.restart()
        self._model.restart()
        self._window.reset()

    def _rest(self) -> Corrected | None:
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
