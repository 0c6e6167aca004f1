from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from avatar.config import build_section, load_config
from avatar.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate_hz: float = 25.0
    codec: Literal["vp8", "h264"] = "vp8"


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    count: int = 1
    folder: Path | None = None
    tags: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"count = {self.count}: must not be negative.")


def test_values_nest_and_keep_their_types() -> None:
    outer = build_section(
        Outer,
        {"name": "a", "folder": "x/y", "tags": ["b"], "inner": {"rate_hz": 30, "codec": "h264"}},
        where="t",
    )
    assert outer == Outer(
        name="a", folder=Path("x/y"), tags=("b",), inner=Inner(rate_hz=30.0, codec="h264")
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "a", "cuont": 2}, ["'cuont'", "'count'"]),
        ({"name": "a", "inner": {"rate_hzz": 2}}, ["inner", "'rate_hzz'", "'rate_hz'"]),
        ({"count": 2}, ["missing", "'name'"]),
        ({"name": 3}, ["name", "str"]),
        ({"name": "a", "count": True}, ["count", "int"]),
        ({"name": "a", "count": -1}, ["count", "negative"]),
        ({"name": "a", "inner": {"codec": "av1"}}, ["codec", "vp8, h264"]),
        ({"name": "a", "tags": "b"}, ["tags", "list"]),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    values: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as refusal:
        build_section(Outer, values, where="serve.toml")
    for word in ["serve.toml", *words]:
        assert word in str(refusal.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        load_config(tmp_path / "nowhere.toml", Outer)
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(ConfigError, match=r"broken\.toml: is not valid TOML"):
        load_config(broken, Outer)
