"""Good earlier frames of a stream as further references: which are worth keeping.

A reference shows one pose and one expression; what the stream has drawn since shows others, and a
transformer may look at up to four views. A frame is kept when it shows something new, the model
trusts it and it is as sharp as the reference. The model's own output must not feed on itself: a
frame whose colours have left those of the warp, which draws the true reference only, is refused.

Knows what a good frame is and how it becomes a view; does not know the network.
Legend: H, W pixels; h, w feature cells; V numbers that describe a look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from avatar.character.character import Character
from avatar.character.layers import estimate_foreground
from avatar.frames import (
    ByteArray,
    FloatArray,
    ReferenceGeometry,
    RetargetedMotion,
    Tracking,
)
from avatar.model.presets import ModelPreset
from avatar.model.runtime import StreamModel
from avatar.motion.geometry import reference_geometry
from avatar.motion.rotation import log_rotation
from avatar.stream.neural_inputs import reference_view

TURN_RAD, LIPS, LIDS = 0.30, 0.25, 0.12
"""Differences that make another look: of the head's turn, lip gap and lid apertures."""


@dataclass(frozen=True, kw_only=True)
class KeepRules:
    """When a frame becomes a further reference."""

    min_novelty: float = 1.0
    """Distance of looks (see TURN_RAD and others) from every view that there is."""
    min_trust: float = 0.5
    """Mean trust where the warp has moved something: there the frame is the model's word."""
    min_sharpness: float = 0.8
    """Of the person, relative to the reference's."""
    max_drift: float = 3.0
    """Levels of 255 by which the person's mean colour may differ from the warp's."""
    min_apart_frames: int = 25
    """Between two that are kept: a view costs as much as some frames."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One drawn frame, as far as it is judged."""

    motion: RetargetedMotion
    warp_rgb_HW3: ByteArray
    trust_hw: FloatArray
    moved_hw: FloatArray
    draw: Callable[[], tuple[ByteArray, ByteArray]]
    """Its picture and matte; most frames show nothing new, and are not drawn for this."""


class EarlierFrames:
    """The looks of a stream's views, and which slot a frame should take."""

    def __init__(
        self,
        views: list[ReferenceGeometry],
        reference_rgb_HW3: ByteArray,
        reference_alpha_HW: ByteArray,
        *,
        num_slots: int,
        rules: KeepRules,
    ) -> None:
        """`views` are the character's own, the reference first; slots after them may be filled."""
        self._reference = views[0]
        self._own = [_look(view, views[0]) for view in views]
        self._sharpness = sharpness(reference_rgb_HW3, reference_alpha_HW)
        self._num_free = max(0, num_slots - len(views))
        self._rules = rules
        self._kept: list[FloatArray] = []
        self._num_since = rules.min_apart_frames

    @property
    def num_kept(self) -> int:
        """Earlier frames among the views."""
        return len(self._kept)

    def restart(self) -> None:
        """Forget them all."""
        self._kept.clear()
        self._num_since = self._rules.min_apart_frames

    def slot_for(self, frame: Seen) -> int | None:
        """The view that a frame should become, which counts as done; None to leave all as is."""
        self._num_since += 1
        if self._num_free == 0 or self._num_since <= self._rules.min_apart_frames:
            return None
        look_V = _look(frame.motion, self._reference)
        index = self._place(look_V)
        if index is None or not self._is_good(frame):
            return None
        self._kept[index : index + 1] = [look_V]
        self._num_since = 0
        return len(self._own) + index

    def _place(self, look_V: FloatArray) -> int | None:
        """Among those kept; full, only where the looks become more different than they are."""
        others = [*self._own, *self._kept]
        if _nearest(look_V, others) < self._rules.min_novelty:
            return None
        if len(self._kept) < self._num_free:
            return len(self._kept)
        rests = [[*self._own, *self._kept[:k], *self._kept[k + 1 :]] for k in range(self._num_free)]
        crowded = [_nearest(kept, rest) for kept, rest in zip(self._kept, rests, strict=True)]
        weakest = int(np.argmin(crowded))
        return weakest if _nearest(look_V, rests[weakest]) > crowded[weakest] else None

    def _is_good(self, frame: Seen) -> bool:
        rules = self._rules
        if frame.motion.tracking is not Tracking.TRACKED:
            return False
        moved = float(frame.moved_hw.sum())
        if float((frame.trust_hw * frame.moved_hw).sum()) < rules.min_trust * moved:
            return False
        rgb_HW3, alpha_HW = frame.draw()
        is_person = alpha_HW > 127
        if not is_person.any():
            return False
        change = rgb_HW3.astype(np.int16) - frame.warp_rgb_HW3
        if float(np.abs(change[is_person].mean(0)).max()) > rules.max_drift:
            return False
        return sharpness(rgb_HW3, alpha_HW) >= rules.min_sharpness * self._sharpness


class EarlierViews:
    """A model's free views, filled with earlier frames of one character's stream."""

    def __init__(
        self, model: StreamModel, character: Character, preset: ModelPreset, rules: KeepRules
    ) -> None:
        views = character.views[: model.max_views]
        self._model, self._preset, self._num_own = model, preset, len(views)
        self._frames = EarlierFrames(
            [view.geometry for view in views],
            views[0].rgb_HW3,
            views[0].alpha_HW,
            num_slots=model.max_views,
            rules=rules,
        )

    @property
    def num_kept(self) -> int:
        """Earlier frames that are references now."""
        return self._frames.num_kept

    def consider(self, frame: Seen) -> None:
        """Make a frame a further reference where it is worth it."""
        slot = self._frames.slot_for(frame)
        if slot is None:
            return
        rgb_HW3, alpha_HW = frame.draw()
        geometry = reference_geometry(
            frame.motion.landmarks_N3, (alpha_HW.shape[0], alpha_HW.shape[1])
        )
        alone = estimate_foreground(rgb_HW3, alpha_HW.astype(np.float32) / np.float32(255.0))
        picture_hw = self._model.shapes.picture_hw
        view = reference_view(geometry, alone, alpha_HW, self._preset, picture_hw)
        self._model.set_view(slot, view)

    def restart(self) -> None:
        """Forget them all; the character's own views stay."""
        self._frames.restart()
        self._model.clear_views(self._num_own)


def sharpness(rgb_HW3: ByteArray, alpha_HW: ByteArray) -> float:
    """Mean absolute Laplacian of the person's luma."""
    grey = cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY)
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_16S))
    inside = cv2.erode((alpha_HW > 127).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float(edges[inside].mean()) if inside.any() else 0.0


def _look(seen: RetargetedMotion | ReferenceGeometry, reference: ReferenceGeometry) -> FloatArray:
    """(V,) how a head is turned and a face is open, relative to the reference; 1 is another."""
    turn_3 = log_rotation((seen.rotation_33 @ reference.rotation_33.T).astype(np.float32))
    lips = seen.lip_aperture - reference.lip_aperture
    lids_2 = seen.lid_apertures_2 - reference.lid_apertures_2
    parts = (turn_3 / TURN_RAD, [lips / LIPS], lids_2 / LIDS)
    return np.concatenate(parts).astype(np.float32)


def _nearest(look_V: FloatArray, others: list[FloatArray]) -> float:
    return min(float(np.linalg.norm(look_V - other)) for other in others)
