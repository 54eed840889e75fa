"""The site of the documentation: built by Sphinx where a warning is an error, and it stands alone."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT
from tests.support.service import environment


def built(sources: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """A build as `./scripts/site` has it, of the repository or a copy of its pages."""
    options = ("--builder", "html", "--fail-on-warning", "--keep-going", "--quiet", "--fresh-env")
    folders = ("--doctree-dir", site.with_name("doctrees"), "--conf-dir", sources / "docs" / "site", sources, site)
    command = [sys.executable, "-m", "sphinx", *options, *map(str, folders)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=110)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; every warning would have failed it."""
    folder = tmp_path_factory.mktemp("site") / "site"
    ended = built(ROOT, folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    return folder


def test_every_page_is_on_the_site(site: Path) -> None:
    pages = {page.relative_to(ROOT).with_suffix(".html") for page in PAGES}

    assert {page for page in pages if not (site / page).exists()} == set()
    assert "docs/README.html" in (site / "index.html").read_text()


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    """Its own styles, scripts, fonts and pictures alone, so that it can be read without a network."""
    loaded = _Loaded()
    for page in site.rglob("*.html"):
        loaded.feed(page.read_text())
    styles = "".join(style.read_text() for style in site.rglob("*.css"))

    assert [url for url in loaded.urls if re.match(r"(https?:)?//", url)] == []
    assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^\"')]+", styles) == []


def test_our_extension_puts_the_sketches_into_the_site(site: Path) -> None:
    blocks = re.findall(r"```\{promptcdn\}", (DOCS / "sketches.md").read_text())
    shown = re.findall(r'<img [^>]*src="\.\./(_images/[^"]+\.webp)"', (site / "docs" / "sketches.html").read_text())

    assert len(shown) == len(set(shown)) == len(blocks)
    assert all((site / path).stat().st_size > 1000 for path in shown)


def test_anchors_are_those_of_github(site: Path) -> None:
    """Links to headings lead to the same place there."""
    page = (site / "docs" / "urls.html").read_text()

    for anchor in ("of-the-picture", "coming-from-pollinations", "info", "which-form-for-which-tool"):
        assert f'id="{anchor}"' in page


FAULTS = {
    "docs/lost.md": ("# Lost\n", "docs/lost.md: WARNING: document isn't included in any toctree"),
    "docs/budget.md": ("\n[a page](no-such-page.md)\n", "'no-such-page.md'"),
    "docs/rates.md": ("\n[a heading](settings.md#no-such-heading)\n", "no-such-heading"),
    "README.md": ("\n[a heading](docs/settings.md#nor-this-one)\n", "nor-this-one"),
    "CONTRIBUTING.md": ("\n[a file](docs/deploy/no-such-file.conf)\n", "no-such-file.conf"),
    "docs/stores.md": ("\n![a picture](pictures/no-such-picture.webp)\n", "no-such-picture.webp"),
}


def test_a_fault_in_a_page_fails_the_build(tmp_path: Path) -> None:
    """A page outside the menu; a page, a heading, a file or a picture that is not there: each is told."""
    shutil.copytree(DOCS, tmp_path / "docs")
    for page in ROOT.glob("*.md"):
        shutil.copy(page, tmp_path)
    for name, (text, _) in FAULTS.items():
        with (tmp_path / name).open("a") as faulty:
            faulty.write(text)

    ended = built(tmp_path, tmp_path / "site")

    assert ended.returncode == 1
    assert [name for name, (_, told) in FAULTS.items() if told not in ended.stderr] == []


class _Loaded(HTMLParser):
    """What a browser loads with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("img", "script", "iframe", "source", "video", "audio") and found.get("src"):
            self.urls.append(found["src"] or "")
        if tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon"):
            self.urls.append(found.get("href") or "")
