"""What `doctor` asks the upstream, without spending anything: whether it takes the key, and the account's balance.

Source: the service's OpenAPI document, `GET /v1/user/balance` → `{"credits": 12.5}`. The API has no list of the engines
of v2beta: those that this version knows are the list.
"""

from collections.abc import Sequence

from promptcdn.checks import Check
from promptcdn.generators.http import documents
from promptcdn.generators.http.reply import Reply
from promptcdn.generators.stability.access import ACCESS
from promptcdn.generators.stability.rest.engines import ENDPOINTS

BALANCE = "/v1/user/balance"


def checks(reply: Reply, engines: Sequence[str]) -> tuple[Check, ...]:
    """What the answer to the question about the balance shows, and which of `engines` the API has."""
    if reply.status in (401, 403):
        return (Check("key", False, "the upstream denies access", f"check {ACCESS}"),)
    return (*map(_engine, engines), _balance(reply))


def _engine(name: str) -> Check:
    if name in ENDPOINTS:
        return Check(f"engine {name}", True, "an engine of the REST API")
    return Check(f"engine {name}", False, "the REST API has no such engine", f"it has: {', '.join(ENDPOINTS)}")


def _balance(reply: Reply) -> Check:
    """A gateway in front of the API may have no accounts: an upstream without an answer is no fault."""
    left = _credits(reply)
    if left is None:
        return Check("balance", True, "the upstream has no answer")
    amount = f"{left:.2f}".rstrip("0").rstrip(".")
    return Check("balance", left > 0, f"{amount} credits", "" if left > 0 else "buy credits")


def _credits(reply: Reply) -> float | None:
    return documents.number(documents.fields(reply.body).get("credits")) if reply.status == 200 else None
