"""One service for many trees: its pictures are sketches, which cost nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.tree import Tree
from tests.support.service import Promptcdn

ADMIN = "an-admin-token-of-tests"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    folder = tmp_path_factory.mktemp("service")
    settings = {"PROMPTCDN_SIZE": "256x256", "PROMPTCDN_ADMIN_TOKEN": ADMIN, "PROMPTCDN_GENERATOR": "sketch"}
    with Promptcdn(folder, **settings) as running:
        yield running


@pytest.fixture
def tree(tmp_path: Path, service: Promptcdn) -> Tree:
    """An empty one."""
    (tmp_path / "tree").mkdir()
    return Tree(tmp_path / "tree", service.url)
