"""python -m avatar animate | evaluate | sweep | train | export | benchmark | data ...

Every command lives in its own room and is imported only when it is called. Exit codes: 0 done,
1 an error that the message explains, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence

from avatar.errors import LiveactorError

COMMANDS: dict[str, tuple[str, str]] = {
    "animate": ("avatar.stream.offline", "let a driving clip move a character, into a file"),
    "evaluate": ("avatar.evaluation.evaluate", "measure an animator on a folder of clips"),
    "sweep": ("avatar.evaluation.sweep", "let every clip move every picture; look for tears"),
    "evaluate-voice": ("avatar.evaluation.voice", "measure the audio encoder on speech"),
    "train": ("avatar.training.command", "train a network of the project"),
    "export": ("avatar.export.command", "build a trained model for the CPU runtime"),
    "benchmark": ("avatar.evaluation.benchmark", "time an animator, stage by stage"),
    "data": ("avatar.data.command", "render people for training, fetch the assets for it"),
}
"""Name: (module with `add_commands(parser)`, one line of help)."""


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with the called command filled in; the others stay lines of the help text."""
    parser = argparse.ArgumentParser(
        prog="python -m avatar", description="One picture becomes a living character."
    )
    parser.add_argument("--verbose", action="store_true", help="say what happens, on stderr")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, (module, help_text) in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        if name == called:
            importlib.import_module(module).add_commands(command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parsed = build_parser(words).parse_args(words)
    logging.basicConfig(
        level=logging.INFO if parsed.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        return int(parsed.run(parsed) or 0)
    except LiveactorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
