"""Serve the live app:  python -m server [--config configs/serve.toml] [--open]

Knows the command line; `server.serve` does the rest. The access token may come from the environment
(LIVEACTOR_TOKEN), where other users of the machine cannot read it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from avatar.config import load_config
from avatar.errors import LiveactorError
from avatar.stream.factory import AnimatorKind
from server.config import ServeConfig
from server.priority import MEDIA_NICENESS, take_precedence
from server.serve import LiveServer, stop_signals

TOKEN_VARIABLE = "LIVEACTOR_TOKEN"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, serve, return the exit code."""
    options = _parser().parse_args(arguments)
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("aiortc", "aioice", "libav", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        config = _configured(options)
        if config.is_preferred:
            take_precedence(MEDIA_NICENESS)
        asyncio.run(_serve(config, options, level))
    except LiveactorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot listen on {options.host or 'the address'}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


async def _serve(config: ServeConfig, options: argparse.Namespace, level: int) -> None:
    token = options.token or os.environ.get(TOKEN_VARIABLE) or None
    server = LiveServer(config, token, log_level=level)
    with stop_signals() as stopping:
        await server.start()
        print(f"Liveactor is at {server.url}", flush=True)
        if token is not None:
            print("Open it as  <address>?token=<the token>", flush=True)
        if options.open and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            await asyncio.to_thread(webbrowser.open, server.url)
        await server.run_until(stopping)


def _configured(options: argparse.Namespace) -> ServeConfig:
    config = load_config(options.config, ServeConfig) if options.config else ServeConfig()
    listen = config.listen
    try:
        if options.host is not None:
            listen = replace(listen, host=options.host)
        if options.port is not None:
            listen = replace(listen, port=options.port)
        if options.tls_cert or options.tls_key:
            listen = replace(listen, tls_cert=options.tls_cert, tls_key=options.tls_key)
    except ValueError as error:
        raise LiveactorError(str(error)) from error
    config = replace(config, listen=listen)
    if options.animator is not None:
        config = replace(
            config, engine=replace(config.engine, animator=AnimatorKind(options.animator))
        )
    if options.receiver is not None:
        config = replace(config, receiver=replace(config.receiver, kind=options.receiver))
    if options.probe:
        config = replace(config, is_probe_allowed=True)
    return config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server", description="Serve the live app.")
    parser.add_argument("--config", type=Path, help="TOML file, see configs/serve.toml")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default 8080; 0: any)")
    parser.add_argument(
        "--token", help=f"access token; also from {TOKEN_VARIABLE}; needed beyond this machine"
    )
    parser.add_argument("--tls-cert", type=Path, help="PEM certificate chain")
    parser.add_argument("--tls-key", type=Path, help="PEM private key")
    parser.add_argument("--animator", choices=list(AnimatorKind), help="what is rendered")
    parser.add_argument("--probe", action="store_true", help="let pages measure glass to glass")
    parser.add_argument(
        "--receiver", choices=["low_latency", "stock"], help="aiortc's own, for comparison"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument("--verbose", action="store_true", help="log more")
    return parser


def _exit_at_once(code: int) -> NoReturn:
    """All is taken down by now; to unload every library takes the interpreter as long again."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    exit_code = main()
    if exit_code == 0:
        _exit_at_once(exit_code)
    sys.exit(exit_code)
