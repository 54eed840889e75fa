"""`promptcdn check` by itself: twelve planted faults, what is asked of pictures, and how findings are printed."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from promptcdn.markdown import EXTENSIONS
from tests.support.service import PROMPTCDN, environment

BASE = "https://pics.example.org"
GOOD = f"![a lighthouse]({BASE}/?prompt=a+lighthouse&seed=7)\n"

README = f"""\
# Twelve faults

{GOOD}
![no seed]({BASE}/?prompt=a)
![]({BASE}/?prompt=a&seed=7)
Raw: ![a]({BASE}/?prompt=a lighthouse&seed=7)
![a]({BASE}/?prompt=a+(b&seed=7)

| a | b |
| --- | --- |
| ![a]({BASE}/?prompt=a|b&seed=7) | x |

text <img alt="a" src={BASE}/?prompt=a&seed=7>
> ![a]({BASE}/?prompt=a&seed=7 'title)

1. ![a]({BASE}/?prompt=a&seed=7.png)
2. ![a][label] and `![a]({BASE}/?prompt=code)`
   ![a]({BASE}/?promt=a&seed=7)

<picture><img src="{BASE}/?prompt=a&amp;seed=undefined" alt="a"></picture>
<img alt="a" srcset="{BASE}/?prompt=a b&seed=7 2x">

[label]: {BASE}/?prompt=a&negative_prompt={"x+" * 2000}&seed=7
"""
FAULTS = [
    ("seedless", 5, 12),
    ("missing-alt", 6, 1),
    ("raw-space", 7, 11),
    ("unbalanced-parenthesis", 8, 6),
    ("pipe-in-table", 12, 8),
    ("unquoted-attribute", 14, 23),
    ("not-an-image", 15, 8),
    ("maybe-a-mistake", 17, 9),
    ("bad-url", 19, 9),
    ("maybe-a-mistake", 21, 20),
    ("raw-space", 22, 22),
    ("too-long", 24, 10),
]


def check(
    folder: Path, *words: str, stdin: str | None = None, base: str | None = BASE, **settings: object
) -> subprocess.CompletedProcess[str]:
    """`promptcdn check` in a folder."""
    command = [PROMPTCDN, "check", *words, *(() if base is None else ("--base", base))]
    variables = environment(**settings)
    return subprocess.run(command, cwd=folder, env=variables, input=stdin, capture_output=True, text=True)


def found(folder: Path, *words: str, stdin: str | None = None, **settings: str) -> list[tuple[str, str, int]]:
    """The code, the file and the line of each finding."""
    ended = check(folder, *words, "--json", stdin=stdin, **settings)
    findings = json.loads(ended.stdout)["findings"]
    assert ended.returncode == bool(findings), ended.stderr
    return [(one["code"], one["file"], one["line"]) for one in findings]


def test_twelve_planted_faults_are_twelve_findings(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(README)

    ended = check(tmp_path)

    lines = ended.stdout.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [[f"README.md:{row}:{col}", code] for code, row, col in FAULTS]
    assert all("; " in line for line in lines)
    assert ended.returncode == 1
    assert ended.stderr == "12 findings in 13 pictures of 1 document, without asking the service\n"


def test_what_is_right_has_no_findings(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(GOOD)

    ended = check(tmp_path)

    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == "0 findings in 1 picture of 1 document, without asking the service\n"


def test_json_has_all_of_each_finding(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(f"{GOOD}\n![a]({BASE}/?prompt=ein+Bär)\n", "utf-8")

    ended = check(tmp_path, "docs", "--json")

    assert "ein+Bär" in ended.stdout
    assert json.loads(ended.stdout) == {
        "documents": 1,
        "pictures": 2,
        "asked": False,
        "findings": [
            {
                "file": os.path.join("docs", "a.md"),
                "line": 3,
                "column": 6,
                "code": "seedless",
                "message": "the URL has no seed, so each view may show another picture",
                "cure": "append &seed=7, or let promptcdn pin write the seed of a picture that you see",
                "url": f"{BASE}/?prompt=ein+Bär",
            }
        ],
    }


def test_github_gets_annotations_escaped_as_it_wants_them(tmp_path: Path) -> None:
    folder = tmp_path / "a,b: 100%"
    folder.mkdir()
    (folder / "README.md").write_text(f"![a]({BASE}/?prompt=100%25&seed=7%29)\n")

    ended = check(folder, "--format", "github", GITHUB_WORKSPACE=tmp_path)

    assert ended.stdout.startswith(
        "::error file=a%2Cb%3A 100%25/README.md,line=1,col=6,title=promptcdn%3A maybe-a-mistake::"
        'README.md:1:6: maybe-a-mistake: the seed "7)" is "7" with a punctuation mark'
    )
    assert len(ended.stdout.splitlines()) == 1


def test_gitlab_gets_a_report_of_code_quality(tmp_path: Path) -> None:
    """Two findings alike have two fingerprints, which stay when lines are written above them."""
    (tmp_path / "docs").mkdir()
    document = tmp_path / "docs" / "a.md"
    document.write_text(f"![a]({BASE}/?prompt=a)\n" * 2)

    before = json.loads(check(tmp_path / "docs", "--format", "gitlab", CI_PROJECT_DIR=tmp_path).stdout)
    document.write_text(f"A line.\n\n{document.read_text()}")
    after = json.loads(check(tmp_path / "docs", "--format", "gitlab", CI_PROJECT_DIR=tmp_path).stdout)

    assert [one["location"] for one in before] == [{"path": "docs/a.md", "lines": {"begin": line}} for line in (1, 2)]
    assert before[0]["check_name"] == "seedless"
    assert before[0]["description"].startswith("the URL has no seed")
    prints = [[one["fingerprint"] for one in report] for report in (before, after)]
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 2
    assert json.loads(check(tmp_path, "--format", "gitlab", "--allow-seedless").stdout) == []


def test_any_name_of_a_file_is_one_line(tmp_path: Path) -> None:
    for name in (b"a\nb.md", b"a\x1b[2Jb.md", b"a\xffb.md"):
        (tmp_path / os.fsdecode(name)).write_text(f"![a]({BASE}/?prompt=a)")

    lines = check(tmp_path).stdout.splitlines()
    annotations = check(tmp_path, "--format", "github").stdout.splitlines()
    files = [file for _, file, _ in found(tmp_path)]

    assert [line.partition(":")[0] for line in lines] == ["a\\nb.md", "a\\x1b[2Jb.md", "a\\udcffb.md"]
    assert [line.partition(",")[0] for line in annotations][::2] == [
        "::error file=a%0Ab.md",
        "::error file=a\\udcffb.md",
    ]
    assert files == ["a\nb.md", "a\x1b[2Jb.md", "a\udcffb.md"]


def test_standard_input_is_checked_as_the_file_it_would_be(tmp_path: Path) -> None:
    rst = f".. image:: {BASE}/?prompt=a&seed=7\n"

    assert found(tmp_path, "-", stdin=f"![]({BASE}/?prompt=a&seed=7)") == [("missing-alt", "stdin.md", 1)]
    assert found(tmp_path, "-", "--stdin-filename", "a.rst", stdin=rst) == [("missing-alt", "a.rst", 1)]


def test_codes_are_left_out_alone_or_several(tmp_path: Path) -> None:
    text = f"![]({BASE}/?prompt=a)"

    assert [code for code, _, _ in found(tmp_path, "-", "--ignore", "seedless", stdin=text)] == ["missing-alt"]
    assert found(tmp_path, "-", "--ignore", "seedless,missing-alt", stdin=text) == []
    assert found(tmp_path, "-", "--ignore", "seedless", "--ignore", "missing-alt", stdin=text) == []
    assert [code for code, _, _ in found(tmp_path, "-", "--allow-seedless", stdin=text)] == ["missing-alt"]


@pytest.mark.parametrize(
    ("tool", "code", "cure"),
    [
        ("epub", "unsuitable-format", "begin the URL with /i.jpg? or write format=jpeg"),
        ("mkdocs", "no-extension", "begin the URL with /i.webp? instead of /?"),
        ("github", None, None),
    ],
)
def test_pictures_have_to_suit_the_tool(tmp_path: Path, tool: str, code: str | None, cure: str | None) -> None:
    ended = check(tmp_path, "-", "--for", tool, "--json", stdin=GOOD)

    findings = json.loads(ended.stdout)["findings"]
    assert [one["code"] for one in findings] == ([code] if code else [])
    assert all(one["cure"].startswith(cure) for one in findings)


def test_signatures_are_missed_where_they_are_needed(tmp_path: Path) -> None:
    settings = {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": "k1:canary-0123456789"}

    assert found(tmp_path, "-", stdin=GOOD) == []
    assert found(tmp_path, "-", "--signed", stdin=GOOD) == [("unsigned", "stdin.md", 1)]
    assert found(tmp_path, "-", stdin=GOOD, **settings) == [("unsigned", "stdin.md", 1)]


def test_what_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes(f"{GOOD}\xe9".encode("latin-1"))
    (tmp_path / "a.ipynb").write_text(f"{{{GOOD}")
    (tmp_path / "b.md").write_text(f"![]({BASE}/?prompt=a&seed=7)")

    assert [(code, file) for code, file, _ in found(tmp_path)] == [
        ("unreadable", "a.ipynb"),
        ("missing-alt", "b.md"),
        ("unreadable", "latin.md"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ignore", "sedless"), '--ignore="sedless": did you mean seedless?'),
        (("--ignore", "x"), '--ignore="x": allowed: raw-space, '),
        (("--for", "epup"), '--for="epup": did you mean epub?'),
        (("--lock-file", "other.lock"), '--lock-file="other.lock": there is no such file'),
        (("no-such.md",), "no-such.md: there is no such file or folder"),
        (("-", "--stdin-filename", "a.txt"), '--stdin-filename="a.txt": allowed: a name that ends in'),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    ended = check(tmp_path, *words, stdin="")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr


def test_a_check_of_no_service_is_no_success(tmp_path: Path) -> None:
    """A hook without its setting would pass for ever."""
    (tmp_path / "README.md").write_text(GOOD)

    without = check(tmp_path, base=None)
    with_it = check(tmp_path, base=None, PROMPTCDN_PUBLIC_URL="https://elsewhere.example.org")

    assert without.returncode == 2
    assert "--base or PROMPTCDN_PUBLIC_URL says whose URLs are checked" in without.stderr
    assert (with_it.returncode, with_it.stdout) == (0, "")


def test_every_kind_of_document_is_checked(tmp_path: Path) -> None:
    texts = {
        "ipynb": json.dumps({"cells": [{"cell_type": "markdown", "source": [f"![]({BASE}/?prompt=a&seed=7)"]}]}),
        "html": f'<img src="{BASE}/?prompt=a&amp;seed=7">',
        "rst": f".. image:: {BASE}/?prompt=a&seed=7\n",
        "adoc": f"image::{BASE}/?prompt=a&seed=7[]\n",
    }
    for extension in EXTENSIONS:
        (tmp_path / f"a.{extension}").write_text(texts.get(extension, f"![]({BASE}/?prompt=a&seed=7)"))

    codes = {file.rpartition(".")[2]: code for code, file, _ in found(tmp_path)}

    kinds = ("md", "mdx", "qmd", "ipynb", "html", "rst", "adoc")
    assert {kind: codes.get(kind) for kind in kinds} == dict.fromkeys(kinds, "missing-alt")
