"""What the face-features net learns from: pictures of people, damaged on purpose, with the truth.

Every label follows from the matte and the landmarks that each source of people has: which part of
a person a cell shows, where chosen points are, how far lids and lips are open. The damage is what
drawn faces suffer from (blur, ghosts, spots); it varies over the picture, so that telling it needs
to be local. Knows pictures and landmarks; no network.

Legend: F frames, H, W pixels, h, w cells of `CELL_PX` pixels, K regions, P points, D damages,
M measures, N landmarks.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar.frames import ByteArray, FloatArray
from avatar.motion import topology as topo
from avatar.motion.geometry import face_motion
from avatar.training.examples import Example
from avatar.training.people import PeopleSource

CELL_PX = 4
REGIONS = (
    "background", "person", "face", "brows", "left_eye", "right_eye", "lips", "mouth",
)  # fmt: skip
"""In order of painting: each covers those before it."""
POINTS = (
    33, 133, 159, 145, 468, 263, 362, 386, 374, 473,  # corners, lids, iris of both eyes
    61, 291, 13, 14, 0, 17,  # corners and middles of the lips
    1, 152, 105, 334, 66, 296,  # nose, chin, brows
)  # fmt: skip
"""Landmarks whose place is asked for."""
DAMAGES = ("blurred", "ghosted", "spotted")
DAMAGE_SHARE = 0.4
"""Frames that suffer from each of them."""
MAX_BLUR_PX, MAX_GHOST_PX, MAX_SPOTS = 3.0, 5.0, 0.25
"""At 256 pixels across; spots in units of the range."""
NUM_MEASURES = 7
LID_GAIN, LIP_GAIN, GAZE_GAIN = 5.0, 5.0, 3.0
"""Bring measures to about 1."""


class FaceExamples:
    """Frames of people with their labels, any source of people."""

    def __init__(self, people: PeopleSource, num_frames: int) -> None:
        self._people, self._num_frames = people, num_frames

    @property
    def description(self) -> str:
        """As the people's source describes itself."""
        return self._people.description

    def example(self, random: np.random.Generator) -> Example:
        """Some frames of the next person."""
        clip = self._people.clip(random, self._num_frames)
        damaged = [damage(rgb, random) for rgb in clip.rgb_FHW3]
        return {
            "picture": np.stack([picture for picture, _ in damaged]),
            "damage": np.stack([strength for _, strength in damaged]),
            "regions": np.stack(
                [
                    region_shares(*each)
                    for each in zip(clip.landmarks_FN3, clip.alpha_FHW, strict=True)
                ]
            ),
            "points": np.stack([points_of(landmarks) for landmarks in clip.landmarks_FN3]),
            "measures": np.stack([measures_of(landmarks) for landmarks in clip.landmarks_FN3]),
        }


def region_shares(landmarks_N3: FloatArray, alpha_HW: ByteArray) -> FloatArray:
    """(K, h, w): which share of every cell each region covers; they add up to 1."""
    rows, columns = alpha_HW.shape
    label = np.zeros((rows, columns), np.uint8)
    label[alpha_HW > 127] = REGIONS.index("person")
    rings = {
        "face": [topo.FACE_OVAL],
        "brows": [
            np.r_[topo.LEFT_BROW_UPPER, topo.LEFT_BROW_LOWER],
            np.r_[topo.RIGHT_BROW_UPPER, topo.RIGHT_BROW_LOWER],
        ],
        "left_eye": [np.r_[topo.LEFT_LID_UPPER, topo.LEFT_LID_LOWER[::-1]]],
        "right_eye": [np.r_[topo.RIGHT_LID_UPPER, topo.RIGHT_LID_LOWER[::-1]]],
        "lips": [np.r_[topo.LIPS_OUTER_UPPER, topo.LIPS_OUTER_LOWER[::-1]]],
        "mouth": [np.r_[topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER[::-1]]],
    }
    for name, contours in rings.items():
        for contour in contours:
            points = np.rint(landmarks_N3[contour, :2]).astype(np.int32)
            if name == "brows":  # upper and lower edge run the same way
                points = np.asarray(cv2.convexHull(points)[:, 0], np.int32)
            cv2.fillPoly(label, [points], (REGIONS.index(name),))
    size = (columns // CELL_PX, rows // CELL_PX)
    shares = [
        cv2.resize((label == k).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for k in range(len(REGIONS))
    ]
    return np.stack(shares).astype(np.float32)


def points_of(landmarks_N3: FloatArray) -> FloatArray:
    """(P, 2): places of the points in cells, x then y; a cell's centre is a whole number."""
    return np.asarray((landmarks_N3[list(POINTS), :2] + 0.5) / CELL_PX - 0.5, np.float32)


def measures_of(landmarks_N3: FloatArray) -> FloatArray:
    """(M,): openness of left and right lids, of the lips, gaze of both eyes."""
    face = face_motion(landmarks_N3)
    parts = (
        LID_GAIN * face.lid_apertures_2,
        [LIP_GAIN * face.lip_aperture],
        GAZE_GAIN * face.gaze_22.ravel(),
    )
    return np.concatenate(parts).astype(np.float32)


def damage(rgb_HW3: ByteArray, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """A picture in [-1, 1] with some of it spoilt, and how far, 0..1, in every cell.

    Returns (3, H, W) and (D, h, w).
    """
    picture = rgb_HW3.astype(np.float32) * np.float32(2.0 / 255.0) - np.float32(1.0)
    rows, columns = picture.shape[:2]
    scale = columns / 256.0
    strengths = []
    for kind in DAMAGES:
        amount = random.uniform(0.2, 1.0) if random.uniform() < DAMAGE_SHARE else 0.0
        where = _blob(random, (rows, columns))
        strengths.append(amount * where)
        if amount == 0.0:
            continue
        if kind == "blurred":
            spoilt = cv2.GaussianBlur(picture, (0, 0), max(0.4, amount * MAX_BLUR_PX * scale))
        elif kind == "ghosted":
            shift = _direction(random) * max(1.0, amount * MAX_GHOST_PX * scale)
            matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
            moved = cv2.warpAffine(
                picture, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE
            )
            spoilt = 0.5 * (picture + moved)
        else:
            spots = random.normal(0.0, amount * MAX_SPOTS, (rows, columns, 1))
            spoilt = picture + spots.astype(np.float32)
        picture = picture + where[..., None] * (spoilt - picture)
    size = (columns // CELL_PX, rows // CELL_PX)
    cells = [cv2.resize(strength, size, interpolation=cv2.INTER_AREA) for strength in strengths]
    return (
        np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32),
        np.stack(cells).astype(np.float32),
    )


def _direction(random: np.random.Generator) -> FloatArray:
    angle = random.uniform(0.0, 2.0 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def _blob(random: np.random.Generator, hw: tuple[int, int]) -> FloatArray:
    """0..1 over the picture: a few soft patches."""
    coarse = random.uniform(-1.0, 1.0, (5, 5)).astype(np.float32)
    smooth = cv2.resize(coarse, (hw[1], hw[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(2.0 * smooth + 0.5, 0.0, 1.0).astype(np.float32)
