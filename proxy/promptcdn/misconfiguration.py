"""Settings that are a mistake, in one place. A clear mistake is refused; a possible one is shown.

`require_…` raise `ValueError`, whose text says what to do and quotes no secret: such a setting ends the start.
`number`, `one_of`, `nearest` and `elsewhere` are what such texts are made of.
`doubts` and `unused` are findings: a line each at the start, and in `promptcdn doctor`. Two signing keys with one
secret are refused in `signing`, where keys are read.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from promptcdn.checks import Check

TOKEN_MIN = 16
# Visible ASCII: nothing else can be sent in `Authorization: Bearer …` and compared (RFC 6750 section 2.1).
_TOKEN = re.compile(rf"[\x21-\x7e]{{{TOKEN_MIN},}}")

# The widest network of which one party can be the owner: 10.0.0.0/8, and for IPv6 what registries give away.
WIDEST = {4: 8, 6: 16}
# Addresses that nobody on the internet has (RFC 4193, RFC 4291 section 2.5.6): all of them may be an operator's own.
_NOBODYS = (IPv6Network("fc00::/7"), IPv6Network("fe80::/10"))

_CREDENTIALS = re.compile("[@?#]")
_STORE = re.compile("^(s3|disk):", re.IGNORECASE)
# What may be one half of KEY:SECRET: a colon that is neither a scheme's nor a port's.
_ODD_COLON = re.compile(r":(?!//|[0-9]{1,5}(?:/|$))")

# What botocore takes for an endpoint, less what it finds out only at the first call.
_ENDPOINT = re.compile(
    r"https?://(?:(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?|\[[0-9a-fA-F:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?:/[\x21-\x7e]*)?"
)
_REGION = re.compile(r"(?![0-9]+$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
# A bucket's variables that have another name here, by what is in the name that somebody made up; the first one counts.
_ELSEWHERE = {
    "ENDPOINT": "AWS_ENDPOINT_URL_S3",
    "REGION": "AWS_DEFAULT_REGION",
    "SESSION_TOKEN": "AWS_SESSION_TOKEN",
    "SECRET_ACCESS": "AWS_SECRET_ACCESS_KEY",
    "SECRET_KEY": "AWS_SECRET_ACCESS_KEY",
    "S3_SECRET": "AWS_SECRET_ACCESS_KEY",
    "ACCESS_KEY": "AWS_ACCESS_KEY_ID",
    "S3_KEY": "AWS_ACCESS_KEY_ID",
    "CA_BUNDLE": "AWS_CA_BUNDLE",
    "PROFILE": "AWS_PROFILE",
    "BUCKET": "PROMPTCDN_STORE=s3://bucket/prefix",
}
# How an endpoint is often called by mistake: boto3 reads none of them.
_NO_ENDPOINT = re.compile(r"(AWS_|MINIO_)?S3_(ENDPOINT|URL)(_URL)?|AWS_ENDPOINT(_S3(_URL)?)?|MINIO_(ENDPOINT|URL)")
_AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_BOTH = "set both, or none where a profile or a role has them"
_SERVICE_HOST = "_SERVICE_HOST"
# They are sent in header fields, or sign what is sent.
_UNSENDABLE = re.compile(r"[^\x21-\x7e]")

# go-camo's, in all: of three seconds' waiting and one second's answer.
CAMO_SECONDS = 4
# So many characters of a value are quoted.
_QUOTED_MOST = 200
# What ends a line, here or in a terminal.
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LOCAL_NAME = re.compile(r"[^.]*|.*\.(local|localhost|lan|internal|test|home\.arpa)", re.IGNORECASE)
_HOST = re.compile(r"https?://(\[[^]]*\]|[^/:]*)")


class WrongVariable(ValueError):
    """A variable of a bucket is wrong. `place`: its name, and its value where that is no secret."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}{why}")
        self.place = place
        self.why = why

    def needed_by(self, store: str) -> str:
        """The same, once more with the setting and the address that need the variable."""
        return f"{self.place} (for {store}){self.why}"


def require_token(token: str) -> None:
    """A token that can be guessed guards nothing, and one that cannot be sent is never shown."""
    if _TOKEN.fullmatch(token) is None:
        made = "make one with: openssl rand -hex 16"
        raise ValueError(f"a token has at least {TOKEN_MIN} characters, all of them visible ASCII; {made}")


def require_narrow(network: IPv4Network | IPv6Network) -> None:
    """Whoever may be in a trusted network says who they are, and is charged for nothing."""
    widest = WIDEST[network.version]
    own = isinstance(network, IPv6Network) and any(network.subnet_of(known) for known in _NOBODYS)
    if network.prefixlen < widest and not own:
        everybody = "everybody" if network.prefixlen == 0 else "far too many"
        allowed = f"name the proxies: an IPv{network.version} network is a /{widest} or narrower"
        raise ValueError(f'"{network}" is {everybody}: each client in it would say who it is; {allowed}')


def require_no_credentials(address: str) -> None:
    """Addresses are shown: at the start, by `/readyz`, in logs. What is secret has settings of its own."""
    if _CREDENTIALS.search(address):
        raise ValueError("an address has no user, no password and no parameters in it: it is shown to people")


def shown(address: str) -> str:
    """`="address"` for a message about it, or nothing where it may hold a secret."""
    odd = _CREDENTIALS.search(address) or _ODD_COLON.search(_STORE.sub("", address))
    return "" if odd else f'="{visible(address)}"'


def is_sendable(secret: str) -> bool:
    """Whether a secret can stand in a header field: visible ASCII characters, without blanks and line breaks."""
    return _UNSENDABLE.search(secret) is None


def require_aws(variables: Mapping[str, str]) -> None:
    """The `AWS_…` variables, for a bucket: boto3 has no word for some mistakes, and says others at the first call."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if address := variables.get(name, ""):
            _require_endpoint(name, address)
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        region = variables.get(name, "")
        if region and _REGION.fullmatch(region) is None:
            raise WrongVariable(
                f'{name}="{visible(region)}"', ": a region is letters, digits and hyphens, like us-east-1 or auto"
            )
    for name in _AWS_KEYS:
        if not is_sendable(variables.get(name, "")):
            broken = "there is a line break, a blank or a letter that is not ASCII in it"
            raise WrongVariable(name, f": {broken}; write it anew, with printf and not with echo")
    has = {name: bool(variables.get(name)) for name in _AWS_KEYS[:2]}
    if len(set(has.values())) == 2:
        (there, lacking) = sorted(has, key=has.__getitem__, reverse=True)
        raise WrongVariable(lacking, f": {there} is set and {lacking} is not: {_BOTH}")


def _require_endpoint(name: str, address: str) -> None:
    try:
        require_no_credentials(address)
    except ValueError as wrong:
        raise WrongVariable(name, f": {wrong}") from None
    found = _ENDPOINT.fullmatch(address)
    if found is not None and int(found["port"] or 0) < 65536:
        return
    bare = re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?(/\S*)?", address)
    like = f"http://{address} or https://{address}" if bare else "https://s3.example.org or http://127.0.0.1:9000"
    allowed = "http:// or https://, a host of letters, digits, dots and hyphens, and perhaps a port"
    value = f'="{visible(address)}"' if shown(address.strip()) else ""
    raise WrongVariable(f"{name}{value}", f": an endpoint is {allowed}, like {like}")


def not_an_endpoint(names: Iterable[str]) -> str:
    """The variable that was probably meant to be the endpoint, and that boto3 does not read; empty where none is."""
    return next((name for name in sorted(names) if _NO_ENDPOINT.fullmatch(name)), "")


def visible(value: str) -> str:
    """A value as a message quotes it: on one line, and of a long one its beginning."""
    return one_line(value if len(value) <= _QUOTED_MOST else f"{value[:_QUOTED_MOST]}…")


def one_line(text: str) -> str:
    """With line breaks as people write them."""
    return _BREAKS.sub(lambda odd: repr(odd[0])[1:-1], text)


def elsewhere(name: str) -> str | None:
    """What was probably meant by a setting of a bucket that is not ours: boto3's variable, or the store's address."""
    return next((meant for part, meant in _ELSEWHERE.items() if part in name), None)


def service_link(name: str, names: Iterable[str]) -> bool:
    """Whether Kubernetes has set the variable `name`, one of `names`, to say where a Service of the name space is.

    https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    services = {each.removesuffix(_SERVICE_HOST) for each in names if each.endswith(_SERVICE_HOST)}
    return any(re.fullmatch(rf"{re.escape(each)}_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\w+)?)", name) for each in services)


def nearest(name: str, names: Iterable[str], prefix: str) -> str | None:
    """The setting that was probably meant by `name`. What all have in common (the prefix) is no likeness."""
    by_end = {known.removeprefix(prefix): known for known in names}
    close = difflib.get_close_matches(name.removeprefix(prefix), by_end, n=1)
    return by_end[close[0]] if close else None


def number(*, whole: bool, least: float, most: float | None) -> str:
    """What a setting that is a number may be."""
    kind = "a whole number" if whole else "a number"
    return f"{kind}, {least:g} or more" if most is None else f"{kind} from {least:g} to {most:g}"


def one_of(choices: Sequence[str]) -> str:
    """What a setting with choices may be."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


@dataclass(frozen=True)
class Chosen:
    """What the operator chose, as far as a mistake may be seen in it.

    `unlimited`: pictures cost money and no budget counts them. `chats`: there is an app for Slack or Discord.
    `secrets`: what holds each, and the secret; `upstream_keys`: the same of keys that upstreams gave. `ineffective`: a
    setting and its value, and why it does nothing.
    """

    misses: str = "open"
    signing: bool = False
    unlimited: bool = False
    admin_token: bool = False
    public_url: str = ""
    chats: bool = False
    wait: float = 30
    proxy_wait: float = 3
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    upstream_keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ineffective: tuple[tuple[str, str], ...] = ()


def doubts(chosen: Chosen) -> tuple[Check, ...]:
    """What the operator hardly meant, and what to do about it."""
    return tuple(Check("settings", False, detail, advice) for detail, advice in _doubts(chosen))


def unused(chosen: Chosen) -> tuple[Check, ...]:
    """Settings that do nothing, which is no mistake where somebody else reads them or they wait to be used."""
    advice = "name its generator in PROMPTCDN_GENERATOR, or take the setting out"
    return tuple(Check("settings", True, f"{what} has no effect: {why}", advice) for what, why in chosen.ineffective)


def _doubts(chosen: Chosen) -> Iterator[tuple[str, str]]:
    if chosen.signing and chosen.misses == "open":
        yield (
            "PROMPTCDN_SIGNING_KEYS are set, and new pictures are for everybody: PROMPTCDN_MISSES is open",
            "set PROMPTCDN_MISSES=signed, or take the keys out",
        )
    if chosen.unlimited and chosen.misses == "open":
        yield (
            "everybody may spend without limit: PROMPTCDN_BUDGET is unlimited and PROMPTCDN_MISSES is open",
            "set a budget, like 100/day, or PROMPTCDN_MISSES=signed",
        )
    if chosen.public_url and not chosen.admin_token and not _is_local(chosen.public_url):
        yield (
            f"everybody at {chosen.public_url} may read /metrics and the details of /readyz",
            "set PROMPTCDN_ADMIN_TOKEN, made with: openssl rand -hex 16",
        )
    if chosen.public_url.startswith("http://") and not _is_local(chosen.public_url):
        yield (
            f"PROMPTCDN_PUBLIC_URL is {chosen.public_url}: pages that came over https:// show no picture from there",
            "put a certificate in front, and say https://",
        )
    if chosen.chats and (_is_local(chosen.public_url) or chosen.public_url.startswith("http://")):
        yield (
            f"PROMPTCDN_PUBLIC_URL is {chosen.public_url}: Slack and Discord reach only public https:// addresses",
            "say the https:// address that was written into the app",
        )
    if chosen.proxy_wait > chosen.wait:
        yield (
            f"PROMPTCDN_PROXY_WAIT={chosen.proxy_wait:g} has no effect: PROMPTCDN_WAIT={chosen.wait:g} is shorter",
            "make it the shorter of the two",
        )
    if min(chosen.proxy_wait, chosen.wait) >= CAMO_SECONDS:
        yield (
            f"image proxies get a placeholder after {min(chosen.proxy_wait, chosen.wait):g} s: some give up after 4 s",
            "set PROMPTCDN_PROXY_WAIT=3",
        )
    yield from _used_twice(chosen.secrets, chosen.upstream_keys)


def _used_twice(
    secrets: tuple[tuple[str, str], ...], upstream_keys: tuple[tuple[str, str], ...]
) -> Iterator[tuple[str, str]]:
    """Equal secrets: whoever is given one of them has what the other one guards, too. Two upstreams may be one."""
    first: dict[str, str] = {}
    for holder, secret in (*secrets, *upstream_keys):
        if secret in first:
            yield f"{first[secret]} and {holder} are one secret", "make up one of them anew: openssl rand -hex 32"
        elif (holder, secret) in secrets:
            first[secret] = holder


def _is_local(url: str) -> bool:
    """Whether a URL is for this machine or its own network, as far as its host says."""
    found = _HOST.match(url)
    host = found[1].strip("[]") if found else ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return _LOCAL_NAME.fullmatch(host) is not None
