"""The settings of generators and engines, and what they come to: which generators are in use, and what they offer."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from promptcdn import misconfiguration
from promptcdn.generators import huggingface, local, openai
from promptcdn.generators.declaration import Declaration
from promptcdn.generators.http import Hosts
from promptcdn.generators.registry import BY_NAME, GENERATORS
from promptcdn.guard.api_keys import ApiKeys
from promptcdn.money.costs import Prices
from promptcdn.settings import forms
from promptcdn.settings.by_generator import ByGenerator
from promptcdn.url.engines import ANY, STEPS_MAX, STEPS_MIN, Family, Size
from promptcdn.url.resolving import Defaults, Offered

PREFIX = "PROMPTCDN_"
# What is kept as text, and read by the generator that it is for; each raises `ValueError` with what is allowed.
_READERS: Mapping[str, Callable[[str], object]] = {
    "openai_base_url": openai.base_url,
    "openai_server": openai.server_named,
    "openai_fields": openai.own_fields,
    "hf_inference_endpoint": huggingface.endpoint,
    "fetch_hosts": Hosts.parse,
    "local_device": local.device,
}
AUTO = "auto"


class GeneratorSettings(BaseModel):
    """Which generators make pictures, with which engines and defaults, and how each is called."""

    # Or pydantic builds a validator of this class beside that of all settings, and nobody uses it.
    model_config = ConfigDict(defer_build=True)

    generator: Annotated[tuple[str, ...], BeforeValidator(forms.listed)] = Field(
        (AUTO,),
        description="What makes pictures: one or several generators; the first is the default."
        " auto: the first of stability, a1111, comfyui, local and worker that is set up, else sketch.",
    )
    stability_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("STABILITY_KEY"),
        description="The API key that is sent to the upstream. Empty: none is sent.",
    )
    stability_host: str | None = Field(
        None,
        validation_alias=AliasChoices("STABILITY_HOST"),
        description="The address of Stability's upstream; its scheme says which protocol is spoken there."
        " Empty: the REST API of the hosted service.",
    )
    a1111_url: str | None = Field(
        None,
        validation_alias=AliasChoices("A1111_URL"),
        description="The address of a server with AUTOMATIC1111's image API, like http://127.0.0.1:7860. Empty: none.",
    )
    a1111_user: str | None = Field(
        None,
        validation_alias=AliasChoices("A1111_USER"),
        description="The user that this server was started with by --api-auth. Empty: none.",
    )
    a1111_password: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("A1111_PASSWORD"),
        description="The password of that user. Empty: none.",
    )
    a1111_upscaler: str = Field(
        "",
        validation_alias=AliasChoices("A1111_UPSCALER"),
        description="The upscaler of this server that enlarges pictures for upscale=2, like R-ESRGAN 4x+."
        " Empty: it enlarges none.",
    )
    comfyui_url: str | None = Field(
        None,
        validation_alias=AliasChoices("COMFYUI_URL"),
        description="The address of ComfyUI, like http://127.0.0.1:8188. Empty: none.",
    )
    comfyui_workflow: str | None = Field(
        None,
        validation_alias=AliasChoices("COMFYUI_WORKFLOW"),
        description="The file of the workflow by which ComfyUI makes pictures, as Export (API) writes it, with titles"
        " that say where prompt, seed and size go. Empty: none.",
    )
    local_model: str = Field(
        "",
        description="The folder of a model that this machine draws with, in diffusers' or OpenVINO's format; several"
        " with commas between them, the default first. Empty: none.",
    )
    local_device: str = Field(
        "",
        description="What such a model is drawn on, as its library names it, like cpu, cuda, cuda:1 or mps (diffusers),"
        " CPU or GPU (OpenVINO). Empty: the best that diffusers finds; OpenVINO: CPU.",
    )
    openai_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("OPENAI_API_KEY"),
        description="The API key of OpenAI, or of another server with its images API. Empty: none is sent.",
    )
    openai_base_url: str | None = Field(
        None,
        validation_alias=AliasChoices("OPENAI_BASE_URL"),
        description="The address of a server with OpenAI's images API. Empty: OpenAI itself.",
    )
    openai_server: str = Field(
        "",
        description="What kind of server that is: it decides how sizes, seeds and prompts are sent, and whether a"
        " picture costs money. Empty: the kind that the address is known for, else other.",
    )
    openai_fields: str = Field(
        "",
        description='Further fields of each request to that server, a JSON object like {"quality": "low"}.'
        " Empty: none.",
    )
    hf_token: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("HF_TOKEN"),
        description="The token of Hugging Face. Empty: none is sent.",
    )
    hf_inference_endpoint: str | None = Field(
        None,
        validation_alias=AliasChoices("HF_INFERENCE_ENDPOINT"),
        description="The address of Hugging Face's inference API, of an Inference Endpoint, or of a server with that"
        " protocol. Empty: Hugging Face's router.",
    )
    fetch_hosts: str = Field(
        "",
        description="The hosts from which a picture may be fetched, where an upstream answers with a URL."
        " Empty: the upstream itself alone.",
    )
    worker_tokens: Annotated[ApiKeys, BeforeValidator(forms.api_keys)] = Field(
        ApiKeys(),
        exclude=True,  # from every dump of the settings
        description="The tokens of workers, which come for orders (promptcdn work) and show the secret."
        " Empty: none, and /work/… is 404.",
    )
    worker_start: SecretStr | None = Field(
        None,
        description="How a worker is started when orders wait and none has called for a minute: an address that is"
        " POSTed, or a command. Empty: none is.",
    )
    worker_starts: int = Field(
        24, ge=1, le=1000, description="How often PROMPTCDN_WORKER_START is used within 24 hours at most."
    )
    worker_token: SecretStr | None = Field(
        None,
        description="The token that promptcdn work shows to the service, which has it in PROMPTCDN_WORKER_TOKENS."
        " Empty: the option --token.",
    )
    prompt_syntax: Literal["plain", "allowed"] = Field(
        "plain",
        description="Whether readers may use in prompts what the server reads out of them, like (word:1.3) or"
        " <lora:name:1>: plain (the words are sent, without that meaning) or allowed.",
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
        require_generators(name for name, _ in numbers.exceptions)
        return numbers

    @field_validator("prices")
    @classmethod
    def _are_prices(cls, text: str) -> str:
        Prices.parse(text)
        return text

    @field_validator(*_READERS)
    @classmethod
    def _are_read_by_generators(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text:
            try:
                _READERS[str(info.field_name)](text)
            except ValueError as wrong:
                # Who shows this says first which setting it is.
                raise ValueError(re.sub(r'^[A-Z_]+(="[^"]*")?: ', "", str(wrong))) from None
        return text

    @field_validator("worker_start")
    @classmethod
    def _starts_something(cls, start: SecretStr | None) -> SecretStr | None:
        if start:
            forms.require_start(start.get_secret_value())
        return start

    @field_validator("stability_host")
    @classmethod
    def _has_no_credentials(cls, host: str | None) -> str | None:
        if host:
            misconfiguration.require_no_credentials(host)
        return host

    @model_validator(mode="after")
    def _offers_what_it_says(self) -> Self:
        for each in self._named:
            if needed := self.needed(each):
                raise ValueError(f"{PREFIX}GENERATOR={','.join(self.generator)}: {each.name} needs {needed}")
        self._require_engines()
        default = self.defaults.default
        drawer = self.defaults.limits(default)
        if self.size and not drawer.allows(self.size):
            nearest = ", ".join(f"{width}x{height}" for width, height in drawer.nearest(self.size))
            raise ValueError(f"{PREFIX}SIZE: {drawer.name} draws no such size; the nearest are {nearest}")
        return self

    def _require_engines(self) -> None:
        """An engine that a generator in use would have under other settings of its own is surely a mistake, and so is
        one that nobody is known to have, where the default engine would be paid for in its place; one that several
        may have goes to none of them, where one of them is paid for."""
        for setting, name in self._named_engines:
            takers = () if _full(name) or self._knowing(name) else self._having(name)
            if len(takers) > 1 and any(each.paid for each in takers):
                full = misconfiguration.one_of([f"{each.name}/{name}" for each in takers])
                raise ValueError(f"{PREFIX}{setting}={name}: several generators take any name; allowed: {full}")
            engine = name.rpartition("/")[2]
            for own, each in zip(self._named, self.generators, strict=True):
                if self._meant(name) is None and any(family.claims(engine) for family in _named_families(own)):
                    settings = " and ".join(map(type(self).shown_name, own.settings))
                    known = misconfiguration.one_of(_known(each))
                    raise ValueError(
                        f"{PREFIX}{setting}={name}: {each.name} has no such engine: its engines depend on {settings};"
                        f" allowed: {known}"
                    )
            elsewhere = any(family.claims(engine) for each in GENERATORS for family in _named_families(each))
            if self.paid and self._meant(name) is None and not elsewhere:
                known = misconfiguration.one_of([other for each in self.generators for other in _known(each)])
                raise ValueError(f"{PREFIX}{setting}={name}: no generator in use has such an engine; allowed: {known}")

    @classmethod
    def shown_name(cls, name: str) -> str:
        """The name of a field as people set it."""
        field = cls.model_fields.get(name)
        return PREFIX + name.upper() if field and field.validation_alias is None else name.upper()

    def needed(self, generator: Declaration) -> str:
        """The settings that a generator still needs, as text; empty where it can be used."""
        groups = generator.lacks(self.values(generator))
        return " and ".join(" or ".join(map(type(self).shown_name, group)) for group in groups)

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

    @property
    def ineffective(self) -> Iterator[tuple[str, str]]:
        """Settings of generators that are not in use, and engines that none in use has; each with the reason. Keys are
        left out: other programs read the same variables."""
        used = {name for each in self.generators for name in each.settings}
        for each in GENERATORS:
            for name in each.settings:
                if name in self.model_fields_set - used and not isinstance(getattr(self, name), SecretStr):
                    yield type(self).shown_name(name), f"{each.name} is not in use"
        for setting, name in self._named_engines:
            if self._meant(name) is None:
                yield f"{PREFIX}{setting}={name}", "no generator in use has such an engine"

    def values(self, generator: Declaration) -> Mapping[str, str]:
        """The values of the settings that a generator declares, empty where they are not set."""
        return {name: self._plain(name) for name in generator.settings}

    def at_once(self, generator: Declaration) -> int:
        """How many pictures that generator makes at once."""
        own, most = self.concurrency.own(generator.name), self.concurrency.for_all
        declared = generator.concurrency or most
        return own or (declared if generator.by_orders else min(most, declared))

    @property
    def paid(self) -> bool:
        """Whether any picture costs money."""
        return any(each.paid for each in self.generators)

    @cached_property
    def price_list(self) -> Prices:
        """What the engines of the generators in use cost."""
        return Prices.parse(self.prices, {each.name: each.prices for each in self.generators})

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
        if full := _full(name):
            generator, engine = full
            own = (each for each in self.generators if each.name == generator and each.has(engine))
            return next((Offered(each.name, engine) for each in own), None)
        # A generator that takes any name comes after one that has a family of that name.
        return next((Offered(each.name, name) for each in (*self._knowing(name), *self._having(name))), None)

    @property
    def _named_engines(self) -> Iterator[tuple[str, str]]:
        """Each engine that a setting names, behind the setting."""
        yield from (("ENGINE", name) for name in (self.engine,) if name)
        yield from (("ENGINES", name) for name in self.engines)

    def _knowing(self, engine: str) -> tuple[Declaration, ...]:
        """The generators in use with a family of that name."""
        return tuple(each for each in self.generators if any(family.claims(engine) for family in _named_families(each)))

    def _having(self, engine: str) -> tuple[Declaration, ...]:
        """The generators in use that know that name or take any."""
        return tuple(each for each in self.generators if each.has(engine))

    def _plain(self, name: str) -> str:
        value = getattr(self, name)
        return str(value.get_secret_value() if isinstance(value, SecretStr) else value or "")


def require_generators(names: Iterable[str]) -> None:
    """Raises `ValueError` where there is no generator of one of these names."""
    for name in names:
        if name not in BY_NAME:
            raise ValueError(f"there is no generator {name}; allowed: {misconfiguration.one_of(sorted(BY_NAME))}")


def _full(name: str) -> tuple[str, str] | None:
    """The parts of `generator/engine`; `None` where the name is an engine's alone, which may have a slash too."""
    generator, _, engine = name.partition("/")
    return (generator, engine) if engine and generator in BY_NAME else None


def _known(generator: Declaration) -> tuple[str, ...]:
    return generator.known or (generator.engine,)


def _named_families(generator: Declaration) -> Iterator[Family]:
    return (family for family in generator.engines if family.pattern != ANY.pattern)
