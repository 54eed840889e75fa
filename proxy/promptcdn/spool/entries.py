"""Entries of the spool, and the objects that they are on disk: the order in the header, the picture as the body."""

from dataclasses import dataclass

from promptcdn.generators import Made
from promptcdn.stores import Record
from promptcdn.url.request import Resolved


@dataclass(frozen=True)
class Order:
    """What was ordered: the whole request, the key of its picture, and that of the URL which asked for it.

    There was such a picture before, and the purge or the loss of it had the moment `after` (nanoseconds of the Unix
    clock); 0 where there was none.
    """

    as_asked_key: str
    resolved: Resolved
    content_key: str
    after: int = 0


@dataclass(frozen=True)
class Paid:
    """What a generator answered to an order, and when (Unix seconds): all that is needed to settle it."""

    order: Order
    made: Made
    made_at: int


def written(paid: Paid) -> Record:
    """The entry as an object. Its body is the picture as it came: no check and no cleaning has seen it yet."""
    order, made = paid.order, paid.made
    said = {
        "as_asked_key": order.as_asked_key,
        "content_key": order.content_key,
        "resolved": order.resolved.parameters(),
        "seed_sent": made.seed_sent,
        "seed_echo": made.seed_echo,
        "filtered": made.filtered,
        "after": order.after,
    }
    return Record(made.picture, "application/octet-stream", paid.made_at, said)


def read(record: Record) -> Paid:
    """The inverse of `written`. Raises `ValueError` where another version wrote it."""
    said = record.resolved
    try:
        resolved, after = Resolved.from_parameters(said["resolved"]), int(said.get("after", said.get("again", 0)))
        order = Order(said["as_asked_key"], resolved, said["content_key"], after)
        made = Made(record.body, said["seed_sent"], said["seed_echo"], said["filtered"])
    except (TypeError, KeyError) as error:
        raise ValueError("an entry that this version does not know") from error
    return Paid(order, made, record.made_at)
