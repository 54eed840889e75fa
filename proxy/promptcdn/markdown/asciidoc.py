"""URLs of ours in AsciiDoc, by its macros. Best effort: there is no parser of AsciiDoc to ask.

The patterns are those of Asciidoctor 2 (`BlockMediaMacroRx`, `InlineImageMacroRx`, `InlineLinkMacroRx`). Listings,
literal blocks, passthroughs and comments are left alone.
"""

import posixpath
import re
from collections.abc import Iterator

from promptcdn.markdown import html
from promptcdn.markdown.found import Found, Shown, Span, Syntax
from promptcdn.markdown.mapped import Mapped, Run, moved
from promptcdn.markdown.ours import Wanted
from promptcdn.markdown.spelling import in_attribute, in_autolink

_LINE = re.compile(r"([^\n]*)(?:\n|\Z)")
# A line that opens a block whose text is taken as it is, and that closes the block when it comes once more.
_DELIMITER = re.compile(r"-{4,}|`{3,}[\w+-]*|\.{4,}|\+{4,}|/{4,}")
_CODE = re.compile(r"\[(?:source|listing|literal|stem|latexmath|asciimath|pass)\b.*\]")
_BLOCK = re.compile(r"(?P<macro>image|video|audio)::(?P<url>\S|\S.*?\S)\[(?P<attributes>.*)\]")
_INLINE = re.compile(
    r"(?<!\\)(?P<macro>image|link):(?P<url>[^:\s\[](?:[^\n\[]*?[^\s\[])?)\[(?P<attributes>(?:\\\]|[^\]\n])*)\]"
)
_LINK = re.compile(r"(?:^|(?<=[\s<>(\[;]))https?://[^\s\[\]<>]*[^\s\[\]<>.,;:!?)]", re.IGNORECASE)
_LINK_ATTRIBUTE = re.compile(r"(?:^|,)\s*link=(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^,\s]+))")
_ALT = re.compile(r"""\s*(?:alt=)?(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^,"=][^,=]*?|)\s*(?=,|\Z))""")
_NAMED_ALT = re.compile(r"""(?:^|,)\s*alt=(?:"(?P<quoted>[^"]*)"|(?P<plain>[^,"]*))""")
# What the paths of images count from.
_IMAGESDIR = re.compile(r":(?:imagesdir|(?P<unset>!imagesdir|imagesdir!)):(?:[ \t]+(?P<value>.*))?")
# A condition holds for the lines up to `endif`, unless it has text in its brackets.
_CONDITION = re.compile(r"ifn?def::\S*\[\]|ifeval::\[.*\]|(?P<end>endif::.*)")
_CONDITIONAL_LINE = re.compile(r"ifn?def::.*\[:!?imagesdir!?:")
# No path that counts from there: what begins with a scheme, a slash or another attribute.
_WHOLE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|/|\{")
# What Asciidoctor takes out of the text before it looks for macros: `+++…+++`, `++…++`, `+…+`, `pass:[…]`.
_PASSED = re.compile(r"\+\+\+.*?\+\+\+|\+\+.*?\+\+|(?<![\w+])\+\S(?:.*?\S)?\+(?![\w+])|pass:[a-z,]*\[.*?\]")


def find(mapped: Mapped, ours: Wanted) -> Iterator[Found]:
    """The URLs of ours in macros and links, and in the HTML of passthrough blocks."""
    mapped = mapped.with_line_feeds()
    yield from moved(_Reader(ours).read(mapped.text), mapped)


class _Reader:
    """Goes through the lines once."""

    def __init__(self, ours: Wanted) -> None:
        self._ours = ours
        self._delimiter = ""
        self._passed: list[Run] = []
        # What the paths of images count from; how many conditions are open.
        self._imagesdir: str | None = ""
        self._conditions = 0
        # Whether the paragraph is code; whether the line before was the last one of a block.
        self._is_code, self._is_between = False, True

    def read(self, text: str) -> Iterator[Found]:
        """All that is found. A block that is not closed goes on to the end."""
        for line in _LINE.finditer(text, text.startswith("\ufeff")):
            if self._delimiter:
                self._within(line)
            elif _DELIMITER.fullmatch(line[1].rstrip()):
                yield from self._html()
                self._delimiter = line[1].rstrip()
            else:
                yield from self._paragraph(line)
        yield from self._html()

    def _within(self, line: re.Match[str]) -> None:
        if line[1].rstrip() == (self._delimiter if self._delimiter[0] != "`" else "```"):
            self._delimiter, self._is_code = "", False
        elif self._delimiter.startswith("+") and line[0]:
            self._passed.append(Run(line[0], *line.span()))

    def _html(self) -> Iterator[Found]:
        """What is found in the passthrough blocks so far."""
        piece, self._passed = Mapped(self._passed), []
        yield from moved(html.urls(html.Tokenizer().tags(piece.text), self._ours), piece)

    def _paragraph(self, line: re.Match[str]) -> Iterator[Found]:
        text = line[1].rstrip()
        begins, self._is_between = self._is_between, not text
        if not text:
            self._is_code = False
        elif _CODE.fullmatch(text) or (begins and text[0] in " \t"):
            self._is_code = True
        elif not self._is_code and not (text.startswith("//") and not text.startswith("///")):
            self._look_for_imagesdir(text)
            yield from self._macros(text, line.start())

    def _look_for_imagesdir(self, text: str) -> None:
        """It is known where it is set to a path, under no condition, and is made of no other attributes."""
        if condition := _CONDITION.fullmatch(text):
            self._conditions = max(0, self._conditions + (-1 if condition["end"] else 1))
        elif _CONDITIONAL_LINE.match(text):
            self._imagesdir = None
        elif attribute := _IMAGESDIR.fullmatch(text):
            folder = "" if attribute["unset"] else attribute["value"] or ""
            is_known = not self._conditions and not _WHOLE.match(folder) and "{" not in folder
            self._imagesdir = folder if is_known else None

    def _macros(self, text: str, start: int) -> Iterator[Found]:
        if block := _BLOCK.fullmatch(text):
            yield from self._image(block, start, Syntax.MACRO)
            return
        text = _PASSED.sub(lambda passed: "\0" * len(passed[0]), text)
        for macro in _INLINE.finditer(text):
            if macro["macro"] == "image":
                yield from self._image(macro, start, Syntax.INLINE_MACRO)
            else:
                yield from self._found(macro, "url", start, Syntax.LINK_MACRO)
        for link in _LINK.finditer(text):
            yield from self._found(link, 0, start, Syntax.URL_MACRO)

    def _image(self, macro: re.Match[str], start: int, syntax: Syntax) -> Iterator[Found]:
        inside = start + macro.start("attributes")
        alt = _NAMED_ALT.search(macro["attributes"]) or _ALT.match(macro["attributes"])
        group = alt.lastgroup if alt else None
        shown = Shown(Span(start + macro.start(), start + macro.end()))
        if alt and group and alt[group]:
            alt_span = Span(*(inside + place for place in alt.span(group)))
            shown = Shown(shown.span, alt[group].replace('\\"', '"'), alt_span)
        yield from self._found(macro, "url", start, syntax, shown)
        if link := _LINK_ATTRIBUTE.search(macro["attributes"]):
            yield from self._found(link, link.lastgroup or 0, inside, Syntax.LINK_MACRO)

    def _found(
        self, match: re.Match[str], group: str | int, start: int, syntax: Syntax, *images: Shown
    ) -> Iterator[Found]:
        read = in_attribute if syntax is Syntax.MACRO else in_autolink
        url = read(match[group].replace(" ", "%20"))
        folder = self._imagesdir if syntax in (Syntax.MACRO, Syntax.INLINE_MACRO) else ""
        if folder is not None and not _WHOLE.match(url):
            url = posixpath.join(folder, url)
        if (target := self._ours.target(url)) is not None:
            span = Span(*(start + place for place in match.span(group)))
            escaped = "&amp;" in match[group]
            yield Found(url, target, span, syntax, escaped=escaped, images=images, folder=folder)
