"""What settings that are texts look like, and how they are read."""

import os
import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from promptcdn import misconfiguration
from promptcdn.generators import openai
from promptcdn.generators.http import locations
from promptcdn.generators.registry import BY_NAME
from promptcdn.guard.api_keys import ApiKeys
from promptcdn.settings.by_generator import Numbers
from promptcdn.url.engines import SIDE_MAX, SIDE_MIN, SIDE_STEP
from promptcdn.url.signing import SECRET_MIN, SigningKeys

PUBLIC_URL = r"https?://([^\s/?#@:\[\]]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(/[^\s?#]*)?"
_ADDRESS = r"https?://[^\s/?#]+(/\S*)?"
_STORE_ID = r"[0-9a-f]{32}"
_STORE_URL = r"disk:\s*\S.*|s3://[A-Za-z0-9._-]{1,255}(/\S*)?"
REDIS_URL = r"rediss?://([^\s/?#@]*@)?([^\s/?#@:\[\]]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/\d*)?"

# Less holds a few pictures, and is most likely a mistake in the unit.
DISK_CACHE_MIN = 10_000_000
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

# The settings that single generators may have a number of their own for.
BY_GENERATOR: Mapping[str, Numbers[Any]] = {
    "upstream_timeout": Numbers(120.0, 1.0, 600.0),
    "concurrency": Numbers(8, 1, 256),
}

# What settings that are texts look like: for errors, and for the table in docs/settings.md.
FORMS: Mapping[str, str] = {
    "generator": f"{', '.join(sorted(BY_NAME))}, several with commas between them; or auto",
    **{name: numbers.allowed for name, numbers in BY_GENERATOR.items()},
    "a1111_url": "http:// or https://, a host, and perhaps a port and a path, like http://127.0.0.1:7860",
    "comfyui_url": "http:// or https://, a host, and perhaps a port and a path, like http://127.0.0.1:8188",
    "comfyui_workflow": "the path of a file",
    "local_model": "the path of a folder, or NAME=FOLDER, several with commas between them",
    "local_device": "the name of a device, like cpu, cuda, cuda:1, mps, CPU or GPU",
    "openai_base_url": "http:// or https://, a host, and perhaps a port and a path (without one: /v1)",
    "openai_server": misconfiguration.one_of(sorted(openai.servers.BY_NAME)),
    "openai_fields": 'a JSON object like {"quality": "low"}',
    "hf_inference_endpoint": "http:// or https://, a host, and perhaps a port and a path",
    "fetch_hosts": locations.FORM,
    "stability_host": "https://HOST or http://HOST (REST); grpcs://HOST:PORT, grpc://HOST:PORT or HOST:PORT (gRPC)",
    "engine": "the name of an engine, or generator/engine",
    "engines": "names of engines, or generator/engine, with commas between them",
    "size": f"WIDTHxHEIGHT like 1024x1024, each side a multiple of {SIDE_STEP} from {SIDE_MIN} to {SIDE_MAX}",
    "store": "disk:PATH or s3://bucket/prefix",
    "store_id": "the 32 hexadecimal digits that promptcdn doctor shows",
    "data_dir": "the path of a folder",
    "redis_url": "redis://:password@host:6379/0, or rediss:// for TLS",
    "signing_keys": f"id:secret, several with commas between them; a secret has {SECRET_MIN} characters or more",
    "slack_signing_secret": "the signing secret that the app's page shows",
    "slack_bot_token": "the token that the app's page shows once the app is installed",
    "discord_public_key": "the 64 hexadecimal digits that the application's page shows",
    "discord_application_id": "the number that the application's page shows",
    "discord_bot_token": "the token that the application's page Bot shows",
    "api_keys": f"id:secret, several with commas between them; a secret has {SECRET_MIN} visible ASCII characters or"
    " more, and no blank",
    "worker_tokens": f"name:secret, several with commas between them; a secret has {SECRET_MIN} visible ASCII"
    " characters or more, and no blank",
    "worker_start": "https:// or http:// and an address, or a command with its options, like docker run --rm IMAGE",
    "worker_token": "the secret of one of the service's PROMPTCDN_WORKER_TOKENS",
    "deny": "the path of a file",
    "admin_token": f"{misconfiguration.TOKEN_MIN} visible ASCII characters or more",
    "disk_cache": f"bytes with a unit (MB, GB, TB, MiB, GiB or TiB) like 10GB, {DISK_CACHE_MIN // 10**6}MB at least",
    "budget": "pictures or credits an hour, day, week or month, like 100/day, 500 credits/month; or unlimited;"
    " for one generator like NAME=20/day",
    "prices": "engine=credits like my-engine=1.5, or generator/engine=credits, several with commas between them",
    "client_rate": "pictures a second, minute, hour or day, like 60/minute; or unlimited",
    "trusted_proxies": "addresses and networks with commas between them, like 127.0.0.1, 10.0.0.0/8, ::1",
    "host": "an address like 127.0.0.1, 0.0.0.0 or ::",
    "public_url": "an address like https://pictures.example.org",
}


def size(text: object) -> object:
    """`1024x1024` as two sides. Raises `ValueError`."""
    if not isinstance(text, str):
        return text
    width, _, height = text.partition("x")
    sides = tuple(int(side) if side.isascii() and side.isdigit() else 0 for side in (width, height))
    if any(side % SIDE_STEP or not SIDE_MIN <= side <= SIDE_MAX for side in sides):
        raise ValueError(f"allowed: {FORMS['size']}")
    return sides


def disk_cache(text: str) -> int:
    """`10GB` in bytes. Raises `ValueError`."""
    found = re.fullmatch(rf"([0-9]{{1,9}}(?:\.[0-9]{{1,3}})?) ?({'|'.join(_UNITS)})", text)
    count = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if count < DISK_CACHE_MIN:
        raise ValueError(f"allowed: {FORMS['disk_cache']}")
    return count


def listed(text: object) -> object:
    """The items of a text with commas between them."""
    return tuple(item.strip() for item in text.split(",") if item.strip()) if isinstance(text, str) else text


def signing_keys(text: object) -> object:
    """`id:secret,id2:secret2` as keys. Raises `ValueError`, which quotes no secret."""
    return SigningKeys.parse(text) if isinstance(text, str) else text


def api_keys(text: object) -> object:
    """The same as keys of clients. Raises `ValueError`, which quotes no secret."""
    return ApiKeys.parse(text) if isinstance(text, str) else text


def require_start(text: str) -> None:
    """Raises `ValueError`, which does not quote it, where this is neither an address nor a command."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if not words or (text.startswith(("http:", "https:")) and re.fullmatch(_ADDRESS, text) is None):
        raise ValueError(f"allowed: {FORMS['worker_start']}")


def password(url: str) -> tuple[str, ...]:
    """The password in a URL, as it stands there and as it is sent."""
    found = urlsplit(url).password or ""
    return (found, unquote(found))


def require_store(url: str) -> None:
    """Raises `ValueError`, with what to say instead, where this is no address of a store, or has a secret in it."""
    disk = url.startswith("disk:")
    if not disk:
        misconfiguration.require_no_credentials(url)
    if re.fullmatch(_STORE_URL, url) is None:
        raise ValueError(f"allowed: {FORMS['store']}{_store_that_was_meant(url)}")
    if not disk:
        misconfiguration.require_aws(os.environ)


def _store_that_was_meant(url: str) -> str:
    if not misconfiguration.shown(url):  # there may be a secret in it
        return ""
    if slips := re.fullmatch(r"[sS]3:/{0,2}([A-Za-z0-9._-]+(/\S*)?)", url):
        return f"; write s3://{slips[1]}"
    if re.match(r"[/~.]", url):
        return f"; write disk:{url}"
    return "; a bucket's name has letters, digits, dots, hyphens and underscores" if url.startswith("s3:") else ""


def require_store_id(text: str) -> None:
    """Raises `ValueError` where this is no id of a store."""
    if re.fullmatch(_STORE_ID, text) is None:
        raise ValueError(f"allowed: {FORMS['store_id']}")
