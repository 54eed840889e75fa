"""The description as it is served, and the service held to it by a program that reads it: schemathesis."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.browser import chromium
from tests.support.service import Promptcdn, environment

CONFIGURATION = Path(__file__).parent / "schemathesis.toml"


def test_the_service_answers_as_it_is_described(service: Promptcdn, tmp_path: Path) -> None:
    """No 5xx but what is told who waits no longer; no status, header or type of content that the description lacks."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", CONFIGURATION),
            *("run", f"{service.url}/openapi.json", "--max-examples", "40", "--seed", "1", "--no-color"),
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 0, ended.stdout
    paths = service.get("/openapi.json").json()["paths"]
    del paths["/openapi.json"]  # schemathesis leaves out what it reads the description from
    assert re.search(rf"Tested: +{sum(map(len, paths.values()))}\n", ended.stdout), "an operation was left out"


@pytest.mark.parametrize(("path", "kind"), [("/openapi.json", "application/json"), ("/docs", "text/html")])
def test_caches_keep_a_description_for_minutes(service: Promptcdn, path: str, kind: str) -> None:
    found = service.get(path)
    again = service.get(path, **{"If-None-Match": found.headers["etag"]})

    assert found.headers["content-type"].startswith(kind)
    assert found.headers["cache-control"] == "public, max-age=300"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", found.headers["etag"])


def test_the_page_has_its_style_and_asks_nobody_for_anything(service: Promptcdn) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{service.url}/docs")

        assert asked == [f"{service.url}/docs"]
        assert said == [], "the policy of the page forbids its own style"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("getComputedStyle(document.querySelector('ul.names')).display") == "flex"
        assert page.locator("dt#parameter-prompt").is_visible()
        assert page.locator("dt#problem-budget_spent").is_visible()
