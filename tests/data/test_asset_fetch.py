"""Originals are fetched from their origin, verified by git's hashes, and failures are named."""

from __future__ import annotations

import io
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from avatar.data.asset_fetch import fetch_all, fetch_source, pack_digest
from avatar.data.asset_sources import PACK_SHA256, SOURCES, Source
from avatar.data.assets import PACKS
from avatar.errors import AssetError


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(folder), *words],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, dict[str, bytes]]:
    """A repository made here by git itself, and its archive by address."""
    work = tmp_path_factory.mktemp("origin")
    _git(work, "init", "-q")
    for path, text in (
        ("LICENSE", "free"), ("model/a.obj", "v 1"), ("model/a/b.obj", "v 2"), ("other/c", "no"),
    ):  # fmt: skip
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
    (work / "model" / "run.sh").write_text("#!/bin/sh")
    (work / "model" / "run.sh").chmod(0o755)
    (work / "model" / "link").symlink_to("a.obj")
    _git(work, "add", ".")
    _git(work, "commit", "-q", "-m", "all")
    commit = _git(work, "rev-parse", "HEAD")
    source = Source(
        "toy", "someone/toy", commit,
        (("model", _git(work, "rev-parse", "HEAD:model")),),
        (("LICENSE", _git(work, "rev-parse", "HEAD:LICENSE")),), "free", ("face",),
    )  # fmt: skip
    packed = work / "toy.tar.gz"
    _git(work, "archive", "--prefix=toy-1/", "--format=tar.gz", "-o", str(packed), "HEAD")
    return source, {f"/someone/toy/tar.gz/{commit}": packed.read_bytes()}


@pytest.fixture
def host(origin: tuple[Source, dict[str, bytes]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """A web server that stands in for the origin."""
    files = dict(origin[1])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", files
    server.shutdown()
    thread.join()
    server.server_close()


Host = tuple[str, dict[str, bytes]]
Origin = tuple[Source, dict[str, bytes]]


def test_what_git_hashed_arrives_with_its_licence_beside_it(
    origin: Origin, host: Host, tmp_path: Path
) -> None:
    place = fetch_source(origin[0], tmp_path, host[0])
    assert (place / "model" / "a" / "b.obj").read_text() == "v 2"
    assert not (place / "other").exists()
    assert (tmp_path / "LICENSES" / "toy_LICENSE").read_text() == "free"
    assert sorted(p.name for p in (tmp_path / "originals").iterdir()) == ["toy"]


def test_what_is_there_is_not_fetched_again(origin: Origin, host: Host, tmp_path: Path) -> None:
    fetch_source(origin[0], tmp_path, host[0])
    host[1].clear()
    fetch_source(origin[0], tmp_path, host[0])


def test_changed_files_are_refused_and_not_kept(origin: Origin, host: Host, tmp_path: Path) -> None:
    changed = io.BytesIO()
    with tarfile.open(fileobj=changed, mode="w:gz") as archive:
        for name, text in (("toy-1/LICENSE", b"free"), ("toy-1/model/a.obj", b"v 9")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    for address in host[1]:
        host[1][address] = changed.getvalue()
    with pytest.raises(AssetError, match="toy: model is .* expected"):
        fetch_source(origin[0], tmp_path, host[0])
    assert list((tmp_path / "originals").iterdir()) == []


def test_a_damaged_archive_is_named(origin: Origin, host: Host, tmp_path: Path) -> None:
    for address, data in list(host[1].items()):
        host[1][address] = data[: len(data) // 2]
    with pytest.raises(AssetError, match="toy: the archive is damaged"):
        fetch_source(origin[0], tmp_path, host[0])


def test_one_that_fails_is_named_and_the_others_still_come(
    origin: Origin, host: Host, tmp_path: Path
) -> None:
    gone = replace(origin[0], name="gone", repository="someone/gone")
    results = {s.name: why for s, why in fetch_all(tmp_path, (gone, origin[0]), host[0])}
    assert "answered 404" in results["gone"]
    assert results["toy"] == ""


def test_a_host_that_is_not_there_is_named_with_a_remedy(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="not reached .* Check the network"):
        fetch_source(origin[0], tmp_path, "http://127.0.0.1:9")


def test_every_pack_has_an_origin_and_a_hash() -> None:
    assert {pack for source in SOURCES for pack in source.packs} == set(PACKS)
    assert set(PACK_SHA256) == set(PACKS)


def test_the_digest_of_a_pack_is_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "face.npz"
    path.write_bytes(b"abc")
    assert pack_digest(path).startswith("ba7816bf8f01cfea")
