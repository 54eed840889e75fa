"""The description as it is served, and the service held to it by a program that reads it: schemathesis."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faces.openapi.conftest import API_KEY
from tests.support.browser import chromium
from tests.support.service import Promptcdn, environment

CONFIGURATION = Path(__file__).parent / "schemathesis.toml"


def test_the_service_answers_as_it_is_described(service: Promptcdn, tmp_path: Path) -> None:
    """No 5xx but what is told who waits no longer; no status, header or type of content that the description lacks."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", CONFIGURATION),
            *("run", f"{service.url}/openapi.json", "--url", service.url, "--max-examples", "40", "--seed", "1"),
            *("--no-color", "--header", f"Authorization: Bearer {API_KEY}"),
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


# Headers that say nothing of the interface: of messages, of browsers' rules, and of the connection.
NOT_DESCRIBED = {
    *("connection", "content-length", "content-type", "date", "server", "content-security-policy"),
    *("x-content-type-options", "cross-origin-resource-policy", "timing-allow-origin"),
    *("access-control-allow-origin", "access-control-expose-headers"),
}
CAMO = {"user-agent": "github-camo", "accept": "image/*"}
GUARDED = {"PROMPTCDN_ADMIN_TOKEN": "canary-of-the-operator", "PROMPTCDN_SIZE": "256x256"}
OPERATOR = {"authorization": "Bearer canary-of-the-operator"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("guarded"), **GUARDED) as running:
        running.get("/?prompt=a&seed=1")
        yield running


@pytest.mark.parametrize(
    ("path", "target", "headers"),
    [
        ("/", "/?prompt=a&seed=1", {}),
        ("/", "/?prompt=a&seed=1", {"if-none-match": "*"}),
        ("/", "/?prompt=a&seed=1&format=auto", {}),
        ("/", "/?prompt=a&seed=1&format=auto", {"if-none-match": "*"}),
        ("/", "/?prompt=a&seed=day", {}),
        ("/", "/?prompt=a&steps=0", {}),
        ("/", "/?prompt=a&steps=0", CAMO),
        ("/i.png", "/i.png?prompt=a&seed=1", {}),
        ("/prompt/{prompt}", "/prompt/a?seed=1", {}),
        ("/i/{key}", f"/i/{'0' * 64}", {}),
        ("/info", "/info?prompt=a&seed=1", {}),
        ("/info", f"/info?prompt=a&init={'0' * 64}", {}),
        ("/metrics", "/metrics", {}),
        ("/metrics", "/metrics", OPERATOR),
        ("/docs", "/docs", {"if-none-match": "*"}),
        *((path, path, {}) for path in ("/docs", "/openapi.json", "/healthz", "/readyz", "/robots.txt")),
    ],
)
def test_each_header_of_an_answer_is_described(
    guarded: Promptcdn, path: str, target: str, headers: dict[str, str]
) -> None:
    operations = guarded.get("/openapi.json").json()["paths"]
    answer = guarded.get(target, **headers)

    described = operations[path]["get"]["responses"][str(answer.status_code)]
    assert answer.headers.keys() - NOT_DESCRIBED <= {name.lower() for name in described["headers"]}


def test_the_headers_of_a_takedown_are_described(guarded: Promptcdn) -> None:
    key = guarded.get("/info?prompt=b&seed=1").json()["content_key"]
    described = guarded.get("/openapi.json").json()["paths"]["/i/{key}"]["delete"]["responses"]

    answers = [guarded.client.delete(f"/i/{key}", headers=sent) for sent in ({}, OPERATOR)]
    answers.append(guarded.get(f"/i/{key}"))

    assert [answer.status_code for answer in answers] == [401, 204, 410]
    for answer in answers[:2]:
        told = {name.lower() for name in described[str(answer.status_code)]["headers"]}
        assert answer.headers.keys() - NOT_DESCRIBED <= told


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
