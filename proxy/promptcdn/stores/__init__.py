"""Stores: where masters, renditions, bindings and verdicts live, as write-once objects.

One object is one file, on disk and elsewhere: a JSON header line, then the bytes (`encoded`, `decoded`). A store is the
small Protocol below and keeps to three rules: the first writer wins, unknown is not absent, and every read is checked.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, Self, cast, get_args

from promptcdn.checks import Check
from promptcdn.problems import StoreUnavailable

Folder = Literal["masters", "renditions", "bindings", "sketch-bindings", "verdicts", "tombstones", "purges", "paid"]

FORMAT_VERSION = 1
# Nearly every header line is shorter.
_LINE_USUAL = 8 * 1024
_LEAF = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]+)*")


@dataclass(frozen=True)
class Name:
    """The name of an object: its folder, and a key in hex with an extension where it is a rendition."""

    folder: Folder
    leaf: str

    def __post_init__(self) -> None:
        assert _LEAF.fullmatch(self.leaf), f"not a name of an object: {self.leaf!r}"

    @property
    def path(self) -> str:
        """The path below a store's root: two levels of two hex digits keep folders small.

        What is paid for and not stored yet has no levels: it comes and goes, and would leave them empty behind it.
        """
        if self.folder == "paid":
            return f"{self.folder}/{self.leaf}"
        return f"{self.folder}/{self.leaf[:2]}/{self.leaf[2:4]}/{self.leaf}"

    @classmethod
    def parse(cls, path: str) -> Self | None:
        """The inverse of `path`; `None` for what is no object's path."""
        folder, _, rest = path.partition("/")
        leaf = rest.rpartition("/")[2]
        if folder not in get_args(Folder) or _LEAF.fullmatch(leaf) is None:
            return None
        name = cls(cast("Folder", folder), leaf)
        return name if name.path == path else None


@dataclass(frozen=True)
class Lineage:
    """Where the bytes of a picture come from, if not from a generator's first answer to its request.

    `master` is the SHA-256 (hex) of the master that a rendition was made of. A master that was made of a rendition,
    because the first one was lost, names the first one there and the rendition in `stand_in`. A picture that the
    generator was asked for again names the purge that it came `after` (nanoseconds of the Unix clock); 0 is the first.
    """

    master: str | None = None
    stand_in: str | None = None
    after: int = 0

    @property
    def remade(self) -> bool:
        """Whether another picture was shown under the same key before."""
        return self.after > 0

    def members(self) -> dict[str, Any]:
        """What the header says of it: nothing of what is as usual."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Self:
        """The inverse of `members`."""
        return cls(header.get("master"), header.get("stand_in"), int(header.get("after", header.get("remade", 0))))


@dataclass(frozen=True)
class Header:
    """What an object says of itself before its bytes. `sha256` (hex) and `length` are those of the bytes."""

    sha256: str
    length: int
    media_type: str
    made_at: int
    resolved: Mapping[str, Any]
    lineage: Lineage = Lineage()

    @property
    def picture(self) -> str:
        """What a master, its stand-in and the renditions of both have in common: the first master's digest."""
        return self.lineage.master or self.sha256

    def is_made_of(self, master: "Header") -> bool:
        """Whether a rendition shows the picture of that very master.

        Older versions tied a rendition to its master by nothing but the moment when the master was made.
        """
        if self.lineage.master is None:
            return self.made_at == master.made_at and not master.lineage.remade
        return self.lineage.master == master.picture

    def members(self) -> dict[str, Any]:
        """The JSON of the header line: `check` covers the header as `sha256` does the bytes, one flipped bit shows."""
        members: dict[str, Any] = {
            "promptcdn": FORMAT_VERSION,
            "sha256": self.sha256,
            "length": self.length,
            "type": self.media_type,
            "made_at": self.made_at,
            "resolved": dict(self.resolved),
            **self.lineage.members(),
        }
        return {**members, "check": _check(members)}

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """The inverse of `members`. Raises `Corrupt` where anything differs from what was written."""
        try:
            read = json.loads(line)
            whole = read.pop("check") == _check(read)
            header = cls(
                read["sha256"], read["length"], read["type"], read["made_at"], read["resolved"], Lineage.of(read)
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
            raise Corrupt("not an object's header") from wrong
        if not whole:
            raise Corrupt("the header is not the one written")
        return header


@dataclass(frozen=True)
class Record:
    """One object: its bytes, their media type, when the picture was made (Unix seconds) and the order it came from."""

    body: bytes
    media_type: str
    made_at: int
    resolved: Mapping[str, Any]
    lineage: Lineage = Lineage()

    @cached_property
    def sha256(self) -> str:
        """The body's digest in hex."""
        return hashlib.sha256(self.body).hexdigest()

    def hashed(self) -> Self:
        """Itself, its digest computed: for threads, so that the event loop hashes no picture."""
        assert self.sha256
        return self

    @property
    def header(self) -> Header:
        """What the object says of itself."""
        return Header(self.sha256, len(self.body), self.media_type, self.made_at, self.resolved, self.lineage)

    @property
    def picture(self) -> str:
        """As `Header.picture`."""
        return self.header.picture


class StoreMissing(StoreUnavailable):
    """There is no store at its address (any more): a folder that is gone, empty or somebody else's."""


class Corrupt(Exception):
    """The bytes read are not the ones that were written."""


class Store(Protocol):
    """Write-once objects. Each call raises `StoreUnavailable` where the store does not say."""

    async def get(self, name: Name) -> Record | None:
        """The object, checked; `None` where there is none. A corrupt one is set aside, and there is none."""
        ...

    async def look(self, name: Name) -> Header | None:
        """The object's header, checked, its bytes neither read nor checked; `None` where there is no such object."""
        ...

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        """The objects of one folder whose names begin with `leaf`."""
        ...

    async def delete(self, name: Name) -> None:
        """Takes the object away, where there is one. The only way that anything ever leaves a store."""
        ...

    async def put(self, name: Name, record: Record) -> Record:
        """What is stored under `name` from now on: `record`, or what was there first."""
        ...

    async def close(self) -> None: ...


class InspectedStore(Store, Protocol):
    """A store as its operator's tools see it."""

    @property
    def corrupt(self) -> int:
        """How many corrupt objects this process set aside."""
        ...

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        """Every object's name with its size in bytes: of one folder, and there of the names that begin with `leaf`.

        Blocking; raises `StoreUnavailable`.
        """
        ...

    async def checks(self) -> tuple[Check, ...]:
        """Whether it can be used, and what there is to say of it."""
        ...

    async def require_writable(self) -> None:
        """Raises `StoreUnavailable` where it takes nothing at the moment, though it may be read: it is full, say."""
        ...


class IdentifiableStore(InspectedStore, Protocol):
    """A store by itself, which does not know whether it is the one that is meant."""

    def identity(self) -> str | None:
        """The id that was written into the store once; `None` where none was. Blocking; raises `StoreUnavailable`, and
        `StoreMissing` where there is no store."""
        ...

    def identify(self) -> str:
        """The id that the store has from now on: a new one, or what another process was faster to write. Makes the
        store where there is none. Blocking; raises `StoreUnavailable`."""
        ...

    def expect(self, store_id: str) -> bool:
        """From now on each call that finds nothing, or writes something, looks at the id afterwards, and raises
        `StoreMissing` where it is another one. False where the store cannot do so: then its user has to look."""
        ...


def corrupt_check(where: str, sizes: Iterable[int]) -> Check:
    """Whether corrupt objects, of `sizes` bytes, were set aside in `where`."""
    held = tuple(sizes)
    if not held:
        return Check("corrupt objects", True, "none were set aside")
    return Check(
        "corrupt objects",
        False,
        f"{len(held)} set aside in {where}, {sum(held) / 1e6:.1f} MB",
        "find the cause (a failing disk?), run promptcdn store verify, then empty that folder: nothing reads it",
    )


def encoded(record: Record) -> bytes:
    """The file of a record."""
    return b"".join(pieces(record))


def pieces(record: Record) -> tuple[bytes, bytes]:
    """The file of a record: its header line, and its body, which is not copied."""
    return json.dumps(record.header.members(), ensure_ascii=False).encode() + b"\n", record.body


def decoded(data: bytes | memoryview) -> Record:
    """The record in a file. Raises `Corrupt` where anything differs from what was written."""
    line = bytes(data[:_LINE_USUAL]).partition(b"\n")[0]
    if len(line) == _LINE_USUAL:
        line = bytes(data).partition(b"\n")[0]
    header = Header.parse(line)
    # The one copy of a body that may be large.
    body = bytes(data[len(line) + 1 :])
    record = Record(body, header.media_type, header.made_at, header.resolved, header.lineage)
    if not (len(line) < len(data) and header.length == len(body) and header.sha256 == record.sha256):
        raise Corrupt("the bytes are not the ones written")
    return record


def _check(header: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()[:16]
