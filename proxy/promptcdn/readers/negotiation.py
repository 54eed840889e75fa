"""What `Accept` asks for (RFC 9110 section 12.5.1): a picture's format, and a picture instead of a document."""

import re
from dataclasses import replace

from promptcdn.readers import fields
from promptcdn.readers.audience import Audience
from promptcdn.url import formats
from promptcdn.url.formats import FORMATS
from promptcdn.url.request import Delivery

_WEIGHT = re.compile(r";\s*q\s*=\s*([0-9.]+)", re.IGNORECASE)


def picture_format(accept: str, who: Audience) -> str:
    """The name of the format that `format=auto` is: of those that a client likes best, the one with the smallest files.

    For image proxies it is the default format. They drop `Vary`, so that one file has to do for all readers, and one of
    them refuses AVIF though it forwards a reader's `Accept` that names it.
    """
    if who is Audience.IMAGE_PROXY:
        return formats.DEFAULT.name
    weights = _weights(accept)
    # The most specific range goes first.
    wild = weights.get("image/*", weights.get("*/*", 0.0))
    liked = {row.name: weights.get(row.media_type, 0.0 if row.by_name else wild) for row in FORMATS}
    best = max(FORMATS, key=lambda row: liked[row.name])  # the first of equals
    return best.name if liked[best.name] else formats.DEFAULT.name


def possible(delivery: Delivery) -> tuple[Delivery, ...]:
    """Every delivery that one of a URL can turn out to be: itself, or with `format=auto` one for each format."""
    if delivery.format != formats.AUTO:
        return (delivery,)
    return tuple(replace(delivery, format=row.name) for row in FORMATS)


def wants_picture(accept: str, who: Audience) -> bool:
    """Whether an error is sent as a picture: where `Accept` names an image type.

    Also for every image proxy, which shows nothing else whatever its `Accept`.
    """
    named = any(name.startswith("image/") and weight for name, weight in _weights(accept).items())
    return named or who is Audience.IMAGE_PROXY


def _weights(accept: str) -> dict[str, float]:
    """Each media range with its weight. An invalid weight counts as 1."""
    weights = {}
    for item in fields.first_entries([accept]):
        name, _, parameters = item.partition(";")
        match = _WEIGHT.search(";" + parameters)
        weights[name.strip().lower()] = _number(match[1]) if match else 1.0
    return weights


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
