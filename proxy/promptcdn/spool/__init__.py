"""The spool: what was paid for and is not settled yet, where a kill -9 loses nothing.

    entries    what an entry is, and how it is written
    folder     where entries lie, shared by the processes of one machine

What a generator answered goes here before anything else can fail, and stays until its picture and binding, or its
verdict, are stored. What cannot be written to the disk is held in memory; while the store does not take that either,
nothing more is paid for. `making.reconcile_spool` brings what waits here to the store.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from promptcdn.checks import Check
from promptcdn.clock import SYSTEM, Clock
from promptcdn.problems import SpoolFull, Unavailable
from promptcdn.spool.entries import Paid
from promptcdn.spool.folder import LIMITS, Limits, SpoolFolder, free_bytes
from promptcdn.stores import volumes
from promptcdn.url.order import Order

__all__ = ["Limits", "Paid", "Spool", "Timings"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timings:
    """How the spool is timed. `between_looks` is how many seconds lie at least between two looks at the folder, however
    many requests there are that the store does not answer."""

    between_looks: float = 1.0


TIMINGS = Timings()


@dataclass(frozen=True)
class _Waiting:
    """What memory has of an entry that waits."""

    order: Order
    filtered: bool
    made_at: int
    size: int


class Spool:
    """Holds paid answers until they are dropped. An entry *waits* once the store did not take it, or the process that
    made it died."""

    def __init__(
        self,
        folder: Path,
        clock: Clock = SYSTEM,
        *,
        on_the_stores_disk: bool = False,
        limits: Limits = LIMITS,
        timings: Timings = TIMINGS,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """A folder that cannot be used is no error: `check` says so, and memory takes what it can.

        `on_the_stores_disk`: what the spool has no room for, the store has no room for either. `free` says how many
        bytes of the folder's disk are free.
        """
        self._folder = SpoolFolder(folder, limits, free)
        self._limits = limits
        self._timings = timings
        self._clock = clock
        self._on_the_stores_disk = on_the_stores_disk
        self._waiting: dict[str, _Waiting] = {}
        self._by_url: dict[str, str] = {}
        self._unwritten: dict[str, Paid] = {}
        self._aside = 0
        self._trouble = ""
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._forgets = volumes.caveat(folder)
        with contextlib.suppress(Unavailable), self._watched():
            self._folder.open()

    @property
    def depth(self) -> int:
        """How many paid answers wait."""
        return len(self._waiting)

    def waiting(self) -> tuple[str, ...]:
        """The content keys of all that wait, the one tried last at the end."""
        return tuple(self._waiting)

    def holds(self, content_key: str) -> bool:
        """Whether the answer to this order waits."""
        return content_key in self._waiting

    def refuses(self, content_key: str) -> bool:
        """Whether what waits is the upstream's refusal."""
        return content_key in self._waiting and self._waiting[content_key].filtered

    def ordered(self, as_asked_key: str) -> Order | None:
        """As what this URL's picture was ordered, if the picture waits: the URL may not be bound yet."""
        waiting = self._waiting.get(self._by_url.get(as_asked_key, ""))
        return None if waiting is None or waiting.filtered else waiting.order

    async def put(self, paid: Paid) -> Paid:
        """Holds `paid` from now on; gives what is held, as another process may have been first. Never fails."""
        try:
            return await self._write(paid)
        except Unavailable:
            self._unwritten[paid.order.content_key] = paid
            return paid

    async def get(self, content_key: str) -> Paid | None:
        """The entry, waiting or not; what cannot be read is not there."""
        if (unwritten := self._unwritten.get(content_key)) is not None:
            return unwritten
        with contextlib.suppress(Unavailable), self._watched():
            return await self._folder.read(content_key)
        return None

    def wait(self, paid: Paid, why: str) -> None:
        """It is not settled, for this reason: it is answered from here, and tried again, until it is dropped."""
        key = paid.order.content_key
        if not self._waiting:
            log.warning("a paid picture waits in the spool: %s", why)
        if key in self._unwritten and key not in self._waiting:
            log.error("the paid picture %s is in memory only: neither the store nor the spool can be written", key)
        self._waiting.pop(key, None)
        self._waiting[key] = _Waiting(paid.order, paid.made.filtered, paid.made_at, len(paid.made.picture))
        self._by_url[paid.order.as_asked_key] = key

    async def drop(self, content_key: str) -> None:
        """Forgets an entry that is settled; one that is gone is no error, and one that stays is settled again."""
        with contextlib.suppress(Unavailable), self._watched():
            await self._folder.remove(content_key)
        self._forget(content_key)

    async def drop_ordered_before(self, content_key: str, moment: int) -> None:
        """Gives up an entry that was ordered before the purge of that moment (nanoseconds of the Unix clock)."""
        paid = await self.get(content_key)
        if paid is not None and paid.after < moment:
            await self.drop(content_key)

    async def set_aside(self, content_key: str) -> None:
        """Gives up an entry that nothing can be made of. Its file stays, for the operator to look at."""
        with contextlib.suppress(Unavailable), self._watched():
            await self._folder.set_aside(content_key)
        self._forget(content_key)

    async def secure(self) -> None:
        """Writes what waits in memory only. Raises `SpoolFull` where that fails: one more would be at risk too. So
        would be a first one, where the disk of both spool and store takes nothing."""
        for key in [key for key in self._unwritten if key in self._waiting]:
            try:
                await self._write(self._unwritten[key])
            except Unavailable as full:
                detail = f"neither the store nor the spool takes what is paid for: {full.detail}"
                raise SpoolFull(detail) from None
            self._unwritten.pop(key, None)
        # After the writes: also where the largest picture has no room, those that are in memory may have.
        if self._on_the_stores_disk:
            with self._watched():
                await self._folder.require_room()

    async def refresh(self, age: float = 0.0) -> None:
        """Looks at the folder: what other processes left there waits from now on, what they settled no longer does.

        Entries younger than `age` seconds are in the hands of the process that made them. Without `age` there is one
        look a second at most, however many ask.
        """
        async with self._looking:
            looked_at = self._clock.monotonic()
            if not age and looked_at < self._looked_at + self._timings.between_looks:
                return
            before = self.waiting()
            with contextlib.suppress(Unavailable):
                there, now = await self._folder.listed(), self._clock.unix()
                await self._take_over(key for key, at in there.items() if not age or now - at >= age)
                for key in before:
                    if key not in there and key not in self._unwritten:
                        self._forget(key)
                self._aside = await self._folder.aside()
            self._looked_at = self._looked_at if age else looked_at

    async def recover(self) -> None:
        """Sees whether a disk that gave trouble is well again, and writes what is in memory only."""
        with contextlib.suppress(Unavailable), self._watched():
            if self._trouble:
                await self._folder.probe()
                self._require_space(0)
                self._see("")
        with contextlib.suppress(Unavailable):
            await self.secure()

    def check(self, now: float) -> Check:
        """Whether it can be written, and what waits. `now` in Unix seconds."""
        oldest = min((waiting.made_at for waiting in self._waiting.values()), default=now)
        parts = (
            self._trouble and f"{self._folder.root} cannot be written: {self._trouble}",
            f"{self.depth} waiting for the store, the oldest for {max(0, now - oldest):.0f} s"
            if self.depth
            else "empty",
            self._unwritten and f"{len(self._unwritten)} in memory only",
            self._aside and f"{self._aside} set aside in {self._folder.root / 'corrupt'}",
            self._forgets,
        )
        advice = "make room on the disk, or let the service write its data folder" if self._trouble else ""
        return Check("spool", not self._trouble, "; ".join(str(part) for part in parts if part), advice)

    async def close(self) -> None:
        with contextlib.suppress(Unavailable):
            await self.secure()
        for key in self._unwritten:
            log.error("the paid picture %s is lost: neither the store nor the spool could be written", key)
        await self._folder.close()

    async def _write(self, paid: Paid) -> Paid:
        """What the disk holds under this key from now on. Raises `Unavailable`."""
        with self._watched():
            self._require_space(len(paid.made.picture))
            held = await self._folder.write(paid)
        self._see("")
        return held

    def _require_space(self, size: int) -> None:
        waiting = sum(each.size for each in self._waiting.values())
        if self.depth >= self._limits.entries or waiting + size > self._limits.size:
            raise SpoolFull("the spool is full")

    async def _take_over(self, keys: Iterator[str]) -> None:
        for key in keys:
            if key not in self._waiting and (paid := await self.get(key)) is not None:
                self.wait(paid, "another process left it")

    def _forget(self, content_key: str) -> None:
        self._unwritten.pop(content_key, None)
        if (gone := self._waiting.pop(content_key, None)) is not None:
            self._by_url.pop(gone.order.as_asked_key, None)
            if not self._waiting:
                log.info("no paid picture waits in the spool any more")

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Remembers what trouble the disk gives."""
        try:
            yield
        except Unavailable as full:
            self._see(full.detail)
            raise

    def _see(self, trouble: str) -> None:
        """Logs once that the disk gives trouble, and once that it is well again."""
        if trouble and not self._trouble:
            log.error("the spool cannot be written: %s", trouble)
        if self._trouble and not trouble:
            log.info("the spool can be written again")
        self._trouble = trouble
