"""Pictures and sound between processes: newest wins, losses counted, nothing torn."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import pytest

from avatar.frames import Tracking
from server.audio_ring import AudioRing
from server.engine_messages import DrivingMeta, RenderedMeta
from server.frame_ring import FrameRing, RingLayout


@pytest.fixture
def ring() -> Iterator[FrameRing]:
    ring = FrameRing.create(num_slots=4, picture_bytes=64 * 64 * 3)
    yield ring
    ring.close()


def _picture(value: int) -> np.ndarray:
    return np.full((48, 64, 3), value, dtype=np.uint8)


def test_what_is_published_is_read_once(ring: FrameRing) -> None:
    ring.publish(_picture(7), b"meta")
    frame = ring.read()
    assert frame is not None
    assert frame.meta == b"meta"
    assert frame.picture.shape == (48, 64, 3)
    assert (frame.picture == 7).all()
    assert ring.read() is None


def test_the_newest_wins_and_the_others_are_counted(ring: FrameRing) -> None:
    for value in range(10):
        ring.publish(_picture(value), b"")
    frame = ring.read()
    assert frame is not None
    assert frame.picture[0, 0, 0] == 9
    assert frame.num_skipped == 9


def test_in_order_reading_gives_what_the_ring_still_holds(ring: FrameRing) -> None:
    for value in range(10):
        ring.publish(_picture(value), b"")
    values, skipped = [], 0
    while (frame := ring.read(newest=False)) is not None:
        values.append(int(frame.picture[0, 0, 0]))
        skipped += frame.num_skipped
    assert values == [7, 8, 9]
    assert skipped == 7


def test_a_half_written_picture_is_not_read(ring: FrameRing) -> None:
    sequence = ring.publish(_picture(1), b"")
    ring._slots[sequence % 4][0][0] = 2 * sequence - 1  # the writer died in the middle
    assert ring.read() is None
    ring.publish(_picture(2), b"")
    frame = ring.read()
    assert frame is not None
    assert frame.picture[0, 0, 0] == 2


def test_pictures_of_two_axes_and_any_size_that_fits_pass(ring: FrameRing) -> None:
    ring.publish(np.arange(60, dtype=np.uint8).reshape(10, 6), b"")
    frame = ring.read()
    assert frame is not None
    assert frame.picture.shape == (10, 6)
    with pytest.raises(AssertionError):
        ring.publish(np.zeros((65, 64, 3), dtype=np.uint8), b"")


def test_erasing_leaves_nothing_of_a_person(ring: FrameRing) -> None:
    ring.publish(_picture(200), b"secret")
    ring.erase()
    assert not any(picture.any() or meta.any() for _, meta, picture in ring._slots)


def _write_forever(layout: RingLayout, stop: Connection) -> None:
    ring = FrameRing.attach(layout)
    value = 0
    while not stop.poll():
        value = (value + 1) % 256
        ring.publish(np.full((64, 64, 3), value, dtype=np.uint8), bytes([value]))
    ring.close()


def test_a_reader_beside_a_racing_writer_never_sees_a_torn_picture(ring: FrameRing) -> None:
    context = multiprocessing.get_context("spawn")
    reader_end, child_end = context.Pipe()
    writer = context.Process(target=_write_forever, args=(ring.layout, child_end))
    writer.start()
    num_read = 0
    try:
        while num_read < 300:
            frame = ring.read()
            if frame is not None:
                num_read += 1
                assert (frame.picture == frame.meta[0]).all()
    finally:
        reader_end.send(None)
        writer.join(10)
    assert writer.exitcode == 0


def test_sound_is_read_whole_with_the_time_of_its_first_sample() -> None:
    ring = AudioRing.create(duration_s=1.0, sample_rate_hz=1000)
    try:
        ring.write(np.arange(20, dtype=np.float32), end_pts_s=5.02, end_arrival_s=9.0)
        ring.write(np.arange(20, 40, dtype=np.float32), end_pts_s=5.04, end_arrival_s=9.02)
        heard = ring.read()
        assert heard is not None
        assert heard.samples_T.tolist() == list(range(40))
        assert heard.pts_s == pytest.approx(5.0)
        assert heard.num_lost == 0
        assert ring.read() is None
    finally:
        ring.close()


def test_sound_that_nobody_reads_is_lost_from_its_oldest_end_and_counted() -> None:
    ring = AudioRing.create(duration_s=1.0, sample_rate_hz=1000)
    try:
        for i in range(100):
            ring.write(np.full(20, i, dtype=np.float32), end_pts_s=0.0, end_arrival_s=0.0)
        heard = ring.read()
        assert heard is not None
        assert len(heard.samples_T) == 500
        assert heard.samples_T[-1] == 99
        assert heard.num_lost == 1500
    finally:
        ring.close()


def test_metadata_survives_packing() -> None:
    driving = DrivingMeta(3, 90_000, 4_000_000_000, 12.5, 12.6)
    assert DrivingMeta.unpack(driving.pack()) == driving
    rendered = RenderedMeta(
        3, 90_000, 4_000_000_000, 1.0, 2.0, 3.0, 4.0, 1, True, 2, Tracking.HELD, {"render": 0.012}
    )
    assert RenderedMeta.unpack(rendered.pack()) == rendered
    chatty = RenderedMeta(
        3, 1, 1, 1.0, 2.0, 3.0, 4.0, 1, True, 2, Tracking.HELD,
        {f"stage {'x' * 50} {i}": 1.0 for i in range(100)},
    )  # fmt: skip
    assert RenderedMeta.unpack(chatty.pack()).tracking is Tracking.HELD
