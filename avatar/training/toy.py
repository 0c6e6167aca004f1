"""Toy people: painted masks of the mean face that turn, talk, blink and look; no asset needed.

Knows enough of a face to have what the warp cannot show (teeth behind closed lips, eyes behind
lids, cheeks on the far side); far too simple to learn real faces from. They prove the recipe in CI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray, FloatArray
from avatar.motion import topology as topo
from avatar.motion.geometry import place_head, reference_geometry
from avatar.motion.rotation import from_yaw_pitch_roll
from avatar.training.people import PersonClip, ReferencePicture
from avatar.warp.raster import RasterTarget, rasterise

TEXTURE_PX = 128
SKIN, EYES, MOUTH = 1, 2, 3
HEAD_SIZE = 0.21
"""Inter-ocular distance over the picture's side."""
HELD_OUT_EVERY = 10
"""Every tenth person is for judging only."""


@dataclass(frozen=True, slots=True)
class _Pose:
    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    jaw: float
    lids: float
    gaze_x: float
    gaze_y: float


class ToyPeople:
    """An endless crowd by seed; `is_held_out` picks the part that training never sees."""

    def __init__(self, picture_px: int, *, num_people: int = 4000, is_held_out: bool = False):
        self._size = picture_px
        self._num_people = num_people
        self._is_held_out = is_held_out

    @property
    def description(self) -> str:
        """For the manifest."""
        return f"{self._num_people} toy people, procedural (Apache-2.0)"

    def clip(self, random: np.random.Generator, num_frames: int) -> PersonClip:
        """A person at rest, and then in motion."""
        number = int(random.integers(self._num_people // HELD_OUT_EVERY)) * HELD_OUT_EVERY
        if not self._is_held_out:
            number += int(random.integers(1, HELD_OUT_EVERY))
        person = _Person(number, self._size)
        rest = [_rest_pose(random) for _ in range(2)]
        references = [person.draw(pose) for pose in rest]
        poses = _motion(random, num_frames)
        frames = [person.draw(pose) for pose in poses]
        double = _shape_of(number + self._num_people)
        return PersonClip(
            person=f"toy-{number}",
            references=tuple(
                ReferencePicture(
                    foreground, alpha, reference_geometry(landmarks, (self._size, self._size))
                )
                for _, foreground, alpha, landmarks in references
            ),
            background_HW3=person.background_HW3,
            rgb_FHW3=np.stack([rgb for rgb, _, _, _ in frames]),
            alpha_FHW=np.stack([alpha for _, _, alpha, _ in frames]),
            landmarks_FN3=np.stack([landmarks for _, _, _, landmarks in frames]),
            double_landmarks_FN3=np.stack([_placed(double, pose, self._size) for pose in poses]),
        )


def _rest_pose(random: np.random.Generator) -> _Pose:
    yaw, pitch, roll, x, y, gaze_x, gaze_y = random.uniform(-1, 1, 7)
    lids = random.uniform(0.8, 1.0)
    return _Pose(
        0.15 * yaw, 0.08 * pitch, 0.05 * roll, 0.03 * x, 0.03 * y, 0.0, lids, 0.04 * gaze_x,
        0.03 * gaze_y,
    )  # fmt: skip


def _motion(random: np.random.Generator, num_frames: int) -> list[_Pose]:
    """Sums of two slow waves per degree of freedom; blinks now and then."""
    time = np.arange(num_frames)
    phase, rate = random.uniform(0, 2 * np.pi, (8, 2)), random.uniform(0.08, 0.45, (8, 2))
    waves = np.sin(phase[..., None] + rate[..., None] * time).mean(1)
    yaw, pitch, roll, x, y, jaw, gaze_x, gaze_y = waves
    reach = random.uniform(0.15, 0.6)
    blink = np.clip(np.abs(np.mod(time + random.integers(30), 17) - 3) / 2.0, 0.05, 1.0)
    return [
        _Pose(
            float(reach * yaw[k]),
            float(0.25 * pitch[k]),
            float(0.15 * roll[k]),
            float(0.06 * x[k]),
            float(0.05 * y[k]),
            float(max(0.0, 0.1 + 0.45 * jaw[k])),
            float(blink[k]),
            float(0.06 * gaze_x[k]),
            float(0.05 * gaze_y[k]),
        )
        for k in range(num_frames)
    ]


def _shape_of(number: int) -> FloatArray:
    """A person's face at rest, in head space."""
    random = np.random.default_rng([977, number])
    return topo.canonical_face() * random.uniform(0.88, 1.14, 3).astype(np.float32)


def _centre(pose: _Pose, size: int) -> FloatArray:
    return np.array([0.5 + pose.x, 0.44 + pose.y], np.float32) * size


def _placed(shape_N3: FloatArray, pose: _Pose, size: int) -> FloatArray:
    """Landmarks in the picture of a face at a pose."""
    shape = shape_N3.copy()
    lower = np.r_[topo.LIPS_OUTER_LOWER[1:-1], topo.LIPS_INNER_LOWER[1:-1]]
    middle = float(shape[topo.LIPS_INNER_LOWER, 1].mean())
    below = np.clip((shape[:468, 1] - middle) / 0.25, 0, 1)
    shape[:468, 1] += 0.5 * pose.jaw * below
    shape[lower, 1] += 0.35 * pose.jaw
    shape[topo.LIPS_OUTER_LOWER[1:-1], 1] -= 0.10 * pose.jaw
    for upper, under in (
        (topo.LEFT_LID_UPPER, topo.LEFT_LID_LOWER),
        (topo.RIGHT_LID_UPPER, topo.RIGHT_LID_LOWER),
    ):
        shape[upper] = shape[under] + pose.lids * (shape[upper] - shape[under])
    shape[468:, :2] += (pose.gaze_x, pose.gaze_y)
    rotation = from_yaw_pitch_roll(pose.yaw, pose.pitch, pose.roll)
    return place_head(shape, rotation, _centre(pose, size), HEAD_SIZE * size)


class _Person:
    def __init__(self, number: int, size: int) -> None:
        random = np.random.default_rng([977, number])
        random.uniform(size=3)  # the face's own proportions
        self._size = size
        self.shape_N3 = _shape_of(number)
        tone = random.uniform(0.25, 0.95)
        self._skin_3 = np.array([235, 180, 150], np.float32) * tone + random.uniform(-15, 15, 3)
        self._hair_3 = random.uniform(10, 190, 3).astype(np.float32)
        self._shirt_3 = random.uniform(20, 230, 3).astype(np.float32)
        self._iris_3 = random.uniform(20, 150, 3).astype(np.float32)
        self._teeth = float(random.uniform(0.8, 1.0))
        self._hair_size = float(random.uniform(1.12, 1.35))
        self._texture = self._paint_texture(random)
        top, bottom = random.uniform(40, 230, (2, 3))
        blend = np.linspace(0, 1, size)[:, None, None]
        wave = 12 * np.sin(np.arange(size) * random.uniform(0.02, 0.2))[None, :, None]
        background = (1 - blend) * top + blend * bottom + wave
        self.background_HW3: ByteArray = np.clip(background, 0, 255).astype(np.uint8)
        left, right = topo.eye_triangles()
        groups = ((topo.face_triangles(), SKIN), (left, EYES), (right, EYES),
                  (topo.mouth_triangles(), MOUTH))  # fmt: skip
        self._triangles_T3 = np.concatenate([t for t, _ in groups]).astype(np.int32)
        self._label_T = np.concatenate([np.full(len(t), k, np.uint8) for t, k in groups])

    def _to_texture(self, points_P3: FloatArray) -> FloatArray:
        """Head space to texture texels: a frontal view."""
        return np.asarray((points_P3[:, :2] * 0.36 + 0.5) * TEXTURE_PX, np.float32)

    def _paint_texture(self, random: np.random.Generator) -> FloatArray:
        texture = np.tile(self._skin_3, (TEXTURE_PX, TEXTURE_PX, 1)).astype(np.float32)
        coarse = random.normal(0, 10, (10, 10, 3)).astype(np.float32)
        texture += cv2.resize(coarse, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_CUBIC)
        texture += random.normal(0, 3, (TEXTURE_PX, TEXTURE_PX, 1)).astype(np.float32)
        for _ in range(int(random.integers(0, 9))):  # moles: identity that must be kept
            x, y = random.uniform(0.3, 0.7, 2) * TEXTURE_PX
            dark = (self._skin_3 * 0.5).tolist()
            cv2.circle(texture, (int(x), int(y)), int(random.integers(1, 3)), dark, -1)
        lips = [np.r_[topo.LIPS_OUTER_UPPER, topo.LIPS_OUTER_LOWER[::-1]]]
        brows = [np.r_[topo.LEFT_BROW_UPPER, topo.LEFT_BROW_LOWER[::-1]],
                 np.r_[topo.RIGHT_BROW_UPPER, topo.RIGHT_BROW_LOWER[::-1]]]  # fmt: skip
        lip_3 = self._skin_3 * random.uniform([0.7, 0.3, 0.3], [1.0, 0.7, 0.7])
        for contours, colour in ((lips, lip_3), (brows, self._hair_3)):
            for contour in contours:
                polygon = np.rint(self._to_texture(self.shape_N3[contour])).astype(np.int32)
                cv2.fillPoly(texture, [polygon], colour.tolist())
        return np.clip(texture, 0, 255)

    def draw(self, pose: _Pose) -> tuple[ByteArray, ByteArray, ByteArray, FloatArray]:
        """Composite, the person alone, matte, and landmarks at a pose."""
        size = self._size
        scale, centre = HEAD_SIZE * size, _centre(pose, size)
        landmarks = _placed(self.shape_N3, pose, size)
        target = RasterTarget.of_size(size, size)
        rasterise(
            landmarks, self._to_texture(self.shape_N3), self._triangles_T3, self._label_T,
            target.map_HW2, target.depth_HW, target.label_HW,
        )  # fmt: skip
        person = np.tile(self._shirt_3, (size, size, 1)).astype(np.float32)
        alpha = np.zeros((size, size), np.float32)
        shoulder = (int(0.5 * size + 0.3 * (centre[0] - 0.5 * size)), int(1.05 * size))
        cv2.ellipse(alpha, shoulder, (int(0.42 * size), int(0.3 * size)), 0, 0, 360, (1.0,), -1)
        neck = (int(centre[0]), int(centre[1] + 1.4 * scale))
        for axes, colour in (((0.5, 1.1), 0.85 * self._skin_3),):
            size_px = (int(axes[0] * scale), int(axes[1] * scale))
            cv2.ellipse(person, neck, size_px, 0, 0, 360, colour.tolist(), -1)
            cv2.ellipse(alpha, neck, size_px, 0, 0, 360, (1.0,), -1)
        oval = landmarks[topo.FACE_OVAL, :2]
        middle = oval.mean(0)
        hair = middle + self._hair_size * (oval - middle) - [0, 0.15 * scale]
        polygon = np.rint(hair).astype(np.int32)
        cv2.fillPoly(person, [polygon], self._hair_3.tolist())
        cv2.fillPoly(alpha, [polygon], (1.0,))
        self._paint_face(person, target, landmarks)
        alpha[target.label_HW > 0] = 1.0
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.7).astype(np.float32)
        whole = person * alpha[..., None] + self.background_HW3 * (1.0 - alpha[..., None])
        return _bytes(whole), _bytes(person), _bytes(255.0 * alpha), landmarks

    def _paint_face(self, person: FloatArray, target: RasterTarget, landmarks: FloatArray) -> None:
        looked = cv2.remap(
            self._texture, target.map_HW2[..., 0], target.map_HW2[..., 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        label = target.label_HW
        person[label == SKIN] = looked[label == SKIN]
        rows, columns = np.mgrid[: self._size, : self._size].astype(np.float32)
        eyes = np.full_like(person, 235.0)
        for iris in (topo.LEFT_IRIS[0], topo.RIGHT_IRIS[0]):
            x, y = landmarks[iris, :2]
            radius = 0.085 * 0.21 * self._size
            distance = np.hypot(columns - x, rows - y)
            eyes[distance < radius] = self._iris_3
            eyes[distance < 0.5 * radius] = 10.0
        person[label == EYES] = eyes[label == EYES]
        upper = landmarks[topo.LIPS_INNER_UPPER]
        lip_y = np.interp(columns[0], upper[:, 0], upper[:, 1])
        depth = (rows - lip_y[None]) / (0.21 * self._size)
        inside = np.where(
            (depth < 0.12)[..., None], self._teeth * np.array([245, 240, 225]), [70.0, 15.0, 20.0]
        )
        person[label == MOUTH] = inside[label == MOUTH]


def _bytes(values: NDArray[Any]) -> ByteArray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
