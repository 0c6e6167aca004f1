"""Sources of examples by name: the one place that knows which kinds exist, and their mixture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avatar.errors import ConfigError
from avatar.model.presets import ModelPreset
from avatar.training.config import DataConfig, SourceConfig
from avatar.training.examples import ClipExamples, Example, ExampleSource, TrackerNoise
from avatar.training.people import PeopleSource
from avatar.training.records import RecordedExamples
from avatar.training.shards import ShardPeople
from avatar.training.toy import ToyPeople


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


def training_source(data: DataConfig, preset: ModelPreset, picture_px: int) -> ExampleSource:
    """What is trained on; ConfigError or AssetError names what is missing."""
    if not data.sources:
        raise ConfigError("data.sources: at least one source is needed.")
    sources = [_one(config, data, preset, picture_px) for config in data.sources]
    if len(sources) == 1:
        return sources[0]
    return Mixture(sources, [config.share for config in data.sources])


def judged_sources(
    data: DataConfig, preset: ModelPreset, picture_px: int
) -> dict[str, ExampleSource]:
    """What is only judged, by name: `data.judged`, or the held-out people of `data.sources`."""
    if data.judged:
        return {
            "unseen" if k == 0 else _name(config): _one(config, data, preset, picture_px)
            for k, config in enumerate(data.judged)
        }
    sources = [_one(config, data, preset, picture_px, is_held_out=True) for config in data.sources]
    if len(sources) == 1:
        return {"unseen": sources[0]}
    return {"unseen": Mixture(sources, [config.share for config in data.sources])}


def _name(config: SourceConfig) -> str:
    return config.kind if config.path is None else config.path.name


def _one(
    config: SourceConfig,
    data: DataConfig,
    preset: ModelPreset,
    picture_px: int,
    *,
    is_held_out: bool = False,
) -> ExampleSource:
    if config.kind == "records":
        if config.path is None or is_held_out:
            raise ConfigError(
                "data.sources: records need a path, and data.judged must name what is held out."
            )
        return RecordedExamples(config.path, preset, data.num_frames)
    return ClipExamples(
        _people(config, picture_px, is_held_out),
        preset,
        num_frames=data.num_frames,
        num_references=data.num_references,
        noise=TrackerNoise(jitter=data.jitter, bias=data.bias),
    )


def _people(config: SourceConfig, picture_px: int, is_held_out: bool) -> PeopleSource:
    if config.kind == "toy":
        return ToyPeople(picture_px, is_held_out=is_held_out)
    if config.kind == "shards":
        if config.path is None:
            raise ConfigError("data.sources: a source of kind 'shards' needs a path.")
        return ShardPeople(config.path, picture_px, is_held_out=is_held_out)
    # Only here: the data engine brings its assets and kernels, which the others do without.
    from avatar.training.rendered import RenderedPeople

    return RenderedPeople(picture_px, is_held_out=is_held_out)
