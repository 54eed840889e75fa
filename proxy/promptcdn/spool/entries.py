"""Entries of the spool, and the objects that they are on disk: the order in the header, the picture as the body."""

from dataclasses import dataclass

from promptcdn.generators import Made
from promptcdn.stores import Record
from promptcdn.url.order import Order
from promptcdn.url.request import Resolved


@dataclass(frozen=True)
class Paid:
    """What a generator answered to an order, and when (Unix seconds): all that is needed to settle it.

    `mark` is that of the picture; empty where it has its generator's usual one.

    There was another picture under the content key before, and the purge or the loss of it had the moment `after`
    (nanoseconds of the Unix clock); 0 where there was none.
    """

    order: Order
    made: Made
    made_at: int
    after: int = 0
    mark: str = ""


def written(paid: Paid) -> Record:
    """The entry as an object. Its body is the picture as it came: no check and no cleaning has seen it yet."""
    order, made = paid.order, paid.made
    fields = {
        "as_asked_key": order.as_asked_key,
        "content_key": order.content_key,
        "resolved": order.resolved.parameters(),
        "seed_sent": made.seed_sent,
        "seed_echo": made.seed_echo,
        "filtered": made.filtered,
        "after": paid.after,
        **({"mark": paid.mark} if paid.mark else {}),
    }
    return Record(made.picture, "application/octet-stream", paid.made_at, fields)


def read(record: Record) -> Paid:
    """The inverse of `written`. Raises `ValueError` where another version wrote it."""
    fields = record.resolved
    try:
        resolved = Resolved.from_parameters(fields["resolved"])
        order = Order(fields["as_asked_key"], resolved, fields["content_key"])
        made = Made(record.body, fields["seed_sent"], fields["seed_echo"], fields["filtered"])
        # Older versions wrote `again`, whether there was another picture before, and before that neither.
        after = int(fields.get("after", fields.get("again", 0)))
    except (TypeError, KeyError) as error:
        raise ValueError("an entry of the spool was written by a version that this one does not know") from error
    return Paid(order, made, record.made_at, after, str(fields.get("mark", "")))
