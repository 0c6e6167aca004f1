"""`python -m client probe | speak`: measure a running server, or let its avatar talk.

Exit codes: 0 measured, 1 could not be measured (one line on standard error), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from client.probe import CAMERA_FPS, ProbeError, describe, measure, to_json


def main(arguments: list[str] | None = None) -> int:
    """Run a client command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m client")
    commands = parser.add_subparsers(dest="command", required=True)
    probe = commands.add_parser("probe", help="measure a running server through a real browser")
    probe.add_argument("--url", default="http://127.0.0.1:8080/", help="the app's address")
    probe.add_argument("--clip", type=Path, required=True, help="video that plays as the camera")
    probe.add_argument("--seconds", type=float, default=20.0, help="how long to measure")
    probe.add_argument("--camera-fps", type=float, default=CAMERA_FPS, help="the camera's rate")
    probe.add_argument("--character", help="id of a gallery character; default: the first")
    probe.add_argument("--screenshot", type=Path, help="write the page's picture to this PNG")
    probe.add_argument("--json", action="store_true", help="print one line of JSON at the end")
    speak = commands.add_parser("speak", help="let the avatar of a live session talk")
    speaking = (list(sys.argv[1:]) if arguments is None else arguments)[:1] == ["speak"]
    if speaking:
        from client import speaker  # needs the extra `client`

        speaker.add_commands(speak)
    options = parser.parse_args(arguments)
    if speaking:
        return int(options.run(options))
    if options.seconds <= 0:
        parser.error("--seconds must be above 0")
    if not 1 <= options.camera_fps <= 120:
        parser.error("--camera-fps must be from 1 to 120")
    try:
        report = measure(
            options.url,
            options.clip,
            seconds=options.seconds,
            character=options.character,
            screenshot=options.screenshot,
            camera_fps=options.camera_fps,
        )
    except ProbeError as error:
        print(error, file=sys.stderr)
        return 1
    print(describe(report))
    if options.json:
        print(to_json(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
