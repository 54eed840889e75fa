"""A person who opens the playground in a real browser, and an eye on what the page asks for and complains of."""

import re
from pathlib import Path
from typing import Any, Self

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, Request, expect

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# A new picture of a busy machine.
PATIENCE = 30_000
LIGHTHOUSE = "#prompt=a+lighthouse&seed=7&width=256&height=256"


class Visitor:
    """One browser that has seen nothing yet, with the page of the service at `base`."""

    def __init__(self, browser: Browser, base: str, **context: Any) -> None:
        self.base = base
        self.context: BrowserContext = browser.new_context(**context)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.asked: list[Request] = []
        self.complaints: list[str] = []
        self.page.on("request", self._ask)
        self.page.on("console", lambda said: self._note(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._dismiss)

    def _note(self, text: str) -> None:
        # The browser says of each answer of 400 and more that it was one; the page tells the person.
        if not text.startswith("Failed to load resource"):
            self.complaints.append(text)

    def _ask(self, request: Request) -> None:
        self.asked.append(request)

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def open(self, fragment: str = LIGHTHOUSE) -> Self:
        self.page.goto(self.base + "/" + fragment)
        return self

    def __getitem__(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def type(self, name: str, text: str) -> None:
        """Types into the field of a parameter, wherever it is."""
        field = self[f"#p-{name}"]
        if not field.is_visible():
            self[f"details:has(#p-{name}) > summary"].click()
        field.fill(text)

    def sees(self, alt: str) -> str:
        """Waits until the picture with this description is shown; gives its address."""
        expect(self["#frame"]).to_have_attribute("data-stage", "shown", timeout=PATIENCE)
        expect(self["#picture"]).to_have_attribute("alt", alt, timeout=PATIENCE)
        expect(self["#frame"]).to_have_attribute("data-stage", "shown", timeout=PATIENCE)
        return self["#picture"].get_attribute("src") or ""

    def is_offered(self) -> Locator:
        """Waits until the button that makes the picture is there."""
        expect(self["#offer"]).to_be_visible(timeout=PATIENCE)
        return self["#make"]

    def snippet(self, markup: str = "markdown") -> str:
        """The line to copy, once it is there."""
        self[f"#tab-{markup}"].click()
        expect(self["#snippet"]).not_to_have_text("…", timeout=PATIENCE)
        return self["#snippet"].inner_text()

    def copied(self) -> str:
        """What is in the clipboard after the button was pressed."""
        self["#copy"].click()
        expect(self["#copy"]).to_have_text("Copied")
        text: str = self.page.evaluate("navigator.clipboard.readText()")
        return text

    def pictures_asked_for(self) -> list[str]:
        """The URLs of pictures that may be made for the request: not permalinks, not `/info`."""
        return [each.url for each in self.asked if re.search(r"//[^/]+/\?", each.url)]

    def violations(self) -> list[str]:
        """What axe finds in the page as it is now."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run()")
        return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found["violations"]]
