"""JSON to frozen dataclasses and back, strictly: every field known, present and of its type.

Knows types and sizes; does not know what any message means. Nothing that a stranger sends gets past
here unchecked, and nothing is converted silently.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

_Message = TypeVar("_Message")


class ProtocolError(ValueError):
    """A message that cannot be accepted; `code` is a stable word, the text names the field."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def to_json(message: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values (tuples become lists)."""
    return {f.name: _plain(getattr(message, f.name)) for f in dataclasses.fields(message)}


def from_json(kind: type[_Message], values: Mapping[str, Any], *, where: str) -> _Message:
    """Plain JSON values as a dataclass; every field checked, unknown ones refused."""
    assert dataclasses.is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for name in values:
        if name not in fields:
            raise ProtocolError("unknown_field", f"{where}: unknown field '{str(name)[:40]}'.")
    arguments: dict[str, Any] = {}
    for name, f in fields.items():
        if name in values:
            arguments[name] = _convert(hints[name], values[name], f"{where}.{name}")
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise ProtocolError("missing_field", f"{where}: missing field '{name}'.")
    return kind(**arguments)


def load_object(text: str | bytes, max_bytes: int) -> dict[str, Any]:
    """A JSON object from text of at most `max_bytes`. Raises ProtocolError."""
    if len(text) > max_bytes or (isinstance(text, str) and len(text.encode()) > max_bytes):
        raise ProtocolError("too_large", f"message is larger than {max_bytes} bytes.")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("not_json", "message is not valid JSON.") from error
    if not isinstance(values, dict):
        raise ProtocolError("not_json", "message is not a JSON object.")
    return values


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _convert(next(c for c in choices if c is not type(None)), value, where)
    if origin is Literal:
        if value not in choices:
            raise ProtocolError("bad_value", f"{where}: must be {' or '.join(map(repr, choices))}.")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ProtocolError("bad_type", f"{where}: must be a list.")
        return tuple(_convert(choices[0], item, f"{where}[]") for item in value)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise ProtocolError("bad_type", f"{where}: must be an object.")
        return {
            key: _convert(choices[1], item, f"{where}.{key[:40]}") for key, item in value.items()
        }
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ProtocolError("bad_type", f"{where}: must be an object.")
        return from_json(typing.cast(type[Any], hint), value, where=where)
    if hint is float:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise ProtocolError("bad_type", f"{where}: must be a finite number.")
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ProtocolError("bad_type", f"{where}: must be {hint.__name__}.")
    return value
