"""Animators made before they are needed, because making one takes longer than a user waits.

Knows how many are kept (one) and how to warm everything up; does not know sessions.
"""

from __future__ import annotations

import logging
import pickle
import threading
from fractions import Fraction

import numpy as np

from avatar.frames import DrivingFrame, Stamp
from avatar.stream.animator import Animator
from avatar.stream.factory import make_animator
from avatar.timing import monotonic_s

logger = logging.getLogger(__name__)

_WARM_UP_PUSHES = 3


class SpareAnimators:
    """Hands out fresh animators; one is kept ready."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._spare: Animator | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def prepare(self) -> None:
        """Import what an animator needs, while nobody waits yet."""
        make_animator(self._kind, is_live=True).close()

    def warm_up(self, character: bytes | None) -> None:
        """Run one animator on its own reference, then keep another one ready."""
        animator = make_animator(self._kind, is_live=True)
        if character is not None:
            opened = pickle.loads(character)
            animator.open(opened)
            picture = np.ascontiguousarray(opened.views[0].rgb_HW3)
            for index in range(_WARM_UP_PUSHES):
                stamp = Stamp(index * 3600, Fraction(1, 90_000), monotonic_s())
                animator.push(DrivingFrame(stamp, picture))
        animator.close()
        self._spare = make_animator(self._kind, is_live=True)

    def take(self) -> Animator:
        """A fresh animator; the next spare is begun in the background."""
        with self._lock:
            animator, self._spare = self._spare, None
        if animator is None:
            animator = make_animator(self._kind, is_live=True)
        return animator

    def refill(self) -> None:
        """Make the next spare in the background, if there is none."""
        with self._lock:
            if self._is_closed or self._spare is not None:
                return
            if self._thread is not None and self._thread.is_alive():
                return
            self._thread = threading.Thread(target=self._make, name="spare-animator", daemon=True)
            self._thread.start()

    def _make(self) -> None:
        spare = make_animator(self._kind, is_live=True)
        with self._lock:
            if not self._is_closed and self._spare is None:
                self._spare = spare
                return
        spare.close()

    def close(self) -> None:
        """Release the spare."""
        with self._lock:
            self._is_closed = True
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()
