"""`promptcdn doctor`."""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.checks import Check
from promptcdn.cli.ending import FINDINGS, fail
from promptcdn.cli.operators.reading import reading
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.generators.declaration import Declaration
    from promptcdn.settings import Settings
    from promptcdn.wiring import Service

_LONGEST = 2000
_Try = Annotated[
    bool, typer.Option("--try", help="Make one picture with each generator, too; says what that costs, and asks.")
]
_Yes = Annotated[bool, typer.Option("--yes", help="With --try: spend it without asking.")]


def doctor(
    try_out: _Try = False,
    yes: _Yes = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Check every part of the service, and print what works, what does not and what to do.

    Spends no money, but with --try.
    """
    if yes and not try_out:
        fail("--yes goes with --try")
    trials = _agreed(yes=yes) if try_out else None
    found = list(asyncio.run(_checks()))
    if trials:
        found += asyncio.run(trials())
    found = [replace(each, detail=_plain(each.detail), advice=_plain(each.advice)) for each in found]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], ensure_ascii=False, indent=2))
    else:
        for finding in found:
            typer.echo(f"{'good' if finding.good else 'BAD '}  {finding.part}: {finding.detail}")
            if finding.advice:
                typer.echo(f"      → {finding.advice}")
    if not all(finding.good for finding in found):
        raise typer.Exit(FINDINGS)


def _plain(text: str) -> str:
    """A text in which an upstream may have names of its own: none of them moves the cursor, or fills the screen."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
    return "".join(letter if letter.isprintable() else "?" for letter in short)


def _agreed(*, yes: bool) -> "Callable[[], Coroutine[None, None, list[Check]]] | None":
    """The trials that the operator agrees to pay for; none where the settings are wrong, which is a check's to say."""
    from promptcdn import settings
    from promptcdn.cli.operators.doctor.trials import agreed, tried

    try:
        chosen = settings.load()
    except BadSettings:
        return None
    return partial(tried, agreed(chosen, yes=yes), chosen)


async def _checks() -> list[Check]:
    from promptcdn import misconfiguration, settings
    from promptcdn.cli.operators.doctor.running import running
    from promptcdn.stores import permissions

    found = [Check("python", True, sys.version.split()[0]), _clock()]
    try:
        chosen = settings.load()
        makes = ", ".join(each.name for each in chosen.generators)
        doubts = misconfiguration.doubts(chosen.chosen)
        found += doubts or [Check("settings", True, f"{makes}, misses {chosen.misses}")]
        found += misconfiguration.unused(chosen.chosen)
        found += filter(None, (permissions.finding(chosen.data_dir),))
        async with reading(chosen, any_bucket=True) as service:
            return [*found, *await _of_service(service), *await asyncio.to_thread(running, chosen)]
    except BadSettings as wrong:
        found = [check for check in found if check.part != "settings"]
        return [*found, *(Check("settings", False, line, _row(line)) for line in str(wrong).splitlines())]


def _row(wrong: str) -> str:
    """What there is to know of the setting that a line about a wrong one names, or of the one that was meant."""
    from promptcdn import settings

    if wrong.startswith("AWS_"):
        return "docs/stores.md has the AWS_… variables, and what each service wants"
    rows = map(settings.row, re.findall("[A-Z][A-Z0-9_]+", wrong))
    return next(filter(None, rows), "correct that; docs/settings.md has every setting")


async def _of_service(service: "Service") -> list[Check]:
    from promptcdn.cli.operators.doctor.bound import bound

    chosen = service.settings
    redis = await _redis(service)  # first: whoever finds it down, nobody else hears its own words
    found = [*await service.store.checks(), *await _of_generators(service), *redis]
    found += await bound(service)
    found += [await _budget(service), _rate(service), _deny(service), _admin_token(chosen)]
    if chosen.disk_cache:
        found.append(_disk_cache(chosen))
    await service.spool.refresh()
    # A data folder that is not there yet has no spool to check.
    spool = chosen.data_dir / "spool"
    found.append(service.readiness.spooled() if spool.exists() else Check("spool", True, f"empty: there is no {spool}"))
    return found


async def _of_generators(service: "Service") -> list[Check]:
    """What each generator finds; where there are several, each part begins with its generator's name."""
    found: list[Check] = []
    for declared in service.settings.generators:
        checks = await service.generators[declared.name].checks(service.settings.offered_by(declared))
        if declared == service.settings.generators[0] and declared.caveat:
            checks = (replace(checks[0], advice=f"of its pictures: {declared.caveat}"), *checks[1:])
        alone = len(service.generators) == 1
        found += checks if alone else (replace(each, part=f"{declared.name}: {each.part}") for each in checks)
        found += _without_seeds(declared, service.settings)
    return found


def _without_seeds(declared: "Declaration", chosen: "Settings") -> Iterator[Check]:
    """Engines whose pictures are as permanent as the store."""
    from promptcdn.url.resolving import Offered

    for name in chosen.offered_by(declared):
        if not chosen.defaults.limits(Offered(declared.name, name)).seeded:
            lost = "it takes no seed, so a picture of it that the store loses cannot be made again"
            yield Check(f"seeds of {name}", True, lost, "keep a copy of the store: promptcdn store copy")


def _rate(service: "Service") -> Check:
    rate = service.settings.rate
    return Check("client rate", True, f"{rate} new pictures for each client" if rate else "unlimited")


def _deny(service: "Service") -> Check:
    rules = service.deny.rules if service.deny else 0
    return Check("deny-list", True, f"{rules} rule{'' if rules == 1 else 's'}" if service.deny else "none")


def _admin_token(chosen: "Settings") -> Check:
    unset = "not set: nobody can take pictures down over HTTP, everybody can read /metrics and all of /readyz"
    return Check("admin token", True, "set" if chosen.admin_token else unset)


def _disk_cache(chosen: "Settings") -> Check:
    from promptcdn.settings import forms
    from promptcdn.stores import disk_cache

    return disk_cache.finding(chosen.data_dir, forms.disk_cache(chosen.disk_cache))


def _clock() -> Check:
    """Calendars and budgets go by it; a machine whose clock was never set is years off."""
    now = datetime.now(UTC)
    advice = "" if now.year >= 2026 else "set the clock: calendar seeds and budgets go by it"
    return Check("clock", not advice, f"{now:%Y-%m-%d %H:%M:%S} UTC", advice)


async def _redis(service: "Service") -> list[Check]:
    """Whether Redis answers, and keeps what is written to it."""
    from promptcdn.replicas.connection import RedisDown

    if service.connection is None:
        return []
    try:
        info = await service.connection.call(lambda redis: redis.info())
    except RedisDown as down:
        return [
            Check(
                "redis",
                False,
                str(down),
                "look at PROMPTCDN_REDIS_URL (address, password, number of the database), and whether that Redis runs",
            )
        ]
    policy, mode = str(info.get("maxmemory_policy", "noeviction")), info.get("redis_mode", "standalone")
    detail = f"answers, version {info.get('redis_version', 'unknown')}, {mode}, maxmemory-policy {policy}"
    advice = []
    # All of ours ends by itself some day, so the policies that evict what is volatile may take it too.
    if policy != "noeviction":
        advice.append("set its maxmemory-policy to noeviction: it may drop leases and counts when it is full")
    if mode == "cluster":
        advice.append("use one without cluster mode: what is counted in one step has to lie in one place")
    try:
        await service.connection.script("return 1", [])
    except RedisDown:
        advice.append("let its user run scripts: EVALSHA and SCRIPT LOAD")
    return [Check("redis", not advice, detail, "; ".join(advice))]


async def _budget(service: "Service") -> Check:
    from promptcdn.money.budget import limits
    from promptcdn.problems import CounterUnavailable

    try:
        usages = await service.budget.usage(service.clock.utc())
    except CounterUnavailable as unknown:
        return Check("budget", False, str(unknown))
    if not usages:
        return Check("budget", True, "unlimited")
    spent = any(each.left == 0 for each in usages)
    counter = "Redis" if service.connection else service.settings.data_dir
    where = f"{limits.summary(usages)}, counted in {counter}"
    advice = "raise PROMPTCDN_BUDGET, or wait for the next period" if spent else ""
    return Check("budget", not spent, "; ".join(filter(None, (where, service.readiness.caveats))), advice)
