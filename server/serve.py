"""The server put together, started, and taken down again within two seconds.

The composition root: the only place that knows all parts. Signals end it cleanly: sessions are
told, peers closed, processes stopped, shared memory freed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from avatar.errors import ConfigError
from avatar.timing import Clock, monotonic_s
from server.app import WEB_FOLDER, LiveApp
from server.builder import NICENESS, NICENESS_BEHIND, Builder, BuilderLike
from server.character_cache import default_folder
from server.characters import CharacterStore
from server.config import ServeConfig
from server.engine import Engine
from server.ice_ports import keep_to
from server.metrics import Metrics
from server.session_table import SessionTable

logger = logging.getLogger(__name__)

_CODEC_THREADS = 4
_SWEEP_S = 60.0
_COLLECT_AFTER_S = 0.3
_SWITCH_INTERVAL_S = 0.001
"""How long a decoder or encoder thread may keep the interpreter from the event loop, which sends a
packet of voice every 20 ms; the default of 5 ms is heard as jitter."""


def _collect_later(_session: object) -> None:
    """Closed connections are cycles that hold codecs and pictures: tens of MB until collected."""
    asyncio.get_running_loop().call_later(_COLLECT_AFTER_S, gc.collect)


class StopWatch:
    """How long the steps of something took, for the log."""

    def __init__(self, clock: Clock = monotonic_s) -> None:
        self._clock = clock
        self._last_s = clock()
        self._steps: list[str] = []

    def note(self, step: str) -> None:
        """This step is over."""
        now_s = self._clock()
        self._steps.append(f"{step} {now_s - self._last_s:.2f} s")
        self._last_s = now_s

    def __str__(self) -> str:
        return ", ".join(self._steps)


class LiveServer:
    """Everything that serves; use `start` and `stop`, or `run_until`."""

    def __init__(
        self,
        config: ServeConfig,
        token: str | None,
        *,
        web_folder: Path = WEB_FOLDER,
        builder: BuilderLike | None = None,
        log_level: int = logging.INFO,
    ) -> None:
        check_exposure(config, token)
        self._given_builder = builder
        self.config = config
        self._token = token
        self._web_folder = web_folder
        self._log_level = log_level
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.port = config.listen.port

    async def start(self) -> None:
        """Begin to listen; the engine warms up meanwhile."""
        config = self.config
        loop = asyncio.get_running_loop()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        if config.ice.ports:
            keep_to(loop, *config.ice.ports)
        # Encoding runs in the loop's default executor: a small one of its own size.
        self._executor = ThreadPoolExecutor(_CODEC_THREADS, thread_name_prefix="codec")
        loop.set_default_executor(self._executor)
        self.builder = self._given_builder or self._new_builder(NICENESS)
        # One of their own for those that nobody has asked for yet: who asks does not wait for them.
        self._behind = self._given_builder or self._new_builder(NICENESS_BEHIND)
        self.characters = CharacterStore(config.characters, self.builder)
        self.engine = Engine(
            config.engine,
            config.video,
            # One more than sessions: a lane is emptied while the next session begins in another.
            num_lanes=config.sessions.max_sessions + 1,
            is_preferred=config.is_preferred,
            log_level=self._log_level,
        )
        self.table = SessionTable(config, self.engine, self.characters.character)
        self.metrics = Metrics(self.table, self.engine, self.characters, self.builder)
        self.table.on_closed.append(self.metrics.on_session_closed)
        self.table.on_closed.append(_collect_later)
        app = LiveApp(
            config,
            self._token,
            self.table,
            self.characters,
            self.engine,
            self.metrics,
            web_folder=self._web_folder,
        ).build()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, config.listen.host, config.listen.port, ssl_context=_tls(config)
        )
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._tasks.append(loop.create_task(self._prepare()))
        self._tasks.append(loop.create_task(self._sweep()))
        # What exists by now lives as long as the process: keep it out of collections.
        gc.collect()
        gc.freeze()

    def _new_builder(self, niceness: int) -> Builder:
        section = self.config.characters
        return Builder(
            timeout_s=section.build_timeout_s,
            gallery=section.gallery,
            cache=default_folder() if section.is_cached else None,
            niceness=niceness,
            log_level=self._log_level,
        )

    @property
    def url(self) -> str:
        """Where a person opens the page."""
        scheme = "https" if self.config.listen.tls_cert else "http"
        host = self.config.listen.host
        shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
        return f"{scheme}://{shown}:{self.port}/"

    async def _prepare(self) -> None:
        """Read the gallery, warm the engine with its first character, open the rest."""
        self.engine.start()
        await self.characters.load_gallery()
        self.engine.warm_up(await self.characters.first_that_opens())
        await self.characters.open_all(self.table.idle, behind=self._behind)
        if self._behind is not self.builder:
            await self._behind.stop()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.characters.forget_old()

    async def stop(self) -> None:
        """Take everything down."""
        took = StopWatch()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.characters.close()
        took.note("own tasks")
        await self.table.close_all("shutdown")
        took.note("sessions")
        if self._runner is not None:
            await self._runner.cleanup()
        took.note("http")
        await asyncio.gather(self.engine.stop(), self.builder.stop(), self._behind.stop())
        took.note("engine and builder")
        self._executor.shutdown(wait=False, cancel_futures=True)
        gc.unfreeze()
        logger.info("stopped: %s", took)

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Serve until the event is set, then take everything down."""
        try:
            await stopping.wait()
            logger.info("stopping")
        finally:
            await self.stop()


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """SIGINT and SIGTERM set the event, from before the server starts until it has stopped."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        yield stopping
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)


def check_exposure(config: ServeConfig, token: str | None) -> None:
    """Refuse to be reachable from other machines without a token. Raises ConfigError."""
    if token is not None and len(token) < 8:
        raise ConfigError("The access token must have at least 8 characters.")
    if not config.listen.is_loopback and token is None:
        raise ConfigError(
            f"Listening on {config.listen.host} lets other machines in, so it needs an access "
            "token: give --token, or set LIVEACTOR_TOKEN; or listen on 127.0.0.1."
        )


def _tls(config: ServeConfig) -> ssl.SSLContext | None:
    cert, key = config.listen.tls_cert, config.listen.tls_key
    if cert is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"The TLS certificate {cert} and key {key} cannot be used.") from error
    return context
