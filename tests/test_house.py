"""The house itself: small files, pure policy, docs that cannot lie."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tables
from limits import BOUNDS, FIRST_VIEW, WAITS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "proxy" / "promptcdn"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
LAYERS = [re.findall(r"\w+", layer) for layer in CONTRACTS[0]["layers"]]
POLICY = [name.removeprefix("promptcdn.") for name in CONTRACTS[1]["source_modules"]]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short_enough_to_read(path: Path) -> None:
    """No file and no function is too long to be read in one go."""
    text = path.read_text()

    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name


@pytest.mark.parametrize("module", POLICY)
def test_policy_takes_no_time_of_its_own(module: str) -> None:
    place = PACKAGE.joinpath(*module.split("."))
    files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]

    for path in files:
        assert not re.search(r"\.(now|utcnow|today)\(", path.read_text()), path


def test_the_tables_in_the_docs_are_the_codes_own(capsys: pytest.CaptureFixture[str]) -> None:
    ended = tables.main(check=True)

    assert (capsys.readouterr().out, ended) == ("", 0)


def test_the_tree_has_a_row_for_each_layer_in_their_order() -> None:
    named = [re.findall(r"`(\w+)/?`", names) for names, _ in tree()]

    assert [sorted(names) for names in named] == [sorted(layer) for layer in LAYERS]


def test_every_file_is_in_the_row_of_its_layer() -> None:
    """A folder of its own within a folder is one idea: what is in it need not be named."""
    texts = {name: text for names, text in tree() for name in re.findall(r"`(\w+)/?`", names)}
    parts = {path.relative_to(PACKAGE).with_suffix("").parts[:2] for path in SOURCES}
    below = sorted(each for each in parts if len(each) == 2 and each[1] != "__init__")

    assert [f"{layer}/{name}" for layer, name in below if not re.search(f"`{name}/?`", texts[layer])] == []


def tree() -> list[tuple[str, str]]:
    """The second and the third cell of each row of the tree."""
    rows = ARCHITECTURE.partition("## The tree")[2].partition("## One hit")[0].splitlines()
    cells = [row.strip("| ").split(" | ") for row in rows if row.startswith("| ")]
    return [(names, text) for about, names, text in cells if about not in ("about", "---")]


def test_every_file_that_the_architecture_walks_through_is_there() -> None:
    named = set(re.findall(r"`([a-z_]+/[a-z_][a-z_/]*)(?:\.py)?`", ARCHITECTURE))

    places = {name: [*PACKAGE.glob(name.rstrip("/") + "*"), *ROOT.glob(name.rstrip("/") + "*")] for name in named}
    missing = [name for name in sorted(named) if not places[name]]
    assert missing == []


def test_timings_limits_and_maxima_are_on_the_page_of_limits() -> None:
    in_the_code = {place for path in SOURCES for place in limits_in(path)}

    assert in_the_code - {row.place for row in (*WAITS, *BOUNDS)} == set()


def limits_in(path: Path) -> Iterator[str]:
    """The fields of the classes `Timings` and `Limits` in a file, and its constants that end in `_MAX`, as places."""
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ClassDef(name="Timings" | "Limits" as owner):
                names = [
                    f"{owner}.{field.target.id}"
                    for field in node.body
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                ]
            case ast.Assign(targets=targets):
                found = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
                names = [name for name in found if re.fullmatch(r"[A-Z][A-Z_]*_MAX", name)]
            case _:
                continue
        yield from (f"{module}:{name}" for name in names)


def test_every_row_of_the_limits_is_understood_alone() -> None:
    kinds = "Maximum|Least|Interval|Lifetime|First"

    assert [row.meaning for row in (*FIRST_VIEW, *WAITS) if not re.match(rf"({kinds}) ", row.meaning)] == []
    assert len({row.meaning for row in (*WAITS, *BOUNDS)}) == len(WAITS) + len(BOUNDS)


@pytest.mark.parametrize("count", [(28, PACKAGE), *((14, path) for path in sorted(PACKAGE.iterdir()) if path.is_dir())])
def test_a_folder_has_few_enough_names_to_take_in(count: tuple[int, Path]) -> None:
    """A folder has no more names than can be taken in at a look."""
    most, folder = count
    uncounted = ("__pycache__", "__init__.py", "py.typed")
    names = [path for path in folder.iterdir() if path.name not in uncounted]

    assert len(names) <= most


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(
            r"\]\((?!http)([^)#]+)[^)]*\)", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        ):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_begins_with_the_two_commands() -> None:
    top = (ROOT / "README.md").read_text()[:600]

    for command in ("./scripts/serve", "./scripts/test"):
        assert command in top
        assert (ROOT / command).stat().st_mode & 0o111


def test_every_test_that_the_docs_name_exists() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = {name for page in PAGES for name in re.findall(r"`(test_[a-z0-9_]+)`", page.read_text())}

    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


def test_no_name_of_a_test_is_longer_than_60_characters() -> None:
    """What a name has no room for stands in the docstring."""
    texts = [path.read_text() for path in (ROOT / "tests").rglob("*.py")]
    names = [name for text in texts for name in re.findall(r"(?m)^ *(?:async )?def (test_\w+)", text)]

    assert [name for name in names if len(name) > 60] == []


def test_the_page_of_figures_has_figures() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()

    assert re.findall(r"<!-- figures (.*?) -->\n<!-- end -->", page) == []
    assert page.count("<!-- figures ") == 7
