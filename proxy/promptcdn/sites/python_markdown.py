"""The extension for Python-Markdown: `promptcdn` in `markdown_extensions` of MkDocs, ProperDocs and Zensical.

    markdown_extensions:
      - promptcdn:
          public_url: https://pictures.example.org

It gives Markdown the short syntax of `syntax`, descriptions to pictures that have none, and to each picture what the
options of `options` say.
"""

import logging
import os
import posixpath
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from promptcdn import settings
from promptcdn.markdown.pin import request_of
from promptcdn.sites import pages, syntax
from promptcdn.sites.build import Build, Shown
from promptcdn.sites.options import Options
from promptcdn.url.signing import SigningKeys

log = logging.getLogger("promptcdn.sites")

# Python-Markdown runs processors from the highest number to the lowest. Fenced code is found at 25, inline markup at
# 20, raw HTML is put back at 30 among postprocessors.
_BEFORE_FENCES, _BEHIND_INLINE, _LAST = 26, 5, -50


class PromptcdnExtension(Extension):
    """The extension. `build` is that of a builder's plugin, which finishes the pages itself."""

    def __init__(self, *, build: Build | None = None, **values: Any) -> None:
        super().__init__()
        self._build, self._values = build, values

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        """Registers what it does. Raises `BadSettings` for an option that is wrong."""
        build = self._build or _shared(options_of(self._values))
        md.preprocessors.register(_Blocks(md, build), "promptcdn", _BEFORE_FENCES)
        md.treeprocessors.register(_Descriptions(md, build), "promptcdn", _BEHIND_INLINE)
        if self._build is None:
            md.postprocessors.register(_Pages(md, build), "promptcdn", _LAST)


def makeExtension(**values: Any) -> PromptcdnExtension:  # noqa: N802 - Python-Markdown's name
    """The extension with the options of a configuration file."""
    return PromptcdnExtension(**values)


def options_of(values: dict[str, Any]) -> Options:
    """The options of a configuration file. Raises `BadSettings`."""
    return Options.of(values, os.environ.get("PROMPTCDN_PUBLIC_URL", ""))


def signing_keys() -> SigningKeys:
    """The keys of the environment. A secret has no place in a configuration file. Raises `BadSettings`."""
    return settings.load().signing_keys


@lru_cache(maxsize=8)
def _shared(options: Options) -> Build:
    """One build for all pages: builders of sites make an extension for each page."""
    return Build(options, log.warning, signing_keys())


class _Blocks(Preprocessor):
    def __init__(self, md: Markdown, build: Build) -> None:
        super().__init__(md)
        self._build = build

    def run(self, lines: list[str]) -> list[str]:
        """The lines, an image in the place of each block."""
        return list(syntax.translated(lines, self._build.options.public_url, self._build.tell))


class _Descriptions(Treeprocessor):
    def __init__(self, md: Markdown, build: Build) -> None:
        super().__init__(md)
        self._ours = build.options.ours

    def run(self, root: Element) -> None:
        """Describes each image of Markdown whose description is empty. In HTML an empty one says "decoration"."""
        for image in root.iter("img"):
            target = self._ours.target(image.get("src", ""))
            if target is not None and not image.get("alt"):
                request = request_of(target)
                image.set("alt", "" if request is None else request.asked.prompt)


class _Pages(Postprocessor):
    def __init__(self, md: Markdown, build: Build) -> None:
        super().__init__(md)
        self._build = build

    def run(self, text: str) -> str:
        """The finished page. Raises `BadSettings` with a line for each problem, where the option `strict` is set."""
        build = self._build
        ours = build.options.ours
        if not ours.may_be_in(text):
            return text
        build.prepare(pages.targets(text, ours))
        page = pages.finished(text, ours, build.shown, self._path_of)
        build.save()
        build.require_good()
        return page

    def _path_of(self, shown: Shown) -> str | None:
        """Where a vendored picture lies: from the page, or from the root where the builder names no page."""
        context = _context(self.md)
        if context is not None:
            # Zensical renders no page that has not changed, and copies what is among the documents at each build: so
            # pictures lie there, and at the first build in the site too. It reads paths as from the document.
            self._build.put(shown, Path(context.config["docs_dir"]))
            path = self._build.put(shown, Path(context.config["site_dir"]))
            return path and posixpath.relpath(path, posixpath.dirname(context.page.path) or ".")
        if not self._build.options.site_dir:
            self._build.tell("vendor needs the option site_dir: this builder does not say where the site is built")
            return None
        path = self._build.put(shown, Path(self._build.options.site_dir))
        return path and f"/{path}"


def _context(md: Markdown) -> Any:
    """What Zensical says of the page, with its configuration; `None` where no builder says anything."""
    return next((each for each in md.preprocessors if hasattr(each, "page") and hasattr(each, "config")), None)
