"""A bucket of any service that speaks S3's protocol: bytes by key, and what keeps them from being overwritten.

Blocking. Some services have no conditional write, some refuse it and some ignore it without a word, so each way is
tried out on a probe object before it is relied on.
"""

import contextlib
import logging
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any

from promptcdn.problems import StoreUnavailable
from promptcdn.stores import s3_answers
from promptcdn.stores.s3_answers import ABSENT, CONDITION_FAILED, Content

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

CONNECTIONS = 16
_CONFLICTS = 5
_REOPEN_SECONDS = 1.0
# Enough to see an object's header, which has its digest.
_LOOK = 64 * 1024
_RIGHTS = "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket"


class WriteOnce(Enum):
    """What keeps a bucket's objects from being overwritten."""

    CONDITION = "If-None-Match: *"
    GENERATION = "x-goog-if-generation-match: 0"
    LOOK_FIRST = "a look before each write; of two writers at once both may write"


class Unusable(Exception):
    """The bucket answers, and cannot be used as it is set up. The message is one line without secrets."""


class Bucket:
    """`name`, and the prefix that all keys get. Nothing is connected before `open`."""

    def __init__(self, name: str, prefix: str) -> None:
        self._name = name
        self._prefix = f"{prefix}/" if prefix else ""
        self._way: WriteOnce | None = None
        self._deletes_on_condition: bool | None = None
        self._client: S3Client | None = None
        self._opening = threading.Lock()
        self._closed_until = 0.0
        self._writing = threading.local()

    @classmethod
    def parse(cls, url: str) -> "Bucket":
        """`s3://bucket/prefix` as a bucket. Raises `ValueError`."""
        name, _, prefix = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not name:
            raise ValueError("say it like s3://bucket/prefix")
        return cls(name, prefix.strip("/"))

    def __str__(self) -> str:
        return f"s3://{self._name}/{self._prefix}"

    def open(self) -> WriteOnce:
        """Connects once, and gives what keeps the bucket's objects from being overwritten.

        Raises `Unusable` where the bucket is not there or rights are missing, `StoreUnavailable` where nobody answers:
        that is remembered for a second, so that a dead bucket does not cost every request a wait of its own.
        """
        with self._opening:
            if self._way is None:
                if time.monotonic() < self._closed_until:
                    raise StoreUnavailable("the bucket did not answer a moment ago")
                try:
                    with _as_unknown():
                        self._client = self._client or self._connected()
                        self._require_rights(self._client)
                        self._way = self._probed(self._client)
                except StoreUnavailable:
                    self._closed_until = time.monotonic() + _REOPEN_SECONDS
                    raise
            return self._way

    def read(self, key: str, most: int | None = None) -> Content | None:
        """The object, the first `most` of its bytes at least; `None` where the service says that there is none."""
        client, _ = self._opened()
        with _as_unknown():
            return self._object(client, key, most)

    def write_new(self, key: str, data: bytes) -> bool:
        """Whether `data` is now at `key`; false where something was first, perhaps an own try whose answer was lost."""
        client, way = self._opened()
        with _as_unknown():
            return self._put(client, key, data, way)

    def move(self, key: str, to: str, etag: str) -> bool:
        """Another key for the object with that ETag; false where it is not there any more.

        Where the service has no condition for a delete, somebody who writes the object anew in the milliseconds between
        a last look and the delete loses it.
        """
        client, _ = self._opened()
        with _as_unknown():
            source: Any = {"Bucket": self._name, "Key": self._prefix + key}
            answer = self._unless_changed(
                lambda: client.copy_object(
                    Bucket=self._name, Key=self._prefix + to, CopySource=source, CopySourceIfMatch=etag
                )
            )
            if answer is None:
                return False
            if not answer.get("CopyObjectResult", {}).get("ETag"):
                raise StoreUnavailable("what answers for the bucket is not S3: it copied nothing")
            return self._delete_same(client, key, etag)

    def delete(self, key: str) -> None:
        """Takes an object away, where there is one.

        Any page may answer 204, so where the answer has no id of S3, a look tells whether the object is gone. Where it
        has one, no look follows: what is there by then may be an object that somebody stored anew.
        """
        client, _ = self._opened()
        with _as_unknown():
            answer = self._unless_changed(lambda: client.delete_object(Bucket=self._name, Key=self._prefix + key))
            if not s3_answers.is_deletion(answer) and self._object(client, key, 1) is not None:
                raise StoreUnavailable("the bucket still has what it was told to delete")

    def listed(self, below: str = "") -> Iterator[tuple[str, int]]:
        """All keys that begin with `below`, without the bucket's own prefix, each with its size in bytes."""
        client, _ = self._opened()
        with _as_unknown():
            pages = client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._name, Prefix=self._prefix + below):
                s3_answers.require_list(page)
                for entry in page.get("Contents", ()):
                    yield entry["Key"].removeprefix(self._prefix), entry["Size"]

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _opened(self) -> "tuple[S3Client, WriteOnce]":
        try:
            way = self.open()
        except Unusable as unusable:
            raise StoreUnavailable(str(unusable)) from unusable
        assert self._client is not None
        return self._client, way

    def _connected(self) -> "S3Client":
        """A client with short waits, whose uploads every S3-compatible service understands.

        Endpoint, region, keys and certificates come from the `AWS_…` variables, which boto3 reads itself.
        """
        import boto3
        from botocore.config import Config

        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        config = Config(
            connect_timeout=1,
            read_timeout=5,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=CONNECTIONS,
            signature_version="s3v4",
            s3={"addressing_style": "path" if endpoint else "auto"},
            # The newer default sends trailing checksums over TLS, which breaks other services' signatures.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client: S3Client = boto3.client("s3", config=config)
        client.meta.events.register("before-sign.s3.PutObject", self._with_googles_header)
        client.meta.events.register("before-call.s3.HeadBucket", _never_redirected)
        return client

    def _with_googles_header(self, request: Any, **_: object) -> None:
        """boto3 has no argument for it, and it must be there before the request is signed."""
        # Set by this thread's conditional write. Other writes, like the probe of a delete, have no way.
        if getattr(self._writing, "way", None) is WriteOnce.GENERATION:
            request.headers["x-goog-if-generation-match"] = "0"

    def _require_rights(self, client: "S3Client") -> None:
        """Reads what cannot be there. Raises `Unusable` where S3 answers anything but that."""
        from botocore.exceptions import ClientError

        try:
            found = self._object(client, _probe_key())
        except ClientError as error:
            code, status = s3_answers.code(error), s3_answers.status(error)
            if code == "NoSuchBucket":
                raise Unusable(f"{self}: there is no such bucket") from error
            if code and status == 403:
                # Without the right to list, what is missing looks like what is forbidden.
                raise Unusable(f"{self}: {code}: the keys need {_RIGHTS}") from error
            if code and 300 <= status < 500:
                raise Unusable(f"{self}: the service answers {code}") from error
            raise
        if found is not None:
            raise StoreUnavailable("what answers for the bucket is not S3: it has an object that nobody wrote")

    def _probed(self, client: "S3Client") -> WriteOnce:
        from botocore.exceptions import ClientError

        for way in (WriteOnce.CONDITION, WriteOnce.GENERATION):
            key = _probe_key()
            try:
                if self._put(client, key, b"1", way) and not self._put(client, key, b"2", way):
                    return way
            except ClientError as error:
                code, status = s3_answers.code(error), s3_answers.status(error)
                if code and status == 403:
                    raise Unusable(f"{self}: {code}: the keys need {_RIGHTS}") from error
                # How services refuse a condition that they do not have; anything else is no answer to the question.
                if not code or status not in (400, 501):
                    raise
            finally:
                client.delete_object(Bucket=self._name, Key=self._prefix + key)
        log.warning("%s has no conditional write: %s", self, WriteOnce.LOOK_FIRST.value)
        return WriteOnce.LOOK_FIRST

    def _put(self, client: "S3Client", key: str, data: bytes, way: WriteOnce) -> bool:
        """Two conditional writes at once may end in 409, which asks for another try: botocore makes none."""
        for attempt in range(_CONFLICTS):
            status = self._put_once(client, key, data, way)
            if status != 409:
                # Older MinIO says 304 where others say 412.
                return status not in (304, 412)
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter, no secret
        raise StoreUnavailable("the bucket has too many writers of one object")

    def _put_once(self, client: "S3Client", key: str, data: bytes, way: WriteOnce) -> int:
        """The status of one try: 200, or how the condition was answered."""
        from botocore.exceptions import ClientError

        if way is WriteOnce.LOOK_FIRST and self._object(client, key, 1) is not None:
            return 412
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if way is WriteOnce.CONDITION else {}
        self._writing.way = way
        try:
            answer = client.put_object(
                Bucket=self._name,
                Key=self._prefix + key,
                Body=data,
                ContentType="application/octet-stream",
                **condition,
            )
        except ClientError as error:
            status = s3_answers.status(error)
            # 304 has no body that could say more.
            if status == 304 or (status in (409, 412) and s3_answers.code(error)):
                return status
            raise
        finally:
            self._writing.way = None
        if s3_answers.is_etag_of(data, answer) or self._is_stored(client, key, data):
            return 200
        if way is WriteOnce.LOOK_FIRST:  # another wrote at the same moment
            return 412
        raise StoreUnavailable("the bucket does not have what it said it had stored")

    def _is_stored(self, client: "S3Client", key: str, data: bytes) -> bool:
        """By a look at the object's beginning, which has the digest of the rest, and its length."""
        found = self._object(client, key, _LOOK)
        if found is None:
            raise StoreUnavailable("the bucket does not have what it said it had stored")
        return bool(found.data) and (found.length, found.data) == (len(data), data[: len(found.data)])

    def _delete_same(self, client: "S3Client", key: str, etag: str) -> bool:
        """Whether the object with that ETag was deleted; false where another is there by now, or none."""
        place: Any = {"Bucket": self._name, "Key": self._prefix + key}
        if self._has_conditional_delete(client):
            return self._unless_changed(lambda: client.delete_object(**place, IfMatch=etag)) is not None
        found = self._object(client, key, 1)
        if found is None or found.etag != etag:
            return False
        return self._unless_changed(lambda: client.delete_object(**place)) is not None

    def _has_conditional_delete(self, client: "S3Client") -> bool:
        """Whether `If-Match` keeps an object from being deleted, tried out once when it is needed."""
        from botocore.exceptions import ClientError

        if self._deletes_on_condition is None:
            key = _probe_key()
            place: Any = {"Bucket": self._name, "Key": self._prefix + key}
            client.put_object(**place, Body=b"1")
            try:
                client.delete_object(**place, IfMatch=f'"{"0" * 32}"')
                self._deletes_on_condition = False
            except ClientError as error:
                self._deletes_on_condition = s3_answers.code(error) == CONDITION_FAILED
            finally:
                client.delete_object(**place)
        return self._deletes_on_condition

    def _unless_changed(self, call: Callable[[], Any]) -> Any:
        """What the call gives; `None` where S3 says that the object is another one by now, or gone."""
        from botocore.exceptions import ClientError

        try:
            return call()
        except ClientError as error:
            if s3_answers.code(error) in (ABSENT, CONDITION_FAILED, "ConditionalRequestConflict"):
                return None
            raise

    def _object(self, client: "S3Client", key: str, most: int | None = None) -> Content | None:
        from botocore.exceptions import ClientError

        part: dict[str, Any] = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
        try:
            answer = client.get_object(Bucket=self._name, Key=self._prefix + key, **part)
            return s3_answers.content(answer, answer["Body"].read())
        except ClientError as error:
            if s3_answers.code(error) == ABSENT:
                return None
            if s3_answers.code(error) == "InvalidRange":  # an empty object has no first byte (RFC 9110 section 14.1.2)
                return Content(b"", "", 0)
            raise


def _never_redirected(params: Any, **_: object) -> None:
    """botocore asks `HeadBucket` where a redirect leads to, and where that is redirected too, it asks without end."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _probe_key() -> str:
    return f"probe/{secrets.token_hex(16)}"


@contextlib.contextmanager
def _as_unknown() -> Iterator[None]:
    """Whatever goes wrong between here and the bucket means that nothing is known of it."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except NoCredentialsError as error:
        raise Unusable("no keys for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role") from error
    except ClientError as error:
        raise StoreUnavailable(s3_answers.said(error)) from error
    except ResponseParserError:  # its text is the whole page
        raise StoreUnavailable("what answers for the bucket is not S3: its answer is no XML") from None
    except (BotoCoreError, HTTPError, OSError) as error:
        raise StoreUnavailable(f"the bucket does not answer ({type(error).__name__})") from error
