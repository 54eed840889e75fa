"""A README of one's own in a real browser: Markdown by a real processor, pictures by a real service."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import cmarkgfm
import pytest
from playwright.sync_api import Browser, Page, Response

from tests.support.browser import ALL_LOADED, chromium
from tests.support.service import Promptcdn
from tests.upstream import Upstream

README = """
# A README of one's own

![a lighthouse](URL/?prompt=a+lighthouse&seed=7)
![another one at each view](URL/?prompt=a+harbour)
![the picture of the day](URL/?prompt=a+harbour&seed=day)
![a word as seed](URL/?prompt=a+lighthouse&seed=octocat)
![commas, parentheses, 北京](URL/?prompt=a+tower%2C+%28tall%29%2C+in+北京%2C+ночью&seed=7)
![an escaped ampersand](URL/?prompt=a+lighthouse&amp;seed=7&amp;style_preset=line-art)

<img alt="escaped twice" src="URL/?prompt=a+lighthouse&amp;amp;seed=7" width="100">
"""
SEEDLESS = "/?prompt=a+harbour"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Reader:
    """Somebody who opens the README and sees what arrives for each picture."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url
        self._responses: list[Response] = []
        page.on("response", self._arrived)

    def _arrived(self, response: Response) -> None:
        self._responses.append(response)

    def read(self, readme: Path) -> dict[str, str]:
        """Path and query of each picture, with the digest of its bytes."""
        self._responses.clear()
        self.page.goto(readme.as_uri()) if self.page.url == "about:blank" else self.page.reload()
        self.page.wait_for_function(ALL_LOADED)
        pictures = [response for response in self._responses if response.url.startswith(self._url)]
        return {
            unquote(response.url.removeprefix(self._url)): hashlib.sha256(response.body()).hexdigest()
            for response in pictures
        }


def rendered(folder: Path, url: str) -> Path:
    """The README as a page, by GitHub's own Markdown processor."""
    page = folder / "readme.html"
    html = cmarkgfm.github_flavored_markdown_to_html(
        README.replace("URL", url), options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE
    )
    page.write_text(f'<!doctype html><meta charset="utf-8">{html}')
    return page


def see_the_readme(browser: Browser, folder: Path, service: Promptcdn) -> None:
    """All pictures load; after a reload the seeded ones are the same, and soon the seedless one is another."""
    page = browser.new_page()
    reader = Reader(page, service.url)
    readme = rendered(folder, service.url)
    first = reader.read(readme)
    assert len(first) == 6 + 1
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert widths == [1024] * 7

    seen = set()
    for _ in range(12):
        again = reader.read(readme)
        assert {path: again[path] for path in again if path != SEEDLESS} == {
            path: first[path] for path in again if path != SEEDLESS
        }
        seen.add(again.get(SEEDLESS, first[SEEDLESS]))
        if seen != {first[SEEDLESS]}:
            break
        page.wait_for_timeout(500)  # the browser may keep the first view for two seconds
    assert seen != {first[SEEDLESS]}
    page.close()


def test_a_readme_of_sketches(browser: Browser, tmp_path: Path) -> None:
    with Promptcdn(tmp_path / "service") as service:
        see_the_readme(browser, tmp_path, service)


def test_a_readme_of_paid_pictures_is_paid_for_once(browser: Browser, tmp_path: Path) -> None:
    """Also over a restart."""
    with Upstream() as upstream:
        with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url) as service:
            see_the_readme(browser, tmp_path, service)
        keys = [call.request_id for call in upstream.ledger.calls()]
        assert len(keys) == len(set(keys))

        with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url) as service:
            see_the_readme(browser, tmp_path, service)
        keys = [call.request_id for call in upstream.ledger.calls()]
        assert len(keys) == len(set(keys))
