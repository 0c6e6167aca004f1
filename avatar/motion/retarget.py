"""A driver's motion, relative to their neutral, put onto a reference.

Knows limits, proportions and apertures; does not know sources, mixing or drawing. The driver's face
shape cancels out (only differences from the driver's own neutral pass), so that the character keeps
its own; lids and lips pass as openness, so that a reference that smiles, gapes or blinks in its
picture still closes its mouth and opens its eyes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from avatar.frames import (
    FloatArray,
    HandsMotion,
    Motion,
    ReferenceGeometry,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.motion import topology as topo
from avatar.motion.expression import (
    LID_CLOSED,
    healthy_aperture,
    with_lid_apertures,
    with_lip_gap,
)
from avatar.motion.face_regions import region_weights
from avatar.motion.geometry import lip_aperture_of, place_head
from avatar.motion.neutral import Neutral
from avatar.motion.performance import BodyPose, Performance
from avatar.motion.retarget_body import BodyRetargeter
from avatar.motion.rotation import (
    exp_rotation,
    from_yaw_pitch_roll,
    log_rotation,
    soft_limit,
    yaw_pitch_roll,
)
from avatar.regions import Region

_HEAD_EXTENT = np.array([1.35, 1.75], dtype=np.float32)
"""Half width and half height of a head with hair, inter-ocular units."""
WRISTS = [15, 16]
_WINK = (0.35, 0.7)
"""Difference of the eyes' openness below which it is the tracker's, above which a wink."""
_FRONTAL_RAD, _TURNED_RAD = 0.10, 0.50
"""Yaws between which trust goes from both eyes to the near one."""
_VERGENCE_RAD = (0.025, 0.01)
"""Largest turn (yaw, pitch) of each eye away from what both do."""
_MIN_OPENNESS, _MAX_OPENNESS = 0.0, 1.4


@dataclass(frozen=True, slots=True, kw_only=True)
class RetargetSettings:
    """Gains and limits; the limits are what a picture stands without tearing."""

    head_limit_rad: tuple[float, float, float] = (0.70, 0.49, 0.61)
    """Yaw, pitch, roll away from the reference's own pose (about 40, 28, 35 degrees)."""
    log_scale_limit: float = 0.3
    edge_room: float = 0.25
    """A head already at the canvas' edge may still move this far (inter-ocular distances)."""
    mouth_gain: float = 1.0
    eyes_gain: float = 1.0
    brows_gain: float = 1.1
    mouth_limit: float = 0.55
    """Largest offset of a landmark of the region, inter-ocular distances of the reference."""
    sideways_limit: float = 0.19
    """Of any landmark, across the face."""
    eyes_limit: float = 0.12
    brows_limit: float = 0.22
    gaze_limit_rad: tuple[float, float] = (0.6, 0.42)


@dataclass(frozen=True, slots=True)
class Proportions:
    """Size of one face's parts over another's."""

    scale_N3: FloatArray
    """Per landmark and axis of head space."""
    mouth: float
    """Of a mouth's opening."""


class Retargeter:
    """Puts motion on one reference. Stateless but for what is computed once from the reference."""

    def __init__(
        self, reference: ReferenceGeometry, settings: RetargetSettings | None = None
    ) -> None:
        self.reference = reference
        self.settings = settings or RetargetSettings()
        self._open_2 = np.array(
            [healthy_aperture(float(a)) for a in reference.lid_apertures_2], dtype=np.float32
        )
        # One eye shut in the picture (a wink): the other one shows how open this face's eyes are.
        own = reference.lid_apertures_2
        if float(own.max()) > 0.15 and float(own.min()) < 0.6 * float(own.max()):
            self._open_2[:] = healthy_aperture(float(own.max()))
        self.base_N3 = with_lip_gap(with_lid_apertures(reference.shape_N3, self._open_2), 0.0)
        """Head-space shape with lips closed and eyes healthily open."""
        self.proportions_of_average = proportions(topo.canonical_face(), self.base_N3)
        """Of this face over the average one, for motion that is made for an average face."""
        s = self.settings
        self._gain_N1 = _per_landmark(s.mouth_gain, s.eyes_gain, s.brows_gain)
        self._limit_N1 = _per_landmark(s.mouth_limit, s.eyes_limit, s.brows_limit)
        self._body = BodyRetargeter(reference) if reference.joints_J3 is not None else None
        self._proportions_of: tuple[Neutral, Proportions] | None = None

    @property
    def has_body(self) -> bool:
        """Whether the reference has a body to move."""
        return self._body is not None

    @property
    def has_hands(self) -> bool:
        """Whether the reference shows a hand to move; portraits rarely do."""
        visibility_J = self.reference.visibility_J
        return visibility_J is not None and float(visibility_J[WRISTS].max()) > 0.5

    def retarget(self, motion: Motion, neutral: Neutral) -> RetargetedMotion:
        """The character at this motion; at rest where the motion has no face."""
        return self.compose(self.perform(motion, neutral), motion.stamp, motion.tracking)

    def rest(self) -> Performance:
        """The reference exactly as its picture shows it."""
        reference = self.reference
        return Performance(
            rotation_3=np.zeros(3, dtype=np.float32),
            shift_2=np.zeros(2, dtype=np.float32),
            log_scale=0.0,
            shape_delta_N3=reference.shape_N3 - self.base_N3,
            lid_openness_2=reference.lid_apertures_2 / self._open_2,
            lip_gap=reference.lip_aperture,
            gaze_22=np.zeros((2, 2), dtype=np.float32),
            body=None if self._body is None else self._body.rest(),
        )

    def healthy_rest(self) -> Performance:
        """The reference with closed lips and open eyes: where idle and audio motion start."""
        rest = self.rest()
        return Performance(
            rotation_3=rest.rotation_3,
            shift_2=rest.shift_2,
            log_scale=0.0,
            shape_delta_N3=np.zeros_like(rest.shape_delta_N3),
            lid_openness_2=np.ones(2, dtype=np.float32),
            lip_gap=0.0,
            gaze_22=rest.gaze_22,
            body=rest.body,
        )

    def perform(self, motion: Motion, neutral: Neutral) -> Performance:
        """The driver's motion as offsets for this reference."""
        if motion.face is None:
            return self.rest()
        s, face = self.settings, motion.face
        proportions = self._proportions_for(neutral)
        rotation = self._limited_rotation(face.rotation_33 @ neutral.rotation_33.T)
        place, unit = neutral.place_px(motion.picture_hw)
        shift = (face.translation_2 - place) / np.float32(unit)
        log_scale = float(np.log(max(face.scale, 1e-6) / unit))
        rest_shape = with_lip_gap(neutral.shape_N3, 0.0)
        delta = (face.shape_N3 - rest_shape) * proportions.scale_N3
        delta = self._limited(delta * self._gain_N1)
        lip = max(0.0, face.lip_aperture - neutral.lip_aperture)
        body: BodyPose | None = None
        if self._body is not None:
            body = self._body.perform(motion, neutral)
        return Performance(
            rotation_3=rotation,
            shift_2=shift.astype(np.float32),
            log_scale=float(
                soft_limit(np.array([log_scale], dtype=np.float32), s.log_scale_limit)[0]
            ),
            shape_delta_N3=delta,
            lid_openness_2=paired(
                openness(face.lid_apertures_2, neutral.lid_apertures_2), face.rotation_33
            ),
            lip_gap=lip * proportions.mouth * s.mouth_gain,
            gaze_22=conjugate(face.gaze_22 - neutral.gaze_22, face.rotation_33),
            body=body,
            mouth_interior=face.mouth_interior,
        )

    def compose(
        self, performance: Performance, stamp: Stamp, tracking: Tracking
    ) -> RetargetedMotion:
        """A performance drawn on the reference's landmarks."""
        reference, s = self.reference, self.settings
        rotation = exp_rotation(performance.rotation_3) @ reference.rotation_33
        scale = reference.scale * float(np.exp(performance.log_scale))
        translation = reference.translation_2 + self._limited_shift(performance.shift_2, scale)
        if self._body is not None and performance.body is not None:
            translation = self._body.neck_limited(performance.body, translation)
        open_2 = np.clip(performance.lid_openness_2, _MIN_OPENNESS, _MAX_OPENNESS)
        apertures = open_2 * self._open_2
        shape = with_lid_apertures(self.base_N3 + performance.shape_delta_N3, apertures)
        shape = with_lip_gap(shape, max(performance.lip_gap, 0.0), jaw_share=0.5)
        gaze_delta = soft_limit(performance.gaze_22, np.array(s.gaze_limit_rad, dtype=np.float32))
        gaze = soft_limit(reference.gaze_22 + gaze_delta, 0.75)
        landmarks = place_head(shape, rotation, translation, scale)
        joints = visibility = None
        hands: HandsMotion | None = None
        if self._body is not None and performance.body is not None:
            joints, visibility, hands = self._body.attach(
                performance.body, rotation, translation, scale
            )
        return RetargetedMotion(
            stamp=stamp,
            tracking=tracking,
            rotation_33=np.asarray(rotation, dtype=np.float32),
            translation_2=np.asarray(translation, dtype=np.float32),
            scale=scale,
            shape_N3=shape,
            landmarks_N3=landmarks,
            gaze_22=gaze,
            lid_apertures_2=np.asarray(apertures, dtype=np.float32),
            lip_aperture=lip_aperture_of(shape),
            joints_J3=joints,
            visibility_J=visibility,
            hands=hands,
            mouth_interior=performance.mouth_interior,
        )

    def _limited_rotation(self, relative_33: FloatArray) -> FloatArray:
        angles = np.array(yaw_pitch_roll(relative_33), dtype=np.float32)
        limits = np.array(self.settings.head_limit_rad, dtype=np.float32)
        yaw, pitch, roll = soft_limit(angles, limits).tolist()
        return log_rotation(from_yaw_pitch_roll(yaw, pitch, roll))

    def _limited_shift(self, shift_2: FloatArray, scale: float) -> FloatArray:
        """Pixels of movement that keep the head in the canvas, however far the driver goes."""
        reference = self.reference
        rows, columns = reference.canvas_hw
        centre = reference.translation_2
        extent = _HEAD_EXTENT * np.float32(scale)
        least = np.float32(self.settings.edge_room * reference.scale)
        size = np.array([columns, rows], dtype=np.float32)
        to_low = np.maximum(centre - extent, least)
        to_high = np.maximum(size - centre - extent, least)
        wanted = shift_2 * np.float32(reference.scale)
        return soft_limit(wanted, np.where(wanted < 0, to_low, to_high))

    def _limited(self, delta_N3: FloatArray) -> FloatArray:
        """Offsets bent towards the region's limit: long ones shorter, neighbours alike."""
        size = np.linalg.norm(delta_N3, axis=1, keepdims=True)
        bent = soft_limit(size, self._limit_N1, knee=0.5)
        limited = delta_N3 * (bent / np.maximum(size, 1e-6))
        # A jaw drops far; no mouth goes nearly as far sideways.
        limited[:, 0] = soft_limit(limited[:, 0], self.settings.sideways_limit)
        return np.asarray(limited, dtype=np.float32)

    def _proportions_for(self, neutral: Neutral) -> Proportions:
        """Sizes of this face's parts over the driver's; kept while the neutral is the same."""
        if self._proportions_of is None or self._proportions_of[0] is not neutral:
            self._proportions_of = (neutral, proportions(neutral.shape_N3, self.base_N3))
        return self._proportions_of[1]


def openness(apertures_2: FloatArray, open_2: FloatArray) -> FloatArray:
    """1 at this face's open eyes, proportional down to two thirds, then 0 at the closed reading.

    Trackers never read 0 for a closed eye (`LID_CLOSED`): the lower part of the scale is stretched
    so that a blink closes the character's eye fully.
    """
    knee = 0.66
    ratio = apertures_2 / np.maximum(open_2, 0.05)
    shut = np.clip(LID_CLOSED / np.maximum(open_2, 0.05), 0.2, 0.5)
    low = knee * (ratio - shut) / (knee - shut)
    return np.asarray(np.where(ratio >= knee, ratio, np.maximum(low, 0.0)), dtype=np.float32)


def paired(openness_2: FloatArray, rotation_33: FloatArray) -> FloatArray:
    """Both eyes alike unless the driver winks.

    Two eyes blink together, yet trackers read them apart, the more so the further the head turns;
    only a clear difference is meant. A turned head shows its near eye better.
    """
    near_2, turn = _near(rotation_33)
    common = float(near_2 @ openness_2)
    apart = abs(float(openness_2[0] - openness_2[1]))
    low, high = (limit * (1.0 + 0.5 * turn) for limit in _WINK)
    t = min(max((apart - low) / (high - low), 0.0), 1.0)
    wink = np.float32(t * t * (3 - 2 * t))
    return np.asarray(common + wink * (openness_2 - common), dtype=np.float32)


def conjugate(gaze_22: FloatArray, rotation_33: FloatArray) -> FloatArray:
    """Both eyes' turns brought together: eyes turn as one, but for a little vergence.

    Trackers read each iris for itself, and a few degrees of difference look wall-eyed.
    """
    near_2, _ = _near(rotation_33)
    common = near_2 @ gaze_22
    apart = 0.5 * (gaze_22[0] - gaze_22[1])
    apart = soft_limit(apart, np.array(_VERGENCE_RAD, dtype=np.float32))
    return np.stack([common + apart, common - apart]).astype(np.float32)


def _near(rotation_33: FloatArray) -> tuple[FloatArray, float]:
    """Weights of the [left, right] eye by how well the head shows them; 0..1 how far it turns."""
    yaw, _, _ = yaw_pitch_roll(rotation_33)
    turn = min(max((abs(yaw) - _FRONTAL_RAD) / (_TURNED_RAD - _FRONTAL_RAD), 0.0), 1.0)
    # A nose at picture right (yaw > 0) leaves the subject's right eye near: [left, right].
    near_2 = np.array([0.5 - 0.5 * turn, 0.5 + 0.5 * turn], dtype=np.float32)
    return (near_2[::-1] if yaw < 0 else near_2), turn


def _per_landmark(mouth: float, eyes: float, brows: float) -> FloatArray:
    """Values of the regions on every landmark (N, 1)."""
    return _region_masks_NR() @ np.array([[mouth], [eyes], [brows]], dtype=np.float32)


@cache
def _region_masks_NR() -> FloatArray:
    """Masks of mouth, eyes and brows, side by side."""
    masks = region_weights()
    return np.stack([masks[Region.MOUTH], masks[Region.EYES], masks[Region.BROWS]], axis=1)


def proportions(driver_N3: FloatArray, reference_N3: FloatArray) -> Proportions:
    """Per-landmark, per-axis scale from the driver's face to the reference's."""

    def distance(shape: FloatArray, a: int, b: int) -> float:
        return float(np.linalg.norm(shape[a] - shape[b]))

    def ratio(pairs: list[tuple[int, int]]) -> float:
        driver = sum(distance(driver_N3, a, b) for a, b in pairs)
        reference = sum(distance(reference_N3, a, b) for a, b in pairs)
        return float(np.clip(reference / max(driver, 1e-6), 0.6, 1.7))

    right, left = int(topo.MOUTH_CORNERS[1]), int(topo.MOUTH_CORNERS[0])
    mouth_x = ratio([(left, right)])
    jaw_y = ratio([(2, topo.CHIN), (0, 17)])
    eyes = ratio([(263, 362), (33, 133)])
    brow_y = ratio([(52, 159), (282, 386), (9, 10)])
    mouth_y = float(np.sqrt(jaw_y * mouth_x))
    per_region_R3 = np.array(
        [[mouth_x, mouth_y, mouth_x], [eyes, eyes, eyes], [eyes, brow_y, eyes]], dtype=np.float32
    )
    scale = _region_masks_NR() @ per_region_R3
    return Proportions(scale, mouth_y)
