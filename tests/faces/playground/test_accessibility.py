"""Whoever reads by ear, by keyboard or with little contrast: axe finds nothing, in no colours and at no width."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.faces.playground.visitor import Visitor
from tests.support.service import Promptcdn

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    "dark phone": {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}},
}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(browser: Browser, service: Promptcdn, look: str) -> None:
    with Visitor(browser, service.url, reduced_motion="reduce", **LOOKS[look]) as visitor:
        visitor.open().sees("a lighthouse")
        assert visitor.violations() == []

        visitor["#show-all"].click()
        expect(visitor["#grid img"]).to_have_count(6, timeout=30_000)
        visitor["#use"].click()
        expect(visitor["#start"]).to_be_visible()
        visitor["#tab-picture"].click()
        for summary in visitor["summary"].all():
            summary.click()
        visitor.type("steps", "999")
        expect(visitor["#p-steps-wrong"]).to_be_visible()
        assert visitor.violations() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_pictures_are_not_made(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, scheme: str
) -> None:
    signed = {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": "k1:canary-0123456789"}
    with (
        Promptcdn(tmp_path_factory.mktemp("signed"), **signed) as service,
        Visitor(browser, service.url, color_scheme=scheme) as visitor,
    ):
        visitor.open()
        expect(visitor["#sign"]).to_be_visible(timeout=30_000)

        assert visitor.violations() == []


def test_all_is_reached_by_keyboard_from_the_prompt_on(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")
    visitor.page.keyboard.press("Tab")
    expect(visitor[".skip"]).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor["#p-prompt"]).to_be_focused()

    reached = []
    while "history-clear" not in reached:
        visitor.page.keyboard.press("Tab")
        reached.append(visitor.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert len(reached) < 60

    assert {"surprise", "use", "tab-markdown", "copy", "alt", "p-seed", "p-engine", "show-all"} <= set(reached)
