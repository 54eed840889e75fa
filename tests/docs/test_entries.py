"""The reference has an entry for what the code has, and for nothing else; no page names what does not exist."""

import re

import pytest

import tables
from tests.docs.entries import REFERENCE, Kind
from tests.docs.pages import DOCS, PAGES, ROOT, all_blocks, spans, without_code
from tests.docs.words import commands_in, unknown_words

KINDS = pytest.mark.parametrize("kind", REFERENCE.values(), ids=REFERENCE)
TYPED = ("sh", "console", "text", "", "yaml")
# What was, and is no more, is named in the list of changes.
NOW = [page for page in PAGES if page.name != "CHANGELOG.md"]


@KINDS
def test_everything_has_an_entry_and_nothing_else_has(kind: Kind) -> None:
    text = (DOCS / kind.page).read_text()

    assert (kind.missing(text), kind.invented(text)) == (set(), set())


@KINDS
def test_a_missing_and_an_invented_entry_are_found(kind: Kind) -> None:
    """Each row of the reference is needed, and a row more is one too many."""
    text = (DOCS / kind.page).read_text()
    table = text.partition(f"<!-- table {kind.tables[0]} -->")[2] if kind.tables else text
    row = next(row for row in table.splitlines() if kind.entries(in_table(kind, row)))
    (name, *_) = kind.entries(in_table(kind, row))
    another = row.replace(name, "Invented" if name[0].isupper() else "invented")

    assert name in kind.missing(text.replace(f"{row}\n", ""))
    assert len(kind.invented(text.replace(f"{row}\n", f"{row}\n{another}\n"))) == 1


def in_table(kind: Kind, row: str) -> str:
    """A page whose first table has one row."""
    return f"<!-- table {kind.tables[0]} -->\n{row}\n<!-- end -->" if kind.tables else row


@KINDS
def test_pages_name_nothing_that_does_not_exist(kind: Kind) -> None:
    assert {str(page.relative_to(ROOT)): kind.unknown(page.read_text()) for page in NOW} == {
        str(page.relative_to(ROOT)): set() for page in NOW
    }


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("parameter", "`/?prompt=a&hue=7`", "hue"),
        ("setting", "set `PROMPTCDN_INVENTED=1`", "PROMPTCDN_INVENTED"),
        ("metric", "`promptcdn_invented_total`", "promptcdn_invented_total"),
        ("problem", "a 503 `no_such_code`", "no_such_code"),
    ],
)
def test_a_page_that_names_what_does_not_exist_is_found(kind: str, text: str, name: str) -> None:
    assert REFERENCE[kind].unknown(text) == {name}


def test_commands_and_options_of_all_pages_exist() -> None:
    """In code within lines, and in blocks that are typed."""
    typed = [(str(block), block.text) for block in all_blocks() if block.language in TYPED]
    within = [(str(page.relative_to(ROOT)), span) for page in NOW for span in spans(page.read_text())]

    wrong = [(place, word) for place, text in (*typed, *within) for word in unknown_words(text)]
    assert [each for each in wrong if not each[0].startswith("CHANGELOG")] == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("promptcdn url 'a cat' --seed 7", []),
        ("promptcdn url 'a cat' --sed 7", ["promptcdn url --sed"]),
        ("venv/bin/promptcdn paint", ["promptcdn paint"]),
        ("PORT=9000 promptcdn store wash --json", ["promptcdn store wash"]),
        ("promptcdn warm --yes . && npm run --silent build", []),
        ("promptcdn pin - <README.md | less --raw", []),
    ],
)
def test_a_command_or_an_option_that_does_not_exist_is_found(text: str, wrong: list[str]) -> None:
    assert unknown_words(text) == wrong


def test_the_page_of_options_has_each_option() -> None:
    page = (DOCS / "options.md").read_text()

    for _, command in tables.commands():
        for option in tables.shown_options(command):
            assert f"| `{tables.spelled(option)}` |" in page


def test_every_page_has_one_heading_of_the_first_level() -> None:
    for page in PAGES:
        assert len(re.findall(r"(?m)^# ", without_code(page.read_text()))) == 1, page


def test_commands_are_found_in_what_is_typed() -> None:
    assert [name for name, _ in commands_in("a promptcdn-b promptcdn . promptcdn lock\npromptcdn store copy x")] == [
        "lock",
        "store copy",
    ]
