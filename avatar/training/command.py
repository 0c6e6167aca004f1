"""python -m avatar train voice|features|autoencoder|teacher|distil --config configs/train_....toml

    python -m avatar train prepare --clips FOLDER --description "..." --output runs/shards
    python -m avatar train record --rendered N --output runs/records/rendered

Knows the names of the trainings; each lives in its own package and is imported when it is called.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

TRAININGS: dict[str, tuple[str, str]] = {
    "autoencoder": (
        "avatar.training.autoencoder_stage",
        "the autoencoder and the refiner, a learned correction of the warp",
    ),
    "features": (
        "avatar.training.features_stage",
        "a net that knows faces, whose features judge what distillation draws",
    ),
    "teacher": ("avatar.training.teacher_stage", "the denoising transformer, many steps"),
    "distil": ("avatar.training.distil_stage", "the student of 1 to 4 steps, from the teacher"),
    "voice": ("avatar.training.voice.trainer", "the audio encoder, from synthesised speech"),
}
"""Name: (module with `train(config_path)`, one line of help)."""

PREPARATIONS = {
    "prepare": "real clips and stills become shards",
    "publish": "weights of a finished run become the ones that ship",
    "record": "rendered people and real clips become records, ready to train on",
}
"""Name of the command and of its module here: one line of help."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar train`."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, (_, help_text) in TRAININGS.items():
        training = what.add_parser(name, help=help_text, description=help_text)
        training.add_argument(
            "--config", type=Path, required=True, help="a TOML file, such as configs/train_*.toml"
        )
    for name, help_text in PREPARATIONS.items():
        preparing = what.add_parser(name, help=help_text)
        if name in sys.argv:  # its arguments need other rooms, which take a second to import
            importlib.import_module(f"avatar.training.{name}").add_arguments(preparing)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train; LiveactorError passes through."""
    if arguments.what in PREPARATIONS:
        return int(importlib.import_module(f"avatar.training.{arguments.what}").run(arguments))
    module, _ = TRAININGS[arguments.what]
    importlib.import_module(module).train(arguments.config)
    return 0
