"""Errors meant for the person who uses Liveactor; each names the thing and the remedy.

LiveactorError
 |- ConfigError      a configuration file or value cannot be used
 |- PictureError     a reference picture cannot become a character   (.reason: PictureReason)
 |- ClipError        a driving clip cannot be read or written
 |- AudioError       a sound cannot be read
 |- AssetError       a data file (weights, 3D assets, gallery) is missing or does not match
 |- DeviceError      a camera, microphone, GPU or display is missing
 `- SessionError     a live session cannot start or go on             (.status: HTTP status)

Broken invariants of our own are assertions, never one of these.
"""

from __future__ import annotations

from enum import StrEnum


class LiveactorError(Exception):
    """Base of all errors shown to a user; `str(error)` is one or two plain sentences."""


class ConfigError(LiveactorError):
    """A configuration cannot be used: names file, key, value and what would be right."""


class PictureReason(StrEnum):
    """Why a picture was refused: stable words for the wire protocol and tests."""

    UNREADABLE = "unreadable"
    UNSUPPORTED_FORMAT = "unsupported_format"
    ANIMATED = "animated"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    DIFFERENT_PEOPLE = "different_people"
    TIMEOUT = "timeout"


class PictureError(LiveactorError):
    """A reference picture cannot become a character."""

    def __init__(self, reason: PictureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ClipError(LiveactorError):
    """A driving clip cannot be read, or the result cannot be written."""


class AudioError(LiveactorError):
    """A sound cannot be read."""


class AssetError(LiveactorError):
    """A data file (weights, 3D assets, gallery) is missing, damaged or does not match."""


class DeviceError(LiveactorError):
    """A camera, microphone, GPU or display is missing or busy."""


class SessionError(LiveactorError):
    """A live session cannot start or go on; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
