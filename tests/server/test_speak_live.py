"""An application lets a live session talk: through a real server, heard by a real peer."""

from __future__ import annotations

import asyncio

import aiohttp
import numpy as np
import pytest

from client.speaker import Speaker, SpeakerError, SpeakerEvent
from server import protocol
from server.config import ServeConfig, SessionsSection
from tests.server.live import Caller, calling, running_server, until

CONFIG = ServeConfig(sessions=SessionsSection(max_sessions=1))
MICROPHONE_HZ, SPEECH_HZ = 440, 1500


def _tone(duration_s: float) -> bytes:
    time_s = np.arange(int(24_000 * duration_s)) / 24_000
    return (12_000 * np.sin(2 * np.pi * SPEECH_HZ * time_s)).astype("<i2").tobytes()


def _level(frame: np.ndarray, frequency_hz: float) -> float:
    """How strong one tone is in 20 ms of what came back, 0..1."""
    samples = frame.ravel()[::2].astype(np.float64) / 32768
    phase = 2j * np.pi * frequency_hz * np.arange(len(samples)) / 48_000
    return float(2 * np.abs(np.mean(samples * np.exp(-phase))))


def _heard(caller: Caller, frequency_hz: float, count: int = 10) -> float:
    levels = [_level(frame, frequency_hz) for _, frame in caller.sound[-count:]]
    return float(np.median(levels)) if len(levels) == count else 0.0


async def _collect(speaker: Speaker, events: list[SpeakerEvent]) -> None:
    async for event in speaker.events():
        events.append(event)


async def test_pushed_speech_is_heard_instead_of_the_microphone_and_then_no_more() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        await until(lambda: _heard(caller, MICROPHONE_HZ) > 0.1, "the microphone is heard")
        url = f"http://127.0.0.1:{server.port}"
        events: list[SpeakerEvent] = []
        async with Speaker(url, session=caller.session_id) as speaker:
            task = asyncio.create_task(_collect(speaker, events))
            await speaker.say(_tone(4.0), rate_hz=24_000)
            await until(lambda: _heard(caller, SPEECH_HZ) > 0.2, "the speech is heard")
            assert _heard(caller, MICROPHONE_HZ, 3) < 0.02
            await until(lambda: any(e.type == "finished" for e in events), "it is over")
            await until(lambda: _heard(caller, MICROPHONE_HZ) > 0.1, "the microphone is back")
            assert _heard(caller, SPEECH_HZ) < 0.02
            task.cancel()
        kinds = [event.type for event in events]
        assert kinds == ["ready", "accepted", "started", "finished"]
        assert events[0].session == caller.session_id


async def test_clear_silences_what_was_still_to_be_said() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        url = f"http://127.0.0.1:{server.port}"
        events: list[SpeakerEvent] = []
        async with Speaker(url) as speaker:
            task = asyncio.create_task(_collect(speaker, events))
            await speaker.say(_tone(20.0), rate_hz=24_000)
            await until(lambda: _heard(caller, SPEECH_HZ) > 0.2, "the speech is heard")
            caller.sound.clear()
            await speaker.clear()
            await until(lambda: len(caller.sound) > 40, "the sound goes on")
            levels = [_level(frame, SPEECH_HZ) for _, frame in caller.sound]
            # stream time, which a busy machine cannot stretch: 200 ms are ten frames
            assert sum(level > 0.02 for level in levels) <= 10
            assert max(levels[15:]) < 0.02
            await until(lambda: events[-1].type == "finished", "the end was told")
            assert events[-1].was_cleared
            task.cancel()


async def test_who_may_speak_and_where() -> None:
    async with running_server(CONFIG) as server:
        url = f"http://127.0.0.1:{server.port}"
        with pytest.raises(SpeakerError, match="No session is live"):
            async with Speaker(url):
                pass
        with pytest.raises(SpeakerError, match="no such session"):
            async with Speaker(url, session="nobody"):
                pass
        async with calling(server), aiohttp.ClientSession() as http:
            async with http.get(f"{url}/speak") as plain:
                assert plain.status == 426
            stranger = {"Origin": "https://evil.example"}
            async with http.get(f"{url}/speak", headers=stranger) as refused:
                assert refused.status == 403
            async with Speaker(url):
                with pytest.raises(SpeakerError, match="Another application"):
                    async with Speaker(url):
                        pass


async def test_with_a_token_only_its_bearer_may_speak() -> None:
    async with running_server(CONFIG, token="secret-token-of-the-server") as server:
        url = f"http://127.0.0.1:{server.port}"
        with pytest.raises(SpeakerError, match="token"):
            async with Speaker(url):
                pass
        with pytest.raises(SpeakerError, match="No session is live"):
            async with Speaker(url, token="secret-token-of-the-server"):
                pass


async def test_rubbish_stalls_and_floods_leave_the_session_alive() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        url = f"http://127.0.0.1:{server.port}"
        events: list[SpeakerEvent] = []

        def codes() -> list[str]:
            return [event.code for event in events if event.type == "error"]

        async with Speaker(url) as speaker:
            task = asyncio.create_task(_collect(speaker, events))
            await speaker.start(format="opus", rate_hz=48_000)
            await speaker.send(b"\xff this is no Opus packet")
            await until(lambda: codes() == ["bad_sound"], "rubbish is named")
            await speaker.say(
                np.full(24_000, np.nan, "<f4").tobytes(), rate_hz=24_000, format="pcm_f32le"
            )
            await speaker.start(rate_hz=24_000)
            await speaker.send(_tone(6.0))
            await until(lambda: _heard(caller, SPEECH_HZ) > 0.2, "the first half is heard")
            pictures, pieces = len(caller.pictures), len(caller.sound)
            # It stalls: silence instead of its voice, and everything else goes on.
            await until(lambda: _heard(caller, SPEECH_HZ) < 0.02, "the stall is silent")
            await until(lambda: len(caller.sound) > pieces + 75, "the voice's rhythm goes on")
            await until(lambda: len(caller.pictures) > pictures + 10, "pictures go on")
            for _ in range(2):
                await speaker.send(_tone(10.0))
            await until(lambda: _heard(caller, SPEECH_HZ) > 0.2, "the second half is heard")
            for _ in range(30):
                await speaker.send(_tone(10.0))
            await until(lambda: codes() == ["bad_sound", "too_much"], "the flood is named, once")
            await speaker.clear()
            await until(lambda: _heard(caller, SPEECH_HZ) < 0.02, "clear still works")
            task.cancel()
        async with Speaker(url) as other:
            await other.say(_tone(10.0), rate_hz=24_000)
            await until(lambda: _heard(caller, SPEECH_HZ) > 0.2, "the next one speaks")
            await other.clear()
        await until(lambda: _heard(caller, MICROPHONE_HZ) > 0.1, "the microphone is back")


async def test_an_application_that_vanishes_mid_word_leaves_the_session_alive() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        speaker = Speaker(f"http://127.0.0.1:{server.port}")
        await speaker.__aenter__()
        await speaker.start(rate_hz=24_000)
        await speaker.send(_tone(1.0))
        assert speaker._socket is not None
        speaker._socket.transport.abort()
        await until(lambda: _heard(caller, SPEECH_HZ) > 0.2, "what was sent is said")
        await until(lambda: _heard(caller, MICROPHONE_HZ) > 0.1, "the microphone is back")
        async with Speaker(f"http://127.0.0.1:{server.port}"):
            pass


async def test_a_session_moved_by_sound_alone_is_not_told_of_a_missing_camera() -> None:
    async with running_server(CONFIG, animator="copy") as server:
        sources = dict.fromkeys(protocol.REGIONS, "audio")
        async with calling(server, settings={"sources": sources}) as caller:
            caller.camera.is_frozen = True
            count = len(caller.heard(protocol.Stats))
            await until(lambda: len(caller.heard(protocol.Stats)) > count + 9, "five seconds pass")
            codes = [notice.code for notice in caller.heard(protocol.Notice)]
            assert "no_camera_picture" not in codes
            before = len(caller.pictures)
            await until(lambda: len(caller.pictures) > before + 10, "pictures go on")
            counts = caller.heard(protocol.Stats)[-1].counts
            assert counts["face_lost"] > 50, "no face is seen, and that is counted"
            assert counts["mouth_by_voice"] == 0, "this animator only copies"
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"http://127.0.0.1:{server.port}/metrics") as reply,
            ):
                text = await reply.text()
            assert 'event="face_lost"' in text
            assert 'event="mouth_by_voice"' in text
