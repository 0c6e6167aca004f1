"""The neural animator behind `Animator`: a performer's motion, drawn by `NeuralRenderer`.

Knows drivers, characters and how much a live stream affords; does not know how a picture is drawn
(`neural_renderer`), nor whether this machine keeps up: `neural_choice` measures that before a
stream begins, `effort` while it lasts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from avatar.character.character import Character
from avatar.errors import ConfigError
from avatar.frames import (
    DrivingFrame,
    RenderedFrame,
)
from avatar.model.presets import ModelPreset
from avatar.model.runtime import GraphRunner
from avatar.stream.animator import Drawing
from avatar.stream.driven_animator import DrivenAnimator
from avatar.stream.earlier_frames import KeepRules
from avatar.stream.effort import Effort, Level
from avatar.stream.model_thread import ModelThread
from avatar.stream.neural_renderer import Corrected, NeuralRenderer
from avatar.stream.performer import FaceSource
from avatar.stream.warp_animator import WarpStream, rig_of
from avatar.timing import Clock, monotonic_s
from avatar.warp.renderer import WarpRenderer

_log = logging.getLogger(__name__)


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
        keep: KeepRules | None = None,
    ) -> None:
        """`is_strict`: a canvas that the model cannot draw is a ConfigError; else the warp draws it
        and `drawing` says so. `keep`: good frames become further references; off until a trained
        transformer was measured to be better for it."""
        super().__init__(is_live=is_live, face_tracker=face_tracker)
        self._runner, self._preset = runner, preset
        self._reason, self._is_strict, self._clock = reason, is_strict, clock
        self._keep = keep
        self._unfit: str | None = None
        chunk_frames = preset.autoencoder.frames_per_latent
        self._is_live = is_live
        self._effort = Effort(levels, period_s=1.0 / fps, chunk_frames=chunk_frames)
        if is_live and self._effort.level.num_denoise_steps == 0:
            text = f"{reason} The warp begins, until there is seen to be room."
            self._drawing = Drawing("warp", text)
        else:
            self._drawing = Drawing("neural", reason)
        self._thread: ModelThread[Corrected] | None = ModelThread() if is_live else None

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
        took_ms = 1e3 * self._effort.changed_at_s
        _log.info("a picture took %.0f ms: the machine affords %s", took_ms, level)
        self._drawing = Drawing("warp" if level.num_denoise_steps == 0 else "neural", text)

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
                keep=self._keep,
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
