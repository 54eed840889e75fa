"""Who asks the CDN for a picture, and what it answers, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from promptcdn.readers.clients import Client
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.readers.headers import CacheStatus, Outcome, Rendition
from promptcdn.url.request import Resolved

State = Literal["stored", "generating", "absent", "blocked", "removed"]


@dataclass(frozen=True)
class Asker:
    """Who asks, as far as it changes what is done for them.

    `until` is how long they wait for a new picture (by the monotonic clock), `making` whether one may be made for
    them, `condition` what they have already. What they start is charged to `client`; `image_proxy` is what the client
    says it is.
    """

    until: float
    client: Client
    image_proxy: bool = False
    making: bool = True
    condition: Condition = NOTHING


@dataclass(frozen=True)
class Answer:
    """A picture and how it came to be the answer. `location` is its seeded URL where the URL asked has no seed of its
    own, `until` the end of its calendar period."""

    rendition: Rendition
    outcome: Outcome
    status: CacheStatus
    location: str | None = None
    until: datetime | None = None

    @property
    def content_key(self) -> str:
        return self.rendition.content_key


_FROM_STORE = CacheStatus("store")


@dataclass(frozen=True)
class Unchanged:
    """The asker has the picture (304): `tag` names it. The other members are those of `Answer`."""

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
    """What is known of a seeded request without making anything.

    `stand_in` is the label of the rendition that stands in for the picture's lost master.
    """

    seed: int
    resolved: Resolved
    content_key: str
    state: State
    stand_in: str | None = None
