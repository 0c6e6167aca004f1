"""The plan of the house as a test: who may import whom, one door per heavy library, small files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("avatar", "server", "client")

VOCABULARY = {"config", "errors", "frames", "jit", "regions", "timing"}
"""Modules at the top of avatar/, which every room may use."""

_BELOW_CHARACTER = {"motion", "warp", "model"}
_BELOW_STREAM = _BELOW_CHARACTER | {"character"}
_BELOW_USES = _BELOW_STREAM | {"stream"}
MAY_IMPORT: dict[str, set[str]] = {
    "motion": set(),
    "warp": {"motion"},
    "model": set(),
    "character": _BELOW_CHARACTER,
    "stream": _BELOW_STREAM,
    "data": _BELOW_USES,
    "training": _BELOW_USES | {"data"},
    "export": _BELOW_USES,
    "evaluation": _BELOW_USES | {"data"},
}
"""Room of avatar/: rooms of avatar/ that it may use, besides the vocabulary and itself."""

SERVER_MAY_IMPORT = {"stream", "character"}
"""`character`: the server's builder process opens gallery and uploads, its packed form travels."""
CLIENT_MAY_IMPORT = {"server.protocol"}

DOORS: dict[str, tuple[str, ...]] = {
    "mediapipe": ("avatar/motion/tracker*.py",),
    "aiortc": ("server/*.py", "client/*.py"),
    "aioice": ("server/*.py", "client/*.py"),
    "aiohttp": ("server/*.py", "client/*.py"),
    "asyncio": ("server/*.py", "client/*.py"),
    "torch": (
        "avatar/model/**/*.py",
        "avatar/training/**/*.py",
        "avatar/export/**/*.py",
        "avatar/data/**/*.py",
        "avatar/evaluation/**/*.py",
    ),
    "openvino": ("avatar/model/**/*.py", "avatar/export/**/*.py"),
    "tensorrt": ("avatar/model/**/*.py", "avatar/export/**/*.py"),
    "playwright": ("server/benchmark*.py", "client/*.py", "avatar/evaluation/**/*.py"),
}
"""Library: the only files of ours that may import it."""

MAX_LINES = 400
BANNED_NAMES = re.compile(r"(^|_)(utils?|helpers?|manager|misc|common)(_|$)")
MACHINE_PATH = re.compile(r"""["'](/work|/root|/home)/""")


def _sources() -> list[Path]:
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert found, "the packages are where this test expects them"
    return sorted(found)


def _module(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything a file imports, wherever in the file."""
    package = _module(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package[: len(package) - node.level + 1], base]).rstrip(".")
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def _is_allowed(importer: str, imported: str) -> bool:
    """Whether a module of ours may import another one of ours."""
    top, *rest = importer.split(".")
    target_top, *target = imported.split(".")
    room = target[0] if target else ""
    if top == "client":
        return target_top == "client" or any(
            imported == name or imported.startswith(name + ".") for name in CLIENT_MAY_IMPORT
        )
    if top == "server":
        return target_top == "server" or (
            target_top == "avatar" and room in VOCABULARY | SERVER_MAY_IMPORT
        )
    if target_top != "avatar":
        return False
    own = rest[0] if rest else ""
    if own == "__main__":
        return True
    if own in VOCABULARY or not own:
        return room in VOCABULARY
    assert own in MAY_IMPORT, f"room avatar/{own} is not in the plan: add it to MAY_IMPORT"
    return room in VOCABULARY or room == own or room in MAY_IMPORT[own]


def test_imports_run_one_way() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in _sources()
        for line, name in _imports(path)
        if name.split(".")[0] in PACKAGES and not _is_allowed(_module(path), name)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_heavy_library_has_its_doors() -> None:
    wrong = []
    for path in _sources():
        relative = path.relative_to(ROOT)
        for line, name in _imports(path):
            doors = DOORS.get(name.split(".")[0])
            if doors is not None and not any(path in ROOT.glob(door) for door in doors):
                wrong.append(f"{relative}:{line} imports {name}; its doors are {', '.join(doors)}")
    assert not wrong, "\n".join(wrong)


def test_files_are_short_and_say_what_they_are() -> None:
    wrong = []
    for path in _sources():
        text = path.read_text(encoding="utf-8")
        num_lines = text.count("\n")
        if num_lines > MAX_LINES:
            wrong.append(f"{path.relative_to(ROOT)} has {num_lines} lines, more than {MAX_LINES}")
        if not ast.get_docstring(ast.parse(text)):
            wrong.append(f"{path.relative_to(ROOT)} has no opening docstring")
    assert not wrong, "\n".join(wrong)


def test_names_say_something() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in _sources()
        for part in path.relative_to(ROOT).with_suffix("").parts
        if BANNED_NAMES.search(part)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in _sources()}
    folders |= {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    missing = [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").is_file()]
    assert not missing, "without __init__.py: " + ", ".join(sorted(missing))


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in _sources()
        if MACHINE_PATH.search(path.read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("importer", "imported", "is_allowed"),
    [
        ("avatar.motion.tracker", "avatar.frames.Motion", True),
        ("avatar.motion.tracker", "avatar.stream.clip", False),
        ("avatar.frames", "avatar.motion.geometry", False),
        ("avatar.stream.offline", "avatar.evaluation.metrics", False),
        ("avatar.warp.rig", "avatar.character.character", False),
        ("server.app", "avatar.stream.factory", True),
        ("server.app", "avatar.motion.tracker", False),
        ("avatar.stream.offline", "server.app", False),
        ("client.probe", "server.protocol.Hello", True),
        ("client.probe", "server.app", False),
        ("client.probe", "avatar.frames", False),
    ],
)
def test_the_rule_itself_can_tell_right_from_wrong(
    importer: str, imported: str, is_allowed: bool
) -> None:
    assert _is_allowed(importer, imported) is is_allowed
