"""Sources of examples by name: the one place that knows which kinds exist, and their mixture.

A stage says what it makes of a source (`MakeSource`); which sources there are, and who of them is
only judged, is the same for all stages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from avatar.errors import ConfigError
from avatar.model.presets import ModelPreset
from avatar.training.config import DataConfig, SourceConfig
from avatar.training.examples import ClipExamples, Example, ExampleSource, TrackerNoise
from avatar.training.people import PeopleSource
from avatar.training.records import RecordedExamples
from avatar.training.shards import ShardPeople
from avatar.training.toy import ToyPeople

MakeSource = Callable[[SourceConfig, bool], ExampleSource]
"""Examples of one source; True for its held-out people."""


class Mixture:
    """Several sources, each with its share of the examples."""

    def __init__(self, sources: Sequence[ExampleSource], shares: Sequence[float]) -> None:
        if len(sources) != len(shares) or not sources or min(shares) < 0 or sum(shares) <= 0:
            raise ValueError("a mixture needs one share, not negative, for each of its sources")
        self._sources = tuple(sources)
        self._shares = np.asarray(shares, np.float64) / sum(shares)

    @property
    def description(self) -> str:
        """All parts with their shares."""
        return "; ".join(
            f"{100 * share:.0f} % {source.description}"
            for source, share in zip(self._sources, self._shares, strict=True)
        )

    def example(self, random: np.random.Generator) -> Example:
        """An example of one of the sources."""
        chosen = int(random.choice(len(self._sources), p=self._shares))
        return self._sources[chosen].example(random)


def training_source(data: DataConfig, make: MakeSource) -> ExampleSource:
    """What is trained on; ConfigError or AssetError names what is missing."""
    if not data.sources:
        raise ConfigError("data.sources: at least one source is needed.")
    sources = [make(config, False) for config in data.sources]
    if len(sources) == 1:
        return sources[0]
    return Mixture(sources, [config.share for config in data.sources])


def judged_sources(data: DataConfig, make: MakeSource) -> dict[str, ExampleSource]:
    """What is only judged, by name: `data.judged`, or the held-out people of `data.sources`."""
    if data.judged:
        return {
            "unseen" if k == 0 else _name(config): make(config, False)
            for k, config in enumerate(data.judged)
        }
    sources = [make(config, True) for config in data.sources]
    if len(sources) == 1:
        return {"unseen": sources[0]}
    return {"unseen": Mixture(sources, [config.share for config in data.sources])}


def _name(config: SourceConfig) -> str:
    return config.kind if config.path is None else config.path.name


def drawing_examples(data: DataConfig, preset: ModelPreset, picture_px: int) -> MakeSource:
    """Examples for stages that draw: the warp, its measurements and the truth."""

    def make(config: SourceConfig, is_held_out: bool) -> ExampleSource:
        if config.kind == "records":
            if config.path is None or is_held_out:
                raise ConfigError(
                    "data.sources: records need a path, and data.judged must name what is held out."
                )
            return RecordedExamples(config.path, preset, data.num_frames)
        return ClipExamples(
            people_of(config, picture_px, is_held_out),
            preset,
            num_frames=data.num_frames,
            num_references=data.num_references,
            noise=TrackerNoise(jitter=data.jitter, bias=data.bias),
            cross_share=data.cross_share,
        )

    return make


def people_of(config: SourceConfig, picture_px: int, is_held_out: bool) -> PeopleSource:
    """The people of a source; ConfigError for one that holds finished examples only."""
    if config.kind == "records":
        raise ConfigError("data.sources: records hold no landmarks; name toy, shards or rendered.")
    if config.kind == "toy":
        return ToyPeople(picture_px, is_held_out=is_held_out)
    if config.kind == "shards":
        if config.path is None:
            raise ConfigError("data.sources: a source of kind 'shards' needs a path.")
        return ShardPeople(config.path, picture_px, is_held_out=is_held_out)
    # Only here: the data engine brings its assets and kernels, which the others do without.
    from avatar.training.rendered import RenderedPeople

    return RenderedPeople(picture_px, is_held_out=is_held_out)
