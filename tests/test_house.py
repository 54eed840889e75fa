"""The house itself: small rooms, pure policy, docs that cannot lie."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from promptcdn import problems
from promptcdn.cli import app, store
from promptcdn.url.parameters import BY_NAME

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "proxy" / "promptcdn"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
POLICY = [name.removeprefix("promptcdn.") for name in CONTRACTS[1]["source_modules"]]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_and_no_function_is_too_long_to_be_read_in_one_go(path: Path) -> None:
    text = path.read_text()

    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name


@pytest.mark.parametrize("room", POLICY)
def test_policy_takes_no_time_of_its_own(room: str) -> None:
    place = PACKAGE.joinpath(*room.split("."))
    files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]

    for path in files:
        assert not re.search(r"\.(now|utcnow|today)\(", path.read_text()), path


def test_the_floors_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stdout


def test_the_tables_in_the_docs_are_the_codes_own() -> None:
    ended = subprocess.run([sys.executable, "docs/tables.py", "--check"], cwd=ROOT, capture_output=True, text=True)

    assert ended.stdout == ""
    assert ended.returncode == 0


def test_every_parameter_and_every_code_is_in_the_docs() -> None:
    urls, codes = ((ROOT / "docs" / page).read_text() for page in ("urls.md", "problems.md"))

    assert all(f"`{name}`" in urls for name in BY_NAME)
    assert all(f"`{kind.code}`" in codes for kind in problems.KINDS)


def test_every_command_is_in_the_docs() -> None:
    commands = (ROOT / "docs" / "commands.md").read_text()
    names = {name for name in typer.main.get_command(app).commands if name != "store"}  # type: ignore[attr-defined]
    below = {f"store {name}" for name in typer.main.get_command(store.app).commands}  # type: ignore[attr-defined]

    assert [name for name in sorted(names | below) if f"`promptcdn {name}" not in commands] == []


def test_every_folder_and_every_file_of_two_floors_is_in_the_tree() -> None:
    tree = (ROOT / "docs" / "architecture.md").read_text().partition("## One hit")[0]
    parts = [path.relative_to(PACKAGE).with_suffix("").parts[:2] for path in SOURCES]
    # A folder of its own within a folder is one idea: what is in it need not be named.
    names = {name for path in parts for name in path} - {"__init__"}

    assert [name for name in sorted(names) if f"`{name}`" not in tree and f"`{name}/`" not in tree] == []


def test_every_file_that_the_architecture_walks_through_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`([a-z_]+/[a-z_][a-z_/]*)(?:\.py)?`", page)) - {"proxy/promptcdn/", "docs/limits"}

    missing = [name for name in sorted(named) if not list(PACKAGE.glob(name.rstrip("/") + "*"))]
    assert missing == []


def test_every_wait_of_the_code_is_on_its_page() -> None:
    waits = {
        f"{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts).removesuffix('.__init__')}:Timings.{field.target.id}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name == "Timings"
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }
    rows = set(re.findall(r'"([a-z_.]+:[A-Za-z_.]+)"', (ROOT / "docs" / "limits.py").read_text()))

    assert waits - rows == set()


@pytest.mark.parametrize("count", [(26, PACKAGE), *((14, path) for path in sorted(PACKAGE.iterdir()) if path.is_dir())])
def test_a_folder_has_no_more_names_than_can_be_taken_in_at_a_look(count: tuple[int, Path]) -> None:
    most, folder = count
    names = [path for path in folder.iterdir() if path.name != "__pycache__" and not path.name.startswith("__init__")]

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
    named = {name for page in PAGES for name in re.findall(r"`(test_[a-z_]+)`", page.read_text())}

    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []
