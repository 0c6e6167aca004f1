"""Examples by number: clips become arrays, with everything random in them drawn beforehand.

Example `g` of a run is the same on any machine, after any resume and for any number of devices: all
its randomness (clip, tracker noise, dropout, the noise of the flow) comes from (seed, g). Runs the
classical warp; knows no network.

Legend: B batch, F frames, L latents, R references, H, W pixels, h, w feature cells, M face numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from avatar.frames import (
    ByteArray,
    FloatArray,
    MouthInterior,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.model.encoders import Driving
from avatar.model.presets import ModelPreset
from avatar.motion import topology as topo
from avatar.motion.double import motions_of_double
from avatar.motion.geometry import face_motion, place_head
from avatar.motion.mouth_interior import measure_mouth_interior
from avatar.stream.neural_inputs import NeuralInputs, picture_4HW, reference_view, stack
from avatar.training.people import PeopleSource, PersonClip
from avatar.training.views import TrainingView
from avatar.warp.rig import build_rig

EYE_WEIGHT, MOUTH_WEIGHT = 6.0, 6.0
"""How much more an eye's or the mouth's pixel counts than another (design/model.md §3)."""
NUM_FLAGS = 8
"""Uniform numbers drawn per example for what an objective may want to decide at random."""

Example = dict[str, FloatArray]
Batch = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class TrackerNoise:
    """How a tracker differs from the truth, in inter-ocular units (per clip, and per frame)."""

    jitter: float = 0.004
    bias: float = 0.008
    """Smooth over the face, the same in every frame of a clip."""
    lag_frames: float = 0.3
    """Largest lag of smoothed landmarks behind the picture."""


def add_tracker_noise(
    landmarks_FN3: FloatArray, noise: TrackerNoise, random: np.random.Generator
) -> FloatArray:
    """Landmarks as a tracker might have given them."""
    corners = landmarks_FN3[:, topo.EYE_CORNERS]
    scale = float(np.linalg.norm(corners[:, :2].mean(1) - corners[:, 2:].mean(1), axis=-1).mean())
    result = landmarks_FN3.astype(np.float32, copy=True)
    lag = random.uniform(0.0, noise.lag_frames)
    result[1:] = (1.0 - lag) * landmarks_FN3[1:] + lag * landmarks_FN3[:-1]
    # A bias that varies slowly over the face: a few random plane waves in canonical space.
    waves = random.normal(0.0, 2.0, (4, 3))
    phases = random.uniform(0.0, 2.0 * np.pi, 4)
    direction = random.normal(0.0, 0.5, (4, 3))
    field_N3 = np.sin(topo.canonical_face() @ waves.T + phases) @ direction
    jitter = random.normal(0.0, noise.jitter, result.shape)
    return np.asarray(result + scale * (noise.bias * field_N3 + jitter), np.float32)


def motion_from(
    landmarks_N3: FloatArray, interior: MouthInterior | None = None
) -> RetargetedMotion:
    """The motion that puts the person's own landmarks where they were seen (self-reenactment)."""
    face = face_motion(landmarks_N3)
    return RetargetedMotion(
        stamp=Stamp(0, Fraction(1, 25), 0.0),
        tracking=Tracking.TRACKED,
        rotation_33=face.rotation_33,
        translation_2=face.translation_2,
        scale=face.scale,
        shape_N3=face.shape_N3,
        landmarks_N3=place_head(face.shape_N3, face.rotation_33, face.translation_2, face.scale),
        gaze_22=face.gaze_22,
        lid_apertures_2=face.lid_apertures_2,
        lip_aperture=face.lip_aperture,
        mouth_interior=interior,
    )


def build_example(
    clip: PersonClip,
    preset: ModelPreset,
    noise: TrackerNoise,
    random: np.random.Generator,
    *,
    num_references: int,
    is_cross: bool = False,
) -> Example:
    """Arrays of one clip; `num_references` views are filled, missing ones hidden.

    `is_cross`: the person's double drives (the clip must have one), retargeted as in a stream; what
    it shows between its lips is not known. The truth stays the person's own.
    """
    picture_hw = clip.rgb_FHW3.shape[1], clip.rgb_FHW3.shape[2]
    main = clip.references[0]
    rig = build_rig(main.geometry, main.foreground_HW3, main.alpha_HW)
    door = NeuralInputs(rig, clip.background_HW3, preset, picture_hw)
    enlarged = clip.background_HW3.shape[0] / picture_hw[0]
    if is_cross:
        double = clip.double_landmarks_FN3
        assert double is not None, "only people with a double are driven by one"
        seen = enlarged * add_tracker_noise(double, noise, random)
        motions = motions_of_double(
            main.geometry, enlarged * clip.landmarks_FN3, enlarged * double, seen
        )
    else:
        seen = enlarged * add_tracker_noise(clip.landmarks_FN3, noise, random)
        motions = [
            motion_from(points, measure_mouth_interior(rgb, exact))
            for points, rgb, exact in zip(seen, clip.rgb_FHW3, clip.landmarks_FN3, strict=True)
        ]
    chunk = stack([door.frame(motion) for motion in motions])
    targets = zip(clip.rgb_FHW3, clip.alpha_FHW, strict=True)
    views = [
        reference_view(r.geometry, r.foreground_HW3, r.alpha_HW, preset, picture_hw)
        for r in clip.references[:num_references]
    ]
    is_seen = np.zeros(num_references, np.float32)
    is_seen[: len(views)] = random.uniform(size=len(views)) < 0.7
    is_seen[0] = 1.0
    views += [views[0]] * (num_references - len(views))
    lasting: Example = {
        "warp": chunk.warp[0],
        "map": chunk.sampling_map[0],
        "validity": chunk.validity[0],
        "guidance": chunk.guidance[0],
        "face": chunk.face[0],
        "target": np.stack([picture_4HW(rgb, alpha, picture_hw) for rgb, alpha in targets]),
        "weight": np.stack([region_weights(p, picture_hw) for p in clip.landmarks_FN3]),
        "reference": np.stack([v.picture_14HW[0] for v in views]),
        "reference_guidance": np.stack([v.guidance_13HW[0] for v in views]),
        "reference_face": np.stack([v.face_1M[0] for v in views]),
        "reference_seen": is_seen,
    }
    return with_draws(lasting, preset, random)


def with_draws(lasting: Example, preset: ModelPreset, random: np.random.Generator) -> Example:
    """The example with everything that objectives want at random, for the size it has."""
    num_frames, _, rows, columns = lasting["warp"].shape
    latent = (
        num_frames // preset.autoencoder.frames_per_latent,
        preset.autoencoder.latent_channels,
        *preset.latent_hw((rows, columns)),
    )
    return {
        **lasting,
        "noise": random.standard_normal(latent).astype(np.float32),
        "latent_noise": random.standard_normal(latent).astype(np.float32),
        "times": random.uniform(size=latent[0]).astype(np.float32),
        "flags": random.uniform(size=NUM_FLAGS).astype(np.float32),
    }


def region_weights(landmarks_N3: FloatArray, picture_hw: tuple[int, int]) -> FloatArray:
    """(1, H, W): eyes and mouth count more; the mean over the picture is 1."""
    rows, columns = picture_hw
    weight = np.ones((rows, columns), np.float32)
    groups = (
        (np.r_[topo.LEFT_LID_UPPER_CREASE, topo.LEFT_LID_LOWER_CREASE[::-1]], EYE_WEIGHT),
        (np.r_[topo.RIGHT_LID_UPPER_CREASE, topo.RIGHT_LID_LOWER_CREASE[::-1]], EYE_WEIGHT),
        (np.r_[topo.LIPS_OUTER_UPPER, topo.LIPS_OUTER_LOWER[::-1]], MOUTH_WEIGHT),
    )
    for contour, value in groups:
        hull = cv2.convexHull(np.rint(landmarks_N3[contour, :2]).astype(np.int32))
        cv2.fillConvexPoly(weight, hull, (value,))
    blurred = cv2.GaussianBlur(weight, (0, 0), columns / 128.0)
    return np.asarray(blurred / blurred.mean(), np.float32)[None]


class ExampleSource(Protocol):
    """Where examples come from."""

    @property
    def description(self) -> str:
        """One line for the manifest: what the data are and under which licence."""

    def example(self, random: np.random.Generator) -> Example:
        """An example; the same generator state gives the same one."""


class ClipExamples:
    """Clips of people, warped and measured as they are drawn."""

    def __init__(
        self,
        people: PeopleSource,
        preset: ModelPreset,
        *,
        num_frames: int,
        num_references: int,
        noise: TrackerNoise,
        cross_share: float = 0.0,
    ) -> None:
        """`cross_share` of the people with a double are driven by it."""
        self._people, self._preset, self._noise = people, preset, noise
        self._cross_share = cross_share
        self._num_frames, self._num_references = num_frames, num_references

    @property
    def description(self) -> str:
        """As the people's source describes itself."""
        return self._people.description

    def example(self, random: np.random.Generator) -> Example:
        """An example of the next person."""
        clip = self._people.clip(random, self._num_frames)
        # Nothing is drawn where nobody is to be driven so: earlier runs keep their examples.
        is_cross = (
            self._cross_share > 0.0
            and clip.double_landmarks_FN3 is not None
            and random.uniform() < self._cross_share
        )
        return build_example(
            clip,
            self._preset,
            self._noise,
            random,
            num_references=self._num_references,
            is_cross=is_cross,
        )


class Examples(Dataset[Example]):
    """Examples by number."""

    def __init__(
        self,
        source: ExampleSource,
        preset: ModelPreset,
        *,
        seed: int,
        pool: int | None = None,
        view: TrainingView | None = None,
    ) -> None:
        """`pool`: number of different examples; they are kept in memory and come again."""
        self._source, self._preset, self._seed = source, preset, seed
        self._pool, self._view = pool, view
        self._kept: dict[int, Example] = {}

    def __getitem__(self, number: int) -> Example:
        """Example `number`; numbers have no end."""
        random = np.random.default_rng([self._seed, number])
        if self._pool is None:
            example = self._source.example(random)
        else:
            kept = number % self._pool
            if kept not in self._kept:
                own = np.random.default_rng([self._seed, kept])
                self._kept[kept] = self._source.example(own)
            example = self._kept[kept]
        return example if self._view is None else self._view.of(example, self._preset, random)


class _Numbers(Sampler[list[int]]):
    """Which examples this device takes, batch after batch, from a train step on."""

    def __init__(self, first_step: int, last_step: int, batch: int, rank: int, world: int) -> None:
        self._steps = range(first_step, last_step)
        self._batch, self._rank, self._world = batch, rank, world

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[list[int]]:
        share = self._batch // self._world
        for step in self._steps:
            start = step * self._batch + self._rank * share
            yield list(range(start, start + share))


def collate(examples: list[Example]) -> Batch:
    """Examples as one batch of tensors."""
    return {
        name: torch.from_numpy(np.stack([example[name] for example in examples]))
        for name in examples[0]
    }


def batches(
    examples: Examples,
    *,
    first_step: int,
    last_step: int,
    batch_size: int,
    rank: int = 0,
    world_size: int = 1,
    num_workers: int = 0,
) -> DataLoader[Example]:
    """This device's share of every train step's batch, in order, whoever makes them."""
    if batch_size % world_size:
        raise ValueError(f"batch_size {batch_size} is not a multiple of {world_size} devices")
    return DataLoader(
        examples,
        batch_sampler=_Numbers(first_step, last_step, batch_size, rank, world_size),
        num_workers=num_workers,
        collate_fn=collate,
        persistent_workers=num_workers > 0,
    )


def driving_of(batch: Batch) -> Driving:
    """The batch's part that the model sees of the driver."""
    return Driving(batch["warp"], batch["map"], batch["validity"], batch["guidance"], batch["face"])


def as_picture(frame_4HW: Tensor) -> ByteArray:
    """A frame of the model's range as RGB bytes."""
    rgb = ((frame_4HW[:3].float() + 1.0) * 127.5).round().clamp(0, 255).byte()
    return rgb.permute(1, 2, 0).cpu().numpy()
