"""Characters are found, opened once, and a damaged one stops nothing."""

from __future__ import annotations

import asyncio

import pytest

from server.builder_process import Answer, Job, OpenGalleryItem, Refused
from server.characters import CharacterRefused, CharacterStore
from server.config import CharactersSection
from tests.conftest import FakeClock
from tests.server.live import InventingBuilder


class _Damaged(InventingBuilder):
    """The first built-in character cannot be opened."""

    async def work(self, job: Job) -> Answer:
        if isinstance(job, OpenGalleryItem) and job.id == "ada":
            self.jobs.append(job)
            return Refused("character_failed", "It is damaged.")
        return await super().work(job)


async def _store(builder: InventingBuilder, clock: FakeClock, **changes: float) -> CharacterStore:
    section = CharactersSection(**changes)  # type: ignore[arg-type]
    store = CharacterStore(section, builder, clock=clock)
    await store.load_gallery()
    return store


async def test_a_damaged_character_does_not_keep_the_server_from_starting(
    clock: FakeClock,
) -> None:
    store = await _store(_Damaged(), clock)
    assert await store.first_that_opens() is not None
    idle = asyncio.Event()
    idle.set()
    await store.open_all(idle)
    with pytest.raises(CharacterRefused, match="damaged"):
        await store.character("ada")


async def test_nothing_opens_in_an_empty_gallery(clock: FakeClock) -> None:
    store = CharacterStore(CharactersSection(), InventingBuilder(), clock=clock)
    assert await store.first_that_opens() is None


async def test_who_asks_at_the_same_time_shares_one_opening(clock: FakeClock) -> None:
    builder = InventingBuilder()
    store = await _store(builder, clock)
    first, second = await asyncio.gather(store.character("bob"), store.character("bob"))
    assert first == second
    assert await store.character("bob") == first
    assert len([job for job in builder.jobs if isinstance(job, OpenGalleryItem)]) == 1


async def test_the_gallery_opens_only_while_the_server_is_idle(clock: FakeClock) -> None:
    builder = InventingBuilder()
    store = await _store(builder, clock)
    idle = asyncio.Event()
    opening = asyncio.ensure_future(store.open_all(idle))
    await asyncio.sleep(0)
    assert not [job for job in builder.jobs if isinstance(job, OpenGalleryItem)]
    idle.set()
    await opening
    assert len([job for job in builder.jobs if isinstance(job, OpenGalleryItem)]) == 2


class _Stuck(InventingBuilder):
    """Opens nothing before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.is_at_work, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def work(self, job: Job) -> Answer:
        self.is_at_work.set()
        await self.may_go_on.wait()
        return await super().work(job)


async def test_who_asks_for_a_character_does_not_wait_for_those_nobody_asked_for(
    clock: FakeClock,
) -> None:
    store = await _store(InventingBuilder(), clock)
    idle, behind = asyncio.Event(), _Stuck()
    idle.set()
    opening = asyncio.ensure_future(store.open_all(idle, behind=behind))
    await behind.is_at_work.wait()
    bob = await asyncio.wait_for(store.character("bob"), 10)
    ada = await asyncio.wait_for(store.character("ada"), 10)
    behind.may_go_on.set()
    await opening
    assert (await store.character("ada"), await store.character("bob")) == (ada, bob)
    opened = [job.id for job in behind.jobs if isinstance(job, OpenGalleryItem)]
    assert opened == ["ada"], "what was opened in front is not opened again"


async def test_an_upload_lives_as_long_as_it_is_used(clock: FakeClock) -> None:
    store = await _store(InventingBuilder(), clock, upload_ttl_s=100.0)
    info = await store.add((b"jpeg",), "Zoe")
    for _ in range(5):
        clock.advance(90.0)
        await store.character(info.id)
    clock.advance(101.0)
    with pytest.raises(CharacterRefused) as caught:
        await store.character(info.id)
    assert caught.value.code == "unknown_character"
    assert caught.value.status == 404
