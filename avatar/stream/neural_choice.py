"""Whether the neural animator serves here: its weights must load, and this machine must keep up.

The machine is measured, not guessed: the stream's own chunk is drawn a number of times with the
weights in question, with 2 and then with 1 denoise step. The answer always says why; nobody gets
the warp in the model's place without being told.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from avatar.errors import AssetError, DeviceError
from avatar.model.loading import LoadedModel, RuntimeName, load_model
from avatar.model.runtime import ChunkInputs, StreamModel, ViewInputs
from avatar.model.shapes import StreamShapes
from avatar.stream.neural import NeuralAnimator
from avatar.stream.window import SlidingWindow
from avatar.timing import Clock, monotonic_s

_log = logging.getLogger(__name__)

WEIGHTS_FOLDER = Path(__file__).resolve().parents[1] / "model" / "weights" / "nano"
"""Where shipped weights lie; the folder does not exist while none are worth shipping."""
NUM_WARM, NUM_MEASURED = 3, 9
MODEL_SHARE = 0.6
"""Part of a frame's time that the model may take: tracking, warp and transport need the rest."""


@dataclass(frozen=True, slots=True)
class NeuralChoice:
    """The measured answer."""

    animator: NeuralAnimator | None
    """Ready to open; None where the warp has to serve."""
    reason: str
    """One sentence for the log and the page, whatever the answer."""
    frame_s: float | None = None
    """Measured model time per frame at the chosen number of steps."""
    num_denoise_steps: int | None = None


def choose_neural(
    *,
    fps: float = 25.0,
    folder: Path = WEIGHTS_FOLDER,
    runtime: RuntimeName = RuntimeName.OPENVINO,
    num_threads: int = 1,
    clock: Clock = monotonic_s,
) -> NeuralChoice:
    """Load, measure, decide. Never raises for missing weights or a missing runtime: it says so."""
    try:
        loaded = load_model(folder, runtime, num_threads=num_threads)
    except (AssetError, DeviceError) as error:
        return _told(NeuralChoice(None, f"The warp serves: {error}"))
    allowed_s = MODEL_SHARE / fps
    frame_s = 0.0
    for num_steps in (2, 1):
        frame_s = measured_frame_s(loaded, num_steps, clock=clock)
        if frame_s <= allowed_s:
            return _told(
                NeuralChoice(
                    NeuralAnimator(loaded.runner, loaded.preset, num_denoise_steps=num_steps),
                    f"The model serves ({loaded.runtime}): {1000 * frame_s:.1f} ms per frame with "
                    f"{num_steps} denoise steps, of {1000 * allowed_s:.0f} ms allowed.",
                    frame_s,
                    num_steps,
                )
            )
        if loaded.runner.is_refiner:
            break
    return _told(
        NeuralChoice(
            None,
            f"The warp serves: the model ({loaded.runtime}) takes {1000 * frame_s:.1f} ms per "
            f"frame here, more than the {1000 * allowed_s:.0f} ms that {fps:.0f} fps allow.",
            frame_s,
        )
    )


def measured_frame_s(
    loaded: LoadedModel, num_denoise_steps: int, *, clock: Clock = monotonic_s
) -> float:
    """Median seconds per frame of condition, denoise and decode, at the preset's own size."""
    size = (loaded.preset.picture_px, loaded.preset.picture_px)
    model = StreamModel(loaded.runner, loaded.preset, size)
    chunk, view = _blank(model.shapes)
    model.set_view(0, view)
    window = SlidingWindow(model, num_denoise_steps=num_denoise_steps)
    durations = []
    for _ in range(NUM_WARM + NUM_MEASURED):
        start_s = clock()
        model.decode(window.push(model.condition(chunk)), chunk)
        durations.append(clock() - start_s)
    return median(durations[NUM_WARM:]) / loaded.preset.autoencoder.frames_per_latent


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
        zeros((1, 3, *shapes.feature_hw)),
        zeros((1, shapes.face[-1])),
    )
    return chunk, view


def _told(choice: NeuralChoice) -> NeuralChoice:
    _log.info("%s", choice.reason)
    return choice
