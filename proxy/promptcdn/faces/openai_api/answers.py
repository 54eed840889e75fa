"""What clients of OpenAI's images API are answered."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from promptcdn.faces.openai_api.translation import Wanted
from promptcdn.readers.rendition import Rendition
from promptcdn.url.parse import URL_MAX, canonical_url, permalink
from promptcdn.url.request import Asked, Request, Resolved
from promptcdn.url.resolving import Defaults, Offered, as_drawn

Document = dict[str, object]


@dataclass(frozen=True)
class Picture:
    """One picture: the request with its seed, what was made by it, and its file."""

    request: Request
    resolved: Resolved
    rendition: Rendition

    @property
    def asked(self) -> Asked:
        """The request in words that every URL understands."""
        return as_drawn(self.request.asked, self.resolved)


def pictures(wanted: Wanted, made: Sequence[Picture], notes: Iterable[str], created: int, public_url: str) -> Document:
    """The answer with all pictures. `created` in Unix seconds; URLs begin with `public_url`.

    What is not OpenAI's begins with `promptcdn_`, but `seed`.
    """
    first = made[0].resolved
    size = f"{first.width}x{first.height}"
    told = [*wanted.notes, *_of_size(wanted, size), *notes]
    return {
        "created": created,
        "data": [_datum(wanted, each, public_url) for each in made],
        "size": size,
        "quality": wanted.quality,
        "output_format": wanted.request.delivery.format,
        "background": "opaque",
        "promptcdn_notes": list(dict.fromkeys(told)),
    }


def models(defaults: Defaults) -> Document:
    """The engines that requests may name."""
    return {"object": "list", "data": [_model(name, each.generator) for name, each in _offered(defaults)]}


def model(defaults: Defaults, name: str) -> Document | None:
    """One of them; `None` where it is not offered."""
    found = defaults.find(name)
    return None if found is None else _model(name, found.generator)


def _offered(defaults: Defaults) -> Iterable[tuple[str, Offered]]:
    return zip(defaults.names, defaults.offered, strict=True)


def _model(name: str, generator: str) -> Document:
    return {"id": name, "object": "model", "created": 0, "owned_by": generator}


def _datum(wanted: Wanted, picture: Picture, public_url: str) -> Document:
    forms: Document = {
        "url": public_url + permalink(picture.rendition.content_key, picture.request.delivery),
        "b64_json": None,
    }
    if "b64_json" in wanted.forms:
        forms["b64_json"] = base64.b64encode(picture.rendition.body).decode()
    url = canonical_url(picture.asked)
    return {
        **{name: value for name, value in forms.items() if name in wanted.forms},
        "seed": picture.resolved.seed,
        # Beyond that length no URL is answered; the permalink is short.
        "promptcdn_url": public_url + url if len(url) <= URL_MAX else None,
    }


def _of_size(wanted: Wanted, size: str) -> Iterable[str]:
    if wanted.size not in ("auto", size):
        yield f"the size {wanted.size} is not offered: {size} is used in its place"
