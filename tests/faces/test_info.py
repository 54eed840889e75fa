"""What `/info` is asked beside the picture: a description for its snippets, and a picture for dark pages."""

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.service import Promptcdn
from tests.upstream import Upstream

CAT = "/info?prompt=a+cat&seed=7"
NIGHT = quote("/?prompt=a+cat+at+night&seed=007&w=64", safe="")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("info"), PROMPTCDN_SIZE="256x256") as running:
        yield running


def told(service: Promptcdn, url: str) -> dict[str, Any]:
    answer = service.get(url)
    assert answer.status_code == 200, answer.text
    members: dict[str, Any] = answer.json()
    return members


def test_a_description_is_in_every_markup_and_in_no_key(service: Promptcdn) -> None:
    usual, own = told(service, CAT), told(service, CAT + "&alt=My%20%5Bold%5D%0Acat")

    assert own["snippets"]["markdown"] == rf"![My \[old\] cat]({service.url}/?prompt=a+cat&seed=7)"
    assert 'alt="My [old] cat"' in own["snippets"]["html"]
    assert own["snippets"]["sites"] == rf"![My \[old\] cat]({service.url}/i.webp?prompt=a+cat&seed=7)"
    assert {name: own[name] for name in own.keys() - {"snippets"}} == {
        name: usual[name] for name in usual.keys() - {"snippets"}
    }


@pytest.mark.parametrize("url", ["/info/prompt/a%20cat?seed=7", "/info/i.webp?prompt=a+cat&seed=7"])
def test_every_face_of_info_takes_a_description(service: Promptcdn, url: str) -> None:
    assert told(service, f"{url}&alt=mine")["snippets"]["markdown"].startswith("![mine](")


def test_two_pictures_are_one_snippet(service: Promptcdn) -> None:
    assert "picture" not in told(service, CAT)["snippets"]

    both = told(service, f"{CAT}&dark={NIGHT}")["snippets"]["picture"]

    dark = f"{service.url}/?prompt=a+cat+at+night&amp;seed=7&amp;w=64"
    assert f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">' in both
    assert f'<img src="{service.url}/?prompt=a+cat&amp;seed=7" alt="a cat" width="256" height="256">' in both


@pytest.mark.parametrize(
    "dark",
    [
        *(
            "https://elsewhere.example/x.png",
            "javascript:alert(1)",
            "/?seed=7",
            "/?prompt=a&sede=1",
            "/",
            "/i/KEY",
            "%ff",
        ),
        *("/metrics?prompt=a", "//elsewhere.example/?prompt=a", "/info?prompt=a", "/?prompt=a&engine=no-such-engine"),
    ],
)
def test_a_dark_picture_that_is_none_is_refused_by_its_name(service: Promptcdn, dark: str) -> None:
    answer = service.get(f"{CAT}&dark={dark if dark == '%ff' else quote(dark, safe='')}")

    assert (answer.status_code, answer.json()["parameter"]) == (400, "dark")


@pytest.mark.parametrize(
    "dark", ["/prompt/a%20whale?seed=7&model=flux", "//?prompt=a+whale&seed=7", "/i.webp?prompt=a+whale&seed=7"]
)
def test_the_picture_for_dark_pages_is_one_that_is_shown(service: Promptcdn, dark: str) -> None:
    """Also where a face draws the nearest: in the snippet is what is drawn."""
    both = told(service, f"{CAT}&dark={quote(dark, safe='')}")["snippets"]["picture"]
    url = html.unescape(both.partition('srcset="')[2].partition('"')[0]).removeprefix(service.url)

    assert url.startswith("/?prompt=a+whale&seed=7")
    assert service.get(url).status_code == 200


@pytest.mark.parametrize("query", ["&alt=a&alt=b", f"&dark={NIGHT}&dark={NIGHT}", "&alt=%00"])
def test_what_is_asked_of_snippets_is_asked_once_and_as_text(service: Promptcdn, query: str) -> None:
    answer = service.get(CAT + query)

    assert (answer.status_code, answer.json()["parameter"]) == (400, query[1:].partition("=")[0])


@pytest.mark.parametrize("name", ["alt", "dark"])
def test_a_pictures_own_url_has_no_such_parameter(service: Promptcdn, name: str) -> None:
    answer = service.get(f"/?prompt=a+cat&seed=7&{name}=/x")

    assert (answer.status_code, answer.json()["parameter"]) == (400, name)


def test_markdown_for_sites_names_a_format(service: Promptcdn) -> None:
    urls = {name: told(service, f"{CAT}&format={name}")["snippets"] for name in ("auto", "png", "jpeg")}

    assert "format=auto" in urls["auto"]["url"]
    assert {name: each["sites"].partition("/i.")[2].partition("?")[0] for name, each in urls.items()} == {
        "auto": "webp",
        "png": "png",
        "jpeg": "jpg",
    }


def test_the_price_is_what_the_picture_would_cost(service: Promptcdn, tmp_path: Path) -> None:
    assert told(service, CAT)["credits"] == 0

    prices = {"PROMPTCDN_PRICES": "stable-diffusion-v1-6=1.5", "PROMPTCDN_ENGINE": "stable-diffusion-v1-6"}
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **prices) as paid:
        assert told(paid, CAT)["credits"] == 1.5
        assert told(paid, CAT + "&steps=45")["credits"] == 2.25
        assert upstream.ledger.calls() == []
