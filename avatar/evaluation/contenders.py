"""What may be evaluated, by name: the product's animators, classical variants, the model cut down.

    copy | warp | echo | auto | neural                      as anywhere else
    warp-no-mouth | warp-still-background | warp-blurred    see avatar.evaluation.variants
    neural:steps=1  neural:without=face-tokens  neural:views=1  neural:runtime=eager
    neural:earlier=kept                                     (good frames become references)
                                                            and any of them, joined by commas

Knows names; does not know metrics.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from avatar.character.character import Character
from avatar.errors import ConfigError
from avatar.evaluation.ablation import AblatedRunner, Ablation
from avatar.evaluation.variants import CONTROLS, Variant, VariantAnimator
from avatar.model.loading import RuntimeName
from avatar.model.runtime import GraphRunner
from avatar.stream.animator import Animator
from avatar.stream.earlier_frames import KeepRules
from avatar.stream.effort import Level
from avatar.stream.factory import AnimatorKind, make_animator
from avatar.stream.neural import NeuralAnimator
from avatar.stream.neural_choice import RUNTIMES, WEIGHTS_FOLDER, demand_neural
from avatar.stream.neural_renderer import NeuralRenderer
from avatar.stream.performer import FaceSource
from avatar.stream.warp_animator import WarpAnimator, WarpStream

_NEURAL = "neural:"
OPTIONS = ("steps", "without", "views", "runtime", "earlier")


@dataclass(frozen=True, slots=True)
class Contender:
    """One animator of a comparison."""

    name: str
    options: Mapping[str, str]
    """Of a `neural:...`; empty for every other."""

    @property
    def is_classical(self) -> bool:
        """Whether a model must beat it: neither trained, nor the floor, nor a control."""
        return self.name == AnimatorKind.WARP or (
            self.name in list(Variant) and self.name not in list(CONTROLS)
        )

    def make(
        self, *, weights: Path | None = None, face_tracker: FaceSource | None = None
    ) -> Animator:
        """The animator, not yet opened; AssetError, DeviceError or ConfigError by name."""
        if self.name in list(Variant):
            return VariantAnimator(Variant(self.name), face_tracker=face_tracker)
        if self.name.startswith(AnimatorKind.NEURAL):
            return _neural(self.options, weights or WEIGHTS_FOLDER, face_tracker)
        if self.name == AnimatorKind.WARP:
            return WarpAnimator(face_tracker=face_tracker)
        return make_animator(self.name, weights=weights)


def contender(text: str) -> Contender:
    """From the command line."""
    if text in list(Variant) or text in list(AnimatorKind):
        return Contender(text, {})
    if not text.startswith(_NEURAL):
        known = ", ".join([*AnimatorKind, *Variant])
        raise argparse.ArgumentTypeError(f"'{text}' must be one of {known}, or neural:OPTION=VALUE")
    options: dict[str, str] = {}
    for part in text.removeprefix(_NEURAL).split(","):
        key, _, value = part.partition("=")
        allowed = {
            "steps": "a number from 1 to 64",
            "views": "a number from 1 to 4",
            "without": ", ".join(Ablation),
            "runtime": ", ".join(RuntimeName),
            "earlier": "kept",
        }
        if key not in allowed:
            raise argparse.ArgumentTypeError(
                f"'{part}' in '{text}': options are {', '.join(OPTIONS)}"
            )
        is_known = {
            "steps": value.isdecimal() and 1 <= int(value) <= 64,
            "views": value.isdecimal() and 1 <= int(value) <= 4,
            "without": value in list(Ablation),
            "runtime": value in list(RuntimeName),
            "earlier": value == "kept",
        }[key]
        if not is_known:
            raise argparse.ArgumentTypeError(f"'{part}' in '{text}': must be {allowed[key]}")
        options[key] = value
    return Contender(text, options)


def _neural(
    options: Mapping[str, str], weights: Path, face_tracker: FaceSource | None
) -> NeuralAnimator:
    runtimes = (RuntimeName(options["runtime"]),) if "runtime" in options else RUNTIMES
    choice = demand_neural(is_live=False, folder=weights, runtimes=runtimes)
    assert choice.loaded is not None
    runner: GraphRunner = choice.loaded.runner.twin()
    if "without" in options:
        runner = AblatedRunner(runner, Ablation(options["without"]))
    if "earlier" in options and runner.is_refiner:
        raise ConfigError(
            "neural:earlier=kept: these weights are a refiner, which looks at no further reference."
        )
    levels = choice.levels
    if "steps" in options:
        levels = (Level(int(options["steps"]), 1, 0.0),)
    animator = _FewerViews(
        runner,
        choice.loaded.preset,
        levels=levels,
        reason=choice.reason,
        face_tracker=face_tracker,
        keep=KeepRules() if "earlier" in options else None,
    )
    if "views" in options:
        animator.num_views = int(options["views"])
    return animator


class _FewerViews(NeuralAnimator):
    """The model with no more than a number of the character's views."""

    num_views: int | None = None
    """None: all that there are."""

    def _renderer_of(self, character: Character) -> NeuralRenderer | WarpStream:
        return super()._renderer_of(replace(character, views=character.views[: self.num_views]))
