"""`promptcdn pin`: the seed that readers see, and no other byte."""

import json
import subprocess

import pytest

from promptcdn.markdown.pin import chosen_seed
from tests.documents.conftest import ADMIN
from tests.documents.tree import Tree
from tests.support.ports import free_port
from tests.support.service import Promptcdn

KEYS = {"PROMPTCDN_SIGNING_KEYS": "a:0123456789abcdef0123456789abcdef"}


def pool(service: Promptcdn, target: str) -> list[str]:
    """The seeds of a URL without one."""
    return [str(variant["seed"]) for variant in service.get(f"/info{target}").json()["pool"]]


def test_pin_writes_a_seed_whose_picture_readers_see(tree: Tree, service: Promptcdn) -> None:
    seeds = pool(service, "/?prompt=seen")
    service.get(f"/?prompt=seen&seed={seeds[3]}")
    tree.write("README.md", "![a]({b}/?prompt=seen&w=64) [b](<{b}/prompt/seen>)")

    ended = tree.run("pin")

    assert (ended.exit_code, ended.stdout) == (0, "seeds were written into 2 URLs in 1 file\n")
    assert (
        tree.read("README.md")
        == f"![a]({{b}}/?prompt=seen&w=64&seed={seeds[3]}) [b](<{{b}}/prompt/seen?seed={seeds[3]}>)"
    )
    assert "seed=" + seeds[3] in service.get("/?prompt=seen").headers["content-location"]


def test_a_picture_that_is_not_made_is_told_and_not_made(tree: Tree, service: Promptcdn) -> None:
    tree.write("README.md", "![a]({b}/?prompt=unmade)")

    ended = tree.run("pin")

    first = pool(service, "/?prompt=unmade")[0]
    assert ended.exit_code == 0
    assert "1 of these pictures is not made yet: promptcdn warm makes them" in ended.stderr
    assert tree.read("README.md") == f"![a]({{b}}/?prompt=unmade&seed={first})"
    assert service.get(f"/info?prompt=unmade&seed={first}").json()["state"] == "absent"


def test_a_seed_whose_picture_was_taken_down_is_not_written(tree: Tree, service: Promptcdn) -> None:
    first, second, *_ = pool(service, "/?prompt=removed")
    permalink = service.get(f"/?prompt=removed&seed={first}").headers["link"].partition("<")[2].partition(">")[0]
    deleted = service.client.delete(permalink.partition(".")[0], headers={"authorization": f"Bearer {ADMIN}"})
    assert deleted.status_code == 204
    tree.write("README.md", "![a]({b}/?prompt=removed)")

    tree.run("pin")

    assert tree.read("README.md") == f"![a]({{b}}/?prompt=removed&seed={second})"


@pytest.mark.parametrize(
    ("states", "seed"),
    [
        (["blocked", "absent", "stored"], 2),
        (["absent", "generating"], 1),
        (["removed", "blocked", "absent"], 2),
        (["removed", "blocked"], None),
        ([], None),
    ],
)
def test_the_seed_is_one_that_may_be_shown(states: list[str], seed: int | None) -> None:
    drawn = chosen_seed({"pool": [{"seed": number, "state": state} for number, state in enumerate(states)]})

    assert (drawn and drawn.number) == seed


def test_a_given_seed_needs_no_service(tree: Tree) -> None:
    tree.base = f"http://127.0.0.1:{free_port()}"
    tree.write("README.md", "![a]({b}/?prompt=a) ![b]({b}/?prompt=b&seed=random#c)")

    assert tree.run("pin", "--seed", "7").exit_code == 0

    assert tree.read("README.md") == "![a]({b}/?prompt=a&seed=7) ![b]({b}/?prompt=b&seed=7#c)"


@pytest.mark.parametrize(
    "words", [("--seed", "4294967296"), ("--seed", "-1"), ("--seed", "x"), ("--seed", "7", "--unpin")]
)
def test_a_seed_that_is_none_is_wrong_use(tree: Tree, words: tuple[str, ...]) -> None:
    ended = tree.run("pin", *words)

    assert ended.exit_code == 2
    assert "--seed" in ended.stderr


def test_unpin_takes_out_what_pin_wrote(tree: Tree) -> None:
    text = "\ufeff![a]({b}/?prompt=a&w=64)\r\n<img src='{b}/prompt/a%20b'>\r\n![c]({b}/?prompt=c&seed=day)\r\n"
    path = tree.write("README.md", text)
    before = path.read_bytes()
    tree.run("pin")
    assert path.read_bytes() != before

    assert tree.run("pin", "--unpin").exit_code == 0

    assert path.read_bytes() == before


def test_pin_twice_is_pin_once(tree: Tree) -> None:
    tree.write("README.md", "![a]({b}/?prompt=twice)")
    tree.run("pin")
    before = tree.files()

    ended = tree.run("pin")

    assert (ended.exit_code, ended.stdout) == (0, "seeds were written into 0 URLs in 0 files\n")
    assert tree.files() == before


def test_calendar_seeds_words_and_other_hosts_stay(tree: Tree) -> None:
    text = "".join(f"![a]({{b}}/?prompt=a&seed={seed})\n" for seed in ("hour", "day", "week", "month", "octocat", "7"))
    text += "![a](https://elsewhere.example/?prompt=a)\n"
    tree.write("README.md", text)

    tree.run("pin")

    assert tree.read("README.md") == text


def test_a_signed_url_is_signed_anew(tree: Tree) -> None:
    signed = tree.run("sign", f"{tree.base}/?prompt=signed", settings=KEYS).stdout.strip()
    tree.write("README.md", f"![a]({signed})")

    ended = tree.run("pin", "--seed", "7", settings=KEYS)

    assert ended.exit_code == 0
    again = tree.run("sign", f"{tree.base}/?prompt=signed&seed=7", settings=KEYS).stdout.strip()
    parameters = [set(url.partition("?")[2].split("&")) for url in (tree.read("README.md")[5:-1], again)]
    assert parameters[0] == parameters[1]


def test_a_signed_url_without_its_key_is_told_and_stays(tree: Tree) -> None:
    signed = tree.run("sign", f"{tree.base}/?prompt=signed", settings=KEYS).stdout.strip()
    path = tree.write("README.md", f"\n![a]({signed}) ![b]({{b}}/?prompt=b)")

    ended = tree.run("pin", "--seed", "7")

    assert ended.exit_code == 1
    assert "README.md:2:6: the URL is signed for the seed it has: set PROMPTCDN_SIGNING_KEYS" in ended.stderr
    assert path.read_text() == f"\n![a]({signed}) ![b]({tree.base}/?prompt=b&seed=7)"


def test_standard_input_comes_out_with_seeds(tree: Tree) -> None:
    text = "\ufeff![a]({b}/?prompt=a)\r\nb\r.. image:: {b}/?prompt=a\r\n".replace("{b}", tree.base)

    markdown = tree.run("pin", "-", "--seed", "7", given=text.encode())
    rst = tree.run("pin", "-", "--seed", "7", "--stdin-filename", "a.rst", given=text.encode())

    assert markdown.stdout_bytes.decode() == text.replace("?prompt=a)", "?prompt=a&seed=7)").replace(
        "image:: " + tree.base + "/?prompt=a", "image:: " + tree.base + "/?prompt=a&seed=7"
    )
    assert rst.stdout_bytes.decode() == text.replace("a\r\n", "a&seed=7\r\n")


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("--stdin-filename", "a.txt"), b"", "allowed: a name that ends in .md"),
        (("--json",), b"", "--json: leave it out"),
        ((), b"\xff", "line 1 is not UTF-8"),
    ],
)
def test_wrong_standard_input_is_wrong_use(tree: Tree, words: tuple[str, ...], given: bytes, said: str) -> None:
    ended = tree.run("pin", "-", "--seed", "7", *words, given=given)

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr


NAMES = ["README.md", "a b/c d.md", "a\nb.md", 'a"b\\c.md', "é🦊.md", "tab\there.md", "caf\udce9.md"]


@pytest.mark.parametrize("command", ["patch", "git"])
def test_the_diff_of_a_dry_run_is_taken_by_patch(tree: Tree, command: str) -> None:
    for number, name in enumerate(NAMES):
        tree.write(name, f"\ufeffa\r\n\r\n![a]({{b}}/?prompt=a{number})\r\nb\u2028b\rc{'' if number % 2 else chr(10)}")
    before = tree.files()

    dry = tree.run("pin", "--seed", "7", "--dry-run")
    assert dry.exit_code == 0
    assert tree.files() == before
    tree.run("pin", "--seed", "7")
    after = tree.files()
    for name, content in before.items():
        (tree.folder / name).write_bytes(content)

    words = {"patch": ["patch", "-p1", "--binary"], "git": ["git", "apply", "-"]}[command]
    taken = subprocess.run(words, cwd=tree.folder, input=dry.stdout_bytes, capture_output=True)

    assert taken.returncode == 0, taken
    assert tree.files() == after


def test_the_diff_of_standard_input_has_its_name(tree: Tree) -> None:
    given = f"![a]({tree.base}/?prompt=a)\n".encode()

    ended = tree.run("pin", "-", "--seed", "7", "--dry-run", "--stdin-filename", "docs/a.md", given=given)

    assert ended.stdout.startswith("--- a/docs/a.md\n+++ b/docs/a.md\n@@ -1 +1 @@\n-![a](")


def test_json_names_what_was_written_and_nothing_else(tree: Tree) -> None:
    tree.write("a.md", "![a]({b}/?prompt=a)").chmod(0o444)
    tree.write(NAMES[-1], "\n ![a]({b}/?prompt=a)")

    ended = tree.run("pin", "--seed", "7", "--json")

    (url,) = json.loads(ended.stdout)["urls"]
    assert (url["file"].encode("utf-8", "surrogateescape"), url["line"], url["column"]) == (b"caf\xe9.md", 2, 7)
    assert url["new_url"] == f"{tree.base}/?prompt=a&seed=7"
    assert (ended.exit_code, json.loads(ended.stdout)["files"]) == (1, 1)


def test_json_of_a_dry_run_has_the_diff(tree: Tree) -> None:
    tree.write("a.md", "![a]({b}/?prompt=a)")

    members = json.loads(tree.run("pin", "--seed", "7", "--json", "--dry-run").stdout)

    assert members["diff"].startswith("--- a/a.md\n+++ b/a.md\n")


def test_a_service_that_is_down_is_told_once_and_nothing_changes(tree: Tree) -> None:
    tree.base = f"http://127.0.0.1:{free_port()}"
    tree.write("README.md", "![a]({b}/?prompt=a) ![b]({b}/?prompt=b) ![c]({b}/?prompt=c)")
    before = tree.files()

    ended = tree.run("pin")

    assert ended.exit_code == 1
    assert ended.stderr.count("cannot be asked") == 1
    assert tree.files() == before


def test_a_url_that_the_service_refuses_stays(tree: Tree) -> None:
    text = "![a]({b}/?prompt=a&sede=7) ![b]({b}/?prompt=b&seed=1.5) ![c]({b}/i/" + "0" * 64 + ")"
    tree.write("README.md", text)

    assert tree.run("pin", "--seed", "7").exit_code == 0

    assert tree.read("README.md") == text
