"""Who asks: told by a request's head, it decides how long a new picture is awaited and what an error looks like.

Only the patience and the looks follow from it, never which picture a URL shows. What nobody knows is a program: it
gets pictures and true statuses. A program that calls itself Chrome sends no `Sec-Fetch-*` and `Accept: */*`, so it
never gets a placeholder, which would be built into its site for ever.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from promptcdn.readers import fields

# Field lines of a head, in order, names in lower case; a name may come twice.
Lines = Sequence[tuple[str, str]]

# The fields by which caches tell askers apart: the `Vary` of what looks different to different people.
VARY = ("Accept", "User-Agent", "Via")
_VARY = frozenset(name.lower() for name in VARY)

# What go-camo, the most impatient, leaves time for.
LOOK_SECONDS = 3.0


class Audience(Enum):
    """Everybody who asks for pictures."""

    IMAGE_PROXY = "an image proxy"
    IMG = "a browser's <img>"
    NAVIGATION = "a person's navigation"
    CRAWLER = "a crawler or a prefetch"
    PROGRAM = "a program"


class Known(NamedTuple):
    """An image proxy: letters of its User-Agent in lower case, who sends them, and where they say so."""

    token: str
    who: str
    source: str


IMAGE_PROXIES = (
    Known(
        "github-camo",
        "GitHub, in READMEs and issues",
        "seen in the logs of many sites; GitHub's docs on anonymized URLs",
    ),
    Known("go-camo", "go-camo: forums, PyPI, Gitea and the like", "its source, pkg/camo/proxy"),
    Known("camo asset proxy", "atmos/camo", "its source, server.coffee"),
    Known("slack-imgproxy", "Slack, pictures", "api.slack.com/robots"),
    Known("slackbot", "Slack, previews of links", "api.slack.com/robots"),
    Known("discordbot", "Discord, previews of links", "the address in its User-Agent"),
    Known(
        "intel mac os x 10.10; rv:38.0) gecko/20100101 firefox/38.0",
        "Discord, pictures",
        "seen in the logs of many sites; nobody browses with a Firefox of 2015",
    ),
    Known("googleimageproxy", "Gmail", "Google's help on images in Gmail"),
    Known("yahoomailproxy", "Yahoo Mail", "the address in its User-Agent"),
    Known("ms-office", "Outlook", "its User-Agent, as Microsoft documents it"),
    Known("twitterbot", "X", "X's docs on cards"),
    Known("facebookexternalhit", "Facebook", "Meta's docs on web crawlers"),
    Known("linkedinbot", "LinkedIn", "the address in its User-Agent"),
    Known("telegrambot", "Telegram", "its User-Agent: TelegramBot (like TwitterBot)"),
    Known("whatsapp/", "WhatsApp", "Meta's docs on web crawlers"),
    Known("mattermost-bot", "Mattermost", "its source, the HTTP service"),
    Known("synapse (bot", "Matrix", "its source, the URL previews"),
    Known("zulipurlpreview", "Zulip", "its source, the URL previews"),
    Known("iframely", "Iframely", "iframely.com/docs/about"),
    Known("embedly", "Embedly", "docs.embed.ly"),
)
# Whatever calls itself a bot; a CUBOT is a telephone.
_CRAWLER = re.compile(
    r"(?<!cu)bot\b|crawler|spider|slurp|mediapartners-google|googleother|google-inspectiontool|bingpreview|ia_archiver|feedfetcher|yandeximages"
)
# Fetched before anybody wants to see it: the Fetch standard's `Sec-Purpose`, and its elders.
_PREFETCHED = ("sec-purpose", "purpose", "x-moz", "x-purpose")


def audience(headers: Mapping[str, str]) -> Audience:
    """Who sent `headers` (names in lower case)."""
    if _is_image_proxy(headers):
        return Audience.IMAGE_PROXY
    agent = _said(headers, "user-agent")
    if any(re.search("prefetch|preview", _said(headers, name)) for name in _PREFETCHED):
        return Audience.CRAWLER
    if _CRAWLER.search(agent):
        return Audience.CRAWLER
    return _reader(headers, agent)


def joined(lines: Lines) -> dict[str, str]:
    """The fields in `lines`: one that comes in several lines is the list of them all (RFC 9110 section 5.3)."""
    found: dict[str, list[str]] = {}
    for name, value in lines:
        found.setdefault(name, []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def told_by_vary(lines: Lines) -> bool:
    """Whether caches that go by `VARY` know as well as we do whether an image proxy sent `lines`.

    Nothing else of an audience changes what a cache may keep. 1: somebody asks as camo does, and says `Sec-Fetch-Dest`
    beside. 2: the answer for a browser is kept. 3: camo asks, and is shown it. So what another field decided is nobody
    else's; what came in several lines either, since some caches compare the first line and others all of them; and
    what is longer than we read, since they may read on.
    """
    seen = [(name, value) for name, value in lines if name in _VARY]
    alone = dict(seen)
    if len(alone) != len(seen) or not all(map(fields.is_read_whole, alone.values())):
        return False
    return _is_image_proxy(alone) == _is_image_proxy(joined(lines))


def _is_image_proxy(headers: Mapping[str, str]) -> bool:
    # Chats have desktop programs too, which name themselves and are browsers inside: those say what they fetch for.
    if any(name.startswith("sec-fetch-") for name in headers):
        return False
    agent = _said(headers, "user-agent")
    # CDNs name themselves in `Via` too: only a camo is meant.
    return any(known.token in agent for known in IMAGE_PROXIES) or "camo" in _said(headers, "via")


def _reader(headers: Mapping[str, str], agent: str) -> Audience:
    """Browsers say what they fetch for (Fetch Metadata), over https and on this machine; else `Accept` tells."""
    destination, mode = headers.get("sec-fetch-dest"), headers.get("sec-fetch-mode")
    if destination == "image":
        return Audience.IMG
    if mode == "navigate" or destination == "document":
        return Audience.NAVIGATION
    accept = _said(headers, "accept")
    if destination is not None or mode is not None or "mozilla/" not in agent:
        return Audience.PROGRAM
    if "text/html" in accept:
        return Audience.NAVIGATION
    return Audience.IMG if "image/" in accept else Audience.PROGRAM


def _said(headers: Mapping[str, str], name: str) -> str:
    return fields.text(headers.get(name, "")).lower()


def patience(who: Audience, asked: float | None, usual: float, proxys: float) -> float:
    """How many seconds a request waits for a new picture: `asked` for by its URL, else the `usual` ones.

    An image proxy has given up by then (go-camo after 4 s in all): `proxys` at the most.
    """
    wait = usual if asked is None else asked
    return min(wait, proxys) if who is Audience.IMAGE_PROXY else wait


def attention(patience: float) -> float:
    """How many seconds somebody who waits `patience` for a new picture waits for what is stored: three at the least."""
    return max(patience, LOOK_SECONDS)
