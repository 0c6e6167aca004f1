"""Animators by name: the one place that knows which kinds exist.

Imports of a kind happen when it is asked for, so that the echo needs no tracker and no model.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from avatar.stream.animator import Animator


class AnimatorKind(StrEnum):
    """The kinds of animator a user may name."""

    WARP = "warp"
    COPY = "copy"
    ECHO = "echo"


def make_animator(kind: AnimatorKind | str, *, is_live: bool = False) -> Animator:
    """Make an animator, not yet opened; `is_live` where frames come from a camera in real time.

    Raises ValueError for a name that is not a kind.
    """
    kind = AnimatorKind(kind)
    match kind:
        case AnimatorKind.WARP:
            from avatar.stream.warp_animator import WarpAnimator

            return WarpAnimator(is_live=is_live)
        case AnimatorKind.COPY:
            from avatar.stream.echo import CopyAnimator

            return CopyAnimator()
        case AnimatorKind.ECHO:
            from avatar.stream.echo import EchoAnimator

            return EchoAnimator()
        case _:
            assert_never(kind)
