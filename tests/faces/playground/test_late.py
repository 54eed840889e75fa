"""Answers that come late, or are none: what is shown, copied and made is what the fields say at that moment."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.faces.playground.visitor import PATIENCE, Visitor
from tests.support.service import Promptcdn

SMALL = "&width=256&height=256"
# Every text that the line to copy has had while it could be copied.
COPYABLE = """
window.copyable = [];
const $ = (id) => document.getElementById(id);
const note = () => $("copy").disabled || copyable.push($("snippet").textContent);
const changes = {subtree: true, childList: true, characterData: true, attributes: true};
new MutationObserver(note).observe(document.body, changes);
"""


def hold(visitor: Visitor, word: str) -> list[Route]:
    """Holds back what `/info` answers about prompts with `word`."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    visitor.page.route(re.compile(rf"/info\?.*{word}"), keep)
    return held


def test_a_late_answer_offers_no_line_of_the_prompt_before(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+hut{SMALL}&seed=1").sees("a hut")
    held = hold(visitor, "dusk")
    with visitor.page.expect_request(re.compile("dusk")):
        visitor.type("prompt", "a hut at dusk")
    visitor.page.evaluate(COPYABLE)

    visitor.type("prompt", "a hut at dawn")
    held[0].continue_()

    visitor.sees("a hut at dawn")
    assert [text for text in visitor.page.evaluate("copyable") if "dusk" in text] == []


def test_a_step_back_waits_for_its_own_line(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+mill{SMALL}&seed=1").sees("a mill")
    visitor.type("prompt", "a weir")
    visitor.sees("a weir")
    held = hold(visitor, "mill")

    visitor["#history-list img[alt='a mill, seed 1']"].click()

    expect(visitor["#p-prompt"]).to_have_value("a mill")
    expect(visitor["#copy"]).to_be_disabled()
    expect(visitor["#make"]).to_be_disabled()
    held[0].continue_()
    visitor.sees("a mill")
    expect(visitor["#copy"]).to_be_enabled()


def test_other_seeds_are_those_of_the_present_prompt(visitor: Visitor, service: Promptcdn) -> None:
    visitor.open(f"#prompt=a+pond{SMALL}").sees("a pond")
    pool = service.get(f"/info?prompt=a+lake{SMALL}").json()["pool"]

    visitor.type("prompt", "a lake")
    visitor["#show-all"].click()

    labels = [f"Seed {one['seed']}" for one in pool]
    expect(visitor["#grid .tile"]).to_have_count(len(pool), timeout=PATIENCE)
    assert [tile.get_attribute("aria-label") for tile in visitor["#grid .tile"].all()] == labels


@pytest.mark.parametrize("body", ["<p>Sign in</p>", "null", '"text"'])
@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_of_something_in_between_is_told(visitor: Visitor, status: int, body: str) -> None:
    """A proxy in front that wants a password, or is out of order."""
    visitor.open(f"#prompt=a+hut{SMALL}&seed=1").sees("a hut")
    visitor.page.route("**/info?*", lambda route: route.fulfill(status=status, content_type="text/html", body=body))

    visitor.type("prompt", "a barn")

    expect(visitor["#problem-title"]).to_be_visible(timeout=PATIENCE)
    expect(visitor["#problem-title"]).to_contain_text(str(status))
    expect(visitor["#progress"]).to_be_hidden()


def test_pictures_seen_outlive_a_time_without_a_store(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+hut{SMALL}&seed=1").sees("a hut")
    visitor.type("prompt", "a barn")
    visitor.sees("a barn")
    hut = visitor["#history-list img[alt='a hut, seed 1']"]
    visitor.page.route("**/i/*", lambda route: route.fulfill(status=503))
    visitor.page.reload()
    visitor.sees("a barn")
    expect(hut).to_be_hidden()
    visitor.page.unroute("**/i/*")

    visitor.page.reload()

    visitor.sees("a barn")
    expect(hut).to_have_js_property("naturalWidth", 128)


def test_pictures_that_are_gone_leave_the_list(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+hut{SMALL}&seed=1").sees("a hut")
    visitor.type("prompt", "a barn")
    visitor.sees("a barn")
    gone = visitor["#history-list img[alt='a hut, seed 1']"].get_attribute("src") or ""
    visitor.page.route(gone, lambda route: route.fulfill(status=410))

    visitor.page.reload()

    visitor.sees("a barn")
    expect(visitor["#history-list img"]).to_have_count(1)
    assert "a hut" not in visitor.page.evaluate("localStorage.getItem('promptcdn.history')")


def test_a_clipboard_that_takes_nothing_is_told(visitor: Visitor) -> None:
    visitor.open(f"#prompt=a+hut{SMALL}&seed=1").sees("a hut")
    no_clipboard = "navigator.clipboard.writeText = async () => { throw new Error(); };"
    visitor.page.evaluate(f"() => {{ document.execCommand = () => false; {no_clipboard} }}")

    visitor["#copy"].click()

    expect(visitor["#copy"]).to_have_text("Press Ctrl+C")
    assert visitor.page.evaluate("getSelection().toString()") == visitor.snippet()
