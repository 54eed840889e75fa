"""The extension for Python-Markdown: `promptcdn` in `markdown_extensions` of MkDocs, ProperDocs and Zensical.

    markdown_extensions:
      - promptcdn:
          public_url: https://pictures.example.org

It gives Markdown the short syntax of `syntax`, descriptions to pictures that have none, and to each picture what the
options of `options` say.
"""

import logging
import posixpath
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString, code_escape

from promptcdn import problems
from promptcdn.markdown.pin import request_of
from promptcdn.sites import pages, syntax
from promptcdn.sites.build import Build
from promptcdn.sites.environment import options_of, signing_keys
from promptcdn.sites.options import Options
from promptcdn.sites.pages import Shown

log = logging.getLogger("promptcdn.sites")

# Python-Markdown runs processors from the highest number to the lowest. Fenced code is found at 25, code is coloured at
# 30 and inline markup found at 20 among treeprocessors, raw HTML is put back at 30 among postprocessors.
_BEFORE_FENCES, _BEFORE_COLOURS, _BEHIND_INLINE, _LAST = 26, 35, 5, -50


class PromptcdnExtension(Extension):
    """The extension. `build` is that of a builder's plugin, which finishes the pages itself."""

    def __init__(self, *, build: Build | None = None, **values: Any) -> None:
        super().__init__()
        self._build, self._values = build, values

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        """Registers what it does. Raises `BadSettings` for an option that is wrong."""
        build = self._build or _shared(options_of(self._values))
        if build.options.vendor and not (self._build or build.options.site_dir or _context(md)):
            raise problems.BadSettings("promptcdn: vendor needs the option site_dir: this builder does not say it")
        blocks = _Blocks(md, build.options, build.report)
        md.preprocessors.register(blocks, "promptcdn", _BEFORE_FENCES)
        md.treeprocessors.register(_IndentedCode(md, blocks), "promptcdn-code", _BEFORE_COLOURS)
        md.treeprocessors.register(_Descriptions(md, build.options), "promptcdn", _BEHIND_INLINE)
        if self._build is None:
            md.postprocessors.register(_Pages(md, build, blocks), "promptcdn", _LAST)


def makeExtension(**values: Any) -> PromptcdnExtension:  # noqa: N802 - Python-Markdown's name
    """The extension with the options of a configuration file."""
    return PromptcdnExtension(**values)


_builds: dict[Options, Build] = {}


def _shared(options: Options) -> Build:
    """One build for all pages: builders of sites make an extension for each page.

    Where the option `strict` is set, problems are raised with their page, and not said twice.
    """
    if options not in _builds:
        _builds[options] = Build(options, _unsaid if options.strict else log.warning, signing_keys())
    return _builds[options]


def _unsaid(_: str) -> None:
    pass


class _Blocks(Preprocessor):
    """Puts an image in the place of each block, and keeps what is wrong with blocks of this page."""

    def __init__(self, md: Markdown, options: Options, report: Callable[[str], None]) -> None:
        super().__init__(md)
        self._options, self._report = options, report
        self.problems: list[str] = []
        self.written: dict[str, Sequence[str]] = {}  # by image, as its block stands in the page

    def run(self, lines: list[str]) -> list[str]:
        """The lines of the page with images."""
        self.problems.clear()
        self.written.clear()
        return list(syntax.translated(lines, self._options.public_url, self._tell, self.written.__setitem__))

    def _tell(self, problem: str) -> None:
        self.problems.append(problem)
        self._report(problem)


class _IndentedCode(Treeprocessor):
    """Puts blocks back into code: Markdown alone knows whether an indent says "code" or "in this list"."""

    def __init__(self, md: Markdown, blocks: _Blocks) -> None:
        super().__init__(md)
        self._blocks = blocks

    def run(self, root: Element) -> None:
        """Looks for images of blocks in each piece of code."""
        written = self._blocks.written
        if not written:
            return
        images = re.compile(rf"\n?^([ \t]*)({'|'.join(map(re.escape, map(code_escape, written)))})$\n?", re.MULTILINE)
        escaped = {code_escape(image): [code_escape(line) for line in block] for image, block in written.items()}
        for code in root.iter("code"):
            if code.text:
                text = images.sub(lambda found: "\n".join(found[1] + line for line in escaped[found[2]]), code.text)
                code.text = AtomicString(text.lstrip("\n") if text != code.text else text)


class _Descriptions(Treeprocessor):
    def __init__(self, md: Markdown, options: Options) -> None:
        super().__init__(md)
        self._ours = options.ours

    def run(self, root: Element) -> None:
        """Describes each image of Markdown whose description is empty. In HTML an empty one says "decoration"."""
        for image in root.iter("img"):
            target = self._ours.target(image.get("src", ""))
            if target is not None and not image.get("alt"):
                request = request_of(target)
                image.set("alt", "" if request is None else request.asked.prompt)


class _Pages(Postprocessor):
    def __init__(self, md: Markdown, build: Build, blocks: _Blocks) -> None:
        super().__init__(md)
        self._build, self._blocks = build, blocks

    def run(self, text: str) -> str:
        """The finished page. Raises `BadSettings` with a line for each problem, where the option `strict` is set."""
        build, options = self._build, self._build.options
        wrong = list(self._blocks.problems)
        if options.ours.may_be_in(text):
            targets = pages.targets(text, options.ours)
            build.prepare(targets)
            wrong += [problem for target in targets if (problem := build.shown(target).problem)]
            text = pages.finished(text, options.ours, build.shown, self._path_of, build.linked)
        if options.strict and wrong:
            raise problems.BadSettings("\n".join(wrong))
        return text

    def _path_of(self, shown: Shown) -> str | None:
        """Where a vendored picture lies: from the page, or from the root where the builder names no page."""
        context = _context(self.md)
        if context is not None:
            # Zensical renders no page that has not changed, and copies what is among the documents at each build: so
            # pictures lie there, and at the first build in the site too. It reads paths as from the document.
            self._build.put(shown, Path(context.config["docs_dir"]))
            path = self._build.put(shown, Path(context.config["site_dir"]))
            return path and posixpath.relpath(path, posixpath.dirname(context.page.path) or ".")
        path = self._build.put(shown, Path(self._build.options.site_dir))
        return path and f"/{path}"


def _context(md: Markdown) -> Any:
    """What Zensical says of the page, with its configuration; `None` where no builder says anything."""
    return next((each for each in md.preprocessors if hasattr(each, "page") and hasattr(each, "config")), None)
