"""The answer to a request for one picture: a picture, where it is, a refusal or a failure.

Sources, read in November 2026: OpenAI's guide "Error codes" and what users quote of its errors (`moderation_blocked`,
`content_policy_violation`, `insufficient_quota`, `billing_hard_limit_reached`), Microsoft's page on its quota errors,
xAI's answers in the issues of Vercel's AI SDK (status 200 and no picture), hf-serve and stable-diffusion.cpp measured
(`{"detail": …}`, `{"error": "text"}`).
"""

import re
from dataclasses import dataclass
from typing import Any

from promptcdn.generators import Made
from promptcdn.generators.http import Reply, documents
from promptcdn.generators.http.statuses import failure
from promptcdn.problems import UPSTREAM_BUSY, UPSTREAM_GARBLED, UpstreamFailed

_FILTERED = re.compile(
    r"moderation_blocked|content_policy_violation|content_filter|safety_violation"
    r"|safety system|content policy|content moderation|\bnsfw\b|flagged by|violates? .{0,40}(policy|guidelines)",
    re.IGNORECASE,
)
# An account that is shut for what it was used for: a verdict on each prompt of that day would stay for ever.
_SHUT = re.compile(
    r"account_(deactivated|suspended)"
    r"|\b(account|organi[sz]ation|api key)\b.{0,60}\b(suspended|deactivated|disabled|banned|terminated)",
    re.IGNORECASE,
)
_UNPAID = re.compile(
    r"insufficient_quota|insufficient_credits|credit_balance|spend_limit|billing_(hard_limit|not_active)"
    r"|current quota|out of credits?|insufficient (credit|balance|funds)|not enough (credit|balance)|payment required",
    re.IGNORECASE,
)
_OVERLOADED = re.compile(r"overloaded|slow_down|slow down", re.IGNORECASE)
# Statuses with which a content filter refuses. A verdict is for ever: it takes the filter's own words, too.
_FILTERS = (400, 403, 422, 451)
_DATA_URL = re.compile(r"data:[a-z0-9.+/-]*;base64,", re.IGNORECASE)


@dataclass(frozen=True)
class Elsewhere:
    """The picture is at `url`."""

    url: str
    seed_echo: int


def read(reply: Reply, *, seed: int, engine: str, silent_filter: bool = False) -> Made | Elsewhere:
    """What the upstream answered; `silent_filter`: a list without pictures says that its filter took them.

    Raises `UpstreamFailed`. No text of the upstream's is shown: it may quote the key.
    """
    if reply.status != 200:
        words = _words(documents.error(reply.body))
        if reply.status in _FILTERS and _FILTERED.search(words) and not _SHUT.search(words):
            return Made(b"", seed_sent=seed, filtered=True)
        raise _failed(reply, words, engine)
    document = documents.fields(reply.body)
    item = _first(document)
    if _moderated(document, item) or (silent_filter and document.get("data") == []):
        return Made(b"", seed_sent=seed, filtered=True)
    echo = _echo(item, seed)
    coded, url = item.get("b64_json"), item.get("url")
    if isinstance(coded, str) and coded:
        return Made(_picture(coded, engine), seed_sent=seed, seed_echo=echo)
    if isinstance(url, str) and _DATA_URL.match(url):
        return Made(_picture(url, engine), seed_sent=seed, seed_echo=echo)
    if isinstance(url, str) and url:
        return Elsewhere(url, echo)
    raise _garbled(f"the upstream sent no picture for engine {engine}")


def _first(document: dict[str, Any]) -> dict[str, Any]:
    data = document.get("data")
    first = data[0] if isinstance(data, list) and data else {}
    return first if isinstance(first, dict) else {}


def _moderated(document: dict[str, Any], item: dict[str, Any]) -> bool:
    """Whether the answer says that the upstream's filter objects to the picture."""
    return any(each.get("respect_moderation") is False for each in (document, item))


def _echo(item: dict[str, Any], seed: int) -> int:
    """The seed that was used, where a seed was sent and the answer has one."""
    echo = item.get("seed")
    return echo if seed and isinstance(echo, int) and not isinstance(echo, bool) else 0


def _picture(coded: str, engine: str) -> bytes:
    picture = documents.file(coded)
    if picture is None:
        raise _garbled(f"the upstream sent no readable picture for engine {engine}")
    return picture


def _words(document: dict[str, Any]) -> str:
    """Code, kind and text of an error, in whatever form: `{"error": {…}}`, `{"error": text}`, `{"detail": …}`."""
    error = document.get("error")
    parts = error if isinstance(error, dict) else document
    found = [parts.get(name) for name in ("code", "type", "message", "error", "detail")]
    return " ".join(each for each in found if isinstance(each, str))


def _failed(reply: Reply, words: str, engine: str) -> UpstreamFailed:
    unpaid = 400 <= reply.status < 500 and bool(_UNPAID.search(words))
    failed = failure(reply.status, reply.headers, f"engine {engine}", unpaid=unpaid)
    if failed.kind is UPSTREAM_BUSY and failed.charged and _OVERLOADED.search(words):
        # The server itself says that it did not begin, and no gateway that lost it.
        return UpstreamFailed(UPSTREAM_BUSY, failed.detail, charged=False, pause=failed.pause)
    return failed


def _garbled(what: str) -> UpstreamFailed:
    return UpstreamFailed(UPSTREAM_GARBLED, what, charged=True)
