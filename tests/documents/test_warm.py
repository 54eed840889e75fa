"""Documents warmed with the settings and the store of a service: every picture in them once, and said before."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from promptcdn.cli.documents.paying import Price, Totals
from promptcdn.cli.documents.warm import _way
from promptcdn.settings import load
from tests.documents.warming import DOCUMENTS, PUBLIC, URLS, here, warm, warm_until, write
from tests.support.service import PROMPTCDN, Promptcdn
from tests.upstream import Upstream

PICTURE = """
<picture>
  <source media="(prefers-color-scheme: dark)"
          srcset="{b}/?prompt=night&seed=1&w=320 1x, {b}/?prompt=night&seed=1&w=640 2x">
  <img alt="Day" src="{b}/?prompt=day&seed=1&format=auto">
</picture>

![Day again](  {b}/?seed=1&prompt=day&dpr=2&w=160#gh-light-mode-only )
[The night]({b}/?prompt=night&seed=001)
"""


def test_documents_of_five_kinds_are_warmed_and_paid_once(tmp_path: Path, upstream: Upstream) -> None:
    site, variables = write(tmp_path), here(tmp_path, STABILITY_HOST=upstream.url)

    first = warm(site, variables, "--yes", "--json", "docs/", "README.md", "*.ipynb")
    assert (first.returncode, json.loads(first.stdout)) == (0, {"pictures": 5, "made": 5}), first.stderr
    assert first.stderr.splitlines() == [
        f"with the settings of this machine: stability, store disk:{tmp_path}/data/store",
        "5 pictures: 0 stored, 5 to be made by stability/any: 5 credits",
    ]
    again = warm(site, variables, "--json")  # the whole folder; nothing is paid for, so that nobody need agree
    assert (again.returncode, json.loads(again.stdout)) == (0, {"pictures": 5, "there": 5})
    assert len(upstream.ledger.calls()) == 5

    shown = {"STABILITY_HOST": upstream.url, "PROMPTCDN_MISSES": "closed"}
    with Promptcdn(tmp_path, **{"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "any"} | shown) as service:
        assert {service.get(url).status_code for url in URLS} == {200}


def test_each_file_that_documents_show_is_made(tmp_path: Path, upstream: Upstream) -> None:
    """Dark and light, each width and each format that `auto` may be; a picture is paid for once, and said once."""
    site = write(tmp_path, {"README.md": PICTURE})
    variables = here(tmp_path, STABILITY_HOST=upstream.url)

    ended = warm(site, variables, "--yes", "--json")

    assert json.loads(ended.stdout) == {"pictures": 2, "made": 2}, ended.stderr
    assert ended.stderr.splitlines()[1] == "2 pictures: 0 stored, 2 to be made by stability/any: 2 credits"
    assert sorted(call.prompts[0][0] for call in upstream.ledger.calls()) == ["day", "night"]
    files = [path.name.partition(".")[2] for path in (tmp_path / "data" / "store" / "renditions").rglob("*.*")]
    assert sorted(files) == ["320x320.webp", "320x320.webp", "avif", "jpeg", "webp", "webp"]  # PNG is the master


def test_in_a_script_nothing_is_paid_for_unasked(tmp_path: Path, upstream: Upstream) -> None:
    site, variables = write(tmp_path), here(tmp_path, STABILITY_HOST=upstream.url)

    ended = warm(site, variables, "README.md")

    assert (ended.returncode, ended.stdout) == (2, "")
    *_, last = ended.stderr.splitlines()
    assert last == "promptcdn: 1 picture would cost 1 credit, and nothing was paid: --yes agrees to that"
    assert upstream.ledger.calls() == []


def test_a_list_says_its_cost_and_is_made_unasked(tmp_path: Path, upstream: Upstream) -> None:
    site, variables = write(tmp_path, {"list.txt": "a cat\na dog"}), here(tmp_path, STABILITY_HOST=upstream.url)

    ended = warm(site, variables, "list.txt")

    assert (ended.returncode, ended.stdout) == (0, "2 pictures: 2 made\n")
    assert ended.stderr.splitlines()[1] == "2 pictures: 0 stored, 2 to be made by stability/any: 2 credits"
    assert len(upstream.ledger.calls()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize(("answer", "code", "paid"), [("y\n", 0, 5), ("n\n", 2, 0)])
def test_on_a_terminal_somebody_is_asked(tmp_path: Path, upstream: Upstream, answer: str, code: int, paid: int) -> None:
    """And a bar tells how many of the new pictures are made, out of all."""
    site, variables = write(tmp_path), here(tmp_path, STABILITY_HOST=upstream.url, TERM="xterm", COLUMNS="100")
    terminal, program = pty.openpty()
    with subprocess.Popen([PROMPTCDN, "warm"], cwd=site, env=variables, stdin=program, stdout=program, stderr=program):
        os.close(program)
        said = _read(terminal, "Pay for them? [y/N]: ")
        os.write(terminal, answer.encode())
        said += _read(terminal)
    os.close(terminal)

    assert "5 pictures: 0 stored, 5 to be made by stability/any: 5 credits" in said
    assert len(upstream.ledger.calls()) == paid
    assert ("new pictures" in said and "5/5" in said) == bool(paid)
    assert ("5 pictures: 5 made" in said, "promptcdn: nothing was paid" in said) == (code == 0, code == 2)


def _read(terminal: int, end: str = "\0") -> str:
    """What a program writes to a terminal, up to `end` or its own."""
    said = ""
    while end not in said:
        try:
            read = os.read(terminal, 4096)
        except OSError:  # Linux's word for the end
            break
        if not read:
            break
        said += read.decode(errors="replace")
    return said


def test_a_dry_run_says_all_and_makes_nothing(tmp_path: Path, upstream: Upstream) -> None:
    site, variables = write(tmp_path), here(tmp_path, STABILITY_HOST=upstream.url)

    said = warm(site, variables, "--dry-run", "README.md", "docs")
    assert (said.returncode, said.stdout.splitlines()) == (
        0,
        [
            "README.md:1:10: /?prompt=a+cat&seed=7: 1 credit",
            "docs/guide.adoc:1:8: /?prompt=a+hen&seed=7: 1 credit",
            "docs/index.rst:1:12: /?prompt=a+cow&seed=7: 1 credit",
            "docs/page.html:1:11: /?prompt=a+dog&seed=7: 1 credit",
            "4 pictures: 0 stored, 4 to be made by stability/any: 4 credits",
        ],
    )
    as_json = json.loads(warm(site, variables, "--dry-run", "--json", "--limit", "1", "docs").stdout)
    assert as_json == {
        "pictures": 3,
        "stored": 0,
        "new": 1,
        "credits": 1.0,
        "refused": 0,
        "later": 2,
        "under_way": 0,
        "makers": {"stability/any": {"pictures": 1, "credits": 1.0}},
        "urls": [{"place": "docs/guide.adoc:1:8", "url": "/?prompt=a+hen&seed=7"}],
    }
    assert upstream.ledger.calls() == []
    assert not (tmp_path / "data").exists()


def test_a_limit_leaves_the_others_for_later(tmp_path: Path, upstream: Upstream) -> None:
    site, variables = write(tmp_path), here(tmp_path, STABILITY_HOST=upstream.url)

    first = warm(site, variables, "--yes", "--limit", "2")
    assert (first.returncode, first.stdout) == (0, "5 pictures: 3 later, 2 made\n")
    assert "5 pictures: 0 stored, 3 left for later, 2 to be made by stability/any: 2 credits" in first.stderr
    rest = warm(site, variables, "--yes", "--json")
    assert json.loads(rest.stdout) == {"pictures": 5, "there": 2, "made": 3}
    assert len(upstream.ledger.calls()) == 5


def test_what_fails_is_told_with_its_place(tmp_path: Path, upstream: Upstream) -> None:
    documents = {
        "a.md": "# A\n\n![x]({b}/?prompt=fault:filter&seed=7) ![y]({b}/?prompt=a&sede=7)\n",
        "b.md": "![y]({b}/?prompt=a&sede=7)\n![z]({b}/?prompt=fine&seed=7.png)\n[gone]({b}/i/" + "a" * 64 + ")\n",
    }
    site, variables = write(tmp_path, documents), here(tmp_path, STABILITY_HOST=upstream.url)

    ended = warm(site, variables, "--yes", "--json")

    assert ended.returncode == 1
    assert json.loads(ended.stdout) == {"pictures": 4, "bad_parameter": 1, "not_found": 1, "filtered": 1, "made": 1}
    _, wrong, note, gone, _, filtered = ended.stderr.splitlines()
    assert wrong == 'a.md:3:69: also at b.md:1:6: sede="7": unknown parameter (did you mean seed?)'
    assert note.startswith('note: b.md:2:6: this may be a mistake: the seed "7.png"')
    assert gone == "b.md:3:8: no picture of this content key is stored"
    assert filtered.startswith("a.md:3:6: ")


def test_beside_documents_no_other_file_is_a_list(tmp_path: Path, upstream: Upstream) -> None:
    """A shell makes `docs/*` of every name in it: each line of a style sheet would be a prompt that is paid for."""
    site = write(tmp_path, {**DOCUMENTS, "docs/style.css": "body {\n  color: red\n}\n"})
    variables = here(tmp_path, STABILITY_HOST=upstream.url)

    ended = warm(site, variables, "--yes", "--json", *(f"docs/{path.name}" for path in (site / "docs").iterdir()))

    assert (ended.returncode, json.loads(ended.stdout)) == (1, {"pictures": 3, "made": 3})
    assert "docs/style.css: this is no document" in ended.stderr


def test_standard_input_is_a_list_or_a_document(tmp_path: Path) -> None:
    site, variables = write(tmp_path, {}), here(tmp_path, PROMPTCDN_ENGINE="", PROMPTCDN_PRICES="")
    site.mkdir()
    document = DOCUMENTS["README.md"].replace("{b}", PUBLIC)

    as_document = warm(site, variables, "-", "--stdin-filename", "x.md", "--json", given=document)
    assert (as_document.returncode, json.loads(as_document.stdout)) == (0, {"pictures": 1, "made": 1})
    as_list = warm(site, variables, "-", "--json", given="a cat\n/?prompt=a+cat&seed=7")
    assert json.loads(as_list.stdout) == {"pictures": 2, "there": 1, "made": 1}
    assert warm(site, variables, "-", "README.md").returncode == 2
    assert warm(site, variables, "-", "--seed", "7", "--stdin-filename", "x.md").returncode == 2


def test_a_url_without_a_seed_costs_once_in_all_runs(tmp_path: Path, upstream: Upstream) -> None:
    """Also where the filter refuses the first picture of its pool: another one is shown, then."""
    site = write(tmp_path, {"README.md": "![x]({b}/?prompt=any) ![y]({b}/?prompt=now&seed=month)"})
    variables = here(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_CONCURRENCY=1)
    upstream.script("filter")

    outcomes = [json.loads(warm(site, variables, "--yes", "--json").stdout) for _ in range(3)]

    assert [each.get("filtered", 0) for each in outcomes] == [1, 0, 0]
    assert outcomes[2] == {"pictures": 2, "there": 2}
    assert len(upstream.ledger.calls()) == 3


def test_a_picture_and_what_is_made_from_it_may_be_new(tmp_path: Path) -> None:
    """The picture that another is made from may stand behind it, or in another document."""
    site, variables = write(tmp_path, {"z.md": "![x]({b}/?prompt=first&seed=1)"}), here(tmp_path)
    sketch = {name: value for name, value in variables.items() if name not in ("PROMPTCDN_ENGINE", "PROMPTCDN_PRICES")}
    asked = subprocess.run(
        [PROMPTCDN, "info", "/?prompt=first&seed=1", "--json"], env=sketch, cwd=site, capture_output=True, text=True
    )
    key = json.loads(asked.stdout)["content_key"]
    write(tmp_path, {"a.md": f"![y]({{b}}/?prompt=second&seed=1&init={key}&strength=0.5)"})

    ended = warm(site, sketch, "--json")

    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"pictures": 2, "made": 2}), ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_200_urls_are_resumed_after_a_stop_or_a_kill(tmp_path: Path, upstream: Upstream, name: str) -> None:
    """After a signal to stop each picture is paid for once; after a kill, all but those that were being made."""
    text = "\n".join(f"![x]({{b}}/?prompt=picture+{number}&seed=7&w=64)" for number in range(200))
    site = write(tmp_path, {"README.md": text})
    variables = here(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_CONCURRENCY=4)
    stopped = warm_until(name, 20, site, variables, upstream)
    upstream.wait_until_idle()
    before = len(upstream.ledger.calls())
    assert before < 200
    if name == "SIGTERM":
        outcomes = json.loads(stopped.stdout)
        assert (stopped.returncode, outcomes["made"], outcomes["left"]) == (1, before, 200 - before)

    rest = warm(site, variables, "--yes", "--json")
    assert (rest.returncode, json.loads(rest.stdout)["pictures"]) == (0, 200), rest.stderr
    lost = 0 if name == "SIGTERM" else 4
    assert 200 <= len(upstream.ledger.calls()) <= 200 + lost


OPERATORS = ["STABILITY_KEY", "STABILITY_HOST", "A1111_URL", "PROMPTCDN_STORE", "PROMPTCDN_DATA_DIR"]
VALUES = {
    "STABILITY_HOST": "grpc://127.0.0.1:1",
    "A1111_URL": "http://127.0.0.1:1",
    "PROMPTCDN_STORE": "disk:x",
    "PROMPTCDN_GENERATOR": "sketch",
    "PROMPTCDN_REDIS_URL": "redis://127.0.0.1:1/0",
}


@pytest.mark.parametrize(
    ("names", "base", "way"),
    [
        ((), None, "with"),
        (("PROMPTCDN_PUBLIC_URL",), None, "through"),
        ((), "https://h.example", "through"),
        (("PROMPTCDN_STORE",), "https://h.example", "through"),
        *((("PROMPTCDN_PUBLIC_URL", name), None, "with") for name in (*OPERATORS, "PROMPTCDN_GENERATOR")),
        (("PROMPTCDN_PUBLIC_URL", "PROMPTCDN_REDIS_URL"), None, "with"),
        # Many machines have these for other programs.
        (("PROMPTCDN_PUBLIC_URL", "OPENAI_API_KEY", "HF_TOKEN", "PORT"), None, "through"),
    ],
)
def test_authors_ask_the_service_and_operators_make(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: tuple[str, ...], base: str | None, way: str
) -> None:
    for name in [name for name in os.environ if name.startswith(("PROMPTCDN_", "STABILITY_", "A1111_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    for name in names:
        monkeypatch.setenv(name, VALUES.get(name, PUBLIC if name == "PROMPTCDN_PUBLIC_URL" else "8000"))
    monkeypatch.chdir(tmp_path)

    assert _way(base, load(), dry_run=True).name.startswith(way)


TOTALS = [
    ((1, []), "1 picture: 1 stored, 0 to be made: 0 credits"),
    ((0, [Price("k", "a/b", 900)] * 2), "1 picture: 0 stored, 1 to be made by a/b: 0.9 credits"),
    (
        (2, [Price("k", "a/b", 900), Price("l", "c/d", 100)], 1, 3, 1),
        "9 pictures: 2 stored, 1 being made, 1 refused, 3 left for later, 2 to be made (1 by a/b, 1 by c/d): 1 credit",
    ),
    (
        (0, [Price("k", "a/b", 2000), Price(None, "", None)]),
        "2 pictures: 0 stored, 2 to be made by a/b: 2 credits,"
        " and 1 whose price depends on pictures that are not made yet",
    ),
]


@pytest.mark.parametrize(("counts", "said"), TOTALS)
def test_totals_are_said_in_a_line(counts: tuple[int, list[Price]], said: str) -> None:
    assert str(Totals.of(*counts)) == said
