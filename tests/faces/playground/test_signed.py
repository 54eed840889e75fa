"""A service that makes pictures for signed URLs only, or none at all: what its page shows and what it keeps."""

import pytest
from playwright.sync_api import Browser, expect

from promptcdn.url.signing import SigningKeys
from promptcdn.url.signing.spelled import signed_url
from tests.faces.playground.visitor import PATIENCE, Visitor
from tests.support.service import Promptcdn

KEYS = "k1:canary-0123456789"
SIGNED = {
    "PROMPTCDN_MISSES": "signed",
    "PROMPTCDN_SIGNING_KEYS": KEYS,
    "PROMPTCDN_ADMIN_TOKEN": "canary-of-the-operator",
}
FERN = "prompt=a+fern&seed=7&width=256&height=256"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> object:
    with Promptcdn(tmp_path_factory.mktemp("signed"), **SIGNED) as running:
        yield running


def signed(url: str) -> str:
    return signed_url(url, SigningKeys.parse(KEYS))


def paste(visitor: Visitor, text: str) -> None:
    visitor["summary:has-text('Open a URL')"].click()
    visitor["#pasted"].fill(text)
    visitor["#pasted"].press("Enter")


def test_without_a_signature_the_command_is_shown(visitor: Visitor, service: Promptcdn) -> None:
    visitor.open(f"#{FERN}")

    expect(visitor["#sign-command"]).to_have_text(f"promptcdn sign '{service.url}/?{FERN}'", timeout=PATIENCE)
    expect(visitor["#make"]).to_be_hidden()
    assert visitor.pictures_asked_for() == []


def test_a_pasted_signed_url_makes_its_picture_and_no_other(visitor: Visitor, service: Promptcdn) -> None:
    visitor.open(f"#{FERN}")
    expect(visitor["#sign"]).to_be_visible(timeout=PATIENCE)

    paste(visitor, signed(f"{service.url}/?{FERN}"))
    visitor["#make"].click()

    visitor.sees("a fern")
    signature = signed(f"/?{FERN}").rpartition("sig=")[2]
    kept = visitor.page.evaluate("JSON.stringify(localStorage) + location.href")
    assert signature not in kept + visitor.snippet()
    visitor.type("seed", "8")
    expect(visitor["#sign"]).to_be_visible(timeout=PATIENCE)
    assert not any("seed=8" in url for url in visitor.pictures_asked_for())


@pytest.mark.parametrize(
    "face", ["/prompt/a%20dell.png?seed=7&width=256&height=256", "/i.png?prompt=a+glen&seed=7&width=256"]
)
def test_a_signed_url_of_another_form_is_as_good(visitor: Visitor, service: Promptcdn, face: str) -> None:
    visitor.open("#prompt=a+reed&seed=7")
    expect(visitor["#sign"]).to_be_visible(timeout=PATIENCE)

    paste(visitor, signed(service.url + face))
    expect(visitor["#make"]).to_be_visible(timeout=PATIENCE)
    visitor["#make"].click()

    visitor.sees("a dell" if "dell" in face else "a glen")


def test_a_wrong_signature_is_told(visitor: Visitor, service: Promptcdn) -> None:
    wrong = signed(f"{service.url}/?prompt=a+moss&seed=1").replace("moss", "lichen")
    visitor.open(f"#{FERN}")

    paste(visitor, wrong)
    visitor["#make"].click()

    expect(visitor["#problem-title"]).to_have_text("Invalid signature", timeout=PATIENCE)


def test_there_is_no_secret_in_the_page(visitor: Visitor) -> None:
    visitor.open(f"#{FERN}")
    expect(visitor["#snippet"]).to_contain_text("a+fern", timeout=PATIENCE)

    assert "canary" not in visitor.page.content()
    visitor["#show-all"].click()
    expect(visitor["#grid .tile"]).to_have_count(6)
    expect(visitor["#make-all"]).to_be_hidden()


def test_a_closed_service_shows_what_it_has_and_says_so(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("closed")
    with Promptcdn(folder) as service:
        service.get(f"/?{FERN}")
    with Promptcdn(folder, PROMPTCDN_MISSES="closed") as service, Visitor(browser, service.url) as visitor:
        visitor.open(f"#{FERN}").sees("a fern")
        visitor.type("seed", "8")

        expect(visitor["#closed"]).to_be_visible(timeout=PATIENCE)
        expect(visitor["#make"]).to_be_hidden()
