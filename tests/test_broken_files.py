"""Every broken file is refused in words, as a picture and as a driver, and the next good one works.

The files are those of ../shared/media/bad. Some of them are odd but sound; what becomes of them is
told here by name.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from avatar.__main__ import main
from avatar.errors import PictureReason
from avatar.stream.factory import AnimatorKind
from server.config import CharactersSection, EngineSection, ListenSection, ServeConfig
from server.serve import LiveServer
from tests.server.live import until

pytestmark = pytest.mark.media

BECOME_A_CHARACTER = {"hopper_gray.jpg", "hopper_orientation_6.jpg"}
"""Sound pictures of somebody."""
DRIVE = {
    "BA_MW_D_IDR_LOST.264",
    "Error_I_P.264",
    "mp4parse_no_timescale.mp4",
    "silence-44-s.mp3",
}
"""Sound that can be read, a clip with lost parts of a man who talks, and two broken ones of no one,
in whose debris the tracker now and then takes something for a face."""
SHOW_NO_FACE = {
    "mp4parse_tiny_av1.mp4",
    "mp4parse_video_rotation_90.mp4",
    "mp4parse_white.mp4",
}
"""Clips that can be read: that nobody is in them is known only at their end."""


def _files(media: Path) -> list[Path]:
    files = sorted((media / "bad").iterdir())
    assert len(files) >= 40, "the folder of broken files is whole"
    return files


def _contents(files: Sequence[Path]) -> list[bytes]:
    return [path.read_bytes() for path in files]


async def _offer(http: aiohttp.ClientSession, picture: bytes) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("picture", picture, filename="picture")
    async with http.post("/api/characters", data=form) as reply:
        return reply.status, await reply.json()


async def test_every_broken_picture_is_refused_by_a_server_that_goes_on(
    media: Path, tmp_path: Path
) -> None:
    config = ServeConfig(
        listen=ListenSection(port=0, requests_per_minute=1e6),
        engine=EngineSection(animator=AnimatorKind.COPY),
        characters=CharactersSection(gallery=tmp_path, is_cached=False),
    )
    files = _files(media)
    pictures = _contents(files)
    (good,) = _contents([media / "reference" / "photo_astronaut_nasa.png"])
    seen: dict[str, tuple[int, str]] = {}
    server = LiveServer(config, None)
    await server.start()
    try:
        await until(lambda: server.engine.state.value == "ready", "the engine is ready", 60.0)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http:
            for index, (path, picture) in enumerate(zip(files, pictures, strict=True)):
                status, body = await _offer(http, picture)
                seen[path.name] = status, body["error"]["code"] if status != 201 else ""
                if status != 201:
                    message = body["error"]["message"]
                    assert message.endswith("."), f"{path.name}: {message!r}"
                    assert "0x" not in message, "no address of an object reaches the user"
                if index in (len(files) // 2, len(files) - 1):
                    status, body = await _offer(http, good)
                    assert status == 201, body
            async with http.get("/health") as reply:
                assert reply.status == 200
        assert server.builder.num_killed == 0, "no file stops the builder"
    finally:
        await server.stop()
    print(Counter(seen.values()))
    assert {name for name, (status, _) in seen.items() if status == 201} == BECOME_A_CHARACTER
    refused = {name: answer for name, answer in seen.items() if name not in BECOME_A_CHARACTER}
    assert {status for status, _ in refused.values()} == {422}, refused
    assert {code for _, code in refused.values()} <= {str(each.value) for each in PictureReason}


@pytest.mark.parametrize(
    "is_readable", [False, pytest.param(True, marks=pytest.mark.slow, id="readable")]
)
def test_every_broken_clip_is_refused_by_name_and_the_next_one_works(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_readable: bool
) -> None:
    output = tmp_path / "out.mp4"
    readable = DRIVE | SHOW_NO_FACE
    files = [path for path in _files(media) if (path.name in readable) is is_readable]
    codes: dict[str, int] = {}
    tracked: dict[str, float] = {}

    def animate(driving: Path) -> tuple[int, str, str]:
        reference = str(media / "reference" / "photo_astronaut_nasa.png")
        words = ["animate", "--reference", reference, "--driving", str(driving)]
        words += ["--output", str(output), "--animator", "warp", "--size", "256", "--json"]
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    for index, path in enumerate(files):
        code, said, error = animate(path)
        codes[path.name] = code
        if code == 0:
            assert output.stat().st_size > 1000
            tracked[path.name] = json.loads(said.splitlines()[-1])["tracked_fraction"]
        else:
            assert code == 1
            (line,) = [line for line in error.splitlines() if line.startswith("error: ")]
            assert path.name in line, "the message names the file"
            assert "Traceback" not in error
            assert not output.exists(), "nothing half made is left"
        output.unlink(missing_ok=True)
        if index in (len(files) // 2, len(files) - 1):
            code, said, error = animate(media / "driving" / "half_asl_eat.mkv")
            assert code == 0, error
            assert json.loads(said.splitlines()[-1])["tracked_fraction"] > 0.9
            assert output.stat().st_size > 1000
            output.unlink()
    print(Counter(codes.values()), tracked)
    assert {name for name, code in codes.items() if code == 0} == (DRIVE if is_readable else set())
