"""Body and hands of real pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avatar.motion.tracker_body import BodyTracker, locate_body
from tests.motion.test_tracker import frames, picture

pytestmark = pytest.mark.media


@pytest.fixture(scope="module")
def tracker() -> Iterator[BodyTracker]:
    made = BodyTracker(is_static=True)
    yield made
    made.close()


def test_standing_person_is_found_head_above_shoulders_above_hips(
    tracker: BodyTracker, media: Path
):
    rgb = picture(media / "reference" / "photo_cf_001_A.jpg")
    body = tracker.track(rgb, wants_hands=False).body
    assert body is not None
    y = body.joints_J3[:, 1]
    assert y[0] < y[[11, 12]].min() < y[[23, 24]].min() < y[[27, 28]].min()
    assert body.joints_J3[11, 0] > body.joints_J3[12, 0]  # facing us: left on picture right
    assert body.visibility_J[[11, 12, 23, 24]].min() > 0.8


def test_both_open_hands_are_found_on_their_own_wrists(tracker: BodyTracker, media: Path):
    rgb = picture(media / "reference" / "half_e2_flux_0014.jpg")
    seen = tracker.track(rgb)
    assert seen.body is not None
    assert seen.hands is not None
    assert seen.hands.is_present_2.all()
    for side in (0, 1):
        wrist = seen.body.joints_J3[15 + side, :2]
        assert np.linalg.norm(seen.hands.joints_2K3[side, 0, :2] - wrist) < 90
    assert seen.hands.joints_2K3[0, :, 0].min() > seen.hands.joints_2K3[1, :, 0].max()


def test_landscape_without_people_has_no_body(media: Path):
    seen = locate_body(picture(media / "reference" / "noface_background.jpg"))
    assert seen.body is None
    assert seen.hands is None


def test_one_hand_before_the_face_is_one_hand(media: Path):
    clip = frames(media / "driving" / "close_mediapipe_woman_gesture.mp4", 95)
    tracker = BodyTracker()
    try:
        seen = [tracker.track(rgb).hands for rgb in clip[80:95:2]]
    finally:
        tracker.close()
    counts = [int(h.is_present_2.sum()) for h in seen if h is not None]
    assert max(counts) <= 1 or np.mean(counts) < 1.3


def test_joints_beyond_the_picture_are_not_called_visible(tracker: BodyTracker, media: Path):
    rgb = picture(media / "reference" / "photo_business_woman.png")
    body = tracker.track(rgb, wants_hands=False).body
    assert body is not None
    rows = rgb.shape[0]
    below = body.joints_J3[:, 1] > 1.05 * rows
    assert below.any()
    assert (body.visibility_J[below] <= 0.3).all()


def test_nothing_of_the_last_person_is_left_after_a_reset(media: Path):
    last = picture(media / "reference" / "photo_cf_001_A.jpg")
    rgb = picture(media / "reference" / "half_e2_flux_0014.jpg")
    used, fresh = BodyTracker(), BodyTracker()
    try:
        for _ in range(3):
            used.track(last)
        used.reset()
        seen, expected = used.track(rgb), fresh.track(rgb)
    finally:
        used.close()
        fresh.close()
    assert seen.body is not None
    assert expected.body is not None
    np.testing.assert_array_equal(seen.body.joints_J3, expected.body.joints_J3)
    assert seen.hands is not None
    assert expected.hands is not None
    np.testing.assert_array_equal(seen.hands.joints_2K3, expected.hands.joints_2K3)
