"""What `doctor` asks the upstream, without spending anything: its engines and the account's balance."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from grpc.aio import AioRpcError, Channel

from promptcdn.checks import Check
from promptcdn.generators.stability.access import ACCESS
from promptcdn.generators.stability.grpc import stubs

Metadata = tuple[tuple[str, str], ...]
# A method's path, its request and the type of its answer → the answer.
_Ask = Callable[[str, Any, Any], Awaitable[Any]]


async def checks(channel: Channel, metadata: Metadata, engines: Sequence[str], patience: float) -> tuple[Check, ...]:
    """Which of `engines` the upstream has, and the balance where it tells; `patience` in seconds for each question."""
    ask = partial(_call, channel, metadata, patience)
    listed = await _engines(ask)
    if isinstance(listed, Check):
        return (listed,)
    return (*(_engine(name, listed) for name in engines), await _balance(ask))


async def _engines(ask: _Ask) -> dict[str, bool] | Check:
    """Whether each engine is ready, by its id."""
    request, answer = stubs.engines.ListEnginesRequest, stubs.engines.Engines
    try:
        engines = await ask("EnginesService/ListEngines", request(), answer)
    except AioRpcError as error:
        advice = f"check {ACCESS}" if error.code().name in ("UNAUTHENTICATED", "PERMISSION_DENIED") else ""
        return Check("engines", False, f"the upstream answered {error.code().name}", advice)
    return {engine.id: engine.ready for engine in engines.engine}


def _engine(name: str, listed: dict[str, bool]) -> Check:
    if name not in listed:
        return Check(f"engine {name}", False, "the upstream has no such engine", f"it has: {', '.join(sorted(listed))}")
    if not listed[name]:
        return Check(f"engine {name}", False, "not ready", "wait until the upstream has loaded it")
    return Check(f"engine {name}", True, "ready")


async def _balance(ask: _Ask) -> Check:
    """The balance of the account. Self-hosted servers have no accounts: an upstream without an answer is no fault."""
    try:
        me = await ask("DashboardService/GetMe", stubs.dashboard.EmptyRequest(), stubs.dashboard.User)
        member = next((member for member in me.organizations if member.is_default), None) or me.organizations[0]
        request = stubs.dashboard.GetOrganizationRequest(id=member.organization.id)
        organization = await ask("DashboardService/GetOrganization", request, stubs.dashboard.Organization)
    except (AioRpcError, IndexError):
        return Check("balance", True, "the upstream has no answer")
    left = organization.payment_info.balance * 100  # the upstream answers in dollars
    return Check("balance", left > 0, f"{left:.0f} credits", "" if left > 0 else "buy credits")


async def _call(channel: Channel, metadata: Metadata, patience: float, method: str, request: Any, answer: Any) -> Any:
    # By its path: the SDK's stub for engines cannot be imported.
    call = channel.unary_unary(
        f"/gooseai.{method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=answer.FromString,
    )
    return await call(request, timeout=patience, metadata=metadata)
