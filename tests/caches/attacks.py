"""What a request may say beside `Accept`, `User-Agent` and `Via`, by which caches tell askers apart; and those three
said in ways that a cache and a service may read differently."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Lines = tuple[tuple[str, str], ...]

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
_PICTURES = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
_PAGES = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"

# The readers whom somebody might want to show something else. GitHub's camo passes its reader's `Accept` on.
VICTIMS: Mapping[str, Lines] = {
    "camo": (("user-agent", "github-camo (1a2b3c4d)"), ("accept", _PICTURES)),
    "a camo known by Via": (("user-agent", CHROME), ("accept", _PICTURES), ("via", "1.1 my-camo")),
    "Slack": (("user-agent", "Slack-ImgProxy 0.19 (+https://api.slack.com/robots)"), ("accept", "*/*")),
    "an <img>": (
        *(("user-agent", CHROME), ("accept", _PICTURES)),
        *(("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-site", "cross-site")),
    ),
    "an <img> over http": (("user-agent", CHROME), ("accept", _PICTURES)),
    "a navigation": (
        *(("user-agent", CHROME), ("accept", _PAGES)),
        *(("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "none")),
    ),
    "curl": (("user-agent", "curl/8.16.0"), ("accept", "*/*")),
}
# Those who are asked like, each for all who are known in the same way.
ATTACKED = ("camo", "a camo known by Via", "an <img>", "curl")


@dataclass(frozen=True)
class Attack:
    """What becomes of a victim's head before somebody else sends it; with the victim's method, if it has none."""

    head: Callable[[Lines], Lines]
    method: str | None = None
    body: bytes | None = None


def _and(name: str, value: str) -> tuple[str, Attack]:
    return f"{name}: {value}", Attack(lambda lines: (*lines, (name, value)))


def _instead(name: str, value: str) -> tuple[str, Attack]:
    def head(lines: Lines) -> Lines:
        return (*(line for line in lines if line[0] != name), (name, value))

    return f"{name}: {value}, instead", Attack(head)


def _before(name: str, value: str) -> tuple[str, Attack]:
    return f"{name}: {value}, before", Attack(lambda lines: ((name, value), *lines))


def _split(lines: Lines) -> Lines:
    """Each value in a line for each of what stands between its commas: as a list, that is the same."""
    return tuple((name, part.strip()) for name, value in lines for part in value.split(","))


_METHODS = ("HEAD", "OPTIONS", "POST")

ATTACKS: Mapping[str, Attack] = dict(
    [
        ("nothing", Attack(lambda lines: lines)),
        # Who asks, and what for.
        *(_and("sec-fetch-dest", value) for value in ("image", "document", "empty")),
        _and("sec-fetch-mode", "navigate"),
        *(_and(name, "?1") for name in ("sec-fetch-user", "sec-fetch-made-up", "sec-gpc")),
        *(_and(name, "prefetch") for name in ("sec-purpose", "purpose", "x-moz")),
        _and("x-purpose", "preview"),
        *(_and(name, "1") for name in ("save-data", "dpr", "width")),
        # Through whom, and to where.
        _and("x-forwarded-for", "203.0.113.7"),
        _and("forwarded", "for=203.0.113.7;host=evil.example;proto=https"),
        *(_and(f"x-forwarded-{name}", "evil.example") for name in ("host", "proto", "prefix")),
        *(_instead("host", value) for value in ("evil.example", "no host")),
        _and("x-original-url", "/healthz"),
        _and("x-http-method-override", "HEAD"),
        # What is had, and what is wanted of it.
        *(_and("if-none-match", value) for value in ("*", '"0123456789abcdef.0123456789abcdef"')),
        _and("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        _and("if-match", '"0123456789abcdef"'),
        *(_and("range", value) for value in ("bytes=0-9", "bytes=9999999-")),
        *(_and("accept-encoding", value) for value in ("gzip", "identity;q=0")),
        _and("accept-language", "de"),
        _and("prefer", "wait=0"),
        *(_and("cache-control", value) for value in ("no-cache", "only-if-cached")),
        _and("authorization", "Bearer x"),
        *(_and(name, "https://evil.example/") for name in ("origin", "referer")),
        _and("cookie", "a=b"),
        # How it is sent.
        *(_and("connection", f"close, {name}") for name in ("user-agent", "via", "accept", "sec-fetch-dest")),
        *(_and(name, value) for name, value in (("te", "trailers"), ("upgrade", "websocket"))),
        _and("expect", "100-continue"),
        ("a body", Attack(lambda lines: lines, body=b"hello")),
        *((f"as {method}", Attack(lambda lines: lines, method=method)) for method in _METHODS),
        # The three that caches look at: other values, and more lines than one.
        *(_instead("via", value) for value in ("1.1 slackbot", "1.1 xcamo")),
        *(_instead("user-agent", value) for value in ("xcamo", "Mozilla/5.0 (Windows NT 6.1; rv:38.0) Gecko/20100101")),
        *(_and("user-agent", value) for value in ("github-camo", "curl")),
        *(_before("user-agent", value) for value in ("github-camo", "curl")),
        *(_and("via", value) for value in ("camo", "1.1 x")),
        *(_before("via", value) for value in ("camo", "1.1 x")),
        *(_and("accept", value) for value in ("image/png", "*/*")),
        *(_before("accept", value) for value in ("image/png", "*/*")),
        ("a line for each item", Attack(_split)),
        # What our own files say to themselves.
        _and("promptcdn-image-proxy", "yes"),
    ]
)
