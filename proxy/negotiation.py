"""What `Accept` asks for (RFC 9110 section 12.5.1): a picture's format, and a picture instead of a document."""

import re

from proxy.audience import Audience
from proxy.request import Format

# Of formats that a client likes equally, the smallest file first. PNG is what everybody shows.
_FORMATS: tuple[Format, ...] = ("avif", "webp", "jpeg", "png")
_WEIGHT = re.compile(r";\s*q\s*=\s*([0-9.]+)", re.IGNORECASE)
_DOCUMENTS = ("application/problem+json", "application/json")


def picture_format(accept: str, who: Audience) -> Format:
    """The format that `format=auto` is.

    For image proxies WebP: they drop `Vary`, so that one file has to do for all readers, and one of them refuses AVIF
    though it forwards a reader's `Accept` that names it.
    """
    if who is Audience.IMAGE_PROXY:
        return "webp"
    weights = _weights(accept)
    # A wildcard says nothing of AVIF, which is younger than many who send `image/*`.
    wild = max(weights.get("*/*", 0.0), weights.get("image/*", 0.0))
    liked = {format_: weights.get(f"image/{format_}", wild if format_ != "avif" else 0.0) for format_ in _FORMATS}
    best = max(liked.values())
    return next(format_ for format_ in _FORMATS if liked[format_] == best) if best else "webp"


def wants_picture(accept: str, who: Audience) -> bool:
    """Whether an error is to be a picture: where `Accept` names `image/`, and no problem document before it.

    An image proxy shows nothing else, whatever it accepts.
    """
    if who is Audience.IMAGE_PROXY:
        return True
    weights = _weights(accept)
    picture = max((weight for name, weight in weights.items() if name.startswith("image/")), default=0.0)
    return picture > max(weights.get(name, 0.0) for name in _DOCUMENTS)


def _weights(accept: str) -> dict[str, float]:
    """Each media range with its weight; a weight that is none counts as 1."""
    weights = {}
    for item in accept.split(","):
        name, _, parameters = item.partition(";")
        match = _WEIGHT.search(";" + parameters)
        weights[name.strip().lower()] = _number(match[1]) if match else 1.0
    return weights


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
