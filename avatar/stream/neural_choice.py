"""Whether the neural animator serves here: its weights must load, and this machine must keep up.

The machine is measured, not guessed: the stream's own chunk is drawn a number of times with the
weights in question, with 2 and then with 1 denoise step. The answer always says why; nobody gets
the warp in the model's place without being told. An answer holds for the whole process: animators
share the loaded weights, each with working memory of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import median

import numpy as np

from avatar.errors import AssetError, ConfigError, DeviceError
from avatar.model.loading import LoadedModel, RuntimeName, load_model
from avatar.model.runtime import ChunkInputs, StreamModel, ViewInputs
from avatar.model.shapes import StreamShapes
from avatar.stream.effort import Level
from avatar.stream.neural import NeuralAnimator
from avatar.stream.window import SlidingWindow
from avatar.timing import Clock, monotonic_s

_log = logging.getLogger(__name__)

WEIGHTS_FOLDER = Path(__file__).resolve().parents[1] / "model" / "weights" / "nano"
"""Where shipped weights lie; the folder does not exist while none are worth shipping."""
NUM_WARM, NUM_MEASURED = 3, 27
NUM_ROUNDS = 3
"""Parts of the measurement of which the quietest counts: a server measures while others of its
processes start, which is not what a stream will meet; `effort` watches what it does meet."""
MODEL_SHARE = 0.4
"""Part of a frame's time that the model may take. Tracking, warp and the way across the model's
border take 20 ms of one core beside it, one after the other (docs/BENCHMARKS.md)."""
RUNTIMES = (RuntimeName.OPENVINO, RuntimeName.EAGER)
"""In this order; one that is not installed is passed over, and the answer says so."""


@dataclass(frozen=True, slots=True)
class NeuralChoice:
    """The measured answer."""

    loaded: LoadedModel | None
    """What serves; None where the warp has to."""
    reason: str
    """One sentence for the log and the page, whatever the answer."""
    levels: tuple[Level, ...] = ()
    """What a stream may spend, the most that this machine affords first."""

    def animator(
        self, *, is_live: bool, fps: float = 25.0, is_strict: bool = False
    ) -> NeuralAnimator:
        """An animator of its own over the shared weights; only where the model serves."""
        assert self.loaded is not None, "the warp serves"
        return NeuralAnimator(
            self.loaded.runner.twin(),
            self.loaded.preset,
            levels=self.levels,
            reason=self.reason,
            fps=fps,
            is_live=is_live,
            is_strict=is_strict,
        )


@lru_cache(maxsize=4)
def choose_neural(
    *,
    is_live: bool = True,
    fps: float = 25.0,
    folder: Path = WEIGHTS_FOLDER,
    runtimes: tuple[RuntimeName, ...] = RUNTIMES,
    clock: Clock = monotonic_s,
) -> NeuralChoice:
    """Load, measure, decide. Never raises for missing weights or a missing runtime: it says so.

    Offline nothing has to keep up, so nothing is measured: the same clip gives the same pictures.
    A live stream that falls behind spends fewer steps, then corrects every other chunk, then leaves
    it to the warp: 25 of its pictures per second are better to look at than twelve of the model's.
    """
    try:
        loaded, note = _loaded(folder, runtimes)
    except (AssetError, DeviceError, ConfigError) as error:
        return _told(NeuralChoice(None, f"The warp serves: {error}"))
    if not is_live:
        return _told(_unmeasured(loaded, note))
    allowed_s = MODEL_SHARE / fps
    measured = _levels(loaded, clock)
    fitting = [level for level in measured if level.model_frame_s <= allowed_s]
    if not fitting:
        frame_s = measured[-2].model_frame_s  # the least that corrects every frame
        return _told(
            NeuralChoice(
                None,
                f"The warp serves: the model ({loaded.runtime}) takes {1000 * frame_s:.1f} ms per "
                f"frame here, more than the {1000 * allowed_s:.0f} ms that {fps:.0f} fps allow."
                f"{note}",
            )
        )
    return _told(
        NeuralChoice(
            loaded,
            f"The model serves ({loaded.runtime}): {_cost(loaded, fitting[0])}, of "
            f"{1000 * allowed_s:.0f} ms allowed.{note}",
            (*fitting, Level(0, 1, 0.0)),
        )
    )


@lru_cache(maxsize=4)
def demand_neural(
    *,
    is_live: bool = True,
    folder: Path = WEIGHTS_FOLDER,
    runtimes: tuple[RuntimeName, ...] = RUNTIMES,
    clock: Clock = monotonic_s,
) -> NeuralChoice:
    """The model because it was asked for by name, however slow it is here.

    A live stream that falls behind spends fewer steps, then corrects every other chunk.

    Raises AssetError where weights are missing, damaged or do not match, DeviceError where no
    runtime is installed.
    """
    loaded, note = _loaded(folder, runtimes)
    if not is_live:
        return _told(_unmeasured(loaded, note))
    levels = tuple(_levels(loaded, clock))
    reason = f"The model serves ({loaded.runtime}), asked for by name: {_cost(loaded, levels[0])}."
    return _told(NeuralChoice(loaded, reason + note, levels))


def _unmeasured(loaded: LoadedModel, note: str) -> NeuralChoice:
    levels = tuple(Level(steps, 1, 0.0) for steps in _steps_of(loaded))
    return NeuralChoice(loaded, f"The model serves ({loaded.runtime}).{note}", levels)


def _loaded(folder: Path, runtimes: Sequence[RuntimeName]) -> tuple[LoadedModel, str]:
    """The first runtime that is installed here, and a note about those that are not."""
    missing: list[str] = []
    for runtime in runtimes:
        try:
            return load_model(folder, runtime), "".join(missing)
        except DeviceError as error:
            if runtime is runtimes[-1]:
                raise
            missing.append(f" {error}")
    raise AssertionError("at least one runtime is tried")


def _levels(loaded: LoadedModel, clock: Clock) -> list[Level]:
    """What may be spent, the most first: fewer steps, then a correction for every other chunk."""
    measured = [
        Level(steps, 1, measured_frame_s(loaded, steps, clock=clock)) for steps in _steps_of(loaded)
    ]
    least = measured[-1]
    return [*measured, replace(least, correct_every=2, model_frame_s=least.model_frame_s / 2)]


def _steps_of(loaded: LoadedModel) -> Sequence[int]:
    """Denoise steps to try, best first; a refiner has one only."""
    return (1,) if loaded.runner.is_refiner else (2, 1)


def _cost(loaded: LoadedModel, level: Level) -> str:
    """The measured time in words."""
    text = f"{1000 * level.model_frame_s:.1f} ms per frame"
    if level.correct_every > 1:
        text += f", correcting every {level.correct_every}nd"
    if loaded.runner.is_refiner:
        return text
    return f"{text} with {level.num_denoise_steps} denoise steps"


def measured_frame_s(
    loaded: LoadedModel, num_denoise_steps: int, *, clock: Clock = monotonic_s
) -> float:
    """Seconds per frame of condition, denoise and decode, at the preset's own size: the median of
    the quietest round."""
    picture_hw = (loaded.preset.picture_px, loaded.preset.picture_px)
    model = StreamModel(loaded.runner, loaded.preset, picture_hw)
    chunk, view = _blank(model.shapes)
    model.set_view(0, view)
    window = SlidingWindow(model, num_denoise_steps=num_denoise_steps)
    durations = []
    for _ in range(NUM_WARM + NUM_MEASURED):
        start_s = clock()
        model.decode(window.push(model.condition(chunk)), chunk)
        durations.append(clock() - start_s)
    size = NUM_MEASURED // NUM_ROUNDS
    rounds = (durations[NUM_WARM + k * size :][:size] for k in range(NUM_ROUNDS))
    return min(median(each) for each in rounds) / loaded.preset.autoencoder.frames_per_latent


def _blank(shapes: StreamShapes) -> tuple[ChunkInputs, ViewInputs]:
    """Inputs of the right shapes; what they show does not change the time."""

    def zeros(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.zeros(shape, np.float32)

    chunk = ChunkInputs(
        zeros(shapes.warp),
        zeros(shapes.sampling_map),
        zeros(shapes.validity),
        zeros(shapes.guidance),
        zeros(shapes.face),
    )
    view = ViewInputs(
        zeros((1, 4, *shapes.picture_hw)),
        zeros((1, 3, *shapes.reference_feature_hw)),
        zeros((1, shapes.face[-1])),
    )
    return chunk, view


def _told(choice: NeuralChoice) -> NeuralChoice:
    _log.info("%s", choice.reason)
    return choice
