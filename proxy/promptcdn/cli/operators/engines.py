"""`promptcdn engines`."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptcdn.cli.ending import fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.generators.declaration import Declaration
    from promptcdn.settings import Settings


def engines(as_json: Annotated[bool, typer.Option("--json", help="Print the engines as JSON.")] = False) -> None:
    """List the engines that URLs may name, and others that could be offered, by the settings. Calls no upstream."""
    from promptcdn import settings
    from promptcdn.generators.declaration import LOADED

    try:
        chosen = settings.load()
    except BadSettings as wrong:
        fail(str(wrong))
    rows = list(_rows(chosen))
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    shown = [("", "engine", "best size", "sizes", "steps", "seed", "credits", "does not understand"), *map(_line, rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for line in shown:
        typer.echo("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    if any(row["engine"] == LOADED and row["in_use"] for row in rows):
        typer.echo(f"{LOADED}: the model that the server has loaded")
    for row in _not_set_up(rows, chosen):
        typer.echo(f"not in use: {row}")


def _rows(chosen: "Settings") -> "Iterator[dict[str, Any]]":
    """Of each generator in use what it offers and what it is known to have; then of those that are not in use."""
    from promptcdn.generators.registry import GENERATORS

    in_use = {each.name: each for each in chosen.generators}
    for generator in in_use.values():
        offered = chosen.offered_by(generator)
        for engine in dict.fromkeys((*offered, generator.engine, *generator.known)):
            yield _row(generator, engine, chosen)
    for generator in GENERATORS:
        if generator.name not in in_use:
            for engine in dict.fromkeys((generator.engine, *generator.known)):
                yield _row(generator, engine, chosen)


def _row(generator: "Declaration", engine: str, chosen: "Settings") -> dict[str, Any]:
    from promptcdn.money.costs import Prices
    from promptcdn.url import engines
    from promptcdn.url.resolving import Offered

    one, defaults = Offered(generator.name, engine), chosen.defaults
    limits = engines.engine(engine, generator.engines)
    offered = one in defaults.offered
    prices = Prices.parse(chosen.prices, {generator.name: generator.prices})
    steps = limits.nearest_steps(chosen.steps)
    return {
        "generator": generator.name,
        "engine": engine,
        "name": defaults.names[defaults.offered.index(one)] if offered else one.full_name,
        "offered": offered,
        "default": one == defaults.default,
        "in_use": any(each.name == generator.name for each in chosen.generators),
        "needs": chosen.needed(generator),
        "default_size": "{}x{}".format(*limits.default_size),
        "sizes": ["{}x{}".format(*size) for size in limits.sizes],
        "steps": list(limits.steps),
        "seeded": limits.seeded,
        "does_not_understand": sorted(engines.EVERY_PARAMETER - limits.understands),
        "from_pictures": [name for name in engines.SOURCE_PARAMETERS if name in limits.understands],
        "credits": prices.price(generator.name, engine, limits.default_size, steps) / 1000,
        "paid": generator.paid,
        "at_once": chosen.at_once(generator),
        "timeout": chosen.upstream_timeout.of(generator.name),
    }


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    least, most = row["steps"]
    what = "default" if row["default"] else "offered" if row["offered"] else "no"
    if not row["in_use"]:
        what = "not in use"
    return (
        what,
        row["name"],
        row["default_size"],
        str(len(row["sizes"])),
        f"{least}-{most}" if "steps" not in row["does_not_understand"] else "-",
        "yes" if row["seeded"] else "no",
        f"{row['credits']:g}" if row["paid"] else "free",
        ", ".join(row["does_not_understand"]) or "-",
    )


def _not_set_up(rows: list[dict[str, Any]], chosen: "Settings") -> Iterator[str]:
    """What each generator that is not in use needs. One that is found by itself needs no name while none is found."""
    from promptcdn.generators.registry import BY_NAME

    none_found = chosen.generator == ("auto",) and not any(each.auto for each in chosen.generators)
    for generator in dict.fromkeys(row["generator"] for row in rows if not row["in_use"]):
        (needs, *_) = (row["needs"] for row in rows if row["generator"] == generator)
        named = "" if none_found and BY_NAME[generator].auto else "its name in PROMPTCDN_GENERATOR"
        yield f"{generator}, which needs {' and '.join(filter(None, (named, needs)))}"
