"""What an author trips over: lines that no reader can open, keys and clicks whose effect is out of sight, dead ends."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.faces.playground.visitor import PATIENCE, Visitor
from tests.support.service import Promptcdn

SMALL = "&width=256&height=256"


def paste(visitor: Visitor, text: str) -> None:
    visitor["summary:has-text('Open a URL')"].click()
    visitor["#pasted"].fill(text)
    visitor["#pasted"].press("Enter")


def test_an_address_of_this_computer_alone_is_told(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    expect(visitor["#local"]).to_contain_text("Only this computer finds this address")
    expect(visitor["#unmade"]).to_be_hidden()


def test_a_public_address_needs_no_warning(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("public")
    with (
        Promptcdn(folder, PROMPTCDN_PUBLIC_URL="https://pictures.example.org", PROMPTCDN_MISSES="closed") as service,
        Visitor(browser, service.url) as visitor,
    ):
        visitor.open()
        expect(visitor["#closed"]).to_be_visible(timeout=PATIENCE)

        assert visitor.snippet().startswith("![a lighthouse](https://pictures.example.org/?")
        expect(visitor["#local"]).to_be_hidden()
        expect(visitor["#unmade"]).to_contain_text("readers of this line see an error")


def test_enter_ends_no_line_of_a_prompt(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    visitor["#p-prompt"].fill("a whale")
    visitor["#p-prompt"].press("Enter")

    expect(visitor["#p-prompt"]).to_have_value("a whale")
    visitor.sees("a whale")


def test_another_one_is_another_picture_each_time(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+pond{SMALL}").sees("a pond")
    seen = [visitor["#caption"].inner_text()]

    for _ in range(3):
        visitor["#another"].click()
        expect(visitor["#caption"]).not_to_have_text(seen[-1], timeout=PATIENCE)
        visitor.sees("a pond")
        seen.append(visitor["#caption"].inner_text())

    assert len(set(seen)) == 4
    visitor["#why-group summary"].click()
    expect(visitor["#why"]).to_contain_text("The page asked for the picture by its seed.")


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("hello", "This is neither the URL of a picture nor Markdown with one."),
        ("/?prompt=a+hill&colour=red", 'colour="red": unknown parameter'),
        (f"/i/{'0' * 64}", "a permalink does not say what it shows"),
    ],
)
def test_what_cannot_be_opened_is_told_at_its_field(visitor: Visitor, pasted: str, said: str) -> None:
    visitor.open().sees("a lighthouse")

    paste(visitor, pasted)

    expect(visitor["#pasted-wrong"]).to_contain_text(said)
    expect(visitor["#pasted-wrong"]).to_be_in_viewport()
    expect(visitor["#pasted"]).to_have_value(pasted)
    visitor["#pasted"].fill(f"/?prompt=a+hill&seed=5{SMALL}")
    visitor["#pasted"].press("Enter")
    visitor.sees("a hill")
    expect(visitor["#pasted-wrong"]).to_be_hidden()
    expect(visitor["#p-prompt"]).to_be_in_viewport()


def test_a_second_copy_is_said_as_long_as_the_first(visitor: Visitor) -> None:
    visitor.page.clock.install()
    visitor.open()
    expect(visitor["#copy"]).to_be_enabled()
    visitor["#copy"].click()
    expect(visitor["#copy"]).to_have_text("Copied")
    visitor.page.clock.run_for(1000)
    visitor["#tab-html"].click()
    expect(visitor["#copy"]).to_have_text("Copy HTML")
    visitor["#copy"].click()
    expect(visitor["#copy"]).to_have_text("Copied")

    visitor.page.clock.run_for(1000)

    expect(visitor["#copy"]).to_have_text("Copied")
    visitor.page.clock.run_for(1000)
    expect(visitor["#copy"]).to_have_text("Copy HTML")


def test_tiles_have_the_shape_of_their_pictures(visitor: Visitor) -> None:
    visitor.open("#prompt=a+tower&seed=7&width=320&height=640").sees("a tower")

    visitor["#show-all"].click()

    expect(visitor["#grid img"]).to_have_count(6, timeout=PATIENCE)
    box = visitor["#grid img"].first.bounding_box()
    assert box
    assert box["height"] / box["width"] == pytest.approx(2, rel=0.02)


def test_the_focus_stays_where_a_key_was_pressed(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+bay{SMALL}").sees("a bay")

    visitor["#pin"].press("Enter")

    expect(visitor["#pin"]).to_be_hidden()
    visitor.sees("a bay")
    expect(visitor["#frame"]).to_be_focused()
    visitor["#use"].press("Enter")
    expect(visitor["#strength"]).to_be_focused()


def test_the_page_leads_to_the_description_of_the_interface(visitor: Visitor, service: Promptcdn) -> None:
    visitor.open().sees("a lighthouse")

    visitor["footer a"].click()

    expect(visitor.page).to_have_url(f"{service.url}/docs")
    expect(visitor["h1"]).to_have_text(re.compile("promptcdn"))
    visitor["text=The playground"].click()
    expect(visitor.page).to_have_url(re.compile(re.escape(service.url) + "/(#.*)?$"))
    visitor.sees("a lighthouse at dusk")


def test_a_long_prompt_leaves_room_for_the_picture(visitor: Visitor) -> None:
    words = "a city on a hill with many towers, and birds above it " * 10
    visitor.open().sees("a lighthouse")

    visitor.type("prompt", words)

    visitor.sees(words.strip())
    top, tall = (
        visitor.page.evaluate(f"document.querySelector('#frame').getBoundingClientRect().{edge}")
        for edge in ("top", "height")
    )
    assert top + tall / 3 < visitor.page.evaluate("innerHeight")
