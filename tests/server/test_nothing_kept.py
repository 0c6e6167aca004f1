"""Of a person's picture, name, face and voice nothing is left on disk or in a log.

The server, its engine process and the logging are real; builder and animator are the tests'.
"""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from client.speaker import Speaker
from server import protocol
from server.config import ServeConfig, SessionsSection
from tests.server.live import calling, running_server, until

NAME = "Quillfeather"
PICTURE = b"picture-of-" + NAME.encode()
NUMBERS = re.compile(r"(?:-?\d+\.\d+(?:e-?\d+)?[\s,;\[\]]+){6,}")
"""Six fractions in a row: landmarks, coefficients, samples."""


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_series_of_numbers_would_be_found() -> None:
    assert NUMBERS.search(f"neutral {[0.1, 0.25, -0.5, 1e-3 + 0.1, 0.3, 0.9]}")
    assert NUMBERS.search(str(np.linspace(0.1, 0.9, 8)))


async def test_an_upload_a_calibration_and_a_voice_leave_no_file_and_no_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for variable in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert tempfile.gettempdir() == str(tmp_path)
    caplog.set_level(logging.INFO)
    config = ServeConfig(sessions=SessionsSection(max_sessions=1))
    async with running_server(config) as server:
        before = _files(tmp_path)
        url = f"http://127.0.0.1:{server.port}"
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("picture", PICTURE, filename=f"{NAME}.jpg", content_type="image/jpeg")
        form.add_field("name", NAME)
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{url}/api/characters", data=form) as reply,
        ):
            assert reply.status == 201
            uploaded = (await reply.json())["id"]
        async with calling(server, character=uploaded) as caller:
            caller.say(type="calibrate")
            # A face that was kept by the page, and one that is no face at all: refused in words.
            coefficients = [0.125 * index for index in range(52)]
            caller.say(type="neutral", neutral={"blendshapes": coefficients})
            caller.say(type="neutral", neutral=coefficients)
            await until(lambda: caller.heard(protocol.Notice), "the bad one is named")
            async with Speaker(url, session=caller.session_id) as speaker:
                tone = (9_000 * np.sin(np.arange(12_000) / 5)).astype("<i2").tobytes()
                await speaker.say(tone, rate_hz=24_000)
            num_sounds = len(caller.sound)
            await until(lambda: len(caller.sound) > num_sounds + 50, "a voice is heard")
            during = _files(tmp_path)
        await until(lambda: len(server.table) == 0, "the session is over")
    after = _files(tmp_path)
    assert during | after <= before
    written = capfd.readouterr()
    said = "\n".join([caplog.text, written.out, written.err])
    assert "session" in said, "something is logged, and it is looked at"
    assert NAME.lower() not in said.lower()
    assert uploaded not in said
    assert NUMBERS.search(said) is None
