"""A store that is used only while it is the right one: a folder that is swapped, and a Redis that is silent."""

import asyncio
import os
import shutil
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from promptcdn.problems import StoreUnavailable
from promptcdn.replicas.connection import RedisConnection
from promptcdn.stores import Folder, Name, Record, identity
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.identity import RememberedIds
from promptcdn.stores.store_ids import StoreIds, adopt
from promptcdn.stores.verified import Timings, VerifiedStore
from tests.support.fakes import name, record
from tests.support.redis_servers import Server
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.anyio

ONE, OTHER = "1" * 32, "2" * 32
MISSING = Name("masters", "cd" * 32)
# What a stranger is told, whatever is wrong.
PUBLIC = "the store of this service is not available: no new picture is made until its operator has mended it"
QUICK = Timings(between_looks=0.01)

_T = TypeVar("_T")


@dataclass
class Machine:
    """A folder for data, with a store in it."""

    folder: Path
    connection: RedisConnection | None = None
    setting: str = ""

    @property
    def root(self) -> Path:
        return self.folder / "store"

    @property
    def remembered(self) -> Path:
        return self.folder / "store-id"

    @property
    def id(self) -> str:
        """What the store itself says."""
        return identity.read((self.root / "identity").read_bytes())

    def store(self, timings: Timings = QUICK) -> VerifiedStore:
        return VerifiedStore(DiskStore(self.root), StoreIds(self.setting, self.folder, self.connection), timings)

    @asynccontextmanager
    async def started(self, store: VerifiedStore | None = None) -> AsyncIterator[VerifiedStore]:
        """The store of a new process."""
        store = store or self.store()
        await store.start()
        try:
            yield store
        finally:
            await store.close()

    async def fill(self) -> None:
        """Stores an object in a process of its own."""
        async with self.started() as store:
            await store.put(name(), record())

    async def adopt(self) -> None:
        store = DiskStore(self.root)
        await adopt(store, StoreIds(self.setting, self.folder, self.connection), new=True)
        await store.close()

    def move_away(self) -> Path:
        return self.root.rename(self.folder / "away")

    def swap(self, other: Path) -> None:
        """Another folder is mounted at the store's place."""
        self.move_away()
        other.rename(self.root)

    def unmount(self) -> None:
        """An empty folder is at the store's place."""
        self.move_away()
        (self.root / "tmp").mkdir(parents=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture
def other(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "other")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, at_socket=True) as server:
        yield server


@pytest.fixture
async def connection(redis: Server) -> AsyncIterator[RedisConnection]:
    connection = RedisConnection(redis.url)
    yield connection
    await connection.close()


async def require_refused(store: VerifiedStore) -> str:
    """That the store neither has an object nor lacks one, and takes none; gives why."""
    causes = set()
    for question in (
        store.get(name()),
        store.get(MISSING),
        store.look(name()),
        store.names("masters", "ab"),
        store.put(MISSING, record()),
        store.delete(name()),
        asyncio.to_thread(list, store.listed()),
    ):
        with pytest.raises(StoreUnavailable) as caught:
            await question
        assert caught.value.detail == PUBLIC
        causes.add(caught.value.cause)
    assert len(causes) == 1
    return causes.pop()


async def soon(ask: Callable[[], Awaitable[_T]]) -> _T:
    """The answer, as soon as the store is believed."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await asyncio.sleep(QUICK.between_looks)


def is_listed(store: VerifiedStore) -> bool:
    """Whether the store can be listed, which looks at no id by itself."""
    try:
        return bool(list(store.listed()))
    except StoreUnavailable:
        return False


async def test_a_new_store_gets_an_id_that_is_remembered_privately(machine: Machine) -> None:
    await machine.fill()

    assert machine.id == machine.remembered.read_text().strip()
    assert stat.S_IMODE(machine.remembered.stat().st_mode) == 0o600
    async with machine.started() as store:
        assert await store.get(name()) == record()


async def test_a_store_without_an_id_gets_one_where_none_is_known(machine: Machine) -> None:
    await machine.fill()
    (machine.root / "identity").unlink()
    machine.remembered.unlink()

    async with machine.started() as store:
        assert await store.get(name()) == record()
        assert await store.get(MISSING) is None
    assert (machine.root / "identity").exists()


async def test_a_machine_that_knows_nothing_takes_the_id_that_is_there(machine: Machine) -> None:
    await machine.fill()
    machine.remembered.unlink()

    await machine.fill()

    assert machine.remembered.read_text().strip() == machine.id


async def test_an_empty_folder_is_not_the_store_until_it_is_adopted(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    await machine.fill()
    machine.move_away()

    async with machine.started() as store:
        assert "the store has no id" in await require_refused(store)
        lines = [entry.message for entry in caplog.records if "not the store that was used before" in entry.message]
        assert len(lines) == 1
        assert "promptcdn store adopt" in lines[0]
        assert not any(path.is_file() for path in machine.root.rglob("*"))
        await machine.adopt()
        assert await soon(lambda: store.get(MISSING)) is None
        await store.put(MISSING, record())
    assert machine.id == machine.remembered.read_text().strip()


async def test_another_store_mounted_meanwhile_is_noticed_at_once(machine: Machine, other: Machine) -> None:
    await other.fill()
    await machine.fill()

    async with machine.started() as store:
        assert await store.get(MISSING) is None
        machine.swap(other.root)
        with pytest.raises(StoreUnavailable, match="the data folder remembers"):
            await store.get(MISSING)
        await require_refused(store)
        machine.root.rename(other.root)
        (machine.folder / "away").rename(machine.root)
        assert await soon(lambda: store.get(name())) == record()
        assert await store.get(MISSING) is None
    assert not (other.root / MISSING.path).exists()


@pytest.mark.parametrize("empty", [True, False], ids=["an empty folder in its place", "nothing in its place"])
async def test_a_folder_that_is_moved_away_meanwhile_is_said_once(
    machine: Machine, caplog: pytest.LogCaptureFixture, empty: bool
) -> None:
    async with machine.started() as store:
        await store.put(name(), record())
        away = machine.move_away()
        if empty:
            machine.root.mkdir()
        for _ in range(2):
            cause = await require_refused(store)
        lines = [line for line in caplog.messages if line.startswith("the store: ")]
        assert lines == [f"the store: {cause}"]
        assert f"there is no store in the folder {machine.root}: the folder is {'empty' if empty else 'not'}" in cause
        assert [path.name for path in machine.folder.iterdir() if path.name == "store"] == ["store"] * empty

        if empty:
            machine.root.rmdir()
        away.rename(machine.root)
        assert await soon(lambda: store.get(name())) == record()
        assert caplog.messages[-1] == "the store is the right one again: new pictures are made"


async def test_a_store_that_does_not_answer_is_said_once(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    """And no stranger is told the cause."""

    class Broken(DiskStore):
        broken = True

        async def get(self, name: Name) -> Record | None:
            if self.broken:
                raise StoreUnavailable("/private/folder: Input/output error")
            return await super().get(name)

    inner = Broken(machine.root)
    async with machine.started(VerifiedStore(inner, StoreIds("", machine.folder, None), QUICK)) as store:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "does not answer" not in caplog.text:
                with pytest.raises(StoreUnavailable) as caught:
                    await store.get(name())
                assert (caught.value.detail, caught.value.cause) == (PUBLIC, "/private/folder: Input/output error")
                await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await store.get(name())
        inner.broken = False
        assert await store.get(name()) is None
    assert [line for line in caplog.messages if "answer" in line] == [
        "the store does not answer: /private/folder: Input/output error. Nothing new is made until the store answers",
        "the store answers again: new pictures are made",
    ]


@pytest.mark.parametrize(("cause", "said"), [("no disk", "no disk."), ("Is it http://?", "Is it http://?")])
async def test_a_store_silent_from_the_start_is_one_line_at_once(
    machine: Machine, caplog: pytest.LogCaptureFixture, cause: str, said: str
) -> None:
    """The first failure of the start is logged, as an error, and no second line follows for the same outage."""

    class Silent(DiskStore):
        def identity(self) -> str | None:
            raise StoreUnavailable(cause)

    patient = Timings(between_looks=PATIENCE_SECONDS)
    async with machine.started(
        VerifiedStore(Silent(machine.root), StoreIds("", machine.folder, None), patient)
    ) as store:
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await store.get(name())

    (line,) = caplog.records
    assert (line.levelname, line.message) == (
        "ERROR",
        f"the store does not answer: {said} Nothing new is made until the store answers",
    )


async def test_each_kind_of_call_that_fails_by_itself_is_one_line(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is read well may take nothing, or not be listed: reads that go well do not end that."""

    class Lame(DiskStore):
        full = unlisted = True

        async def put(self, name: Name, record: Record) -> Record:
            if self.full:
                raise StoreUnavailable("QuotaExceeded")
            return await super().put(name, record)

        def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
            if self.unlisted:
                raise StoreUnavailable("AccessDenied")
            return super().listed(folder, leaf)

    inner = Lame(machine.root)
    async with machine.started(VerifiedStore(inner, StoreIds("", machine.folder, None), QUICK)) as store:

        async def tried() -> None:
            for call in (lambda: store.put(name(), record()), lambda: asyncio.to_thread(list, store.listed("masters"))):
                with suppress(StoreUnavailable):
                    await call()
            await store.get(MISSING)

        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(caplog.messages) < 2:
                await tried()
        await tried()
        inner.full = inner.unlisted = False
        await tried()

    assert sorted(line.partition(",")[0].partition(". ")[0] for line in caplog.messages) == [
        "the store can be listed again",
        "the store cannot be listed: AccessDenied",
        "the store takes new pictures again",
        "the store takes nothing: QuotaExceeded",
    ]


async def test_nothing_is_tried_out_on_a_wrong_store(machine: Machine) -> None:
    """Nothing is tried out on a store that is not the right one."""
    async with machine.started() as store:
        await store.require_writable()
        machine.unmount()
        with pytest.raises(StoreUnavailable, match="the store has no id"):
            await store.get(MISSING)
        with pytest.raises(StoreUnavailable, match="the store has no id"):
            await store.require_writable()


async def test_where_data_folder_and_store_go_the_process_still_knows(machine: Machine) -> None:
    async with machine.started() as store:
        machine.unmount()
        machine.remembered.unlink()
        with pytest.raises(StoreUnavailable, match="the store has no id"):
            await store.get(MISSING)
        with pytest.raises(StoreUnavailable):
            await store.put(MISSING, record())
        assert not (machine.root / "identity").exists()


async def test_what_is_written_into_a_swapped_store_is_not_stored(machine: Machine) -> None:
    class Swapped(DiskStore):
        async def put(self, name: Name, record: Record) -> Record:
            machine.unmount()
            return await super().put(name, record)

    async with machine.started(VerifiedStore(Swapped(machine.root), StoreIds("", machine.folder, None))) as store:
        with pytest.raises(StoreUnavailable):
            await store.put(MISSING, record())


async def test_a_look_by_the_operators_tools_writes_nothing(machine: Machine) -> None:
    store = machine.store()
    assert [finding.good for finding in await store.checks()] == [True, True]
    assert await store.get(MISSING) is None
    await store.close()

    assert not machine.remembered.exists()
    assert not (machine.root / "identity").exists()


async def test_an_identity_that_is_garbled_is_unknown_and_not_another(machine: Machine) -> None:
    async with machine.started() as store:
        path = machine.root / "identity"
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"x")
        with pytest.raises(StoreUnavailable, match="not what was written"):
            await store.get(MISSING)
        path.write_bytes(whole)
        assert await soon(lambda: store.get(MISSING)) is None


async def test_the_setting_goes_before_what_is_remembered(machine: Machine) -> None:
    await machine.fill()
    machine.setting = ONE
    async with machine.started() as store:
        assert f"PROMPTCDN_STORE_ID remembers the id {ONE}" in await require_refused(store)

    machine.setting = machine.remembered.read_text().strip()
    machine.remembered.write_text(f"{OTHER}\n")
    await machine.fill()


async def test_a_store_that_comes_right_later_is_listed(machine: Machine) -> None:
    """Removals are listed, permalinks wait for that list, and `listed` looks at no id by itself."""
    await machine.fill()
    away = machine.move_away()

    async with machine.started() as store:
        assert not is_listed(store)
        shutil.rmtree(machine.root)
        away.rename(machine.root)
        await eventually(lambda: is_listed(store))


async def test_a_data_folder_that_hangs_holds_up_no_loop(machine: Machine) -> None:
    """A pipe that nobody writes to hangs as a network disk does. The loop's default threads stay free, too."""
    machine.folder.mkdir()
    os.mkfifo(machine.remembered)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    store = machine.store(Timings(between_looks=0.01, first_look=0.05))

    await store.start()
    assert await asyncio.to_thread(lambda: "free") == "free"
    with pytest.raises(StoreUnavailable):
        list(store.listed())

    # The pipe is gone before it lets its reader go on, or the next look would hang too.
    os.close(os.open(machine.remembered.rename(machine.folder / "pipe"), os.O_WRONLY))
    await eventually(machine.remembered.exists)
    await store.close()


async def test_what_redis_knows_holds_for_a_machine_that_knows_nothing(
    machine: Machine, connection: RedisConnection
) -> None:
    machine.connection = connection
    await machine.fill()
    shutil.rmtree(machine.root)
    machine.remembered.unlink()

    async with machine.started() as store:
        assert "Redis remembers the id" in await require_refused(store)
    await machine.adopt()
    await machine.fill()


async def test_what_one_machine_adopts_all_that_share_its_redis_adopt(
    machine: Machine, other: Machine, connection: RedisConnection
) -> None:
    machine.connection = other.connection = connection
    await machine.fill()
    shutil.copytree(machine.folder, other.folder)
    for each in (machine, other):
        (each.root / "identity").unlink()
    await machine.adopt()
    (other.root / "identity").write_bytes((machine.root / "identity").read_bytes())

    await other.fill()

    assert other.remembered.read_text() == machine.remembered.read_text()


async def test_while_redis_is_silent_a_store_is_taken_and_none_is_made(machine: Machine) -> None:
    connection = machine.connection = RedisConnection("redis://127.0.0.1:9")
    async with machine.started() as store:
        assert "Redis does not answer" in await require_refused(store)

    machine.connection = None
    await machine.fill()
    machine.connection = connection
    await machine.fill()
    await connection.close()


async def test_of_two_stores_with_one_redis_the_second_is_refused(
    machine: Machine, other: Machine, redis: Server, connection: RedisConnection
) -> None:
    await other.fill()
    machine.connection = other.connection = connection
    await machine.fill()

    async with other.started() as store:
        assert f"the store has the id {other.id}, but Redis remembers the id {machine.id}" in await require_refused(
            store
        )
    assert redis.client.get("promptcdn:store") == machine.id


async def test_of_two_that_find_redis_empty_one_is_refused(
    machine: Machine, other: Machine, redis: Server, connection: RedisConnection
) -> None:
    """The first store is remembered after the second has read Redis and before the second writes to Redis."""

    class Overtaken(StoreIds):
        async def read(self) -> RememberedIds:
            ids = await super().read()
            if not machine.remembered.exists():
                await machine.fill()
            return ids

    machine.connection = connection
    store = VerifiedStore(DiskStore(other.root), Overtaken("", other.folder, connection), QUICK)
    async with other.started(store):
        assert f"Redis remembers the id {machine.id}" in await require_refused(store)
    assert redis.client.get("promptcdn:store") == machine.id
    assert not other.remembered.exists()


async def test_a_store_taken_while_redis_was_down_gives_way_to_its_id(
    machine: Machine, redis: Server, connection: RedisConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """Though nobody asks for a thing that would look: all that is shown is stored."""
    await machine.fill()
    machine.connection = connection
    redis.client.set("promptcdn:store", OTHER)
    redis.client.save()
    redis.kill()

    async with machine.started() as store:
        assert await store.get(name()) == record()
        assert f"the store's id {machine.id} is not remembered" in caplog.text
        redis.start()
        await eventually(lambda: not is_listed(store))
        assert f"the store has the id {machine.id}, but Redis remembers the id {OTHER}" in await require_refused(store)
    assert redis.client.get("promptcdn:store") == OTHER


async def test_a_store_taken_while_redis_was_down_is_told_to_it_later(
    machine: Machine, redis: Server, connection: RedisConnection
) -> None:
    await machine.fill()
    machine.connection = connection
    redis.kill()

    async with machine.started() as store:
        redis.start()
        await eventually(lambda: bool(redis.client.get("promptcdn:store") == machine.id))
        assert is_listed(store)
