"""What a service that runs with these settings says of itself, as `/readyz` tells: a breaker that is open is known to
the service alone."""

import json
from collections.abc import Iterator
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from promptcdn.checks import Check

if TYPE_CHECKING:
    from promptcdn.settings import Settings

_PATIENCE = 5.0  # its own look at the parts takes 2 s at most
_LARGEST = 1_000_000
_ADVICE = "docs/telemetry.md#readiness says what still works, and what to do"


def running(chosen: "Settings") -> tuple[Check, ...]:
    """The parts that the service at the address of the settings finds not ready. Blocking.

    It is asked without the operator's token first: somebody else may listen there.
    """
    where = chosen.address(chosen.port)
    found = _readiness(where)
    if found is None:
        return (Check("running service", True, f"none answers at {where}: what a running one knows was not looked at"),)
    if found["ready"] is not True and "parts" not in found and chosen.admin_token:
        found = _readiness(where, chosen.admin_token.get_secret_value()) or found
    if found["ready"] is True:
        return (Check("running service", True, f"the one at {where} is ready"),)
    red = tuple(_red(found.get("parts"), where))
    unseen = Check(
        "running service", False, f"the one at {where} is not ready", "set PROMPTCDN_ADMIN_TOKEN as it has it"
    )
    return red or (unseen,)


def _red(parts: Any, where: str) -> Iterator[Check]:
    for name, part in parts.items() if isinstance(parts, dict) else ():
        if isinstance(part, dict) and part.get("ready") is not True:
            yield Check(f"running service: {name}", False, f"at {where}: {part.get('detail')}", _ADVICE)


def _readiness(where: str, token: str = "") -> dict[str, Any] | None:
    """What `/readyz` says; `None` where nobody answers, or somebody else."""
    request = Request(f"{where}/readyz")  # noqa: S310 - http, and nothing else
    if token:
        # A header of the usual kind would follow a redirect to whomever it names.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        try:
            answer = build_opener(ProxyHandler({})).open(request, timeout=_PATIENCE)
        except HTTPError as error:  # 503 where a part is not ready
            answer = error
        with answer:
            found = json.loads(answer.read(_LARGEST))
    except (OSError, HTTPException, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "ready" in found else None
