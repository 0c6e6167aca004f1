"""Configuration is data: a TOML file becomes a frozen dataclass, or an error that names the key.

Knows how to read and check; does not know what any section means. Sections are dataclasses that
live beside the code they configure (`kw_only=True, frozen=True`, a docstring under each field).
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from avatar.errors import ConfigError

Section = TypeVar("Section")


def load_config(path: Path, section: type[Section]) -> Section:
    """Read a TOML file into `section`.

    Raises ConfigError naming the file, the key and the nearest valid one.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}.") from error
    return build_section(section, values, where=str(path))


def build_section(section: type[Section], values: Mapping[str, Any], *, where: str) -> Section:
    """Build a (nested) dataclass from plain values; `where` prefixes every message."""
    assert dataclasses.is_dataclass(section)
    hints = typing.get_type_hints(section)
    fields = {f.name: f for f in dataclasses.fields(section) if f.init}
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(f"{where}: unknown key '{key}'{_nearest(key, list(fields))}.")
        arguments[key] = _convert(hints[key], value, f"{where}: {key}")
    missing = [
        name
        for name, f in fields.items()
        if name not in arguments
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: missing key '{missing[0]}'.")
    try:
        return section(**arguments)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _nearest(key: str, valid: list[str]) -> str:
    close = difflib.get_close_matches(key, valid, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; valid keys: {', '.join(sorted(valid))}"


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Check one value against its type hint; ints pass as floats, lists as tuples."""
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in choices if option is not type(None)]
        assert len(options) == 1, "a config field has one type, or one type or None"
        return _convert(options[0], value, where)
    if origin is typing.Literal:
        if value not in choices:
            allowed = ", ".join(map(str, choices))
            raise ConfigError(f"{where} = {value!r}: must be one of {allowed}.")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where} = {value!r}: must be a list.")
        return tuple(_convert(choices[0], item, where) for item in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} = {value!r}: must be a table.")
        return {name: _convert(choices[1], item, f"{where}.{name}") for name, item in value.items()}
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} = {value!r}: must be a table.")
        return build_section(typing.cast(type[Any], hint), value, where=where)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        names = [str(member.value) for member in hint]
        if value not in names:
            raise ConfigError(f"{where} = {value!r}: must be one of {', '.join(names)}.")
        return hint(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{where} = {value!r}: must be {hint.__name__}.")
    return value
