"""Answers that are not S3's: nothing is learnt of a bucket from them, and nothing is lost by them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Name, Record, encoded
from promptcdn.stores.s3 import S3Store, answers
from promptcdn.stores.s3.buckets import Bucket
from promptcdn.stores.s3.objects import WriteOnce
from tests.support.buckets import BUCKET, PAGES, Ingress, Page, Service, ingress, moto, reached

pytestmark = pytest.mark.anyio

NAME, MISSING = Name("masters", "ab" * 32), Name("masters", "cd" * 32)
PICTURE = Record(b"picture", "image/png", 1, {"prompt": "北京"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with moto(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def way(service: Service) -> Iterator[Ingress]:
    with ingress(service) as opened, reached(opened.environment):
        yield opened


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """A prefix of its own for each test."""
    return f"s3://{BUCKET}/{abs(hash(request.node.nodeid))}"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[S3Store]:
    """A store on the bucket, as a process has it; closed behind."""
    store = S3Store(Bucket.parse(url))
    try:
        yield store
    finally:
        await store.close()


async def unknown(work: Coroutine[Any, Any, object]) -> str:
    """That it is not known, in the store's words."""
    with pytest.raises(StoreUnavailable) as caught:
        await work
    return caught.value.detail


async def listed(store: S3Store) -> list[Name]:
    return [name for name, _ in store.listed("masters")]


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
async def test_what_answers_for_a_bucket_is_not_believed(way: Ingress, url: str, page: Page) -> None:
    """Nothing is absent, stored, deleted or listed by its word."""
    async with opened(url) as store:
        await store.put(NAME, PICTURE)
        await asyncio.to_thread(store.identify)
        way.page = page
        for question in (store.get, store.look, store.delete):
            await unknown(question(NAME))
            await unknown(question(MISSING))
        await unknown(store.put(MISSING, PICTURE))
        await unknown(store.names("masters", NAME.leaf))
        await unknown(listed(store))
        await unknown(asyncio.to_thread(store.identity))
        way.page = None
        assert await store.get(NAME) == PICTURE
        assert await store.get(MISSING) is None
        assert await listed(store) == [NAME]
        assert store.corrupt == 0


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
@pytest.mark.parametrize("one_in", [2, 3])
async def test_where_one_answer_in_a_few_is_a_page_all_stays_stored(
    way: Ingress, url: str, page: Page, one_in: int
) -> None:
    """A picture stays, and what is said to be stored is stored."""
    async with opened(url) as store:
        await store.put(NAME, PICTURE)
        way.meant = lambda *_: len(way.asked) % one_in == 0
        way.page, answered = page, 0
        for number in range(12):
            new = Name("masters", f"{number:02x}" * 32)
            questions: list[tuple[Coroutine[Any, Any, object], object]] = [
                (store.get(NAME), PICTURE),
                (store.get(MISSING), None),
                (store.put(new, PICTURE), PICTURE),
                (store.look(NAME), PICTURE.header),
            ]
            for question, answer in questions:
                with contextlib.suppress(StoreUnavailable):
                    assert await question == answer
                    answered += 1
        way.page = None
        assert answered > 0
        assert way.paged
        assert await store.get(NAME) == PICTURE
        assert await store.get(MISSING) is None
        assert store.corrupt == 0


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_a_bucket_behind_a_page_is_opened_when_the_page_is_gone(way: Ingress, url: str, page: Page) -> None:
    bucket = Bucket.parse(url)
    way.page = page
    with pytest.raises(StoreUnavailable):
        bucket.open()
    way.page = None
    bucket._failures.clear()

    assert bucket.open() is WriteOnce.CONDITION


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_a_page_among_the_probes_teaches_nothing_false(way: Ingress, url: str, page: Page) -> None:
    for number in range(1, 11):
        bucket = Bucket.parse(url)
        del way.asked[:]
        way.page, way.meant = page, lambda *_, number=number: len(way.asked) == number
        try:
            assert bucket.open() is WriteOnce.CONDITION
        except StoreUnavailable:
            bucket._failures.clear()
            assert bucket.open() is WriteOnce.CONDITION


def flipped(body: bytes, place: int = -1) -> bytes:
    changed = bytearray(body)
    changed[place] ^= 1
    return bytes(changed)


async def test_one_flipped_bit_in_one_answer_takes_nothing_away(way: Ingress, url: str) -> None:
    flips: list[int] = []

    def once(path: str, body: bytes) -> bytes:
        if NAME.leaf not in path or flips:
            return body
        flips.append(1)
        return flipped(body)

    async with opened(url) as store:
        await store.put(NAME, PICTURE)
        way.changed = once
        assert await store.get(NAME) == PICTURE
        flips.clear()
        assert await store.look(NAME) == PICTURE.header
        assert await store.get(NAME) == PICTURE
        assert store.corrupt == 0
        assert not any("corrupt" in path for _, path in way.asked)


async def test_two_reads_that_are_corrupt_in_two_ways_are_unknown(way: Ingress, url: str) -> None:
    async with opened(url) as store:
        await store.put(NAME, PICTURE)
        way.changed = lambda _, body: flipped(body, -1 - len(way.asked) % 5)
        await unknown(store.get(NAME))
        way.changed = lambda _, body: body
        assert await store.get(NAME) == PICTURE
        assert store.corrupt == 0


async def test_what_is_corrupt_twice_and_equally_is_set_aside_once(way: Ingress, url: str) -> None:
    async with opened(url) as store:
        Bucket.parse(url).write_new(NAME.path, b"not what was written")
        assert await store.get(NAME) is None
        assert store.corrupt == 1
        deletes = [path for method, path in way.asked if method == "DELETE" and NAME.leaf in path]
        assert len(deletes) == 1


@pytest.mark.parametrize("conditional", [True, False], ids=["conditional delete", "a look before the delete"])
@pytest.mark.parametrize("moment", ["PUT", "DELETE"], ids=["before the copy", "before the delete"])
async def test_what_was_made_anew_while_it_was_set_aside_stays(
    way: Ingress, url: str, *, conditional: bool, moment: str
) -> None:
    """A reads a corrupt object, another process sets it aside, and it is made anew: A must not take the new one away.

    Without a conditional delete it may come up to the last look.
    """
    async with opened(url) as store:
        bucket = Bucket.parse(url)
        bucket.write_new(NAME.path, b"not what was written")
        bucket.open()
        store._bucket.open()
        assert store._bucket._objects is not None
        store._bucket._objects._deletes_on_condition = None if conditional else False
        done: list[str] = []

        def anew(method: str, path: str) -> None:
            aside = method == "PUT" and "/corrupt/" in path
            last = method == ("DELETE" if conditional else "GET") and NAME.leaf in path and "/corrupt/" not in path
            copied = any("/corrupt/" in seen for _, seen in way.asked)
            if not done and (aside if moment == "PUT" else last and copied):
                done.append(path)
                bucket.delete(NAME.path)
                assert bucket.write_new(NAME.path, whole)

        whole = encoded(PICTURE)
        way.before = anew
        assert await store.get(NAME) == PICTURE
        assert done
        assert await store.get(NAME) == PICTURE


async def test_the_md5_of_an_object_is_computed_once(way: Ingress, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the header field of the write, and to see by the answer's ETag that it is stored."""
    hashed: list[bytes] = []
    md5 = answers.md5

    def noting(data: bytes) -> Any:
        hashed.append(data)
        return md5(data)

    async with opened(url) as store:
        store._bucket.open()
        monkeypatch.setattr(answers, "md5", noting)
        del way.asked[:]
        await store.put(NAME, PICTURE)
    assert hashed == [encoded(PICTURE)]
    assert [method for method, _ in way.asked] == ["PUT"]


async def test_an_object_stored_right_behind_a_delete_is_no_failure(way: Ingress, url: str) -> None:
    """As where a reader encodes a rendition while it is purged."""
    async with opened(url) as store:
        bucket, done = Bucket.parse(url), list[str]()

        def anew(method: str, path: str) -> None:
            """Before whatever follows the delete, which moto has answered by then."""
            if not done and method == "GET" and NAME.leaf in path and "DELETE" in [seen for seen, _ in way.asked]:
                done.append(path)
                assert bucket.write_new(NAME.path, encoded(PICTURE))

        bucket.open()
        await store.put(NAME, PICTURE)
        del way.asked[:]
        way.before = anew
        await store.delete(NAME)
        await store.get(NAME)
        assert done


DELETIONS = [
    ({"HTTPStatusCode": 204, "RequestId": "4442587FB7D0A2F9", "HTTPHeaders": {}}, True),
    ({"HTTPStatusCode": 204, "HTTPHeaders": {"x-guploader-uploadid": "ABg5-Ux"}}, True),
    ({"HTTPStatusCode": 204, "HTTPHeaders": {}}, False),
    ({"HTTPStatusCode": 200, "RequestId": "4442587FB7D0A2F9", "HTTPHeaders": {}}, False),
    ({}, False),
]


@pytest.mark.parametrize(("metadata", "expected"), DELETIONS)
def test_a_deletion_is_a_204_that_names_the_request(metadata: dict[str, Any], *, expected: bool) -> None:
    assert answers.is_deletion({"ResponseMetadata": metadata}) is expected
    assert not answers.is_deletion(None)


async def test_a_write_whose_etag_is_no_digest_is_looked_at(way: Ingress, url: str) -> None:
    """As with keys of KMS, where an ETag says nothing of the bytes."""
    async with opened(url) as store:
        await store.put(MISSING, PICTURE)
        del way.asked[:]
        way.meant = lambda method, path: method == "PUT" and NAME.leaf in path
        way.page = Page(200, b"", (("etag", '"d41d8cd98f00b204e9800998ecf8427e"'),))
        assert "does not have what it said" in await unknown(store.put(NAME, PICTURE))
        assert [method for method, path in way.asked if NAME.leaf in path] == ["PUT", "GET"]
        way.page = None
        assert await store.put(NAME, PICTURE) == PICTURE
