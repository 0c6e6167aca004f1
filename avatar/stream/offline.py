"""python -m avatar animate --reference PICTURE... --driving CLIP --output out.mp4

The offline path: pictures and a driving clip (or a sound file) in, a clip of the living character
out. Knows the order (open, push, write) and what to tell the user; the animator is the live one,
behind the same call. The output appears whole or not at all.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tqdm import tqdm

from avatar.character.character import (
    DEFAULT_SIZE_PX,
    MAX_SIZE_PX,
    MIN_SIZE_PX,
    SIDE_MULTIPLE,
    Character,
    Framing,
)
from avatar.character.gallery import open_entry
from avatar.character.opening import open_character
from avatar.errors import ClipError
from avatar.frames import ByteArray, DrivingFrame, RenderedFrame, Tracking
from avatar.regions import ALL_CAMERA, LiveSettings, Region, Source
from avatar.stream.animator import Animator
from avatar.stream.clip import Clip
from avatar.stream.clip_writer import ClipWriter
from avatar.stream.cutout import cut_out_rgba
from avatar.stream.factory import AnimatorKind, make_animator
from avatar.stream.sound_clip import SoundClip, is_sound_only
from avatar.timing import LatencySummary

TALKING: Mapping[Region, Source] = dict.fromkeys(Region, Source.AUDIO)
"""A talking head without a camera: the voice moves the mouth, and life goes on around it."""
MAX_CHUNK_FRAMES = 8
"""No animator draws more frames than this at a time."""
FACELESS_ANIMATORS = (AnimatorKind.COPY, AnimatorKind.ECHO)
"""Those that do not track: to them a clip without a face is as good as any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimationSummary:
    """What an offline run did; the last line of `--json`."""

    output: str
    character: str
    framing: str
    width: int
    height: int
    num_frames: int
    """Pictures written."""
    duration_s: float
    """Of the driving clip, first to last picture."""
    tracked_fraction: float
    """Share of driving pictures in which the driver's face was tracked."""
    has_audio: bool
    elapsed_s: float
    fps: float
    """Driving pictures per second of processing, writing included."""
    push_p50_s: float
    push_p95_s: float
    renderer: str
    """What drew in the end: "warp", "neural", "copy" or "echo"."""
    drawing: str
    """Why that, in a sentence."""
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def open_reference(
    references: Sequence[str], *, size_px: int = DEFAULT_SIZE_PX, framing: Framing | None = None
) -> Character:
    """Open picture files, or `gallery:ID`; raises PictureError or AssetError."""
    if len(references) == 1 and references[0].startswith("gallery:"):
        return open_entry(references[0].removeprefix("gallery:"), size_px=size_px)
    paths = [Path(reference) for reference in references]
    return open_character(paths, size_px=size_px, framing=framing)


def open_driving(path: Path) -> Clip | SoundClip:
    """Open what drives: a clip, or a sound file for a talking head. Raises ClipError."""
    return SoundClip(path) if is_sound_only(path) else Clip(path)


def animate(
    *,
    character: Character,
    driving_path: Path,
    output_path: Path,
    animator: Animator,
    is_mirrored: bool = False,
    constant_fps: float | None = None,
    needs_face: bool = True,
    sources: Mapping[Region, Source] = ALL_CAMERA,
    is_transparent: bool = False,
    is_quiet: bool = False,
) -> AnimationSummary:
    """Drive a character with a clip, or a sound file, and write the result; raises ClipError.

    The animator is opened here and left open: whoever made it closes it. With `needs_face` a clip
    in which no face is ever found is an error, and nothing is written. A sound file makes the
    character talk: its `sources` are all the voice. `is_transparent` leaves the background out.
    """
    clip = open_driving(driving_path)
    if isinstance(clip, SoundClip):
        sources, needs_face = TALKING, False
    if output_path.resolve() == driving_path.resolve():
        raise ClipError(f"{output_path}: would overwrite the driving clip. Choose another name.")
    animator.configure(LiveSettings(sources=sources, is_mirrored=is_mirrored))
    animator.open(character)
    pushes_s: list[float] = []
    num_tracked = num_driving = 0
    first_s = last_s = 0.0
    start_s = time.monotonic()
    writer = ClipWriter(
        output_path,
        nominal_fps=clip.info.fps,
        sound_of=driving_path if clip.info.has_audio else None,
        constant_fps=constant_fps,
        is_transparent=is_transparent,
    )
    pictured = cut_out_rgba if is_transparent else _whole
    with writer:
        written_until_s = -1.0
        for driving in _with_progress(clip, is_quiet=is_quiet):
            pushed_s = time.monotonic()
            rendered = animator.push(driving)
            pushes_s.append(time.monotonic() - pushed_s)
            for frame in rendered:
                writer.write(pictured(frame), frame.stamp.time_s)
                written_until_s = frame.stamp.time_s
            if num_driving == 0:
                first_s = driving.stamp.time_s
            last_s = driving.stamp.time_s
            num_driving += 1
            num_tracked += _num_tracked(rendered)
        if num_driving and written_until_s < last_s:
            rest = list(_rest_of_chunk(animator, driving))
            for frame in rest:
                writer.write(pictured(frame), frame.stamp.time_s)
            num_tracked += _num_tracked(rest)
        if needs_face and num_tracked == 0:
            raise ClipError(
                f"{driving_path}: no face was found in any of its {num_driving} pictures. "
                "Use a clip in which one person looks towards the camera."
            )
    elapsed_s = time.monotonic() - start_s
    latency = LatencySummary.of(pushes_s)
    rows, columns = character.canvas_hw
    return AnimationSummary(
        output=str(output_path),
        character=character.name,
        framing=character.framing.value,
        width=columns,
        height=rows,
        num_frames=writer.num_frames,
        duration_s=round(last_s - first_s, 3),
        tracked_fraction=round(num_tracked / max(num_driving, 1), 4),
        has_audio=clip.info.has_audio,
        elapsed_s=round(elapsed_s, 3),
        fps=round(num_driving / max(elapsed_s, 1e-6), 2),
        push_p50_s=round(latency.p50_s, 5),
        push_p95_s=round(latency.p95_s, 5),
        renderer=animator.drawing.renderer,
        drawing=animator.drawing.reason,
        notes=character.notes,
    )


def _whole(frame: RenderedFrame) -> ByteArray:
    return frame.rgb_HW3


def _rest_of_chunk(animator: Animator, last: DrivingFrame) -> Iterator[RenderedFrame]:
    """What a chunked animator still holds back: the last picture is repeated until it comes out."""
    for index in range(1, MAX_CHUNK_FRAMES):
        stamp = replace(last.stamp, pts=last.stamp.pts + index)
        rendered = animator.push(DrivingFrame(stamp, last.rgb_HW3))
        yield from (frame for frame in rendered if frame.stamp.pts <= last.stamp.pts)
        if rendered:
            return


def _num_tracked(rendered: Sequence[RenderedFrame]) -> int:
    return sum(frame.tracking is Tracking.TRACKED for frame in rendered)


def _with_progress(clip: Clip | SoundClip, *, is_quiet: bool) -> Iterator[DrivingFrame]:
    """The clip's frames under a bar with an ETA where the length is known."""
    with tqdm(
        clip.frames(),
        total=clip.info.num_frames,
        unit="frame",
        desc="animating",
        disable=is_quiet,
        dynamic_ncols=True,
    ) as bar:
        yield from bar


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar animate`."""
    parser.add_argument(
        "--reference",
        nargs="+",
        required=True,
        metavar="PICTURE",
        help="1 to 4 pictures of one character (JPEG, PNG, WebP), or gallery:ID",
    )
    parser.add_argument(
        "--driving", type=Path, required=True, metavar="CLIP", help="any video, or speech to say"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="an .mp4, .mov, .mkv or .webm file"
    )
    parser.add_argument(
        "--transparent",
        action="store_true",
        help="leave the background out: .mov (ProRes 4444) or .webm (VP9)",
    )
    parser.add_argument(
        "--animator",
        type=AnimatorKind,
        default=AnimatorKind.AUTO,
        choices=list(AnimatorKind),
        help="default: auto, the model where its weights are here, else the warp",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="trained weights in place of the shipped"
    )
    parser.add_argument(
        "--framing", type=Framing, choices=list(Framing), help="default: what the picture shows"
    )
    parser.add_argument(
        "--size",
        type=size_px,
        default=DEFAULT_SIZE_PX,
        metavar="PX",
        help=f"width of the picture, a multiple of {SIDE_MULTIPLE} (default: {DEFAULT_SIZE_PX})",
    )
    parser.add_argument(
        "--fps", type=_fps, help="constant rate of the output (default: the clip's own timing)"
    )
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="move as a mirror image of the driver (default: no)",
    )
    parser.add_argument(
        "--sources",
        type=parse_sources,
        default=ALL_CAMERA,
        metavar="REGION=SOURCE,...",
        help="where a region's motion comes from, such as mouth=audio,eyes=idle (default: camera)",
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carry out `animate`; LiveactorError passes through."""
    open_driving(
        arguments.driving
    )  # a clip that cannot be read is known before the slow part begins
    character = open_reference(
        arguments.reference, size_px=arguments.size, framing=arguments.framing
    )
    animator = make_animator(arguments.animator, weights=arguments.weights)
    try:
        summary = animate(
            character=character,
            driving_path=arguments.driving,
            output_path=arguments.output,
            animator=animator,
            is_mirrored=arguments.mirror,
            constant_fps=arguments.fps,
            needs_face=arguments.animator not in FACELESS_ANIMATORS
            and Source.CAMERA in arguments.sources.values(),
            sources=arguments.sources,
            is_transparent=arguments.transparent,
        )
    finally:
        animator.close()
    if arguments.animator is AnimatorKind.AUTO:
        print(summary.drawing)
    for note in summary.notes:
        print(f"note: {note}")
    print(
        f"{summary.output}: {summary.num_frames} pictures of {summary.width} x {summary.height}, "
        f"{summary.fps:.1f} per second of processing, "
        f"face tracked in {summary.tracked_fraction:.0%}"
    )
    if arguments.json:
        print(json.dumps(summary.as_dict()))
    return 0


def size_px(text: str) -> int:
    """A canvas width from the command line."""
    value = int(text)
    if not MIN_SIZE_PX <= value <= MAX_SIZE_PX or value % SIDE_MULTIPLE:
        raise argparse.ArgumentTypeError(
            f"{value} must be a multiple of {SIDE_MULTIPLE} from {MIN_SIZE_PX} to {MAX_SIZE_PX}"
        )
    return value


def parse_sources(text: str) -> dict[Region, Source]:
    """`mouth=audio,eyes=idle` from the command line; regions left out keep the camera."""
    sources = dict(ALL_CAMERA)
    for part in text.split(","):
        region, _, source = part.partition("=")
        try:
            sources[Region(region.strip())] = Source(source.strip())
        except ValueError as error:
            raise argparse.ArgumentTypeError(
                f"'{part}' must be REGION=SOURCE with a region of {', '.join(Region)} "
                f"and a source of {', '.join(Source)}"
            ) from error
    return sources


def _fps(text: str) -> float:
    value = float(text)
    if not 1.0 <= value <= 120.0:
        raise argparse.ArgumentTypeError(f"{value:g} must lie between 1 and 120")
    return value
