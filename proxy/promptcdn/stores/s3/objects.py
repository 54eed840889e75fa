"""The objects of one bucket, call by call: what S3 has for reading, writing, listing and deleting them.

Blocking. A call raises botocore's own errors, and `StoreUnavailable` where an answer is not to be believed.
"""

import contextlib
import hashlib
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from promptcdn.problems import StoreUnavailable
from promptcdn.stores.s3 import answers, connection
from promptcdn.stores.s3.answers import ABSENT, CONDITION_FAILED, Content

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONFLICTS = 5
# Enough to see an object's header, which has its digest.
_LOOK = 64 * 1024


class WriteOnce(Enum):
    """What keeps a bucket's objects from being overwritten."""

    CONDITION = "If-None-Match: *"
    GENERATION = "x-goog-if-generation-match: 0"
    LOOK_FIRST = "a look before each write; of two writers at once both may write"


class Objects:
    """The objects below a prefix, over a client."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._deletes_on_condition: bool | None = None
        # Of each probe in a bucket with versions: the ids of those that were written.
        self._versions: dict[str, list[str]] = {}

    def get(self, key: str, most: int | None = None) -> Content | None:
        """The object, the first `most` of its bytes at least; `None` where the service says that there is none."""
        from botocore.exceptions import ClientError

        part: dict[str, Any] = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
        try:
            answer = self._client.get_object(**self._place(key), **part)
            return answers.content(answer, answer["Body"].read())
        except ClientError as error:
            if answers.code(error) == ABSENT:
                return None
            if answers.code(error) == "InvalidRange":  # an empty object has no first byte (RFC 9110 section 14.1.2)
                return Content(b"", "", 0)
            raise

    def put(self, key: str, data: bytes, way: WriteOnce) -> bool:
        """Whether `data` is now at `key`; false where something was first.

        Two conditional writes at once may end in 409, which asks for another try: botocore makes none.
        """
        for attempt in range(_CONFLICTS):
            status = self._put_once(key, data, way)
            if status != 409:
                # Older MinIO says 304 where others say 412.
                return status not in (304, 412)
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - jitter, no secret
        raise StoreUnavailable("the bucket has too many writers of one object")

    def _put_once(self, key: str, data: bytes, way: WriteOnce) -> int:
        """The status of one try: 200, or how the condition was answered."""
        from botocore.exceptions import ClientError

        if way is WriteOnce.LOOK_FIRST and self.get(key, 1) is not None:
            return 412
        digest = answers.md5(data)
        try:
            answer = self._sent(key, data, way, digest)
        except ClientError as error:
            if answers.is_unmet(error):
                return answers.status(error)
            raise
        if answers.is_etag_of(digest, answer) or self._is_stored(key, data):
            return 200
        if way is WriteOnce.LOOK_FIRST:  # another wrote at the same moment
            return 412
        raise StoreUnavailable("the bucket does not have what it said it had stored")

    def occupy(self, key: str, way: WriteOnce) -> None:
        """Writes a probe, if the key has none. Another process may delete the probe at once, so no look follows."""
        from botocore.exceptions import ClientError

        try:
            self._sent(key, b"1", way)
        except ClientError as error:
            if not answers.is_unmet(error):
                raise

    def discard(self, key: str) -> None:
        """Deletes a probe; in a bucket with versions also what a delete leaves there, as far as the keys may."""
        from botocore.exceptions import ClientError

        marker = self._deleted(key)
        with contextlib.suppress(ClientError):
            for version in filter(None, (*self._versions.pop(key, ()), marker)):
                self._client.delete_object(**self._place(key), VersionId=version)

    def _sent(self, key: str, data: bytes, way: WriteOnce, digest: "hashlib._Hash | None" = None) -> Any:
        """The answer to a write of `data`, whose MD5 is `digest` where the caller has it."""
        answer = self._client.put_object(
            **self._place(key),
            Body=data,
            ContentType="application/octet-stream",
            ContentMD5=answers.content_md5(digest or answers.md5(data)),
            **_CONDITIONS[way],
        )
        if key.startswith(PROBES) and (version := answer.get("VersionId")):
            self._versions.setdefault(key, []).append(version)
        return answer

    def _is_stored(self, key: str, data: bytes) -> bool:
        """By a look at the object's beginning, which has the digest of the rest, and its length."""
        found = self.get(key, _LOOK)
        if found is None:
            raise StoreUnavailable("the bucket does not have what it said it had stored")
        return bool(found.data) and (found.length, found.data) == (len(data), data[: len(found.data)])

    def move(self, key: str, to: str, etag: str) -> bool:
        """Another key for the object with that ETag; false where it is not there any more.

        Whether a delete has a condition is tried before: where nothing may be deleted, each try would leave a copy.

        Where the service has no condition for a delete, somebody who writes the object anew in the milliseconds between
        a last look and the delete loses it.
        """
        source: Any = self._place(key)
        conditional = self._has_conditional_delete()
        answer = _unless_changed(
            lambda: self._client.copy_object(**self._place(to), CopySource=source, CopySourceIfMatch=etag)
        )
        if answer is None:
            return False
        if not answer.get("CopyObjectResult", {}).get("ETag"):
            raise StoreUnavailable("what answers for the bucket is not S3: it copied nothing")
        return self._delete_same(key, etag, conditional=conditional)

    def delete(self, key: str) -> None:
        """Takes an object away, where there is one.

        Any page may answer 204, so where the answer has no id of S3, a look tells whether the object is gone. Where it
        has one, no look follows: what is there by then may be an object that somebody stored anew.
        """
        self._deleted(key)

    def _deleted(self, key: str) -> str:
        """Deletes as `delete` does. The version of the delete marker that this made; empty where it made none."""
        answer = _unless_changed(lambda: self._client.delete_object(**self._place(key)))
        if not answers.is_deletion(answer) and self.get(key, 1) is not None:
            raise StoreUnavailable("the bucket still has what it was told to delete")
        return str(answer.get("VersionId", "")) if answer and answer.get("DeleteMarker") else ""

    def listed(self, below: str, page_size: int | None = None) -> Iterator[tuple[str, int]]:
        """All keys that begin with `below`, without the prefix, each with its size in bytes."""
        pages = self._client.get_paginator("list_objects_v2")
        config: Any = {} if page_size is None else {"PageSize": page_size}
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + below, PaginationConfig=config):
            answers.require_list(page)
            for entry in page.get("Contents", ()):
                yield entry["Key"].removeprefix(self._prefix), entry["Size"]

    def _delete_same(self, key: str, etag: str, *, conditional: bool) -> bool:
        """Whether the object with that ETag was deleted; false where another is there by now, or none."""
        place = self._place(key)
        if conditional:
            return _unless_changed(lambda: self._client.delete_object(**place, IfMatch=etag)) is not None
        found = self.get(key, 1)
        if found is None or found.etag != etag:
            return False
        return _unless_changed(lambda: self._client.delete_object(**place)) is not None

    def _has_conditional_delete(self) -> bool:
        """Whether `If-Match` keeps an object from being deleted, tried out once when it is needed."""
        from botocore.exceptions import ClientError

        if self._deletes_on_condition is None:
            key = probe_key()
            self._sent(key, b"1", WriteOnce.LOOK_FIRST)
            try:
                self._client.delete_object(**self._place(key), IfMatch=f'"{"0" * 32}"')
                self._deletes_on_condition = False
            except ClientError as error:
                self._deletes_on_condition = answers.code(error) == CONDITION_FAILED
            finally:
                self.discard(key)
        return self._deletes_on_condition

    def _place(self, key: str) -> Any:
        return {"Bucket": self._bucket, "Key": self._prefix + key}


def _unless_changed(call: Callable[[], Any]) -> Any:
    """What the call gives; `None` where S3 says that the object is another one by now, or gone."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if answers.code(error) in (ABSENT, CONDITION_FAILED, "ConditionalRequestConflict"):
            return None
        raise


def probe_key() -> str:
    """The key of an object by which something is tried out; nobody else has it."""
    return f"{PROBES}{secrets.token_hex(16)}"


PROBES = "probe/"
_CONDITIONS: Mapping[WriteOnce, Any] = {
    WriteOnce.CONDITION: {"IfNoneMatch": "*"},
    WriteOnce.GENERATION: {"IfNoneMatch": connection.NO_GENERATION},
    WriteOnce.LOOK_FIRST: {},
}
