"""Objects in an S3 bucket, which any number of processes on any number of machines may share."""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from promptcdn.checks import Check
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Corrupt, Folder, Header, Name, Record, corrupt_check, decoded, encoded, identity
from promptcdn.stores.s3 import answers
from promptcdn.stores.s3.answers import BucketUnavailable, Content, Unusable
from promptcdn.stores.s3.buckets import Bucket
from promptcdn.stores.s3.connection import CONNECTIONS
from promptcdn.stores.s3.objects import WriteOnce
from promptcdn.stores.s3.reads import Undecided

log = logging.getLogger(__name__)

_TRIES = 3
# Leaves of so many letters lie below a prefix that is known.
_SHARDED = 4
# Of a header that holds two of the longest prompts.
_HEADER_MOST = 64 * 1024
# Of nearly every header. The rest of a longer one is read by boto3.
_HEADER_USUAL = 8 * 1024
# To check 256 kB takes a quarter of a millisecond, and to hand them to a thread not much less.
_CHECKED_AT_ONCE = 256 * 1024
# After it another process that looked before this one wrote has written too.
_OTHERS_SECONDS = 1.0

_T = TypeVar("_T")


class S3Store:
    """A bucket as a store. It connects when its bucket is opened, or at the first use after that."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.corrupt = 0
        # Not the loop's default threads: a slow bucket must not hold up name look-ups, which run there.
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="s3")

    async def get(self, name: Name) -> Record | None:
        if (reads := self._bucket.reads) is not None:
            # What is undecided, or no object, boto3 reads anew.
            with contextlib.suppress(Undecided, Corrupt):
                return await self._decoded(await reads.get(name.path))
        return await self._run(lambda: self._read(name))

    async def look(self, name: Name) -> Header | None:
        if (reads := self._bucket.reads) is not None:
            with contextlib.suppress(Undecided, Corrupt):
                return _header(await reads.get(name.path, _HEADER_USUAL))
        return await self._run(lambda: self._look(name))

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        return await self._run(lambda: tuple(name for name, _ in self.listed(folder, leaf)))

    async def put(self, name: Name, record: Record) -> Record:
        return await self._run(lambda: self._write(name, record))

    def identity(self) -> str | None:
        found = self._bucket.read(identity.PATH)
        try:
            return None if found is None else identity.read(found.data)
        except Corrupt:
            raise StoreUnavailable(identity.GARBLED) from None

    def identify(self) -> str:
        self._bucket.write_new(identity.PATH, identity.written(identity.new(), int(time.time())))
        if self._bucket.open() is WriteOnce.LOOK_FIRST:
            time.sleep(_OTHERS_SECONDS)
        if (winner := self.identity()) is None:
            raise StoreUnavailable("the bucket does not have what it said it had stored")
        return winner

    def expect(self, store_id: str) -> bool:
        del store_id
        return False  # each look is a way to the bucket and back, which its user can share among calls

    async def require_writable(self) -> None:
        await self._run(self._bucket.require_writable)

    async def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._bucket.close()

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        shards = f"{leaf[:2]}/{leaf[2:4]}/{leaf}" if len(leaf) >= _SHARDED else ""
        for key, size in self._bucket.listed(f"{folder}/{shards}" if folder else ""):
            if (name := Name.parse(key)) is not None and name.leaf.startswith(leaf):
                yield name, size

    async def delete(self, name: Name) -> None:
        await self._run(lambda: self._bucket.delete(name.path))

    async def checks(self) -> tuple[Check, ...]:
        try:
            way = await self._run(self._bucket.open)
            aside = await self._run(lambda: [size for _, size in self._bucket.listed("corrupt/")])
        except Unusable as unusable:
            return (Check("store", False, f"{self._bucket}: {unusable.detail}", unusable.advice),)
        except BucketUnavailable as away:
            return (Check("store", False, f"{self._bucket}: {away.reason}", away.advice),)
        except StoreUnavailable as unknown:
            return (Check("store", False, f"{self._bucket}: {unknown}", answers.NOT_S3),)
        advice = (
            "use a service with conditional writes where several processes write" if way is WriteOnce.LOOK_FIRST else ""
        )
        found = Check("store", not advice, f"{self._bucket}, kept from overwriting by {way.value}", advice)
        return (found, corrupt_check(f"{self._bucket}corrupt/", aside))

    async def _decoded(self, data: memoryview | None) -> Record | None:
        """The object in what was read: a large one is checked beside the event loop. Raises `Corrupt`."""
        if data is None:
            return None
        return decoded(data) if len(data) <= _CHECKED_AT_ONCE else await self._run(lambda: decoded(data))

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _read(self, name: Name) -> Record | None:
        """Twice, where it is corrupt: one flipped bit on the way takes no picture away."""
        first = self._bucket.read(name.path)
        try:
            return _record(first)
        except Corrupt:
            second = self._bucket.read(name.path)
        try:
            return _record(second)
        except Corrupt:
            if first != second or first is None or not first.etag:
                raise StoreUnavailable("the bucket gave something that is no object, and then something else") from None
            return self._set_aside(name, first.etag)

    def _set_aside(self, name: Name, etag: str) -> Record | None:
        """Frees the name of the corrupt object with that ETag. What is stored there, if it was made anew meanwhile."""
        # A page that is sent for every name is no object either: then this raises.
        self.identity()
        if self._bucket.move(name.path, _aside(name, etag), etag):
            log.error("corrupt object set aside: %s", name.path)
            self.corrupt += 1
        try:
            return _record(self._bucket.read(name.path))
        except Corrupt:
            raise StoreUnavailable("the bucket still has an object that is corrupt") from None

    def _look(self, name: Name) -> Header | None:
        beginning = self._bucket.read(name.path, _HEADER_MOST)
        try:
            return None if beginning is None else _header(beginning.data)
        except Corrupt:
            record = self._read(name)  # sets it aside
            return None if record is None else record.header

    def _write(self, name: Name, record: Record) -> Record:
        for _ in range(_TRIES):
            if self._bucket.write_new(name.path, encoded(record)):
                return record
            # What is stored is what counts; if it was corrupt it has been set aside, and the name is free again.
            if (found := self._read(name)) is not None:
                return found
        raise StoreUnavailable("the bucket has something in the way that is no object")


def _aside(name: Name, etag: str) -> str:
    """The key of a corrupt object's copy: the same one at each try, so that copies do not pile up where nothing may be
    deleted."""
    return f"corrupt/{name.leaf}.{re.sub('[^0-9A-Za-z-]', '', etag)}"


def _header(beginning: bytes | memoryview | None) -> Header | None:
    """The header in the beginning of an object. Raises `Corrupt`, also where the beginning is not the whole header."""
    return None if beginning is None else Header.parse(bytes(beginning).partition(b"\n")[0])


def _record(found: Content | None) -> Record | None:
    """The object in what was read. Raises `Corrupt`."""
    return None if found is None else decoded(found.data)
