"""What commands that sign have in common: their options, and signed URLs."""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from promptcdn.cli.ending import fail
from promptcdn.url.dialects import given

Expires = Annotated[
    str | None,
    typer.Option(
        help="When the signature expires: 30d, 12h, 3600 (seconds from now), or 2027-01-01 (that day's start, UTC)."
    ),
]
Key = Annotated[
    str | None, typer.Option(help="The id of the key to sign with; by default the first of PROMPTCDN_SIGNING_KEYS.")
]

# More digits than these are a date without dashes, or Unix seconds that were meant to be one.
_SPAN = re.compile(r"([0-9]{1,7})([smhdw]?)")
_SPAN_MAX = 9999999
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def signed_urls(urls: Iterable[str], expires: str | None, key: str | None) -> list[str]:
    """Each of `urls` signed by a key of the settings. Ends the command where one of them cannot be."""
    from promptcdn import settings
    from promptcdn.problems import BadSettings, Problem
    from promptcdn.url.signing.spelled import signed_url

    made: list[str] = []
    try:
        keys = settings.load().signing_keys
        exp = None if expires is None else _expiry(expires, time.time())
    except (BadSettings, ValueError) as wrong:
        fail(str(wrong))
    if not keys.ids:
        fail("there is no key to sign with: set PROMPTCDN_SIGNING_KEYS, like id:secret")
    if key is not None and key not in keys.ids:
        fail(f'--key="{key}": there is {" or ".join(keys.ids)}')
    for url in urls:
        try:
            made.append(signed_url(url, keys, exp, key))
        except Problem as problem:
            fail(f"{url}: {given.told(problem)}")
        except ValueError as wrong:
            fail(f"{url}: {wrong}")
    return made


def _expiry(text: str, now: float) -> int:
    """The Unix seconds that `text` names. Raises `ValueError` where it names none, or a moment that has passed."""
    from promptcdn.url.parameters import BY_NAME

    try:
        if span := _SPAN.fullmatch(text):
            exp = int(now) + int(span[1]) * _UNITS[span[2]]
        else:
            moment = datetime.fromisoformat(text)
            exp = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        BY_NAME["exp"].read(str(exp))
    except ValueError:
        allowed = f"30d, 12h, 3600 (seconds from now, {_SPAN_MAX} at most) or 2027-01-01"
        raise ValueError(f'--expires="{text}": say it like {allowed}') from None
    if exp <= now:
        raise ValueError(f'--expires="{text}": that has passed')
    return exp
