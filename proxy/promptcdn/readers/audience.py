"""Who asks for a picture, by the headers of the request.

It decides how long the answer waits for a new picture and what an error looks like, never which picture a URL shows.
A client that matches no rule is a program: it gets pictures and true statuses. A program that calls itself Chrome sends
no `Sec-Fetch-*` and `Accept: */*`, so it never gets a placeholder, which it would build into its site for ever.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from promptcdn.readers import fields

# Field lines of a head, in order, names in lower case; a name may come twice.
FieldLines = Sequence[tuple[str, str]]

# The `Vary` of an answer that looks different to different clients: by these fields caches keep them apart.
VARY = ("Accept", "User-Agent", "Via")
_VARY = frozenset(name.lower() for name in VARY)

# The image proxy with the least patience is go-camo, which gives up after 4 s.
STORED_WAIT_MIN = 3.0


class Audience(Enum):
    """The kinds of clients that ask for pictures."""

    IMAGE_PROXY = "an image proxy"
    IMG = "a browser's <img>"
    NAVIGATION = "a person's navigation"
    CRAWLER = "a crawler or a prefetch"
    PROGRAM = "a program"


class Fetcher(NamedTuple):
    """A part of a User-Agent in lower case, who sends it, and the source that says so."""

    token: str
    who: str
    source: str


# They give up early, or ask again soon: after a few seconds they are shown a placeholder.
IMAGE_PROXIES = (
    Fetcher(
        "github-camo",
        "GitHub, in READMEs and issues",
        "seen in the logs of many sites; GitHub's docs on anonymized URLs",
    ),
    Fetcher("go-camo", "go-camo: forums, PyPI, Gitea and the like", "its source, pkg/camo/proxy"),
    Fetcher("camo asset proxy", "atmos/camo", "its source, server.coffee"),
    Fetcher("slack-imgproxy", "Slack, pictures", "api.slack.com/robots"),
    Fetcher("slackbot", "Slack, previews of links", "api.slack.com/robots"),
    Fetcher("discordbot", "Discord, previews of links", "the address in its User-Agent"),
    Fetcher(
        "intel mac os x 10.10; rv:38.0) gecko/20100101 firefox/38.0",
        "Discord, pictures",
        "discord-api-docs, issue 1600; nobody browses with a Firefox of 2015",
    ),
    Fetcher(
        "intel mac os x 11.6; rv:92.0) gecko/20100101 firefox/92.0",
        "Discord, pictures since 2024",
        "discord-api-docs, issue 6694; a real Firefox 92 calls every macOS 10.15",
    ),
    Fetcher("googleimageproxy", "Gmail", "Google's help on images in Gmail"),
    Fetcher("yahoomailproxy", "Yahoo Mail", "the address in its User-Agent"),
    Fetcher("ms-office", "Outlook", "its User-Agent, as Microsoft documents it"),
    Fetcher("twitterbot", "X", "X's docs on cards"),
    Fetcher(
        "facebookexternalhit",
        "Facebook; iMessage, LINE and KakaoTalk, which name it too",
        "Meta's docs on web crawlers; crawler-user-agents",
    ),
    Fetcher("linkedinbot", "LinkedIn", "the address in its User-Agent"),
    Fetcher("telegrambot", "Telegram", "its User-Agent: TelegramBot (like TwitterBot)"),
    Fetcher(
        "whatsapp/", "WhatsApp; Signal, which names it too", "Meta's docs on web crawlers; Signal-Android, issue 13522"
    ),
    Fetcher("skypeuripreview", "Skype and Teams", "device-detector, its list of bots"),
    Fetcher("mattermost-bot", "Mattermost", "its source, the HTTP service"),
    Fetcher("synapse (bot", "Matrix", "its source, the URL previews"),
    Fetcher("zulipurlpreview", "Zulip", "its source, the URL previews"),
    Fetcher("iframely", "Iframely", "iframely.com/docs/about"),
    Fetcher("embedly", "Embedly", "docs.embed.ly"),
)
# They keep for good what they fetched once, a placeholder too: they are answered as programs are. They are listed since
# most of them call themselves bots, and are no crawlers: each fetches one picture because a person shared it.
PREVIEWERS = (
    Fetcher("bluesky cardyb", "Bluesky", "bluesky-social/social-app, issue 6521"),
    Fetcher("mastodon/", "Mastodon", "its source, app/lib/request.rb; the word Bot: mastodon, pull request 14248"),
    Fetcher("pleroma", "Pleroma", "its source, Pleroma.Web.RichMedia"),
    Fetcher("akkoma", "Akkoma", "its source, Pleroma.Web.RichMedia"),
    Fetcher("summalybot", "Misskey", "misskey-dev/summaly, its README"),
    Fetcher("reddit.com/feedback", "Reddit, thumbnails", "the address in its User-Agent"),
    Fetcher("snap url preview service", "Snapchat", "developers.snap.com/robots"),
    Fetcher("viberurldownloader", "Viber", "device-detector, its list of bots"),
    Fetcher("viber/", "Viber, on the sender's telephone", "seen in logs: Viber/20.9.0.8 CFNetwork"),
    Fetcher("https://notion.so", "Notion", "crawler-user-agents: Notion/1.0 (https://notion.so; …)"),
    Fetcher("nextcloud server crawler", "Nextcloud", "its source, Http/Client/Client.php"),
    Fetcher("nextcloud-server-crawler", "Nextcloud, later versions", "its manual for developers"),
    Fetcher("meta-externalfetcher", "Meta, links that a person opens", "Meta's docs on web crawlers"),
    Fetcher("chatgpt-user", "ChatGPT, links that a person opens", "OpenAI's docs on its crawlers"),
)
# Whatever else says that it makes previews. BingPreview makes those of a search engine.
_PREVIEWER = re.compile(r"(?<!bing)preview|unfurl")
# Whatever else calls itself a bot. CUBOT is a brand of telephones.
_CRAWLER = re.compile(
    r"(?<!cu)bot\b|crawler|spider|slurp|mediapartners-google|googleother|google-inspectiontool|bingpreview|ia_archiver|feedfetcher|yandeximages|heritrix"
)
# The hosts of addresses: redbot.org is no word of REDbot about itself. Paths count, since many crawlers call themselves
# crawlers nowhere else: `Yeti/1.1; +http://naver.me/bot`.
_HOSTS = re.compile(r"(?<=://)[^\s/;,)]*|(?<=@)[^\s;,)]*")
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
    if any(previewer.token in agent for previewer in PREVIEWERS):
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
    return any(proxy.token in agent for proxy in IMAGE_PROXIES) or "camo" in _field(headers, "via")


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
    named = _CRAWLER.search(_HOSTS.sub("", agent))
    return named is not None and _PREVIEWER.search(agent) is None


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
