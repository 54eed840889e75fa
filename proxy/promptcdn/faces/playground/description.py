"""What the playground is told of this service: the rows of the grammar, the engines, who may have pictures made."""

from typing import TYPE_CHECKING, Any

from promptcdn.generators.registry import GENERATORS
from promptcdn.url import engines
from promptcdn.url.parameters import PARAMETERS, Parameter
from promptcdn.url.parameters.values import Hundredths, Multiple, OneOf, Prose, Whole
from promptcdn.url.resolving import STRENGTH, Defaults, Offered

if TYPE_CHECKING:  # pydantic is no part of a policy
    from promptcdn.generators.declaration import Declaration
    from promptcdn.settings import Settings

_GROUPS = ("generation", "delivery", "control")
# More sizes than these are told by their limits.
_SIZES_LISTED = 12


def described(settings: "Settings", address: str) -> dict[str, Any]:
    """As JSON has it. `address` is what snippets begin with where the operator named no public one."""
    defaults = settings.defaults
    generators = {each.name: each for each in settings.generators}
    return {
        "address": "" if settings.public_url else address,
        "misses": settings.misses,
        "parameters": {group: [_parameter(row) for row in PARAMETERS if row.group == group] for group in _GROUPS},
        "defaults": {"steps": defaults.steps, "cfg_scale": defaults.cfg_scale, "strength": STRENGTH},
        "engines": [
            _engine(name, offered, generators[offered.generator], defaults, settings)
            for name, offered in zip(defaults.names, defaults.offered, strict=True)
        ],
        "others": {each.name: settings.needed(each) for each in GENERATORS if each.name not in generators},
    }


def _parameter(row: Parameter) -> dict[str, Any]:
    """A row of the grammar: its name, what it is, and how it is typed."""
    told = {"name": row.name, "meaning": row.meaning}
    if isinstance(row.read, OneOf):
        return {**told, "kind": "choice", "choices": row.read.names}
    match row.read:
        case Multiple(least, most, step):
            return {**told, "kind": "number", "least": least, "most": most, "step": step}
        case Whole(least, most):
            return {**told, "kind": "number", "least": least, "most": most, "step": 1}
        case Hundredths(least, most):
            return {**told, "kind": "number", "least": least, "most": most, "step": 0.01}
        case _:
            kind = "prose" if isinstance(row.read, Prose) else "text"
            return {**told, "kind": kind, "allowed": row.allowed}


def _engine(
    name: str, offered: Offered, generator: "Declaration", defaults: Defaults, settings: "Settings"
) -> dict[str, Any]:
    """An engine that URLs may name: what it understands, what it draws and what that costs.

    `live`: the service draws by itself, at once and for nothing, so that a picture may be made while somebody types.
    """
    drawer = defaults.limits(offered)
    drawn = generator.source_type == "algorithmicMedia"
    default = defaults.size if defaults.size and drawer.allows(defaults.size) else drawer.default_size
    steps = drawer.nearest_steps(defaults.steps)
    return {
        "name": name,
        "generator": generator.name,
        "paid": generator.paid,
        "live": drawn and not generator.paid,
        "drawn": drawn,
        "credits": settings.price_list.price(generator.name, drawer.name, default, steps) / 1000,
        "size": "{}x{}".format(*default),
        "sizes": _sizes(drawer),
        "seeded": drawer.seeded,
        "lacks": [each for each in engines.OPTIONAL_PARAMETERS if each not in drawer.understands],
        "from_pictures": [each for each in engines.SOURCE_PARAMETERS if each in drawer.understands],
    }


def _sizes(drawer: engines.Engine) -> str:
    if len(drawer.sizes) <= _SIZES_LISTED:
        return ", ".join("{}x{}".format(*size) for size in drawer.sizes)
    sides = sorted({side for size in drawer.sizes for side in size})
    areas = sorted(width * height for width, height in drawer.sizes)
    any_side = f"sides from {sides[0]} to {sides[-1]} in steps of {engines.SIDE_STEP}"
    if (areas[0], areas[-1]) == (sides[0] ** 2, sides[-1] ** 2):
        return any_side
    return f"{any_side}, with {areas[0]:,} to {areas[-1]:,} pixels in all"
