"""HTTP: what is served, to whom, how much, and what is said when it is not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from avatar.errors import ConfigError
from server.config import CharactersSection, ListenSection, ServeConfig
from server.protocol import CharacterInfo, ServerConfig, from_json
from server.serve import LiveServer, check_exposure
from tests.server.live import running_server

TOKEN = "a-long-enough-token"
CONFIG = ServeConfig(
    characters=CharactersSection(picture_bytes=10_000, max_uploads=2),
    listen=ListenSection(allowed_hosts=("cast.example",), requests_per_minute=6000.0),
)
pytestmark = pytest.mark.asyncio(loop_scope="module")
LONG_OFFER = b'{"sdp":"' + b"x" * 70_000 + b'","type":"offer","character":"a"}'
Reply = tuple[int, Mapping[str, str], Any]


async def _ask(server: LiveServer, method: str, path: str, **named: Any) -> Reply:
    async with (
        aiohttp.ClientSession(cookie_jar=named.pop("jar", None)) as http,
        http.request(
            method, f"http://127.0.0.1:{server.port}{path}", allow_redirects=False, **named
        ) as reply,
    ):
        body: Any = await reply.read()
        if reply.content_type == "application/json":
            body = json.loads(body)
        return reply.status, reply.headers.copy(), body


def _form(*pictures: bytes, name: str | None = None) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for picture in pictures:
        form.add_field("picture", picture, filename="a.jpg", content_type="image/jpeg")
    if name is not None:
        form.add_field("name", name)
    return form


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveServer]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "index.html").write_text("<!doctype html><title>Page</title>")
    (folder / "main.js").write_text("export const x = 1;")
    async with running_server(CONFIG, web_folder=folder, is_ready=False) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveServer]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "index.html").write_text("<!doctype html><title>Page</title>")
    async with running_server(CONFIG, token=TOKEN, web_folder=folder, is_ready=False) as server:
        yield server


async def test_the_page_its_files_and_its_facts_are_served(server: LiveServer) -> None:
    status, headers, body = await _ask(server, "GET", "/")
    assert (status, b"Page" in body) == (200, True)
    for name in ("Content-Security-Policy", "Permissions-Policy", "X-Content-Type-Options"):
        assert name in headers
    assert "unsafe" not in headers["Content-Security-Policy"]
    status, headers, _ = await _ask(server, "GET", "/web/main.js")
    assert (status, "javascript" in headers["Content-Type"]) == (200, True)
    status, _, body = await _ask(server, "GET", "/api/config")
    assert from_json(ServerConfig, body, where="config").max_sessions == 2
    status, _, body = await _ask(server, "GET", "/api/characters")
    infos = [from_json(CharacterInfo, item, where="character") for item in body]
    assert [info.id for info in infos] == ["ada", "bob"]
    status, headers, body = await _ask(server, "GET", infos[0].thumbnail_url)
    assert (status, headers["Content-Type"], body[:4]) == (200, "image/webp", b"RIFF")


async def test_metrics_are_prometheus_text(server: LiveServer) -> None:
    status, headers, body = await _ask(server, "GET", "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    assert b"liveactor_sessions 0.0" in body
    status, _, body = await _ask(server, "GET", "/health")
    assert status == 200
    assert body["status"] == "ok"


@pytest.mark.parametrize("path", ["/web/../pyproject.toml", "/web/%2e%2e/%2e%2e/etc/passwd", "/x"])
async def test_nothing_outside_the_page_is_served(server: LiveServer, path: str) -> None:
    status, _, body = await _ask(server, "GET", path)
    assert status in (403, 404)
    assert "error" in body


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("cast.example", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("[bad", 421),
    ],
)
async def test_only_known_names_are_answered(server: LiveServer, host: str, status: int) -> None:
    got, _, _ = await _ask(server, "GET", "/api/config", headers={"Host": host})
    assert got == status


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
@pytest.mark.parametrize("path", ["/api/sessions", "/api/characters", "/api/sessions/x/bye"])
async def test_other_websites_may_not_call(server: LiveServer, origin: str, path: str) -> None:
    status, headers, body = await _ask(server, "POST", path, json={}, headers={"Origin": origin})
    assert (status, body["error"]["code"]) == (403, "wrong_origin")
    assert "Access-Control-Allow-Origin" not in headers


async def test_a_cross_site_request_without_origin_is_refused(server: LiveServer) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    status, _, _ = await _ask(server, "POST", "/api/sessions", json={}, headers=headers)
    assert status == 403


async def test_the_servers_own_page_may_call(server: LiveServer) -> None:
    origin = f"http://127.0.0.1:{server.port}"
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    status, _, body = await _ask(server, "POST", "/api/sessions", json={}, headers=headers)
    assert (status, body["error"]["code"]) == (400, "missing_field")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"v=0", "application/sdp", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"sdp":"v=0","type":"offer","character":"a","x":1}', "application/json", 400),
        (b'{"sdp":"v=0","type":"offer","character":"../x"}', "application/json", 400),
        (LONG_OFFER, "application/json", 413),
        (b" " * 200_000, "application/json", 413),
    ],
)  # fmt: skip
async def test_bad_offers_are_refused(
    server: LiveServer, body: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type}
    got, _, reply = await _ask(server, "POST", "/api/sessions", data=body, headers=headers)
    assert got == status
    assert reply["error"]["message"]
    assert len(server.table) == 0


async def test_a_body_that_never_says_its_size_is_cut_off(server: LiveServer) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 16_384

    headers = {"Content-Type": "application/json"}
    status, _, _ = await _ask(server, "POST", "/api/sessions", data=endless(), headers=headers)
    assert status == 413


async def test_an_upload_becomes_a_character_that_only_its_uploader_knows(
    server: LiveServer,
) -> None:
    status, headers, body = await _ask(
        server, "POST", "/api/characters", data=_form(b"jpeg", name="  Zoë\x00" + "x" * 100)
    )
    assert status == 201
    info = from_json(CharacterInfo, body, where="upload")
    assert info.is_uploaded
    assert info.notes == ("A note.",)
    assert headers["Location"] == f"/api/characters/{info.id}"
    _, _, listed = await _ask(server, "GET", "/api/characters")
    assert info.id not in [item["id"] for item in listed]
    status, _, _ = await _ask(server, "GET", info.thumbnail_url)
    assert status == 200


async def test_a_refused_picture_says_why(server: LiveServer) -> None:
    form = _form(b"no face at all")
    status, _, body = await _ask(server, "POST", "/api/characters", data=form)
    assert (status, body["error"]["code"]) == (422, "no_face")
    status, _, _ = await _ask(server, "POST", "/api/characters", data=_form(b"good"))
    assert status == 201


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        (lambda: _form(name="nobody"), 422, "bad_request"),
        (lambda: _form(*[b"x"] * 5), 400, "bad_request"),
        (lambda: _form(b"x" * 10_001), 422, "too_large"),
        (lambda: _form(b"x" * 200_000), 413, "too_large"),
    ],
)
async def test_uploads_have_limits(server: LiveServer, form: Any, status: int, code: str) -> None:
    got, _, body = await _ask(server, "POST", "/api/characters", data=form())
    assert (got, body["error"]["code"]) == (status, code)


async def test_an_upload_must_be_a_form(server: LiveServer) -> None:
    status, _, _ = await _ask(server, "POST", "/api/characters", json={})
    assert status == 415
    headers = {"Content-Type": "multipart/form-data"}
    status, _, _ = await _ask(server, "POST", "/api/characters", data=b"x", headers=headers)
    assert status == 400


async def test_uploads_are_forgotten_the_oldest_first(server: LiveServer) -> None:
    ids = []
    for _ in range(3):
        _, _, body = await _ask(server, "POST", "/api/characters", data=_form(b"jpeg"))
        ids.append(body["id"])
    statuses = [(await _ask(server, "GET", f"/api/characters/{name}/thumbnail"))[0] for name in ids]
    assert statuses == [404, 200, 200]
    server.characters._section = replace(CONFIG.characters, upload_ttl_s=0.0)
    try:
        server.characters.forget_old()
    finally:
        server.characters._section = CONFIG.characters
    assert server.characters.num_uploads == 0


async def test_unknown_sessions_are_not_found(server: LiveServer) -> None:
    assert (await _ask(server, "DELETE", "/api/sessions/nope"))[0] == 404
    assert (await _ask(server, "POST", "/api/sessions/nope/bye"))[0] == 404
    status, headers, _ = await _ask(server, "PUT", "/api/sessions", json={})
    assert (status, headers["Allow"]) == (405, "POST")


async def test_without_the_token_nothing_but_health_is_served(guarded: LiveServer) -> None:
    for path in ("/", "/metrics", "/api/config", "/web/x"):
        assert (await _ask(guarded, "GET", path))[0] == 401
    assert (await _ask(guarded, "POST", "/api/sessions", json={}))[0] == 401
    assert (await _ask(guarded, "GET", "/health"))[0] == 200
    wrong_ones = ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer é")
    for wrong in wrong_ones:
        status, _, _ = await _ask(guarded, "GET", "/api/config", headers={"Authorization": wrong})
        assert status == 401


async def test_the_token_opens_as_bearer(guarded: LiveServer) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert (await _ask(guarded, "GET", "/api/config", headers=headers))[0] == 200


async def test_the_token_in_the_address_is_exchanged_for_a_cookie(guarded: LiveServer) -> None:
    assert (await _ask(guarded, "GET", "/?token=wrong"))[0] == 401
    status, headers, _ = await _ask(guarded, "GET", f"/?token={TOKEN}&probe=1")
    assert status == 303
    assert headers["Location"] == "/?probe=1"
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    value = cookie.split(";")[0]
    assert (await _ask(guarded, "GET", "/", headers={"Cookie": value}))[0] == 200
    assert (await _ask(guarded, "GET", "/", headers={"Cookie": "liveactor=0"}))[0] == 401


async def test_too_many_requests_are_slowed_down(tmp_path: Path) -> None:
    listen = ListenSection(requests_per_minute=6.0)
    config = replace(CONFIG, listen=listen)
    async with running_server(config, web_folder=tmp_path, is_ready=False) as server:
        statuses = [(await _ask(server, "POST", "/api/sessions", json={}))[0] for _ in range(15)]
        assert statuses[:10] == [400] * 10
        assert statuses[-1] == 429
        status, headers, _ = await _ask(server, "POST", "/api/sessions", json={})
        assert (status, int(headers["Retry-After"]) >= 1) == (429, True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
async def test_other_machines_are_let_in_only_with_a_token(host: str) -> None:
    config = replace(CONFIG, listen=ListenSection(host=host))
    with pytest.raises(ConfigError, match="token"):
        check_exposure(config, None)
    with pytest.raises(ConfigError, match="8 characters"):
        check_exposure(config, "short")
    check_exposure(config, TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
async def test_this_machine_needs_no_token(host: str) -> None:
    check_exposure(replace(CONFIG, listen=ListenSection(host=host)), None)
