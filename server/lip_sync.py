"""Who waits for whom: the voice for the picture, or the picture for the voice, and how long.

Three spans decide: how long a picture takes until it is rendered, how old the voice is when it
leaves, and by how much the listener's browser holds voice longer than pictures (its page reports
both, see `protocol.Playout`). Mostly the voice waits. Where the browser's jitter buffer alone makes
it later than the picture, the picture is held back instead, by no more than that and no more than
`max_hold_s`. Feed-forward from measured spans, so that nothing can oscillate; medians, a dead band
and a bounded slope keep single reports from being seen. Pure: the caller brings the time.
"""

from __future__ import annotations

from collections import deque

from avatar.timing import quantile
from server.sync import FRAME_SAMPLES, RATE_HZ, WindowMinimum

MAX_DELAY_S = 1.0
MAX_UPLINK_SKEW_S = 0.25
"""A larger difference between the uplinks of picture and voice is a clock that lies."""
DEFAULT_LEAD_S = 0.06
"""By how much browsers hold voice longer than pictures, where no page says so (native clients)."""
MAX_LEAD_S = 0.4
CAPTURE_CHUNK_S = 0.01
"""Browsers take the microphone in chunks of this length and stamp them when they are complete
(seen in Chromium: sender reports place the end of a packet after its own arrival)."""
FRAME_S = FRAME_SAMPLES / RATE_HZ
"""A frame of voice is as old as its last sample; what is heard when it comes is its first."""
_WINDOW_S = 2.0
_MIN_DELAY_S = 0.01
_REPORTS = 3
_LEAD_BAND_S = 0.006
_LEAD_STEP_S = 0.03
"""Most that one report (a second) moves the lead: the voice is slewed by no more than that."""
_HOLD_SLOPE = 0.08
"""Most that the hold grows or shrinks per second of time: pictures come 8 % slower or faster."""
_NO_HOLD_S = 0.004
"""A shorter hold is not worth the wait."""
_QUIET_S = 0.5
"""A voice that has not been heard for this long keeps no picture waiting."""


class LipSync:
    """One session's placing of voice and picture."""

    def __init__(self, *, max_hold_s: float) -> None:
        self._max_hold_s = max_hold_s
        self._pipeline: deque[tuple[float, float]] = deque()
        self._uplink = {"video": WindowMinimum(), "audio": WindowMinimum()}
        self._uplink_s: dict[str, float] = {}
        self._reports: deque[float] = deque(maxlen=_REPORTS)
        self._voice: tuple[float, float] | None = None
        self._hold_at_s: float | None = None
        self._skews: deque[tuple[float, float]] = deque()
        self.delay_s = _MIN_DELAY_S
        """By how much the voice is to leave later than it came, if it can."""
        self.hold_s = 0.0
        """By how much pictures are held back so that the voice can catch up."""
        self.lead_s = DEFAULT_LEAD_S
        """By how much the browser plays voice later than pictures."""

    # --- what is known --------------------------------------------------------------------------

    def on_arrival(self, kind: str, sender_s: float | None, arrival_s: float, now_s: float) -> None:
        """A picture or a piece of voice came; `sender_s`: its time on the sender's clock."""
        if sender_s is not None:
            self._uplink_s[kind] = self._uplink[kind].add(arrival_s - sender_s, now_s)

    def on_playout(self, voice_s: float, picture_s: float) -> None:
        """The page says how long its browser holds voice and pictures, lately."""
        lead_s = min(MAX_LEAD_S, max(-MAX_LEAD_S, voice_s - picture_s))
        is_first = not self._reports
        self._reports.append(lead_s)
        if is_first:
            self.lead_s = lead_s
            return
        step_s = quantile(sorted(self._reports), 0.5) - self.lead_s
        if abs(step_s) > _LEAD_BAND_S:
            self.lead_s += min(_LEAD_STEP_S, max(-_LEAD_STEP_S, step_s))

    def on_voice(self, lag_s: float | None, now_s: float) -> None:
        """A frame of voice leaves now, `lag_s` after it came; None: it is silent."""
        if lag_s is not None:
            self._voice = (now_s, lag_s)

    # --- what follows from it -------------------------------------------------------------------

    def on_picture(self, said_s: float, now_s: float, *, voice_lag_s: float | None = None) -> float:
        """A picture is rendered; returns when it is to leave.

        `said_s`: when what it shows came to us, on the media clock. `voice_lag_s`: its mouth
        follows the voice, and shows what was said that much earlier; then the camera's way to us
        does not matter.
        """
        age_s = now_s - said_s + self._extra_s(voice_lag_s)
        self._pipeline.append((now_s, age_s))
        while self._pipeline[0][0] < now_s - _WINDOW_S:
            self._pipeline.popleft()
        usual_s = quantile(sorted(age_s for _, age_s in self._pipeline), 0.5)
        self.delay_s = min(MAX_DELAY_S, max(_MIN_DELAY_S, usual_s - self.lead_s))
        self._move_hold(usual_s, now_s)
        if self.hold_s < _NO_HOLD_S:
            return now_s
        # All leave at the same age: what the hold costs also evens out the engine's rhythm.
        return min(now_s + self._max_hold_s, max(now_s, now_s - age_s + usual_s + self.hold_s))

    def on_picture_sent(
        self, said_s: float, now_s: float, *, voice_lag_s: float | None = None
    ) -> None:
        """The picture leaves now."""
        if self._voice is None or not self._reports or now_s - self._voice[0] > _QUIET_S:
            return
        age_s = now_s - said_s + self._extra_s(voice_lag_s)
        self._skews.append((now_s, self._voice[1] + self._reports[-1] - age_s))
        while self._skews[0][0] < now_s - _WINDOW_S:
            self._skews.popleft()

    @property
    def skew_s(self) -> float | None:
        """By how much the voice is heard after the picture is seen, lately; None: not known."""
        return quantile(sorted(skew_s for _, skew_s in self._skews), 0.5) if self._skews else None

    @property
    def uplink_skew_s(self) -> float:
        """By how much the picture's way to us is longer than the voice's."""
        if len(self._uplink_s) < 2:
            return 0.0
        skew_s = self._uplink_s["video"] - self._uplink_s["audio"]
        return skew_s if abs(skew_s) <= MAX_UPLINK_SKEW_S else 0.0

    def _extra_s(self, voice_lag_s: float | None) -> float:
        if voice_lag_s is None:
            return self.uplink_skew_s - CAPTURE_CHUNK_S
        return voice_lag_s - FRAME_S

    def _move_hold(self, usual_s: float, now_s: float) -> None:
        wanted_s = 0.0
        if self._voice is not None and now_s - self._voice[0] <= _QUIET_S:
            wanted_s = min(self._max_hold_s, max(0.0, self._voice[1] + self.lead_s - usual_s))
        since_s = 0.0 if self._hold_at_s is None else min(0.2, now_s - self._hold_at_s)
        self._hold_at_s = now_s
        most_s = _HOLD_SLOPE * since_s
        self.hold_s += min(most_s, max(-most_s, wanted_s - self.hold_s))
