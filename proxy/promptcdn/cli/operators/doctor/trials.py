"""`promptcdn doctor --try`: one picture with each generator, paid for like any other, checked and not stored."""

import random
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from promptcdn.checks import Check
from promptcdn.cli.ending import fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.money.costs import Cost
    from promptcdn.settings import Settings
    from promptcdn.url.order import Order
    from promptcdn.wiring import Service

_PROMPT = "a lighthouse on a cliff, in the evening"


def agreed(chosen: "Settings", *, yes: bool) -> "tuple[Order, ...]":
    """What is to be made, once the operator was told what it costs and agreed; `yes` is an answer given before."""
    orders = tuple(_orders(chosen))
    costs = [_cost(order, chosen) for order in orders]
    for order, cost in zip(orders, costs, strict=True):
        typer.echo(f"--try makes one picture with {cost.engine}: {_price(order, cost, chosen)}", err=True)
    if yes or not (orders and chosen.paid):
        return orders
    if not sys.stdin.isatty():
        fail("--try asks before it spends, and nobody can answer here: add --yes")
    typer.confirm("Spend that?", abort=True, err=True)
    return orders


async def tried(orders: "tuple[Order, ...]", chosen: "Settings") -> list[Check]:
    """What came of each."""
    from promptcdn.wiring import opened

    try:
        service = opened(chosen)
    except BadSettings as wrong:
        return [Check("try", False, line) for line in str(wrong).splitlines()]
    try:
        await service.budget.start()
        return [await _tried(order, service) for order in orders]
    finally:
        await service.close()


async def _tried(order: "Order", service: "Service") -> Check:
    from promptcdn.making.trial import trial
    from promptcdn.money.budget import purse
    from promptcdn.problems import Problem

    resolved = order.resolved
    part, generator = f"try {resolved.generator}", service.generators[resolved.generator]
    budget = purse(service.budget, paid=generator.paid, any_paid=service.settings.paid)
    try:
        made = await trial(order, generator, budget, service.renditions, service.clock)
    except Problem as problem:
        return Check(part, False, f"{resolved.engine}: {problem.kind.code}: {problem.detail}", problem.kind.advice)
    size = f"{resolved.width}x{resolved.height}"
    paid = _price(order, made.cost, service.settings)
    return Check(part, True, f"{resolved.engine}: a picture of {size} in {made.seconds:.1f} s, {paid}")


def _orders(chosen: "Settings") -> "Iterator[Order]":
    """A new picture of each generator, by the first engine that it offers and that draws: another one at each trial.

    One that only enlarges has no picture to start from.
    """
    from promptcdn.url.order import Order
    from promptcdn.url.request import Asked
    from promptcdn.url.resolving import Offered, resolve

    seed = random.SystemRandom().randrange(1, 2**32)
    for generator in chosen.generators:
        offered = (Offered(generator.name, engine) for engine in chosen.offered_by(generator))
        drawer = next((each for each in offered if not chosen.defaults.limits(each).only_upscales), None)
        if drawer is None:
            typer.echo(
                f"--try makes no picture with {generator.name}: its engines here only enlarge pictures", err=True
            )
            continue
        yield Order.of("", resolve(Asked(_PROMPT, seed=seed, engine=drawer.full_name), chosen.defaults))


def _cost(order: "Order", chosen: "Settings") -> "Cost":
    return chosen.price_list.cost(order.resolved)


def _price(order: "Order", cost: "Cost", chosen: "Settings") -> str:
    from promptcdn.money.costs import in_credits

    paid = any(each.paid for each in chosen.generators if each.name == order.resolved.generator)
    return f"{in_credits(cost.millicredits)} credits" if paid else "free"
