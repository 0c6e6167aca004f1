"""Animators by name: the one place that knows which kinds exist.

Imports of a kind happen when it is asked for, so that the echo needs no tracker and no model. What
serves in the end, and why, is in the animator's `drawing`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import assert_never

from avatar.stream.animator import Animator


class AnimatorKind(StrEnum):
    """The kinds of animator a user may name."""

    AUTO = "auto"
    """The model where its weights load and, live, the machine keeps up; else the warp."""
    NEURAL = "neural"
    WARP = "warp"
    COPY = "copy"
    ECHO = "echo"


def make_animator(
    kind: AnimatorKind | str,
    *,
    is_live: bool = False,
    fps: float = 25.0,
    weights: Path | None = None,
) -> Animator:
    """Make an animator, not yet opened; `is_live` where frames come from a camera in real time.

    `weights` is a folder of trained weights in place of those that come with the project. Raises
    ValueError for a name that is not a kind; AssetError or DeviceError where the neural one is
    asked for by name and cannot be had.
    """
    kind = AnimatorKind(kind)
    match kind:
        case AnimatorKind.AUTO:
            return _best_animator(is_live=is_live, fps=fps, weights=weights)
        case AnimatorKind.NEURAL:
            from avatar.stream.neural_choice import WEIGHTS_FOLDER, demand_neural

            demanded = demand_neural(folder=weights or WEIGHTS_FOLDER, is_live=is_live)
            return demanded.animator(is_live=is_live, fps=fps, is_strict=True)
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


def _best_animator(*, is_live: bool, fps: float, weights: Path | None) -> Animator:
    from avatar.stream.neural_choice import WEIGHTS_FOLDER, choose_neural
    from avatar.stream.warp_animator import WarpAnimator

    choice = choose_neural(is_live=is_live, fps=fps, folder=weights or WEIGHTS_FOLDER)
    if choice.loaded is None:
        return WarpAnimator(is_live=is_live, reason=choice.reason)
    return choice.animator(is_live=is_live, fps=fps)
