"""How long caches may keep a picture, by why it is the answer: the table of pictures in `docs/caching.md`.

The policies of errors are in the rows of `problems`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from promptcdn.problems import NO_STORE, TOO_SLOW, kept

DAY, YEAR = 86_400, 31_536_000


class Outcome(Enum):
    """Why a picture is the answer, or why there is none yet."""

    # Enum's own is computed in Python at each look-up in a table: a hit has several.
    __hash__ = object.__hash__

    SEEDED = "seeded, stored"
    UNSTORED = "seeded, made but not yet stored"
    CALENDAR = "calendar seed"
    STAND_IN = "calendar seed, the last period's picture"
    SEEDLESS = "seedless, answered at once"
    AWAITED = "seedless, awaited"
    UNMADE = "HEAD of what is not made"
    PLACEHOLDER = "too slow, for an image proxy"


@dataclass(frozen=True)
class CachePolicy:
    """What the headers of one outcome say to caches. `{left}` is the seconds to the end of a calendar period.

    `validators`: the answer has `ETag` and `Last-Modified`, and may be answered with 304 (RFC 9110 sections 8.8, 13.1).
    `located`: `Content-Location` names the seeded URL of what is shown (RFC 9110 section 8.7).
    """

    cache_control: str
    validators: bool = False
    located: bool = False


# Of pictures; the policies of errors are in `problems`. Unless a row says otherwise its rule is RFC 9111 section
# 5.2.2.1, `max-age`; `stale-while-revalidate` and `stale-if-error` are RFC 5861's.
POLICIES: Mapping[Outcome, CachePolicy] = {
    # RFC 8246, `immutable`: the bytes of a seeded URL never change.
    Outcome.SEEDED: CachePolicy(f"public, max-age={YEAR}, immutable", validators=True),
    # The picture and its binding may still be lost, so caches keep it for a short time and cannot renew it.
    Outcome.UNSTORED: CachePolicy(kept(60), located=True),
    # RFC 5861 sections 3 and 4: caches reload in the background, and show yesterday's picture rather than none.
    Outcome.CALENDAR: CachePolicy(
        "public, max-age={left}, stale-while-revalidate=600, stale-if-error=86400", validators=True, located=True
    ),
    # It is not the picture of the present period, so it has no validator.
    Outcome.STAND_IN: CachePolicy(kept(5), located=True),
    # RFC 9111 section 5.2.2.5, `no-store`: the next view is another picture.
    Outcome.SEEDLESS: CachePolicy(NO_STORE, located=True),
    # A slow answer that may not be kept makes caches that collapse requests serve their clients one after the other.
    Outcome.AWAITED: CachePolicy(kept(2), located=True),
    # RFC 9110 section 8.6: a picture that was not made has no length, tag or date.
    Outcome.UNMADE: CachePolicy(kept(60)),
    # RFC 9111 section 5.2.2.2, `must-revalidate`: a stale placeholder is never shown, since the picture may be there.
    Outcome.PLACEHOLDER: CachePolicy(TOO_SLOW.cache_control),
}


def cache_control(outcome: Outcome, seconds_left: int = 0) -> str:
    """`Cache-Control` by outcome; `seconds_left` of a calendar period, which count as one at least."""
    return POLICIES[outcome].cache_control.format(left=max(1, seconds_left))
