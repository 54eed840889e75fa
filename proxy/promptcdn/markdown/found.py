"""What is found in a document: a URL, exactly where it is spelled, and what shows it there."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a document is written in."""

    MARKDOWN = "markdown"
    NOTEBOOK = "notebook"
    HTML = "html"
    RST = "rst"
    ASCIIDOC = "asciidoc"


class Syntax(StrEnum):
    """What a URL stands in. `SHOWN` are those that show a picture; the others are links to it."""

    IMAGE = "image"  # Markdown: ![alt](URL)
    LINK = "link"  # Markdown: [text](URL)
    DEFINITION = "definition"  # Markdown: [label]: URL
    AUTOLINK = "autolink"  # Markdown: <URL>
    BARE = "bare"  # Markdown, as GitHub has it: a URL in the text
    ATTRIBUTE = "attribute"  # HTML: src, poster, data-src
    META = "meta"  # HTML: the content of og:image, which other sites fetch
    SRCSET = "srcset"  # HTML: one candidate of srcset
    HREF = "href"  # HTML
    DIRECTIVE = "directive"  # reStructuredText: .. image:: URL
    TARGET = "target"  # reStructuredText: :target: URL, and .. _name: URL
    MACRO = "macro"  # AsciiDoc: image::URL[alt]
    INLINE_MACRO = "inline macro"  # AsciiDoc: image:URL[alt]
    URL_MACRO = "url macro"  # AsciiDoc: URL[text], and a URL in the text
    LINK_MACRO = "link macro"  # AsciiDoc: link:URL[text], and link=URL of an image


SHOWN = frozenset(
    (
        *(Syntax.IMAGE, Syntax.ATTRIBUTE, Syntax.META, Syntax.SRCSET),
        *(Syntax.DIRECTIVE, Syntax.MACRO, Syntax.INLINE_MACRO),
    )
)


class Span(NamedTuple):
    """A slice of a document: characters, from `start` up to `end`, which is not in it."""

    start: int
    end: int


@dataclass(frozen=True)
class Shown:
    """An image that shows the URL: its own place, and its description.

    `alt` is `None` where the image has no description at all. `alt_span` is where it is written, marks that the syntax
    takes for escapes with it; `None` too where an empty description has no place of its own.
    """

    span: Span
    alt: str | None = None
    alt_span: Span | None = None


@dataclass(frozen=True)
class Found:
    """One URL of ours in a document.

    url       as a reader's browser asks for it: entities and backslashes are decoded
    target    what the service is asked for: the URL without scheme, host and base path, beginning with a slash
    span      where it is spelled: `text[start:end]`, without the marks around it
    syntax    what it stands in
    escaped   its ampersands are spelled `&amp;`
    images    the images that show it, and need a description; a definition may have several, a link none
    line      counted from 1, in the whole file also where that is a notebook
    column    in characters, counted from 1
    folder    what a path here counts from, itself counted from the document's folder: AsciiDoc's `:imagesdir:`; `None`
              where that cannot be known
    """

    url: str
    target: str
    span: Span
    syntax: Syntax
    escaped: bool = False
    images: tuple[Shown, ...] = ()
    line: int = 1
    column: int = 1
    folder: str | None = ""

    @property
    def base(self) -> str:
        """What stands before `target`, as this document spells it: another target behind it is a URL of ours."""
        return self.url.removesuffix(self.target.removeprefix("/")).removesuffix("/")

    @property
    def takes_paths(self) -> bool:
        """Whether a path without a host may stand here: text is a link only where it begins with a scheme, and other
        sites know no path of this one."""
        whole = (Syntax.AUTOLINK, Syntax.BARE, Syntax.URL_MACRO, Syntax.META)
        return self.syntax not in whole and self.folder is not None

    @property
    def is_shown(self) -> bool:
        """Whether a picture is shown here, and not only linked to."""
        return self.syntax in SHOWN or bool(self.images)
