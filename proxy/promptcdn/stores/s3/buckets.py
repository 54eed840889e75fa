"""A bucket of any service that speaks S3's protocol: bytes by key, and what keeps them from being overwritten.

Blocking. Some services have no conditional write, some refuse it and some ignore it without a word, so each way is
tried out on a probe object before it is relied on.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from promptcdn.problems import StoreUnavailable
from promptcdn.stores.s3 import advice, answers, connection, reads
from promptcdn.stores.s3.answers import Content, Unusable
from promptcdn.stores.s3.connection import AddressingStyle, Connection
from promptcdn.stores.s3.objects import Objects, WriteOnce
from promptcdn.stores.s3.probes import Probe
from promptcdn.stores.s3.reads import Reads

log = logging.getLogger("promptcdn")

_REOPEN_SECONDS = 1.0

_T = TypeVar("_T")


@dataclass
class _Failure:
    """What came of the last try. It is told again until then: a dead bucket costs not every request a wait."""

    error: Unusable | StoreUnavailable
    until: float


class Bucket:
    """`name`, and the prefix that all keys get. Nothing is connected before `open`."""

    def __init__(self, name: str, prefix: str, style: AddressingStyle = "auto") -> None:
        self._name = name
        self._prefix = f"{prefix}/" if prefix else ""
        self._style = style
        self._connection: Connection | None = None
        # Once it may be read and listed, whether or not it can be written.
        self._objects: Objects | None = None
        self._reads: Reads | None = None
        self._way: WriteOnce | None = None
        # Why it took nothing when it was last to take something.
        self._refused = False
        self._opening = threading.RLock()
        self._failures: dict[str, _Failure] = {}

    @classmethod
    def parse(cls, url: str, style: AddressingStyle = "auto") -> "Bucket":
        """`s3://bucket/prefix` as a bucket. Raises `ValueError`."""
        name, _, prefix = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not name:
            raise ValueError("say it like s3://bucket/prefix")
        return cls(name, prefix.strip("/"), style)

    def __str__(self) -> str:
        return f"s3://{self._name}/{self._prefix}"

    def open(self) -> WriteOnce:
        """Connects once, tries out every right, and gives what keeps the bucket's objects from being overwritten.

        Raises `Unusable` where the operator has to do something first, `StoreUnavailable` where nobody answers or
        nothing can be stored at the moment. That is remembered for a second.
        """
        if self._way is None:
            with self._opening:
                objects = self._reading()
                if self._way is None:
                    self._way = self._unless_it_failed("to write", lambda: self._probe(objects).way())
                    if self._way is WriteOnce.LOOK_FIRST:
                        log.warning("%s has no conditional write: %s", self, self._way.value)
        return self._way

    @property
    def reads(self) -> Reads | None:
        """Reads without threads, once the bucket is open; `None` where boto3 alone can read it."""
        return self._reads

    def require_writable(self) -> None:
        """Raises `StoreUnavailable` where nothing can be stored: a bucket that is full can be read all the same.

        Where it took the last object, nothing is tried.
        """
        with self._told():
            way, objects = self.open(), self._reading()
            if self._refused:
                with self._opening:
                    self._unless_it_failed("to write", lambda: self._probe(objects).require_writing(way))
                self._refused = False

    def read(self, key: str, most: int | None = None) -> Content | None:
        """The object, the first `most` of its bytes at least; `None` where the service says that there is none."""
        with self._told():
            return self._reading().get(key, most)

    def write_new(self, key: str, data: bytes) -> bool:
        """Whether `data` is now at `key`; false where something was first, perhaps an own try whose answer was lost."""
        with self._told():
            way, objects = self.open(), self._reading()
            try:
                stored = objects.put(key, data, way)
            except BaseException:
                self._refused = True
                raise
            # Where another was first, nothing was stored: that says nothing of the room for more.
            self._refused = self._refused and not stored
            return stored

    def move(self, key: str, to: str, etag: str) -> bool:
        """As `Objects.move`."""
        with self._told():
            return self._reading().move(key, to, etag)

    def delete(self, key: str) -> None:
        """As `Objects.delete`."""
        with self._told():
            self._reading().delete(key)

    def listed(self, below: str = "") -> Iterator[tuple[str, int]]:
        """As `Objects.listed`."""
        with self._told():
            yield from self._reading().listed(below)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.client.close()

    def _reading(self) -> Objects:
        """The objects, as soon as they may be read: whether something can be written is not asked."""
        if self._objects is None:
            with self._opening:
                if self._objects is None:
                    self._objects = self._unless_it_failed("to read", self._connected)
        return self._objects

    def _connected(self) -> Objects:
        """In path style first, and with the bucket's name in the host where the service says so."""
        from botocore.exceptions import ClientError

        style = connection.first_style(self._style)
        try:
            return self._tried(style)
        except ClientError as error:
            if self._style != "auto" or answers.code(error) not in advice.WANTS_VIRTUAL_HOSTED:
                raise
        log.info("%s: the service wants the bucket's name in the host: it is addressed so", self)
        self.close()
        self._connection = None
        return self._tried("virtual")

    def _tried(self, style: AddressingStyle) -> Objects:
        self._connection = self._connection or connection.connected(style)
        objects = Objects(self._connection.client, self._name, self._prefix)
        self._probe(objects).require_reading()
        self._reads = self._opened_reads(self._connection)
        return objects

    def _opened_reads(self, client: Connection) -> Reads | None:
        why = reads.unfit(self._prefix, os.environ, reads.proxies())
        if why:
            log.info("%s: boto3 alone reads, which takes more of the processor: %s", self, why)
            return None
        try:
            return reads.opened(client, self._name, self._prefix)
        except Exception as error:  # noqa: BLE001 - boto3 can read, whatever obstore does not understand
            log.warning("%s: boto3 alone reads: obstore cannot (%s)", self, type(error).__name__)
            return None

    def _probe(self, objects: Objects) -> Probe:
        return Probe(objects, self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        return connection.variables_secrets() if self._connection is None else self._connection.secrets

    def _unless_it_failed(self, what: str, work: Callable[[], _T]) -> _T:
        """What `work` gives. Raises `Unusable` and `StoreUnavailable`; the same again, for a second."""
        failure = self._failures.get(what)
        if failure is not None and time.monotonic() < failure.until:
            raise failure.error.again()
        try:
            with connection.explained(self._secrets):
                done = work()
        except (Unusable, StoreUnavailable) as error:
            self._failures[what] = _Failure(error, time.monotonic() + _REOPEN_SECONDS)
            raise
        self._failures.pop(what, None)
        return done

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Everything that goes wrong is `StoreUnavailable`, once the service runs."""
        try:
            with connection.explained(self._secrets):
                yield
        except Unusable as unusable:
            raise answers.BucketUnavailable(unusable.detail, unusable.advice) from unusable
