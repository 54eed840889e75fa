"""Where the id of the store is remembered: the operator's setting, a file in the data folder, the shared Redis. And
how an operator says that another store is the right one from now on."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from promptcdn.problems import StoreUnavailable
from promptcdn.replicas.connection import RedisConnection, RedisDown
from promptcdn.stores import IdentifiableStore, StoreMissing, permissions
from promptcdn.stores.identity import RememberedIds, described

_REDIS_KEY = "promptcdn:store"
# Both give what Redis has afterwards.
_SET = "redis.call('SET', KEYS[1], ARGV[1]) return ARGV[1]"
_SET_NEW = "redis.call('SET', KEYS[1], ARGV[1], 'NX') return redis.call('GET', KEYS[1])"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Remembering:
    """What came of remembering an id: what Redis has from now on, empty where that is not known; and where the id
    could not be written, empty where it was written everywhere."""

    shared: str
    failed: str


class StoreIds:
    """The three places that remember the id. A place that does not answer is named, and is no error."""

    def __init__(self, setting: str, data_dir: Path, connection: RedisConnection | None) -> None:
        """`setting` is empty where the operator says nothing."""
        self._setting = setting
        self._file = data_dir / "store-id"
        self._connection = connection
        # A data folder that hangs must hold up neither the loop nor its default threads.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-id")

    @property
    def shared(self) -> bool:
        """Whether there is a Redis to remember it."""
        return self._connection is not None

    @property
    def remembered_here(self) -> bool:
        """Whether this machine remembers an id, without a word from Redis. Blocking."""
        return bool(self._setting) or self._file.exists()

    async def read(self) -> RememberedIds:
        """What each of them says."""
        own, unread = "", ""
        try:
            own = await self._in_thread(self._read)
        except (OSError, UnicodeError):
            unread = "the data folder does not answer"
        shared = ""
        if self._connection is not None:
            try:
                shared = str(await self._connection.call(lambda redis: redis.get(_REDIS_KEY)) or "")
            except RedisDown:
                unread = "Redis does not answer"
        return RememberedIds(self._setting, shared, own, unread)

    async def remember(self, store_id: str, ids: RememberedIds, *, replace: bool) -> Remembering:
        """Writes the id to Redis and to the data folder, where by `ids` they do not have it yet.

        Another id in Redis is replaced only with `replace`, by which the operator chose this store; otherwise nothing
        is written to the data folder either.
        """
        failed, shared = [], ids.shared
        if self._connection is not None and shared != store_id:
            try:
                shared = await self._connection.script(_SET if replace else _SET_NEW, [_REDIS_KEY], store_id)
            except RedisDown as down:
                shared = ""
                failed.append(str(down))
        if ids.own != store_id and shared in ("", store_id):
            try:
                await self._in_thread(lambda: self._write(store_id))
            except OSError as error:
                failed.append(f"the data folder ({error.strerror})")
        return Remembering(shared, ", ".join(failed))

    def close(self) -> None:
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _read(self) -> str:
        try:
            return self._file.read_text("ascii").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def _write(self, store_id: str) -> None:
        """A whole file or the one before; nobody else's to read."""
        permissions.make_folder(self._file.parent)
        descriptor, temporary = tempfile.mkstemp(dir=self._file.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{store_id}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


class NotAdopted(Exception):
    """The store is not the right one, or not surely. Nothing was written; the message says what to do."""


@dataclass(frozen=True)
class Adopted:
    """The id of the store, which is the right one from now on; the id that was remembered until now, where there was
    one; and whether the store has no pictures."""

    id: str
    before: str
    empty: bool


async def adopt(store: IdentifiableStore, ids: StoreIds, *, new: bool) -> Adopted:
    """Remembers `store` as the right one. One that has no pictures is adopted only where the operator says that it is
    `new`. Raises `NotAdopted` and `StoreUnavailable`."""
    try:
        found, missing = await asyncio.to_thread(store.identity), ""
    except StoreMissing as gone:
        found, missing = None, gone.cause
    remembered = await ids.read()
    if remembered.unread:
        raise NotAdopted(f"{remembered.unread}, so that the id could not be remembered everywhere; try again later")
    has = described(found, missing)
    if remembered.setting and remembered.setting != found:
        raise NotAdopted(f'PROMPTCDN_STORE_ID="{remembered.setting}" names another store: {has}. {_instead(found)}')
    empty = bool(missing) or await asyncio.to_thread(lambda: next(store.listed("masters"), None) is None)
    if remembered.id != found and empty and not new:
        raise NotAdopted(
            f"{has}, and it has 0 pictures: is its disk mounted? If it is to begin empty, add --new:"
            " all pictures are made and paid for again"
        )
    if found is None:
        found = await asyncio.to_thread(store.identify)
    written = await ids.remember(found, RememberedIds(), replace=True)
    if written.failed:
        raise StoreUnavailable(f"its id {found} could not be remembered: {written.failed}")
    return Adopted(found, remembered.id, empty)


def _instead(found: str | None) -> str:
    if found is None:
        return "Is its disk mounted? If it is to begin anew, take PROMPTCDN_STORE_ID out of the settings"
    return f"If this one is right, set it to {found}, or take it out of the settings"
