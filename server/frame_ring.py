"""Pictures across processes: a ring of slots in shared memory, newest wins, nobody waits.

One writer, one reader. Every slot has a guard that is odd while the slot is written (a seqlock): a
reader that was overtaken sees the guard change and tries again with a newer picture. Knows bytes
and shapes; does not know what a picture shows, nor how anybody is woken.

Memory: HEADER_WORDS 64-bit words [count published], then per slot SLOT_WORDS words
[guard, meta bytes, rows, columns, channels], META_BYTES of metadata, and the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import NDArray

from avatar.frames import ByteArray

META_BYTES = 1024
HEADER_WORDS = 8
SLOT_WORDS = 8
_GUARD, _META, _ROWS, _COLUMNS, _CHANNELS = range(5)
_MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class RingLayout:
    """What both sides must agree on; picklable."""

    name: str
    num_slots: int
    picture_bytes: int

    @property
    def slot_bytes(self) -> int:
        """Bytes of one slot, a multiple of 8."""
        return SLOT_WORDS * 8 + META_BYTES + (self.picture_bytes + 7) // 8 * 8

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole ring."""
        return HEADER_WORDS * 8 + self.num_slots * self.slot_bytes


@dataclass(frozen=True, slots=True)
class RingFrame:
    """A picture read from the ring: a private copy."""

    sequence: int
    """1 for the first picture ever published."""
    num_skipped: int
    """Pictures published since the last read that were never read."""
    meta: bytes
    picture: ByteArray


class FrameRing:
    """Either end of a ring. Create it in the owning process, attach in the other."""

    def __init__(self, memory: SharedMemory, layout: RingLayout, *, is_owner: bool) -> None:
        self.layout = layout
        self._memory = memory
        self._is_owner = is_owner
        self._words: NDArray[np.uint64] = np.ndarray(
            HEADER_WORDS, dtype=np.uint64, buffer=memory.buf
        )
        self._slots: list[tuple[NDArray[np.uint64], ByteArray, ByteArray]] = []
        for index in range(layout.num_slots):
            at = HEADER_WORDS * 8 + index * layout.slot_bytes
            words: NDArray[np.uint64] = np.ndarray(
                SLOT_WORDS, dtype=np.uint64, buffer=memory.buf, offset=at
            )
            meta: ByteArray = np.ndarray(
                META_BYTES, dtype=np.uint8, buffer=memory.buf, offset=at + SLOT_WORDS * 8
            )
            picture: ByteArray = np.ndarray(
                layout.picture_bytes,
                dtype=np.uint8,
                buffer=memory.buf,
                offset=at + SLOT_WORDS * 8 + META_BYTES,
            )
            self._slots.append((words, meta, picture))
        self._last_read = int(self._words[0])

    @classmethod
    def create(cls, *, num_slots: int, picture_bytes: int) -> FrameRing:
        """Allocate a ring; the creator must `close` it, which also frees the memory."""
        assert num_slots >= 3, "one is written, one is read, one is spare"
        draft = RingLayout("", num_slots, picture_bytes)
        memory = SharedMemory(create=True, size=draft.total_bytes)
        return cls(memory, RingLayout(memory.name, num_slots, picture_bytes), is_owner=True)

    @classmethod
    def attach(cls, layout: RingLayout) -> FrameRing:
        """Open a ring that another process created; reading starts with the next picture."""
        return cls(SharedMemory(name=layout.name), layout, is_owner=False)

    def publish(self, picture: ByteArray, meta: bytes) -> int:
        """Write a picture of two or three axes; returns its sequence number. Never waits."""
        assert picture.nbytes <= self.layout.picture_bytes, "the picture is larger than a slot"
        assert len(meta) <= META_BYTES, "too much metadata"
        sequence = int(self._words[0]) + 1
        words, meta_bytes, picture_bytes = self._slots[sequence % self.layout.num_slots]
        words[_GUARD] = 2 * sequence - 1
        words[_META] = len(meta)
        words[_ROWS], words[_COLUMNS] = picture.shape[0], picture.shape[1]
        words[_CHANNELS] = picture.shape[2] if picture.ndim == 3 else 0
        meta_bytes[: len(meta)] = np.frombuffer(meta, dtype=np.uint8)
        picture_bytes[: picture.nbytes].reshape(picture.shape)[...] = picture
        words[_GUARD] = 2 * sequence
        self._words[0] = sequence
        return sequence

    def read(self, *, newest: bool = True) -> RingFrame | None:
        """The newest unread picture (or the oldest unread one still there), or None."""
        num_slots = self.layout.num_slots
        for _ in range(_MAX_ATTEMPTS):
            latest = int(self._words[0])
            if latest <= self._last_read:
                return None
            # The slot after the latest may be under the writer's pen: never the oldest one.
            oldest = max(self._last_read + 1, latest - num_slots + 2)
            sequence = latest if newest else oldest
            words, meta_bytes, picture_bytes = self._slots[sequence % num_slots]
            if int(words[_GUARD]) != 2 * sequence:
                continue
            meta_length = min(int(words[_META]), META_BYTES)
            shape: tuple[int, ...] = (int(words[_ROWS]), int(words[_COLUMNS]))
            if channels := int(words[_CHANNELS]):
                shape = (*shape, channels)
            num_bytes = int(np.prod(shape))
            if num_bytes > self.layout.picture_bytes:
                continue  # overtaken while the shape was written
            picture = picture_bytes[:num_bytes].reshape(shape).copy()
            meta = meta_bytes[:meta_length].tobytes()
            if int(words[_GUARD]) == 2 * sequence:
                num_skipped = sequence - self._last_read - 1
                self._last_read = sequence
                return RingFrame(sequence, num_skipped, meta, picture)
        return None

    @property
    def has_unread(self) -> bool:
        """A picture was published since the last read."""
        return int(self._words[0]) > self._last_read

    def skip_unread(self) -> int:
        """Forget everything published so far; returns how many pictures that were."""
        latest = int(self._words[0])
        num_skipped = latest - self._last_read
        self._last_read = latest
        return num_skipped

    def erase(self) -> None:
        """Overwrite every picture with zeros: nothing of a person stays behind a session."""
        for _, meta_bytes, picture_bytes in self._slots:
            meta_bytes[:] = 0
            picture_bytes[:] = 0

    def close(self) -> None:
        """Let go of the memory; the owner's close frees it for good."""
        del self._words
        self._slots.clear()
        self._memory.close()
        if self._is_owner:
            self._memory.unlink()
