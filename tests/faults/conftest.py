"""What each test under faults counted, as a table at the end."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.upstream import Upstream

Figures = Callable[..., None]

_COLUMNS = ("rounds", "requests", "paid", "lost")


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """Called with what was counted: `figures(rounds=25, paid=300, lost=0)`."""

    def record(**counted: object) -> None:
        record_property("figures", counted)

    return record


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table."""
    rows = list(_rows(terminalreporter.getreports("passed") + terminalreporter.getreports("failed")))
    if rows:
        terminalreporter.section("figures")
        for cells in (["case", *_COLUMNS, "more"], ["---"] * (len(_COLUMNS) + 2), *rows):
            terminalreporter.write_line(f"| {' | '.join(cells)} |")


def _rows(reports: Iterable[Any]) -> Iterator[list[str]]:
    for report in reports:
        counted = dict(report.user_properties).get("figures")
        if report.when == "call" and counted:
            case = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
            more = ", ".join(f"{name.replace('_', ' ')} {counted[name]}" for name in counted if name not in _COLUMNS)
            outcome = "" if report.passed else "FAILED: "
            yield [outcome + case, *(str(counted.get(name, "")) for name in _COLUMNS), more]
