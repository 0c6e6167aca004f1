"""RTP packets into frames with the least delay: pure data structures, time given by the caller.

Video: a frame leaves when its packet with the marker bit is there (RFC 7741, RFC 6184), else when
the first packet of the next timestamp is. Frames leave in order; behind a gap they wait until it is
filled, or until a keyframe makes the past unnecessary. Nothing incomplete is ever handed out.
Audio: packets leave in order; a gap is waited for as long as recent reordering suggests, at most
`MAX_HOLD_S`, then skipped. Knows sequence numbers and payloads; does not know sockets or codecs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_HALF = 1 << 15
_FULL = 1 << 16
_MAX_EARLY = 100


@dataclass(frozen=True, slots=True)
class MediaPacket:
    """What the buffers need of an RTP packet, payload header already taken off."""

    sequence: int
    """16 bits."""
    timestamp: int
    """32 bits."""
    is_last: bool
    """The marker bit."""
    is_first: bool | None
    """Whether it begins a frame; None where the payload format does not say."""
    is_key: bool
    """Belongs to a keyframe, as far as this packet alone tells."""
    data: bytes


@dataclass(frozen=True, slots=True)
class AssembledFrame:
    """All of one encoded frame."""

    timestamp: int
    is_key: bool
    data: bytes


class SequenceUnwrapper:
    """16-bit sequence numbers to an endless count."""

    def __init__(self) -> None:
        self.highest: int | None = None

    def unwrap(self, sequence: int) -> int:
        """The count nearest to the highest one seen."""
        if self.highest is None:
            self.highest = sequence + _FULL  # room for packets from before the first
            return self.highest
        delta = (sequence - self.highest) % _FULL
        if delta >= _HALF:
            delta -= _FULL
        count = self.highest + delta
        self.highest = max(self.highest, count)
        return count


class VideoJitterBuffer:
    """Puts packets in order and frames together."""

    def __init__(self, *, max_packets: int = 1024) -> None:
        self._max_packets = max_packets
        self._packets: dict[int, MediaPacket] = {}
        self._unwrapper = SequenceUnwrapper()
        self._next: int | None = None
        """Count of the first packet of the frame that is due."""
        self._needs_key = True
        self._has_released = False
        self.num_late = 0
        """Packets that came after their frame had gone or been given up."""
        self.num_given_up = 0
        """Frames skipped because a keyframe overtook a gap."""

    @property
    def needs_key(self) -> bool:
        """Nothing can leave before a keyframe."""
        return self._needs_key

    @property
    def num_held(self) -> int:
        """Packets that wait for others."""
        return len(self._packets)

    @property
    def is_blocked(self) -> bool:
        """Packets wait behind a gap or an unfinished frame that others have overtaken."""
        return bool(self.missing())

    def missing(self) -> list[int]:
        """16-bit numbers that are awaited, oldest first."""
        highest = self._unwrapper.highest
        if self._next is None or highest is None:
            return []
        return [n % _FULL for n in range(self._next, highest) if n not in self._packets]

    def require_key(self) -> None:
        """The decoder lost its state: drop everything before the next keyframe."""
        self._needs_key = True

    def add(self, packet: MediaPacket) -> list[AssembledFrame]:
        """Take a packet; return every frame that is complete and in order now."""
        count = self._unwrapper.unwrap(packet.sequence)
        highest = self._unwrapper.highest
        assert highest is not None
        if self._next is None:
            self._next = count
        elif count < self._next:
            if not self._has_released and self._next - count < _MAX_EARLY:
                self._next = count  # reordered at the very beginning
            else:
                self.num_late += 1
                return []
        if highest - self._next >= self._max_packets:
            self._start_over(count)
        self._packets[count] = packet
        frames = self._release()
        if not frames and self.missing():
            frames = self._jump_to_key()
        return frames

    def _start_over(self, count: int) -> None:
        self._packets.clear()
        self._next = count
        self._needs_key = True
        self.num_given_up += 1

    def _release(self) -> list[AssembledFrame]:
        frames: list[AssembledFrame] = []
        while (length := self._complete_length()) is not None:
            assert self._next is not None
            parts = [self._packets.pop(self._next + i) for i in range(length)]
            self._next += length
            self._has_released = True
            is_key = parts[0].is_key
            if self._needs_key:
                if not is_key or parts[0].is_first is False:
                    self.num_given_up += 1
                    continue
                self._needs_key = False
            data = b"".join(part.data for part in parts)
            if data:  # padding-only frames carry nothing
                frames.append(AssembledFrame(parts[0].timestamp, is_key, data))
        return frames

    def _complete_length(self) -> int | None:
        """Packets of the due frame if all of them are there."""
        assert self._next is not None
        first = self._packets.get(self._next)
        if first is None:
            return None
        length = 0
        while (packet := self._packets.get(self._next + length)) is not None:
            if packet.timestamp != first.timestamp:
                return length  # the marker was lost with a rewritten packet, or never set
            length += 1
            if packet.is_last:
                return length
        return None

    def _jump_to_key(self) -> list[AssembledFrame]:
        """If a whole keyframe waits behind the gap, give the past up."""
        assert self._next is not None
        for count in sorted(self._packets):
            packet = self._packets[count]
            if count == self._next or not packet.is_key or packet.is_first is False:
                continue
            if packet.is_first is None and not self._begins_frame(count):
                continue
            skipped, self._next = self._next, count
            if self._complete_length() is None:
                self._next = skipped
                continue
            for old in [n for n in self._packets if n < count]:
                del self._packets[old]
            self.num_given_up += 1
            self._needs_key = True
            return self._release()
        return []

    def _begins_frame(self, count: int) -> bool:
        before = self._packets.get(count - 1)
        return before is not None and (
            before.is_last or before.timestamp != self._packets[count].timestamp
        )


@dataclass(slots=True)
class AudioJitterBuffer:
    """Puts sound packets in order; what it returns can be played."""

    MIN_HOLD_S = 0.005
    MAX_HOLD_S = 0.06
    hold_s: float = MIN_HOLD_S
    """How long a gap is waited for: follows how late reordered packets have come."""
    num_lost: int = 0
    num_late: int = 0
    _packets: dict[int, tuple[MediaPacket, float]] = field(default_factory=dict)
    _unwrapper: SequenceUnwrapper = field(default_factory=SequenceUnwrapper)
    _next: int | None = None
    _gap_since_s: float | None = None

    def add(self, packet: MediaPacket, now_s: float) -> list[MediaPacket]:
        """Take a packet; return every packet that may be played now, in order."""
        count = self._unwrapper.unwrap(packet.sequence)
        if self._next is None:
            self._next = count
        if count < self._next:
            # It came after its gap had been given up: be more patient.
            self.num_late += 1
            self.hold_s = min(self.MAX_HOLD_S, self.hold_s + 0.01)
            return []
        self._packets[count] = (packet, now_s)
        return self.poll(now_s)

    def poll(self, now_s: float) -> list[MediaPacket]:
        """Every packet that may be played now; call again at `deadline_s`."""
        ready: list[MediaPacket] = []
        while self._packets:
            assert self._next is not None
            held = self._packets.pop(self._next, None)
            if held is not None:
                if self._gap_since_s is not None:
                    waited_s = now_s - self._gap_since_s
                    self.hold_s = min(self.MAX_HOLD_S, max(self.hold_s, 1.5 * waited_s))
                    self._gap_since_s = None
                ready.append(held[0])
                self._next += 1
                self.hold_s = max(self.MIN_HOLD_S, self.hold_s * 0.999)
                continue
            if self._gap_since_s is None:
                self._gap_since_s = min(arrival_s for _, arrival_s in self._packets.values())
            if now_s < self._gap_since_s + self.hold_s:
                break
            first = min(self._packets)
            self.num_lost += first - self._next
            self._next = first
            self._gap_since_s = None
        return ready

    @property
    def deadline_s(self) -> float | None:
        """When the gap in front is given up; None where there is none."""
        return None if self._gap_since_s is None else self._gap_since_s + self.hold_s
