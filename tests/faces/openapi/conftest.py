"""A service with sketches and with the apps for chats, which describes itself."""

from collections.abc import Iterator

import pytest

from tests.support.chats import ENVIRONMENT
from tests.support.service import Promptcdn

API_KEY = "canary-0123456789"


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    settings = {**ENVIRONMENT, "PROMPTCDN_API_KEYS": f"tests:{API_KEY}"}
    with Promptcdn(tmp_path_factory.mktemp("described"), **settings) as running:
        yield running
