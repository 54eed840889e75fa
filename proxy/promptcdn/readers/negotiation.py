"""What `Accept` asks for (RFC 9110 section 12.5.1): a picture's format, and a picture instead of a document."""

import re

from promptcdn.readers import fields
from promptcdn.readers.audience import Audience
from promptcdn.url.request import Format

# Of formats that a client likes equally, the smallest file first. PNG is what everybody shows.
_FORMATS: tuple[Format, ...] = ("avif", "webp", "jpeg", "png")
_WEIGHT = re.compile(r";\s*q\s*=\s*([0-9.]+)", re.IGNORECASE)


def picture_format(accept: str, who: Audience) -> Format:
    """The format that `format=auto` is.

    For image proxies WebP: they drop `Vary`, so that one file has to do for all readers, and one of them refuses AVIF
    though it forwards a reader's `Accept` that names it.
    """
    if who is Audience.IMAGE_PROXY:
        return "webp"
    weights = _weights(accept)
    # The most specific range goes first. Only its own speaks for AVIF: it is younger than many who send `image/*`.
    wild = weights.get("image/*", weights.get("*/*", 0.0))
    liked = {format_: weights.get(f"image/{format_}", wild if format_ != "avif" else 0.0) for format_ in _FORMATS}
    best = max(liked.values())
    return next(format_ for format_ in _FORMATS if liked[format_] == best) if best else "webp"


def wants_picture(accept: str, who: Audience) -> bool:
    """Whether an error is to be a picture: where `Accept` names `image/`.

    An image proxy shows nothing else, whatever it accepts.
    """
    named = any(name.startswith("image/") and weight for name, weight in _weights(accept).items())
    return named or who is Audience.IMAGE_PROXY


def _weights(accept: str) -> dict[str, float]:
    """Each media range with its weight; a weight that is none counts as 1."""
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
