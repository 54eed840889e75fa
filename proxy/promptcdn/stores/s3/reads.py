"""Reads of a bucket by obstore, in a fraction of boto3's processor time.

boto3 remains the authority. What obstore gives is used where it is an object, or S3's own word that there is none. For
all else nothing is believed: the caller asks boto3, which tries once more and whose errors have one table (`advice`).
Keys, endpoint, region and how the bucket is addressed are those that boto3 found.

Blocking. obstore's asynchronous calls take no less, and end processes with SIGABRT: 1: a thread of obstore wakes the
event loop, and waits for the interpreter's lock. 2: the loop ends, and so does the interpreter. 3: the thread is ended
within code that cannot be unwound.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import getproxies

from promptcdn.stores.s3 import connection
from promptcdn.stores.s3.answers import ABSENT
from promptcdn.stores.s3.connection import Connection

if TYPE_CHECKING:
    from obstore.store import S3Credential, S3Store

# What is in a key besides folders and digits is the prefix, and obstore has an idea of its own of odd ones.
_PLAIN_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)*")
# Keys are said to end soon, and so obstore asks for them again and again, ten times a second at most. boto3, which is
# asked, holds them in memory, and renews those of a role a quarter of an hour before they end.
_KEYS_HELD = timedelta(seconds=60)
# Of one read. Nobody waits longer for a large picture over a slow line (`stores/negative`), and it would hold a thread.
_WHOLE_SECONDS = 30
# obstore's errors have the whole answer in them, and then their own source once more.
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_SOURCE = "\n\nDebug source:"
_BY_BOTO3 = "as long as it does, boto3 alone reads the bucket, which takes more of the processor"

log = logging.getLogger("promptcdn")


@dataclass(frozen=True)
class Timings:
    """In seconds: how long boto3 alone reads after obstore failed. It is twice as long each time that obstore fails
    again, up to `longest_rest`."""

    rest: float = 1.0
    longest_rest: float = 60.0


class Undecided(Exception):
    """Whether there is such an object, and what is in it, is for boto3 to say."""


class _Rest:
    """Whether obstore may be asked. Once it failed it is left alone for a while; then one read tries it again, and all
    others are boto3's until that one has an answer: nobody else waits twice for a service that is away."""

    def __init__(self, timings: Timings) -> None:
        self._timings = timings
        # The last failure, and until when obstore is left alone since then.
        self._failed_at: float | None = None
        self._until = 0.0
        self._next = timings.rest
        self._said = False

    def is_over(self, now: float) -> bool:
        """Whether a read that begins now may ask obstore."""
        if now < self._until:
            return False
        if self._failed_at is not None:
            self._until = now + self._timings.longest_rest
        return True

    def begin(self, began: float, error: Exception) -> None:
        """A read failed that began at that moment. Of a crowd whose reads fail together only the first one counts."""
        if self._failed_at is not None and began <= self._failed_at:
            return
        self._failed_at = time.monotonic()
        self._until = self._failed_at + self._next
        if self._next == self._timings.longest_rest and not self._said:
            self._said = True
            log.warning("obstore fails again and again (%s): %s", type(error).__name__, _BY_BOTO3)
        self._next = min(2 * self._next, self._timings.longest_rest)

    def end(self, began: float) -> None:
        """A read gave something that began at that moment: the next rest is a short one."""
        if self._failed_at is None or began <= self._failed_at:
            return
        if self._said:
            log.warning("obstore reads the bucket again")
        self._failed_at, self._until, self._next, self._said = None, 0.0, self._timings.rest, False


class Reads:
    """Reads of one bucket. A failure is no error of the service: it means that boto3 is to be asked."""

    def __init__(self, store: "S3Store", prefix: str, timings: Timings = Timings()) -> None:
        """`prefix` goes before all keys, and ends in a slash where there is one."""
        self._store = store
        self._prefix = prefix
        # Of whole objects and of beginnings: there are services that know no ranges.
        self._rests = {True: _Rest(timings), False: _Rest(timings)}

    def get(self, key: str, most: int | None = None) -> memoryview | None:
        """The object, or its first `most` bytes; `None` where the service says that there is none.

        Raises `Undecided`.
        """
        rest = self._rests[most is None]
        began = time.monotonic()
        if not rest.is_over(began):
            raise Undecided
        data = None
        try:
            data = self._got(self._prefix + key, most)
        except Exception as error:  # noqa: BLE001 - whatever it is, boto3 says it in words that are known
            if not isinstance(error, FileNotFoundError) or _code(error) != ABSENT:
                rest.begin(began, error)
                raise Undecided from None
        rest.end(began)
        return data

    def _got(self, key: str, most: int | None) -> memoryview:
        if most is not None:
            return memoryview(self._store.get_range(key, start=0, end=most))
        return memoryview(self._store.get(key).bytes())


def _code(error: Exception) -> str:
    """The code in S3's own XML, empty where the answer had none."""
    found = _CODE.search(str(error).partition(_SOURCE)[0])
    return found[1] if found else ""


def unfit(prefix: str, variables: Mapping[str, str], proxies: Mapping[str, str]) -> str:
    """Why obstore cannot read as boto3 does; empty where it can."""
    if any(proxies.values()):
        return "a proxy is set (HTTP_PROXY, HTTPS_PROXY or ALL_PROXY)"
    if (authority := connection.authority(variables)) and os.path.isdir(authority[1]):
        return f"{authority[0]} names a folder"
    if _PLAIN_PREFIX.fullmatch(prefix) is None:
        return "the prefix has signs other than letters, digits, dots, hyphens and underscores"
    return ""


def opened(client: Connection, bucket: str, prefix: str, timings: Timings = Timings()) -> Reads:
    """Reads of the bucket that `client` is connected to, addressed and signed as `client` does."""
    from obstore.store import S3Store

    place, region = _place(client, bucket)
    config: Any = {
        # As if the bucket's name stood in the host: then nothing is added to the address.
        "virtual_hosted_style_request": True,
        # Both, since obstore reads the variables too, and one of them goes before the other.
        "endpoint": place,
        "aws_endpoint_url_s3": place,
        "region": region,
        "skip_signature": False,
        "s3_express": False,
        "request_payer": False,
    }
    options: Any = {
        "allow_http": place.startswith("http://"),
        "connect_timeout": timedelta(seconds=connection.CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=connection.READ_SECONDS),
        "timeout": timedelta(seconds=_WHOLE_SECONDS),
    }
    # Over plain HTTP the file may be missing: boto3 does not look for it either.
    if not options["allow_http"] and (authority := connection.authority(os.environ)):
        options["root_certificate"] = Path(authority[1]).read_bytes()
    keys = _keys(client)
    store = S3Store(
        bucket, config=config, client_options=options, retry_config={"max_retries": 0}, credential_provider=keys
    )
    return Reads(store, prefix, timings)


def proxies() -> Mapping[str, str]:
    """The proxies of the environment, as boto3 finds them."""
    return {scheme: proxy for scheme, proxy in getproxies().items() if scheme != "no"}


def _place(client: Connection, bucket: str) -> tuple[str, str]:
    """The address of the bucket and the region that requests are signed for, as boto3 has them in a signed URL."""
    url = client.client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "x"})
    address = urlsplit(url)
    # The scope is DATE/REGION/s3/aws4_request.
    region = parse_qs(address.query)["X-Amz-Credential"][0].split("/")[-3]
    return f"{address.scheme}://{address.netloc}{address.path.removesuffix('/x')}", region


def _keys(client: Connection) -> Callable[[], "S3Credential"]:
    """boto3's keys, asked for again and again. obstore calls this in a thread of its own."""

    def keys() -> "S3Credential":
        found = client.credentials.get_frozen_credentials()
        return {
            "access_key_id": found.access_key,
            "secret_access_key": found.secret_key,
            "token": found.token,
            "expires_at": datetime.now(UTC) + _KEYS_HELD,
        }

    return keys
