"""A real service with an upstream that writes down what it is paid for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sites.building import SERVICE
from tests.support.service import Promptcdn
from tests.upstream import Upstream


@pytest.fixture
def service(tmp_path: Path, upstream: Upstream) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, **SERVICE) as running:
        yield running
