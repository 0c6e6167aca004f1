"""python -m avatar train voice --config configs/train_voice.toml

Knows the names of the trainings; each lives in its own package and is imported when it is called.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

TRAININGS: dict[str, tuple[str, str]] = {
    "voice": ("avatar.training.voice.trainer", "the audio encoder, from synthesised speech"),
}
"""Name: (module with `train(config_path)`, one line of help)."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m avatar train`."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, (_, help_text) in TRAININGS.items():
        training = what.add_parser(name, help=help_text, description=help_text)
        training.add_argument(
            "--config", type=Path, required=True, help="a TOML file, such as configs/train_*.toml"
        )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train; LiveactorError passes through."""
    module, _ = TRAININGS[arguments.what]
    importlib.import_module(module).train(arguments.config)
    return 0
