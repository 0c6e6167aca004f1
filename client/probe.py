"""The probe: a real Chromium with a clip as its camera, measuring a running server from outside.

Knows the page's own measurement (`window.__probe`, see web/probe.js) and how to start a browser for
it; does not know the server. A clock is drawn into each driving picture and read back from the
picture it caused, so glass to glass is measured on one clock. The server must allow probes
(`python -m server --probe`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebRtcHideLocalIpsWithMdns,MediaRouter",
)
CAMERA_SIZE = (640, 480)
"""What the page asks cameras for; it leaves as it is, marked."""
CAMERA_FPS = 25
WARM_UP_S = 3.0
START_TIMEOUT_S = 30.0


class ProbeError(Exception):
    """The measurement could not be made; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Seconds; None where nothing was measured."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What was measured, all in seconds unless named otherwise."""

    glass_to_glass_s: Percentiles
    fps: float
    """Fresh pictures per second, repeats of a held picture not counted."""
    first_frame_s: float | None
    """From the page's start of sending to the first picture received."""
    freezes: int
    """Gaps between fresh pictures of more than 0.2 s."""
    longest_gap_s: float | None
    p95_gap_s: float | None
    voice_delay_s: float | None
    av_skew_s: Percentiles
    """By how much beep and flash of one moment come apart: percentiles of its size."""
    av_skew_median_s: float | None
    """The same with its sign: positive where the voice comes after the picture."""
    num_beeps: int
    num_pictures: int
    num_unread: int
    """Received pictures whose marker could not be read."""
    seconds: float
    url: str
    clip: str


def find_chromium() -> str:
    """Path of an installed Chromium; raises ProbeError with the package to install."""
    for name in CHROMIUM_NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    raise ProbeError("No Chromium was found: install it (Debian: apt-get install chromium).")


def make_camera_file(
    clip: Path, target: Path, *, seconds: float = 20.0, fps: float = CAMERA_FPS
) -> None:
    """Convert a clip to the raw video a fake camera plays in a loop (640x480)."""
    if not clip.is_file():
        raise ProbeError(f"{clip}: no such file; --clip takes a video file.")
    width, height = CAMERA_SIZE
    filters = (
        f"scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height},"
        f"fps={fps:g}"
    )
    command = ["ffmpeg", "-v", "error", "-y", "-t", str(seconds), "-i", str(clip), "-an"]
    command += ["-vf", filters, "-pix_fmt", "yuv420p", str(target)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    except FileNotFoundError as error:
        raise ProbeError("ffmpeg was not found: install it (Debian: ffmpeg).") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1] if error.stderr.strip() else "unknown"
        raise ProbeError(f"{clip}: cannot be read as a video ({reason}).") from error


@contextmanager
def open_page(url: str, camera: Path, *, query: str = "probe=1") -> Iterator[Page]:
    """A page of the app in a headless Chromium whose camera plays `camera`."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise ProbeError(
            "The probe drives a browser through playwright: pip install 'liveactor[client]'."
        ) from error
    arguments = [*CHROMIUM_FLAGS, f"--use-file-for-fake-video-capture={camera}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), headless=True, args=arguments
        )
        try:
            context = browser.new_context(
                permissions=["camera", "microphone"], viewport={"width": 1280, "height": 800}
            )
            page = context.new_page()
            try:
                page.goto(f"{url}{'&' if '?' in url else '?'}{query}")
            except Error as error:
                raise ProbeError(f"{url}: the page cannot be opened; is the server up?") from error
            yield page
        finally:
            browser.close()


def start_session(page: Page, *, character: str | None = None) -> None:
    """Press what a person presses until the first picture has come back."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    timeout_ms = START_TIMEOUT_S * 1000
    try:
        page.wait_for_selector("#go:not([disabled])", timeout=timeout_ms)
        if character is not None:
            page.check(f'#gallery input[value="{character}"]', timeout=timeout_ms, force=True)
        page.click("#go")
    except PlaywrightTimeout as error:
        raise ProbeError(f"The app cannot be started; the page says: {_shown(page)!r}.") from error
    # Asked in turns: the page's security policy forbids a watcher made of text.
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not page.evaluate("window.__probe?.samples.length > 0"):
        if time.monotonic() > deadline_s:
            raise ProbeError(
                f"No picture came back within {START_TIMEOUT_S:.0f} s; the page says: "
                f"{_shown(page)!r}. Was the server started with --probe?"
            )
        time.sleep(0.1)


def _shown(page: Page) -> str:
    return page.locator("#status-text").inner_text()


def measure(
    url: str,
    clip: Path,
    *,
    seconds: float,
    character: str | None = None,
    screenshot: Path | None = None,
    camera_fps: float = CAMERA_FPS,
) -> ProbeReport:
    """Run one session and measure it; raises ProbeError."""
    with tempfile.TemporaryDirectory(prefix="liveactor-probe-") as folder:
        camera = Path(folder) / "camera.y4m"
        make_camera_file(clip, camera, fps=camera_fps)
        with open_page(url, camera) as page:
            start_session(page, character=character)
            first: dict[str, Any] = page.evaluate("window.__probe.summary()")
            time.sleep(WARM_UP_S)
            page.evaluate("window.__probe.clear()")
            time.sleep(seconds)
            summary: dict[str, Any] = page.evaluate("window.__probe.summary()")
            if screenshot is not None:
                page.screenshot(path=str(screenshot))
            page.click("#tool-end")
    return ProbeReport(
        glass_to_glass_s=Percentiles(_seconds(summary["p50_ms"]), _seconds(summary["p95_ms"])),
        fps=round(float(summary["fps"]), 2),
        first_frame_s=_seconds(first["first_frame_ms"]),
        freezes=int(summary["freezes"]),
        longest_gap_s=_seconds(summary["longest_gap_ms"]),
        p95_gap_s=_seconds(summary["p95_gap_ms"]),
        voice_delay_s=_seconds(summary["voice_p50_ms"]),
        av_skew_s=Percentiles(
            _seconds(summary["skew_abs_p50_ms"]), _seconds(summary["skew_p95_ms"])
        ),
        av_skew_median_s=_seconds(summary["skew_p50_ms"]),
        num_beeps=int(summary["num_beeps_heard"]),
        num_pictures=int(summary["num_received"]),
        num_unread=int(summary["num_unread"]),
        seconds=seconds,
        url=url,
        clip=clip.name,
    )


def to_json(report: ProbeReport) -> str:
    """One line of JSON."""
    return json.dumps(asdict(report))


def describe(report: ProbeReport) -> str:
    """The report for a person."""
    glass, skew = report.glass_to_glass_s, report.av_skew_s
    return "\n".join(
        (
            f"glass to glass   {_ms(glass.p50)} median, {_ms(glass.p95)} p95",
            f"fresh pictures   {report.fps:.1f} per second",
            f"first picture    {_ms(report.first_frame_s)} after start",
            f"freezes          {report.freezes} (longest gap {_ms(report.longest_gap_s)})",
            f"voice            {_ms(report.voice_delay_s)}; skew {_ms(skew.p50)}, "
            f"p95 {_ms(skew.p95)}",
        )
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(float(milliseconds) / 1000, 4)


def _ms(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"{seconds * 1000:.0f} ms"
