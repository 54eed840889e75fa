"""Our pictures in documents: finds each URL exactly where it is written, and writes others in its place.

Pure: text in, text out. A text is what a file's bytes decode to with every line end and a byte order mark kept
(`newline=""`, UTF-8), so that the bytes that are not rewritten stay as they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from promptcdn.markdown.found import Found, Kind, Shown, Span, Syntax
from promptcdn.markdown.mapped import Lines, Mapped, moved
from promptcdn.markdown.ours import Ours, Wanted
from promptcdn.markdown.spelling import changed, spelled

__all__ = ["EXTENSIONS", "Found", "Kind", "Ours", "Shown", "Span", "Syntax", "find", "kind_of", "rewritten"]

# Without their dot, in lower case.
EXTENSIONS = {
    **dict.fromkeys(("md", "markdown", "mdown", "mkd", "mkdn", "mdx", "qmd", "rmd"), Kind.MARKDOWN),
    "ipynb": Kind.NOTEBOOK,
    **dict.fromkeys(("html", "htm", "xhtml"), Kind.HTML),
    **dict.fromkeys(("rst", "rest"), Kind.RST),
    **dict.fromkeys(("adoc", "asciidoc", "asc"), Kind.ASCIIDOC),
}


def kind_of(path: str) -> Kind | None:
    """What a file is written in, by its extension; `None` for one whose pictures cannot be found."""
    _, dot, extension = path.replace("\\", "/").rpartition("/")[2].rpartition(".")
    return EXTENSIONS.get(extension.lower()) if dot else None


def find(text: str, kind: Kind, ours: Wanted) -> tuple[Found, ...]:
    """The URLs of our pictures, in the order in which they stand. Code, comments and front matter are left alone.

    Raises `ValueError` where the text cannot be read at all: a notebook that is no JSON, lists that are nested too
    deeply.
    """
    if not ours.may_be_in(text):
        return ()
    lines = Lines.of(text)
    found = []
    for part, its_kind in parts(text, kind):
        for one in _found(part, its_kind, ours):
            line, column = lines.position(one.span.start)
            found.append(replace(one, line=line, column=column))
    return tuple(sorted(found, key=lambda one: one.span))


def parts(text: str, kind: Kind) -> Iterator[tuple[Mapped, Kind]]:
    """What is written in one markup: the Markdown cells of a notebook, else the whole document."""
    if kind is Kind.NOTEBOOK:
        from promptcdn.markdown import notebooks

        yield from ((cell, Kind.MARKDOWN) for cell in notebooks.cells(text))
    else:
        yield Mapped.whole(text), kind


def rewritten(text: str, urls: Mapping[Found, str]) -> str:
    """`text` with another URL, absolute or relative, in the place of each one that was found in it.

    The new URL is spelled as its place needs it: what would end or change it there is percent-encoded. Where it is the
    old one with a parameter more or less, its other letters stay as they are spelled. No other character changes, and
    nothing does where the new URL is the old one.

    Raises `ValueError` for a path where nothing but a whole URL is a link (`Found.takes_paths`).
    """
    for found in sorted(urls, key=lambda found: found.span, reverse=True):
        if not found.takes_paths and "://" not in urls[found]:
            raise ValueError(f"line {found.line}, column {found.column}: a path is no link here; write a whole URL")
        if urls[found] != found.url:
            new = changed(text[slice(*found.span)], urls[found], found) or spelled(urls[found], found)
            text = text[: found.span.start] + new + text[found.span.end :]
    return text


def _found(part: Mapped, kind: Kind, ours: Wanted) -> Iterator[Found]:
    if not ours.may_be_in(part.text):
        return
    # Imported late: marko takes as long as the start of a command.
    match kind:
        case Kind.HTML:
            from promptcdn.markdown import html

            yield from moved(html.urls(html.Tokenizer().tags(part.text), ours), part)
        case Kind.RST:
            from promptcdn.markdown import rst

            yield from rst.find(part, ours)
        case Kind.ASCIIDOC:
            from promptcdn.markdown import asciidoc

            yield from asciidoc.find(part, ours)
        case _:
            from promptcdn.markdown import commonmark

            yield from commonmark.find(part, ours)
