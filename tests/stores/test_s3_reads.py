"""Reads by obstore: as boto3 is set up, and believed only where boto3 would say the same."""

import asyncio
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Lineage, Name, Record, encoded
from promptcdn.stores.s3 import S3Store, connection, reads
from promptcdn.stores.s3.answers import BucketUnavailable
from promptcdn.stores.s3.buckets import Bucket
from promptcdn.stores.s3.reads import Reads, Timings, Undecided, unfit
from tests.support.buckets import BUCKET, moto, reached
from tests.support.fake_s3 import DENIED, NO_SUCH_BUCKET, SLOW_DOWN, Asked, Error, FakeS3, Personality, always, fake_s3
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

NAME = Name("masters", "ab" * 32)
RECORD = Record(b"picture", "image/png", 1, {"prompt": "北京"})
KEY = f"{BUCKET}/{NAME.path}"
# obstore names itself; boto3 names itself too.
OBSTORE, BOTO3 = "object_store", "Boto3"


@pytest.fixture
def service() -> Iterator[FakeS3]:
    with fake_s3("knows") as running, reached(running.environment):
        running.objects[KEY] = encoded(RECORD)
        yield running


def opened(prefix: str = "") -> S3Store:
    store = S3Store(bucket := Bucket.parse(f"s3://{BUCKET}/{prefix}"))
    bucket.open()
    return store


def by(asked: list[Asked]) -> list[str]:
    """Who asked: `obstore` and `boto3`."""
    agents = [each.headers["user-agent"] for each in asked]
    return [OBSTORE if OBSTORE in agent else BOTO3 for agent in agents]


async def test_an_object_is_read_by_obstore_in_one_request(service: FakeS3) -> None:
    store = opened()
    service.asked.clear()

    assert await store.get(NAME) == RECORD
    assert by(service.asked) == [OBSTORE]
    await store.close()


async def test_what_is_absent_is_absent_after_one_request(service: FakeS3) -> None:
    store = opened()
    del service.objects[KEY]
    service.asked.clear()

    assert await store.get(NAME) is None
    assert await store.look(NAME) is None
    assert by(service.asked) == [OBSTORE, OBSTORE]
    await store.close()


DOUBTFUL = [
    ("forbidden", DENIED, "the keys lack a right"),
    ("busy", SLOW_DOWN, "busy"),
    ("no bucket", NO_SUCH_BUCKET, "no such bucket"),
    ("another 404", Error(404, "NoSuchUpload"), "the service refuses"),
]


@pytest.mark.parametrize(("error", "said"), [row[1:] for row in DOUBTFUL], ids=[row[0] for row in DOUBTFUL])
async def test_what_is_no_object_is_said_in_boto3s_words(service: FakeS3, error: Error, said: str) -> None:
    store = opened()
    service.personality = replace(service.personality, refuse=always(error))
    service.asked.clear()

    with pytest.raises(StoreUnavailable, match=said):
        await store.get(NAME)
    assert by(service.asked)[0] == OBSTORE
    assert set(by(service.asked)[1:]) == {BOTO3}
    await store.close()


async def test_after_a_failure_boto3_alone_reads_for_a_while(service: FakeS3) -> None:
    """So nobody waits twice for a service that is away."""
    store = opened()
    usual = store._bucket.reads
    assert usual is not None
    store._bucket._reads = Reads(usual._store, "", Timings(rest=60.0))
    service.personality = replace(service.personality, refuse=always(SLOW_DOWN))
    with pytest.raises(BucketUnavailable):
        await store.get(NAME)
    service.personality = Personality()
    service.asked.clear()

    assert await store.get(NAME) == RECORD
    assert by(service.asked) == [BOTO3]
    await store.close()


async def test_a_service_without_ranges_is_read_by_obstore_too(service: FakeS3) -> None:
    service.personality = Personality(ranges=False)
    store = opened()
    service.asked.clear()

    assert await store.look(NAME) == RECORD.header
    assert by(service.asked) == [OBSTORE, BOTO3]
    assert await store.look(NAME) == RECORD.header
    assert await store.get(NAME) == RECORD
    assert by(service.asked)[2:] == [BOTO3, OBSTORE]
    await store.close()


def test_the_rest_after_failures_grows_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    store = Failing()
    made, tries = Reads(store, "", Timings(rest=1.0, longest_rest=4.0)), list[float]()  # type: ignore[arg-type]
    for _ in range(40):
        calls = store.calls
        with pytest.raises(Undecided):
            made.get("key")
        if store.calls > calls:
            tries.append(now[0])
        now[0] += 0.5

    assert [after - before for before, after in itertools.pairwise(tries)] == [1.0, 2.0, 4.0, 4.0, 4.0, 4.0]


def test_reads_that_fail_together_count_as_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that begins anew breaks all its connections in one moment, and is back a moment later."""
    now = [1000.0]
    monkeypatch.setattr(reads, "time", SimpleNamespace(monotonic=lambda: now[0]))
    store = Failing()
    made = Reads(store, "", Timings(rest=1.0))  # type: ignore[arg-type]
    store.goes_on.clear()
    with ThreadPoolExecutor(10) as pool:
        together = [pool.submit(made.get, "key") for _ in range(10)]
        until(lambda: store.calls == 10)
        now[0] += 0.5
        store.goes_on.set()
        assert all(isinstance(each.exception(), Undecided) for each in together)
    now[0] += 1.0
    store.error = FileNotFoundError("<Code>NoSuchKey</Code>")

    assert made.get("key") is None


def test_after_a_rest_one_read_tries_and_the_others_do_not_wait() -> None:
    """A service that is silent would keep each of them waiting twice: by obstore, and by boto3."""
    store = Failing()
    made = Reads(store, "", Timings(rest=0.0))  # type: ignore[arg-type]
    with pytest.raises(Undecided):
        made.get("key")
    store.goes_on.clear()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(made.get, "key")
        until(lambda: store.calls == 2)
        other = pool.submit(made.get, "key")
        try:
            until(other.done)
        finally:
            store.goes_on.set()
        assert isinstance(other.exception(), Undecided)
    assert store.calls == 2


def test_an_obstore_that_goes_on_failing_is_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """One, without the text of its errors, in which signatures stand; and one when it works again."""
    store = Failing()
    made = Reads(store, "", Timings(rest=0.0, longest_rest=0.0))  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(Undecided):
            made.get("a-key")
    store.error = FileNotFoundError("<Code>NoSuchKey</Code>")
    assert made.get("a-key") is None

    failing, working = caplog.messages
    assert failing.startswith("obstore fails again and again (RuntimeError): as long as it does, boto3 alone reads")
    assert working == "obstore reads the bucket again"
    assert "a-key" not in caplog.text


class Failing:
    """obstore, where nothing works, and which may keep its readers waiting."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception = RuntimeError("a-key")
        self.goes_on = threading.Event()
        self.goes_on.set()

    def get(self, key: str) -> None:
        del key
        self.calls += 1
        self.goes_on.wait()
        raise self.error


async def test_a_corrupt_object_is_read_twice_more_by_boto3(service: FakeS3) -> None:
    store = opened()
    service.objects[KEY] = b"not what was written"
    service.objects[f"{BUCKET}/identity"] = b""
    service.asked.clear()

    with pytest.raises(StoreUnavailable):
        await store.get(NAME)
    assert by(service.asked)[:3] == [OBSTORE, BOTO3, BOTO3]
    await store.close()


async def test_a_header_longer_than_most_is_read_by_boto3(tmp_path: Path) -> None:
    """A look asks for the beginning of an object alone."""
    short, long = ({"prompt": "a" * size} for size in (100, 20_000))
    with moto(tmp_path) as running, reached(running.environment):
        store = opened("looks")
        for prompt in (short, long):
            name = Name("masters", f"{len(prompt['prompt']):064x}")
            written = Record(b"x" * 1_000_000, "image/png", 1, prompt, Lineage("ab" * 32))
            await store.put(name, written)
            assert await store.look(name) == written.header
        await store.close()


async def test_a_large_picture_is_read_whole_over_tls(tmp_path: Path) -> None:
    """With the certificate of an authority of its own, by obstore."""
    with moto(tmp_path, tls=True) as running, reached(running.environment):
        store = opened("large")
        large = Record(bytes(8_000_000), "image/png", 1, {})
        await store.put(NAME, large)
        assert store._bucket.reads is not None
        data = store._bucket.reads.get(NAME.path)
        assert bytes(data or b"") == encoded(large)
        assert await store.get(NAME) == large
        await store.close()


async def test_two_hundred_reads_at_once_are_all_answered(service: FakeS3) -> None:
    store = opened()
    service.asked.clear()
    found = await asyncio.gather(*(store.get(NAME) for _ in range(200)))

    assert found == [RECORD] * 200
    assert set(by(service.asked)) == {OBSTORE}
    await store.close()


PROGRAM = """
import asyncio, sys
from promptcdn.stores import Name
from promptcdn.stores.s3 import S3Store
from promptcdn.stores.s3.buckets import Bucket

async def main():
    store = S3Store(bucket := Bucket.parse("s3://pictures"))
    bucket.open()
    await asyncio.gather(*(store.get(Name("masters", "ab" * 32)) for _ in range(20)))

asyncio.run(main())
"""


async def test_a_process_that_read_ends_as_it_should(service: FakeS3) -> None:
    """Threads of obstore that were about to say something must not abort it."""
    variables = {**os.environ, **service.environment}

    async def ended() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, env=variables)
        return await process.wait()

    assert [await ended() for _ in range(12)] == [0] * 12


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_the_bucket_is_addressed_as_boto3_does(monkeypatch: pytest.MonkeyPatch, style: Any) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-aws")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    place, region = reads._place(connection.connected(style), "pictures")

    host = "s3.eu-central-1.amazonaws.com"
    assert place == (f"https://{host}/pictures" if style == "path" else f"https://pictures.{host}")
    assert region == "eu-central-1"


async def test_keys_that_boto3_renews_are_the_ones_that_are_sent(service: FakeS3) -> None:
    """A role's keys, with their token."""
    client = connection.connected("path")
    renewed = Renewed()
    made = reads.opened(replace(client, credentials=renewed), BUCKET, "")
    made.get(NAME.path)

    headers = service.asked[-1].headers
    assert "Credential=a-role/" in headers["authorization"]
    assert headers["x-amz-security-token"] == "a-token"

    renewed.access_key, renewed.token = "a-role-renewed", "another-token"

    def has_the_new_keys() -> bool:
        made.get(NAME.path)
        headers = service.asked[-1].headers
        keys = "Credential=a-role-renewed/" in headers["authorization"], headers["x-amz-security-token"]
        return keys == (True, "another-token")

    until(has_the_new_keys)


class Renewed:
    """A role's keys, as boto3 has them."""

    access_key, secret_key, token = "a-role", "a-secret", "a-token"

    def get_frozen_credentials(self) -> "Renewed":
        return self


UNFIT = [
    ("plain", "", {}, {}, ""),
    ("with a prefix", "some/pre-fix_1.2/", {}, {}, ""),
    ("a proxy", "", {}, {"http": "http://proxy:3128"}, "a proxy is set"),
    ("an odd prefix", "a//b/", {}, {}, "the prefix has signs"),
    ("a prefix in another script", "北京/", {}, {}, "the prefix has signs"),
    ("a folder of certificates", "", {"AWS_CA_BUNDLE": "/"}, {}, "AWS_CA_BUNDLE names a folder"),
]


@pytest.mark.parametrize(
    ("prefix", "variables", "proxies", "why"), [row[1:] for row in UNFIT], ids=[r[0] for r in UNFIT]
)
def test_what_obstore_cannot_do_is_left_to_boto3(
    prefix: str, variables: dict[str, str], proxies: dict[str, str], why: str
) -> None:
    found = unfit(prefix, variables, proxies)

    assert found.startswith(why)
    assert bool(found) == bool(why)


async def test_without_tls_nobody_looks_for_certificates(service: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/no/such/file")
    store = opened()
    service.asked.clear()

    assert await store.get(NAME) == RECORD
    assert by(service.asked) == [OBSTORE]
    await store.close()


async def test_behind_a_proxy_boto3_reads(service: FakeS3) -> None:
    with reached(service.by_name):
        store = opened()
        service.asked.clear()
        assert await store.get(NAME) == RECORD
        assert by(service.asked) == [BOTO3]
        await store.close()
