"""The values between HTTP and the core: who asks for a picture, and what the core answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Literal

from promptcdn.problems import Problem
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.clients import Client
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.readers.rendition import CacheStatus, Rendition
from promptcdn.url.request import Resolved

State = Literal["stored", "generating", "absent", "blocked", "removed"]


class Urgency(IntEnum):
    """How soon a new picture is wanted, the most urgent first: somebody waits for it; it is made ahead, as `warm` does;
    it is one more of a pool, whose viewer is shown another one."""

    NOW = 0
    AHEAD = 1
    POOL = 2


@dataclass(frozen=True)
class Asker:
    """Who asks, as far as it changes the answer.

    until        the moment, by the monotonic clock, up to which a new picture is awaited
    client       who is charged for a new picture
    image_proxy  whether the request claims to come from an image proxy
    making       whether a new picture may be made for this request
    condition    the picture that the client has already
    urgency      how soon a new picture is wanted, where new pictures have to wait for each other
    """

    until: float
    client: Client
    image_proxy: bool = False
    making: bool = True
    condition: Condition = NOTHING
    urgency: Urgency = Urgency.NOW


@dataclass(frozen=True)
class Answer:
    """A picture, and why it is the answer. `variant` is the label of the rendition.

    `location` is its seeded URL where the requested URL has no seed of its own, `until` the end of its calendar period.
    `seed` is the seed that was drawn for it there, and `pool` the as-asked key of the URL without a seed.
    """

    rendition: Rendition
    outcome: Outcome
    status: CacheStatus
    variant: str
    location: str | None = None
    until: datetime | None = None
    seed: int | None = None
    pool: str = ""

    @property
    def content_key(self) -> str:
        return self.rendition.content_key


_FROM_STORE = CacheStatus("store")


@dataclass(frozen=True)
class Unchanged:
    """The client has the picture, as its `tag` shows (304). The other members are those of `Answer`."""

    content_key: str
    tag: str
    outcome: Outcome = Outcome.SEEDED
    location: str | None = None
    until: datetime | None = None
    status: CacheStatus = _FROM_STORE


@dataclass(frozen=True)
class Unmade:
    """The picture was not made before, and none may be made for this asker."""


# What the CDN answers where there is no `Problem`.
Reply = Answer | Unchanged | Unmade


@dataclass(frozen=True)
class Look:
    """The state of a seeded request, found out without making anything.

    `stand_in` is the label of the rendition that is shown in place of the picture's lost master.
    """

    seed: int
    resolved: Resolved
    content_key: str
    state: State
    stand_in: str | None = None


@dataclass(frozen=True)
class Looks:
    """The states of all pictures of a request: of its one, or of those of its pool that were made or can be.

    `missing` is why there are no more of them.
    """

    found: tuple[Look, ...]
    missing: Problem | None = None
