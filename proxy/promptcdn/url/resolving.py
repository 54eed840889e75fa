"""Filling in the blanks of a request: from what a URL asks for to the whole order for one picture.

The operator's defaults and the engine's fill them. No other file looks at an engine's limits, or replaces what is not
offered by the nearest that is.
"""

from dataclasses import dataclass, replace
from typing import TypeVar

from promptcdn import problems
from promptcdn.url.engines import ANY, Engine, Family, Size, engine
from promptcdn.url.request import Asked, Resolved

_T = TypeVar("_T")


@dataclass(frozen=True)
class Defaults:
    """The operator's values for what a URL leaves out. An engine that does not draw `size` uses its own default.

    `families` has the limits of the generator's engines.
    """

    generator: str
    engine: str
    engines: tuple[str, ...]
    size: Size | None = None
    steps: int = 30
    cfg_scale: float = 7.0
    families: tuple[Family, ...] = (ANY,)

    def drawer(self, name: str) -> Engine:
        """The engine of that id, with its limits."""
        return engine(name, self.families)


def resolve(asked: Asked, defaults: Defaults, *, nearest: bool = False) -> Resolved:
    """`asked` with every blank filled in; with `nearest`, what is not offered is replaced by the nearest that is.

    Its seed must be an integer by now. Raises `Problem` (400) where the operator allows no such engine, or the engine
    no such size: callers resolve only where no binding exists, so a URL answered once never gets here again.
    """
    assert isinstance(asked.seed, int), "draw the seed first"
    _require_text_to_image(asked)
    drawer = _engine(asked.engine or defaults.engine, defaults, nearest=nearest)
    width, height = _size(asked, drawer, defaults, nearest=nearest)
    return Resolved(
        generator=defaults.generator,
        engine=drawer.name,
        prompt=asked.prompt,
        seed=asked.seed,
        width=width,
        height=height,
        steps=_or(asked.steps, defaults.steps),
        cfg_scale=_or(asked.cfg_scale, defaults.cfg_scale),
        rev=_or(asked.rev, 0),
        negative_prompt=asked.negative_prompt,
        sampler=asked.sampler,
        style_preset=asked.style_preset,
        guidance_preset=asked.guidance_preset,
    )


def departures(asked: Asked, resolved: Resolved) -> tuple[str, ...]:
    """A sentence for each parameter of `asked` that `resolved` has another value for, as `nearest` allows."""
    notes = []
    if asked.engine not in (None, resolved.engine):
        notes.append(f"the engine {asked.engine} is not offered: {resolved.engine} is used in its place")
    for name, side in (("width", resolved.width), ("height", resolved.height)):
        if asked.aspect_ratio is None and getattr(asked, name) not in (None, side):
            notes.append(f"the {name} {getattr(asked, name)} is not offered: {side} is used in its place")
    return tuple(notes)


def as_drawn(asked: Asked, resolved: Resolved) -> Asked:
    """`asked` without what is not offered: the same picture for a URL where nothing is replaced by the nearest."""
    engine = asked.engine if asked.engine == resolved.engine else None
    if asked.width is None and asked.height is None:
        return replace(asked, engine=engine)
    return replace(asked, engine=engine, width=resolved.width, height=resolved.height)


def _engine(name: str, defaults: Defaults, *, nearest: bool) -> Engine:
    if name in defaults.engines:
        return defaults.drawer(name)
    if nearest:
        return defaults.drawer(defaults.engine)
    what = "was retired" if defaults.drawer(name).retired else "is not offered here"
    raise problems.bad_parameter("engine", name, " or ".join(defaults.engines), f"the engine {what}")


def _require_text_to_image(asked: Asked) -> None:
    for name in ("init", "strength", "mask", "upscale"):
        if (value := getattr(asked, name)) is not None:
            raise problems.not_available(name, str(value))


def _size(asked: Asked, drawer: Engine, defaults: Defaults, *, nearest: bool) -> Size:
    if asked.aspect_ratio is not None:
        across, down = asked.aspect_ratio.split(":")
        return drawer.size_for((int(across), int(down)))
    preferred = defaults.size
    default = preferred if preferred and drawer.allows(preferred) else drawer.default_size
    size = (_or(asked.width, default[0]), _or(asked.height, default[1]))
    if drawer.allows(size):
        return size
    if nearest:
        return drawer.size_for(size)
    name, value = ("height", asked.height) if asked.width is None else ("width", asked.width)
    allowed = ", ".join(f"{width}x{height}" for width, height in drawer.nearest(size))
    raise problems.bad_parameter(
        name, str(value), f"for example {allowed}", f"{drawer.name} draws no {size[0]}x{size[1]}"
    )


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value
