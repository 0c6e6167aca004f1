"""Sources of people by name: the one place that knows which kinds exist."""

from __future__ import annotations

from collections.abc import Sequence

from avatar.errors import ConfigError
from avatar.training.config import SourceConfig
from avatar.training.people import Mixture, PeopleSource
from avatar.training.shards import ShardPeople
from avatar.training.toy import ToyPeople


def make_source(
    configs: Sequence[SourceConfig], picture_px: int, *, is_held_out: bool = False
) -> PeopleSource:
    """All configured sources as one; `is_held_out` gives their unseen people instead.

    Raises ConfigError or AssetError naming what is missing.
    """
    if not configs:
        raise ConfigError("data.sources: at least one source is needed.")
    sources = [_one(config, picture_px, is_held_out) for config in configs]
    if len(sources) == 1:
        return sources[0]
    return Mixture(sources, [config.share for config in configs])


def _one(config: SourceConfig, picture_px: int, is_held_out: bool) -> PeopleSource:
    if config.kind == "toy":
        return ToyPeople(picture_px, is_held_out=is_held_out)
    if config.kind == "shards":
        if config.path is None:
            raise ConfigError("data.sources: a source of kind 'shards' needs a path.")
        return ShardPeople(config.path, picture_px, is_held_out=is_held_out)
    # Only here: the data engine brings its assets and kernels, which the others do without.
    from avatar.training.rendered import RenderedPeople

    return RenderedPeople(picture_px, is_held_out=is_held_out)
