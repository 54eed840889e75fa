"""The settings of generators and engines, and what they come to: which generators are in use, and what they offer."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, SecretStr, field_validator, model_validator

from promptcdn import misconfiguration
from promptcdn.generators.declaration import Declaration
from promptcdn.generators.registry import BY_NAME, GENERATORS
from promptcdn.money.costs import Prices
from promptcdn.settings import forms
from promptcdn.settings.by_generator import ByGenerator
from promptcdn.url.engines import ANY, STEPS_MAX, STEPS_MIN, Family, Size
from promptcdn.url.resolving import Defaults, Offered

PREFIX = "PROMPTCDN_"
AUTO = "auto"


class GeneratorSettings(BaseModel):
    """Which generators make pictures, with which engines and defaults, and how each is called."""

    generator: Annotated[tuple[str, ...], BeforeValidator(forms.listed)] = Field(
        (AUTO,),
        description="What makes pictures: one or several generators; the first is the default."
        " auto: stability where a key or a host is set, else sketch.",
    )
    stability_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("STABILITY_KEY"),
        description="The API key that is sent to the upstream. Empty: none is sent.",
    )
    stability_host: str | None = Field(
        None,
        validation_alias=AliasChoices("STABILITY_HOST"),
        description="The address of the upstream. Empty: the hosted service.",
    )
    engine: str | None = Field(None, description="The default engine. Empty: that of the first generator.")
    engines: Annotated[tuple[str, ...], BeforeValidator(forms.listed)] = Field(
        (),
        description="The engines that URLs may name, beside the default one; generator/engine where two generators have"
        " one of that name. A generator of whose engines none is here offers its default engine.",
    )
    size: Annotated[Size | None, BeforeValidator(forms.size)] = Field(
        None, description="The size of a picture whose URL says none. Empty, or not drawn: the engine's own."
    )
    steps: int = Field(
        30,
        ge=STEPS_MIN,
        le=STEPS_MAX,
        description="The number of steps of a picture whose URL says none; an engine that does not take so many takes"
        " the nearest.",
    )
    prices: str = Field("", description="What a picture costs by engine, in credits. Empty: the published prices.")
    upstream_timeout: Annotated[ByGenerator[float], BeforeValidator(forms.BY_GENERATOR["upstream_timeout"].parse)] = (
        Field(ByGenerator(120.0), description="How many seconds an upstream has for one picture.")
    )
    concurrency: Annotated[ByGenerator[int], BeforeValidator(forms.BY_GENERATOR["concurrency"].parse)] = Field(
        ByGenerator(8),
        description="How many pictures each generator makes at once. One that declares fewer for itself makes no"
        " more unless it is named here.",
    )

    @field_validator("generator")
    @classmethod
    def _are_generators(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in BY_NAME and (name != AUTO or len(names) > 1):
                raise ValueError(f"there is no generator {name}; allowed: {forms.FORMS['generator']}")
            if names.count(name) > 1:
                raise ValueError(f"{name} is named twice: name each generator once")
        return names or (AUTO,)

    @field_validator("upstream_timeout", "concurrency")
    @classmethod
    def _name_generators(cls, numbers: ByGenerator[float]) -> ByGenerator[float]:
        for name, _ in numbers.exceptions:
            if name not in BY_NAME:
                known = misconfiguration.one_of(sorted(BY_NAME))
                raise ValueError(f"there is no generator {name}; allowed: {known}")
        return numbers

    @field_validator("prices")
    @classmethod
    def _are_prices(cls, text: str) -> str:
        Prices.parse(text)
        return text

    @field_validator("stability_host")
    @classmethod
    def _has_no_credentials(cls, host: str | None) -> str | None:
        if host:
            misconfiguration.require_no_credentials(host)
        return host

    @model_validator(mode="after")
    def _offers_what_it_says(self) -> Self:
        for each in self._named:
            if lacking := each.lacks(self.values(each)):
                needed = (" and " if each.needs else " or ").join(map(type(self).shown_name, lacking))
                raise ValueError(f"{PREFIX}GENERATOR={','.join(self.generator)}: {each.name} needs {needed}")
        default = self.defaults.default
        drawer = self.defaults.limits(default)
        if self.size and not drawer.allows(self.size):
            nearest = ", ".join(f"{width}x{height}" for width, height in drawer.nearest(self.size))
            raise ValueError(f"{PREFIX}SIZE: {drawer.name} draws no such size; the nearest are {nearest}")
        return self

    @classmethod
    def shown_name(cls, name: str) -> str:
        """The name of a field as people set it."""
        field = cls.model_fields.get(name)
        return PREFIX + name.upper() if field and field.validation_alias is None else name.upper()

    @property
    def _named(self) -> tuple[Declaration, ...]:
        """The generators that the setting names, or that `auto` finds."""
        if self.generator != (AUTO,):
            return tuple(BY_NAME[name] for name in self.generator)
        chosen = (each for each in GENERATORS if each.auto and not each.lacks(self.values(each)))
        return (next(chosen, GENERATORS[-1]),)

    @cached_property
    def generators(self) -> tuple[Declaration, ...]:
        """The generators in use, the default first, as they are under their settings."""
        return tuple(each.under(self.values(each)) for each in self._named)

    def values(self, generator: Declaration) -> Mapping[str, str]:
        """The values of the settings that a generator declares, empty where they are not set."""
        return {name: self._plain(name) for name in generator.settings}

    def at_once(self, generator: Declaration) -> int:
        """How many pictures that generator makes at once."""
        own, most = self.concurrency.own(generator.name), self.concurrency.for_all
        return own or min(most, generator.concurrency or most)

    @property
    def paid(self) -> bool:
        """Whether any picture costs money."""
        return any(each.paid for each in self.generators)

    @cached_property
    def defaults(self) -> Defaults:
        """What is filled into the blanks of a request, and what URLs may name."""
        families = {each.name: each.engines for each in self.generators}
        return Defaults(tuple(dict.fromkeys(self._offered())), families, self.size, self.steps)

    def offered_by(self, generator: Declaration) -> tuple[str, ...]:
        """The engines that URLs may name, of one generator."""
        return tuple(each.engine for each in self.defaults.offered if each.generator == generator.name)

    def _offered(self) -> Iterator[Offered]:
        """Engines that no generator in use has are left out: settings may be those of another generator."""
        defaults = tuple(Offered(each.name, each.engine) for each in self.generators)
        named = tuple(filter(None, map(self._meant, self.engines)))
        yield (self._meant(self.engine) if self.engine else None) or defaults[0]
        yield from named
        yield from (each for each in defaults if each.generator not in {other.generator for other in named})

    def _meant(self, name: str) -> Offered | None:
        """The engine that a setting names: of the generator that it names too, else of the first that knows it."""
        generator, _, engine = name.partition("/")
        if engine and generator in BY_NAME:
            own = (each for each in self.generators if each.name == generator and each.has(engine))
            return next((Offered(each.name, engine) for each in own), None)
        # A generator that takes any name comes after one that has a family of that name.
        knowing = [each for each in self.generators if any(family.claims(name) for family in _named_families(each))]
        having = [each for each in self.generators if each.has(name)]
        return next((Offered(each.name, name) for each in (*knowing, *having)), None)

    def _plain(self, name: str) -> str:
        value = getattr(self, name)
        return str(value.get_secret_value() if isinstance(value, SecretStr) else value or "")


def _named_families(generator: Declaration) -> Iterator[Family]:
    return (family for family in generator.engines if family.pattern != ANY.pattern)
