"""Filling in the blanks of a request: from what a URL asks for to the whole order for one picture.

The operator's defaults and the engine's fill them. No other file looks at an engine's limits, or replaces what is not
offered by the nearest that is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from promptcdn import problems
from promptcdn.url.engines import OPTIONAL_PARAMETERS, SOURCE_PARAMETERS, Engine, Family, Size, engine
from promptcdn.url.request import Asked, Resolved

_T = TypeVar("_T")

# Of a picture that is made from another one: as AUTOMATIC1111 (denoising_strength) and the img2img script of Stable
# Diffusion have it.
STRENGTH = 0.75


class Offered(NamedTuple):
    """An engine that URLs may name: its generator's name, and its id, which two generators may both have."""

    generator: str
    engine: str

    @property
    def full_name(self) -> str:
        """The name that no other generator's engine has."""
        return f"{self.generator}/{self.engine}"


@dataclass(frozen=True)
class Defaults:
    """What the operator offers, and the values for what a URL leaves out.

    offered    the engines that URLs may name, in the operator's order; the first is the default
    families   by generator, the limits of its engines
    size       of a picture whose URL says none; an engine that does not draw it uses its own default
    steps      likewise; an engine that does not take so many uses its own nearest
    cfg_scale  likewise; an engine that has a usual one of its own uses that
    """

    offered: tuple[Offered, ...]
    families: Mapping[str, tuple[Family, ...]] = field(default_factory=dict)
    size: Size | None = None
    steps: int = 30
    cfg_scale: float = 7.0

    @property
    def default(self) -> Offered:
        """The engine of a URL that names none."""
        return self.offered[0]

    def find(self, name: str) -> Offered | None:
        """The engine that a URL calls so: `generator/engine`, or the first engine of that id."""
        full = (each for each in self.offered if each.full_name == name)
        return next(full, None) or next((each for each in self.offered if each.engine == name), None)

    def limits(self, of: Offered) -> Engine:
        """An engine with its limits, also where it is not offered."""
        return engine(of.engine, self.families.get(of.generator, ()))

    def understanding(self, parameters: frozenset[str]) -> tuple[str, ...]:
        """What URLs may call the engines that understand all these parameters."""
        pairs = zip(self.names, self.offered, strict=True)
        return tuple(name for name, each in pairs if parameters <= self.limits(each).understands)

    def retired(self, name: str) -> bool:
        """Whether a service that is in use here once had an engine of that id."""
        return any(self.limits(Offered(generator, name)).retired for generator in self.families)

    def known(self, name: str) -> bool:
        """Whether a generator that is in use here may have an engine that is called so."""
        generator, _, engine = name.partition("/")
        if engine and generator in self.families:
            return any(family.claims(engine) for family in self.families[generator])
        return any(family.claims(name) for families in self.families.values() for family in families)

    @property
    def names(self) -> tuple[str, ...]:
        """What URLs may call the engines: their ids, but the full name of one whose id an earlier one has."""
        return tuple(each.engine if self.find(each.engine) == each else each.full_name for each in self.offered)


def resolve(asked: Asked, defaults: Defaults, *, nearest: bool = False, init_size: Size | None = None) -> Resolved:
    """`asked` with every blank filled in; with `nearest`, what is not offered is replaced by the nearest that is.

    Its seed must be an integer by now. `init_size` is the size of the picture `init`; where it is not known, that of
    the default is taken. Raises `Problem` (400) where the operator allows no such engine, or the engine no such size,
    steps or cfg_scale: callers resolve only where no binding exists, so that a URL that was answered once never gets
    here again.
    """
    assert isinstance(asked.seed, int), "draw the seed first"
    chosen = chosen_engine(asked, defaults, nearest=nearest)
    drawer = defaults.limits(chosen)
    require_consistent(asked)
    _require_understood(asked, drawer, defaults)
    width, height = _size(asked, drawer, defaults, nearest=nearest, init_size=init_size)
    return Resolved(
        generator=chosen.generator,
        engine=drawer.name,
        prompt=asked.prompt,
        seed=asked.seed,
        width=width,
        height=height,
        steps=_steps(asked, drawer, defaults, nearest=nearest),
        cfg_scale=_cfg_scale(asked, drawer, defaults, nearest=nearest),
        rev=_or(asked.rev, 0),
        negative_prompt=asked.negative_prompt,
        sampler=asked.sampler,
        scheduler=asked.scheduler,
        style_preset=asked.style_preset,
        guidance_preset=asked.guidance_preset,
        init=asked.init,
        strength=_strength(asked),
        mask=asked.mask,
        upscale=asked.upscale,
    )


def require_consistent(asked: Asked) -> None:
    """Raises `Problem` (400) for a parameter without the one that it is about, or beside one that it contradicts."""
    for name in ("strength", "mask", "upscale"):
        if (value := getattr(asked, name)) is not None and asked.init is None:
            what = "there is no picture to start from"
            raise problems.bad_parameter(name, str(value), "init=KEY beside it, with the key of a stored picture", what)
    for name in ("strength", "mask", "width", "height", "aspect_ratio"):
        if asked.upscale is not None and (value := getattr(asked, name)) is not None:
            what = "with upscale the whole picture is enlarged, to twice its width and height"
            raise problems.bad_parameter(name, str(value), f"either {name} or upscale", what)


def chosen_engine(asked: Asked, defaults: Defaults, *, nearest: bool = False) -> Offered:
    """The engine that would draw the request today. Raises `Problem` (400) where the operator allows no such engine."""
    if asked.engine is None:
        return defaults.default
    found = defaults.find(asked.engine)
    if found is not None:
        return found
    if nearest:
        return defaults.default
    allowed = " or ".join(defaults.names)
    raise problems.bad_parameter("engine", asked.engine, allowed, _not_offered(asked.engine, defaults))


def _not_offered(name: str, defaults: Defaults) -> str:
    """Why no picture is made by what a URL calls an engine."""
    if name in defaults.families:
        return "that is a generator, and an engine of it is needed"
    if defaults.retired(name):
        return "the engine was retired"
    return "the engine is not offered here" if defaults.known(name) else "there is no such engine here"


def departures(asked: Asked, resolved: Resolved) -> tuple[str, ...]:
    """A sentence for each parameter of `asked` that `resolved` has another value for, as `nearest` allows."""
    notes = []
    if not _is_named(asked.engine, resolved):
        notes.append(f"the engine {asked.engine} is not offered: {resolved.engine} is used in its place")
    for name in ("width", "height", "steps", "cfg_scale"):
        wanted, drawn = getattr(asked, name), getattr(resolved, name)
        if wanted not in (None, drawn) and (name in ("steps", "cfg_scale") or asked.aspect_ratio is None):
            notes.append(f"the {_WORDS.get(name, name)} {wanted} is not offered: {drawn} is used in its place")
    return tuple(notes)


def losses(asked: Asked, resolved: Resolved, defaults: Defaults, *, stored: bool = True) -> Iterator[str]:
    """A sentence for each parameter of `asked` that the engine does not understand, and one where a lost picture could
    not be made again: the engine takes no seed, or is not set up. `stored`: no picture is lost yet."""
    if missing := _missing(resolved.generator, resolved.engine, defaults):
        what, cure = missing
        lost = f"this picture cannot be made until whoever runs this service {cure}"
        yield f"the {what} is not set up here: {LOST if stored else lost}"
        return
    drawer = defaults.limits(Offered(resolved.generator, resolved.engine))
    for name in OPTIONAL_PARAMETERS:
        if getattr(asked, name) is not None and name not in drawer.understands:
            yield f"the engine {drawer.name} does not understand {name}: it does not change the picture"
    if why := irreplaceable(resolved.generator, resolved.engine, defaults):
        yield f"{why}: {LOST}"


def irreplaceable(generator: str, engine: str, defaults: Defaults) -> str:
    """Why a picture of that engine could not be made again, if it were lost; empty where it could."""
    if missing := _missing(generator, engine, defaults):
        return f"the {missing[0]} is not set up here"
    if not defaults.limits(Offered(generator, engine)).seeded:
        return f"the engine {engine} takes no seed"
    return ""


def _missing(generator: str, engine: str, defaults: Defaults) -> tuple[str, str] | None:
    """What a picture of that engine would be made by and this service lacks, and what its operator does about that."""
    if generator not in defaults.families:
        return f"generator {generator}", f"adds {generator} to PROMPTCDN_GENERATOR"
    families = defaults.families[generator]
    if families and not any(family.claims(engine) for family in families):
        return f"engine {engine} of the generator {generator}", f"names an upstream of {generator} that has that engine"
    return None


def as_drawn(asked: Asked, resolved: Resolved) -> Asked:
    """`asked` without what is not offered: the same picture for a URL where nothing is replaced by the nearest."""
    engine = asked.engine if _is_named(asked.engine, resolved) else None
    steps = None if asked.steps is None else resolved.steps
    cfg_scale = None if asked.cfg_scale is None else resolved.cfg_scale
    drawn = replace(asked, engine=engine, steps=steps, cfg_scale=cfg_scale)
    if asked.width is None and asked.height is None:
        return drawn
    return replace(drawn, width=resolved.width, height=resolved.height)


LOST = "if the store loses this picture, it cannot be made again"
_WORDS = {"steps": "number of steps"}


def _is_named(name: str | None, resolved: Resolved) -> bool:
    """Whether a URL that names an engine so, or none, is drawn by the engine that it means."""
    return name in (None, resolved.engine, Offered(resolved.generator, resolved.engine).full_name)


def _require_understood(asked: Asked, drawer: Engine, defaults: Defaults) -> None:
    """Raises `Problem` (400) where the engine cannot make a picture from pictures as `asked` wants it to."""
    needed = {name: value for name in SOURCE_PARAMETERS if (value := getattr(asked, name)) is not None}
    if drawer.only_upscales and asked.upscale is None:
        what = f"the engine {drawer.name} only enlarges pictures"
        raise problems.bad_parameter("engine", drawer.name, "upscale=2 and init=KEY beside it, or another engine", what)
    for name, value in needed.items():
        if name not in drawer.understands:
            able = " or ".join(f"engine={each}" for each in defaults.understanding(frozenset(needed)))
            allowed = able or f"leaving {name} out: no engine of this service understands it"
            what = f"the engine {drawer.name} does not understand it"
            raise problems.bad_parameter(name, str(value), allowed, what)


def _strength(asked: Asked) -> float | None:
    return None if asked.init is None or asked.upscale is not None else _or(asked.strength, STRENGTH)


def _size(asked: Asked, drawer: Engine, defaults: Defaults, *, nearest: bool, init_size: Size | None) -> Size:
    if asked.upscale is not None:
        return _enlarged(asked.upscale, drawer, init_size or drawer.default_size)
    if init_size is not None and asked.aspect_ratio is None and asked.width is None and asked.height is None:
        return init_size if drawer.allows(init_size) else drawer.size_for(init_size)
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


def _enlarged(factor: int, drawer: Engine, size: Size) -> Size:
    if drawer.allows(size):
        return size[0] * factor, size[1] * factor
    allowed = ", ".join(f"{width}x{height}" for width, height in drawer.nearest(size))
    what = f"the picture init is {size[0]}x{size[1]}, which the engine {drawer.name} does not enlarge"
    raise problems.bad_parameter("upscale", str(factor), f"init of another size, for example {allowed}", what)


def _steps(asked: Asked, drawer: Engine, defaults: Defaults, *, nearest: bool) -> int:
    allowed = drawer.nearest_steps(_or(asked.steps, defaults.steps))
    if asked.steps is None or nearest or asked.steps == allowed:
        return allowed
    least, most = drawer.steps
    choice = f"{least} to {most}" if least < most else str(least)
    raise problems.bad_parameter("steps", str(asked.steps), choice, f"{drawer.name} does not take so many steps")


def _cfg_scale(asked: Asked, drawer: Engine, defaults: Defaults, *, nearest: bool) -> float:
    usual = _or(drawer.cfg_scale, defaults.cfg_scale)
    allowed = drawer.nearest_cfg_scale(_or(asked.cfg_scale, usual))
    if asked.cfg_scale is None or nearest or asked.cfg_scale == allowed:
        return allowed
    least, most = drawer.cfg_scales
    what = f"{drawer.name} does not take such a cfg_scale"
    raise problems.bad_parameter("cfg_scale", f"{asked.cfg_scale:g}", f"{least:g} to {most:g}", what)


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value
