"""python -m avatar benchmark --animator warp --json

Times an animator offline, stage by stage: every push of a clip, warmed up first, reading and
cutting the clip not counted. What it tells is what one process can do with the cores it gets; the
live figure (transport, browser) is the server's benchmark. The last line is JSON with `fps`.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from avatar.character.character import Character
from avatar.character.gallery import list_entries
from avatar.errors import AssetError, ConfigError
from avatar.evaluation.contenders import Contender, contender
from avatar.evaluation.machine import machine, peak_resident_mb, resident_mb
from avatar.frames import ByteArray, DrivingFrame, Stamp
from avatar.model.loading import RuntimeName
from avatar.stream.animator import Animator
from avatar.stream.clip import CLIP_TIME_BASE, Clip
from avatar.stream.factory import AnimatorKind
from avatar.stream.neural_choice import RUNTIMES, WEIGHTS_FOLDER
from avatar.stream.offline import open_reference, size_px
from avatar.timing import LatencySummary

CAMERA_HW = (480, 640)
"""What a browser's camera usually sends."""
_CAMERA_FPS = 25
_MAX_HELD_FRAMES = 300
_SWAY_IOD_PX = 75.0
"""Size of the face of someone who sits before a webcam."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar benchmark`."""
    parser.add_argument(
        "--animator",
        type=contender,
        default=contender(AnimatorKind.WARP),
        metavar="NAME",
        help=f"{', '.join(AnimatorKind)}, or neural:OPTION=VALUE (default: warp)",
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="of the model (default: cpu)"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="trained weights in place of the shipped"
    )
    parser.add_argument(
        "--reference",
        nargs="+",
        metavar="PICTURE",
        help="pictures, or gallery:ID (default: the gallery's first)",
    )
    parser.add_argument(
        "--driving",
        type=Path,
        metavar="CLIP",
        help="any video (default: the reference itself, swaying before the camera)",
    )
    parser.add_argument("--size", type=size_px, default=512, metavar="PX", help="default: 512")
    parser.add_argument("--frames", type=int, default=250, help="timed pushes (default: 250)")
    parser.add_argument("--warm-up", type=int, default=25, help="pushes before (default: 25)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry out `benchmark`; LiveactorError passes through."""
    references = arguments.reference
    if references is None:
        entries = list_entries()
        if not entries:
            raise AssetError("The gallery is empty: name a picture with --reference.")
        references = [f"gallery:{entries[0].id}"]
    character = open_reference(references, size_px=arguments.size)
    if arguments.driving is None:
        pictures = swaying_pictures(character)
    else:
        pictures = camera_pictures(Clip(arguments.driving))
    chosen = _on_device(arguments.animator, arguments.device)
    before_mb = resident_mb()
    animator = chosen.make(weights=arguments.weights)
    try:
        result = time_animator(
            animator,
            character,
            pictures,
            num_frames=max(1, arguments.frames),
            num_warm_up=max(0, arguments.warm_up),
        )
        drawing = animator.drawing
        memory = {"before_mb": before_mb, "after_mb": resident_mb(), "peak_mb": peak_resident_mb()}
    finally:
        animator.close()
    result = {
        "animator": arguments.animator.name,
        "device": arguments.device,
        **result,
        "renderer": drawing.renderer,
        "drawing": drawing.reason,
        "memory": memory,
        "model": _model_cost(chosen, arguments.weights) if drawing.renderer == "neural" else None,
        "machine": machine(),
    }
    stages = result["stages"]
    assert isinstance(stages, dict)
    print(f"{'stage':>10}  {'p50 ms':>8}  {'p95 ms':>8}")
    for name, summary in stages.items():
        print(f"{name:>10}  {summary['p50_s'] * 1e3:8.2f}  {summary['p95_s'] * 1e3:8.2f}")
    print(drawing.reason)
    if result["model"] is not None:
        print(f"model: {result['model']}")
    print(f"memory: {memory}")
    print(f"{result['fps']:.1f} frames per second on {machine()}")
    if arguments.json:
        print(json.dumps(result))
    return 0


def _on_device(chosen: Contender, device: str) -> Contender:
    """The model's runtime for a device; ConfigError for what runs on the CPU only."""
    if device == "cpu":
        return chosen
    if not chosen.name.startswith(AnimatorKind.NEURAL):
        raise ConfigError(f"--device {device}: '{chosen.name}' runs on the CPU only.")
    return replace(chosen, options={**chosen.options, "runtime": RuntimeName.COMPILED})


def _model_cost(chosen: Contender, weights: Path | None) -> dict[str, object]:
    """What a frame of the model costs, in the runtime that served."""
    from avatar.evaluation.model_cost import model_cost

    runtime = RuntimeName(chosen.options.get("runtime", RUNTIMES[0]))
    steps = int(chosen.options.get("steps", 2))
    return asdict(model_cost(weights or WEIGHTS_FOLDER, runtime, steps))


def camera_pictures(clip: Clip) -> list[ByteArray]:
    """The clip as a camera would send it: CAMERA_HW, the middle of the picture."""
    rows, columns = CAMERA_HW
    pictures: list[ByteArray] = []
    for driving in islice(clip.frames(), _MAX_HELD_FRAMES):
        assert driving.rgb_HW3 is not None
        height, width = driving.rgb_HW3.shape[:2]
        factor = max(rows / height, columns / width)
        size = (max(columns, round(width * factor)), max(rows, round(height * factor)))
        grown = cv2.resize(driving.rgb_HW3, size, interpolation=cv2.INTER_AREA)
        top, left = (size[1] - rows) // 2, (size[0] - columns) // 2
        pictures.append(np.ascontiguousarray(grown[top : top + rows, left : left + columns]))
    return pictures


def swaying_pictures(character: Character) -> list[ByteArray]:
    """The character's own picture before the camera, moving and turning a little."""
    rows, columns = CAMERA_HW
    view = character.views[0]
    face = view.geometry
    pictures: list[ByteArray] = []
    for phase in np.linspace(0.0, 2.0 * math.pi, 4 * _CAMERA_FPS, endpoint=False):
        angle_deg = 5.0 * math.sin(2.0 * phase)
        zoom = _SWAY_IOD_PX / face.scale * (1.0 + 0.06 * math.sin(phase))
        centre = (float(face.translation_2[0]), float(face.translation_2[1]))
        matrix = cv2.getRotationMatrix2D(centre, angle_deg, zoom)
        matrix[0, 2] += columns / 2 - centre[0] + 40.0 * math.sin(phase)
        matrix[1, 2] += rows / 2 - centre[1] + 12.0 * math.cos(phase)
        picture = cv2.warpAffine(
            view.rgb_HW3, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE
        )
        pictures.append(np.asarray(picture, np.uint8))
    return pictures


def time_animator(
    animator: Animator,
    character: Character,
    pictures: Sequence[ByteArray],
    *,
    num_frames: int,
    num_warm_up: int,
) -> dict[str, object]:
    """Push `num_frames` after `num_warm_up`; percentiles per stage and frames per second."""
    animator.open(character)
    driving = _as_camera(pictures)
    for frame in islice(driving, num_warm_up):
        animator.push(frame)
    pushes_s: list[float] = []
    stages_s: dict[str, list[float]] = {}
    num_rendered = 0
    for frame in islice(driving, num_frames):
        start_s = time.perf_counter()
        rendered = animator.push(frame)
        pushes_s.append(time.perf_counter() - start_s)
        num_rendered += len(rendered)
        for picture in rendered:
            for stage, duration_s in picture.stage_s.items():
                stages_s.setdefault(stage, []).append(duration_s)
    stages_s["push"] = pushes_s
    rows, columns = character.canvas_hw
    return {
        "fps": round(num_rendered / sum(pushes_s), 2),
        "num_frames": num_rendered,
        "canvas": f"{columns}x{rows}",
        "camera": f"{CAMERA_HW[1]}x{CAMERA_HW[0]}",
        "stages": {name: _summary(values) for name, values in stages_s.items()},
    }


def _as_camera(pictures: Sequence[ByteArray]) -> Iterator[DrivingFrame]:
    """The pictures forth and back for ever, stamped at the camera's rate."""
    there_and_back = [*pictures, *reversed(pictures)]
    step = round(1 / _CAMERA_FPS / CLIP_TIME_BASE)
    for index, rgb_HW3 in enumerate(cycle(there_and_back)):
        stamp = Stamp(pts=index * step, time_base=CLIP_TIME_BASE, arrival_s=time.monotonic())
        yield DrivingFrame(stamp=stamp, rgb_HW3=rgb_HW3)


def _summary(values_s: Sequence[float]) -> dict[str, float]:
    summary = LatencySummary.of(values_s)
    return {
        "p50_s": round(summary.p50_s, 6),
        "p95_s": round(summary.p95_s, 6),
        "mean_s": round(summary.mean_s, 6),
    }
