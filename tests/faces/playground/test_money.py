"""A person at a service whose pictures cost something: nothing is spent that nobody pressed a button for."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.faces.playground.visitor import PATIENCE, Visitor
from tests.support.service import Promptcdn
from tests.upstream import Upstream

ENGINE = {"PROMPTCDN_ENGINE": "stable-diffusion-v1-6", "PROMPTCDN_GENERATOR": "stability, sketch"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def service(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    """It pays for its pictures; sketches can be chosen."""
    folder = tmp_path_factory.mktemp("paid")
    with Promptcdn(folder, STABILITY_HOST=upstream.url, PROMPTCDN_BUDGET="unlimited", **ENGINE) as running:
        yield running


@pytest.fixture
def spent(upstream: Upstream) -> Iterator[list[int]]:
    """How many calls were paid for before the test, as the first of a list."""
    upstream.wait_until_idle()
    yield [len(upstream.ledger.calls())]
    upstream.clear()


def calls(upstream: Upstream, spent: list[int]) -> int:
    """How many calls this test has paid for."""
    upstream.wait_until_idle()
    return len(upstream.ledger.calls()) - spent[0]


def test_a_picture_is_made_when_the_button_is_pressed(visitor: Visitor, upstream: Upstream, spent: list[int]) -> None:
    visitor.open("#prompt=a+harbour&seed=1")
    button = visitor.is_offered()
    visitor.type("prompt", "a harbour at noon")
    expect(visitor["#snippet"]).to_contain_text("harbour+at+noon")
    expect(button).to_have_text(re.compile(r"^Make this picture — about [\d.]+ credits?$"))
    expect(visitor["#sketches"]).to_be_hidden()
    assert (calls(upstream, spent), visitor.pictures_asked_for()) == (0, [])
    visitor.page.route("**/info?*", lambda route: None if "midnight" in route.request.url else route.continue_())
    visitor.type("prompt", "a harbour at midnight")
    expect(button).to_be_disabled()  # the price that it names is of another picture
    visitor.type("prompt", "a harbour at noon")

    visitor.is_offered().click()

    visitor.sees("a harbour at noon")
    assert calls(upstream, spent) == 1


def test_what_is_stored_is_shown_without_a_button(visitor: Visitor, service: Promptcdn, upstream: Upstream) -> None:
    service.get("/?prompt=a+pier&seed=1")
    spent = [len(upstream.ledger.calls())]

    visitor.open("#prompt=a+pier&seed=1").sees("a pier")

    assert calls(upstream, spent) == 0


def test_the_price_is_the_engines(visitor: Visitor) -> None:
    visitor.open("#prompt=a+mill&seed=1")
    usual = visitor.is_offered().inner_text()

    visitor.type("steps", "45")
    expect(visitor["#make"]).not_to_have_text(usual)
    visitor["#p-engine"].select_option("sketch")

    visitor.sees("a mill")
    expect(visitor["#p-engine option:checked"]).to_have_text("sketch · free")


def test_other_seeds_name_the_price_of_all(
    visitor: Visitor, service: Promptcdn, upstream: Upstream, spent: list[int]
) -> None:
    for seed in (1, 3):
        service.get(f"/?prompt=a+quay&seed={seed}")
    visitor.open("#prompt=a+quay&seed=1").sees("a quay")
    visitor["#show-all"].click()
    expect(visitor["#make-all"]).to_have_text(re.compile(r"^Make the other 4 — about [\d.]+ credits$"))
    expect(visitor["#grid img"]).to_have_count(2)
    assert calls(upstream, spent) == 2

    visitor["#make-all"].click()

    expect(visitor["#grid img"]).to_have_count(6, timeout=PATIENCE)
    assert calls(upstream, spent) == 6


def test_other_seeds_can_be_made_after_one_was_refused(visitor: Visitor, upstream: Upstream, spent: list[int]) -> None:
    visitor.open("#prompt=a+pier+at+night&seed=1").is_offered()
    visitor["#show-all"].click()
    expect(visitor["#make-all"]).to_contain_text("Make the other 6")
    upstream.script("filter", "unauthenticated")

    visitor["#make-all"].click()

    expect(visitor["#problem-title"]).to_have_text("The image generator denied access", timeout=PATIENCE)
    expect(visitor["#grid .blank"].first).to_have_text("refused by the filter")
    expect(visitor["#make-all"]).to_contain_text("Make the other 5")
    assert calls(upstream, spent) == 1


def test_a_variation_that_is_made_alone_is_in_the_grid(visitor: Visitor) -> None:
    visitor.open("#prompt=a+raft&seed=1").is_offered()
    visitor["#show-all"].click()
    expect(visitor["#make-all"]).to_contain_text("Make the other 6")

    visitor["#make"].click()

    visitor.sees("a raft")
    expect(visitor["#grid img"]).to_have_count(1)
    expect(visitor["#make-all"]).to_contain_text("Make the other 5")


def test_a_look_at_a_pool_costs_nothing(
    visitor: Visitor, service: Promptcdn, upstream: Upstream, spent: list[int]
) -> None:
    service.get("/?prompt=a+dock")
    visitor.open("#prompt=a+dock")
    one = visitor.sees("a dock")
    expect(visitor["#another"]).to_be_hidden()
    pool = service.get("/info?prompt=a+dock").json()["pool"]
    service.get(next(other["url"] for other in pool if other["state"] == "absent"))
    visitor.page.reload()
    visitor.sees("a dock")
    visitor["#another"].click()
    expect(visitor["#picture"]).not_to_have_attribute("src", one)
    visitor.sees("a dock")
    visitor["#pin"].click()
    expect(visitor["#pin"]).to_be_hidden()
    visitor.sees("a dock")

    assert calls(upstream, spent) == 2


def test_an_error_of_the_upstream_is_told_and_can_be_tried_again(
    visitor: Visitor, upstream: Upstream, spent: list[int]
) -> None:
    upstream.always("unauthenticated")
    visitor.open("#prompt=a+canal&seed=1").is_offered().click()

    expect(visitor["#problem-title"]).to_have_text("The image generator denied access", timeout=PATIENCE)
    expect(visitor["#problem-detail"]).not_to_be_empty()
    upstream.clear()
    visitor.is_offered().click()

    expect(visitor["#problem"]).to_be_visible()
    assert calls(upstream, spent) == 0


def test_a_spent_budget_is_told_and_stored_pictures_go_on(
    browser: Browser, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("budget")
    with (
        Promptcdn(folder, STABILITY_HOST=upstream.url, PROMPTCDN_BUDGET="1/day", **ENGINE) as service,
        Visitor(browser, service.url) as visitor,
    ):
        visitor.open("#prompt=a+ferry&seed=1").is_offered().click()
        visitor.sees("a ferry")
        visitor.type("seed", "2")
        visitor.is_offered().click()

        expect(visitor["#problem-title"]).to_have_text("The budget for new pictures is spent", timeout=PATIENCE)
        visitor.type("seed", "1")
        visitor.sees("a ferry")
        expect(visitor["#problem"]).to_be_hidden()


def test_a_slow_picture_is_waited_for_and_paid_once(visitor: Visitor, upstream: Upstream, spent: list[int]) -> None:
    upstream.hold()
    visitor.open("#prompt=a+bridge&seed=1&wait=1").is_offered().click()
    expect(visitor["#progress-text"]).to_have_text("The picture is being made…", timeout=PATIENCE)

    upstream.release()

    visitor.sees("a bridge")
    assert calls(upstream, spent) == 1


def test_what_the_filter_refused_is_told(visitor: Visitor, upstream: Upstream, spent: list[int]) -> None:
    upstream.script("filter")
    visitor.open("#prompt=a+gate&seed=1&engine=sketch").sees("a gate")
    visitor["#p-engine"].select_option(index=0)
    visitor.is_offered().click()
    expect(visitor["#problem-title"]).to_have_text("Refused by the image generator's content filter", timeout=PATIENCE)

    expect(visitor["#frame"]).to_have_attribute("data-stage", "none")
    expect(visitor["#make"]).to_be_hidden()
    assert visitor["#picture"].get_attribute("src") is None  # the sketch would be taken for it

    visitor.page.reload()

    expect(visitor["#problem-detail"]).to_contain_text("The content filter")
    assert calls(upstream, spent) == 1


def test_an_engine_says_what_it_cannot_do(visitor: Visitor) -> None:
    visitor.open("#prompt=a+weir&seed=1").is_offered()

    expect(visitor["#p-engine-note"]).to_contain_text("Draws")
    expect(visitor["#p-engine-note"]).to_contain_text("Can start from pictures: init, mask.")
