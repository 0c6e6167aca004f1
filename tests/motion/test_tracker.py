"""The face tracker on real pictures and clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from avatar.frames import ByteArray
from avatar.motion.geometry import inter_ocular_px
from avatar.motion.tracker import FaceLocator, FaceTracker
from avatar.motion.tracker_search import FaceBox, merge_boxes, tile_squares

pytestmark = pytest.mark.media


def picture(path: Path) -> ByteArray:
    bgr = cv2.imread(str(path))
    assert bgr is not None
    return np.ascontiguousarray(bgr[:, :, ::-1])


def frames(path: Path, count: int) -> list[ByteArray]:
    pictures: list[ByteArray] = []
    with av.open(str(path)) as clip:
        for frame in clip.decode(video=0):
            pictures.append(frame.to_ndarray(format="rgb24"))
            if len(pictures) == count:
                break
    return pictures


@pytest.fixture(scope="module")
def locator() -> Iterator[FaceLocator]:
    made = FaceLocator()
    yield made
    made.close()


@pytest.fixture
def tracker() -> Iterator[FaceTracker]:
    made = FaceTracker()
    yield made
    made.close()


@pytest.fixture(scope="module")
def portrait(media: Path) -> ByteArray:
    return picture(media / "reference" / "photo_business_woman.png")


def pasted(
    portrait: ByteArray, canvas_hw: tuple[int, int], x: int, y: int, height: int
) -> ByteArray:
    """The portrait's head and shoulders, small, somewhere on a grey canvas."""
    factor = height / portrait.shape[0]
    small = cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    canvas = np.full((*canvas_hw, 3), 118, dtype=np.uint8)
    canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
    return canvas


def test_portrait_is_located_to_the_pixel(locator: FaceLocator, portrait: ByteArray):
    faces = locator.locate(portrait)
    assert len(faces) == 1
    face = faces[0].landmarks_N3
    eye_distance = inter_ocular_px(face)
    assert face[473, 0] - face[468, 0] > 0.8 * eye_distance  # subject's left eye on picture right
    assert face[152, 1] > face[10, 1] + 2.0 * eye_distance
    # The dark irises lie where they are said to lie.
    gray = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)
    for iris, lid in ((468, 133), (473, 362)):
        x, y = face[iris, :2].astype(int)
        lx, ly = face[lid, :2].astype(int)
        assert (
            gray[y - 2 : y + 3, x - 2 : x + 3].mean()
            < gray[ly - 2 : ly + 3, lx - 2 : lx + 3].mean()
        )


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("multi_three_people.jpg", 3),
        ("multi_two_kids.jpg", 2),
        ("multi_cf_012_4.jpg", 4),
        ("noface_background.jpg", 0),
        ("noface_cf_017_0.jpg", 0),
    ],
)
def test_all_faces_of_a_picture_are_found_largest_first(
    locator: FaceLocator, media: Path, name: str, count: int
):
    faces = locator.locate(picture(media / "reference" / name))
    assert len(faces) == count
    sizes = [face.size_px for face in faces]
    assert sizes == sorted(sizes, reverse=True)


def test_small_off_centre_face_is_found(locator: FaceLocator, portrait: ByteArray):
    faces = locator.locate(pasted(portrait, (1000, 1600), 1350, 650, 260))
    assert len(faces) == 1
    assert 1350 < faces[0].centre_2[0] < 1600
    assert faces[0].size_px < 110


def test_face_that_fills_the_picture_is_found(locator: FaceLocator, portrait: ByteArray):
    face = locator.locate(portrait)[0]
    x, y = face.centre_2
    half = 0.5 * face.size_px
    tight = portrait[int(y - half) : int(y + half), int(x - half) : int(x + half)]
    found = locator.locate(np.ascontiguousarray(tight))
    assert len(found) == 1
    assert found[0].size_px == pytest.approx(face.size_px, rel=0.12)


def test_tracker_follows_a_face_on_every_frame(tracker: FaceTracker, media: Path):
    clip = frames(media / "driving" / "close_foreman_cif.mp4", 60)
    found = [tracker.track(rgb, i / 30) for i, rgb in enumerate(clip)]
    assert all(face is not None for face in found)
    centres = np.array([face.centre_2 for face in found if face is not None])
    assert np.linalg.norm(np.diff(centres, axis=0), axis=1).max() < 25
    assert tracker.num_lost == 0


def test_tracker_finds_small_faces_and_finds_them_again(tracker: FaceTracker, portrait: ByteArray):
    seen = pasted(portrait, (720, 1280), 1080, 420, 190)
    empty = np.full_like(seen, 118)
    for i in range(3):
        assert tracker.track(empty, i / 25) is None
    waits = next(i for i in range(60) if tracker.track(seen, (3 + i) / 25) is not None)
    assert waits < 40
    assert tracker.track(empty, 3.0) is None
    assert tracker.num_lost == 1
    elsewhere = pasted(portrait, (720, 1280), 40, 40, 190)
    waits = next(i for i in range(60) if tracker.track(elsewhere, 3.1 + i / 25) is not None)
    assert waits < 40
    assert tracker.num_reacquired == 1


def two_people(portrait: ByteArray, left: int, right: int) -> ByteArray:
    canvas = pasted(portrait, (720, 1280), 60, 20, left)
    other = pasted(portrait, (720, 1280), 700, 20, right)
    return np.ascontiguousarray(np.concatenate([canvas[:, :640], other[:, 640:]], axis=1))


def test_of_two_alike_the_first_is_kept_and_a_much_larger_one_takes_over(
    tracker: FaceTracker, portrait: ByteArray
):
    first = tracker.track(two_people(portrait, 440, 300), 0.0)
    assert first is not None
    assert first.centre_2[0] < 640
    time_s = 0.04
    while time_s < 3.0:  # the other one is a little larger now and then
        larger = 440 + 40 * (int(time_s / 0.3) % 2)
        face = tracker.track(two_people(portrait, 440, larger), time_s)
        assert face is not None
        assert face.centre_2[0] < 640
        time_s += 0.04
    assert tracker.num_faces == 2
    while time_s < 6.0:
        face = tracker.track(two_people(portrait, 440, 690), time_s)
        time_s += 0.04
    assert face is not None
    assert face.centre_2[0] > 640


def test_change_of_resolution_keeps_the_face(tracker: FaceTracker, portrait: ByteArray):
    large = pasted(portrait, (720, 1280), 500, 10, 700)
    small = cv2.resize(large, (640, 360), interpolation=cv2.INTER_AREA)
    before = tracker.track(large, 0.0)
    after = tracker.track(np.asarray(small), 0.04)
    assert before is not None
    assert after is not None
    assert tracker.num_lost == 0
    np.testing.assert_allclose(after.centre_2 * 2, before.centre_2, atol=6)


@pytest.mark.parametrize("hw", [(1, 1), (8, 500), (500, 8), (31, 33)])
def test_tiny_and_narrow_pictures_have_no_face_and_do_no_harm(
    tracker: FaceTracker, hw: tuple[int, int]
):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (*hw, 3), dtype=np.uint8)
    for i in range(5):
        assert tracker.track(noise, i / 25) is None


def test_tiles_cover_the_picture_and_boxes_of_one_face_merge():
    for hw in ((480, 640), (1280, 720), (100, 900)):
        covered = np.zeros(hw, dtype=bool)
        for square in tile_squares(hw):
            x, y, side = round(square.x), round(square.y), round(square.side)
            assert x >= 0
            assert y >= 0
            covered[y : y + side, x : x + side] = True
        assert covered[3:-3, 3:-3].all()
    a, b, c = FaceBox(100, 100, 50, 0.6), FaceBox(104, 98, 60, 0.9), FaceBox(300, 100, 40, 0.7)
    assert merge_boxes([a, b, c]) == [b, c]


def test_closing_twice_is_fine():
    tracker = FaceTracker()
    tracker.close()
    tracker.close()
