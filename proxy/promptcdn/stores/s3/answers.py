"""What of an answer is S3's own word: an ingress, or a maintenance page, answers for a bucket too, and knows nothing.

botocore fills the gaps of an answer that is not S3's: of an error without XML it makes the status the code, of a page
an empty list. So what an answer must have to be believed is asked here.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptcdn.problems import StoreUnavailable
from promptcdn.stores.s3 import advice

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# The code of what is not there, and of a condition that does not hold
# (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
ABSENT, CONDITION_FAILED = "NoSuchKey", "PreconditionFailed"


@dataclass(frozen=True)
class Content:
    """What a read gave: the bytes, or the first of them; the object's ETag, empty where none was sent; its length."""

    data: bytes
    etag: str
    length: int


def status(error: "ClientError") -> int:
    """The status of an error."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code(error: "ClientError") -> str:
    """The code in S3's own XML; empty where the answer has none: botocore puts the status there."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return "" if code.isdigit() else code


def is_unmet(error: "ClientError") -> bool:
    """Whether a write was refused because its condition does not hold, or because another write was under way."""
    # 304, which older MinIO sends, has no body that could say more.
    return status(error) == 304 or (status(error) in (409, 412) and bool(code(error)))


def content(answer: Mapping[str, Any], data: bytes) -> Content:
    """What the answer to a read of an object, or of its beginning, says of the object."""
    # Like "bytes 0-9/1000" (RFC 9110 section 14.4).
    whole = str(answer.get("ContentRange", "")).rpartition("/")[2]
    return Content(data, str(answer.get("ETag", "")), int(whole) if whole.isdigit() else len(data))


def md5(data: bytes) -> "hashlib._Hash":
    """The digest by which S3 knows bytes; it guards against faults of the way, not against anybody."""
    return hashlib.md5(data, usedforsecurity=False)


def content_md5(digest: "hashlib._Hash") -> str:
    """The header field `Content-MD5` of a write (RFC 1864): a bucket with Object Lock takes no write without it, and
    every service checks it."""
    return base64.b64encode(digest.digest()).decode()


def is_etag_of(digest: "hashlib._Hash", answer: Mapping[str, Any]) -> bool:
    """Whether the answer to a write says that just the bytes of that digest are stored.

    An ETag is the MD5 of the bytes where an object was written at once and is not encrypted with keys of KMS or of a
    customer. Where it is not, only a look tells.
    """
    return str(answer.get("ETag", "")).strip('"') == digest.hexdigest()


def is_deletion(answer: Mapping[str, Any] | None) -> bool:
    """Whether the answer to a delete is S3's own 204: the service names the request by an id in a header.

    botocore's `RequestId` is the header `x-amz-request-id`. Google's id has a name of its own
    (https://cloud.google.com/storage/docs/xml-api/reference-headers).
    """
    metadata = (answer or {}).get("ResponseMetadata", {})
    named = metadata.get("RequestId") or metadata.get("HTTPHeaders", {}).get("x-guploader-uploadid")
    return bool(named) and metadata.get("HTTPStatusCode") == 204


def require_list(page: Mapping[str, Any]) -> None:
    """Raises `StoreUnavailable` where this is no page of a list: botocore makes a list without entries of no body."""
    if not page.get("Name") or "IsTruncated" not in page:
        raise StoreUnavailable("what answers for the bucket is not S3: it sent no list")


def text(error: "ClientError") -> str:
    """What the service says beside its code."""
    return str(error.response.get("Error", {}).get("Message", ""))


class Unusable(Exception):
    """The bucket cannot be used as it is set up: `detail` says why, `advice` what its operator is to do. Both are
    lines without secrets."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(sentences(detail, advice))
        self.detail = detail
        self.advice = advice

    def again(self) -> "Unusable":
        """A fresh copy: one exception that is raised in many threads gathers all their frames."""
        return Unusable(self.detail, self.advice)


class BucketUnavailable(StoreUnavailable):
    """The bucket does not answer, or not as it should: `reason` says why, `advice` what its operator is to do."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(sentences(reason, advice))
        self.reason = reason
        self.advice = advice


NOT_S3 = "look at AWS_ENDPOINT_URL_S3, and at what stands between here and the service (a proxy, an ingress)"


def sentences(detail: str, advice: str) -> str:
    """What is wrong and what to do, for one line."""
    return f"{detail}. {advice[:1].upper()}{advice[1:]}" if advice else detail


def meaning(error: "ClientError", secrets: tuple[str, ...] = ()) -> advice.Fault:
    """What an error means, with the service's own code and text."""
    own, found = code(error), status(error)
    if not own:
        return advice.Fault(f"what answers for the bucket is not S3: status {found}", NOT_S3, lasting=False)
    known = advice.fault(own, found)
    answered = advice.answer(own, advice.one_line(text(error), secrets))
    return advice.Fault(f"{known.meaning}: {answered}", known.advice, lasting=known.lasting)


def as_unavailable(error: "ClientError", secrets: tuple[str, ...] = ()) -> Unusable | BucketUnavailable:
    """What to raise for an error: `Unusable` where its operator has to do something first."""
    fault = meaning(error, secrets)
    return (Unusable if fault.lasting else BucketUnavailable)(fault.meaning, fault.advice)
