"""The plugin for MkDocs and ProperDocs: `promptcdn` in `plugins` of mkdocs.yml.

It is the extension for Python-Markdown with what only a plugin can do: all pictures of the site are looked after at
once before the first page is rendered, and vendored ones are put into the site. `mkdocs build --strict` fails where a
picture has a problem.
"""

import contextlib
import logging
import posixpath
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from promptcdn import problems
from promptcdn.markdown import Kind, Ours, find
from promptcdn.sites import pages, syntax
from promptcdn.sites.build import Build
from promptcdn.sites.environment import options_of, signing_keys
from promptcdn.sites.options import Options
from promptcdn.sites.pages import Shown
from promptcdn.sites.python_markdown import PromptcdnExtension

# ProperDocs is a fork of MkDocs that keeps all names but its own. Where both are installed, the one that runs counts.
_HOST = "properdocs" if sys.modules.get("properdocs") else "mkdocs"
config_options: Any = import_module(f"{_HOST}.config.config_options")
PluginError: Any = import_module(f"{_HOST}.exceptions").PluginError
BasePlugin: Any = import_module(f"{_HOST}.plugins").BasePlugin

# MkDocs counts the warnings of this logger for --strict.
log = logging.getLogger(f"{_HOST}.plugins.promptcdn")

# How many pages a warning names.
_NAMED = 3


class PromptcdnPlugin(BasePlugin):
    """The plugin."""

    config_scheme = tuple(
        (name, config_options.Optional(config_options.Type(kind)))
        for name, kind in (
            *(("public_url", str), ("seedless", str), ("warm", bool), ("vendor", bool)),
            *(("folder", str), ("lock", str), ("cache", str)),
        )
    )

    def on_config(self, config: Any) -> Any:
        """Opens the build, and puts the extension among those of Markdown."""
        self._pages: dict[str, list[str]] = {}  # by URL those that show it
        self._page = ""  # which is rendered now
        with _told():
            options = options_of(dict(self.config))
            self._build = Build(_at_home(options, config), self._report, signing_keys())
            self._done: set[str] = set()
        config.markdown_extensions.append(PromptcdnExtension(build=self._build))
        return config

    def on_files(self, files: Any, /, **_: Any) -> None:
        """Looks after the pictures of all pages at once: builders ask for one after the other."""
        options = self._build.options
        wanted: list[str] = []
        for file in files.documentation_pages():
            try:
                text = "\n".join(syntax.translated(file.content_string.split("\n"), options.public_url, _nobody))
                found = find(text, Kind.MARKDOWN, options.ours)
            except ValueError:
                continue  # MkDocs says what is wrong with the file, or reads it: then this looks after its page
            for target in dict.fromkeys(pages.target_of(one) for one in found if one.is_shown):
                self._pages.setdefault(options.public_url + target, []).append(file.src_uri)
                wanted.append(target)
        if wanted:
            log.info("%d pictures", len(set(wanted)))
        with _told():
            self._build.prepare(wanted)

    def on_pre_page(self, page: Any, /, **_: Any) -> None:
        """Remembers which page is rendered: what is wrong in it is reported with its name."""
        self._page = str(page.file.src_uri)

    def on_page_content(self, html: str, /, *, page: Any, config: Any, **_: Any) -> str:
        """What was written as the page, finished: plugins after this one see it so."""
        return self._finished(html, page, config)

    def on_post_page(self, output: str, /, *, page: Any, config: Any) -> str:
        """The whole page with what themes and plugins added, like the beginnings of a blog's posts, finished."""
        return self._finished(output, page, config)

    def _finished(self, html: str, page: Any, config: Any) -> str:
        build, rest = self._build, _Rest(self._build.options.ours, self._done)
        if not rest.may_be_in(html):
            return html
        done: set[str] = set()

        def path_of(shown: Shown) -> str | None:
            path = build.put(shown, Path(config.site_dir))
            if path is None:
                done.add(shown.url)
            return path and posixpath.relpath(path, posixpath.dirname(page.url) or ".")

        def linked(target: str) -> str:
            url = build.linked(target)
            done.add(url)
            return url

        html = pages.finished(html, rest, build.shown, path_of, linked)
        self._done |= done
        return html

    def on_post_build(self, **_: Any) -> None:
        """Remembers what this build knows."""
        with _told():
            self._build.close()

    def on_build_error(self, **_: Any) -> None:
        """Remembers it also where another thing failed: it may have been paid for."""
        with contextlib.suppress(problems.BadSettings, AttributeError):  # it may have failed before there was a build
            self._build.close()

    def _report(self, problem: str) -> None:
        """A warning that names the pages, whether the URL was looked after with all others or with its page."""
        names = self._pages.get(problem.partition(": ")[0]) or [self._page]
        more = f" and {len(names) - _NAMED} more pages" if len(names) > _NAMED else ""
        log.warning("%s (in %s%s)", problem, ", ".join(names[:_NAMED]), more)


@dataclass(frozen=True)
class _Rest:
    """The URLs of a service, without those that this build has finished: they are in their pages as they are to be."""

    ours: Ours
    done: AbstractSet[str]

    def may_be_in(self, text: str) -> bool:
        return self.ours.may_be_in(text)

    def target(self, url: str) -> str | None:
        return None if url.partition("#")[0] in self.done else self.ours.target(url)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """A problem ends the build with its own words."""
    try:
        yield
    except problems.BadSettings as wrong:
        raise PluginError(str(wrong)) from None


def _at_home(options: Options, config: Any) -> Options:
    """The options with their paths from the folder of mkdocs.yml, from wherever the build was started."""
    home = Path(config.config_file_path).parent if config.config_file_path else Path()
    return replace(
        options, cache=str(home / options.cache), lock=str(home / options.lock) if options.lock else options.lock
    )


def _nobody(_: str) -> None:
    """A block that is wrong is reported with its page."""
