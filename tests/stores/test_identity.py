"""Which store this is: the policy, and a store that is used only while it is the one that is known."""

import asyncio
import shutil
import stat
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from promptcdn.problems import StoreUnknown
from promptcdn.replicas.connection import RedisConnection
from promptcdn.stores import Corrupt, IdentifiableStore, Name, identity
from promptcdn.stores.buckets import Bucket
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.identity import RememberedIds, objection
from promptcdn.stores.s3 import S3Store
from promptcdn.stores.store_ids import StoreIds
from promptcdn.stores.verified import VerifiedStore
from tests.support.buckets import BUCKET, moto, reached, unconditional
from tests.support.fakes import name, record
from tests.support.redis_servers import Server
from tests.support.waiting import in_a_loop

ONE, OTHER = "1" * 32, "2" * 32
MISSING = Name("masters", "cd" * 32)

FINE = ""
JUDGED = [
    (RememberedIds(), None, FINE),
    (RememberedIds(), ONE, FINE),
    (RememberedIds(own=ONE), ONE, FINE),
    (RememberedIds(shared=ONE), ONE, FINE),
    (RememberedIds(setting=ONE), ONE, FINE),
    (RememberedIds(own=ONE), None, f"it has no id, and the data folder knows {ONE}"),
    (RememberedIds(own=ONE), OTHER, f"it has the id {OTHER}, and the data folder knows {ONE}"),
    (RememberedIds(shared=ONE), OTHER, f"it has the id {OTHER}, and Redis knows {ONE}"),
    (RememberedIds(setting=ONE), None, f"it has no id, and PROMPTCDN_STORE_ID knows {ONE}"),
    (RememberedIds(setting=ONE), OTHER, f"set PROMPTCDN_STORE_ID={OTHER} if this one is right"),
    # What all replicas share is newer than what one of them remembers, and the operator's word goes first.
    (RememberedIds(own=OTHER, shared=ONE), ONE, FINE),
    (RememberedIds(own=ONE, shared=OTHER), ONE, "Redis knows"),
    (RememberedIds(own=OTHER, shared=OTHER, setting=ONE), ONE, FINE),
    # Somebody who cannot be asked may know of another: a store is taken, but none is made.
    (RememberedIds(unread="Redis does not say"), ONE, FINE),
    (RememberedIds(unread="Redis does not say"), None, "no id yet, and Redis does not say"),
    (RememberedIds(own=ONE, unread="Redis does not say"), ONE, FINE),
    (RememberedIds(own=ONE, unread="Redis does not say"), OTHER, "the data folder knows"),
]


@pytest.mark.parametrize(("known", "found", "expected"), JUDGED)
def test_a_store_is_used_where_it_is_the_one_that_is_known(
    known: RememberedIds, found: str | None, expected: str
) -> None:
    said = objection(known, found)

    assert expected in said
    assert bool(said) == bool(expected)


def test_an_identity_survives_being_written() -> None:
    assert identity.read(identity.written(ONE, 1)) == ONE
    assert identity.new() != identity.new()


@pytest.mark.parametrize("data", [b"", ONE.encode(), identity.written("x", 1), identity.written(ONE, 1)[:-1]])
def test_what_is_no_identity_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        identity.read(data)


@dataclass
class Place:
    """A machine: a folder for data, with a store in it."""

    folder: Path
    connection: RedisConnection | None = None
    setting: str = ""

    @property
    def root(self) -> Path:
        return self.folder / "store"

    @property
    def remembered(self) -> Path:
        return self.folder / "store-id"

    def store(self) -> VerifiedStore:
        return VerifiedStore(DiskStore(self.root), StoreIds(self.setting, self.folder, self.connection))

    async def run(self, work: Callable[[VerifiedStore], Awaitable[Any]]) -> Any:
        """What `work` gives with the store of a new process."""
        store = self.store()
        await store.start()
        try:
            return await work(store)
        finally:
            await store.close()

    def swap(self, other: Path) -> None:
        """What is mounted at the store's place."""
        self.root.rename(self.folder / "away")
        if other.exists():
            other.rename(self.root)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def filled(store: VerifiedStore) -> None:
    await store.put(name(), record())


async def require_unknown(store: VerifiedStore) -> str:
    """That nothing is known of it, and nothing is taken by it."""
    said = set()
    for question in (
        store.get(name()),
        store.get(MISSING),
        store.look(name()),
        store.names("masters", "ab"),
        store.put(MISSING, record()),
        store.delete(name()),
        asyncio.to_thread(list, store.listed()),
    ):
        with pytest.raises(StoreUnknown) as caught:
            await question
        said.add(caught.value.cause)
    assert len(said) == 1
    return said.pop()


@in_a_loop
async def test_a_new_store_gets_an_id_that_is_remembered_and_is_nobody_elses_to_read(place: Place) -> None:
    await place.run(filled)

    assert identity.read((place.root / "identity").read_bytes()) == place.remembered.read_text().strip()
    assert stat.S_IMODE(place.remembered.stat().st_mode) == 0o600

    async def there(store: VerifiedStore) -> None:
        assert await store.get(name()) == record()

    await place.run(there)


@in_a_loop
async def test_a_store_without_an_id_gets_one_where_none_is_known_of(place: Place) -> None:
    await place.run(filled)
    (place.root / "identity").unlink()
    place.remembered.unlink()

    async def there(store: VerifiedStore) -> None:
        assert await store.get(name()) == record()
        assert await store.get(MISSING) is None

    await place.run(there)
    assert (place.root / "identity").exists()


@in_a_loop
async def test_a_machine_that_knows_nothing_takes_the_id_that_is_there(place: Place) -> None:
    await place.run(filled)
    known = place.remembered.read_text()
    place.remembered.unlink()

    await place.run(filled)

    assert place.remembered.read_text() == known


@in_a_loop
async def test_an_empty_folder_in_the_place_of_the_store_is_not_the_store_until_it_is_adopted(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    await place.run(filled)
    place.swap(Path("nothing"))

    async def refused(store: VerifiedStore) -> None:
        assert "it has no id" in await require_unknown(store)
        lines = [entry.message for entry in caplog.records if "not the store that was known" in entry.message]
        assert len(lines) == 1
        assert "promptcdn store adopt" in lines[0]
        assert not any(path.is_file() for path in place.root.rglob("*"))
        await place.store().adopt()
        store._last = type(store._last)(float("-inf"))  # a second later
        assert await store.get(MISSING) is None
        await store.put(MISSING, record())

    await place.run(refused)
    assert identity.read((place.root / "identity").read_bytes()) == place.remembered.read_text().strip()


@in_a_loop
async def test_another_store_that_is_mounted_while_the_service_runs_is_noticed_at_once(
    place: Place, tmp_path: Path
) -> None:
    other = Place(tmp_path / "other")
    await other.run(filled)
    await place.run(filled)

    async def swapped(store: VerifiedStore) -> None:
        assert await store.get(MISSING) is None
        place.swap(other.root)
        with pytest.raises(StoreUnknown, match="the data folder knows"):
            await store.get(MISSING)
        await require_unknown(store)
        place.root.rename(other.root)
        (place.folder / "away").rename(place.root)
        store._last = type(store._last)(float("-inf"))  # a second later
        assert await store.get(name()) == record()
        assert await store.get(MISSING) is None

    await place.run(swapped)
    assert not (other.root / MISSING.path).exists()


@in_a_loop
async def test_where_data_folder_and_store_are_gone_together_the_process_still_knows(place: Place) -> None:
    async def swapped(store: VerifiedStore) -> None:
        place.swap(Path("nothing"))
        place.remembered.unlink()
        (place.root / "tmp").mkdir(parents=True)
        with pytest.raises(StoreUnknown, match="it has no id"):
            await store.get(MISSING)
        with pytest.raises(StoreUnknown):
            await store.put(MISSING, record())
        assert not (place.root / "identity").exists()

    await place.run(swapped)


@in_a_loop
async def test_what_is_written_into_a_store_that_was_swapped_meanwhile_is_not_stored(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = DiskStore.put

    async def swap_first(store: DiskStore, *given: Any) -> Any:
        place.swap(Path("nothing"))
        (place.root / "tmp").mkdir(parents=True)
        return await put(store, *given)

    async def swapped(store: VerifiedStore) -> None:
        monkeypatch.setattr(DiskStore, "put", swap_first)
        with pytest.raises(StoreUnknown):
            await store.put(MISSING, record())

    await place.run(swapped)


@in_a_loop
async def test_a_look_by_the_operators_tools_writes_nothing(place: Place) -> None:
    store = place.store()
    found = await store.checks()
    assert [finding.good for finding in found] == [True]
    assert await store.get(MISSING) is None
    await store.close()

    assert not place.remembered.exists()
    assert not (place.root / "identity").exists()


@in_a_loop
async def test_what_redis_knows_holds_for_a_machine_that_knows_nothing(place: Place, tmp_path: Path) -> None:
    with Server(tmp_path) as redis:
        place.connection = RedisConnection(redis.url)
        await place.run(filled)
        shutil.rmtree(place.root)
        place.remembered.unlink()

        async def refused(store: VerifiedStore) -> None:
            assert "Redis knows" in await require_unknown(store)

        await place.run(refused)
        await place.store().adopt()
        await place.run(filled)
        await place.connection.close()


@in_a_loop
async def test_what_is_adopted_on_one_machine_is_adopted_on_all_that_share_its_redis(tmp_path: Path) -> None:
    with Server(tmp_path) as redis:
        connection = RedisConnection(redis.url)
        one, two = Place(tmp_path / "one", connection), Place(tmp_path / "two", connection)
        await one.run(filled)
        shutil.copytree(one.folder, two.folder)
        for place in (one, two):
            (place.root / "identity").unlink()
        await one.store().adopt()
        (two.root / "identity").write_bytes((one.root / "identity").read_bytes())

        await two.run(filled)

        assert two.remembered.read_text() == one.remembered.read_text()
        await connection.close()


@in_a_loop
async def test_while_redis_is_silent_a_store_is_taken_and_none_is_made(place: Place) -> None:
    connection = place.connection = RedisConnection("redis://127.0.0.1:9")

    async def refused(store: VerifiedStore) -> None:
        assert "Redis does not say" in await require_unknown(store)

    await place.run(refused)
    place.connection = None
    await place.run(filled)
    place.connection = connection
    await place.run(filled)
    await connection.close()


@in_a_loop
async def test_the_setting_goes_before_what_is_remembered(place: Place) -> None:
    await place.run(filled)
    place.setting = ONE

    async def refused(store: VerifiedStore) -> None:
        assert f"PROMPTCDN_STORE_ID knows {ONE}" in await require_unknown(store)

    await place.run(refused)
    place.setting = place.remembered.read_text().strip()
    place.remembered.write_text(f"{OTHER}\n")
    await place.run(filled)


@in_a_loop
async def test_an_identity_that_is_garbled_is_unknown_and_not_another(place: Place) -> None:
    async def garbled(store: VerifiedStore) -> None:
        path = place.root / "identity"
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"x")
        with pytest.raises(StoreUnknown, match="not what was written"):
            await store.get(MISSING)
        path.write_bytes(whole)
        assert await store.get(MISSING) is None

    await place.run(garbled)


def identified_together(stores: list[IdentifiableStore]) -> set[str]:
    with ThreadPoolExecutor(len(stores)) as together:
        made = set(together.map(lambda store: store.identify(), stores))
    assert made == {store.identity() for store in stores}
    return made


def test_processes_that_start_together_on_a_new_folder_have_one_id(tmp_path: Path) -> None:
    assert len(identified_together([DiskStore(tmp_path) for _ in range(8)])) == 1


def test_processes_that_start_together_on_a_new_bucket_have_one_id(tmp_path: Path) -> None:
    with moto(tmp_path) as service, reached(service.environment):
        assert len(identified_together([S3Store(Bucket.parse(f"s3://{BUCKET}/new")) for _ in range(8)])) == 1


@pytest.mark.parametrize("habit", ["google", "ignores", "refuses"])
def test_an_id_is_one_whatever_a_service_has_to_keep_it_from_being_overwritten(habit: str) -> None:
    with unconditional(habit) as service, reached(service.environment):
        assert len(identified_together([S3Store(Bucket.parse(f"s3://{BUCKET}/new")) for _ in range(4)])) == 1
