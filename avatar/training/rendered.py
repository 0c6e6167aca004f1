"""The data engine as a source of people: every clip a new rendered person, straight from memory.

Knows how a rendered clip becomes a training clip; rendering itself is `avatar.data.clip`'s.
Held-out people have seeds of their own range.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avatar.character.layers import estimate_foreground
from avatar.data.clip import Clip, ClipPlan, render_clip
from avatar.data.lift_clip import render_lifted_clip
from avatar.data.lift_file import read_lifts
from avatar.frames import ByteArray
from avatar.motion.geometry import reference_geometry
from avatar.training.people import PersonClip, ReferencePicture

NUM_SEEDS = 1_000_000
HELD_OUT_FIRST = 2_000_000
NUM_HELD_OUT = 10_000


class RenderedPeople:
    """An endless crowd of rendered heads; one person per seed."""

    kind = "rendered"

    def __init__(
        self,
        picture_px: int,
        *,
        num_references: int = 2,
        is_held_out: bool = False,
        canvas_px: int | None = None,
    ) -> None:
        """`canvas_px`: the canvas that the warp draws on; not given, the picture's own size."""
        self._picture_px, self._num_references = picture_px, num_references
        self._canvas_px = canvas_px or picture_px
        self._is_held_out = is_held_out

    @property
    def description(self) -> str:
        """For the manifest."""
        return "rendered people (ICT-FaceKit MIT, MakeHuman CC0)"

    def clip(self, random: np.random.Generator, num_frames: int) -> PersonClip:
        """Render a random person."""
        return self.person(int(random.integers(NUM_SEEDS)), num_frames)

    def person(self, seed: int, num_frames: int) -> PersonClip:
        """Render the person of a seed (a held-out one where the source is of those)."""
        if self._is_held_out:
            seed = HELD_OUT_FIRST + seed % NUM_HELD_OUT
        plan = ClipPlan(
            size_px=self._picture_px,
            num_frames=num_frames,
            num_references=self._num_references,
        )
        clip = self._render(seed, plan)
        factor = self._canvas_px / self._picture_px
        references = tuple(
            ReferencePicture(
                estimate_foreground(rgb, alpha.astype(np.float32) / np.float32(255.0)),
                alpha,
                reference_geometry(landmarks, (self._canvas_px, self._canvas_px)),
            )
            for rgb, alpha, landmarks in zip(
                [self._on_canvas(rgb) for rgb in clip.reference_rgb_RHW3],
                [self._on_canvas(alpha) for alpha in clip.reference_alpha_RHW],
                (factor * clip.reference_landmarks_RN3).astype(np.float32),
                strict=True,
            )
        )
        return PersonClip(
            f"{self.kind}-{seed}",
            references,
            self._on_canvas(clip.background_HW3),
            clip.rgb_FHW3,
            clip.alpha_FHW,
            clip.landmarks_FN3,
            clip.driver_landmarks_FN3,
        )

    def _render(self, seed: int, plan: ClipPlan) -> Clip:
        return render_clip(seed, plan)

    def _on_canvas(self, picture: ByteArray) -> ByteArray:
        size = (self._canvas_px, self._canvas_px)
        if picture.shape[:2] == size:
            return picture
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


class LiftedPeople(RenderedPeople):
    """Photographs lifted to 3D, and their relatives of other shape and tint; one clip per seed."""

    kind = "lifted"

    def __init__(self, folder: Path, description: str, picture_px: int, **options: Any) -> None:
        """`folder` as written by `python -m avatar data lift`; AssetError where it holds none."""
        super().__init__(picture_px, **options)
        self._lifts = read_lifts(folder)
        self._description = description

    @property
    def description(self) -> str:
        """As given: which photographs, and under which licence."""
        return self._description

    def _render(self, seed: int, plan: ClipPlan) -> Clip:
        return render_lifted_clip(seed, self._lifts, plan)
