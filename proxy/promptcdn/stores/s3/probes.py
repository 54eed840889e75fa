"""What a bucket lets its keys do, tried out on a probe object before anything relies on it: rights and conditions."""

from collections.abc import Callable
from dataclasses import dataclass, field

from promptcdn.problems import StoreUnavailable
from promptcdn.stores.s3 import advice, answers
from promptcdn.stores.s3.advice import Right
from promptcdn.stores.s3.answers import ABSENT, Unusable
from promptcdn.stores.s3.objects import PROBES, Objects, WriteOnce, probe_key


@dataclass
class Probe:
    """Tries each right once. No message has one of the `secrets`.

    A right is missing where the service says so. Every other error is raised as it comes.
    """

    objects: Objects
    secrets: tuple[str, ...] = ()
    _missing: dict[Right, str] = field(default_factory=dict, init=False)

    def require_reading(self) -> None:
        """Raises `Unusable` where the keys may not list, read or delete, once writing was tried too: the message names
        all that is missing.

        A delete of what is not there tells of the right as well as another, and leaves nothing behind where it is
        forbidden.
        """
        self._try(Right.LIST, self._list)
        self._try(Right.DELETE, lambda: self.objects.delete(probe_key()))
        # Without the right to list, what is absent looks like what is forbidden.
        if not self._missing.get(Right.LIST):
            self._try(Right.READ, self._read_nothing)
        if self._missing:
            self._try_to_write()
        self._require_all()

    def way(self) -> WriteOnce:
        """What keeps objects from being overwritten. Raises `Unusable` where the keys may not write."""
        from botocore.exceptions import ClientError

        for way in (WriteOnce.CONDITION, WriteOnce.GENERATION):
            try:
                if self._is_kept_by(way):
                    return way
            except ClientError as error:
                # How services refuse a condition that they do not have. Some refuse every write so: the next way tells.
                if not answers.code(error) or answers.status(error) not in (400, 501):
                    self._denied(Right.WRITE, error)
                    self._require_all()
        self._try(Right.WRITE, self._write)
        self._require_all()
        return WriteOnce.LOOK_FIRST

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

    def _try_to_write(self) -> None:
        """Tries once, where another right is missing already. Any other fault is found when all rights are given.

        Where nothing may be deleted it is one object, always the same one.
        """
        from botocore.exceptions import ClientError

        key = f"{PROBES}write" if Right.DELETE in self._missing else probe_key()
        try:
            self.objects.put(key, b"1", WriteOnce.CONDITION)
        except ClientError as error:
            if answers.code(error) in advice.DENIED:
                self._denied(Right.WRITE, error)
        finally:
            self._clear(key)

    def _write(self) -> None:
        """In no special way, and without a look before: that would need other rights."""
        key = probe_key()
        try:
            self.objects.overwrite(key, b"1")
        finally:
            self._clear(key)

    def _is_kept_by(self, way: WriteOnce) -> bool:
        key = probe_key()
        try:
            return self.objects.put(key, b"1", way) and not self.objects.put(key, b"2", way)
        finally:
            self._clear(key)

    def _clear(self, key: str) -> None:
        """Takes the probe away, where it may."""
        if Right.DELETE not in self._missing:
            self._try(Right.DELETE, lambda: self.objects.delete(key))

    def _try(self, right: Right, call: Callable[[], None]) -> None:
        from botocore.exceptions import ClientError

        try:
            call()
        except ClientError as error:
            self._denied(right, error)

    def _denied(self, right: Right, error: Exception) -> None:
        """Remembers that the right is missing. Raises the error where it says something else."""
        from botocore.exceptions import ClientError

        assert isinstance(error, ClientError)
        code = answers.code(error)
        if code not in advice.DENIED:
            raise error
        self._missing[right] = advice.answer(code, advice.one_line(answers.text(error), self.secrets))

    def _require_all(self) -> None:
        if self._missing:
            rights = [right for right in Right if right in self._missing]
            fault = advice.missing(rights, self._missing[rights[0]])
            raise Unusable(fault.meaning, fault.advice)
