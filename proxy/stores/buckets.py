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
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any

from proxy.problems import StoreUnknown

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

CONNECTIONS = 16
_CONFLICTS = 5
_REOPEN_SECONDS = 1.0
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

        Raises `Unusable` where the bucket is not there or rights are missing, `StoreUnknown` where nobody answers:
        that is remembered for a second, so that a dead bucket does not cost every request a wait of its own.
        """
        with self._opening:
            if self._way is None:
                if time.monotonic() < self._closed_until:
                    raise StoreUnknown("the bucket did not answer a moment ago")
                try:
                    with _as_unknown():
                        self._client = self._client or self._connected()
                        self._require_rights(self._client)
                        self._way = self._probed(self._client)
                except StoreUnknown:
                    self._closed_until = time.monotonic() + _REOPEN_SECONDS
                    raise
            return self._way

    def read(self, key: str, most: int | None = None) -> bytes | None:
        """The bytes, the first `most` of them at least; `None` where the service says that there are none."""
        client, _ = self._opened()
        with _as_unknown():
            return self._object(client, key, most)

    def write_new(self, key: str, data: bytes) -> bool:
        """Whether `data` is now at `key`; false where something was first, perhaps an own try whose answer was lost."""
        client, way = self._opened()
        with _as_unknown():
            return self._put(client, key, data, way)

    def move(self, key: str, to: str) -> None:
        """Another key for an object."""
        client, _ = self._opened()
        with _as_unknown():
            source: Any = {"Bucket": self._name, "Key": self._prefix + key}
            client.copy_object(Bucket=self._name, Key=self._prefix + to, CopySource=source)
            client.delete_object(Bucket=self._name, Key=self._prefix + key)

    def delete(self, key: str) -> None:
        """Takes an object away, where there is one."""
        client, _ = self._opened()
        with _as_unknown():
            client.delete_object(Bucket=self._name, Key=self._prefix + key)

    def listed(self, below: str = "") -> Iterator[tuple[str, int]]:
        """All keys that begin with `below`, without the bucket's own prefix, each with its size in bytes."""
        client, _ = self._opened()
        with _as_unknown():
            pages = client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._name, Prefix=self._prefix + below):
                for entry in page.get("Contents", ()):
                    yield entry["Key"].removeprefix(self._prefix), entry["Size"]

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _opened(self) -> "tuple[S3Client, WriteOnce]":
        try:
            way = self.open()
        except Unusable as unusable:
            raise StoreUnknown(str(unusable)) from unusable
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
        return client

    def _with_googles_header(self, request: Any, **_: object) -> None:
        """boto3 has no argument for it, and it must be there before the request is signed."""
        if self._writing.way is WriteOnce.GENERATION:
            request.headers["x-goog-if-generation-match"] = "0"

    def _require_rights(self, client: "S3Client") -> None:
        """Reads what cannot be there. Raises `Unusable` where the answer is anything but that."""
        from botocore.exceptions import ClientError

        try:
            self._object(client, _probe_key())
        except ClientError as error:
            code, status = _code(error), _status(error)
            if code == "NoSuchBucket":
                raise Unusable(f"{self}: there is no such bucket") from error
            if status == 403:
                # Without the right to list, what is missing looks like what is forbidden.
                raise Unusable(f"{self}: {code}: the keys need {_RIGHTS}") from error
            if 300 <= status < 500:
                raise Unusable(f"{self}: the service answers {code}") from error
            raise

    def _probed(self, client: "S3Client") -> WriteOnce:
        from botocore.exceptions import ClientError

        for way in (WriteOnce.CONDITION, WriteOnce.GENERATION):
            key = _probe_key()
            try:
                if self._put(client, key, b"1", way) and not self._put(client, key, b"2", way):
                    return way
            except ClientError as error:
                if _status(error) == 403:
                    raise Unusable(f"{self}: {_code(error)}: the keys need {_RIGHTS}") from error
                # How services refuse a condition that they do not have; anything else is no answer to the question.
                if _status(error) not in (400, 501):
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
        raise StoreUnknown("the bucket has too many writers of one object")

    def _put_once(self, client: "S3Client", key: str, data: bytes, way: WriteOnce) -> int:
        """The status of one try: 200, or how the condition was answered."""
        from botocore.exceptions import ClientError

        if way is WriteOnce.LOOK_FIRST and self._object(client, key) is not None:
            return 412
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if way is WriteOnce.CONDITION else {}
        self._writing.way = way
        try:
            client.put_object(
                Bucket=self._name,
                Key=self._prefix + key,
                Body=data,
                ContentType="application/octet-stream",
                **condition,
            )
        except ClientError as error:
            if _status(error) in (304, 409, 412):
                return _status(error)
            raise
        return 200

    def _object(self, client: "S3Client", key: str, most: int | None = None) -> bytes | None:
        from botocore.exceptions import ClientError

        part: dict[str, Any] = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
        try:
            return client.get_object(Bucket=self._name, Key=self._prefix + key, **part)["Body"].read()
        except ClientError as error:
            if _code(error) in ("NoSuchKey", "404"):
                return None
            if _status(error) == 416:  # an empty object has no first byte (RFC 9110 section 14.1.2)
                return b""
            raise


def _probe_key() -> str:
    return f"probe/{secrets.token_hex(16)}"


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "an error"))


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextlib.contextmanager
def _as_unknown() -> Iterator[None]:
    """Whatever goes wrong between here and the bucket means that nothing is known of it."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except NoCredentialsError as error:
        raise Unusable("no keys for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role") from error
    except ClientError as error:
        raise StoreUnknown(f"the bucket answers {_code(error)}") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise StoreUnknown(f"the bucket does not answer ({type(error).__name__})") from error
