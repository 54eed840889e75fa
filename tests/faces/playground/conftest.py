"""A browser for all tests of this folder, and a service of sketches."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.faces.playground.visitor import Visitor
from tests.support.browser import chromium
from tests.support.service import Promptcdn


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    """With nothing set: it draws sketches."""
    with Promptcdn(tmp_path_factory.mktemp("playground")) as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, service: Promptcdn) -> Iterator[Visitor]:
    """Somebody at the service of sketches, whose browser has nothing to complain of in the end."""
    with Visitor(browser, service.url) as visitor:
        yield visitor
        assert visitor.complaints == []
        assert [each.url for each in visitor.asked if not each.url.startswith(service.url + "/")] == []
