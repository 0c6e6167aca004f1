"""Body and hands at every frame from a tracker that runs at every third or so.

Knows rates, the worker thread and how to carry motion on between two sightings; does not know the
tracker's insides.

Live, the tracker runs in a thread of its own on the newest picture (one waits at most; pictures
that come while it works are dropped and counted), so that the face never waits for the body.
Offline it runs inline at fixed media times: the same input gives the same output.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avatar.frames import NUM_HAND_JOINTS, BodyMotion, ByteArray, FloatArray, HandsMotion
from avatar.motion.crop import fit_within
from avatar.motion.one_euro import OneEuro, OneEuroSettings
from avatar.motion.tracker_body import BodyObservation, BodyTracker

PERIOD_S = 0.11
"""Media time between two looks at the body."""
TRUNK_PERIOD_S = 0.18
"""Without hands to follow: shoulders are slow."""
EMPTY_PERIOD_S = 0.5
"""While no body is found."""
PICTURE_PX = 640
CARRY_S = 0.14
"""Motion is carried on from the last sighting no further than this."""
_CARRY_SHARE = 0.6
GONE_S = 0.6
"""A body or hand not seen for this long is gone (its visibility falls meanwhile)."""

# Units: picture heights and picture heights per second.
BODY = OneEuroSettings(min_cutoff_hz=1.4, beta=10.0, speed_cutoff_hz=2.0)
HAND = OneEuroSettings(min_cutoff_hz=1.8, beta=14.0, speed_cutoff_hz=2.0)


class BodySource(Protocol):
    """What is needed of a body tracker."""

    def track(self, rgb_HW3: ByteArray, *, wants_hands: bool = True) -> BodyObservation:
        """Body and hands of one picture."""

    def reset(self) -> None:
        """Forget the person."""

    def close(self) -> None:
        """Release the models."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    time_s: float
    points: FloatArray


class _Carrier:
    """One set of points: carried on from its sightings and smoothed per frame."""

    def __init__(self, settings: OneEuroSettings) -> None:
        self._filter = OneEuro(settings)
        self.reset()

    def reset(self) -> None:
        self._last: _Sighting | None = None
        self._velocity: FloatArray | None = None
        self._shown_s: float | None = None
        self._filter.reset()

    @property
    def last_s(self) -> float | None:
        return None if self._last is None else self._last.time_s

    def see(self, time_s: float, points: FloatArray) -> None:
        last = self._last
        self._velocity = None
        if last is not None and 0.0 < time_s - last.time_s < GONE_S:
            self._velocity = (points - last.points) / np.float32(time_s - last.time_s)
        elif last is not None:
            self._filter.reset()
        self._last = _Sighting(time_s, points)

    def at(self, time_s: float) -> FloatArray:
        assert self._last is not None
        points = self._last.points
        if self._velocity is not None:
            ahead_s = min(max(time_s - self._last.time_s, 0.0), CARRY_S)
            points = points + self._velocity * np.float32(_CARRY_SHARE * ahead_s)
        dt_s = 0.0 if self._shown_s is None else max(time_s - self._shown_s, 0.0)
        self._shown_s = time_s
        return self._filter(points, min(dt_s, 0.2))


class BodyFollower:
    """Body and hands for every frame. `is_live` runs the tracker in a thread of its own."""

    def __init__(
        self,
        *,
        is_live: bool,
        make_tracker: Callable[[], BodySource] = BodyTracker,
    ) -> None:
        self._worker = _ThreadWorker(make_tracker) if is_live else _InlineWorker(make_tracker)
        self._body = _Carrier(BODY)
        self._hands = (_Carrier(HAND), _Carrier(HAND))
        self._visibility: FloatArray | None = None
        self._shown_visibility: FloatArray | None = None
        self._asked_s: float | None = None
        self._last_s: float | None = None
        self._is_empty = False

    @property
    def num_dropped(self) -> int:
        """Pictures that were due but found the tracker busy."""
        return self._worker.num_dropped

    def reset(self) -> None:
        """Forget the person."""
        self._worker.reset()
        self._forget()
        self._asked_s = self._last_s = None
        self._is_empty = False

    def _forget(self) -> None:
        self._body.reset()
        for hand in self._hands:
            hand.reset()
        self._visibility = self._shown_visibility = None

    def update(
        self, rgb_HW3: ByteArray, time_s: float, *, wants_hands: bool = True
    ) -> tuple[BodyMotion | None, HandsMotion | None]:
        """Body and hands at `time_s`, in pixels of this picture; None where none is known."""
        rows = np.float32(rgb_HW3.shape[0])
        if self._last_s is not None and not -0.001 <= time_s - self._last_s < 2.0:
            self._forget()
            self._asked_s = None
        period_s = PERIOD_S if wants_hands else TRUNK_PERIOD_S
        if self._is_empty:
            period_s = EMPTY_PERIOD_S
        if self._asked_s is None or time_s - self._asked_s >= period_s - 1e-6:
            self._asked_s = time_s
            small, factor = fit_within(rgb_HW3, PICTURE_PX)
            self._worker.ask(small, time_s, wants_hands)
        for seen_s, height, observation in self._worker.results():
            self._take(seen_s, height, observation)
        dt_s = 0.0 if self._last_s is None else min(max(time_s - self._last_s, 0.0), 0.2)
        self._last_s = time_s
        return self._show(time_s, dt_s, rows)

    def _take(self, seen_s: float, height: int, observation: BodyObservation) -> None:
        self._is_empty = observation.body is None
        if observation.body is None:
            return
        unit = np.float32(height)
        self._body.see(seen_s, observation.body.joints_J3 / unit)
        self._visibility = observation.body.visibility_J
        if observation.hands is None:
            return
        for side, hand in enumerate(self._hands):
            if observation.hands.is_present_2[side]:
                hand.see(seen_s, observation.hands.joints_2K3[side] / unit)

    def _show(
        self, time_s: float, dt_s: float, rows: np.float32
    ) -> tuple[BodyMotion | None, HandsMotion | None]:
        seen_s = self._body.last_s
        if seen_s is None or self._visibility is None:
            return None, None
        gone = np.clip((time_s - seen_s - 0.25) / GONE_S, 0.0, 1.0)
        if gone >= 1.0:
            self._forget()
            return None, None
        wanted = self._visibility * np.float32(1.0 - gone)
        if self._shown_visibility is None:
            self._shown_visibility = wanted
        else:
            share = np.float32(1.0 - np.exp(-dt_s / 0.15))
            self._shown_visibility = self._shown_visibility + share * (
                wanted - self._shown_visibility
            )
        body = BodyMotion(self._body.at(time_s) * rows, self._shown_visibility)
        joints = np.repeat(body.joints_J3[[15, 16]][:, None], NUM_HAND_JOINTS, axis=1)
        is_present = np.zeros(2, dtype=np.bool_)
        for side, hand in enumerate(self._hands):
            if hand.last_s is None:
                continue
            if time_s - hand.last_s > 0.5 * GONE_S:
                hand.reset()
                continue
            joints[side] = hand.at(time_s) * rows
            is_present[side] = True
        return body, HandsMotion(joints, is_present)

    def close(self) -> None:
        """Stop the thread, if any, and release the models."""
        self._worker.close()


_Result = tuple[float, int, BodyObservation]


class _Worker(Protocol):
    num_dropped: int

    def ask(self, rgb_HW3: ByteArray, time_s: float, wants_hands: bool) -> None: ...

    def results(self) -> list[_Result]: ...

    def reset(self) -> None: ...

    def close(self) -> None: ...


class _InlineWorker:
    """Answers at once."""

    def __init__(self, make_tracker: Callable[[], BodySource]) -> None:
        self._make_tracker = make_tracker
        self._tracker: BodySource | None = None
        self._results: list[_Result] = []
        self.num_dropped = 0

    def ask(self, rgb_HW3: ByteArray, time_s: float, wants_hands: bool) -> None:
        if self._tracker is None:
            self._tracker = self._make_tracker()
        observation = self._tracker.track(rgb_HW3, wants_hands=wants_hands)
        self._results = [(time_s, rgb_HW3.shape[0], observation)]

    def results(self) -> list[_Result]:
        results, self._results = self._results, []
        return results

    def reset(self) -> None:
        if self._tracker is not None:
            self._tracker.reset()
        self._results = []

    def close(self) -> None:
        if self._tracker is not None:
            self._tracker.close()
            self._tracker = None


class _ThreadWorker:
    """Answers when it can: one picture in work, the newest waiting, one thread in all."""

    def __init__(self, make_tracker: Callable[[], BodySource]) -> None:
        self._make_tracker = make_tracker
        self._condition = threading.Condition()
        self._waiting: tuple[ByteArray, float, bool, int] | None = None
        self._results: list[_Result] = []
        self._epoch = 0
        self._is_closing = False
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self.num_dropped = 0

    def ask(self, rgb_HW3: ByteArray, time_s: float, wants_hands: bool) -> None:
        with self._condition:
            self._raise_failure()
            if self._is_closing:
                return
            if self._waiting is not None:
                self.num_dropped += 1
            # The caller may reuse its buffer as soon as this returns.
            self._waiting = (rgb_HW3.copy(), time_s, wants_hands, self._epoch)
            self._condition.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="body", daemon=True)
                self._thread.start()

    def results(self) -> list[_Result]:
        with self._condition:
            self._raise_failure()
            results, self._results = self._results, []
        return results

    def reset(self) -> None:
        with self._condition:
            self._epoch += 1
            self._waiting = None
            self._results = []

    def close(self) -> None:
        with self._condition:
            self._is_closing = True
            self._waiting = None
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _run(self) -> None:
        tracker: BodySource | None = None
        epoch = self._epoch
        try:
            tracker = self._make_tracker()
            while True:
                with self._condition:
                    while self._waiting is None and not self._is_closing:
                        self._condition.wait()
                    if self._is_closing or self._waiting is None:
                        return
                    rgb, time_s, wants_hands, asked_epoch = self._waiting
                    self._waiting = None
                if asked_epoch != epoch:
                    tracker.reset()
                    epoch = asked_epoch
                observation = tracker.track(rgb, wants_hands=wants_hands)
                with self._condition:
                    if asked_epoch == self._epoch:
                        # Bounded: a caller that stopped asking gets the newest few.
                        self._results = [
                            *self._results[-3:],
                            (time_s, rgb.shape[0], observation),
                        ]
        except Exception as error:  # thread boundary: raised again in the caller's thread
            with self._condition:
                self._failure = error
                self._is_closing = True
        finally:
            if tracker is not None:
                tracker.close()
