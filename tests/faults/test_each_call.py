"""A miss in which one call fails: each in turn, until the miss has no more calls. `miss` says what must hold."""

import asyncio
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from promptcdn import clock, problems
from promptcdn.generators import Made
from promptcdn.generators.stability import Stability
from promptcdn.money.budget.sqlite import SqliteBudget
from promptcdn.money.rates.sqlite import SqliteRates
from promptcdn.problems import StoreUnavailable, UpstreamFailed
from promptcdn.stores import Name, Record
from promptcdn.stores.disk import DiskStore
from tests.faults.miss import Failing, Misses, Running
from tests.faults.stage import SMALL, paid
from tests.support.fakes import picture
from tests.support.nth_call import (
    Failure,
    Hanging,
    Instead,
    answering_late,
    failing_files,
    failing_methods,
    garbled_files,
    raising,
    raising_late,
)
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio

STORE_CALLS: list[tuple[type, str]] = [(DiskStore, call) for call in ("get", "look", "names", "put", "delete")]
MONEY_CALLS: list[tuple[type, str]] = [(SqliteBudget, "reserve"), (SqliteBudget, "give_back"), (SqliteRates, "charge")]
GENERATE = (Stability, "generate")

in_each_protocol = pytest.mark.parametrize("each", ["grpc", "rest"], indirect=True)


def test_a_miss_survives_an_error_in_each_system_call(each: Misses) -> None:
    """A miss survives an error in each call of the operating system."""
    each(failing_files)


def test_a_miss_survives_a_garbled_file_at_each_read_and_sync(each: Misses) -> None:
    """A miss survives a file that is garbled at each read and each sync."""
    each(garbled_files)


DOWN = StoreUnavailable("out of reach")
UNREACHABLE = UpstreamFailed(problems.UPSTREAM_UNREACHABLE, "no route", charged=False)
CUT = UpstreamFailed(problems.UPSTREAM_GARBLED, "the stream broke off", charged=True)


def calls(store: Instead, money: Instead, generate: Instead) -> Failing:
    """What becomes of the n-th call between parts of the service."""
    instead: dict[tuple[type, str], Instead] = {GENERATE: generate}
    instead |= dict.fromkeys(STORE_CALLS, store) | dict.fromkeys(MONEY_CALLS, money)
    return lambda failure, _folder: failing_methods(failure, instead)


@in_each_protocol
def test_a_miss_survives_an_error_in_each_call_between_parts(each: Misses) -> None:
    """A miss survives an error in each call of store, counters and generator."""
    each(calls(raising(DOWN), raising(DOWN), raising(UNREACHABLE)))


@in_each_protocol
def test_a_miss_survives_each_lost_answer_between_parts(each: Misses) -> None:
    """A miss survives the lost answer of each call of store, counters and generator."""
    each(calls(raising_late(DOWN), raising_late(DOWN), raising_late(CUT)))


def test_a_miss_survives_a_hang_of_each_call_between_parts(each: Misses) -> None:
    """A miss survives a hang of each call of store, budget and generator."""
    hanging: list[Hanging] = []

    def next_one() -> Hanging:
        hanging.append(Hanging())
        return hanging[-1]

    def hang(failure: Failure, _folder: Path) -> AbstractContextManager[None]:
        instead: dict[tuple[type, str], Instead]
        instead = dict.fromkeys([*STORE_CALLS, (SqliteBudget, "reserve"), GENERATE], hanging[-1])
        return failing_methods(failure, instead)

    each(hang, next_one)


@pytest.mark.parametrize(
    "made",
    [Made(b"", 7), Made(b"<!doctype html>", 7), Made(picture((64, 64)), 7), Made(picture((256, 256)), 7, seed_echo=8)],
    ids=["nothing", "a page", "another size", "another seed"],
)
def test_a_miss_survives_nonsense_from_the_generator(each: Misses, made: Made) -> None:
    each(lambda failure, _: failing_methods(failure, {GENERATE: answering_late(made)}))


async def test_a_rendition_that_was_refused_once_is_stored_later(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rendition that the store refused once is stored when the store takes it again."""
    for name, value in {**SMALL, "PROMPTCDN_DATA_DIR": str(tmp_path), "STABILITY_HOST": upstream.url}.items():
        monkeypatch.setenv(name, value)
    put = DiskStore.put
    refused: list[Name] = []

    async def refusing(store: DiskStore, name: Name, record: Record) -> Record:
        if name.folder == "renditions" and not refused:
            refused.append(name)
            raise DOWN
        return await put(store, name, record)

    monkeypatch.setattr(DiskStore, "put", refusing)
    async with Running(clock.SYSTEM) as service:
        first = await service.get()
        assert first.status_code == 200
        assert refused
        for _ in range(200):
            if "immutable" in (answer := await service.get()).headers["cache-control"]:
                break
            # Hits in memory leave the event loop no time for anything else.
            await asyncio.sleep(0.05)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.content == first.content
    assert paid(upstream).total() == 1
