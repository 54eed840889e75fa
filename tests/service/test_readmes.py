"""A README of six pictures by each generator, in a real browser: sizes as asked, and nothing paid for twice."""

from collections.abc import Iterator
from pathlib import Path

import cmarkgfm
import pytest
from playwright.sync_api import Browser

from tests.support.browser import ALL_LOADED, chromium
from tests.support.service import Promptcdn
from tests.upstream.kinds import KINDS, StandIn

# What each picture is asked for with, and its size in pixels. The last one is the first again, and smaller.
PICTURES = {
    "/?prompt=a+lighthouse&seed=7": (1024, 1024),
    "/?prompt=a+lighthouse&seed=8&aspect_ratio=16:9": (1344, 768),
    "/i.png?prompt=a+harbour%2C+at+night&seed=octocat&width=832&height=1216": (832, 1216),
    "/prompt/a%20tower%20in%20北京.jpg?seed=7": (1024, 1024),
    "/?prompt=a+cat&seed=9&width=1216&height=832&format=auto&w=608": (608, 416),
    "/?prompt=a+lighthouse&seed=7&w=256": (256, 256),
}
PAID = 5
SIZES = "[...document.images].map(image => [image.naturalWidth, image.naturalHeight])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def rendered(folder: Path, url: str) -> Path:
    """The README as a page, by GitHub's own Markdown processor."""
    page = folder / "readme.html"
    markdown = "\n\n".join(f"![a picture]({url}{target})" for target in PICTURES)
    page.write_text(f'<!doctype html><meta charset="utf-8">{cmarkgfm.github_flavored_markdown_to_html(markdown)}')
    return page


def seen(browser: Browser, readme: Path) -> list[tuple[int, int]]:
    """The sizes of the pictures, as a reader sees them who has seen nothing yet."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(readme.as_uri())
    page.wait_for_function(ALL_LOADED)
    sizes = [(width, height) for width, height in page.evaluate(SIZES)]
    page.reload()
    page.wait_for_function(ALL_LOADED)
    assert [tuple(size) for size in page.evaluate(SIZES)] == sizes
    context.close()
    return sizes


def see(browser: Browser, folder: Path, settings: dict[str, str], upstream: StandIn | None = None) -> None:
    """Two readers, and two more after a restart: all see the sizes asked for, and only the first one's cost."""
    for start in range(2):
        with Promptcdn(folder / "service", **settings) as service:
            readme = rendered(folder, service.url)
            for reader in range(2):
                assert seen(browser, readme) == list(PICTURES.values()), (start, reader)
                if upstream is not None:
                    assert len(upstream.ledger.calls()) == PAID
            for target in PICTURES:
                if target.startswith("/?"):
                    said = service.get("/info" + target[1:]).json()
                    assert (said["state"], said["resolved"]["generator"]) == ("stored", settings["PROMPTCDN_GENERATOR"])


def test_a_readme_of_sketches_has_the_sizes_asked(browser: Browser, tmp_path: Path) -> None:
    see(browser, tmp_path, {"PROMPTCDN_GENERATOR": "sketch"})


@pytest.mark.parametrize("kind", KINDS)
def test_a_readme_by_each_generator_is_paid_for_once(browser: Browser, tmp_path: Path, kind: str) -> None:
    with KINDS[kind].start() as upstream:
        see(browser, tmp_path, KINDS[kind].settings(upstream, tmp_path / "service"), upstream)
