"""What all tests share, and `--fast`: only the tests that start no process."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.upstream import Upstream

# What starts a process, as the import of a test file says it.
_STARTS_PROCESSES = re.compile(
    r"^(?:from|import) (?:subprocess|multiprocessing|tests\.upstream|tests\.(?:caches|faults|replicas)"
    r"|tests\.docs\.(?:languages|terminal)|tests\.faces\.playground"
    r"|tests\.support\.(?:browser|buckets|caches|camo|redis_servers|service|topology))\b",
    re.MULTILINE,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--fast`."""
    parser.addoption("--fast", action="store_true", help="Run only the tests that start no process: under a minute.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out, with `--fast`, every file that imports something that starts a process."""
    if not config.getoption("fast"):
        return
    slow = {path for path in {item.path for item in items} if _starts_processes(path)}
    config.hook.pytest_deselected(items=[item for item in items if item.path in slow])
    items[:] = [item for item in items if item.path not in slow]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The loop that the service runs on: tests marked `anyio` run on no other."""
    return "asyncio"


@pytest.fixture
def upstream() -> "Iterator[Upstream]":
    """A Stability server on loopback that writes down what it is paid for."""
    from tests.upstream import Upstream

    with Upstream() as running:
        yield running


def _starts_processes(path: Path) -> bool:
    return _STARTS_PROCESSES.search(path.read_text()) is not None
