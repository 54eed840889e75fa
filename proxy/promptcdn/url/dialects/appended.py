"""Parameters that others append to URLs, and that mean nothing here.

A URL that was passed on shows the picture of the URL that was written. `docs/urls.md` has this table. No row may ever
take the name of a parameter of ours, and a name that is likely to be one of ours misspelt is better refused.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes


class Appended(NamedTuple):
    """One row: who appends the parameters, their names, and the values that alone are ignored; any where there is none.

    A name that ends in `*` stands for all names that begin so. Without `numbers` a whole number is not ignored.
    """

    who: str
    names: tuple[str, ...]
    values: tuple[str, ...] = ()
    numbers: bool = True


APPENDED = (
    Appended("people, so that an image proxy fetches a picture again", ("v",)),
    Appended("analytics: Google", ("utm_*", "gclid", "dclid", "gbraid", "wbraid", "gad_source", "srsltid")),
    Appended("analytics: Google, between two sites", ("_ga", "_gl", "gclsrc", "gad_campaignid")),
    Appended("analytics: Microsoft", ("msclkid",)),
    Appended("analytics: Matomo, once Piwik", ("mtm_*", "pk_*", "matomo_*", "piwik_*")),
    Appended("analytics: Yandex", ("yclid", "ysclid")),
    Appended("social networks: Facebook, Instagram", ("fbclid", "igshid", "igsh")),
    Appended(
        "social networks: X, TikTok, LinkedIn, Pinterest, Reddit", ("twclid", "ttclid", "li_fat_id", "epik", "rdt_cid")
    ),
    # A whole number is what `rev` takes, and `ref` is one letter away: that would be another picture.
    Appended("sites, as the place a reader comes from", ("ref", "source"), numbers=False),
    Appended("social networks and video, as the place a link was shared", ("ref_src", "si")),
    Appended("newsletters: Mailchimp, HubSpot, Marketo", ("mc_cid", "mc_eid", "_hsenc", "_hsmi", "mkt_tok")),
    Appended(
        "cache busters: programs and browsers' libraries",
        ("_", "t", "ts", "timestamp", "cb", "cachebust", "nocache", "no-cache", "rand", "ver", "updatedAt"),
    ),
    Appended("GitHub, for the file itself", ("raw",), ("true", "1")),
    Appended("GitHub, for SVG", ("sanitize",), ("true",)),
    Appended("WordPress' image proxy", ("ssl",), ("1",)),
)
# jQuery and others append the time alone: `?prompt=a&1700000000`.
_WHOLE_NUMBER = re.compile("[0-9]+")


def _rows_by_name() -> dict[str, Appended]:
    return {name: row for row in APPENDED for name in row.names if not name.endswith("*")}


_BY_NAME = _rows_by_name()
_BEGINNINGS = tuple(name.removesuffix("*") for row in APPENDED for name in row.names if name.endswith("*"))


def is_ignored(name: str, raw_value: bytes) -> bool:
    """Whether a parameter means nothing here, though others append it to URLs."""
    if name.startswith(_BEGINNINGS):
        return True
    row = _BY_NAME.get(name)
    if row is None:
        return not raw_value and _WHOLE_NUMBER.fullmatch(name) is not None
    value = unquote_to_bytes(raw_value.replace(b"+", b" ")).decode("latin-1").strip()
    return value in row.values if row.values else row.numbers or _WHOLE_NUMBER.fullmatch(value) is None
