"""Who asks for a picture, by the headers of the request.

It decides how long the answer waits for a new picture and what an error looks like, never which picture a URL shows.
A client that matches no rule is a program: it gets pictures and true statuses. A program that calls itself Chrome sends
no `Sec-Fetch-*` and `Accept: */*`, so it never gets a placeholder, which it would build into its site for ever.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum

from promptcdn.readers import fields, user_agents

# Field lines of a head, in order, names in lower case; a name may come twice.
FieldLines = Sequence[tuple[str, str]]

# The `Vary` of an answer that looks different to different clients: by these fields caches keep them apart.
VARY = ("Accept", "User-Agent", "Via")
_VARY = frozenset(name.lower() for name in VARY)

# The image proxy with the least patience is go-camo, which gives up after 4 s.
STORED_WAIT_MIN = 3.0


class Audience(Enum):
    """The kinds of clients that ask for pictures."""

    # Enum's own is computed in Python at each look-up in a table: a hit has one.
    __hash__ = object.__hash__

    IMAGE_PROXY = "an image proxy"
    IMG = "a browser's <img>"
    NAVIGATION = "a person's navigation"
    CRAWLER = "a crawler or a prefetch"
    PROGRAM = "a program"


# A fetch before anybody wants to see the picture: the Fetch standard's `Sec-Purpose`, and older names of it.
_PREFETCHED = ("sec-purpose", "purpose", "x-moz", "x-purpose")
_FETCH_METADATA = "sec-fetch-"


def is_read(name: str) -> bool:
    """Whether a field of that name (in lower case) has a part in who somebody is."""
    return name in _VARY or name in _PREFETCHED or name.startswith(_FETCH_METADATA)


def audience(headers: Mapping[str, str]) -> Audience:
    """Who sent `headers` (names in lower case)."""
    if _is_image_proxy(headers):
        return Audience.IMAGE_PROXY
    if _is_prefetched(headers):
        return Audience.CRAWLER
    agent = _field(headers, "user-agent")
    if any(previewer.token in agent for previewer in user_agents.PREVIEWERS):
        return Audience.PROGRAM
    if _is_crawler(agent):
        return Audience.CRAWLER
    return _reader(headers, agent)


def joined(lines: FieldLines) -> dict[str, str]:
    """The fields in `lines`: one that comes in several lines is the list of them all (RFC 9110 section 5.3)."""
    found: dict[str, list[str]] = {}
    for name, value in lines:
        found.setdefault(name, []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def is_decided_by_vary(lines: FieldLines) -> bool:
    """Whether the fields in `VARY` alone, as caches read them, decide whether an image proxy sent `lines`.

    If not, the answer may not be kept, or somebody can choose what others see. 1: they ask as camo does, with a
    `Sec-Fetch-Dest` beside. 2: a cache keeps the answer, which is for a browser. 3: camo asks, and is shown it.
    Nothing else about an audience changes what a cache may keep. A field in several lines does not count either, since
    some caches compare the first line and others all of them; nor does a value longer than we read, since caches may
    read on.
    """
    seen = [(name, value) for name, value in lines if name in _VARY]
    alone = dict(seen)
    if len(alone) != len(seen) or not all(map(fields.is_read_whole, alone.values())):
        return False
    return _is_image_proxy(alone) == _is_image_proxy(joined(lines))


def _is_image_proxy(headers: Mapping[str, str]) -> bool:
    # A chat's desktop program has its name in its User-Agent too, and is a browser inside: it sends Fetch Metadata.
    if any(name.startswith(_FETCH_METADATA) for name in headers):
        return False
    agent = _field(headers, "user-agent")
    # CDNs write their names into `Via` too, so only camo's counts.
    return any(proxy.token in agent for proxy in user_agents.IMAGE_PROXIES) or "camo" in _field(headers, "via")


def _is_prefetched(headers: Mapping[str, str]) -> bool:
    """Whether a browser asks before anybody wants to see the picture.

    What a prerendered page has in it is no prefetch, though it says so of itself: the page will be shown as it was
    rendered, and with it a refusal. The document that is prerendered is one.
    """
    if "prerender" in _field(headers, "sec-purpose") and headers.get("sec-fetch-dest", "document") != "document":
        return False
    return any(re.search("prefetch|preview", _field(headers, name)) for name in _PREFETCHED)


def _is_crawler(agent: str) -> bool:
    """Whether a User-Agent, in lower case, calls itself a crawler, and not one that fetches what people shared."""
    named = user_agents.CRAWLER.search(user_agents.HOSTS.sub("", agent))
    return named is not None and user_agents.PREVIEWER.search(agent) is None


def _reader(headers: Mapping[str, str], agent: str) -> Audience:
    """A browser or a program. Browsers send Fetch Metadata over https and to this machine; else `Accept` decides."""
    destination, mode = headers.get("sec-fetch-dest"), headers.get("sec-fetch-mode")
    if destination == "image":
        return Audience.IMG
    if mode == "navigate" or destination == "document":
        return Audience.NAVIGATION
    accept = _field(headers, "accept")
    if destination is not None or mode is not None or "mozilla/" not in agent:
        return Audience.PROGRAM
    if "text/html" in accept:
        return Audience.NAVIGATION
    return Audience.IMG if "image/" in accept else Audience.PROGRAM


def _field(headers: Mapping[str, str], name: str) -> str:
    return fields.text(headers.get(name, "")).lower()


def wait(who: Audience, asked: float | None, usual: float, image_proxys: float) -> float:
    """How many seconds an answer waits for a new picture: `asked` by the URL, else the `usual` wait.

    For an image proxy at most `image_proxys`: go-camo gives up after 4 s in all.
    """
    seconds = usual if asked is None else asked
    return min(seconds, image_proxys) if who is Audience.IMAGE_PROXY else seconds


def wait_for_stored(wait: float) -> float:
    """How many seconds an answer waits for what is stored, where it waits `wait` seconds for a new picture."""
    return max(wait, STORED_WAIT_MIN)
