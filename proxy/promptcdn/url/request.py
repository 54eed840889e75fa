"""The parameters of one URL, as it asks for them and once every blank is filled in.

`Asked` has what the URL alone says. `Resolved` is the whole order for one picture; `resolving` turns the first into the
second.
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
    """The generation parameters of a URL, normalised; `None` for a parameter that the URL does not have.

    `seed` is an integer, the word for a calendar period, or `None` where each view shows another picture.
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
    scheduler: str | None = None
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

    @property
    def sources(self) -> dict[str, str]:
        """The content keys of the pictures that it is made from, by parameter."""
        return _sources(self.init, self.mask)

    def parameters(self) -> dict[str, Value]:
        """The parameters that the URL has, by name."""
        return _set_fields(self)


@dataclass(frozen=True)
class Delivery:
    """The delivery parameters: in which format and size a picture is sent. None of them is in a key.

    `format` is a name in `formats`, or `auto` until `Accept` has decided.
    """

    format: str = formats.DEFAULT.name
    w: int | None = None
    h: int | None = None
    fit: Fit | None = None
    dpr: int | None = None
    q: int | None = None

    def parameters(self) -> dict[str, Value]:
        """The parameters that differ from the defaults, by name."""
        parameters = _set_fields(self)
        if self.format == formats.DEFAULT.name:
            del parameters["format"]
        return parameters


@dataclass(frozen=True)
class Control:
    """The control parameters: how the request is treated. None of them is in a key."""

    wait: float | None = None
    sig: str | None = None
    kid: str | None = None
    exp: int | None = None


@dataclass(frozen=True)
class Described:
    """What `/info` is asked to write into its snippets: a description of the picture, and the URL of the picture that
    readers with a dark page are shown."""

    alt: str | None = None
    dark: str | None = None


@dataclass(frozen=True)
class Request:
    """Everything that one URL asks for.

    `nearest`: sizes and engines that are not offered are replaced by the nearest offered ones, and are no error.
    `notes` are sentences about what was replaced or ignored. `word` is the URL's seed where it is a word, of which
    `asked` has the number. `written` is what the URL has where a seed was drawn for `asked` since; see `view`.
    """

    asked: Asked
    delivery: Delivery = Delivery()
    control: Control = Control()
    nearest: bool = False
    notes: tuple[str, ...] = ()
    word: str | None = None
    written: Asked | None = None

    def view(self, seed: int) -> Self:
        """This request with a drawn seed: what one view shows. It keeps what the URL has, which is what was signed."""
        return replace(self, asked=self.asked.seeded(seed), written=self.signed_for)

    @property
    def drawn(self) -> int | None:
        """The seed of a view, or of a URL with a seed of its own."""
        return self.asked.seed if isinstance(self.asked.seed, int) else None

    @property
    def signed_for(self) -> Asked:
        """What the signature in `control` is for: the URL's own parameters, before a seed was drawn."""
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
    scheduler: str | None = None
    style_preset: str | None = None
    guidance_preset: str | None = None
    init: str | None = None
    strength: float | None = None
    mask: str | None = None
    upscale: int | None = None

    @property
    def sources(self) -> dict[str, str]:
        """The content keys of the pictures that it is made from, by parameter."""
        return _sources(self.init, self.mask)

    @property
    def size(self) -> Size:
        """In pixels."""
        return self.width, self.height

    def parameters(self) -> dict[str, Value]:
        """Every parameter that is set, by name."""
        return _set_fields(self)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """The inverse of `parameters`. Raises `TypeError` where a name is missing or unknown."""
        return cls(**parameters)


def _sources(init: str | None, mask: str | None) -> dict[str, str]:
    return {name: key for name, key in (("init", init), ("mask", mask)) if key is not None}


def _set_fields(value: Asked | Delivery | Resolved) -> dict[str, Value]:
    pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
    return {name: content for name, content in pairs if content is not None}
