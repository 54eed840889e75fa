"""A service with sketches and with the apps for chats, which describes itself."""

from collections.abc import Iterator

import pytest

from tests.support.chats import ENVIRONMENT
from tests.support.service import Promptcdn


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("described"), **ENVIRONMENT) as running:
        yield running
