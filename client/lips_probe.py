"""The voice-only page, recorded from outside: microphone, returned voice and the character's lips.

    python -m client.lips_probe --url http://127.0.0.1:8080/ --sound words.wav --output curves.npz

A real Chromium without a camera, whose microphone plays a WAV file in a loop; every region but the
mouth is held still, so that whatever moves in the picture is the mouth. With `--speak` there is no
microphone and an application says the same sound through /speak instead. Knows the page's controls
and `web/lips_probe.js`; what the curves mean is `avatar.evaluation.voice_live`.

Shape legend: N pictures, G cells of the picture's grid.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed

from client.probe import CHROMIUM_FLAGS, START_TIMEOUT_S, ProbeError, find_chromium
from client.speaker import Speaker, SpeakerError, read_wav

if TYPE_CHECKING:
    from playwright.sync_api import Page

_Curve = NDArray[np.float64]

_KEEP_TRACKS = """
  window.kept = { microphone: null, remote: [], call: null };
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = await open(wish);
    window.kept.microphone = stream.getAudioTracks()[0] ?? window.kept.microphone;
    return stream;
  };
  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...all) {
      super(...all);
      window.kept.call = this;
      this.addEventListener("track", ({ track }) => {
        window.kept.remote.push(track);
        window.lips?.start(null, [track]); // the page has called again
      });
    }
  };
"""
_STILL = ("head", "eyes", "brows", "body", "hands")
_SETTLE_S = 3.0
_LEARN_S = 8.0
_PULL_S = 2.0
_LEVEL_S = 0.0025
"""As in `web/lips_probe.js`."""
_SPAN = 100
"""Pieces of sound over which one has not waited: a second."""
_LONGEST_PAUSE_MS = 500.0
_NUM_CELLS = 200
_LEAST_CHANGE = 2.0
"""Grey levels: a picture that changes less anywhere shows no moving mouth."""


def record(
    url: str,
    sound: Path,
    *,
    seconds: float,
    speak: bool = False,
) -> dict[str, _Curve]:
    """One session: curves of microphone, voice and lips; raises ProbeError.

    `<name>_s` are moments on the page's clock, `<name>` what was there then: `microphone` and
    `voice` levels, 0..1; `lips`, further from closed the larger, in no unit. `loudspeaker_wait_s`
    and `screen_wait_s`: what the browser says comes after those moments until sound is heard (one
    mean, or nothing) and pictures are seen (one each). With `speak` the
    microphone is left out: Chromium's own beeps, which nobody hears meanwhile.
    """
    if not sound.is_file():
        raise ProbeError(f"{sound}: no such file; a 16-bit WAV file plays as the microphone.")
    with _page(url, sound if not speak else None) as page:
        _start(page)
        with _speaking(url, sound, is_on=speak):
            time.sleep(_SETTLE_S)
            _evaluate(page, "lips.take()")
            time.sleep(_LEARN_S)
            cells, weights = _mouth_cells(_evaluate(page, "lips.take()")["pictures"])
            page.evaluate("([c, w]) => window.lips.look(c, w)", [cells, weights])
            pieces: list[dict[str, Any]] = []
            end_s = time.monotonic() + seconds
            while time.monotonic() < end_s:
                time.sleep(_PULL_S)
                pieces.append(_evaluate(page, "lips.take()"))
            loudspeaker_ms = _evaluate(page, "loudspeakerMs()")
        page.click("#tool-end")
    pictures = [picture for piece in pieces for picture in piece["pictures"]]
    shown_ms = [delay_ms for piece in pieces for delay_ms in piece["shown"]]
    heard = {name: [x for piece in pieces for x in piece[name]] for name in ("microphone", "voice")}
    return {
        # A microphone's piece is handed over when its last sample was taken; a voice's piece is
        # played from the moment at which it is handed over.
        **_levels("microphone", [] if speak else heard["microphone"], is_end=True),
        **_levels("voice", heard["voice"], is_end=False),
        "lips_s": np.array([picture["at_ms"] for picture in pictures]) / 1e3,
        "lips": np.array([picture["value"] for picture in pictures]),
        "loudspeaker_wait_s": np.array([] if loudspeaker_ms is None else [loudspeaker_ms / 1e3]),
        "screen_wait_s": np.array(shown_ms) / 1e3,
    }


@contextmanager
def _page(url: str, sound: Path | None) -> Iterator[Page]:
    from playwright.sync_api import Error, sync_playwright

    arguments = list(CHROMIUM_FLAGS)
    if sound is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={sound}")
    permissions = ["microphone"] if sound is not None else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), headless=True, args=arguments
        )
        try:
            context = browser.new_context(permissions=permissions)
            page = context.new_page()
            page.add_init_script(_KEEP_TRACKS)
            try:
                page.goto(url)
            except Error as error:
                raise ProbeError(f"{url}: the page cannot be opened; is the server up?") from error
            yield page
        finally:
            browser.close()


def _start(page: Page) -> None:
    """Press what a person without a camera presses; hold all but the mouth still."""
    page.click("#go-voice:not([disabled])", timeout=1e3 * START_TIMEOUT_S)
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not page.evaluate("window.kept.remote.some((t) => t.kind === 'video' && !t.muted)"):
        if time.monotonic() > deadline_s:
            raise ProbeError(f"No picture came back within {START_TIMEOUT_S:.0f} s.")
        time.sleep(0.1)
    for region in _STILL:
        page.select_option(f'select[data-region="{region}"]', "still", force=True)
    page.evaluate(
        """async () => {
          const { LipsProbe, loudspeakerMs } = await import("/web/lips_probe.js");
          window.lips = new LipsProbe();
          window.loudspeakerMs = () => loudspeakerMs(window.kept.call);
          window.lips.start(window.kept.microphone, window.kept.remote);
          window.lips.watch(document.querySelector("video#avatar"));
        }"""
    )


def _evaluate(page: Page, expression: str) -> Any:
    return page.evaluate(f"() => window.{expression}")


@contextmanager
def _speaking(url: str, sound: Path, *, is_on: bool) -> Iterator[None]:
    """An application that says the sound again and again, as long as the block lasts."""
    if not is_on:
        yield
        return
    is_over = threading.Event()
    said = read_wav(sound.read_bytes())
    with ThreadPoolExecutor(1) as threads:
        talk = threads.submit(lambda: asyncio.run(_say_again(url, said, is_over)))
        try:
            yield
        finally:
            is_over.set()
        talk.result()


async def _say_again(url: str, said: tuple[bytes, int, int], is_over: threading.Event) -> None:
    pcm, rate_hz, channels = said
    has_spoken = False
    while not is_over.is_set():
        try:
            async with Speaker(url) as speaker:
                await speaker.say(pcm, rate_hz=rate_hz, channels=channels)
                has_spoken = True
                async for event in speaker.events():
                    if event.type == "error":
                        raise ProbeError(f"/speak: {event.message}")
                    if event.type == "finished":
                        if is_over.is_set():
                            return
                        await speaker.say(pcm, rate_hz=rate_hz, channels=channels)
        except (SpeakerError, ConnectionClosed):
            if not has_spoken:
                raise
        await asyncio.sleep(1.0)  # the page calls again


def _mouth_cells(pictures: list[dict[str, Any]]) -> tuple[list[int], list[float]]:
    """Where the picture changes, and by how much each cell tells of it (first component)."""
    if len(pictures) < 25:
        raise ProbeError(f"Only {len(pictures)} pictures came back in {_LEARN_S:.0f} s.")
    bytes_N = [base64.b64decode(picture["value"]) for picture in pictures]
    grids_NG = np.stack([np.frombuffer(data, np.uint8) for data in bytes_N]).astype(np.float32)
    deviation_G = grids_NG.std(axis=0)
    cells = np.argsort(deviation_G)[-_NUM_CELLS:]
    if deviation_G[cells].max() < _LEAST_CHANGE:
        raise ProbeError("Nothing moves in the picture: is the sound speech?")
    chosen_NG = grids_NG[:, cells] - np.median(grids_NG[:, cells], axis=0)
    weights = np.linalg.svd(chosen_NG, full_matrices=False)[2][0]
    values_N = chosen_NG @ weights
    # A mouth is closed most of the time: the rarer side is open.
    if abs(values_N.min()) > abs(values_N.max()):
        weights = -weights
    return [int(cell) for cell in cells], [float(weight) for weight in weights]


def _levels(name: str, pieces: list[dict[str, Any]], *, is_end: bool) -> dict[str, _Curve]:
    """Pieces as one curve, on the clock at which a piece is handed over that did not wait.

    `is_end`: it is handed over at the time of its last sample, not of its first.
    """
    levels, times_s = [], []
    for run in _runs(pieces):
        ends_s = np.array([piece["end"] / piece["rate_hz"] for piece in run])
        late_s = np.array([piece["at_ms"] for piece in run]) / 1e3 - ends_s
        offset_s = _offsets(late_s)
        for piece, at_s in zip(run, ends_s + offset_s, strict=True):
            count = len(piece["levels"])
            before = count if is_end else 0
            levels.append(piece["levels"])
            times_s.append(at_s + _LEVEL_S * (np.arange(count) + 0.5 - before))
    if not levels:
        return {name: np.zeros(0), f"{name}_s": np.zeros(0)}
    return {
        name: np.concatenate(levels),
        f"{name}_s": np.maximum.accumulate(np.concatenate(times_s)),
    }


def _offsets(late_s: _Curve) -> _Curve:
    """The page's thread may be busy, never early: the quickest of a second is right.

    Be it the one before or, where the sound lost time, the one after.
    """
    if len(late_s) < 2 * _SPAN:
        return np.full(len(late_s), late_s.min())
    quickest_s = np.lib.stride_tricks.sliding_window_view(late_s, _SPAN).min(axis=1)
    before_s = np.pad(quickest_s, (_SPAN - 1, 0), constant_values=-np.inf)
    after_s = np.pad(quickest_s, (0, _SPAN - 1), constant_values=-np.inf)
    return np.maximum(before_s, after_s)


def _runs(pieces: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Sound without a break: of one track, and handed over without a long pause."""
    runs: list[list[dict[str, Any]]] = []
    for piece in pieces:
        last = runs[-1][-1] if runs else None
        is_next = (
            last is not None
            and piece["end"] > last["end"]
            and piece["at_ms"] - last["at_ms"] < _LONGEST_PAUSE_MS
        )
        if is_next:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def main() -> int:
    """Record; exit code 1 where it cannot be done."""
    parser = argparse.ArgumentParser(description="record a voice-only session from outside")
    parser.add_argument("--url", default="http://127.0.0.1:8080/", help="the app's address")
    parser.add_argument("--sound", type=Path, required=True, help="16-bit WAV file, said in a loop")
    parser.add_argument("--speak", action="store_true", help="say it through /speak instead")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--output", type=Path, required=True, help="the curves (.npz)")
    options = parser.parse_args()
    try:
        curves = record(options.url, options.sound, seconds=options.seconds, speak=options.speak)
    except (ProbeError, SpeakerError) as error:
        print(error, file=sys.stderr)
        return 1
    np.savez(options.output, **curves)
    return 0


if __name__ == "__main__":
    sys.exit(main())
