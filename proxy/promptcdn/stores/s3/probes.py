"""What a bucket lets its keys do, tried out on probe objects before anything relies on it: rights and conditions.

A bucket may take objects and keep them: by a retention rule, a lock, or a policy for what exists. So the first object
always has the same key, and it is deleted before anything is written under a key of its own: where that is refused, one
object is left, however often it is tried.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptcdn.problems import StoreUnavailable
from promptcdn.stores.s3 import advice, answers
from promptcdn.stores.s3.advice import Right
from promptcdn.stores.s3.answers import ABSENT, Unusable
from promptcdn.stores.s3.objects import PROBES, Objects, WriteOnce, probe_key

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# The probe that every process writes and deletes.
_SHARED = f"{PROBES}write"


@dataclass
class Probe:
    """Tries each right once. No message has one of the `secrets`.

    A right is missing where the service says so. Every other error is raised as it comes.
    """

    objects: Objects
    secrets: tuple[str, ...] = ()
    _missing: dict[Right, str] = field(default_factory=dict, init=False)

    def require_reading(self) -> None:
        """Raises `Unusable` where the keys may not list or read. The message names all that is missing: writing and
        deleting are tried too in that case."""
        self._try(Right.LIST, self._list)
        # Without the right to list, what is absent looks like what is forbidden.
        if not self._missing:
            self._try(Right.READ, self._read_nothing)
        if self._missing:
            self._try_the_rest()
        self._require_all()

    def way(self) -> WriteOnce:
        """What keeps objects from being overwritten. Raises `Unusable` where the keys may not write or delete."""
        from botocore.exceptions import ClientError

        for way in (WriteOnce.CONDITION, WriteOnce.GENERATION):
            try:
                if self._is_kept_by(way):
                    return way
            except ClientError as error:
                if not _is_refusal(error):
                    raise
        self.require_writing(WriteOnce.LOOK_FIRST)
        return WriteOnce.LOOK_FIRST

    def require_writing(self, way: WriteOnce) -> None:
        """Writes an object in that way and deletes it. Raises `Unusable` where the keys may not."""
        self._try(Right.WRITE, lambda: self._write(way))
        if self._missing:
            self._try(Right.DELETE, lambda: self.objects.discard(_SHARED))
        self._require_all()

    def _list(self) -> None:
        from botocore.exceptions import ClientError

        try:
            next(self.objects.listed(PROBES, page_size=1), None)
        except ClientError as error:
            if answers.code(error) != ABSENT:
                raise
            fault = advice.BUCKET_IN_ENDPOINT
            answered = advice.answer(ABSENT, advice.one_line(answers.text(error), self.secrets))
            raise Unusable(f"{fault.meaning}: {answered}", fault.advice) from error

    def _read_nothing(self) -> None:
        if self.objects.get(probe_key()) is not None:
            raise StoreUnavailable("what answers for the bucket is not S3: it has an object that nobody wrote")

    def _try_the_rest(self) -> None:
        """Once, where another right is missing already: what else keeps the service from writing is told afterwards."""
        from botocore.exceptions import ClientError

        written = False
        for way in (WriteOnce.CONDITION, WriteOnce.LOOK_FIRST):
            self._missing.pop(Right.WRITE, None)
            try:
                self._occupy(way)
            except ClientError as error:
                if answers.code(error) in advice.DENIED:
                    self._denied(Right.WRITE, error)
            else:
                written = True
                break
        with contextlib.suppress(ClientError):
            if written and Right.READ in self._missing and self.objects.get(_SHARED, 1) is not None:
                self._missing[Right.LIST_ALL] = self._missing.pop(Right.READ)
        with contextlib.suppress(ClientError):
            self._try(Right.DELETE, lambda: self.objects.discard(_SHARED))

    def _is_kept_by(self, way: WriteOnce) -> bool:
        self._require_deletion(way)
        key = probe_key()
        try:
            return self.objects.put(key, b"1", way) and not self.objects.put(key, b"2", way)
        finally:
            self._clear(key)

    def _write(self, way: WriteOnce) -> None:
        self._require_deletion(way)
        key = probe_key()
        try:
            self.objects.put(key, b"1", way)
        finally:
            self._clear(key)

    def _require_deletion(self, way: WriteOnce) -> None:
        """Raises where what is written in that way cannot be deleted."""
        self._occupy(way)
        self._clear(_SHARED)

    def _occupy(self, way: WriteOnce) -> None:
        """Sees to it that the shared probe is there. One that could not be deleted is not written anew: a bucket with
        versions would keep each."""
        if Right.LIST in self._missing or next(self.objects.listed(_SHARED, page_size=1), None) is None:
            self.objects.occupy(_SHARED, way)

    def _clear(self, key: str) -> None:
        """Deletes a probe. Raises `Unusable` where that is refused, so that nobody takes it for a refused write."""
        from botocore.exceptions import ClientError

        try:
            self._try(Right.DELETE, lambda: self.objects.discard(key))
        except ClientError as error:
            raise answers.as_unavailable(error, self.secrets) from error
        self._require_all()

    def _try(self, right: Right, call: Callable[[], None]) -> None:
        from botocore.exceptions import ClientError

        try:
            call()
        except ClientError as error:
            self._denied(right, error)

    def _denied(self, right: Right, error: "ClientError") -> None:
        """Remembers that the right is missing. Raises the error where it says something else."""
        code = answers.code(error)
        if code not in advice.DENIED:
            raise error
        self._missing[right] = advice.answer(code, advice.one_line(answers.text(error), self.secrets))

    def _require_all(self) -> None:
        if self._missing:
            rights = [right for right in Right if right in self._missing]
            fault = advice.missing(rights, self._missing[rights[0]])
            raise Unusable(fault.meaning, fault.advice)


def _is_refusal(error: "ClientError") -> bool:
    """Whether the service may have refused the condition of a write, and not the write. Services have many codes for a
    condition that they do not have; where a service refuses every write so, a write without a condition tells."""
    code, status = answers.code(error), answers.status(error)
    return bool(code) and (status == 501 or advice.fault(code, status).lasting)
