"""What clients of OpenAI's images API are answered."""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from promptcdn.faces.openai_api.translation import Wanted
from promptcdn.readers.rendition import Rendition
from promptcdn.url.parse import URL_MAX, canonical_url, permalink
from promptcdn.url.request import Asked, Request, Resolved
from promptcdn.url.resolving import Defaults, Offered, as_drawn

Document = dict[str, object]

# The text where a file goes. As JSON it is found nowhere within another text, whose quotation marks are escaped.
_GAP = "\0"
# A multiple of three, so that the pieces of a file in base64 are those of the whole.
_PIECE = 48 * 1024


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


@dataclass(frozen=True)
class Pictures:
    """An answer with pictures, which is never in memory as a whole: ten large files would be some 60 MB each time."""

    document: Document
    files: tuple[bytes, ...]

    @property
    def length(self) -> int:
        """The bytes of the answer."""
        gaps = [4 * ((len(file) + 2) // 3) + len(b'""') for file in self.files]
        return sum(map(len, self._between)) + sum(gaps)

    def pieces(self) -> Iterator[bytes]:
        """The answer as JSON, in order."""
        first, *others = self._between
        yield first
        for file, behind in zip(self.files, others, strict=True):
            yield b'"'
            for begin in range(0, len(file), _PIECE):
                yield base64.b64encode(file[begin : begin + _PIECE])
            yield b'"' + behind

    @property
    def _between(self) -> list[bytes]:
        text = json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))
        return text.encode().split(json.dumps(_GAP).encode())


def pictures(wanted: Wanted, made: Sequence[Picture], notes: Iterable[str], created: int, public_url: str) -> Pictures:
    """The answer with all pictures. `created` in Unix seconds; URLs begin with `public_url`.

    What is not OpenAI's begins with `promptcdn_`, but `seed`.
    """
    first = made[0].resolved
    size = f"{first.width}x{first.height}"
    told = [*wanted.notes, *_of_size(wanted, size), *notes]
    document: Document = {
        "created": created,
        "data": [_datum(wanted, each, public_url) for each in made],
        "size": size,
        "quality": wanted.quality,
        "output_format": wanted.request.delivery.format,
        "background": "opaque",
        "promptcdn_notes": list(dict.fromkeys(told)),
    }
    files = tuple(each.rendition.body for each in made) if "b64_json" in wanted.forms else ()
    return Pictures(document, files)


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
    link = permalink(picture.rendition.content_key, picture.request.delivery)
    forms: Document = {"url": public_url + link, "b64_json": _GAP}
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
