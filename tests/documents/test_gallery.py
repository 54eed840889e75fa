"""`promptcdn gallery`: one page with all pictures of a tree, which makes none."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import ALL_LOADED, chromium
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream

SMALL = {"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "any", "PROMPTCDN_BUDGET": "unlimited"}
MADE = ("/?prompt=a+cat&seed=7", "/?prompt=a+dog&seed=7&w=64")
README = """
![A cat]({url}/?prompt=a+cat&seed=7)
![A dog]({url}/?prompt=a+dog&seed=7&w=64) ![Once more]({url}/?prompt=a+cat&seed=7)

![<b>]({url}/?prompt=%3Cb%3E+never+made&seed=octocat)
![Any]({url}/?prompt=a+cow)
"""


@pytest.fixture
def service(tmp_path: Path, upstream: Upstream) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, **SMALL) as running:
        for url in MADE:
            assert running.get(url).status_code == 200
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "README.md").write_text(README.format(url=running.url))
        yield running


def gallery(folder: Path, service: Promptcdn, *words: str) -> subprocess.CompletedProcess[str]:
    variables = environment(PROMPTCDN_PUBLIC_URL=service.url)
    command = [PROMPTCDN, "gallery", "docs", *words]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60)


def test_it_knows_each_picture_and_where_it_stands(tmp_path: Path, service: Promptcdn) -> None:
    ended = gallery(tmp_path, service, "--json")

    assert (ended.returncode, ended.stderr) == (0, "")
    pictures = {each["prompt"]: each for each in json.loads(ended.stdout)}
    assert {prompt: each["state"] for prompt, each in pictures.items()} == {
        "a cat": "stored",
        "a dog": "stored",
        "<b> never made": "absent",
        "a cow": "absent",
    }
    again = README.format(url=service.url).splitlines()[2].rindex("http") + 1
    assert pictures["a cat"]["places"] == ["docs/README.md:2:10", f"docs/README.md:3:{again}"]
    answer = service.get("/?prompt=a+dog&seed=7&w=64")
    assert pictures["a dog"]["size"] == len(answer.content)
    assert pictures["a dog"]["key"] in answer.headers["link"]


def test_whoever_opens_the_page_has_no_picture_made(tmp_path: Path, service: Promptcdn, upstream: Upstream) -> None:
    ended = gallery(tmp_path, service, "--to", "docs/all.html", "--title", "Our <pictures>")

    assert (ended.returncode, ended.stdout) == (0, "docs/all.html: 4 pictures\n")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"file://{tmp_path}/docs/all.html")
        for image in page.locator("img").all():
            image.scroll_into_view_if_needed()
        page.wait_for_function(ALL_LOADED)
        assert page.title() == "Our <pictures>"
        assert (page.locator("figure").count(), page.locator("img").count()) == (4, 2)
        assert page.locator("figure p").all_text_contents()[2] == "<b> never made"
    assert len(upstream.ledger.calls()) == len(MADE)


def test_its_page_is_no_document(tmp_path: Path, service: Promptcdn) -> None:
    """Or the pictures of the page would be among those of the next one."""
    gallery(tmp_path, service, "--to", "docs/all.html")
    before = (tmp_path / "docs" / "all.html").read_bytes()

    gallery(tmp_path, service, "--to", "docs/all.html")

    assert (tmp_path / "docs" / "all.html").read_bytes() == before


def test_without_the_service_it_shows_what_the_lock_file_knows(tmp_path: Path, service: Promptcdn) -> None:
    def run(*words: str) -> None:
        variables = environment(PROMPTCDN_PUBLIC_URL=service.url)
        subprocess.run([PROMPTCDN, *words], cwd=tmp_path, env=variables, capture_output=True, check=False)

    run("lock")
    service.stop()

    ended = gallery(tmp_path, service, "--offline", "--json")

    states = {each["prompt"]: each["state"] for each in json.loads(ended.stdout)}
    assert (states["a cat"], states["a cow"]) == ("locked", "not looked up")
    assert "cannot be asked" in gallery(tmp_path, service).stderr


def test_a_file_that_is_somebodys_own_is_not_overwritten(tmp_path: Path, service: Promptcdn) -> None:
    (tmp_path / "gallery.html").write_text("mine")

    for to in ((), ("--to", "docs/README.md"), ("--to", "docs")):
        ended = gallery(tmp_path, service, *to)

        assert ended.returncode == 2, ended.stderr
        assert ended.stderr.startswith("promptcdn: --to")
    assert (tmp_path / "gallery.html").read_text() == "mine"
    assert (tmp_path / "docs/README.md").read_text() == README.format(url=service.url)
    (tmp_path / "gallery.html").unlink()
    assert [gallery(tmp_path, service).returncode for _ in range(2)] == [0, 0]


def test_names_that_are_no_utf8_are_shown(tmp_path: Path, service: Promptcdn) -> None:
    (tmp_path / "docs" / "caf\udce9.md").write_text(f"![A cat]({service.url}{MADE[0]})")

    assert gallery(tmp_path, service).returncode == 0
    assert json.loads(gallery(tmp_path, service, "--json").stdout)
    assert "caf\\udce9.md:1:10" in (tmp_path / "gallery.html").read_text()


def test_a_page_is_written_into_a_new_folder_and_over_no_folder(tmp_path: Path, service: Promptcdn) -> None:
    made, refused = gallery(tmp_path, service, "--to", "new/g.html"), gallery(tmp_path, service, "--to", "new")

    assert (made.returncode, made.stdout) == (0, "new/g.html: 4 pictures\n")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == 'promptcdn: --to="new": this is a folder; allowed: a file, like new/gallery.html\n'


def test_a_page_that_is_not_written_is_not_counted(tmp_path: Path, service: Promptcdn) -> None:
    (tmp_path / "file").write_text("")

    ended = gallery(tmp_path, service, "--to", "file/g.html")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("file/g.html: ")
