"""The bill of docs/deploy/aws.md for three sizes: `python docs/deploy/aws_bill.py` prints its tables.

Prices are AWS's list prices for us-east-1 (CloudFront: North America and Europe), in US dollars, without tax and
without what new accounts are given. A month has 730 hours, a GB 10^9 bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

HOURS = 730
PICTURE = 150e3  # bytes that a view sends, as in docs/scaling.md
STORED = 1.7e6  # bytes of a master and one rendition
LOG_LINE = 400  # bytes


class Price(NamedTuple):
    """What it is, and its price in US dollars."""

    name: str
    dollars: float


SENT = Price("CloudFront, a GB sent, the first 10 TB (1 TB a month is free)", 0.085)
SENT_MORE = Price("CloudFront, a GB sent, the next 40 TB", 0.080)
REQUESTS = Price("CloudFront, a million requests (10 million a month are free)", 1.00)
CALLS = Price("CloudFront, a million calls of viewer.js (2 million a month are free)", 0.10)
CORE = Price("Fargate, a core for an hour", 0.04048)
MEMORY = Price("Fargate, a GB of memory for an hour", 0.004445)
BALANCER = Price("a balancer for an hour", 0.0225)
UNIT = Price("a balancer's capacity unit for an hour (a GB sent)", 0.008)
ADDRESS = Price("a public IPv4 address for an hour", 0.005)
REDIS = Price("ElastiCache, cache.t4g.micro for an hour", 0.016)
KEPT = Price("S3, a GB for a month", 0.023)
WRITES = Price("S3, 1,000 writes", 0.005)
READS = Price("S3, 1,000 reads", 0.0004)
LOG = Price("CloudWatch, a GB of log", 0.50)
ALARM = Price("CloudWatch, an alarm for a month", 0.10)
METRIC = Price("CloudWatch, a metric for a month", 0.30)
SECRET = Price("Secrets Manager, a secret for a month", 0.40)
ZONE = Price("Route 53, a zone for a month", 0.50)
PRICES = (
    SENT,
    SENT_MORE,
    REQUESTS,
    CALLS,
    CORE,
    MEMORY,
    BALANCER,
    UNIT,
    ADDRESS,
    REDIS,
    KEPT,
    WRITES,
    READS,
    LOG,
    ALARM,
    METRIC,
    SECRET,
    ZONE,
)


@dataclass(frozen=True)
class Size:
    """One month of a service.

    views       of pictures with a seed, at readers
    hits        the part of the views that CloudFront answers
    pictures    that are new in the month
    replicas    tasks of half a core and 1 GB; with two there is a Redis
    """

    name: str
    views: float
    hits: float
    pictures: float
    replicas: int

    @property
    def misses(self) -> float:
        """Requests that reach the balancer."""
        return self.views * (1 - self.hits)

    @property
    def sent(self) -> float:
        """GB that CloudFront sends."""
        return self.views * PICTURE / 1e9


SIZES = (
    Size("10 k views", 10e3, 0.80, 100, 1),
    Size("1 M views", 1e6, 0.95, 1_000, 2),
    Size("100 M views", 100e6, 0.99, 10_000, 2),
)


def sending(size: Size) -> float:
    """CloudFront's price of the bytes."""
    paid = max(0.0, size.sent - 1_000)
    return (
        min(paid, 9_000) * SENT.dollars + max(0.0, paid - 9_000) * SENT_MORE.dollars
    )  # the free TB is of the first ten


LINES: tuple[tuple[str, Callable[[Size], float]], ...] = (
    ("CloudFront, bytes", sending),
    (
        "CloudFront, requests and viewer.js",
        lambda size: (
            max(0.0, size.views - 10e6) / 1e6 * REQUESTS.dollars + max(0.0, size.views - 2e6) / 1e6 * CALLS.dollars
        ),
    ),
    ("Fargate", lambda size: size.replicas * HOURS * (0.5 * CORE.dollars + MEMORY.dollars)),
    ("public addresses of the tasks", lambda size: size.replicas * HOURS * ADDRESS.dollars),
    ("balancer", lambda size: HOURS * BALANCER.dollars + size.misses * PICTURE / 1e9 * UNIT.dollars),
    ("Redis", lambda size: HOURS * REDIS.dollars if size.replicas > 1 else 0.0),
    # Three objects for each new picture; a picture that is not in memory is three reads.
    (
        "S3, pictures of a year",
        lambda size: (
            12 * size.pictures * STORED / 1e9 * KEPT.dollars
            + 3 * size.pictures / 1e3 * WRITES.dollars
            + 3 * size.misses / 1e3 * READS.dollars
        ),
    ),
    (
        "log, alarms, secrets, zone",
        lambda size: (
            size.misses * LOG_LINE / 1e9 * LOG.dollars
            + 8 * ALARM.dollars
            + 6 * METRIC.dollars
            + 3 * SECRET.dollars
            + ZONE.dollars
        ),
    ),
)


def cents(amount: float) -> float:
    return round(amount, 2)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def assumed() -> str:
    """What the bill is made from."""
    rows = [
        ["views that CloudFront answers", *(f"{size.hits:.0%}" for size in SIZES)],
        ["requests that reach the balancer", *(f"{size.misses:,.0f}" for size in SIZES)],
        ["GB that CloudFront sends", *(f"{size.sent:,.1f}" for size in SIZES)],
        ["new pictures", *(f"{size.pictures:,.0f}" for size in SIZES)],
        ["replicas", *(str(size.replicas) for size in SIZES)],
    ]
    return table(["in a month", *(size.name for size in SIZES)], rows)


def bill() -> str:
    """The lines and their sums: each line is rounded to cents, and the sum is that of the rounded lines."""
    amounts = [[cents(price(size)) for size in SIZES] for _, price in LINES]
    rows = [[name, *(f"{each:,.2f}" for each in line)] for (name, _), line in zip(LINES, amounts, strict=True)]
    sums = [sum(column) for column in zip(*amounts, strict=True)]
    each = [1_000 * total / size.views for total, size in zip(sums, SIZES, strict=True)]
    rows += [
        ["**all**", *(f"**{total:,.2f}**" for total in sums)],
        ["for 1,000 views", *(f"{price:,.3f}" for price in each)],
    ]
    return table(["US dollars a month", *(size.name for size in SIZES)], rows)


def prices() -> str:
    """The prices that the bill is made from."""
    return table(["price", "US dollars"], [[price.name, f"{price.dollars:g}"] for price in PRICES])


if __name__ == "__main__":
    print("\n\n".join((assumed(), bill(), prices())))  # noqa: T201
