"""A small S3 service that refuses as real ones do: a personality says which requests, and with what code and text.

Texts are the services' own, as people quote them in public reports. What is not refused is answered as Amazon does.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.buckets import BUCKET, environment

# A host name that nobody has: requests for it come by the service as their proxy.
DOMAIN = "s3.fake.test"


@dataclass(frozen=True)
class Asked:
    """A request: what it is for, and its header fields in lower case."""

    method: str
    bucket: str
    key: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""
    path_style: bool = True

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and not self.key


@dataclass(frozen=True)
class Error:
    """An error in S3's own XML."""

    status: int
    code: str
    text: str = ""

    @property
    def body(self) -> bytes:
        xml = f"<Error><Code>{self.code}</Code><Message>{self.text}</Message><RequestId>1</RequestId></Error>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'.encode()


DENIED = Error(403, "AccessDenied", "Access Denied")
NO_SUCH_KEY = Error(404, "NoSuchKey", "The specified key does not exist.")
NO_SUCH_BUCKET = Error(404, "NoSuchBucket", "The specified bucket does not exist")
UNMET = Error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
CONFLICT = Error(409, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflict")
UNKNOWN_HEADER = Error(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
BAD_ARGUMENT = Error(400, "InvalidArgument", "Invalid argument")
LOCKED = Error(
    400,
    "InvalidRequest",
    "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
)
OSS = Error(403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access.")
COS = Error(
    403,
    "PathStyleDomainForbidden",
    "The bucket you are attempting to access must be addressed using COS virtual-styled domain.",
)
SKEWED = Error(
    403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
)
SIGNATURE = Error(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
)
QUOTA = Error(403, "QuotaExceeded", "Bucket quota exceeded")
RETAINED = Error(
    403,
    "RetentionPolicyNotMet",
    "Object 'pictures/some' is subject to bucket's retention policy and cannot be deleted, overwritten or archived",
)
NOT_ALLOWED = Error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
SLOW_DOWN = Error(503, "SlowDown", "Please reduce your request rate.")

Refuse = Callable[[Asked], Error | None]
Condition = Literal["if-none-match", "x-goog-if-generation-match", ""]


@dataclass(frozen=True)
class Personality:
    """`refuse` gives the error of a request, `None` where it is answered. `condition` is the header field that keeps
    an object from being overwritten; `unmet` is how it is answered; `conflicts`: with 409 at the first try.
    `ranges`: a part of an object can be had.
    `keeps` is the error of a delete or an overwrite of what exists; `absent` of a read of what does not."""

    refuse: Refuse = lambda _: None
    condition: Condition = "if-none-match"
    unmet: Error = UNMET
    conflicts: bool = False
    keeps: Error | None = None
    absent: Error = NO_SUCH_KEY
    endpoint_path: str = ""
    ranges: bool = True


def always(error: Error) -> Refuse:
    return lambda _: error


def writes(error: Error) -> Refuse:
    return lambda asked: error if asked.method == "PUT" else None


def _conditions(error: Error) -> Refuse:
    return lambda asked: error if "if-none-match" in asked.headers and asked.method == "PUT" else None


def _wants(*fields: str) -> Refuse:
    """A write without one of these header fields, or fields that begin so, is refused."""

    def refuse(asked: Asked) -> Error | None:
        has = any(name.startswith(fields) for name in asked.headers)
        copies = "x-amz-copy-source" in asked.headers
        return LOCKED if asked.method == "PUT" and not copies and not has else None

    return refuse


def _virtual_hosted(error: Error, beside: Refuse = lambda _: None) -> Refuse:
    return lambda asked: error if asked.path_style else beside(asked)


PERSONALITIES = {
    "knows": Personality(),
    # The endpoint as the page of a bucket at R2 shows it.
    "r2": Personality(endpoint_path=f"/{BUCKET}"),
    "no list": Personality(lambda asked: DENIED if asked.is_list else None),
    "no read": Personality(lambda asked: DENIED if asked.method == "GET" and asked.key else None),
    "read only": Personality(lambda asked: DENIED if asked.method != "GET" else None),
    "no delete": Personality(lambda asked: DENIED if asked.method == "DELETE" else None),
    "forbids": Personality(always(DENIED)),
    "object lock": Personality(_wants("content-md5", "x-amz-checksum-")),
    "checksums alone": Personality(_wants("x-amz-checksum-")),
    "refuses": Personality(_conditions(UNKNOWN_HEADER), condition=""),
    "refuses_400": Personality(_conditions(BAD_ARGUMENT), condition=""),
    "refuses_403": Personality(_conditions(DENIED), condition=""),
    "refuses_405": Personality(_conditions(NOT_ALLOWED), condition=""),
    "ignores": Personality(condition=""),
    "retention": Personality(keeps=RETAINED),
    "retention, ignores": Personality(condition="", keeps=RETAINED),
    "no delete of objects": Personality(keeps=DENIED),
    "list below a prefix": Personality(absent=DENIED),
    "google": Personality(condition="x-goog-if-generation-match"),
    "says_304": Personality(unmet=Error(304, "")),
    "conflicts": Personality(conflicts=True),
    "oss": Personality(_virtual_hosted(OSS, _conditions(UNKNOWN_HEADER)), condition=""),
    "cos": Personality(_virtual_hosted(COS), condition=""),
    "skewed": Personality(always(SKEWED)),
    "signature": Personality(always(SIGNATURE)),
    "quota": Personality(writes(QUOTA)),
    "slow down": Personality(always(SLOW_DOWN)),
    "no bucket": Personality(always(NO_SUCH_BUCKET)),
}


@dataclass
class _Objects:
    """All buckets' objects by `bucket/key`, and the writes that were tried."""

    held: dict[str, bytes] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class FakeS3(ThreadingHTTPServer):
    """The service, with one bucket. `personality` may be changed while it runs; `asked` is every request."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, personality: Personality) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.personality = personality
        self.stored = _Objects()
        self.asked: list[Asked] = []
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.environment = environment(self.address + personality.endpoint_path)

    @property
    def objects(self) -> dict[str, bytes]:
        """What is stored, by `bucket/key`."""
        return self.stored.held

    @property
    def by_name(self) -> dict[str, str]:
        """The variables for a service whose buckets have host names of their own, reached by a proxy."""
        return {
            **self.environment,
            "AWS_ENDPOINT_URL_S3": f"http://{DOMAIN}",
            "HTTP_PROXY": self.address,
            "NO_PROXY": "127.0.0.1",
        }

    def put(self, asked: Asked) -> Error | None:
        """What became of a write: `None` where it was stored."""
        name, ways = f"{asked.bucket}/{asked.key}", self.personality
        with self.stored.lock:
            self.stored.puts.append(name)
            if ways.conflicts and self.stored.puts.count(name) == 1:
                return CONFLICT
            if ways.condition and ways.condition in asked.headers and name in self.objects:
                return ways.unmet
            if ways.keeps and name in self.objects:
                return ways.keeps
            source = unquote(asked.headers.get("x-amz-copy-source", "")).lstrip("/")
            self.objects[name] = self.objects[source] if source else asked.body
            return None


class _Answer(BaseHTTPRequestHandler):
    server: FakeS3
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = self._asked()
        self.server.asked.append(asked)
        if (error := self.server.personality.refuse(asked)) is not None:
            self._send(error.status, error.body)
        elif asked.bucket != BUCKET:
            self._send(404, NO_SUCH_BUCKET.body)
        else:
            {"GET": self._get, "PUT": self._put, "DELETE": self._delete, "HEAD": self._get}[asked.method](asked)

    do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 - the server's own names

    def _asked(self) -> Asked:
        url = urlsplit(self.path)  # of a proxy's request it has the host too
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        host, _, _ = headers["host"].partition(":")
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        if virtual := host.endswith(f".{DOMAIN}"):
            bucket, key = host.removesuffix(f".{DOMAIN}"), unquote(url.path).lstrip("/")
        return Asked(self.command, bucket, key, parse_qs(url.query), headers, body, not virtual)

    def _get(self, asked: Asked) -> None:
        if asked.is_list:
            self._send(200, self._list(asked.query.get("prefix", [""])[0]))
            return
        data = self.server.objects.get(f"{asked.bucket}/{asked.key}")
        if data is None:
            absent = self.server.personality.absent
            self._send(absent.status, absent.body)
            return
        self._send_found(asked, data)

    def _send_found(self, asked: Asked, data: bytes) -> None:
        """The object, or the part that a range like `bytes=0-99` asks for."""
        begin, _, end = asked.headers.get("range", "").removeprefix("bytes=").partition("-")
        if not end or not self.server.personality.ranges:
            self._send(200, data, etag=_etag(data))
            return
        part = data[int(begin) : int(end) + 1]
        place = f"bytes {begin}-{int(begin) + len(part) - 1}/{len(data)}"
        self._send(206, part, etag=_etag(data), content_range=place)

    def _list(self, prefix: str) -> bytes:
        keys = sorted(name.partition("/")[2] for name in self.server.objects)
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.server.objects[f'{BUCKET}/{key}'])}</Size></Contents>"
            for key in keys
            if key.startswith(prefix)
        )
        whole = f"<Name>{BUCKET}</Name><Prefix>{prefix}</Prefix><IsTruncated>false</IsTruncated>{entries}"
        return f"<ListBucketResult>{whole}</ListBucketResult>".encode()

    def _put(self, asked: Asked) -> None:
        if (error := self.server.put(asked)) is not None:
            self._send(error.status, error.body)
            return
        etag = _etag(self.server.objects[f"{asked.bucket}/{asked.key}"])
        copied = f'<CopyObjectResult><ETag>"{etag}"</ETag></CopyObjectResult>'.encode()
        self._send(200, copied if "x-amz-copy-source" in asked.headers else b"", etag=etag)

    def _delete(self, asked: Asked) -> None:
        name, keeps = f"{asked.bucket}/{asked.key}", self.server.personality.keeps
        if keeps and name in self.server.objects:
            self._send(keeps.status, keeps.body)
            return
        self.server.objects.pop(name, None)
        self._send(204)

    def _send(self, status: int, body: bytes = b"", etag: str = "", content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("x-amz-request-id", "1")
        if content_range:
            self.send_header("content-range", content_range)
        if etag:
            self.send_header("etag", f'"{etag}"')
        if status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def fake_s3(personality: str) -> Iterator[FakeS3]:
    """The service with one of the `PERSONALITIES`, running."""
    with FakeS3(PERSONALITIES[personality]) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
