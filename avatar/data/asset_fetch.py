"""Fetches the originals of the 3D assets at pinned commits and verifies them by their git hashes.

An archive is read once from the network into a temporary file, its wanted folders are hashed as
git would, and only what matches is put in place: `<folder>/originals/<source>/...`, licences in
`<folder>/LICENSES/`. Knows archives and hashes, not what the files mean.

Hashes: git's object format, sha1("blob <size>\\0" + bytes) and sha1("tree <size>\\0" + entries).
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from avatar.data.asset_sources import HOST, SOURCES, Source
from avatar.errors import AssetError

TIMEOUT_S = 60.0
_CHUNK = 1 << 20

Tree = dict[str, "tuple[str, str] | Tree"]
"""Name to (mode, blob hash) or to a folder."""


def _blob_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def tree_hash(tree: Tree) -> str:
    """Git's hash of a folder."""
    entries = []
    for name, entry in tree.items():
        if isinstance(entry, dict):
            # git sorts folders as if their names ended in a slash
            entries.append((name.encode() + b"/", b"40000", name, tree_hash(entry)))
        else:
            entries.append((name.encode(), entry[0].encode(), name, entry[1]))
    body = b"".join(
        mode + b" " + name.encode() + b"\0" + bytes.fromhex(digest)
        for _, mode, name, digest in sorted(entries)
    )
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _download(url: str, path: Path) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "liveactor"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file, _CHUNK)
            wanted = answer.headers.get("Content-Length")
        if wanted is not None and path.stat().st_size != int(wanted):
            raise AssetError(f"{url}: broke off early. Run the command again.")
    except urllib.error.HTTPError as error:
        raise AssetError(
            f"{url}: the server answered {error.code}. Where the repository has moved, clone it, "
            "check out that commit and put its folders there by hand (docs/DATA.md)."
        ) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        raise AssetError(
            f"{url}: not reached ({error}). Check the network and run the command again."
        ) from error
    except OSError as error:
        raise AssetError(f"{path}: cannot be written ({error}). Make room or rights.") from error


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """(path within the repository, member) of files and links."""
    for member in archive:
        path = member.name.partition("/")[2]
        if path and (member.isfile() or member.issym()):
            yield path, member


def _add(tree: Tree, path: str, mode: str, digest: str) -> None:
    *folders, name = path.split("/")
    for folder in folders:
        below = tree.setdefault(folder, {})
        assert isinstance(below, dict), "a path is a file or a folder"
        tree = below
    tree[name] = (mode, digest)


def _unpack(source: Source, packed: Path, folder: Path) -> None:
    """Wanted files into `folder`, verified; raises AssetError naming what does not match."""
    everything: Tree = {}
    licences = dict(source.licences)
    wanted = [path for path, _ in source.folders]
    try:
        with tarfile.open(packed, "r:gz") as archive:
            for path, member in _members(archive):
                if path not in licences and not any(path.startswith(f"{w}/") for w in wanted):
                    continue
                if member.issym():  # hashed as git does, but not laid down
                    _add(everything, path, "120000", _blob_hash(member.linkname.encode()))
                    continue
                stream = archive.extractfile(member)
                assert stream is not None, "members are files"
                data = stream.read()
                _add(everything, path, "100755" if member.mode & 0o100 else "100644",
                     _blob_hash(data))  # fmt: skip
                place = folder / path
                if not place.resolve().is_relative_to(folder.resolve()):
                    raise AssetError(f"{source.name}: the archive names {path}, outside itself.")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise AssetError(
            f"{source.name}: the archive is damaged ({error}). Run the command again."
        ) from error
    for path, digest in (*source.folders, *source.licences):
        found = _digest_at(everything, path)
        if found != digest:
            raise AssetError(
                f"{source.name}: {path} is {found or 'missing'}, expected {digest}. The origin or "
                "the way to it has changed these files; they were not kept."
            )


def _digest_at(tree: Tree, path: str) -> str | None:
    entry: tuple[str, str] | Tree | None = tree
    for name in path.split("/"):
        if not isinstance(entry, dict):
            return None
        entry = entry.get(name)
    return tree_hash(entry) if isinstance(entry, dict) else entry[1] if entry else None


def fetch_source(source: Source, folder: Path, host: str = HOST) -> Path:
    """Bring one source; returns its folder. What is already there is left as it is.

    Raises AssetError naming what could not be reached, written or verified, and the remedy.
    """
    place = folder / "originals" / source.name
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{source.name}-") as work:
            packed, unpacked = Path(work) / "archive.tar.gz", Path(work) / "files"
            _download(source.url(host), packed)
            unpacked.mkdir()
            _unpack(source, packed, unpacked)
            for path, _ in source.licences:
                beside = folder / "LICENSES" / f"{source.name}_{Path(path).name}"
                beside.parent.mkdir(exist_ok=True)
                shutil.copyfile(unpacked / path, beside)
            os.replace(unpacked, place)
    except OSError as error:
        raise AssetError(f"{place}: cannot be written ({error}). Make room or rights.") from error
    return place


def fetch_all(
    folder: Path, sources: Sequence[Source] = SOURCES, host: str = HOST
) -> Iterator[tuple[Source, str]]:
    """(source, what went wrong or '') one after the other; one failure does not stop the rest."""
    for source in sources:
        try:
            fetch_source(source, folder, host)
        except AssetError as error:
            yield source, str(error)
        else:
            yield source, ""


def pack_digest(path: Path) -> str:
    """SHA-256 of a file; AssetError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error}).") from error
    return digest.hexdigest()
