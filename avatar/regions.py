"""Regions of a character and where each takes its motion from: the live settings of a session.

Knows the words; `avatar.motion.mixer` gives them their effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Region(StrEnum):
    """A part of the character that can be switched on its own."""

    MOUTH = "mouth"
    EYES = "eyes"
    BROWS = "brows"
    HEAD = "head"
    BODY = "body"
    HANDS = "hands"


class Source(StrEnum):
    """Where a region's motion comes from."""

    CAMERA = "camera"
    AUDIO = "audio"
    IDLE = "idle"
    STILL = "still"


ALL_CAMERA: Mapping[Region, Source] = dict.fromkeys(Region, Source.CAMERA)


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What a user may change while the character lives."""

    sources: Mapping[Region, Source] = field(default_factory=lambda: dict(ALL_CAMERA))
    is_mirrored: bool = True
    """The character moves like a mirror image: the driver's left hand moves on picture left."""
    is_refining: bool = True
    """The driver's neutral follows slow changes of posture; off where a neutral is to be kept."""
