"""`promptcdn stats`."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptcdn.cli.ending import fail
from promptcdn.cli.operators.reading import reading
from promptcdn.cli.operators.store import counted
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.settings import Settings

_PATIENCE = 5.0
_FREE = ("memory", "store")

_Samples = Mapping[str, list[tuple[Mapping[str, str], float]]]


def stats(
    url: Annotated[
        str | None, typer.Option(help="The address of a running service; by default the one of the settings.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Show what was paid for, what is left of the budget, what is stored, and how much was answered at no cost.

    The running service is asked. What it does not know, or all of it where no service runs, is read from the store and
    the data folder of the settings."""
    from promptcdn import problems, settings

    try:
        chosen = settings.load()
        address = url or chosen.address(chosen.port)
        running = _asked(address, chosen, named=url is not None)
        known = _of_service(running) if running else {}
        if url is None:
            known |= asyncio.run(_of_files(chosen))
    except BadSettings as wrong:
        fail(str(wrong))
    except problems.Problem as problem:
        fail(str(problem))
    if as_json:
        typer.echo(json.dumps(known, indent=2))
        return
    for line in _lines(known, address):
        typer.echo(line)


def _asked(url: str, chosen: "Settings", *, named: bool) -> _Samples | None:
    """What the service at `url` counts; `None` where nobody answers who was not named."""
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    from prometheus_client.parser import text_string_to_metric_families as families

    if not url.startswith(("http://", "https://")):
        fail(f'--url="{url}": say it like http://127.0.0.1:8080')
    request = Request(f"{url.rstrip('/')}/metrics")  # noqa: S310 - http, and nothing else
    if chosen.admin_token:
        # A header of the usual kind would follow a redirect to whomever it names.
        request.add_unredirected_header("Authorization", f"Bearer {chosen.admin_token.get_secret_value()}")
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=_PATIENCE) as answer:
            text = answer.read().decode()
    except HTTPError as error:
        if error.code == 401:
            fail(f"{url} wants the token of its operator: set PROMPTCDN_ADMIN_TOKEN")
        return _nobody(url, f"answers {error.code}", named=named)
    except OSError:
        return _nobody(url, "does not answer", named=named)
    samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for sample in (sample for family in families(text) for sample in family.samples):
        samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    # Somebody else may listen there.
    return samples if "promptcdn_build_info" in samples else _nobody(url, "is no promptcdn", named=named)


def _nobody(url: str, what: str, *, named: bool) -> _Samples | None:
    if named:
        fail(f"{url} {what}")
    return None


def _of_service(samples: _Samples) -> dict[str, Any]:
    answers = {labels["source"]: int(count) for labels, count in samples["promptcdn_request_duration_seconds_count"]}
    free, made = sum(answers.get(source, 0) for source in _FREE), answers.get("made", 0)
    # The second is its name in services of 0.2.0.
    cooldowns = samples.get("promptcdn_keys_in_cooldown") or samples["promptcdn_resting_keys"]
    limits = {labels["limit"]: amount for labels, amount in samples.get("promptcdn_budget_limit", ())}
    return {
        "spent": _spent(samples),
        "budget": [
            {"limit": labels["limit"], "left": left, "amount": limits[labels["limit"]]}
            for labels, left in samples.get("promptcdn_budget_left", ())
        ],
        "keys_in_cooldown": int(cooldowns[0][1]),
        "answers": {"memory": answers.get("memory", 0), "store": answers.get("store", 0), "made": made},
        "free_share": free / (free + made) if free + made else None,
        **_work(samples),
    }


def _work(samples: _Samples) -> dict[str, Any]:
    """Of a service that has orders for workers: what waits, who came, and how long each one's pictures take."""
    if "promptcdn_orders_waiting" not in samples:
        return {}
    pictures, seconds, failures = (
        {labels["worker_name"]: count for labels, count in samples.get(f"promptcdn_worker_{what}_total", ())}
        for what in ("pictures", "seconds", "failures")
    )
    by_name = {
        name: {
            "pictures": int(pictures[name]),
            "failures": int(failures[name]),
            "seconds_a_picture": seconds[name] / pictures[name] if pictures[name] else None,
        }
        for name in sorted(pictures)
    }
    return {
        "orders": {
            "waiting": int(samples["promptcdn_orders_waiting"][0][1]),
            "oldest_seconds": samples["promptcdn_oldest_order_seconds"][0][1],
            "workers_present": int(samples["promptcdn_workers"][0][1]),
        },
        "workers": by_name,
    }


def _spent(samples: _Samples) -> dict[str, list[dict[str, Any]]]:
    credits_ = {(each["engine"], each["period"]): cost for each, cost in samples.get("promptcdn_spent_credits", ())}
    spent: dict[str, list[dict[str, Any]]] = {"day": [], "month": []}
    for each, pictures in samples.get("promptcdn_spent_pictures", ()):
        engine, period = each["engine"], each["period"]
        spent[period].append({"engine": engine, "pictures": int(pictures), "credits": credits_[engine, period]})
    return spent


async def _of_files(chosen: "Settings") -> dict[str, Any]:
    """The budget and the store, as they are now whether a service runs or not."""
    from promptcdn.telemetry.money import spent

    async with reading(chosen) as service:
        await service.verified.see()
        now = service.clock.utc()
        costs = await spent(service.budget, now)
        usages = await service.budget.usage(now)
        return {
            "spent": {
                period: [
                    {"engine": cost.engine, "pictures": cost.pictures, "credits": cost.millicredits / 1000}
                    for cost in each
                ]
                for period, each in costs.items()
            },
            "budget": [{key: each.values()[key] for key in ("limit", "left", "amount")} for each in usages],
            "store": counted(service.store),
        }


def _lines(known: Mapping[str, Any], address: str) -> Iterator[str]:
    for period, title in (("day", "paid today"), ("month", "paid this month")):
        for cost in known["spent"][period] or ({"engine": "-", "pictures": 0, "credits": 0},):
            yield f"{title:16} {cost['engine']:44} {cost['pictures']:6} pictures {cost['credits']:10.2f} credits"
    for each in known["budget"]:
        yield f"{'budget':16} {each['left']:g} of {each['limit']} left"
    if not known["budget"]:
        yield f"{'budget':16} unlimited"
    for folder, held in known.get("store", {}).items():
        yield f"{'store':16} {folder:32} {held['objects']:6} objects  {held['bytes'] / 1e6:10.1f} MB"
    if "answers" not in known:
        yield f"{'service':16} none answers at {address}; --url asks another address"
        return
    yield f"{'in a cooldown':16} {known['keys_in_cooldown']}"
    yield f"{'answers':16} " + ", ".join(f"{count} {source}" for source, count in known["answers"].items())
    yield from _lines_of_work(known)
    if known["free_share"] is not None:
        yield f"{'free':16} {known['free_share']:.1%} of the pictures answered since its start"


def _lines_of_work(known: Mapping[str, Any]) -> Iterator[str]:
    if "orders" not in known:
        return
    orders = known["orders"]
    oldest = f", the oldest for {orders['oldest_seconds']:.0f} s" if orders["waiting"] else ""
    yield f"{'orders':16} {orders['waiting']} waiting for workers{oldest}"
    yield f"{'workers':16} {orders['workers_present']} called within the last minute"
    for name, each in known["workers"].items():
        took = "" if each["seconds_a_picture"] is None else f", {each['seconds_a_picture']:.1f} s a picture"
        yield f"{'of worker':16} {name:32} {each['pictures']:6} pictures{took}, {each['failures']} orders not drawn"
