"""The values of one URL: what it asks for, and what that means once every blank is filled in.

`Asked` is what the URL alone says. `Resolved` is the whole order for one picture: `resolve` fills in the operator's
defaults and the engine's, and is the only place where an engine's limits are looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, TypeVar

from promptcdn import problems
from promptcdn.url.engines import Engine, Size, engine

Calendar = Literal["hour", "day", "week", "month"]
Format = Literal["webp", "png", "jpeg", "avif"]
Fit = Literal["inside", "cover"]
Value = str | int | float

_T = TypeVar("_T")


@dataclass(frozen=True)
class Asked:
    """The generation parameters of a URL, normalised; `None` where the URL says nothing.

    `seed` is an integer, a calendar word that still waits for its period, or `None` for another picture at each view.
    """

    prompt: str
    negative_prompt: str | None = None
    seed: int | Calendar | None = None
    width: int | None = None
    height: int | None = None
    aspect_ratio: str | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    sampler: str | None = None
    style_preset: str | None = None
    guidance_preset: str | None = None
    engine: str | None = None
    rev: int | None = None
    init: str | None = None
    strength: float | None = None
    mask: str | None = None
    upscale: int | None = None

    def seeded(self, seed: int | None) -> Self:
        """The same request with another seed; with `None`, the request that a pool of seeds is drawn for."""
        return replace(self, seed=seed)

    def parameters(self) -> dict[str, Value]:
        """What the URL says, by parameter name."""
        return _said(self)


@dataclass(frozen=True)
class Delivery:
    """How the picture is handed out. Nothing here enters a key. `auto` is what `Accept` makes of it."""

    format: Format | Literal["auto"] = "webp"
    w: int | None = None
    h: int | None = None
    fit: Fit | None = None
    dpr: int | None = None
    q: int | None = None

    def parameters(self) -> dict[str, Value]:
        """What differs from the plain picture, by parameter name."""
        said = _said(self)
        if self.format == "webp":
            del said["format"]
        return said


@dataclass(frozen=True)
class Control:
    """How the request is to be treated. Nothing here enters a key."""

    wait: float | None = None
    sig: str | None = None
    kid: str | None = None
    exp: int | None = None


@dataclass(frozen=True)
class Request:
    """Everything one URL says. `nearest` is for faces that promise a picture where others name what is allowed.

    `written` is what the URL says where `asked` has had its seed drawn since; see `view`.
    """

    asked: Asked
    delivery: Delivery = Delivery()
    control: Control = Control()
    nearest: bool = False
    notes: tuple[str, ...] = ()
    written: Asked | None = None

    def view(self, seed: int) -> Self:
        """The seeded request that one look at this one is. It remembers what the URL says: that is what is signed."""
        return replace(self, asked=self.asked.seeded(seed), written=self.signed_for)

    @property
    def signed_for(self) -> Asked:
        """What the signature in `control` is about: what the URL says, before a seed was drawn."""
        return self.written or self.asked


@dataclass(frozen=True)
class Resolved:
    """The whole order for one picture: nothing left to a default, the seed an integer, the generator named."""

    generator: str
    engine: str
    prompt: str
    seed: int
    width: int
    height: int
    steps: int
    cfg_scale: float
    rev: int = 0
    negative_prompt: str | None = None
    sampler: str | None = None
    style_preset: str | None = None
    guidance_preset: str | None = None

    @property
    def size(self) -> Size:
        """In pixels."""
        return self.width, self.height

    def parameters(self) -> dict[str, Value]:
        """Every parameter that is set, by name."""
        return _said(self)

    @classmethod
    def from_parameters(cls, said: Mapping[str, Any]) -> Self:
        """The inverse of `parameters`. Raises `TypeError` where names are missing or strange."""
        return cls(**said)


@dataclass(frozen=True)
class Defaults:
    """What the operator fills into the blanks. `size` is used by engines that allow it, others draw their own."""

    generator: str
    engine: str
    engines: tuple[str, ...]
    size: Size | None = None
    steps: int = 30
    cfg_scale: float = 7.0


def resolve(asked: Asked, defaults: Defaults, *, nearest: bool = False) -> Resolved:
    """`asked` with every blank filled in; with `nearest`, sizes and engines that are not offered by the next best.

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
    """Where `resolved` is not what was asked for, in sentences: only where `nearest` made it so."""
    said = []
    if asked.engine not in (None, resolved.engine):
        said.append(f"the engine {asked.engine} is not offered here, {resolved.engine} draws")
    for name, side in (("width", resolved.width), ("height", resolved.height)):
        if asked.aspect_ratio is None and getattr(asked, name) not in (None, side):
            said.append(f"{name} {getattr(asked, name)} is drawn as {side}")
    return tuple(said)


def as_drawn(asked: Asked, resolved: Resolved) -> Asked:
    """`asked` in the words of a face that takes everything at its word: what is not offered as it is drawn instead."""
    engine = asked.engine if asked.engine == resolved.engine else None
    if asked.width is None and asked.height is None:
        return replace(asked, engine=engine)
    return replace(asked, engine=engine, width=resolved.width, height=resolved.height)


def _engine(name: str, defaults: Defaults, *, nearest: bool) -> Engine:
    if name in defaults.engines:
        return engine(name)
    if nearest:
        return engine(defaults.engine)
    what = "was retired" if engine(name).retired else "is not offered here"
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


def _said(value: Asked | Delivery | Resolved) -> dict[str, Value]:
    pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
    return {name: said for name, said in pairs if said is not None}
