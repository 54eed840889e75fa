"""What one new picture costs, in things that can be counted: a file is decoded, hashed and read no more than once."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from promptcdn.faces.app import create_app
from promptcdn.settings import load
from promptcdn.stores import Name
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.verified import VerifiedStore
from promptcdn.wiring import opened

pytestmark = pytest.mark.anyio

# In bytes: files of pictures are longer, headers of objects and canonical forms of requests are not.
_LARGE = 4000


@dataclass
class Counts:
    """What was done since the last look."""

    opened: int = 0
    hashed: list[bytes] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """Counts in all threads what takes time, and goes on doing it."""
    found = Counts()
    open_picture, sha256 = Image.open, hashlib.sha256

    def opening(*args: Any, **options: Any) -> Image.Image:
        found.opened += 1
        return open_picture(*args, **options)

    def hashing(data: bytes = b"") -> Any:
        if len(data) > _LARGE:
            found.hashed.append(bytes(data))
        return sha256(data)

    def noting(verb: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(store: DiskStore, name: Name, *rest: Any) -> Any:
            found.calls.append(f"{verb} {name.folder}")
            return call(store, name, *rest)

        return noted

    monkeypatch.setattr(Image, "open", opening)
    monkeypatch.setattr(hashlib, "sha256", hashing)
    for verb, method in {"get": "_read", "look at": "_look", "put": "_write"}.items():
        monkeypatch.setattr(DiskStore, method, noting(verb, getattr(DiskStore, method)))
    return found


@asynccontextmanager
async def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """Of a service that is asked without a socket between."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PROMPTCDN_SIZE", "256x256")
    service = opened(load())
    await service.start()
    transport = httpx2.ASGITransport(create_app(service))
    async with httpx2.AsyncClient(transport=transport, base_url="http://promptcdn") as asking:
        yield asking
    await service.close()


async def test_a_new_picture_is_decoded_and_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """The generator's file, the master and the rendition are hashed once each, and one of them is decoded."""
    async with client(tmp_path, monkeypatch) as asking:
        answer = await asking.get("/?prompt=a+lighthouse&seed=7")
        assert answer.status_code == 200

    assert counts.opened == 1
    assert len(counts.hashed) == len(set(counts.hashed)) == 3
    assert answer.content in counts.hashed


async def test_once_it_is_made_nothing_of_it_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    async with client(tmp_path, monkeypatch) as asking:
        await asking.get("/?prompt=a+lighthouse&seed=7")

    paid = counts.calls.index("put paid")
    assert counts.calls[paid:] == ["put paid", "put masters", "put sketch-bindings", "put renditions"]
    # Before the request's own flight, and again in it: a flight that landed in between may have made the picture.
    assert max(counts.calls.count(call) for call in counts.calls) <= 2


async def test_a_second_format_is_made_of_the_master(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """The pixels of the first decoding are gone by then: memory is not held for what may never be asked for."""
    async with client(tmp_path, monkeypatch) as asking:
        await asking.get("/?prompt=a+lighthouse&seed=7")
        counts.calls.clear()
        counts.opened = 0
        await asking.get("/?prompt=a+lighthouse&seed=7&format=jpeg")

    assert counts.opened == 1
    assert counts.calls == ["get renditions", "get masters", "put renditions"]


async def test_a_png_is_sent_as_it_was_stored_without_another_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    async with client(tmp_path, monkeypatch) as asking:
        answer = await asking.get("/?prompt=a+lighthouse&seed=7&format=png")

    assert answer.status_code == 200
    assert counts.opened == 1
    assert len(counts.hashed) == 2
    assert counts.calls[counts.calls.index("put paid") :] == ["put paid", "put masters", "put sketch-bindings"]


async def test_a_store_is_not_asked_for_its_id_after_each_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk store looks at its id in the call that found nothing, or wrote something; before a write it is asked where
    nobody asked for a second."""
    asked = []
    see = VerifiedStore._see

    async def seeing(store: VerifiedStore) -> None:
        asked.append("id")
        await see(store)

    async with client(tmp_path, monkeypatch) as asking:
        await asking.get("/?prompt=the+first&seed=7")
        monkeypatch.setattr(VerifiedStore, "_see", seeing)
        assert (await asking.get("/?prompt=a+lighthouse&seed=7")).status_code == 200

    writes = 3
    assert len(asked) <= writes
