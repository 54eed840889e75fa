"""Has a running service make pictures, over HTTP, as a reader would who waits."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from promptcdn.cli.documents import opening
from promptcdn.cli.documents.paying import Price, price_of
from promptcdn.cli.documents.warming import Look, Looked, Make, Permalink, Refused, Wanted

if TYPE_CHECKING:
    from promptcdn.documents.client import Client
    from promptcdn.url.request import Request

_T = TypeVar("_T")

_SHOWABLE = ("stored", "generating", "absent")


class Through:
    """The service under one public URL."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._client = opening.client_of(base, patient=True)

    @property
    def name(self) -> str:
        return f"through {self._base}"

    @property
    def at_once(self) -> int:
        return opening.AT_ONCE

    def stop(self) -> None:
        """The service goes on with what it is making, and keeps it: a second Ctrl-C may end this process at once."""
        self._client.stop()
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[Look]:
        """Asks `/info`, which makes nothing."""
        with _Threads(self.at_once) as threads:

            async def look(wanted: Wanted) -> Looked:
                return await threads.done(lambda: _looked(wanted, self._client))

            yield look

    @asynccontextmanager
    async def making(self) -> AsyncIterator[Make]:
        """Asks for the pictures themselves."""
        with _Threads(self.at_once) as threads, self._client:

            async def make(wanted: Wanted, looked: Looked) -> str:
                return await threads.done(lambda: _made(wanted, looked, self._client))

            yield make


class _Threads:
    """The client waits in threads, since it is the one that all commands on documents have."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> "_Threads":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def done(self, work: Callable[[], _T]) -> _T:
        """What `work` gives. Raises `Refused` where the service gives no answer or a problem."""
        from promptcdn.documents.client import NoAnswer

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except NoAnswer as none:
            raise Refused(none.code, none.reason) from None


def _looked(wanted: Wanted, client: "Client") -> Looked:
    """What the service says of a picture. Raises `NoAnswer`."""
    from promptcdn.documents.client import NoAnswer

    asks = wanted.asks
    try:
        if isinstance(asks, Permalink):
            client.look(wanted.target)
            return Looked("stored", Price(asks.content_key, "", 0))
        members = client.info(wanted.target)
    except NoAnswer as none:
        if isinstance(asks, Permalink) and none.code == "not_found":
            return Looked("missing", Price(asks.content_key, "", 0))
        # The picture that it is made from may be among those that are made before it.
        if not isinstance(asks, Permalink) and asks.asked.sources and none.code == "not_found":
            return Looked("absent", Price(None, "", None))
        raise
    price = price_of(members)
    if asks.asked.seed is not None:
        return Looked(members["state"], price, members["resolved"]["seed"])
    shown = _shown(members["pool"], signed=asks.control.sig is not None)
    return Looked(shown["state"], price._replace(content_key=shown["content_key"]), shown["seed"])


def _shown(pool: list[dict[str, Any]], *, signed: bool) -> dict[str, Any]:
    """The first picture of a pool that may be shown. The signature of a URL is for no seed of its pool, so of signed
    ones it is one that is stored: whoever asks for the URL itself then has one more made."""
    showable = [each for each in pool if each["state"] in _SHOWABLE]
    there = [each for each in showable if each["state"] == "stored"] if signed else []
    return (there or showable or pool)[0]


def _made(wanted: Wanted, looked: Looked, client: "Client") -> str:
    """Raises `NoAnswer`."""
    target, outcome = _asked_for(wanted, looked), "there"
    is_there = looked.state == "stored"
    for accept in _accepted(wanted):
        file = client.look(target, accept) if is_there else None
        if file is None or not file.is_made:
            file, _ = client.picture(target, accept)
            outcome = "made"
        if not file.is_stored:
            return "unstored"
        is_there = True
    return outcome


def _asked_for(wanted: Wanted, looked: Looked) -> str:
    """The URL to ask for. A view of a pool would begin the next picture of it each time it is warmed, and at the change
    of a period a calendar URL may show the last one's picture: so the URL with the seed is asked for."""
    from promptcdn.markdown.pin import pinned

    asks = wanted.asks
    if isinstance(asks, Permalink) or isinstance(asks.asked.seed, int) or looked.seed is None:
        return wanted.target
    if asks.control.sig is None:
        return pinned(wanted.target, looked.seed)
    return _unsigned(asks, looked.seed) if looked.state == "stored" else wanted.target


def _unsigned(asks: "Request", seed: int) -> str:
    """What is stored is shown without a signature."""
    from promptcdn.url.parse import canonical_url

    return canonical_url(asks.asked.seeded(seed), asks.delivery)


def _accepted(wanted: Wanted) -> list[str]:
    """What to accept, so that each file comes that a reader may be sent."""
    from promptcdn.readers import negotiation
    from promptcdn.url import formats

    if wanted.asks.delivery.format != formats.AUTO:
        return ["*/*"]
    return [formats.BY_NAME[each.format].media_type for each in negotiation.possible(wanted.asks.delivery)]
