"""Every HTTP status of Stability's REST API, and what it means for us.

Source: the service's OpenAPI document (as in `engines`) for 400, 403, 413, 422, 429 and 500, with the names of errors
in its examples; its pages about v1 for 401 and 404; users' reports of 2025 and 2026 for 402 (`payment_required`).
Other statuses mean what they mean everywhere (`generators/http/statuses`).
"""

from collections.abc import Mapping

from promptcdn.generators.http import documents, pauses, statuses
from promptcdn.generators.http.reply import Reply
from promptcdn.problems import UPSTREAM_REFUSED, UpstreamFailed

# Names of errors by which the service refuses what is asked for, whatever their status: `content_moderation` with 403,
# `public_figure` with 422; `invalid_prompts` is v1's, with 400.
_FILTERED = frozenset({"content_moderation", "public_figure", "invalid_prompts"})
_UNPAID = frozenset({"payment_required", "insufficient_credits", "insufficient_balance"})
# Names of errors whose cause is clear enough to say it to readers.
_EXPLAINED = {"invalid_language": "the upstream takes prompts in English only"}
# Whoever asked too often is shut out for so long (150 requests in 10 s), and the answer has no Retry-After.
RATE_LIMITED_FOR = 60.0


def name(reply: Reply) -> str:
    """The name of the error in the body of an answer; empty where it has none."""
    found = documents.error(reply.body).get("name")
    return found if isinstance(found, str) else ""


def is_filter(reply: Reply) -> bool:
    """Whether the service refused the prompt itself."""
    return 400 <= reply.status < 500 and name(reply) in _FILTERED


def failure(reply: Reply, engine: str) -> UpstreamFailed:
    """What a call raises that was answered with a status that is no success.

    The answer's own words are only looked at: they may quote the key, the prompt or what the account holds.
    """
    error = name(reply)
    if error in _EXPLAINED and 400 <= reply.status < 500:
        return UpstreamFailed(UPSTREAM_REFUSED, _EXPLAINED[error], charged=False)
    unpaid = error in _UNPAID and 400 <= reply.status < 500
    return statuses.failure(reply.status, _paused(reply), f"engine {engine}", unpaid=unpaid)


def _paused(reply: Reply) -> Mapping[str, str]:
    if reply.status != 429 or pauses.named(reply.headers) is not None:
        return reply.headers
    return {**reply.headers, pauses.RETRY_AFTER: f"{RATE_LIMITED_FOR:g}"}
