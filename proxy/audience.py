"""Who asks: told by a request's head, it decides how long a new picture is awaited and what an error looks like.

Only the patience and the looks follow from it, never which picture a URL shows. What nobody knows is a program: it
gets pictures and true statuses. A program that calls itself Chrome sends no `Sec-Fetch-*` and `Accept: */*`, so it
never gets a placeholder, which would be built into its site for ever.
"""

import re
from collections.abc import Mapping
from enum import Enum


class Audience(Enum):
    """Everybody who asks for pictures."""

    IMAGE_PROXY = "an image proxy"
    IMG = "a browser's <img>"
    NAVIGATION = "a person's navigation"
    CRAWLER = "a crawler or a prefetch"
    PROGRAM = "a program"


# Letters of a User-Agent, in lower case, and who sends them. Sources: the sources of go-camo and atmos/camo, and the
# pages on which the others publish how they call themselves.
IMAGE_PROXIES: Mapping[str, str] = {
    "github-camo": "GitHub, in READMEs and issues",
    "go-camo": "go-camo: forums, PyPI, Gitea and the like",
    "camo asset proxy": "atmos/camo",
    "slack-imgproxy": "Slack, pictures",
    "slackbot": "Slack, previews of links",
    "discordbot": "Discord, previews of links",
    "rv:38.0) gecko/20100101 firefox/38.0": "Discord, pictures: nobody browses with a Firefox of 2015",
    "googleimageproxy": "Gmail",
    "yahoomailproxy": "Yahoo Mail",
    "ms-office": "Outlook",
    "microsoft outlook": "Outlook",
    "twitterbot": "X",
    "facebookexternalhit": "Facebook",
    "linkedinbot": "LinkedIn",
    "telegrambot": "Telegram",
    "whatsapp": "WhatsApp",
    "mattermost": "Mattermost",
    "synapse": "Matrix",
    "zulip": "Zulip",
    "iframely": "Iframely",
    "embedly": "Embedly",
    "notion": "Notion",
    "applebot": "iMessage",
}
# Whatever calls itself a bot; a CUBOT is a telephone.
_CRAWLER = re.compile(
    r"(?<!cu)bot\b|crawler|spider|slurp|googleother|google-inspectiontool|bingpreview|ia_archiver|feedfetcher|yandeximages"
)
# Fetched before anybody wants to see it: the Fetch standard's `Sec-Purpose`, and its elders.
_PREFETCHED = ("sec-purpose", "purpose", "x-moz", "x-purpose")


def audience(headers: Mapping[str, str]) -> Audience:
    """Who sent `headers` (names in lower case)."""
    agent = headers.get("user-agent", "").lower()
    # CDNs name themselves in `Via` too: only a camo is meant.
    if any(token in agent for token in IMAGE_PROXIES) or "camo" in headers.get("via", "").lower():
        return Audience.IMAGE_PROXY
    if any(re.search("prefetch|preview", headers.get(name, "").lower()) for name in _PREFETCHED):
        return Audience.CRAWLER
    if _CRAWLER.search(agent):
        return Audience.CRAWLER
    return _reader(headers, agent)


def _reader(headers: Mapping[str, str], agent: str) -> Audience:
    """Browsers say what they fetch for (Fetch Metadata), over https and on this machine; else `Accept` tells."""
    destination, mode = headers.get("sec-fetch-dest"), headers.get("sec-fetch-mode")
    if destination == "image":
        return Audience.IMG
    if mode == "navigate" or destination == "document":
        return Audience.NAVIGATION
    accept = headers.get("accept", "").lower()
    if destination is not None or mode is not None or "mozilla/" not in agent:
        return Audience.PROGRAM
    if "text/html" in accept:
        return Audience.NAVIGATION
    return Audience.IMG if "image/" in accept else Audience.PROGRAM


def patience(who: Audience, asked: float | None, usual: float, proxys: float) -> float:
    """How many seconds a request waits for a new picture: `asked` for by its URL, else the `usual` ones.

    An image proxy has given up by then (go-camo after 4 s in all): `proxys` at the most.
    """
    wait = usual if asked is None else asked
    return min(wait, proxys) if who is Audience.IMAGE_PROXY else wait
