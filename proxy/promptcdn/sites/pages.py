"""A page of HTML with other URLs for its pictures, and with what their tags lack. Policy."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from promptcdn.markdown import Found, Kind, Syntax, find
from promptcdn.markdown.found import Span
from promptcdn.markdown.html import Tokenizer
from promptcdn.markdown.ours import Wanted
from promptcdn.markdown.spelling import spelled
from promptcdn.url.engines import Size


@dataclass(frozen=True)
class Shown:
    """What a page shows for one URL.

    url      the URL to write, with its host
    sha256   of the file that is to be put into the site, in hex; empty where there is none
    name     what that file is called in the site
    alt      what the picture shows, for pages that do not say
    size     in CSS pixels, where it is known
    problem  what is wrong with the picture, on one line; empty where nothing is
    """

    url: str
    sha256: str = ""
    name: str = ""
    alt: str = ""
    size: Size | None = None
    problem: str = ""


def targets(html: str, ours: Wanted) -> list[str]:
    """What the pictures of a page ask the service for, each once. Pictures that are linked to are none of it."""
    shown = (one for one in find(html, Kind.HTML, ours) if one.syntax is not Syntax.HREF)
    return list(dict.fromkeys(target_of(one) for one in shown))


def finished(
    html: str,
    ours: Wanted,
    shown: Callable[[str], Shown],
    path_of: Callable[[Shown], str | None],
    linked: Callable[[str], str],
) -> str:
    """`html` with each picture as it is to be shown.

    An `<img>` without a description gets one, and without sides gets the picture's, so that the page does not jump.

    shown    what is shown for a target
    path_of  where a vendored picture lies, from the page; `None` for any other picture
    linked   the URL of a link to a picture that the page does not show itself
    """
    found = find(html, Kind.HTML, ours)
    pictures = {target: shown(target) for one in found if one.syntax is not Syntax.HREF and (target := target_of(one))}
    paths = {target: path_of(picture) for target, picture in pictures.items()}
    edits: list[tuple[Span, str]] = []
    for one in found:
        target = target_of(one)
        picture = pictures.get(target)
        path = quote(paths.get(target) or "") if one.takes_paths else ""  # og:image has to be a whole URL
        url = linked(target) if picture is None else path or picture.url
        edits.append((one.span, spelled(url + one.url[len(one.url.partition("#")[0]) :], one)))
        if picture is not None:
            edits += [_attributes(html, image.span, picture) for image in one.images]
    for span, text in sorted(edits, reverse=True):
        html = html[: span.start] + text + html[span.end :]
    return html


def target_of(found: Found) -> str:
    """What the service is asked for: a fragment is the page's own."""
    return found.target.partition("#")[0]


def _attributes(html: str, span: Span, picture: Shown) -> tuple[Span, str]:
    """What a tag lacks, and the place behind its name, where it is written."""
    tag = next(Tokenizer().tags(html[slice(*span)]))
    place = span.start + 1 + len(tag.name)
    text = "" if tag.get("alt") or not picture.alt else f' alt="{escape(picture.alt)}"'
    if picture.size and not any(tag.get(name) for name in ("width", "height", "style")):
        # Themes that make wide pictures narrower do not all leave their height to the browser.
        text += f' width="{picture.size[0]}" height="{picture.size[1]}" style="height:auto"'
    return Span(place, place), text
