"""Which store this is: an object at its root, written once, and the policy on whether it is the one that was known.

A folder that is not mounted, or a bucket of the same name elsewhere, is a store without pictures: everything would be
paid for again, and every URL show another picture. Older versions, and `store copy`, pass the object by.
"""

import re
import secrets
from dataclasses import dataclass

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


def read(data: bytes) -> str:
    """The inverse of `written`. Raises `Corrupt`."""
    said = decoded(data).body.decode("ascii", "replace")
    if re.fullmatch(ID, said) is None:
        raise Corrupt("not an id of a store")
    return said


@dataclass(frozen=True)
class RememberedIds:
    """What is remembered of the store: by the setting, by the Redis that replicas share, and in the data folder.

    `unread` says which of them could not be asked, and is empty where all were.
    """

    setting: str = ""
    shared: str = ""
    own: str = ""
    unread: str = ""

    @property
    def id(self) -> str:
        """The id that counts: the operator's word first, and what all replicas share before what this one knows."""
        return self.setting or self.shared or self.own

    @property
    def where(self) -> str:
        """Which of them says so."""
        places = {"PROMPTCDN_STORE_ID": self.setting, "Redis": self.shared, "the data folder": self.own}
        return next((place for place, said in places.items() if said), "")


def objection(ids: RememberedIds, found: str | None) -> str:
    """Why the store with the id `found` may not be used, and what to do; empty where it may.

    One without an id gets one, where none is known of. One with an id is taken, where none is known of.
    """
    if found is None and not ids.id and ids.unread:
        return f"the store has no id yet, and {ids.unread} whether another store was known"
    if not ids.id or found == ids.id:
        return ""
    has = f"the id {found}" if found else "no id"
    adopt = f"set PROMPTCDN_STORE_ID={found or ''}" if ids.setting else "say promptcdn store adopt"
    return (
        f"this is not the store that was known: it has {has}, and {ids.where} knows {ids.id}."
        f" Nothing is made. Mount the right one, or {adopt} if this one is right"
    )
