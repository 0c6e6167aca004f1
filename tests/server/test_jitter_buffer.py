"""Frames leave on their marker, in order, whole or not at all."""

from __future__ import annotations

import random

from server.jitter_buffer import AudioJitterBuffer, MediaPacket, VideoJitterBuffer


def _frame(
    first: int, timestamp: int, num_packets: int, *, is_key: bool = False, has_marker: bool = True
) -> list[MediaPacket]:
    return [
        MediaPacket(
            sequence=(first + i) % 65536,
            timestamp=timestamp,
            is_last=has_marker and i == num_packets - 1,
            is_first=i == 0,
            is_key=is_key and i == 0,
            data=f"{timestamp}.{i};".encode(),
        )
        for i in range(num_packets)
    ]


def _stream(num_frames: int, *, first: int = 0, seed: int = 0) -> list[list[MediaPacket]]:
    generator = random.Random(seed)
    frames, sequence = [], first
    for index in range(num_frames):
        count = generator.randint(1, 6)
        frames.append(_frame(sequence, 3000 * index, count, is_key=index == 0))
        sequence += count
    return frames


def test_a_frame_leaves_with_its_marker_packet() -> None:
    buffer = VideoJitterBuffer()
    packets = _frame(10, 0, 3, is_key=True)
    assert buffer.add(packets[0]) == []
    assert buffer.add(packets[1]) == []
    (frame,) = buffer.add(packets[2])
    assert frame.data == b"0.0;0.1;0.2;"
    assert frame.is_key


def test_without_a_marker_a_frame_leaves_with_the_next_timestamp() -> None:
    buffer = VideoJitterBuffer()
    for packet in _frame(10, 0, 2, is_key=True, has_marker=False):
        assert buffer.add(packet) == []
    (frame,) = buffer.add(_frame(12, 3000, 2)[0])
    assert frame.timestamp == 0


def test_reordering_within_a_window_changes_nothing_in_what_comes_out() -> None:
    frames = _stream(200)
    packets = [packet for frame in frames for packet in frame]
    generator = random.Random(1)
    shuffled = sorted(
        range(len(packets)), key=lambda i: i + (generator.random() * 6 if i > 6 else 0)
    )
    buffer = VideoJitterBuffer()
    out = [frame for i in shuffled for frame in buffer.add(packets[i])]
    assert [frame.timestamp for frame in out] == [3000 * i for i in range(200)]
    assert b"".join(frame.data for frame in out) == b"".join(p.data for p in packets)


def test_duplicates_are_counted_and_change_nothing() -> None:
    buffer = VideoJitterBuffer()
    packets = [packet for frame in _stream(20) for packet in frame]
    out = [frame for packet in packets for _ in range(2) for frame in buffer.add(packet)]
    assert len(out) == 20
    assert buffer.num_late > 0


def test_the_sequence_number_may_wrap() -> None:
    buffer = VideoJitterBuffer()
    packets = [packet for frame in _stream(60, first=65500) for packet in frame]
    out = [frame for packet in packets for frame in buffer.add(packet)]
    assert len(out) == 60


def test_behind_a_gap_frames_wait_and_then_leave_together_in_order() -> None:
    frames = _stream(6)
    lost = frames[2][0]
    buffer = VideoJitterBuffer()
    out = []
    for frame in frames:
        for packet in frame:
            if packet is not lost:
                out += buffer.add(packet)
    assert [frame.timestamp for frame in out] == [0, 3000]
    assert buffer.missing() == [lost.sequence]
    late = buffer.add(lost)
    assert [frame.timestamp for frame in late] == [6000, 9000, 12000, 15000]
    assert not buffer.is_blocked


def test_a_keyframe_makes_the_gap_before_it_unnecessary() -> None:
    frames = _stream(4)
    buffer = VideoJitterBuffer()
    for frame in frames[:2]:
        for packet in frame:
            buffer.add(packet)
    sequence = frames[3][-1].sequence + 1  # all of frame 2 is lost
    for packet in frames[3]:
        assert buffer.add(packet) == []
    out = []
    for packet in _frame(sequence, 12000, 4, is_key=True):
        out += buffer.add(packet)
    assert [(frame.timestamp, frame.is_key) for frame in out] == [(12000, True)]
    assert buffer.num_given_up == 1
    assert buffer.missing() == []


def test_nothing_leaves_before_the_first_keyframe() -> None:
    buffer = VideoJitterBuffer()
    out = [f for packet in _frame(5, 0, 2) + _frame(7, 3000, 2) for f in buffer.add(packet)]
    assert out == []
    assert buffer.needs_key
    out = [frame for packet in _frame(9, 6000, 2, is_key=True) for frame in buffer.add(packet)]
    assert [frame.timestamp for frame in out] == [6000]


def test_memory_is_bounded_when_a_packet_never_comes() -> None:
    buffer = VideoJitterBuffer(max_packets=64)
    packets = [packet for frame in _stream(400) for packet in frame]
    del packets[30]
    for packet in packets:
        buffer.add(packet)
        assert len(buffer._packets) <= 64
    assert buffer.needs_key


def _sound(sequence: int) -> MediaPacket:
    return MediaPacket(sequence, 960 * sequence, True, True, True, b"x")


def test_sound_in_order_is_never_held() -> None:
    buffer = AudioJitterBuffer()
    for i in range(100):
        assert [p.sequence for p in buffer.add(_sound(i), i * 0.02)] == [i]


def test_a_reordered_sound_packet_is_waited_for_briefly() -> None:
    buffer = AudioJitterBuffer()
    buffer.add(_sound(0), 0.0)
    assert buffer.add(_sound(2), 0.04) == []
    assert [p.sequence for p in buffer.add(_sound(1), 0.043)] == [1, 2]
    assert buffer.num_lost == 0


def test_a_lost_sound_packet_is_given_up_after_the_hold() -> None:
    buffer = AudioJitterBuffer()
    buffer.add(_sound(0), 0.0)
    assert buffer.add(_sound(2), 0.04) == []
    deadline_s = buffer.deadline_s
    assert deadline_s is not None
    assert deadline_s <= 0.04 + AudioJitterBuffer.MAX_HOLD_S
    assert [p.sequence for p in buffer.poll(deadline_s)] == [2]
    assert buffer.num_lost == 1


def test_patience_grows_with_late_packets_and_stays_bounded() -> None:
    buffer = AudioJitterBuffer()
    before_s = buffer.hold_s
    for i in range(0, 60, 2):
        now_s = i * 0.02
        buffer.add(_sound(i + 1), now_s)
        buffer.poll(now_s + 0.02)
        buffer.add(_sound(i), now_s + 0.021)
    assert before_s < buffer.hold_s <= AudioJitterBuffer.MAX_HOLD_S
