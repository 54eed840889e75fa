"""A person at a service of sketches: types, changes, copies, goes back, pins, compares, starts from a picture."""

import re
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, expect

from tests.faces.playground.visitor import Visitor
from tests.support.service import Promptcdn

SMALL = "&width=256&height=256"


def test_a_first_visit_has_a_picture_and_a_line_to_copy(visitor: Visitor, service: Promptcdn) -> None:
    visitor.open("")

    visitor.sees("a lighthouse at dusk")
    url = f"{service.url}/?prompt=a+lighthouse+at+dusk&seed=7&aspect_ratio=3%3A2"
    assert visitor.snippet() == f"![a lighthouse at dusk]({url})"
    expect(visitor["#sketches summary"]).to_contain_text("These are sketches")
    expect(visitor["#sketches summary"]).to_contain_text("STABILITY_KEY")
    visitor["#sketches summary"].click()
    expect(visitor["#ways"]).to_contain_text("PROMPTCDN_GENERATOR=openai with OPENAI_API_KEY or OPENAI_BASE_URL")


def test_what_is_typed_is_drawn_and_is_in_the_address(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    visitor.type("prompt", "a cat on a roof")
    visitor.type("steps", "12")

    assert "prompt=a+cat+on+a+roof" in visitor.sees("a cat on a roof")
    expect(visitor.page).to_have_url(re.compile("#prompt=a%20cat|#prompt=a\\+cat"))
    expect(visitor["#snippet"]).to_contain_text("steps=12")


def test_a_pause_in_typing_draws_and_each_letter_does_not(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")
    before = len(visitor.pictures_asked_for())

    visitor["#p-prompt"].press_sequentially(" by the sea in a storm", delay=20)
    visitor.sees("a lighthouse by the sea in a storm")

    assert len(set(visitor.pictures_asked_for()[before:])) == 1


def test_another_seed_is_another_picture(visitor: Visitor) -> None:
    first = visitor.open().sees("a lighthouse")

    visitor["[aria-label='The next seed']"].click()

    expect(visitor["#picture"]).to_have_attribute("src", first.replace("seed=7", "seed=8"))
    expect(visitor["#caption"]).to_contain_text("seed 8")
    visitor["[aria-label='The seed before']"].click()
    expect(visitor["#caption"]).to_contain_text("seed 7")


def test_the_copied_line_shows_the_picture(visitor: Visitor, service: Promptcdn) -> None:
    visitor.open().sees("a lighthouse")

    copied = visitor.copied()

    assert copied == visitor.snippet()
    target = copied.partition("](")[2].removesuffix(")").removeprefix(service.url)
    assert service.get(target).headers["content-type"] == "image/webp"


@pytest.mark.parametrize(
    ("markup", "beginning"),
    [
        ("html", "<img src="),
        ("picture", '<picture><source media="(prefers-color-scheme: dark)" srcset='),
        ("asciidoc", "image::"),
        ("rst", ".. image::"),
        ("url", "http://"),
        ("sites", "![a lighthouse](http://"),
    ],
)
def test_every_markup_can_be_copied(visitor: Visitor, markup: str, beginning: str) -> None:
    visitor.open().sees("a lighthouse")

    visitor.snippet(markup)

    assert visitor.copied().startswith(beginning)


def test_the_markups_are_reached_by_arrow_keys(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    visitor["#tab-markdown"].press("ArrowRight")
    expect(visitor["#tab-html"]).to_be_focused()
    expect(visitor["#tab-html"]).to_have_attribute("aria-selected", "true")
    visitor["#tab-html"].press("End")

    expect(visitor["#tab-sites"]).to_be_focused()
    expect(visitor["#snippet"]).to_contain_text("/i.webp?prompt=a+lighthouse")


def test_a_description_of_ones_own_is_in_the_line(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    visitor["#alt"].fill("The way home ]( *now*")

    expect(visitor["#snippet"]).to_contain_text(r"![The way home \]( \*now\*](http://")


def test_readers_with_dark_pages_get_a_picture_of_their_own(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")
    visitor["#tab-picture"].click()
    expect(visitor["#snippet"]).to_contain_text("prompt=a+lighthouse+at+night&amp;seed=7")

    visitor["#dark-prompt"].fill("a lighthouse in the fog")
    expect(visitor["#snippet"]).to_contain_text("prompt=a+lighthouse+in+the+fog&amp;seed=7")
    visitor["#dark-look"].click()

    visitor.sees("a lighthouse in the fog")


def test_a_reload_shows_the_same(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")
    visitor.type("prompt", "a cabin in the woods")
    visitor.type("seed", "octocat")
    shown = visitor.sees("a cabin in the woods")

    visitor.page.reload()

    assert visitor.sees("a cabin in the woods") == shown
    expect(visitor["#p-seed"]).to_have_value("octocat")


def test_the_back_button_shows_the_picture_before(visitor: Visitor) -> None:
    first = visitor.open().sees("a lighthouse")
    visitor.type("prompt", "a whale")
    visitor.sees("a whale")

    visitor.page.go_back()
    assert visitor.sees("a lighthouse") == first
    expect(visitor["#p-prompt"]).to_have_value("a lighthouse")

    visitor.page.go_forward()
    visitor.sees("a whale")


def test_a_picture_without_a_seed_can_be_pinned(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+harbour{SMALL}")
    shown = visitor.sees("a harbour")
    seed = parse_qs(shown.partition("?")[2])["seed"][0]

    visitor["#pin"].click()

    expect(visitor["#p-seed"]).to_have_value(seed)
    expect(visitor["#pin"]).to_be_hidden()
    assert visitor.sees("a harbour") == shown
    expect(visitor["#snippet"]).to_contain_text(f"seed={seed}")


def test_other_seeds_are_compared_and_chosen(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    visitor["#show-all"].click()
    expect(visitor["#grid img"]).to_have_count(6, timeout=30_000)
    expect(visitor["[aria-label='Seed 7']"]).to_have_attribute("aria-pressed", "true")
    visitor["[aria-label='Seed 9']"].click()

    expect(visitor["#caption"]).to_contain_text("seed 9")
    expect(visitor["[aria-label='Seed 9']"]).to_have_attribute("aria-pressed", "true")
    visitor.type("prompt", "a whale")
    expect(visitor["#grid img"]).to_have_count(0)


def test_a_picture_starts_from_another_one_by_a_button(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    visitor["#use"].click()
    expect(visitor["#start"]).to_be_visible()
    visitor.type("prompt", "a lighthouse in the snow")
    assert "init=" in visitor.sees("a lighthouse in the snow")
    visitor["#strength"].fill("0.3")
    expect(visitor["#picture"]).to_have_attribute("src", re.compile("strength=0.3"))

    visitor["#start-remove"].click()

    expect(visitor["#start"]).to_be_hidden()
    expect(visitor["#picture"]).not_to_have_attribute("src", re.compile("init="))


def test_a_picture_starts_from_one_that_is_dropped_on_the_prompt(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1280, "height": 2400})
    visitor.open().sees("a lighthouse")
    visitor["#show-all"].click()
    expect(visitor["#grid img"]).to_have_count(6, timeout=30_000)

    key = re.search("[0-9a-f]{64}", visitor["[aria-label='Seed 8'] img"].get_attribute("src") or "")
    assert key
    visitor["[aria-label='Seed 8'] img"].drag_to(visitor["#p-prompt"])

    expect(visitor["#start"]).to_be_visible()
    expect(visitor["#p-init"]).to_have_value(key[0])


def test_pictures_that_were_seen_are_gone_back_to(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")
    visitor.type("prompt", "a whale")
    visitor.sees("a whale")
    expect(visitor["#history-list img"]).to_have_count(2)

    visitor["#history-list img[alt='a lighthouse, seed 7']"].click()
    visitor.sees("a lighthouse")

    visitor["#history-clear"].click()
    expect(visitor["#history"]).to_be_hidden()


def test_a_problem_stands_at_its_field(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    visitor.type("width", "1000")

    expect(visitor["#p-width"]).to_have_attribute("aria-invalid", "true")
    expect(visitor["#copy"]).to_be_disabled()
    expect(visitor["#p-width-wrong"]).to_contain_text("the nearest are 960 and 1024")
    visitor.type("width", "320")
    expect(visitor["#p-width-wrong"]).to_be_hidden()
    expect(visitor["#copy"]).to_be_enabled()
    expect(visitor["#picture"]).to_have_attribute("src", re.compile("width=320"))


def test_an_empty_prompt_asks_for_words(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")

    visitor.type("prompt", "")

    expect(visitor["#p-prompt-wrong"]).to_have_text("Write what the picture shows.")


def test_the_headers_are_told_in_plain_words(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+tower&seed=3{SMALL}").sees("a tower")

    visitor["#why-group summary"].click()

    expect(visitor["#why"]).to_contain_text("may keep the picture for 1 year without asking again")
    expect(visitor["#why"]).to_contain_text("The picture was made for you just now, and is stored.")
    expect(visitor["#why"]).to_contain_text("The service needed")


@pytest.mark.parametrize(
    "pasted",
    [
        "URL/prompt/a%20green%20hill.png?seed=5&width=256&height=256",
        "text ![a hill](URL/?prompt=a+green+hill&amp;seed=5&amp;width=256&amp;height=256&amp;format=png) text",
        "/i.png?prompt=a+green+hill&seed=5&width=256&height=256",
    ],
)
def test_a_pasted_url_fills_the_fields(visitor: Visitor, service: Promptcdn, pasted: str) -> None:
    visitor.open().sees("a lighthouse")

    visitor["summary:has-text('Open a URL')"].click()
    visitor["#pasted"].fill(pasted.replace("URL", service.url))
    visitor["#pasted"].press("Enter")

    visitor.sees("a green hill")
    expect(visitor["#p-seed"]).to_have_value("5")
    expect(visitor["#p-format"]).to_have_value("png")


def test_the_theme_is_the_systems_until_another_is_chosen(browser: Browser, service: Promptcdn) -> None:
    with Visitor(browser, service.url, color_scheme="dark") as visitor:
        visitor.open().sees("a lighthouse")
        colour = "getComputedStyle(document.body).backgroundColor"
        dark = visitor.page.evaluate(colour)
        visitor["#theme"].click()
        light = visitor.page.evaluate(colour)
        visitor.page.reload()
        visitor.sees("a lighthouse")

        assert (dark, light) == ("rgb(21, 18, 31)", "rgb(251, 245, 234)")
        assert visitor.page.evaluate(colour) == light


@pytest.mark.parametrize("width", [320, 360, 390, 768])
def test_no_width_of_a_screen_scrolls_sideways(browser: Browser, service: Promptcdn, width: int) -> None:
    with Visitor(browser, service.url, viewport={"width": width, "height": 800}) as visitor:
        visitor.open().sees("a lighthouse")
        visitor["#use"].click()
        expect(visitor["#start"]).to_be_visible()
        for summary in visitor["summary"].all():
            summary.click()

        assert visitor.page.evaluate("document.documentElement.scrollWidth") == width


def test_nothing_moves_for_whoever_wants_no_motion(browser: Browser, service: Promptcdn) -> None:
    with Visitor(browser, service.url, reduced_motion="reduce") as visitor:
        visitor.open().sees("a lighthouse")
        moving = (
            "[...document.querySelectorAll('*')].map(e => getComputedStyle(e)).filter(s => s.animationName != 'none')"
        )

        assert visitor.page.evaluate(f"{moving}.length") == 0
