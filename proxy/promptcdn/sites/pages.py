"""A page of HTML with other URLs for its pictures, and with what their tags lack. Policy."""

from collections.abc import Callable
from html import escape

from promptcdn.markdown import Found, Kind, Syntax, find
from promptcdn.markdown.ours import Wanted
from promptcdn.markdown.spelling import spelled
from promptcdn.sites.build import Shown


def targets(html: str, ours: Wanted) -> list[str]:
    """What the pictures and links of a page ask the service for."""
    return [_target(one) for one in find(html, Kind.HTML, ours)]


def finished(html: str, ours: Wanted, shown: Callable[[str], Shown], path_of: Callable[[Shown], str | None]) -> str:
    """`html` with each picture as it is to be shown: `path_of` is where a vendored one lies, from the page.

    An `<img>` without a description gets one, and without sides gets the picture's, so that the page does not jump.
    Links to pictures stay whole URLs.
    """
    edits: list[tuple[int, int, str]] = []
    for one in find(html, Kind.HTML, ours):
        picture = shown(_target(one))
        path = None if one.syntax is Syntax.HREF else path_of(picture)
        _, mark, fragment = one.url.partition("#")
        edits.append((*one.span, spelled((path or picture.url) + mark + fragment, one)))
        for image in one.images:
            tag = html[slice(*image.span)].lower()
            end = image.span.start + len(tag.rstrip(">").rstrip("/").rstrip())
            edits.append((end, end, _missing(tag, picture, has_alt=image.alt is not None)))
    for start, end, text in sorted(edits, reverse=True):
        html = html[:start] + text + html[end:]
    return html


def _missing(tag: str, picture: Shown, *, has_alt: bool) -> str:
    """The attributes that a tag lacks."""
    alt = "" if has_alt or not picture.alt else f' alt="{escape(picture.alt)}"'
    if picture.size is None or " width=" in tag or " height=" in tag:
        return alt
    return f'{alt} width="{picture.size[0]}" height="{picture.size[1]}"'


def _target(found: Found) -> str:
    return found.target.partition("#")[0]
