"""A service with sketches, which describes itself."""

from collections.abc import Iterator

import pytest

from tests.support.service import Promptcdn

API_KEY = "canary-0123456789"


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("described"), PROMPTCDN_API_KEYS=f"tests:{API_KEY}") as running:
        yield running
