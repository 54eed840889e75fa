"""`promptcdn purge`, `info` and `sign` on permalinks, and what a purge prints."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_tools import promptcdn
from tests.support.service import Promptcdn
from tests.support.waiting import until

URL = "/?prompt=a+cat&seed=7&width=256&height=256"
HEARD = "Running services on this store hear of it within 5 s."
GONE = "; its bytes were deleted, so the next view makes (and pays for) the same request again"
CACHES = "https://pictures.example/i/"
SETTINGS = {"PROMPTCDN_PUBLIC_URL": "https://pictures.example", "PROMPTCDN_ADMIN_TOKEN": "canary-of-the-operator"}


@pytest.fixture
def key(tmp_path: Path) -> str:
    """The content key of the one picture that is stored in the folder."""
    with Promptcdn(tmp_path) as service:
        service.get(URL)
        found: str = service.get("/info" + URL[1:]).json()["content_key"]
    return found


def purge(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return promptcdn(folder, "purge", *words, **SETTINGS)


def permalinks(key: str) -> list[str]:
    return [f"/i/{key}", f"/i/{key}.png?w=64", f"https://pictures.example/i/{key}.webp", f"https://h/behind/i/{key}"]


def test_a_permalink_is_purged_as_its_picture_is(tmp_path: Path, key: str) -> None:
    for url in permalinks(key):
        ended = purge(tmp_path, url, "--dry-run")
        assert (ended.returncode, ended.stdout.splitlines()[0]) == (0, f"{key}: would delete 2 objects")

    assert purge(tmp_path, permalinks(key)[2]).stdout.startswith(f"{key}: deleted 2 objects\n")


def test_a_permalink_has_no_binding(tmp_path: Path, key: str) -> None:
    ended = purge(tmp_path, f"/i/{key}", "--rebind")

    assert (ended.returncode, "permalinks have no binding" in ended.stderr) == (2, True)


def test_info_of_a_permalink_says_what_is_stored_of_it(tmp_path: Path, key: str) -> None:
    for url in permalinks(key):
        known = json.loads(promptcdn(tmp_path, "info", url, "--json", **SETTINGS).stdout)
        assert (known["state"], known["content_key"], known["permalink"]) == ("stored", key, f"/i/{key}")
        assert known["resolved"]["prompt"] == "a cat"

    assert "prompt=a cat" in promptcdn(tmp_path, "info", f"/i/{key}").stdout
    assert promptcdn(tmp_path, "info", f"/i/{'0' * 64}").stdout.startswith("state        absent\n")
    purge(tmp_path, key, "--takedown", "--reason", "a test")
    assert promptcdn(tmp_path, "info", f"/i/{key}").stdout.startswith("state        removed\n")


def test_sign_says_that_a_permalink_needs_no_signature(tmp_path: Path) -> None:
    url = f"https://pictures.example/i/{'0' * 64}.png"

    ended = promptcdn(tmp_path, "sign", url, PROMPTCDN_SIGNING_KEYS="k1:a-secret-of-some-length")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"promptcdn: {url}: a permalink needs no signature")


def test_a_dry_run_says_what_would_be_done(tmp_path: Path, key: str) -> None:
    bare = purge(tmp_path, URL, "--dry-run").stdout
    takedown = purge(tmp_path, URL, "--takedown", "--reason", "a test", "--dry-run").stdout
    undo = purge(tmp_path, URL, "--undo", "--dry-run")

    assert bare.startswith(f"{key}: would delete 2 objects\n")
    assert takedown.startswith(f"{key}: would be taken down, and 2 objects deleted\n")
    for printed in (bare, takedown):
        assert HEARD not in printed
        assert "Caches in front would have to be purged, too:" in printed
    assert (undo.returncode, undo.stdout) == (1, f"{key}: it is not taken down, so there is nothing to undo\n")
    assert promptcdn(tmp_path, "info", URL).stdout.startswith("state        stored\n")


def test_a_picture_that_can_be_made_again_needs_no_word(tmp_path: Path, key: str) -> None:
    told = purge(tmp_path, key, "--json")

    assert [one["irreplaceable"] for one in json.loads(told.stdout)["pictures"]] == [""]


def test_one_object_is_one_object(tmp_path: Path, key: str) -> None:
    next((tmp_path / "data" / "store" / "renditions").glob("*/*/*")).unlink()

    assert purge(tmp_path, URL).stdout.startswith(f"{key}: deleted 1 object\n")


def test_a_purge_of_nothing_tells_nobody(tmp_path: Path, key: str) -> None:
    first, second = purge(tmp_path, URL).stdout, purge(tmp_path, URL).stdout

    assert HEARD in first
    assert second.startswith(f"{key}: nothing of it is stored\n")
    assert HEARD not in second
    assert "Caches in front may still have it" in second
    assert CACHES in second


def test_what_was_never_taken_down_is_not_put_back(tmp_path: Path, key: str) -> None:
    ended = purge(tmp_path, URL, "--undo")

    assert (ended.returncode, ended.stdout) == (1, f"{key}: it is not taken down, so there is nothing to undo\n")


def test_a_purge_says_that_the_picture_stays_taken_down(tmp_path: Path, key: str) -> None:
    purge(tmp_path, URL, "--takedown", "--reason", "a test")

    rebound = purge(tmp_path, URL, "--rebind")

    assert rebound.stdout.startswith(f"{key}: deleted 1 object\n")
    assert "it was taken down before and stays so (410): promptcdn purge --undo" in rebound.stdout
    dry = purge(tmp_path, URL, "--undo", "--dry-run")
    assert (dry.returncode, dry.stdout.splitlines()[0]) == (
        0,
        f"{key}: would no longer be taken down{GONE}",
    )
    undone = purge(tmp_path, URL, "--undo")
    assert (undone.returncode, undone.stdout.splitlines()[0]) == (0, f"{key}: no longer taken down{GONE}")


@pytest.mark.parametrize("text", ["xyz", "https://example.com/", "/i/abc", "/about.html", "/?seed=7"])
def test_what_is_no_picture_is_told_so(tmp_path: Path, text: str) -> None:
    """What names no picture is told so."""
    purged, known = purge(tmp_path, text), promptcdn(tmp_path, "info", text)

    assert [ended.returncode for ended in (purged, known)] == [2, 2]
    either = "a content key (64 hex digits), a permalink nor a URL with prompt="
    assert purged.stderr == f"promptcdn: {text}: this is neither {either}\n"
    assert known.stderr == (
        f"promptcdn: {text}: this is neither a permalink (/i/ and 64 hex digits) nor a URL with prompt=\n"
    )


def test_a_prompt_that_is_empty_is_still_told_to_be_missing(tmp_path: Path) -> None:
    for text in ("/?prompt=&seed=7", "/prompt/"):
        assert 'prompt="": the parameter is missing' in purge(tmp_path, text).stderr
    assert "did you mean prompt?" in purge(tmp_path, "/?promt=a").stderr
    assert "allowed:" not in purge(tmp_path, "/?promt=a").stderr


def test_a_pool_without_its_origin_is_purged_and_told_of(tmp_path: Path, key: str) -> None:
    url, takedown = f"/?prompt=a+dog&init={key}", ("--takedown", "--reason", "a test")
    with Promptcdn(tmp_path) as service:
        service.get(url)
        assert purge(tmp_path, key, *takedown).returncode == 0
        until(lambda: service.get(URL).status_code == 410)

        known = service.get("/info" + url[1:]).json()
        assert known["state"] == "stored"
        assert {each["state"] for each in known["pool"]} == {"stored"}
        assert known["notes"][-1].startswith(f'no more pictures of this URL can be made: init="{key}"')

        assert purge(tmp_path, url, *takedown).returncode == 0
        until(lambda: service.get(url).status_code == 410)
