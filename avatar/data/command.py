"""python -m avatar data render | lift | sheet | gallery | assets: the data engine from the shell.

python -m avatar data render --count 100 --seed 0 --output runs/clips
python -m avatar data sheet --kind people --look toon --output sheet.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
from tqdm import tqdm

from avatar.data.asset_convert import convert_all
from avatar.data.asset_fetch import fetch_all, pack_digest
from avatar.data.asset_sources import PACK_SHA256, SOURCES
from avatar.data.assets import PACKS, assets_dir, load_pack
from avatar.data.cast import cast
from avatar.data.casting import Finish
from avatar.data.clip import ClipPlan
from avatar.data.clip_file import write_clip
from avatar.data.gallery import VIEWS_DEG, write_entry
from avatar.data.held_out import HELD_OUT_FROM
from avatar.data.lift import Lift
from avatar.data.lift_clip import render_mixed_clip
from avatar.data.lift_file import lift_folder, read_lifts
from avatar.data.looks import Look
from avatar.data.sheet import bodies_sheet, expression_sheet, lifted_sheet, people_sheet
from avatar.data.shot import FRAMINGS
from avatar.errors import AssetError, ConfigError


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Fill in the `data` command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    looks = [look.value for look in Look]

    render = actions.add_parser("render", help="render training clips with every label")
    render.add_argument("--count", type=int, required=True, help="number of clips")
    render.add_argument("--seed", type=int, default=0, help="seed of the first clip")
    render.add_argument("--output", type=Path, required=True, help="folder for the clips")
    render.add_argument("--size", type=int, default=256, help="picture side in pixels")
    render.add_argument("--frames", type=int, default=8, help="frames per clip")
    render.add_argument("--references", type=int, default=2, help="reference pictures per clip")
    render.add_argument("--look", choices=looks, help="one look only")
    render.add_argument(
        "--photographs",
        type=Path,
        help="folder of pictures to lift to 3D and mix in; you need the right to use them",
    )
    render.add_argument(
        "--photograph-share", type=float, default=0.3, help="share of clips made of them, 0 to 1"
    )
    render.set_defaults(run=_render)

    lift = actions.add_parser("lift", help="lift photographs to 3D, one file each")
    lift.add_argument("--photographs", type=Path, required=True, help="folder of pictures")
    lift.add_argument("--output", type=Path, required=True, help="folder for the lifted people")
    lift.set_defaults(run=_lift)

    sheet = actions.add_parser("sheet", help="a contact sheet to look at")
    sheet.add_argument(
        "--kind",
        choices=("people", "expressions", "mouths", "eyes", "half_body", "full_body", "lifted"),
        default="people",
    )
    sheet.add_argument("--lifted", type=Path, help="folder of lifted photographs to show")
    sheet.add_argument("--look", choices=looks, default=Look.REALISTIC.value)
    sheet.add_argument("--count", type=int, default=64, help="people on a people sheet")
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--size", type=int, default=256, help="side of one picture in pixels")
    sheet.add_argument("--output", type=Path, required=True, help="picture file to write")
    sheet.set_defaults(run=_sheet)

    gallery = actions.add_parser("gallery", help="render the gallery's characters")
    gallery.add_argument("--only", help="ids separated by commas")
    gallery.add_argument("--views", type=int, default=3, choices=range(1, len(VIEWS_DEG) + 1))
    gallery.add_argument("--output", type=Path, required=True, help="folder of the gallery")
    gallery.set_defaults(run=_gallery)

    assets = actions.add_parser("assets", help="check the open 3D assets, fetch their originals")
    assets.add_argument(
        "--fetch",
        type=Path,
        metavar="FOLDER",
        help="fetch the originals at their pinned commits and verify them (some hundred MB)",
    )
    assets.add_argument(
        "--convert",
        type=Path,
        metavar="FOLDER",
        help="make face, body and wardrobe packs of what --fetch brought to that folder",
    )
    assets.set_defaults(run=_assets)


def _positive(value: int, name: str) -> int:
    if value < 1:
        raise ConfigError(f"--{name} {value}: must be at least 1.")
    return value


def _render(arguments: argparse.Namespace) -> int:
    if not 64 <= arguments.size <= 1024:
        raise ConfigError(f"--size {arguments.size}: must be 64 to 1024.")
    plan = ClipPlan(
        size_px=arguments.size,
        num_frames=_positive(arguments.frames, "frames"),
        num_references=_positive(arguments.references, "references"),
        look=None if arguments.look is None else Look(arguments.look),
    )
    if not 0 <= arguments.seed <= HELD_OUT_FROM - arguments.count:
        raise ConfigError(
            f"--seed {arguments.seed}: clips must have seeds from 0 to {HELD_OUT_FROM - 1}; "
            "the rest is kept for evaluation."
        )
    share = arguments.photograph_share
    if not 0 <= share <= 1:
        raise ConfigError(f"--photograph-share {share}: must be 0 to 1.")
    lifted: list[Lift] = []
    if arguments.photographs is not None:
        folder = arguments.output / "lifted"
        _lift_all(arguments.photographs, folder)
        lifted = read_lifts(folder)
    seeds = range(arguments.seed, arguments.seed + _positive(arguments.count, "count"))
    for seed in tqdm(seeds, unit="clip", disable=not sys.stderr.isatty()):
        path = arguments.output / f"clip_{seed:09d}.npz"
        if not path.is_file():  # a run that was stopped goes on where it was
            write_clip(path, render_mixed_clip(seed, plan, lifted=lifted, lifted_share=share))
    return 0


def _lift_all(pictures: Path, output: Path) -> None:
    for path, reason in tqdm(
        lift_folder(pictures, output), unit="picture", disable=not sys.stderr.isatty()
    ):
        if reason:
            tqdm.write(f"left out {path.name}: {reason}", file=sys.stderr)


def _lift(arguments: argparse.Namespace) -> int:
    _lift_all(arguments.photographs, arguments.output)
    print(f"{arguments.output}: {len(read_lifts(arguments.output))} lifted people")
    return 0


def _sheet(arguments: argparse.Namespace) -> int:
    look = Look(arguments.look)
    if arguments.kind == "people":
        rgb = people_sheet(
            look, _positive(arguments.count, "count"), arguments.seed, arguments.size
        )
    elif arguments.kind == "lifted":
        if arguments.lifted is None:
            raise ConfigError("--kind lifted: name their folder with --lifted.")
        rgb = lifted_sheet(read_lifts(arguments.lifted), arguments.size)
    elif arguments.kind in FRAMINGS:
        rgb = bodies_sheet(arguments.kind, min(arguments.count, 8), arguments.seed, arguments.size)
    else:
        part = {"expressions": "face", "mouths": "mouth", "eyes": "eyes"}[arguments.kind]
        rgb = expression_sheet(arguments.seed, look, arguments.size, part=part)
    try:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        is_written = cv2.imwrite(str(arguments.output), rgb[..., ::-1])
    except (OSError, cv2.error) as error:
        raise AssetError(f"{arguments.output}: cannot be written ({error}).") from error
    if not is_written:
        raise AssetError(f"{arguments.output}: cannot be written.")
    return 0


def _gallery(arguments: argparse.Namespace) -> int:
    everyone = cast()
    ids = list(everyone) if arguments.only is None else arguments.only.split(",")
    for name in ids:
        if name not in everyone:
            raise ConfigError(f"--only {name}: unknown; one of {', '.join(everyone)}.")
    for name in tqdm(ids, unit="character", disable=not sys.stderr.isatty()):
        write_entry(arguments.output / name, everyone[name], Finish(), arguments.views)
    return 0


def _assets(arguments: argparse.Namespace) -> int:
    if arguments.fetch is not None:
        return _fetch(arguments.fetch)
    if arguments.convert is not None:
        return _convert(arguments.convert)
    folder = assets_dir()
    num_other = 0
    for name in PACKS:
        path = folder / f"{name}.npz"
        arrays = load_pack(name)
        is_ours = pack_digest(path) == PACK_SHA256[name]
        num_other += not is_ours
        note = "as expected" if is_ours else "NOT the pack that this project was made with"
        print(f"{path}: {len(arrays)} arrays, {note}")
    return 1 if num_other else 0


def _fetch(folder: Path) -> int:
    num_failed = 0
    for source, reason in fetch_all(folder):
        if reason:
            num_failed += 1
            print(f"failed: {reason}", file=sys.stderr)
        else:
            print(f"{source.name} ({', '.join(source.packs)}): {source.terms}")
    print(f"{folder / 'originals'}: {len(SOURCES) - num_failed} of {len(SOURCES)} sources")
    return 1 if num_failed else 0


def _convert(folder: Path) -> int:
    num_failed = 0
    for name, reason in convert_all(folder):
        num_failed += bool(reason)
        print(f"failed: {reason}" if reason else folder / f"{name}.npz",
              file=sys.stderr if reason else sys.stdout)  # fmt: skip
    return 1 if num_failed else 0
