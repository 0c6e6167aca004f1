"""The whole motion side in one call, with invented trackers and on a real clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avatar.frames import (
    AudioChunk,
    BodyMotion,
    ByteArray,
    DrivingFrame,
    FloatArray,
    HandsMotion,
    RetargetedMotion,
    Stamp,
    Tracking,
)
from avatar.motion import topology as topo
from avatar.motion.calibration import NeutralOrigin
from avatar.motion.mixer import AudioMotion
from avatar.motion.neutral import Neutral
from avatar.motion.rotation import yaw_pitch_roll
from avatar.motion.tracker import FaceObservation
from avatar.regions import ALL_CAMERA, LiveSettings, Region, Source
from avatar.stream.performer import Performer
from tests.motion.synthetic import (
    body,
    landmarks,
    open_eyes,
    open_mouth,
    reference,
    with_raised_arm,
)

PICTURE: ByteArray = np.zeros((480, 640, 3), dtype=np.uint8)
UNMIRRORED = LiveSettings(is_mirrored=False)


class FakeFaces:
    """Shows the landmarks it is given."""

    def __init__(self) -> None:
        self.landmarks_N3: FloatArray | None = landmarks(open_eyes())
        self.num_faces = 1
        self.num_lost = 0
        self.num_reacquired = 0
        self.num_tracked = 0
        self.num_resets = 0
        self.is_closed = False

    def track(self, rgb_HW3: ByteArray, time_s: float) -> FaceObservation | None:
        self.num_tracked += 1
        if self.landmarks_N3 is None:
            return None
        return FaceObservation(self.landmarks_N3, 100.0, 1.0)

    def reset(self) -> None:
        self.num_resets += 1

    def close(self) -> None:
        self.is_closed = True


class FakeBody:
    def __init__(self) -> None:
        self.posture: BodyMotion | None = body()
        self.wants: list[bool] = []
        self.is_closed = False

    def update(
        self, rgb_HW3: ByteArray, time_s: float, *, wants_hands: bool = True
    ) -> tuple[BodyMotion | None, HandsMotion | None]:
        self.wants.append(wants_hands)
        return self.posture, None

    def reset(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


class FakeVoice:
    lag_s = 0.09

    def __init__(self) -> None:
        self.num_chunks = 0

    def push(self, chunk: AudioChunk) -> None:
        self.num_chunks += 1

    def motion_at(self, time_s: float) -> AudioMotion | None:
        if not self.num_chunks:
            return None
        return AudioMotion(open_mouth(open_eyes(), 0.2) - open_eyes(), 0.2, 0.8)

    def reset(self) -> None:
        self.num_chunks = 0


class Stage:
    """A performer with fakes, and a clock that runs 25 frames a second."""

    def __init__(self, *, has_body: bool = False, settings: LiveSettings = UNMIRRORED) -> None:
        self.faces, self.body, self.voice = FakeFaces(), FakeBody(), FakeVoice()
        self.onto = reference(has_body=has_body, canvas_hw=(900, 600), scale=30.0)
        self.performer = Performer(
            self.onto,
            settings=settings,
            face_tracker=self.faces,
            body_follower=self.body,
            voice=self.voice,
        )
        self.index = 0

    def push(
        self,
        seen: FloatArray | None = None,
        *,
        picture: ByteArray | None = PICTURE,
        audio: tuple[AudioChunk, ...] = (),
    ) -> RetargetedMotion:
        self.faces.landmarks_N3 = seen
        stamp = Stamp(self.index, Fraction(1, 25), 0.0)
        self.index += 1
        return self.performer.push(DrivingFrame(stamp, picture, audio))

    def rest(self, count: int = 40) -> RetargetedMotion:
        for _ in range(count):
            out = self.push(landmarks(open_eyes()))
        return out


def turned(yaw: float) -> FloatArray:
    return landmarks(open_eyes(), yaw=yaw)


def yaw_of(out: RetargetedMotion) -> float:
    return yaw_pitch_roll(out.rotation_33)[0]


def chunk() -> AudioChunk:
    return AudioChunk(Stamp(0, Fraction(1, 16000), 0.0), np.zeros(640, np.float32), 16000)


def test_it_moves_from_the_first_frame_and_keeps_the_stamp():
    stage = Stage()
    out = stage.push(landmarks(open_eyes()))
    assert out.stamp == Stamp(0, Fraction(1, 25), 0.0)
    assert out.tracking is Tracking.TRACKED
    stage.rest(5)
    for _ in range(8):
        out = stage.push(turned(0.3))
    assert yaw_of(out) > 0.2


def test_mirror_setting_turns_the_head_the_other_way_at_once_on_configure():
    stage = Stage()
    stage.rest()
    for _ in range(8):
        plain = stage.push(turned(0.3))
    stage.performer.configure(LiveSettings(is_mirrored=True))
    mirrored = stage.push(turned(0.3))
    assert yaw_of(plain) > 0.2
    assert yaw_of(mirrored) < -0.2


def test_lost_face_goes_through_its_states_and_lives_on():
    stage = Stage()
    stage.rest()
    for _ in range(10):
        stage.push(turned(0.4))
    states, yaws = [], []
    for _ in range(60):
        out = stage.push(None)
        states.append(out.tracking)
        yaws.append(yaw_of(out))
    assert states[0] is Tracking.HELD
    assert Tracking.EASING in states
    assert states[-1] is Tracking.LOST
    assert np.abs(np.diff(yaws)).max() < 0.06
    assert abs(yaws[-1]) < 0.15
    back = [yaw_of(stage.push(turned(0.4))) for _ in range(20)]
    assert abs(back[0] - yaws[-1]) < 0.1
    assert np.abs(np.diff(back)).max() < 0.15
    assert back[-1] == pytest.approx(0.4, abs=0.05)


def test_late_picture_is_a_held_face_not_a_lost_one():
    stage = Stage()
    stage.rest()
    out = stage.push(None, picture=None)
    assert out.tracking is Tracking.HELD
    assert stage.push(landmarks(open_eyes())).tracking is Tracking.TRACKED


def test_without_a_camera_it_is_alive_and_speaks_when_there_is_a_voice():
    stage = Stage()
    quiet = [stage.push(None, picture=None) for _ in range(100)]
    assert all(out.tracking is Tracking.LOST for out in quiet)
    assert np.ptp([yaw_of(out) for out in quiet]) > 0.003
    assert max(out.lip_aperture for out in quiet) < 0.05
    assert stage.faces.num_tracked == 0
    for _ in range(40):
        out = stage.push(None, picture=None, audio=(chunk(),))
    assert out.lip_aperture > 0.1


def test_a_mouth_that_the_voice_moves_says_how_late_it_is():
    stage = Stage()
    assert stage.push(landmarks(open_eyes()), audio=(chunk(),)).voice_lag_s is None
    voiced = dict.fromkeys(Region, Source.CAMERA) | {Region.MOUTH: Source.AUDIO}
    stage.performer.configure(LiveSettings(sources=voiced, is_mirrored=False))
    assert stage.push(landmarks(open_eyes())).voice_lag_s == FakeVoice.lag_s


def test_voice_does_not_move_the_mouth_of_a_seen_face():
    stage = Stage()
    for _ in range(40):
        out = stage.push(landmarks(open_eyes()), audio=(chunk(),))
    assert out.lip_aperture < 0.03


def test_voice_rests_while_a_face_is_seen_and_is_there_as_soon_as_it_is_not():
    stage = Stage()
    for _ in range(100):
        stage.push(landmarks(open_eyes()), audio=(chunk(),))
    num_heard = stage.voice.num_chunks
    assert num_heard < 60, "a second of tracking, the time for which it lingers, and no more"
    for _ in range(40):
        out = stage.push(None, picture=None, audio=(chunk(),))
    assert stage.voice.num_chunks > num_heard
    assert out.lip_aperture > 0.1


def test_swap_keeps_tracking_and_neutral():
    stage = Stage()
    stage.rest()
    neutral = stage.performer.neutral
    other = reference(canvas_hw=(300, 300), scale=40.0)
    stage.performer.swap(other)
    out = stage.push(turned(0.0))
    assert out.tracking is Tracking.TRACKED
    assert stage.faces.num_resets == 0
    assert neutral is not None
    assert stage.performer.neutral is not None
    np.testing.assert_allclose(stage.performer.neutral.shape_N3, neutral.shape_N3, atol=1e-3)
    np.testing.assert_allclose(out.translation_2, other.translation_2, atol=2.0)


def test_calibration_on_request_and_its_progress():
    stage = Stage()
    stage.rest(60)
    assert stage.performer.status.neutral_origin is NeutralOrigin.AUTOMATIC
    for _ in range(30):
        out = stage.push(turned(0.2))
    assert yaw_of(out) == pytest.approx(0.2, abs=0.02)
    stage.performer.calibrate()
    stage.push(turned(0.2))
    assert stage.performer.status.calibration_progress is not None
    for _ in range(60):
        out = stage.push(turned(0.2))
    assert stage.performer.status.neutral_origin is NeutralOrigin.CALIBRATED
    assert yaw_of(out) == pytest.approx(0.0, abs=0.02)


def test_stored_neutral_is_used_from_the_first_frame():
    stage = Stage()
    stage.rest(60)
    kept = stage.performer.neutral
    assert kept is not None
    again = Stage()
    again.performer.neutral = Neutral.from_json(kept.to_json())
    again.push(turned(0.3))
    assert again.performer.status.neutral_origin is NeutralOrigin.STORED
    assert yaw_of(again.push(turned(0.3))) == pytest.approx(0.3, abs=0.02)


def test_a_neutral_that_is_to_be_kept_does_not_follow_the_driver():
    kept = {}
    for is_refining in (True, False):
        stage = Stage(settings=replace(UNMIRRORED, is_refining=is_refining))
        stage.rest(60)
        before = stage.performer.neutral
        assert before is not None
        for _ in range(250):  # looks a little aside, for ten seconds
            stage.push(turned(0.1))
        kept[is_refining] = stage.performer.neutral is before
    assert kept == {True: False, False: True}


def test_reset_forgets_the_driver():
    stage = Stage()
    stage.rest()
    stage.performer.reset()
    assert stage.performer.neutral is None
    assert stage.faces.num_resets == 1
    assert stage.performer.status.tracking is Tracking.LOST


def test_body_is_tracked_only_where_it_is_shown_and_wanted():
    stage = Stage(has_body=False)
    stage.rest(3)
    assert stage.body.wants == []
    still = {**ALL_CAMERA, Region.BODY: Source.STILL, Region.HANDS: Source.STILL}
    stage = Stage(has_body=True, settings=LiveSettings(still, is_mirrored=False))
    stage.rest(3)
    assert stage.body.wants == []
    no_hands = {**ALL_CAMERA, Region.HANDS: Source.STILL}
    stage = Stage(has_body=True, settings=LiveSettings(no_hands, is_mirrored=False))
    stage.rest(3)
    assert stage.body.wants == [False] * 3


@pytest.mark.parametrize(("is_mirrored", "raised"), [(False, 15), (True, 16)])
def test_raised_left_hand_of_the_driver(is_mirrored: bool, raised: int):
    stage = Stage(has_body=True, settings=LiveSettings(is_mirrored=is_mirrored))
    stage.rest(50)
    stage.body.posture = with_raised_arm(body(), 0)
    out = stage.rest(10)
    assert out.joints_J3 is not None
    assert stage.onto.joints_J3 is not None
    lifted = stage.onto.joints_J3[:, 1] - out.joints_J3[:, 1]
    assert lifted[raised] > 100
    assert lifted[31 - raised] < 20


def test_same_frames_give_the_same_motion():
    def run() -> list[np.ndarray]:
        stage = Stage(has_body=True)
        rng = np.random.default_rng(0)
        out = []
        for i in range(40):
            noise = rng.normal(0, 0.3, (478, 3)).astype(np.float32)
            seen = None if 20 < i < 30 else turned(0.01 * i) + noise
            out.append(stage.push(seen).landmarks_N3)
        return out

    np.testing.assert_array_equal(run(), run())


def test_close_releases_both_trackers():
    stage = Stage()
    stage.performer.close()
    assert stage.faces.is_closed
    assert stage.body.is_closed


def test_stages_are_timed():
    stage = Stage(has_body=True)
    stage.rest(3)
    assert {"face", "body", "smooth", "retarget", "voice"} <= set(stage.performer.timers.last())


@pytest.fixture
def clip_frames(media: Path) -> Callable[[str, int], list[ByteArray]]:
    def read(name: str, count: int) -> list[ByteArray]:
        with av.open(str(media / "driving" / name)) as clip:
            pictures = []
            for frame in clip.decode(video=0):
                pictures.append(frame.to_ndarray(format="rgb24"))
                if len(pictures) == count:
                    break
        return pictures

    return read


@pytest.mark.media
def test_a_real_talker_moves_another_face_within_its_canvas(
    clip_frames: Callable[[str, int], list[ByteArray]],
):
    onto = reference(has_body=True, canvas_hw=(512, 512), scale=70.0)
    performer = Performer(onto, settings=UNMIRRORED)
    try:
        out = [
            performer.push(DrivingFrame(Stamp(i, Fraction(1, 25), 0.0), rgb))
            for i, rgb in enumerate(clip_frames("half_latentsync_demo2.mp4", 75))
        ]
    finally:
        performer.close()
    assert all(motion.tracking is Tracking.TRACKED for motion in out)
    points = np.array([motion.landmarks_N3[:, :2] for motion in out])
    assert np.isfinite(points).all()
    assert points.min() > 0
    assert points.max() < 512
    lips = np.array([motion.lip_aperture for motion in out])
    assert np.ptp(lips) > 0.08
    assert lips.min() < 0.03
    # The face stays a face: the eyes stay above the mouth, in its own width.
    eyes = points[:, topo.EYE_CORNERS].mean(1)
    mouth = points[:, topo.LIPS].mean(1)
    assert (mouth[:, 1] - eyes[:, 1] > 0.5 * 70).all()
