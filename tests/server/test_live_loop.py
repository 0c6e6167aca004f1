"""Whole sessions: a real server with its engine process, and a real WebRTC peer."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np

from server import protocol
from server.config import ImpairmentSection, ServeConfig, SessionsSection
from tests.server.live import COLOURS, Caller, calling, running_server, until

CONFIG = ServeConfig(sessions=SessionsSection(max_sessions=1))


def _middle(picture: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape[:2]
    return picture[rows // 2, columns // 2].astype(int)


async def test_driving_pictures_come_back_and_the_session_speaks() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        await until(lambda: len(caller.pictures) > 40, "forty pictures came back")
        await until(lambda: len(caller.heard(protocol.Stats)) >= 3, "statistics came")
        levels = [_middle(picture)[0] for _, picture in caller.pictures[10:]]
        assert len({int(level) // 4 for level in levels}) > 10, "the counting pictures are seen"
        (hello,) = caller.heard(protocol.Hello)
        assert hello.session == caller.session_id
        (drawing,) = caller.heard(protocol.Drawing)
        assert drawing.renderer == "echo"
        caller.say(type="heartbeat", t_ms=12.5)
        await until(
            lambda: protocol.Heartbeat(12.5) in caller.messages, "the heartbeat was answered"
        )
        stats = caller.heard(protocol.Stats)[-1]
        assert stats.state == "live"
        assert stats.counts["rendered"] > 30
        assert {"receive", "to_engine", "engine", "to_sender", "encode", "server"} <= set(
            stats.stages
        )
        assert stats.frames, "traces of single pictures"


async def test_the_voice_comes_back() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        await until(lambda: len(caller.sound) > 100, "two seconds of sound")
        samples = np.concatenate([frame.ravel()[::2] for _, frame in caller.sound[-25:]])
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        peak_hz = float(np.argmax(spectrum)) * 48_000 / len(samples)
        assert abs(peak_hz - 440) < 20
        caller.say(type="settings", is_voice_on=False)
        before = len(caller.sound)
        await until(lambda: len(caller.sound) > before + 50, "the sound goes on")
        quiet = np.concatenate([frame.ravel() for _, frame in caller.sound[-10:]])
        assert np.abs(quiet).max() < 200


async def test_the_character_is_shown_and_swapped_in_the_call() -> None:
    async with running_server(CONFIG, animator="copy") as server, calling(server) as caller:
        assert np.abs(_middle(caller.pictures[-1][1]) - COLOURS["ada"]).max() < 12
        caller.say(type="character", id="bob")
        await until(
            lambda: protocol.UseCharacter("bob") in caller.messages, "the swap was confirmed"
        )
        await until(
            lambda: np.abs(_middle(caller.pictures[-1][1]) - COLOURS["bob"]).max() < 12,
            "the other character is seen",
        )
        caller.say(type="character", id="nobody")
        await until(
            lambda: any(n.code == "character_failed" for n in caller.heard(protocol.Notice)),
            "the unknown character was refused",
        )


async def test_bad_words_are_answered_and_counted_and_the_session_lives() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        for text in ("{", "[]", '{"type": "nonsense"}', '{"type": "character", "id": "/etc"}'):
            caller.channel.send(text)
        caller.channel.send(b"\xff\xfe\x00")
        await until(
            lambda: sum(n.code == "bad_message" for n in caller.heard(protocol.Notice)) == 5,
            "each was answered",
        )
        (session,) = server.table
        assert session.num_bad_messages == 5
        before = len(caller.pictures)
        await until(lambda: len(caller.pictures) > before + 10, "pictures go on")


async def test_one_too_many_is_told_when_to_come_back_and_leaks_no_slot() -> None:
    async with running_server(CONFIG) as server:
        async with calling(server):
            late = Caller()
            assert await late.call(server) == 503
            assert int(late.headers["Retry-After"]) >= 1
            await late.close()
            assert len(server.table) == 1
        await until(lambda: len(server.table) == 0, "the slot is free")
        async with calling(server):
            assert len(server.table) == 1


async def test_a_useless_offer_frees_its_slot() -> None:
    async with running_server(CONFIG) as server:
        for sdp in ("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "v=0\r\n"):
            bad = Caller()
            assert await bad.call(server, sdp=sdp) == 400
            await bad.close()
        unknown = Caller()
        assert await unknown.call(server, character="nobody") == 404
        await unknown.close()
        assert len(server.table) == 0
        async with calling(server):
            pass


async def test_an_offer_that_never_connects_frees_its_slot() -> None:
    sessions = replace(CONFIG.sessions, connect_timeout_s=1.0)
    async with running_server(replace(CONFIG, sessions=sessions)) as server:
        caller = Caller()
        caller.vanish()
        assert await caller.call(server) == 201
        caller.vanish()
        assert len(server.table) == 1
        await until(lambda: len(server.table) == 0, "the slot is free")
        await caller.close()


async def test_a_vanished_peer_frees_its_slot() -> None:
    sessions = replace(CONFIG.sessions, silence_timeout_s=1.0)
    async with (
        running_server(replace(CONFIG, sessions=sessions)) as server,
        calling(server) as caller,
    ):
        caller.vanish()
        await until(lambda: len(server.table) == 0, "the slot is free")
        await until(lambda: all(lane.is_free for lane in server.engine.lanes), "the lane is free")


async def test_a_dead_engine_is_replaced_within_the_session() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        pid = server.engine.pid
        assert pid is not None
        (session,) = server.table
        held = session.video_track.counters.held
        os.kill(pid, signal.SIGKILL)
        await until(
            lambda: any(n.code == "engine_restarting" for n in caller.heard(protocol.Notice)),
            "the person is told",
        )
        await until(
            lambda: any(n.code == "engine_ready" for n in caller.heard(protocol.Notice)),
            "the engine is back",
            60.0,
        )
        assert session.video_track.counters.held > held, "the stream went on meanwhile"
        rendered = session.stats.num_rendered
        await until(lambda: session.stats.num_rendered > rendered + 10, "pictures are rendered")
        assert server.engine.pid != pid
        assert server.engine.num_restarts == 1
        assert session.state.value == "live"


async def test_a_camera_that_freezes_does_not_stop_the_stream() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        caller.camera.is_frozen = True
        before = len(caller.pictures)
        await until(lambda: len(caller.pictures) > before + 60, "pictures go on")
        await until(
            lambda: any(n.code == "no_camera_picture" for n in caller.heard(protocol.Notice)),
            "the person is told",
        )
        caller.camera.is_frozen = False
        await until(
            lambda: any(n.code == "camera_picture" for n in caller.heard(protocol.Notice)),
            "the camera is back",
        )


async def test_the_camera_may_change_its_size_in_the_call() -> None:
    async with running_server(CONFIG) as server, calling(server) as caller:
        (session,) = server.table
        for size in ((320, 240), (1280, 720), (64, 480)):
            caller.camera.size = size
            num_rendered = session.stats.num_rendered
            await until(lambda n=num_rendered: session.stats.num_rendered > n + 15, str(size))
            assert session.intake.picture_hw is not None
            assert max(session.intake.picture_hw) <= 640
        assert session.stats.counts()["decode_errors"] == 0


async def test_a_bad_network_is_survived_and_the_voice_goes_on() -> None:
    config = replace(CONFIG, impairment=ImpairmentSection(loss=0.05, reorder=0.05))
    async with running_server(config) as server, calling(server) as caller:
        (session,) = server.table
        sent = session.voice_track.counters.sent
        at = len(caller.pictures)
        await until(lambda: len(caller.pictures) > at + 150, "150 pictures", 30.0)
        counts = session.stats.counts()
        assert counts["nack"] > 0
        assert counts["decode_errors"] == 0, "nothing incomplete was given to the decoder"
        assert session.peer is not None
        assert session.peer.video_receiver is not None
        decoded = session.peer.video_receiver.counters.frames
        assert decoded >= 0.95 * (caller.camera.num_sent - 30), "lost packets were got back"
        assert session.voice_track.counters.sent > sent + 200, "the voice is not held up"


async def test_stopping_says_goodbye_and_leaves_nothing_behind() -> None:
    before = set(multiprocessing.active_children())
    async with running_server(CONFIG) as server:
        names = [
            layout.name
            for lane in server.engine.lanes
            for layout in (lane.layout.driving, lane.layout.rendered, lane.layout.audio)
        ]
        caller = Caller()
        assert await caller.call(server) == 201
        await until(lambda: caller.messages, "the session is live")
    await until(lambda: caller.heard(protocol.Bye), "goodbye was said")
    assert caller.heard(protocol.Bye)[0].reason == "shutdown"
    await caller.close()
    assert set(multiprocessing.active_children()) <= before
    assert not [name for name in names if (Path("/dev/shm") / name).exists()]
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "server" in repr(task.get_coro())]


async def test_sessions_one_after_the_other_leave_nothing_behind() -> None:
    async with running_server(CONFIG) as server:
        num_descriptors = []
        for _ in range(4):
            async with calling(server):
                pass
            await until(lambda: len(server.table) == 0, "the slot is free")
            await until(lambda: all(lane.is_free for lane in server.engine.lanes), "lane free")
            num_descriptors.append(len(os.listdir("/proc/self/fd")))
        assert num_descriptors[-1] <= num_descriptors[0] + 2


async def test_nothing_of_a_session_that_is_over_stays_in_memory() -> None:
    async with running_server(CONFIG) as server:
        gone: list[weakref.ref[object]] = []
        async with calling(server):
            (session,) = server.table
            peer = session.peer
            assert peer is not None
            parts = (session, peer, peer._pc, peer.video_receiver, peer.audio_receiver)
            parts += (peer.encoder, session.video_track, session.voice_track, session.intake)
            gone = [weakref.ref(part) for part in parts]
            del session, peer, parts
        await until(lambda: len(server.table) == 0, "the slot is free")
        await until(lambda: not [ref() for ref in gone if ref() is not None], "all is collected")
        others = [thread.name for thread in threading.enumerate()]
        assert not [name for name in others if name.startswith("video-decoder")]
