"""Reads of a bucket by obstore: about a tenth of boto3's processor time, and no thread for each.

boto3 remains the authority. What obstore gives is used where it is an object, or S3's own word that there is none. For
all else nothing is believed: the caller asks boto3, which tries once more and whose errors have one table (`advice`).
Keys, endpoint, region and how the bucket is addressed are those that boto3 found.
"""

import asyncio
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

# Reads at once; more wait for their turn.
READS = 64
# What is in a key besides folders and digits is the prefix, and obstore has an idea of its own of odd ones.
_PLAIN_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)*")
# boto3 renews a role's keys by itself, a quarter of an hour before they end: it is asked for them so often.
_KEYS_HELD = timedelta(seconds=60)
# obstore's errors have the whole answer in them, and then their own source once more.
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_SOURCE = "\n\nDebug source:"


@dataclass(frozen=True)
class Timings:
    """In seconds: how long boto3 alone reads after obstore failed. It is twice as long each time that obstore fails
    again, up to `longest_rest`."""

    rest: float = 1.0
    longest_rest: float = 60.0


class Undecided(Exception):
    """Whether there is such an object, and what is in it, is for boto3 to say."""


class _Rest:
    """Until when obstore is left alone, since it failed."""

    def __init__(self, timings: Timings) -> None:
        self._timings = timings
        self.until = 0.0
        self._next = timings.rest

    def begun(self) -> Undecided:
        """It failed: gives what to raise."""
        self.until = time.monotonic() + self._next
        self._next = min(2 * self._next, self._timings.longest_rest)
        return Undecided()

    def over(self) -> None:
        """It works: the next rest is a short one."""
        self._next = self._timings.rest


class Reads:
    """Reads of one bucket. A failure is no error of the service: it means that boto3 is to be asked."""

    def __init__(self, store: "S3Store", prefix: str, timings: Timings = Timings()) -> None:
        """`prefix` goes before all keys, and ends in a slash where there is one."""
        self._store = store
        self._prefix = prefix
        self._turn = asyncio.Semaphore(READS)
        # Of whole objects and of beginnings: there are services that know no ranges.
        self._rests = {True: _Rest(timings), False: _Rest(timings)}

    async def get(self, key: str, most: int | None = None) -> memoryview | None:
        """The object, or its first `most` bytes; `None` where the service says that there is none.

        Raises `Undecided`.
        """
        rest = self._rests[most is None]
        if time.monotonic() < rest.until:
            raise Undecided
        async with self._turn:
            try:
                data = await self._got(self._prefix + key, most)
            except FileNotFoundError as absent:
                if _code(absent) != ABSENT:
                    raise rest.begun() from None
                data = None
            except Exception:  # noqa: BLE001 - whatever it is, boto3 says it in words that are known
                raise rest.begun() from None
        rest.over()
        return data

    async def _got(self, key: str, most: int | None) -> memoryview:
        if most is not None:
            return memoryview(await self._store.get_range_async(key, start=0, end=most))
        answer = await self._store.get_async(key)
        return memoryview(await answer.bytes_async())


def _code(error: Exception) -> str:
    """The code in S3's own XML, empty where the answer had none."""
    found = _CODE.search(str(error).partition(_SOURCE)[0])
    return found[1] if found else ""


def unfit(prefix: str, variables: Mapping[str, str], proxies: Mapping[str, str]) -> str:
    """Why obstore cannot read as boto3 does; empty where it can."""
    if any(proxies.values()):
        return "a proxy is set (HTTP_PROXY, HTTPS_PROXY or ALL_PROXY)"
    if (authority := connection.authority(variables)) and not os.path.isfile(authority[1]):
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
        # The whole of a large picture over a slow line; who waits for it has a time-out of its own.
        "timeout": timedelta(seconds=60),
    }
    if authority := connection.authority(os.environ):
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
