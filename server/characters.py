"""All characters of this server: the built-in gallery and what users uploaded.

Uploads live in this process's memory only, bounded in number, forgotten some time after their last
use. Characters are opaque bytes here. Knows ids and ages; does not know HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace

from avatar.errors import PictureReason, SessionError
from avatar.timing import Clock, monotonic_s
from server.builder import BuilderLike
from server.builder_process import (
    Built,
    GalleryItem,
    ListGallery,
    OpenGalleryItem,
    OpenPictures,
    Refused,
)
from server.config import CharactersSection
from server.protocol import CharacterInfo

logger = logging.getLogger(__name__)

PAUSE = 3.0
MIN_PAUSE_S = 1.0


class CharacterRefused(SessionError):
    """No character comes of it; `code` is a PictureReason or another stable word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(404 if code == "unknown_character" else 422, message)
        self.code = code


@dataclass(slots=True)
class _Stored:
    info: CharacterInfo
    thumbnail_webp: bytes
    character: bytes | None
    last_use_s: float


class CharacterStore:
    """Finds, opens, keeps and forgets characters."""

    def __init__(
        self, section: CharactersSection, builder: BuilderLike, *, clock: Clock = monotonic_s
    ) -> None:
        self._section = section
        self._builder = builder
        self._clock = clock
        self._gallery: dict[str, _Stored] = {}
        self._uploads: OrderedDict[str, _Stored] = OrderedDict()
        self._opening: dict[str, asyncio.Task[bytes]] = {}
        self._is_listed = asyncio.Event()

    async def load_gallery(self) -> None:
        """Read what is built in. Characters are opened when asked for, or by `open_all`."""
        try:
            items = await self._builder.work(ListGallery())
        finally:
            self._is_listed.set()
        if isinstance(items, Refused):
            logger.error("the gallery cannot be read: %s", items.message)
            return
        assert isinstance(items, tuple)
        for item in items:
            self._gallery[item.id] = _Stored(_info(item), item.thumbnail_webp, None, 0.0)
        logger.info("gallery: %d characters", len(items))

    async def open_all(
        self,
        idle: asyncio.Event,
        *,
        behind: BuilderLike | None = None,
        clock: Clock = monotonic_s,
    ) -> None:
        """Open the built-in characters one after the other, so that each is there when wanted.

        A session that is live needs the processor more: unless `idle` is set, a pause follows each
        that is `PAUSE` times as long as its opening took. `behind` does the work where it is given,
        so that a character that somebody asks for meanwhile does not wait for these.
        """
        took_s = 0.0
        for character_id in list(self._gallery)[: self._section.num_kept_open]:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(idle.wait(), max(MIN_PAUSE_S, PAUSE * took_s))
            start_s = clock()
            try:
                if self._gallery[character_id].character is None:
                    await self._open(character_id, behind or self._builder)
            except SessionError as error:
                logger.error("built-in character %s: %s", character_id, error)
            took_s = clock() - start_s

    async def first_that_opens(self) -> bytes | None:
        """The default character, or the first sound one; None where there is none."""
        wanted = [self._section.default] if self._section.default in self._gallery else []
        for character_id in [*wanted, *self._gallery]:
            try:
                return await self.character(character_id)
            except SessionError as error:
                logger.error("built-in character %s: %s", character_id, error)
        return None

    async def infos(self) -> list[CharacterInfo]:
        """Every built-in character; uploads are known to their uploader only, by id.

        Waits until the gallery has been read: a page that is opened while the server starts would
        otherwise believe that there is none.
        """
        await self._is_listed.wait()
        return [stored.info for stored in self._gallery.values()]

    def thumbnail(self, character_id: str) -> bytes:
        """A small WebP picture. Raises CharacterRefused for an unknown id."""
        return self._stored(character_id).thumbnail_webp

    async def character(self, character_id: str) -> bytes:
        """The packed character. Raises CharacterRefused."""
        stored = self._stored(character_id)
        stored.last_use_s = self._clock()
        if stored.character is not None:
            return stored.character
        opening = self._opening.get(character_id)
        if opening is None:
            opening = asyncio.ensure_future(self._open(character_id, self._builder))
            self._opening[character_id] = opening
            opening.add_done_callback(lambda done: self._opened(character_id, done))
        # Shielded: who asks first may leave, others wait for the same opening.
        return await asyncio.shield(opening)

    def _opened(self, character_id: str, done: asyncio.Task[bytes]) -> None:
        self._opening.pop(character_id, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.warning("character %s: %s", character_id, error)

    async def add(self, pictures: tuple[bytes, ...], name: str) -> CharacterInfo:
        """Make a character of uploaded pictures. Raises CharacterRefused."""
        self._check(pictures)
        self.forget_old()
        character_id = f"u-{secrets.token_urlsafe(12)}"
        built = await self._builder.work(OpenPictures(character_id, name, pictures))
        if isinstance(built, Refused):
            raise CharacterRefused(built.code, built.message)
        assert isinstance(built, Built)
        info = replace(_info(built), is_uploaded=True, notes=built.notes)
        self._uploads[info.id] = _Stored(info, built.thumbnail_webp, built.character, self._clock())
        while len(self._uploads) > self._section.max_uploads:
            oldest = min(self._uploads, key=lambda key: self._uploads[key].last_use_s)
            del self._uploads[oldest]
        return info

    def forget_old(self) -> None:
        """Drop uploads that nobody has used for a while."""
        limit_s = self._clock() - self._section.upload_ttl_s
        for character_id in [k for k, v in self._uploads.items() if v.last_use_s < limit_s]:
            del self._uploads[character_id]

    def close(self) -> None:
        """Drop every upload and wait for nothing any more (shutdown)."""
        for opening in self._opening.values():
            opening.cancel()
        self._uploads.clear()

    @property
    def num_built_in(self) -> int:
        """Built-in characters, opened or not."""
        return len(self._gallery)

    @property
    def num_open(self) -> int:
        """Built-in characters that are ready in memory."""
        return sum(stored.character is not None for stored in self._gallery.values())

    @property
    def num_uploads(self) -> int:
        """Uploads in memory."""
        return len(self._uploads)

    def _check(self, pictures: tuple[bytes, ...]) -> None:
        most = self._section.pictures_per_character
        if not 1 <= len(pictures) <= most:
            raise CharacterRefused("bad_request", f"Send one to {most} pictures.")
        for picture in pictures:
            if len(picture) > self._section.picture_bytes:
                megabytes = self._section.picture_bytes // 1_000_000
                message = f"A picture may have at most {megabytes} MB."
                raise CharacterRefused(PictureReason.TOO_LARGE.value, message)

    def _stored(self, character_id: str) -> _Stored:
        self.forget_old()
        stored = self._gallery.get(character_id) or self._uploads.get(character_id)
        if stored is None:
            message = "There is no such character; an upload is forgotten after a while."
            raise CharacterRefused("unknown_character", message)
        return stored

    async def _open(self, character_id: str, builder: BuilderLike) -> bytes:
        built = await builder.work(OpenGalleryItem(character_id))
        if isinstance(built, Refused):
            raise CharacterRefused(built.code, built.message)
        assert isinstance(built, Built)
        stored = self._gallery[character_id]
        stored.character = built.character
        opened = [s for s in self._gallery.values() if s.character is not None]
        if len(opened) > self._section.num_kept_open:
            min(opened, key=lambda s: s.last_use_s).character = None
        return built.character


def _info(item: GalleryItem | Built) -> CharacterInfo:
    return CharacterInfo(
        id=item.id,
        name=item.name,
        description=item.description,
        style=item.style,
        framing=item.framing,
        thumbnail_url=f"/api/characters/{item.id}/thumbnail",
    )
