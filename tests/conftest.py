"""Fixtures shared by all rooms: where real media lies, and clocks that tests move by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@dataclass
class FakeClock:
    """A clock that moves only when told."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, duration_s: float) -> None:
        self.now_s += duration_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"../shared/{name} is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips, pictures, sounds and broken files."""
    return _folder("media")


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of open 3D assets."""
    return _folder("assets")
