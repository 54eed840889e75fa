"""Which store this is: an object at its root, written once, and the policy on whether it is the right one.

A folder that is not mounted, or a bucket of the same name elsewhere, is a store without pictures: everything would be
paid for again, and every URL show another picture. Older versions, and `store copy`, pass the object by.
"""

import re
import secrets
from dataclasses import dataclass
from functools import lru_cache

from promptcdn.stores import Corrupt, Record, decoded, encoded

PATH = "identity"
ID = r"[0-9a-f]{32}"
GARBLED = f"what the store answers for its object {PATH} is not what was written"


def new() -> str:
    """An id for a store that has none."""
    return secrets.token_hex(16)


def written(store_id: str, now: int) -> bytes:
    """The object that says so; `now` in Unix seconds."""
    return encoded(Record(store_id.encode(), "text/plain", now, {}))


@lru_cache(maxsize=8)  # it is looked at again and again, and is the same
def read(data: bytes) -> str:
    """The inverse of `written`. Raises `Corrupt`."""
    store_id = decoded(data).body.decode("ascii", "replace")
    if re.fullmatch(ID, store_id) is None:
        raise Corrupt("not an id of a store")
    return store_id


@dataclass(frozen=True)
class RememberedIds:
    """The store's id as it is remembered: by the setting, in the Redis that replicas share, and in the data folder.

    `unread` says which of them could not be asked, and is empty where all were.
    """

    setting: str = ""
    shared: str = ""
    own: str = ""
    unread: str = ""

    @property
    def id(self) -> str:
        """The id that counts: the operator's word first, and what all replicas share before what this one has."""
        return self.setting or self.shared or self.own

    @property
    def where(self) -> str:
        """Who remembers that id."""
        places = {"PROMPTCDN_STORE_ID": self.setting, "Redis": self.shared, "the data folder": self.own}
        return next((place for place, store_id in places.items() if store_id), "")


@dataclass(frozen=True)
class Objection:
    """Why a store may not be used, and what its operator is to do."""

    why: str
    advice: str

    def __str__(self) -> str:
        return f"{self.why}. Nothing new is made. {self.advice}"


def objection(ids: RememberedIds, found: str | None, missing: str = "") -> Objection | None:
    """Why the store with the id `found` may not be used; `None` where it may. `missing` says why there is no store.

    A store without an id gets one, where no id is remembered. One with an id is taken, where none is remembered.
    """
    if found is None and not ids.id and ids.unread:
        why = f"the store has no id yet, and whether another store is the right one is not known: {ids.unread}"
        return Objection(why, "This goes on by itself as soon as that is known")
    if not ids.id or found == ids.id:
        return None
    has = described(found, missing)
    return Objection(
        f"this is not the store that was used before: {has}, but {ids.where} remembers the id {ids.id}",
        f"Mount the right store, or correct the settings. If this one is right: {_adopting(ids, found)}",
    )


def described(found: str | None, missing: str) -> str:
    """What there is of a store: its id, that it has none, or why there is no store."""
    return missing or (f"the store has the id {found}" if found else "the store has no id")


def _adopting(ids: RememberedIds, found: str | None) -> str:
    if not ids.setting:
        return "promptcdn store adopt"
    if found:
        return f"set PROMPTCDN_STORE_ID={found}"
    return "take PROMPTCDN_STORE_ID out of the settings, run promptcdn store adopt, and set it to the id that it prints"
