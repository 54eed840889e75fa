"""What the service sends: the page to a person's browser, the usual 400 to everybody else, and the page's files."""

import json
import re
from pathlib import Path

import pytest

from promptcdn.generators.registry import GENERATORS
from promptcdn.url.parameters import PARAMETERS
from tests.support.service import Promptcdn

CHROMIUM = {
    "accept": "text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36",
    "sec-fetch-dest": "document",
    "sec-fetch-mode": "navigate",
    "sec-fetch-site": "none",
}
# Over http:// to another machine a browser sends no Fetch Metadata.
FIREFOX = {"accept": "text/html,*/*;q=0.8", "user-agent": "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0"}
IMAGE = {**CHROMIUM, "accept": "image/avif,image/*", "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"}
SCRIPT = {**CHROMIUM, "accept": "*/*", "sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}
PREFETCH = {**CHROMIUM, "sec-purpose": "prefetch"}


def files_of(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="(playground/[^"]+)"', page))


@pytest.mark.parametrize("headers", [CHROMIUM, FIREFOX], ids=["Fetch Metadata", "none"])
@pytest.mark.parametrize("url", ["/", "/?", "/?utm_source=chat&fbclid=x", "/?v=2"])
def test_a_persons_browser_gets_the_page(service: Promptcdn, headers: dict[str, str], url: str) -> None:
    answer = service.get(url, **headers)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>One URL is one picture.</h1>" in answer.text


@pytest.mark.parametrize(
    "headers",
    [{}, {"accept": "text/html"}, IMAGE, SCRIPT, PREFETCH, {"user-agent": "github-camo", "via": "camo"}],
    ids=["program", "program that likes HTML", "img", "script", "prefetch", "camo"],
)
def test_everybody_else_is_told_that_prompt_is_missing(service: Promptcdn, headers: dict[str, str]) -> None:
    answer = service.get("/", **headers)

    assert "400" in (str(answer.status_code), answer.headers.get("promptcdn-status"))
    assert answer.headers["cache-control"] == "no-store"
    assert not answer.headers["content-type"].startswith("text/html")
    if answer.headers["content-type"] == "application/problem+json":
        assert answer.json()["parameter"] == "prompt"


def test_with_a_parameter_a_browser_gets_what_it_got_before(service: Promptcdn) -> None:
    assert service.get("/?prompt=a&seed=1", **CHROMIUM).headers["content-type"] == "image/webp"
    assert service.get("/?seed=1", **FIREFOX).json()["parameter"] == "prompt"
    assert service.get("/?sede=1", **FIREFOX).json()["parameter"] == "sede"


def test_below_slashes_too_many_there_is_no_page(service: Promptcdn) -> None:
    """Its links would lead nowhere."""
    assert service.get(f"{service.url}//", **FIREFOX).json()["parameter"] == "prompt"


def test_head_is_as_get_without_the_body(service: Promptcdn) -> None:
    got, head = service.get("/", **CHROMIUM), service.client.head("/", headers=CHROMIUM)

    differ = {"date", "x-request-id", "server-timing"}
    assert {name: head.headers[name] for name in head.headers.keys() - differ} == {
        name: got.headers[name] for name in got.headers.keys() - differ
    }
    assert head.content == b""


def test_the_page_is_asked_for_again_and_found_unchanged(service: Promptcdn) -> None:
    answer = service.get("/", **CHROMIUM)
    again = service.get("/", **CHROMIUM, **{"if-none-match": answer.headers["etag"]})

    assert answer.headers["cache-control"] == "private, no-cache"
    assert {"Accept", "Sec-Fetch-Dest", "Sec-Fetch-Mode"} <= set(answer.headers["vary"].split(", "))
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])


def test_the_pages_files_may_be_kept_for_a_year(service: Promptcdn) -> None:
    files = files_of(service.get("/", **CHROMIUM).text)
    assert {name.rpartition(".")[2] for name in files} == {"css", "js", "svg"}

    for name in files:
        answer = service.get("/" + name)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/playground/0/app.js", "/playground/HASH/page.html", "/playground/HASH/../app.py"])
def test_other_files_than_the_pages_are_not_found(service: Promptcdn, path: str) -> None:
    version = next(iter(files_of(service.get("/", **CHROMIUM).text))).split("/")[1]

    answer = service.get(path.replace("HASH", version))

    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_the_policy_allows_the_pages_own_files_alone(service: Promptcdn) -> None:
    policy = service.get("/", **CHROMIUM).headers["content-security-policy"]

    assert "unsafe" not in policy
    assert {source for rule in policy.split("; ") for source in rule.split(" ")[1:]} == {"'none'", "'self'", "'script'"}
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; "))


def everything(service: Promptcdn) -> dict[str, bytes]:
    """The page and each file that it loads, also by the way of another one."""
    page = service.get("/", **CHROMIUM)
    found, queue = {"/": page.content}, sorted(files_of(page.text))
    while queue:
        name = queue.pop()
        if name not in found:
            found[name] = service.get("/" + name).content
            queue += [
                name.rpartition("/")[0] + "/" + other for other in re.findall(r'from "\./(.*?)"', found[name].decode())
            ]
    return found


def test_page_scripts_and_style_are_less_than_60_kb(service: Promptcdn, tmp_path: Path) -> None:
    names = [each.name for each in GENERATORS if each.name not in ("comfyui", "local")]
    set_up = {
        "A1111_URL": "http://127.0.0.1:9",
        "OPENAI_API_KEY": "canary-1",
        "HF_TOKEN": "canary-2",
        "STABILITY_KEY": "canary-3",
        "PROMPTCDN_WORKER_TOKENS": "box:canary-4-0123456789",
    }
    with Promptcdn(tmp_path, PROMPTCDN_GENERATOR=",".join(names), **set_up) as full:
        loaded = everything(full)

    assert {path.rpartition("/")[2] for path in loaded if path.endswith(".js")} >= {"app.js", "form.js", "snippets.js"}
    assert sum(map(len, loaded.values())) < 60_000
    assert sum(map(len, everything(service).values())) < 60_000
    assert b"canary" not in b"".join(loaded.values())


def test_the_page_is_told_every_parameter_and_engine(service: Promptcdn) -> None:
    page = service.get("/", **CHROMIUM).text
    told = json.loads(re.search(r'id="description">(.*?)</script>', page).group(1))  # type: ignore[union-attr]

    names = {row["name"] for rows in told["parameters"].values() for row in rows}
    assert names == {row.name for row in PARAMETERS}
    assert [engine["name"] for engine in told["engines"]] == ["sketch"]
