"""What several tests of this room are run under."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from avatar.character.character import Character, Framing, ReferenceView
from avatar.training.people import PersonClip
from avatar.training.toy import ToyPeople
from avatar.warp.rig import build_rig

CANVAS = 256
"""Twice the pictures of the tiny model: a correction has to be brought to the canvas' size."""


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """Torch's threads wait for each other when the machine is busy: small networks crawl."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clip() -> PersonClip:
    return ToyPeople(CANVAS).clip(np.random.default_rng(0), 6)


@pytest.fixture(scope="module")
def character(clip: PersonClip) -> Character:
    main = clip.references[0]
    return Character(
        id="toy",
        name="Toy",
        framing=Framing.PORTRAIT,
        views=tuple(
            ReferenceView(r.foreground_HW3, r.foreground_HW3, r.alpha_HW, r.geometry)
            for r in clip.references
        ),
        background_HW3=clip.background_HW3,
        thumbnail_webp=b"",
        rig=build_rig(main.geometry, main.foreground_HW3, main.alpha_HW),
    )
