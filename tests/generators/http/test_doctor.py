"""What `doctor` says of an upstream over HTTP by the answer to its first question."""

from collections.abc import Callable

import pytest

from promptcdn.checks import Check
from promptcdn.generators import InspectedGenerator
from promptcdn.generators.a1111 import A1111
from promptcdn.generators.huggingface import HuggingFace, endpoint
from promptcdn.generators.openai import OpenAi, base_url
from promptcdn.generators.openai.servers import BY_NAME
from promptcdn.generators.stability import Stability
from tests.support.raw_http import RawHttp, answer

pytestmark = pytest.mark.anyio

Opened = Callable[[str], InspectedGenerator]
LISTS_MODELS: list[Opened] = [
    lambda url: OpenAi(base_url(url), BY_NAME["openai"]),
    Stability,
    A1111,
]
EVERY = [*LISTS_MODELS, lambda url: HuggingFace(endpoint(url))]
PAGE = answer(b"\n<!doctype html><title>canary</title>")
REDIRECT = answer(status="302 Found", location="/elsewhere")


async def first(opened: Opened, said: bytes) -> Check:
    """What is said of the generator where the upstream answers everything so."""
    with RawHttp(said) as upstream:
        generator = opened(upstream.url)
        try:
            check, *_ = await generator.checks([])
        finally:
            await generator.close()
    assert check.part == "generator"
    assert "canary" not in check.detail
    return check


@pytest.mark.parametrize("opened", EVERY)
@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable"])
async def test_an_upstream_that_fails_is_not_good(opened: Opened, status: str) -> None:
    check = await first(opened, answer(b"canary", status))

    assert not check.good
    assert status[:3] in check.detail
    assert check.advice


@pytest.mark.parametrize("opened", LISTS_MODELS)
@pytest.mark.parametrize(("said", "detail"), [(PAGE, "a web page"), (REDIRECT, "a redirect, which is not followed")])
async def test_a_web_site_is_no_image_api(opened: Opened, said: bytes, detail: str) -> None:
    check = await first(opened, said)

    assert not check.good
    assert detail in check.detail


@pytest.mark.parametrize("opened", [EVERY[0], EVERY[1], EVERY[3]])
@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed", "501 Not Implemented"])
async def test_an_upstream_may_not_know_what_doctor_asks(opened: Opened, status: str) -> None:
    assert (await first(opened, answer(b"<html>", status))).good
