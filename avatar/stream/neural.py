"""The neural animator behind `Animator`: the performer's motion, drawn by the warp and corrected.

Knows the order (motion, warp, condition, window, decode, compose) and chunks: the model draws `t`
frames at a time, so that a push returns none or t frames, each with the stamp that caused it. Does
not know networks or runtimes, nor whether this machine keeps up (`neural_choice` does).

The correction is computed at the model's size and added to the warp at the canvas' own size, as far
as the model trusts it: what the reference shows keeps its sharpness, and where the model is unsure
the warp shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avatar.character.character import Character
from avatar.frames import (
    ByteArray,
    DrivingFrame,
    FloatArray,
    RenderedFrame,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.model.presets import ModelPreset
from avatar.model.runtime import Correction, GraphRunner, StreamModel
from avatar.motion.audio.voice import VoiceTracker
from avatar.motion.neutral import Neutral
from avatar.regions import LiveSettings
from avatar.stream.neural_inputs import (
    FrameInputs,
    NeuralInputs,
    model_picture_hw,
    reference_view,
    stack,
)
from avatar.stream.performer import Performer, PerformerStatus
from avatar.stream.window import SlidingWindow
from avatar.timing import StageTimers
from avatar.warp.rig import build_rig


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
        view = character.views[0]
        rig = character.rig or build_rig(view.geometry, view.foreground_HW3, view.alpha_HW)
        self._door = NeuralInputs(rig, character.background_HW3, preset, picture_hw)
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
        self._timers = timers

    def push(self, motion: RetargetedMotion, stamp: Stamp) -> list[RenderedFrame]:
        """Take a motion; returns a whole chunk when it fills one, else nothing."""
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
        """Spend more or fewer steps from the next chunk on."""
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
    rows, columns = inputs.canvas_alpha_HW.shape
    trust = correction.confidence_tHW[index]
    added_HW4: FloatArray = np.dstack(
        [
            (correction.rgb_t3HW[index] * trust).transpose(1, 2, 0) * np.float32(127.5),
            correction.alpha_tHW[index] * trust * np.float32(255.0),
        ]
    )
    if added_HW4.shape[:2] != (rows, columns):
        added_HW4 = np.asarray(
            cv2.resize(added_HW4, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32
        )
    rgb = np.clip(inputs.canvas_rgb_HW3 + added_HW4[..., :3] + 0.5, 0.0, 255.0)
    alpha = np.clip(inputs.canvas_alpha_HW + added_HW4[..., 3] + 0.5, 0.0, 255.0)
    return rgb.astype(np.uint8), alpha.astype(np.uint8)


class NeuralAnimator:
    """A character moved by the model; see `avatar.stream.animator.Animator`."""

    def __init__(
        self, runner: GraphRunner, preset: ModelPreset, *, num_denoise_steps: int = 2
    ) -> None:
        self.timers = StageTimers()
        self._runner, self._preset = runner, preset
        self._num_steps = num_denoise_steps
        self._performer: Performer | None = None
        self._renderer: NeuralRenderer | None = None
        self._settings = LiveSettings()
        self._neutral: Neutral | None = None

    def open(self, character: Character) -> None:
        """Take on a character, with a fresh driver. ConfigError for an unfit canvas."""
        self.close()
        self._renderer = self._renderer_of(character)
        self._performer = Performer(
            character.views[0].geometry,
            settings=self._settings,
            voice=VoiceTracker(),
            timers=self.timers,
        )
        self._performer.neutral = self._neutral

    def push(self, driving: DrivingFrame) -> list[RenderedFrame]:
        """Advance by one driving frame; a chunk's frames come out together."""
        performer, renderer = self._opened()
        return renderer.push(performer.push(driving), driving.stamp)

    def swap(self, character: Character) -> None:
        """Become another character at the next push; tracking and neutral stay."""
        performer, _ = self._opened()
        self._renderer = self._renderer_of(character)
        performer.swap(character.views[0].geometry)

    def set_denoise_steps(self, num_denoise_steps: int) -> None:
        """Spend more or fewer steps from the next chunk on, also on later characters."""
        self._num_steps = num_denoise_steps
        if self._renderer is not None:
            self._renderer.set_denoise_steps(num_denoise_steps)

    def configure(self, settings: LiveSettings) -> None:
        """Apply live settings from the next push on."""
        self._settings = settings
        if self._performer is not None:
            self._performer.configure(settings)

    def calibrate(self) -> None:
        """Take the driver's neutral from the next second of driving."""
        self._opened()[0].calibrate()

    @property
    def neutral(self) -> Neutral | None:
        """The driver's neutral in use; None before one is known."""
        return self._neutral if self._performer is None else self._performer.neutral

    @neutral.setter
    def neutral(self, value: Neutral | None) -> None:
        self._neutral = value
        if self._performer is not None:
            self._performer.neutral = value

    @property
    def status(self) -> PerformerStatus | None:
        """Tracking and calibration after the last push; None before `open`."""
        return None if self._performer is None else self._performer.status

    def reset(self) -> None:
        """Forget the driver and the stream so far; keep the character."""
        performer, renderer = self._opened()
        self._neutral = None
        performer.reset()
        renderer.restart()

    def close(self) -> None:
        """Release the trackers; `open` may follow."""
        if self._performer is not None:
            self._performer.close()
        self._performer = self._renderer = None

    def _renderer_of(self, character: Character) -> NeuralRenderer:
        return NeuralRenderer(
            character,
            self._runner,
            self._preset,
            num_denoise_steps=self._num_steps,
            timers=self.timers,
        )

    def _opened(self) -> tuple[Performer, NeuralRenderer]:
        assert self._performer is not None, "open() comes first"
        assert self._renderer is not None
        return self._performer, self._renderer
