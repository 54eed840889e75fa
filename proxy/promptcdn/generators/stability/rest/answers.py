"""The answer to one call: whether it is a picture, a refusal or a failure."""

import re

from promptcdn.generators import Made
from promptcdn.generators.http.reply import Reply
from promptcdn.generators.stability.rest import statuses
from promptcdn.problems import UPSTREAM_GARBLED, UpstreamFailed


def read(reply: Reply, *, seed: int, engine: str) -> Made:
    """What `reply` comes to; `seed` (0: none was sent) and `engine` are what was asked for. Raises `UpstreamFailed`.

    A picture whose `finish-reason` is CONTENT_FILTERED is blurred: it is no picture. Whether the bytes are a picture
    is not looked at here.
    """
    if statuses.is_filter(reply):
        return Made(b"", seed_sent=seed, filtered=True)
    if reply.status != 200:
        raise statuses.failure(reply, engine)
    reason = reply.headers.get("finish-reason", "").strip().upper()
    if reason == "CONTENT_FILTERED":
        return Made(b"", seed_sent=seed, filtered=True)
    if reason not in ("", "SUCCESS"):
        raise UpstreamFailed(UPSTREAM_GARBLED, f"the upstream broke off for engine {engine}", charged=True)
    return Made(reply.body, seed_sent=seed, seed_echo=_echo(reply.headers.get("seed", "")) if seed else 0)


def _echo(text: str) -> int:
    """The seed that the upstream says it used; 0, which says nothing, where that is no number."""
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text.strip()) else 0
