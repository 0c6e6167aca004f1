"""Sources become records: what the stream would show, drawn once, with the truth beside it.

    python -m avatar train record --rendered 2000 --output runs/records/rendered
    python -m avatar train record --lifted 400 --lifts runs/lifted --description "..." --output DIR
    python -m avatar train record --clips FILE... --description "..." --output runs/records/real

    python -m avatar train record --copy runs/records/real --compact --most 20 --output DIR

Rendered people need no tracker and may be recorded on the machine that trains; several processes
share the work by `--part K/N`. `--copy --compact` makes what must travel small. Clips go through
the stream's own motion side (`avatar.training.record_clips`). A command that was stopped goes on
where it was.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

import numpy as np

from avatar.errors import ConfigError
from avatar.model.presets import ModelPreset, preset_named
from avatar.training.examples import TrackerNoise, build_example
from avatar.training.records import RecordWriter, copy_records
from avatar.training.rendered import LiftedPeople, RenderedPeople

CANVAS_PX = 512
"""The canvas that the stream draws on."""
NUM_FRAMES = 4
"""Frames per record: two latents of presets of two frames, one without a past and one with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar train record`."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--rendered", type=int, metavar="N", help="so many rendered people")
    source.add_argument("--lifted", type=int, metavar="N", help="so many of lifted photographs")
    source.add_argument("--copy", type=Path, metavar="DIR", help="records made before")
    source.add_argument("--clips", type=Path, nargs="+", metavar="FILE", help="one person each")
    parser.add_argument("--output", type=Path, required=True, help="folder of the records")
    parser.add_argument("--preset", default="pico", help="default: pico")
    parser.add_argument("--lifts", type=Path, metavar="DIR", help="of `avatar data lift`")
    parser.add_argument("--held-out", action="store_true", help="rendered people for judging only")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="first rendered one")
    parser.add_argument("--part", default="0/1", metavar="K/N", help="every N-th one from the K-th")
    parser.add_argument("--compact", action="store_true", help="smaller files, slower to read")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="of a person, copied")
    parser.add_argument("--references", type=int, default=6, help="references per clip")
    parser.add_argument("--stride", type=int, default=2, help="every so many-th stretch of a clip")
    parser.add_argument(
        "--description", default="", help="what the clips are and under which licence"
    )


def run(arguments: argparse.Namespace) -> int:
    """Record; LiveactorError passes through."""
    preset = preset_named(arguments.preset)
    if arguments.copy:
        count = copy_records(
            arguments.copy, arguments.output, most=arguments.most, is_compact=arguments.compact
        )
        print(f"{count} records copied to {arguments.output}")
        return 0
    if arguments.clips:
        recorder = importlib.import_module("avatar.training.record_clips")  # needs the tracker
        writer = RecordWriter(arguments.output, arguments.description, is_compact=arguments.compact)
        for path in arguments.clips:
            count = recorder.record_clip(
                path,
                writer,
                preset,
                num_references=arguments.references,
                stride=arguments.stride,
            )
            print(f"{path.name}: {count} records", flush=True)
        return 0
    part, parts = (int(value) for value in arguments.part.split("/"))
    options = {
        "num_references": 1,
        "is_held_out": arguments.held_out,
        "canvas_px": CANVAS_PX,
    }
    people = RenderedPeople(preset.picture_px, **options)
    if arguments.lifted:
        if arguments.lifts is None or not arguments.description:
            raise ConfigError("--lifted needs --lifts DIR and --description.")
        people = LiftedPeople(arguments.lifts, arguments.description, preset.picture_px, **options)
    writer = RecordWriter(arguments.output, people.description, is_compact=arguments.compact)
    count = arguments.rendered or arguments.lifted
    seeds = range(arguments.first + part, arguments.first + count, parts)
    for seed in seeds:
        record_rendered(people, writer, preset, seed)
    print(f"{len(seeds)} people recorded in {arguments.output}")
    return 0


def record_rendered(
    people: RenderedPeople, writer: RecordWriter, preset: ModelPreset, seed: int
) -> None:
    """One rendered person's record."""
    name = f"{people.kind}-{seed}"
    if writer.has(name, 0):
        return
    random = np.random.default_rng([seed, 17])
    noise = TrackerNoise(
        jitter=float(random.uniform(0.001, 0.006)), bias=float(random.uniform(0.002, 0.012))
    )
    clip = people.person(seed, NUM_FRAMES)
    writer.add(name, 0, build_example(clip, preset, noise, random, num_references=1))
