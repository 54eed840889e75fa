"""The rows of headers.md: the headers of answers, and those of requests that decide something.

A test compares the names with those that the code has, in both directions.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """One header.

    name     as standards write it
    where    which answers have it, or which requests it is read of
    meaning  what it says here, or what it decides
    source   where it is defined
    """

    name: str
    where: str
    meaning: str
    source: str


_FETCH = "Fetch standard"
_LIMITS = "draft-ietf-httpapi-ratelimit-headers"

OF_ANSWERS = (
    Header(
        "Access-Control-Allow-Headers", "`OPTIONS`", "Scripts of any site may send any header, also a token.", _FETCH
    ),
    Header("Access-Control-Allow-Methods", "`OPTIONS`", "The methods that the path allows.", _FETCH),
    Header(
        "Access-Control-Allow-Origin", "all but 304", "Always `*`: scripts of any site may read the answer.", _FETCH
    ),
    Header("Access-Control-Expose-Headers", "all but 304", "Always `*`: scripts may read each header.", _FETCH),
    Header("Access-Control-Max-Age", "`OPTIONS`", "A browser keeps this answer for a day.", _FETCH),
    Header("Allow", "405, `OPTIONS`", "The methods that the path allows.", "RFC 9110"),
    Header(
        "Cache-Control", "all", "How long caches may keep the answer: [the table](caching.md#pictures).", "RFC 9111"
    ),
    Header("Cache-Status", "pictures", "Whether the picture was in memory, in the store, or made for it.", "RFC 9211"),
    Header("Connection", "refused before it was read", "`close`: what follows on it is not read.", "RFC 9110"),
    Header("Content-Disposition", "pictures", "The name that the picture has when it is saved.", "RFC 6266"),
    Header("Content-Length", "all with a body", "The size of the body in bytes.", "RFC 9110"),
    Header(
        "Content-Location",
        "pictures without a seed or with one of the calendar",
        "The URL with a seed that shows this picture for ever; its permalink where that URL is too long.",
        "RFC 9110",
    ),
    Header(
        "Content-Security-Policy",
        "pictures, pages",
        "A picture opened as a document runs and loads nothing; a page loads its own files alone.",
        "Content Security Policy Level 3",
    ),
    Header("Content-Type", "all with a body", "The media type of the body.", "RFC 9110"),
    Header("Cross-Origin-Resource-Policy", "all but 304", "`cross-origin`: pages of any site show it.", _FETCH),
    Header("Date", "all", "When the answer was made.", "RFC 9110"),
    Header("ETag", "pictures that caches keep, texts", "The version of the file, for `If-None-Match`.", "RFC 9110"),
    Header("Last-Modified", "pictures that caches keep", "When the picture was made.", "RFC 9110"),
    Header("Link", "pictures", '`rel="canonical"`: the permalink of this very picture.', "RFC 8288, RFC 6596"),
    Header(
        "Promptcdn-Status",
        "errors that an image proxy gets as a picture",
        "The status that other clients get; an image proxy gets 200, since it shows nothing else.",
        "this project",
    ),
    Header("RateLimit", "429", "What is left of the limit, and when it is renewed.", _LIMITS),
    Header("RateLimit-Policy", "429", "The limit.", _LIMITS),
    Header("Referrer-Policy", "the playground", "Other sites are not told the address of the page.", "Referrer Policy"),
    Header("Repr-Digest", "pictures", "The SHA-256 of the file.", "RFC 9530"),
    Header("Retry-After", "some errors", "In how many seconds another try may help.", "RFC 9110"),
    Header("Server-Timing", "all but 304", "How long it took until the answer began.", "Server Timing"),
    Header("Timing-Allow-Origin", "all but 304", "`*`: scripts of any site may measure.", "Resource Timing"),
    Header("Vary", "answers that differ", "The headers of the request that the answer depends on.", "RFC 9110"),
    Header("WWW-Authenticate", "401", "What is needed: a token, or a signature of the chat's servers.", "RFC 9110"),
    Header("X-Content-Type-Options", "all but 304", "`nosniff`: the media type is the one that is said.", _FETCH),
    Header("X-Request-ID", "all but 304", "The id of this request in the log of the service.", "common use"),
    Header("X-Should-Retry", "errors below `/v1/`", "Whether OpenAI's clients try again by themselves.", "OpenAI"),
)

OF_REQUESTS = (
    Header("Accept", "pictures", "The format of `format=auto`; whether an error is a picture.", "RFC 9110"),
    Header("Authorization", "`/v1/`, `/work/`, what the operator sees", "The token, behind `Bearer`.", "RFC 6750"),
    Header("Content-Length", "all", "Where the body ends; too large a body is refused.", "RFC 9112"),
    Header("Content-Type", "`/v1/`, `/mcp`", "How the body is read.", "RFC 9110"),
    Header(
        "Expect", "all with a body", "`100-continue`: the client is told to go on before it sends the body.", "RFC 9110"
    ),
    Header("Forwarded", "from trusted proxies", "Which client is charged for a new picture.", "RFC 7239"),
    Header("Host", "all", "One has to be there, and valid. It decides nothing.", "RFC 9112"),
    Header("If-Modified-Since", "pictures", "304 where the picture is not newer.", "RFC 9110"),
    Header("If-None-Match", "pictures, texts", "304 where the client has this version.", "RFC 9110"),
    Header("Purpose", "pictures", "A prefetch has no picture made.", "older browsers"),
    Header("Sec-Fetch-Dest", "pictures", "Whether an `<img>` asks, or a person.", "Fetch Metadata"),
    Header("Sec-Fetch-Mode", "pictures", "The same.", "Fetch Metadata"),
    Header("Sec-Purpose", "pictures", "A prefetch has no picture made.", _FETCH),
    Header("Transfer-Encoding", "all", "Where the body ends.", "RFC 9112"),
    Header("User-Agent", "pictures", "[Who asks](caching.md#who-asks).", "RFC 9110"),
    Header("Via", "pictures", "Whether GitHub's image proxy asks: `camo`.", "RFC 9110"),
    Header("X-Forwarded-For", "from trusted proxies", "Which client is charged for a new picture.", "common use"),
    Header("X-Moz", "pictures", "A prefetch has no picture made.", "older browsers"),
    Header("X-Purpose", "pictures", "A prefetch has no picture made.", "older browsers"),
    Header("X-Signature-Ed25519", "`/discord/…`", "That Discord sent the message.", "Discord"),
    Header("X-Signature-Timestamp", "`/discord/…`", "The same.", "Discord"),
    Header("X-Slack-Request-Timestamp", "`/slack/…`", "That Slack sent the message.", "Slack"),
    Header("X-Slack-Signature", "`/slack/…`", "The same.", "Slack"),
)
