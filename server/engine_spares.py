"""Animators made before they are needed, because making one takes longer than a user waits.

They are used again: trackers do not give all their memory back when they are closed. Between two
sessions an animator forgets its driver and takes on the server's own first character, so nothing of
a person stays in it. Knows how many are kept; does not know sessions.
"""

from __future__ import annotations

import gc
import logging
import threading
from fractions import Fraction

import numpy as np

from avatar.character.character import Character
from avatar.frames import DrivingFrame, Stamp
from avatar.regions import LiveSettings
from avatar.stream.animator import Animator, Drawing
from avatar.stream.factory import make_animator
from avatar.timing import monotonic_s
from server.packed_character import unpack

logger = logging.getLogger(__name__)

_WARM_UP_PUSHES = 3
MAX_IDLE = 2


class SpareAnimators:
    """Hands out animators that know nobody; at least one is kept ready."""

    def __init__(self, kind: str, *, fps: float) -> None:
        self._kind, self._fps = kind, fps
        self._lock = threading.Lock()
        self._idle: list[Animator] = []
        self._nobody: Character | None = None
        """The server's own character that an idle animator shows; None where there is none."""
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def prepare(self) -> None:
        """Import what an animator needs, and make the first, while nobody waits yet."""
        self._idle.append(self._new())

    def warm_up(self, character: bytes | None) -> None:
        """Run the first animator on its own reference, so that everything is compiled."""
        if character is None:
            return
        self._nobody = unpack(character)
        animator = self.take()
        animator.open(self._nobody)
        picture = np.ascontiguousarray(self._nobody.views[0].rgb_HW3)
        for index in range(_WARM_UP_PUSHES):
            stamp = Stamp(index * 3600, Fraction(1, 90_000), monotonic_s())
            animator.push(DrivingFrame(stamp, picture))
        self.give_back(animator)

    def _new(self) -> Animator:
        return make_animator(self._kind, is_live=True, fps=self._fps)

    @property
    def drawing(self) -> Drawing | None:
        """What draws, and why; None while nothing was made yet or all are out."""
        with self._lock:
            return self._idle[0].drawing if self._idle else None

    def take(self) -> Animator:
        """An animator that must be opened."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._new()

    def give_back(self, animator: Animator) -> None:
        """A session is over: forget it, and keep the animator for the next one."""
        is_kept = False
        if self._nobody is not None:
            animator.reset()
            animator.configure(LiveSettings())
            animator.open(self._nobody)
            with self._lock:
                is_kept = not self._is_closed and len(self._idle) < MAX_IDLE
                if is_kept:
                    self._idle.append(animator)
        if not is_kept:
            animator.close()
        # What is left of a session are cycles that hold pictures: 80 MB until collected.
        gc.collect()

    def refill(self) -> None:
        """Make another animator in the background, if none is idle."""
        with self._lock:
            if self._is_closed or self._idle:
                return
            if self._thread is not None and self._thread.is_alive():
                return
            self._thread = threading.Thread(target=self._make, name="spare-animator", daemon=True)
            self._thread.start()

    def _make(self) -> None:
        spare = self._new()
        with self._lock:
            if not self._is_closed and not self._idle:
                self._idle.append(spare)
                return
        spare.close()

    def close(self) -> None:
        """Release what is idle."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for animator in idle:
            animator.close()
