"""Settings from the environment (and `.env`), as one typed frozen object. An empty one is as good as unset."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    AliasChoices,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from promptcdn import misconfiguration
from promptcdn.guard.api_keys import ApiKeys
from promptcdn.guard.authorisation import Misses
from promptcdn.money.budget.limits import UNLIMITED, BudgetLimits
from promptcdn.money.rates.rate import Rate
from promptcdn.problems import BadSettings
from promptcdn.readers.clients import TrustedProxies
from promptcdn.settings import environment, forms
from promptcdn.settings.chats import ChatSettings
from promptcdn.settings.generators import PREFIX, GeneratorSettings, require_generators
from promptcdn.url.signing import SigningKeys

# The defaults where pictures cost money. Elsewhere both are unlimited.
PAID_BUDGET = "100/day"
PAID_CLIENT_RATE = "60/minute"
# What is kept as text, and read by the part that it is for; each raises `ValueError` with what is allowed.
_READERS: Mapping[str, Callable[[str], object]] = {
    "client_rate": Rate.parse,
    "trusted_proxies": TrustedProxies.parse,
    "store": forms.require_store,
    "store_id": forms.require_store_id,
    "disk_cache": forms.disk_cache,
}
# Error messages quote the values of these settings, unless a secret seems to be in one.
_ADDRESSES = ("store", "_host", "_url")
# The values of settings with such names are quoted nowhere.
_SECRETS = ("KEY", "TOKEN", "PASSWORD", "REDIS", "SECRET", "WORKER_START")


class Settings(ChatSettings, GeneratorSettings):
    """Every setting, what it is and what it means when empty. Those of generators come first, then those of chats."""

    model_config = ConfigDict(
        validate_by_name=True,
        frozen=True,
        hide_input_in_errors=True,
        # A secret that comes from a file often has the file's last line break.
        str_strip_whitespace=True,
    )

    store: str = Field(
        "",
        description="The store: where pictures are kept. Endpoint, region and keys of a bucket are AWS_… variables."
        " Empty: the folder store in the data folder.",
    )
    s3_addressing_style: Literal["auto", "path", "virtual"] = Field(
        "auto",
        description="Where the name of a bucket stands in its address: path (https://host/bucket), virtual"
        " (https://bucket.host), or auto: in the path first at a service that is not Amazon's, and in the host where"
        " the service asks for that.",
    )
    store_id: str = Field(
        "",
        description="The id of the store: while the store has another one, nothing is made."
        " Empty: the id that the data folder and Redis remember.",
    )
    data_dir: Path = Field(
        Path("data"),
        description="The data folder: counters, paid pictures that are not stored yet, and the store by default.",
    )
    memory: int = Field(268435456, ge=0, description="How many bytes of pictures are kept in memory.")
    disk_cache: str = Field(
        "",
        description="How much of the disk of the data folder may hold copies of what was read from a bucket, so that it"
        " need not be read from there again. Only for a store that is a bucket. Empty: nothing.",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="The Redis that all replicas share. Empty: none, each replica is on its own.",
    )
    misses: Misses = Field(
        "open", description="Who may cause new pictures: open (everybody), signed (signed URLs) or closed (nobody)."
    )
    signing_keys: Annotated[SigningKeys, BeforeValidator(forms.signing_keys)] = Field(
        SigningKeys(),
        exclude=True,  # from every dump of the settings
        description="The keys of signed URLs; the first one signs. Empty: none.",
    )
    api_keys: Annotated[ApiKeys, BeforeValidator(forms.api_keys)] = Field(
        ApiKeys(),
        exclude=True,  # from every dump of the settings
        description="The keys of clients of OpenAI's images API (/v1/…), which send the secret as their API key. The"
        " client rate is counted for each id. Empty: none, and those URLs are 404.",
    )
    deny: Path | None = Field(
        None,
        repr=False,  # its name may tell what is in it
        description="A file of words and patterns: a prompt that has one of them makes no new picture. Empty: none.",
    )
    admin_token: SecretStr | None = Field(
        None,
        description="Whoever shows it may take pictures down, and see the details of readiness and metrics."
        " Empty: nobody may, and everybody sees them.",
    )
    budget: str = Field(
        "",
        description="How much may be paid for, by all generators together; NAME=20/day limits one of them beside that."
        f" Empty: {PAID_BUDGET} where pictures cost money, else unlimited. Beside generators that cost, those that cost"
        " nothing are not counted.",
    )
    client_rate: str = Field(
        "",
        description="How many new pictures one client may start."
        f" Empty: {PAID_CLIENT_RATE} where pictures cost money, else unlimited.",
    )
    trusted_proxies: str = Field(
        "",
        description="The proxies that are believed when they say for which client they ask."
        f" Networks are no wider than /{misconfiguration.WIDEST[4]}, of IPv6 /{misconfiguration.WIDEST[6]}."
        " Empty: none.",
    )
    variants: int = Field(8, ge=1, le=64, description="How many pictures a URL without a seed chooses from.")
    wait: float = Field(
        30, ge=0, le=120, description="How many seconds a request waits for a new picture before it is answered 503."
    )
    proxy_wait: float = Field(
        3,
        ge=0,
        le=10,
        description="How many seconds an image proxy waits before it gets a placeholder; go-camo gives up after 4.",
    )
    queue: int = Field(
        64, ge=0, le=10000, description="How many more pictures may wait to be made; others are refused with 503."
    )
    grace: float = Field(
        25,
        ge=0,
        le=600,
        description="How many seconds the service has to finish pictures under way when it is stopped.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(
        8080,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("PORT"),
        description="The port to listen on; 0: any free port.",
    )
    public_url: str = Field(
        "", description="The address under which people reach this service, for snippets. Empty: where it listens."
    )

    log: Literal["text", "json"] = Field("text", description="Whether log lines are text, or JSON objects.")
    fastpath: Literal["on", "asgi", "off"] = Field(
        "on",
        description="Whether URLs that were answered before are answered from memory without being read again: on (by"
        " the server itself), asgi (by the application, for a server that is not ours) or off. Where hits are logged"
        " (PROMPTCDN_LOG_HITS) or requests are traced (OTEL_…) that is off: a line at the start says which it is.",
    )
    log_hits: bool = Field(False, description="Whether hits are logged, too; true turns PROMPTCDN_FASTPATH off.")

    @field_validator(*_READERS)
    @classmethod
    def _can_be_read(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text:
            _READERS[str(info.field_name)](text)
        return text

    @field_validator("budget")
    @classmethod
    def _limits_generators(cls, text: str) -> str:
        if text:
            require_generators(BudgetLimits.parse(text).generators)
        return text

    @field_validator("redis_url")
    @classmethod
    def _is_a_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url and re.fullmatch(forms.REDIS_URL, url.get_secret_value()) is None:
            raise ValueError(f"allowed: {forms.FORMS['redis_url']}")
        return url

    @field_validator("admin_token")
    @classmethod
    def _cannot_be_guessed(cls, token: SecretStr | None) -> SecretStr | None:
        if token:
            misconfiguration.require_token(token.get_secret_value())
        return token

    @field_validator("public_url")
    @classmethod
    def _is_a_url(cls, text: str) -> str:
        if text and re.fullmatch(forms.PUBLIC_URL, text) is None:
            raise ValueError(f"allowed: {forms.FORMS['public_url']}")
        return text.rstrip("/")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in self.budget_limits.generators:
            if self.paid and any(each.name == name and not each.paid for each in self.generators):
                raise ValueError(f"{PREFIX}BUDGET: {name} costs nothing, so it has no limit of its own: take that out")
        if self.misses == "signed" and not self.signing_keys.ids:
            raise ValueError(f"{PREFIX}MISSES=signed needs {PREFIX}SIGNING_KEYS, like id:secret")
        if self.disk_cache and not self.store.startswith("s3:"):
            raise ValueError(f"{PREFIX}DISK_CACHE is for a bucket: it needs {PREFIX}STORE=s3://bucket/prefix")
        return self

    def address(self, port: int) -> str:
        """Where a browser on this machine finds the service; a host that stands for all addresses is none to open."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def store_url(self) -> str:
        """Where pictures live, `disk:PATH` or `s3://bucket/prefix`."""
        return self.store or f"disk:{self.data_dir.absolute() / 'store'}"

    @property
    def store_setting(self) -> str:
        """The name of the setting that says where pictures live."""
        return PREFIX + ("STORE" if self.store else "DATA_DIR")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may stand in no log, whoever says it."""
        listed = (*self.signing_keys.secrets, *self.api_keys.secrets, *self.worker_tokens.secrets)
        signing = (secret.decode() for _, secret in listed)
        aws = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        redis = forms.password(self.redis_url.get_secret_value()) if self.redis_url else ()
        return (*self._keys.values(), *signing, *redis, *(os.environ.get(name, "") for name in aws))

    @property
    def _keys(self) -> Mapping[str, str]:
        """The settings that are one secret each, by the names that people set."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {
            shown_name(name): value.get_secret_value()
            for name, value in fields
            if isinstance(value, SecretStr) and value
        }

    @property
    def chosen(self) -> misconfiguration.Chosen:
        """What `misconfiguration` looks at."""
        hosted = any(each.paid and not self.values(each).get("stability_host") for each in self.generators)
        keys = {name: key for name, key in self._keys.items() if name != f"{PREFIX}REDIS_URL"}
        ours = {secret.decode() for _, secret in self.worker_tokens.secrets}
        # A machine with a service and a worker of it has the worker's secret twice, as it should.
        twice = {f"{PREFIX}WORKER_TOKEN"} if keys.get(f"{PREFIX}WORKER_TOKEN") in ours else set()
        own = {name: key for name, key in keys.items() if name.startswith(PREFIX) and name not in twice}
        signing = ((f"the signing key {kid}", secret.decode()) for kid, secret in self.signing_keys.secrets)
        clients = ((f"the API key {name}", secret.decode()) for name, secret in self.api_keys.secrets)
        workers = ((f"the worker's token {name}", secret.decode()) for name, secret in self.worker_tokens.secrets)
        return misconfiguration.Chosen(
            misses=self.misses,
            signing=bool(self.signing_keys.ids),
            unlimited=hosted and not self.budget_limits.each,
            admin_token=self.admin_token is not None,
            public_url=self.public_url,
            chats=bool(self.slack_signing_secret or self.discord_public_key),
            wait=self.wait,
            proxy_wait=self.proxy_wait,
            secrets=(*own.items(), *signing, *clients, *workers),
            upstream_keys=tuple((name, key) for name, key in keys.items() if not name.startswith(PREFIX)),
            ineffective=tuple(self.ineffective),
        )

    @property
    def budget_limits(self) -> BudgetLimits:
        """The budget. Where pictures cost money it is unlimited only if the setting says so."""
        otherwise = PAID_BUDGET if self.paid else UNLIMITED
        return BudgetLimits.parse(self.budget or otherwise, otherwise)

    @property
    def rate(self) -> Rate | None:
        """What one client may start; `None`, for unlimited, only if the setting says so where pictures cost money."""
        return Rate.parse(self.client_rate or (PAID_CLIENT_RATE if self.paid else "unlimited"))


def load(host: str | None = None, port: int | None = None, generator: str | None = None) -> Settings:
    """The settings of the environment and `.env`; options of the command line go first. Raises `BadSettings`."""
    variables = environment.variables()
    wrong = list(_strange_names(variables))
    given: dict[str, Any] = {name.upper(): value for name, value in variables.items()}
    found = {name: given.get(shown_name(name)) for name in Settings.model_fields}
    options = (("host", host), ("port", port), ("generator", generator))
    found |= {name: value for name, value in options if value is not None}
    try:
        settings = Settings(**{name: value for name, value in found.items() if value not in (None, "")})
    except ValidationError as error:
        wrong += [_line(detail) for detail in error.errors()]
    if wrong:
        raise BadSettings("\n".join(map(misconfiguration.one_line, wrong)))
    return settings


def s3_addressing_style() -> Literal["auto", "path", "virtual"]:
    """That setting alone, for commands that have the store as an option. Raises `BadSettings`."""
    value = (environment.variables().get(shown_name("s3_addressing_style")) or "auto").strip()
    for style in get_args(Settings.model_fields["s3_addressing_style"].annotation):
        if value == style:
            return style  # type: ignore[no-any-return]
    shown = misconfiguration.visible(value)
    raise BadSettings(f'{shown_name("s3_addressing_style")}="{shown}": allowed: {allowed("s3_addressing_style")}')


def shown_name(name: str) -> str:
    """The name of a field as people set it."""
    return Settings.shown_name(name)


def row(name: str) -> str:
    """What there is to know of a setting, by the name that people set; empty where there is no such setting."""
    own = next((own for own in Settings.model_fields if shown_name(own) == name), None)
    return f"{name}: {allowed(own) or 'any text'}. {Settings.model_fields[own].description}" if own else ""


def allowed(name: str) -> str:
    """What may be set: a range, choices, or what it looks like; empty where that is any text."""
    field = Settings.model_fields[name]
    if field.annotation is bool:
        return misconfiguration.one_of(("true", "false"))
    if get_origin(field.annotation) is Literal:
        return misconfiguration.one_of(get_args(field.annotation))
    bounds: dict[str, float] = {}
    for each in field.metadata:
        bounds |= {bound: getattr(each, bound) for bound in ("ge", "le") if hasattr(each, bound)}
    if "ge" in bounds:
        return misconfiguration.number(whole=field.annotation is int, least=bounds["ge"], most=bounds.get("le"))
    return forms.FORMS.get(name, "")


def _strange_names(names: Iterable[str]) -> Iterable[str]:
    known = [shown_name(name) for name in Settings.model_fields]
    there = sorted(name.upper() for name in names)
    for name in there:
        if not name.startswith(PREFIX) or name in known:
            continue
        if misconfiguration.service_link(name, there):
            yield f"{name}: no setting: Kubernetes sets it for a Service; write enableServiceLinks: false in the pod"
            continue
        close = misconfiguration.elsewhere(name) or misconfiguration.nearest(name, known, PREFIX)
        yield f"{name}: no such setting" + (f", did you mean {close}?" if close else "; docs/settings.md has them all")


def _line(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"]:
        return message
    name = str(detail["loc"][0]).lower()
    if detail["type"] != "value_error":  # the library's words, which name types of Python
        message = f"allowed: {allowed(name)}"
    shown = shown_name(name)
    if any(word in shown for word in _SECRETS):
        return f"{shown}: {message}"
    given = str(detail["input"])
    value = misconfiguration.shown(given) if name.endswith(_ADDRESSES) else f'="{misconfiguration.visible(given)}"'
    if isinstance(wrong := detail.get("ctx", {}).get("error"), misconfiguration.WrongVariable):
        return wrong.needed_by(f"{shown}{value}")
    return f"{shown}{value}: {message}"
