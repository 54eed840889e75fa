"""The page of a gallery: HTML that needs no other file but the pictures. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from promptcdn.documents.files import WRITTEN
from promptcdn.url.request import Value

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; }
main { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }
figure { border: 1px solid #8886; border-radius: .5rem; margin: 0; overflow: hidden; }
img, .missing { aspect-ratio: 1; background: #8883; display: block; height: auto; object-fit: contain; width: 100%; }
.missing { align-content: center; text-align: center; }
figcaption { overflow-wrap: anywhere; padding: .75rem 1rem 1rem; }
figcaption p { margin: 0 0 .5rem; }
dl { display: grid; font-size: .85rem; gap: .1rem .75rem; grid-template-columns: max-content 1fr; margin: 0; }
dt { opacity: .75; } dd { margin: 0; }
"""


@dataclass(frozen=True)
class Picture:
    """One picture of a gallery.

    url      as documents have it
    prompt   what it shows; empty for a permalink, which does not say
    asked    the other parameters that make it what it is, by name
    image    what the page loads, which never makes a picture; `None` where there is nothing to load
    state    of `/info`, or `locked` for what the lock file says
    key      its content key
    sides    its width and height in pixels
    size     of its file, in bytes
    places   where documents show it: file, line and column
    """

    url: str
    prompt: str
    asked: tuple[tuple[str, Value], ...]
    image: str | None
    state: str
    key: str | None
    sides: tuple[int, int] | None
    size: int | None
    media_type: str | None
    places: tuple[str, ...]


def page(title: str, pictures: Sequence[Picture]) -> str:
    """The whole page."""
    count = f"{len(pictures)} picture{'' if len(pictures) == 1 else 's'}"
    return "\n".join(
        (
            f'{WRITTEN}<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
            f"<h1>{escape(title)}</h1>\n<p>{count}</p>\n<main>",
            *map(_figure, pictures),
            "</main>\n</body>\n</html>\n",
        )
    )


def _figure(picture: Picture) -> str:
    prompt = picture.prompt or "a permalink, which does not say what it shows"
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in _facts(picture))
    return f"<figure>{_image(picture)}<figcaption><p>{escape(prompt)}</p><dl>{facts}</dl></figcaption></figure>"


def _image(picture: Picture) -> str:
    if picture.image is None:
        return f'<div class="missing">{escape(picture.state)}</div>'
    sides = f' width="{picture.sides[0]}" height="{picture.sides[1]}"' if picture.sides else ""
    return f'<img src="{escape(picture.image)}" alt="{escape(picture.prompt)}" loading="lazy"{sides}>'


def _facts(picture: Picture) -> Iterator[tuple[str, str]]:
    """What is said of a picture: names, and values in HTML."""
    for name, value in picture.asked:
        yield name.replace("_", " "), escape(str(value))
    if picture.key is not None:
        yield "content key", f"<code>{picture.key}</code>"
    if picture.sides is not None:
        yield "pixels", f"{picture.sides[0]} × {picture.sides[1]}"
    if picture.size is not None:
        yield "file", escape(f"{picture.size:,} bytes, {picture.media_type}")
    yield "state", escape(picture.state)
    yield "URL", f'<a href="{escape(picture.image or picture.url)}">{escape(picture.url)}</a>'
    yield "shown in", "<br>".join(map(escape, picture.places))
