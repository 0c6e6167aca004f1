"""The gallery's characters, each a fixed choice: the same choice always gives the same picture."""

from __future__ import annotations

from functools import cache

from avatar.data.cast_men import men
from avatar.data.cast_women import women
from avatar.data.casting import Casting


@cache
def cast() -> dict[str, Casting]:
    """All characters by id (the face model's assets are needed)."""
    return {**women(), **men()}
