"""How a train step looks at an example: a part of the picture, in other light.

Cropping makes steps cheaper than whole pictures do and lets each example be seen many ways; the
reference stays whole, and the sampling map goes on pointing into it. Knows arrays by name; nothing
of networks. Legend as in avatar.training.examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar.frames import FloatArray
from avatar.model.presets import ModelPreset

FACE_SHARE = 0.75
"""Part of the crops that are laid about an eye or the mouth."""
FEATURE_WEIGHT = 2.0
PICTURES = ("warp", "target", "weight")
CELLS = ("map", "validity", "guidance")
LATENTS = ("noise", "latent_noise")
COLOURED = ("warp", "target", "reference", "picture")


@dataclass(frozen=True, kw_only=True)
class TrainingView:
    """What is changed about every example, each time it is seen."""

    crop_px: int | None
    colour_jitter: float

    def of(
        self, example: dict[str, FloatArray], preset: ModelPreset, random: np.random.Generator
    ) -> dict[str, FloatArray]:
        """The example as this step sees it; the given one stays as it is."""
        seen = dict(example)
        if self.crop_px is not None:
            seen = _cropped(seen, preset, self.crop_px, random)
        if self.colour_jitter > 0:
            mixing_33 = _other_light(self.colour_jitter, random)
            seen.update({name: _lit(seen[name], mixing_33) for name in COLOURED if name in seen})
        return seen


def _cropped(
    example: dict[str, FloatArray],
    preset: ModelPreset,
    crop_px: int,
    random: np.random.Generator,
) -> dict[str, FloatArray]:
    """The part of every map and picture about a place; whole latents, so that nothing is cut."""
    rows, columns = example["warp"].shape[-2:]
    row, column = _place(example["weight"][0, 0], crop_px, random)
    step = preset.size_multiple // preset.transformer.patch_cells
    top, left = (
        int(np.clip(round((at - crop_px / 2) / step), 0, (size - crop_px) // step)) * step
        for at, size in ((row, rows), (column, columns))
    )
    result = dict(example)
    for names, cell in (
        (PICTURES, 1),
        (CELLS, preset.autoencoder.first_patch_px),
        (LATENTS, preset.autoencoder.spatial_factor),
    ):
        part = np.s_[
            ...,
            top // cell : (top + crop_px) // cell,
            left // cell : (left + crop_px) // cell,
        ]
        result.update({name: np.ascontiguousarray(example[name][part]) for name in names})
    return result


def _place(weight_HW: FloatArray, crop_px: int, random: np.random.Generator) -> tuple[float, float]:
    rows, columns = weight_HW.shape
    if random.uniform() < FACE_SHARE:
        feature = np.flatnonzero(weight_HW[::4, ::4] > FEATURE_WEIGHT)
        if len(feature):
            row, column = divmod(int(random.choice(feature)), weight_HW[::4, ::4].shape[1])
            near = random.uniform(-0.4, 0.4, 2) * crop_px
            return 4.0 * row + near[0], 4.0 * column + near[1]
    return float(random.uniform(0, rows)), float(random.uniform(0, columns))


def _other_light(most: float, random: np.random.Generator) -> FloatArray:
    """Colours dimmed, each by its own share, and paler: nothing leaves the range."""
    gain_3 = 1.0 - most * random.uniform(size=3) * random.uniform()
    paler = most * random.uniform()
    mixing_33 = gain_3[:, None] * ((1.0 - paler) * np.eye(3) + paler / 3.0)
    return mixing_33.astype(np.float32)


def _lit(picture: FloatArray, mixing_33: FloatArray) -> FloatArray:
    """Frames (F, C, H, W) or one (C, H, W) whose first three channels are colours in [-1, 1]."""
    result = picture.copy()
    colours = picture[..., :3, :, :] + np.float32(1.0)
    mixed = np.tensordot(mixing_33, colours, axes=(1, colours.ndim - 3))
    result[..., :3, :, :] = np.moveaxis(mixed, 0, colours.ndim - 3) - np.float32(1.0)
    return result
