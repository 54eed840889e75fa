"""The values of one URL: what it asks for, and what that means once every blank is filled in.

`Asked` is what the URL alone says. `Resolved` is the whole order for one picture; `resolving` makes the one of the
other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

from promptcdn.url import formats
from promptcdn.url.engines import Size
from promptcdn.url.periods import Period

Fit = Literal["inside", "cover"]
Value = str | int | float


@dataclass(frozen=True)
class Asked:
    """The generation parameters of a URL, normalised; `None` where the URL says nothing.

    `seed` is an integer, a calendar period's word, or `None` for another picture at each view.
    """

    prompt: str
    negative_prompt: str | None = None
    seed: int | Period | None = None
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
    """How the picture is handed out. Nothing here enters a key.

    `format` is a name in `formats`, or `auto` until `Accept` has decided.
    """

    format: str = formats.DEFAULT.name
    w: int | None = None
    h: int | None = None
    fit: Fit | None = None
    dpr: int | None = None
    q: int | None = None

    def parameters(self) -> dict[str, Value]:
        """What differs from the plain picture, by parameter name."""
        said = _said(self)
        if self.format == formats.DEFAULT.name:
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


def _said(value: Asked | Delivery | Resolved) -> dict[str, Value]:
    pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
    return {name: said for name, said in pairs if said is not None}
