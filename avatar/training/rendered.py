"""The data engine as a source of people: every clip a new rendered person, straight from memory.

Knows how a rendered clip becomes a training clip; rendering itself is `avatar.data.clip`'s.
Held-out people have seeds of their own range.
"""

from __future__ import annotations

import numpy as np

from avatar.character.layers import estimate_foreground
from avatar.data.clip import ClipPlan, render_clip
from avatar.motion.geometry import reference_geometry
from avatar.training.people import PersonClip, ReferencePicture

NUM_SEEDS = 1_000_000
HELD_OUT_FIRST = 2_000_000
NUM_HELD_OUT = 10_000


class RenderedPeople:
    """An endless crowd of rendered heads; one person per seed."""

    def __init__(
        self, picture_px: int, *, num_references: int = 2, is_held_out: bool = False
    ) -> None:
        self._picture_px, self._num_references = picture_px, num_references
        self._is_held_out = is_held_out

    @property
    def description(self) -> str:
        """For the manifest."""
        return "rendered people (ICT-FaceKit MIT, MakeHuman CC0)"

    def clip(self, random: np.random.Generator, num_frames: int) -> PersonClip:
        """Render a person."""
        seed = int(random.integers(NUM_SEEDS))
        if self._is_held_out:
            seed = HELD_OUT_FIRST + seed % NUM_HELD_OUT
        plan = ClipPlan(
            size_px=self._picture_px,
            num_frames=num_frames,
            num_references=self._num_references,
        )
        clip = render_clip(seed, plan)
        size = (self._picture_px, self._picture_px)
        references = tuple(
            ReferencePicture(
                estimate_foreground(rgb, alpha.astype(np.float32) / np.float32(255.0)),
                alpha,
                reference_geometry(landmarks, size),
            )
            for rgb, alpha, landmarks in zip(
                clip.reference_rgb_RHW3,
                clip.reference_alpha_RHW,
                clip.reference_landmarks_RN3,
                strict=True,
            )
        )
        return PersonClip(
            f"rendered-{seed}",
            references,
            clip.background_HW3,
            clip.rgb_FHW3,
            clip.alpha_FHW,
            clip.landmarks_FN3,
        )
