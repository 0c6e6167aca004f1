"""The vocabulary that crosses rooms: stamps, driving input, motion, rendered pictures.

Knows shapes, units and axes; does not know how anything is computed or carried.

Shape legend (suffix of every array name):
    H, W rows and columns in pixels   N 478 face landmarks (MediaPipe topology, 468..477 iris)
    J 33 body joints (MediaPipe)      K 21 hand joints      T audio samples
    2, 3 components of a point, a colour, or (left, right), which always means the SUBJECT's side

Axes of picture space: x right, y down, z away from the camera (the nose has the smallest z), all
three in pixels of the picture in question. Head space has the same axes for a face that looks
straight into the camera, its origin at the head centre and the inter-ocular distance as its unit,
so that  picture = scale * rotation_33 @ head + translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

NUM_LANDMARKS = 478
NUM_JOINTS = 33
NUM_HAND_JOINTS = 21


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a driving frame was captured on its media clock, and when it reached us."""

    pts: int
    """Presentation time in units of `time_base`."""
    time_base: Fraction
    arrival_s: float
    """`time.monotonic()` when the frame entered this machine (decoded, before any queue)."""

    @property
    def time_s(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Consecutive mono samples in [-1, 1]."""

    stamp: Stamp
    samples_T: FloatArray
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class DrivingFrame:
    """What drives one step: a camera picture, the sound since the last step, or both."""

    stamp: Stamp
    rgb_HW3: ByteArray | None = None
    """None where there is no camera (audio-only) or its picture is late."""
    audio: tuple[AudioChunk, ...] = ()


class Tracking(StrEnum):
    """How the face motion of a frame came to be."""

    TRACKED = "tracked"
    HELD = "held"  # lost a moment ago: the last motion is kept
    EASING = "easing"  # lost for longer: on the way to neutral
    LOST = "lost"  # at neutral, waiting for a face


@dataclass(frozen=True, slots=True)
class MouthInterior:
    """What shows between the lips, from upper to lower lip (7 rows) and from the subject's right
    corner to the left one (5 columns); free of the light and of whose mouth it is."""

    light_RC: FloatArray
    """0 black .. 1 as light as white would be there; teeth that catch more light come up to 1.6."""
    red_RC: FloatArray
    """0 colourless as teeth are .. 1 red as a tongue."""
    certainty: float
    """0..1: how well it could be seen."""


@dataclass(frozen=True, slots=True)
class FaceMotion:
    """One face as seen by the camera, and the same face freed of its head pose."""

    landmarks_N3: FloatArray
    """Pixels of the driving picture (for drawing and cropping)."""
    rotation_33: FloatArray
    """Head space to picture space; identity looks straight into the camera."""
    translation_2: FloatArray
    """Head centre, pixels of the driving picture."""
    scale: float
    """Pixels per inter-ocular distance of the frontal head (free of foreshortening)."""
    shape_N3: FloatArray
    """Landmarks in head space (pose-free, inter-ocular units), expression included."""
    gaze_22: FloatArray
    """[left, right] x [yaw, pitch] in radians relative to the head; yaw > 0 looks to picture
    right, pitch > 0 looks down."""
    lid_apertures_2: FloatArray
    """[left, right] lid gap / eye width; about 0.3 open, below 0.08 closed."""
    lip_aperture: float
    """Inner-lip gap in inter-ocular units; 0 closed."""
    confidence: float
    """0..1."""
    mouth_interior: MouthInterior | None = None
    """None where it is unknown: lips closed or too small to see between, or no picture."""


@dataclass(frozen=True, slots=True)
class BodyMotion:
    """Body joints; picture pixels, z relative to the hips' middle in the same unit."""

    joints_J3: FloatArray
    visibility_J: FloatArray
    """0..1 per joint."""


@dataclass(frozen=True, slots=True)
class HandsMotion:
    """Both hands; a hand that is not seen has `is_present_2` False and stale joints."""

    joints_2K3: FloatArray
    """[left, right] hand joints in picture pixels."""
    is_present_2: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Motion:
    """Everything extracted from one driving frame, smoothed; parts not known are None."""

    stamp: Stamp
    tracking: Tracking
    picture_hw: tuple[int, int]
    """Rows and columns of the driving picture that the pixels refer to."""
    face: FaceMotion | None = None
    body: BodyMotion | None = None
    hands: HandsMotion | None = None


@dataclass(frozen=True, slots=True)
class ReferenceGeometry:
    """The reference as retargeting and rendering need it: pixels of the character's canvas.

    The canvas is the square or portrait crop (framing) that every rendered frame has.
    """

    canvas_hw: tuple[int, int]
    landmarks_N3: FloatArray
    rotation_33: FloatArray
    translation_2: FloatArray
    scale: float
    shape_N3: FloatArray
    gaze_22: FloatArray
    lid_apertures_2: FloatArray
    lip_aperture: float
    joints_J3: FloatArray | None = None
    """None where no body was found (portrait crops often show shoulders only)."""
    visibility_J: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class RetargetedMotion:
    """Motion on the reference: what a renderer draws. Pixels of the character's canvas."""

    stamp: Stamp
    tracking: Tracking
    rotation_33: FloatArray
    """Absolute head rotation of the character (reference pose included)."""
    translation_2: FloatArray
    scale: float
    shape_N3: FloatArray
    """Character's own landmarks in its head space with the driver's expression added."""
    landmarks_N3: FloatArray
    """`scale * rotation @ shape + translation`: where each landmark is to be drawn."""
    gaze_22: FloatArray
    lid_apertures_2: FloatArray
    lip_aperture: float
    joints_J3: FloatArray | None = None
    visibility_J: FloatArray | None = None
    hands: HandsMotion | None = None
    mouth_interior: MouthInterior | None = None
    """What the driver shows between the lips; None leaves it to the renderer's own guess."""
    voice_lag_s: float | None = None
    """Where the voice moves the mouth: how much earlier than the stamp is the sound it shows."""


class Backdrop(Protocol):
    """What lies behind a character."""

    def behind(self, alpha_HW: ByteArray) -> ByteArray:
        """The background (H, W, 3) of a picture whose character has this coverage."""


@dataclass(frozen=True, slots=True)
class RenderedFrame:
    """One picture of the character, stamped with the driving frame that caused it."""

    stamp: Stamp
    rgb_HW3: ByteArray
    alpha_HW: ByteArray | None
    """Coverage of the character (255 inside), None where the renderer has no matte."""
    tracking: Tracking
    stage_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds spent per stage (`motion`, `render`, ...) for this frame."""
    voice_lag_s: float | None = None
    """As in `RetargetedMotion`: the sound that belongs to this picture is that much older."""
    backdrop: Backdrop | None = None
    """What shows where the character does not cover; None where the renderer has no matte."""
