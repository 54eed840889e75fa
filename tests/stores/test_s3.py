"""A bucket as a store: on moto, plain and over TLS, and on services that know no conditional write."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Lineage, Name, Record
from promptcdn.stores.s3 import S3Store
from promptcdn.stores.s3.answers import Unusable
from promptcdn.stores.s3.buckets import Bucket
from promptcdn.stores.s3.objects import WriteOnce
from tests.support.buckets import BUCKET, Service, moto, reached
from tests.support.fake_s3 import fake_s3

pytestmark = pytest.mark.anyio

NAME = Name("masters", "ab" * 32)
URL = f"s3://{BUCKET}/some/prefix"


def record(body: bytes = b"picture") -> Record:
    return Record(body, "image/png", 1, {"prompt": "北京"})


@asynccontextmanager
async def opened(url: str = URL) -> AsyncIterator[S3Store]:
    """A store on the bucket, as a process has it; closed behind."""
    store = S3Store(Bucket.parse(url))
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(scope="module", params=[False, True], ids=["http", "https"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with moto(tmp_path_factory.mktemp("moto"), tls=request.param) as running, reached(running.environment):
        yield running


def fresh(name: str) -> str:
    """A prefix of its own for each test."""
    return f"s3://{BUCKET}/{name}"


@pytest.mark.usefixtures("service")
async def test_what_is_put_is_got_by_another_process_of_the_bucket() -> None:
    url = fresh("roundtrip")

    async with opened(url) as store:
        assert await store.get(NAME) is None
        assert await store.put(NAME, record()) == record()
    async with opened(url) as another:
        assert await another.get(NAME) == record()


@pytest.mark.usefixtures("service")
async def test_of_forty_writers_one_wins_and_all_have_its_bytes() -> None:
    async with opened(fresh("race")) as store:
        records = [record(f"writer {number}".encode()) for number in range(40)]
        winners = await asyncio.gather(*(store.put(NAME, each) for each in records))
        stored = await store.get(NAME)
        assert stored is not None
        assert {winner.body for winner in winners} == {stored.body}
        assert [name for name, _ in store.listed()] == [NAME]


@pytest.mark.usefixtures("service")
async def test_a_corrupt_object_is_set_aside_and_may_be_written_anew() -> None:
    url = fresh("corrupt")
    bucket = Bucket.parse(url)
    bucket.write_new(NAME.path, b"not what was written")

    async with opened(url) as store:
        assert await store.get(NAME) is None
        assert await store.put(NAME, record()) == record()
        assert await store.get(NAME) == record()
    assert [key for key, _ in bucket.listed() if key.startswith("corrupt/")]


@pytest.mark.usefixtures("service")
async def test_a_corrupt_object_is_set_aside_by_a_thread_that_reads() -> None:
    """A service opens its bucket in the main thread, and reads in others."""
    bucket = Bucket.parse(fresh("corrupt-elsewhere"))
    Bucket.parse(fresh("corrupt-elsewhere")).write_new(NAME.path, b"not what was written")
    bucket.open()

    store = S3Store(bucket)
    assert await store.get(NAME) is None
    assert store.corrupt == 1
    await store.close()


def test_the_condition_of_one_write_ends_with_it() -> None:
    """The next request of the same thread has none of it."""
    with fake_s3("google") as service, reached(service.environment):
        bucket = Bucket.parse(URL)
        assert bucket.open() is WriteOnce.GENERATION
        assert bucket._objects is not None
        bucket.write_new("there", b"first")
        bucket._objects.occupy("there", WriteOnce.LOOK_FIRST)

        found = bucket.read("there")
        assert found is not None
        assert found.data == b"1"


@pytest.mark.usefixtures("service")
async def test_a_large_picture_passes() -> None:
    body = os.urandom(8_000_000)

    async with opened(fresh("large")) as store:
        await store.put(NAME, record(body))
        stored = await store.get(NAME)
        assert stored is not None
        assert stored.body == body


@pytest.mark.usefixtures("service")
def test_a_bucket_with_a_conditional_write_is_found_out() -> None:
    bucket = Bucket.parse(fresh("probe"))

    assert bucket.open() is WriteOnce.CONDITION
    assert list(bucket.listed()) == []


@pytest.mark.usefixtures("service")
def test_a_bucket_that_is_not_there_is_said_so() -> None:
    with pytest.raises(
        Unusable,
        match=r"^there is no such bucket: the service answers NoSuchBucket .* Create the bucket, or correct its name",
    ):
        Bucket.parse("s3://missing").open()


HABITS = [
    ("knows", WriteOnce.CONDITION),
    ("says_304", WriteOnce.CONDITION),
    ("conflicts", WriteOnce.CONDITION),
    ("google", WriteOnce.GENERATION),
    ("refuses", WriteOnce.LOOK_FIRST),
    ("refuses_400", WriteOnce.LOOK_FIRST),
    ("refuses_403", WriteOnce.LOOK_FIRST),
    ("refuses_405", WriteOnce.LOOK_FIRST),
    ("ignores", WriteOnce.LOOK_FIRST),
]


@pytest.mark.parametrize(("habit", "way"), HABITS, ids=[row[0] for row in HABITS])
async def test_each_habit_of_a_service_is_found_out(habit: str, way: WriteOnce) -> None:
    """And the first writer wins."""
    with fake_s3(habit) as service, reached(service.environment):
        assert Bucket.parse(URL).open() is way
        async with opened() as store:
            first = await store.put(NAME, record(b"first"))
            second = await store.put(NAME, record(b"second"))
            stored = await store.get(NAME)
    assert stored is not None
    assert first.body == second.body == stored.body == b"first"


async def test_what_does_not_answer_is_neither_there_nor_absent() -> None:
    with fake_s3("knows") as service:
        variables = service.environment
    with reached(variables):
        async with opened() as store:
            with pytest.raises(StoreUnavailable):
                await store.get(NAME)
            with pytest.raises(StoreUnavailable):
                await store.put(NAME, record())


async def test_a_service_that_comes_back_is_used_again(tmp_path: Path) -> None:
    with moto(tmp_path) as running, reached(running.environment):
        assert running.process is not None
        async with opened() as store:
            await store.put(NAME, record())
            running.process.send_signal(signal.SIGSTOP)
            with pytest.raises(StoreUnavailable):
                await store.get(NAME)
            running.process.send_signal(signal.SIGCONT)
            assert await store.get(NAME) == record()


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "bucket", "disk:x"])
def test_what_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        Bucket.parse(url)


@pytest.mark.parametrize(
    ("url", "shown"), [("s3://b", "s3://b/"), ("s3://b/", "s3://b/"), ("s3://b/a/c/", "s3://b/a/c/")]
)
def test_a_bucket_has_a_name_and_a_prefix(url: str, shown: str) -> None:
    assert str(Bucket.parse(url)) == shown


@pytest.mark.parametrize("path", ["masters/ab/cd/x", "probe/ab", "masters/ab", f"masters/00/00/{'ab' * 32}", ""])
def test_what_is_no_objects_path_has_no_name(path: str) -> None:
    assert Name.parse(path) is None


def test_a_name_survives_its_path() -> None:
    name = Name("renditions", "ab" * 32 + ".webp")

    assert Name.parse(name.path) == name


@pytest.mark.usefixtures("service")
async def test_a_look_reads_the_beginning_of_an_object_alone() -> None:
    async with opened(fresh("looks")) as store:
        assert await store.look(NAME) is None
        large = Record(b"x" * 1_000_000, "image/png", 1, {"prompt": "北京"}, Lineage("ab" * 32))
        await store.put(NAME, large)
        assert await store.look(NAME) == large.header
        assert await store.names("masters", NAME.leaf) == (NAME,)
        assert await store.names("renditions", NAME.leaf) == ()


@pytest.mark.usefixtures("service")
async def test_a_look_at_an_empty_object_sets_it_aside() -> None:
    url = fresh("empty")
    bucket = Bucket.parse(url)
    bucket.write_new(NAME.path, b"")

    async with opened(url) as store:
        assert await store.look(NAME) is None
        assert store.corrupt == 1
