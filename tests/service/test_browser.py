"""What a real browser makes of our headers: its cache, its reloads, its Accept, its colour schemes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import ALL_LOADED, chromium
from tests.support.origin import Origin
from tests.support.service import Promptcdn

LIGHTHOUSE = "/?prompt=a+lighthouse&seed=7"


@dataclass(frozen=True)
class Desk:
    """A reader's browser, and an eye on what it asks the service for."""

    browser: Browser
    origin: Origin
    service: Promptcdn
    folder: Path

    def page(self, name: str, body: str) -> str:
        """The address of a page that shows pictures of the service, written `HOST` in it."""
        file = self.folder / name
        file.write_text(f"<!doctype html>{body}".replace("HOST", f"http://{self.origin.address}"))
        return file.as_uri()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with (
        Promptcdn(folder / "service", PROMPTCDN_SIZE="512x512") as service,
        Origin(service.url) as origin,
        chromium() as browser,
    ):
        yield Desk(browser, origin, service, folder)


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    """A tab of a browser that has seen nothing yet."""
    context = desk.browser.new_context()
    yield context.new_page()
    context.close()


def shown(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function(ALL_LOADED)


def test_the_next_page_has_a_seeded_picture_from_the_cache(desk: Desk, page: Page) -> None:
    """From the browser's own."""
    target = LIGHTHOUSE + "&rev=1"
    one, other = (desk.page(name, f'<img src="HOST{target}">{name}') for name in ("one.html", "other.html"))

    shown(page, one)
    shown(page, other)
    shown(page, one)

    assert len(desk.origin.asked_for(target)) == 1


def test_a_reload_of_a_picture_is_answered_with_304(desk: Desk, page: Page) -> None:
    target = LIGHTHOUSE + "&rev=2"
    statuses = []
    page.on("response", lambda response: statuses.append(response.status) if target in response.url else None)
    page.goto(f"http://{desk.origin.address}{target}")
    page.reload()

    first, second = desk.origin.asked_for(target)
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"] == desk.service.get(target).headers["etag"]
    # The browser shows its scripts the 200 that it has; over the wire it was told that nothing changed.
    revalidated = desk.service.get(target, **{"if-none-match": second.headers["if-none-match"]})
    assert revalidated.status_code == 304
    assert statuses == [200, 304] or statuses == [200, 200]


def test_dark_and_light_readers_see_pictures_of_their_own(desk: Desk, page: Page) -> None:
    dark, light = LIGHTHOUSE + "&rev=3&style_preset=neon-punk", LIGHTHOUSE + "&rev=3"
    address = desk.page(
        "schemes.html",
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="HOST{dark}"><img src="HOST{light}"></picture>',
    )
    seen = {}
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        shown(page, address)
        seen[scheme] = page.evaluate("document.images[0].currentSrc")

    assert seen == {
        scheme: f"http://{desk.origin.address}{target}" for scheme, target in (("dark", dark), ("light", light))
    }


def test_a_dense_screen_gets_the_picture_twice_as_large(desk: Desk) -> None:
    target = LIGHTHOUSE + "&w=128"
    address = desk.page("dense.html", f'<img src="HOST{target}" srcset="HOST{target} 1x, HOST{target}&dpr=2 2x">')
    widths = {}
    for scale in (1, 2):
        context = desk.browser.new_context(device_scale_factor=scale)
        page = context.new_page()
        with page.expect_response(lambda response: target in response.url) as arrived:
            shown(page, address)
        widths[scale] = len(arrived.value.body()), page.evaluate("document.images[0].width")
        context.close()

    assert widths[1][1] == widths[2][1] == 128
    assert widths[2][0] > widths[1][0]


def test_auto_is_avif_for_who_names_it_and_webp_for_who_does_not(desk: Desk, page: Page) -> None:
    target = LIGHTHOUSE + "&format=auto"
    with page.expect_response(lambda response: target in response.url) as arrived:
        shown(page, desk.page("auto.html", f'<img src="HOST{target}">'))
    assert arrived.value.headers["content-type"] == "image/avif"
    assert arrived.value.headers["vary"] == "Accept"

    fetched = "async url => (await fetch(url, {headers: {Accept: 'image/webp,*/*;q=0.5'}})).headers.get('content-type')"
    assert page.evaluate(fetched, f"http://{desk.origin.address}{target}") == "image/webp"


def test_an_img_shows_an_error_that_a_person_can_read(desk: Desk, page: Page) -> None:
    target = "/?prompt=a&sede=7"
    with page.expect_response(lambda response: target in response.url) as arrived:
        shown(page, desk.page("error.html", f'<img src="HOST{target}" width="300">'))

    assert (arrived.value.status, arrived.value.headers["content-type"]) == (400, "image/png")
    assert page.evaluate("document.images[0].naturalWidth") == 400


def test_another_sites_script_reads_the_picture_and_its_headers(desk: Desk, page: Page) -> None:
    page.goto(desk.page("script.html", ""))
    script = """async url => {
        const answer = await fetch(url, {headers: {"X-Anything": "makes a preflight"}});
        const digest = await crypto.subtle.digest("SHA-256", await answer.arrayBuffer());
        const hex = [...new Uint8Array(digest)].map(byte => byte.toString(16).padStart(2, "0")).join("");
        return [hex, answer.headers.get("cache-status"), answer.headers.get("link")];
    }"""
    digest, status, link = page.evaluate(script, f"http://{desk.origin.address}{LIGHTHOUSE}&rev=4")

    assert digest == hashlib.sha256(desk.service.get(LIGHTHOUSE + "&rev=4").content).hexdigest()
    assert status.startswith("promptcdn;")
    assert link.endswith('rel="canonical"')
