"""From decoded frames to the engine: rate gate, scale, colour, stamp. The driver's way in.

One media clock per session: 90 kHz, zero when the session began. A stream's pts follow its RTP
timestamps (so they are even although packets are not) and are anchored on its quickest arrivals.
Knows av frames; does not know packets or peers.

`on_picture` runs in the decoder thread, `on_sound` in the event loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avatar.frames import FloatArray
from avatar.timing import Clock, monotonic_s
from server.delay_line import DelayLine
from server.engine_messages import DrivingMeta
from server.lane import EngineLane
from server.lip_sync import LipSync
from server.pacing import RateGate
from server.picture_formats import fitted_size
from server.receiver import LowLatencyReceiver
from server.sync import RATE_HZ, TimestampUnwrapper, WindowMinimum

VIDEO_RATE_HZ = 90_000


class MediaClock:
    """RTP timestamps of one stream as seconds since the session began.

    Even, as the timestamps are, and anchored where packets arrive that did not have to wait: a
    first packet that came late, or a sender's clock that drifts, is corrected.
    """

    FOLLOW_S = 0.0005
    """Most that a drifting clock is followed per packet or frame."""

    def __init__(self, *, origin_s: float, rate_hz: int) -> None:
        self._origin_s = origin_s
        self._rate_hz = rate_hz
        self._unwrapper = TimestampUnwrapper()
        self._path = WindowMinimum()
        self._offset_s: float | None = None

    def map(self, rtp_timestamp: int, arrival_s: float) -> tuple[int, float]:
        """(endless timestamp, seconds since the session's origin)."""
        count = self._unwrapper.unwrap(rtp_timestamp)
        said_s = count / self._rate_hz
        quickest_s = self._path.add(arrival_s - self._origin_s - said_s, arrival_s)
        if self._offset_s is None or quickest_s < self._offset_s:
            self._offset_s = quickest_s
        else:
            self._offset_s += min(quickest_s - self._offset_s, self.FOLLOW_S)
        return count, said_s + self._offset_s


class DrivingIntake:
    """Everything that comes in from one peer."""

    def __init__(
        self,
        lane: EngineLane,
        line: DelayLine,
        lips: LipSync,
        *,
        fps: float,
        max_side_px: int,
        origin_s: float,
        clock: Clock = monotonic_s,
    ) -> None:
        self._lane = lane
        self._line = line
        self._lips = lips
        self._gate = RateGate(1.0 / fps)
        self._max_side_px = max_side_px
        self._clock = clock
        self._video_clock = MediaClock(origin_s=origin_s, rate_hz=VIDEO_RATE_HZ)
        self._audio_clock = MediaClock(origin_s=origin_s, rate_hz=RATE_HZ)
        self.video: LowLatencyReceiver | None = None
        self.audio: LowLatencyReceiver | None = None
        """For their sender reports; None where aiortc's own receiver is at work."""
        self.num_pictures = 0
        self.num_over_rate = 0
        self.last_picture_s = float("-inf")
        self.is_microphone_on = True
        """Off while an application speaks in its place."""
        self.picture_hw: tuple[int, int] | None = None

    def on_picture(self, frame: Any, rtp_timestamp: int, arrival_s: float) -> None:
        """A decoded av.VideoFrame."""
        self.num_pictures += 1
        self.last_picture_s = arrival_s
        _, media_s = self._video_clock.map(rtp_timestamp, arrival_s)
        if self.video is not None:
            sender_s = self.video.sender_clock.time_s(rtp_timestamp, VIDEO_RATE_HZ)
            self._lips.on_arrival("video", sender_s, arrival_s, arrival_s)
        # By the camera's own time: two pictures that arrive at once were not taken at once.
        if not self._gate.passes(media_s):
            self.num_over_rate += 1
            return
        size = fitted_size(frame.width, frame.height, self._max_side_px)
        if size == (frame.width, frame.height):
            rgb_HW3 = frame.to_ndarray(format="rgb24")
        else:
            scaled = frame.reformat(
                width=size[0], height=size[1], format="rgb24", interpolation="AREA"
            )
            rgb_HW3 = scaled.to_ndarray()
        self.picture_hw = (rgb_HW3.shape[0], rgb_HW3.shape[1])
        meta = DrivingMeta(
            generation=self._lane.generation,
            pts=round(media_s * VIDEO_RATE_HZ),
            rtp_timestamp=rtp_timestamp,
            arrival_s=arrival_s,
            published_s=self._clock(),
        )
        self._lane.publish_picture(rgb_HW3, meta)

    def on_sound(self, frame: Any, rtp_timestamp: int, arrival_s: float) -> None:
        """A decoded av.AudioFrame (Opus: 48 kHz, interleaved 16 bit)."""
        samples_T = mono_samples(frame)
        # A packet is complete when its last sample was said: that is what its arrival tells of.
        end_rtp_timestamp = rtp_timestamp + len(samples_T)
        end, end_s = self._audio_clock.map(end_rtp_timestamp, arrival_s)
        if self.audio is not None:
            sender_s = self.audio.sender_clock.time_s(end_rtp_timestamp, RATE_HZ)
            self._lips.on_arrival("audio", sender_s, arrival_s, arrival_s)
        if not self.is_microphone_on:
            return
        self._line.push(samples_T, end - len(samples_T), arrival_s)
        self._lane.publish_sound(samples_T, end_s, arrival_s)


def mono_samples(frame: Any) -> FloatArray:
    """Samples of an s16 av.AudioFrame, channels averaged, in [-1, 1]."""
    pcm = frame.to_ndarray()
    num_channels = frame.layout.nb_channels
    if pcm.shape[0] == 1 and num_channels > 1:  # interleaved
        pcm = pcm.reshape(-1, num_channels).T
    mono: FloatArray = pcm.astype(np.float32).mean(axis=0) / np.float32(32768.0)
    return mono
