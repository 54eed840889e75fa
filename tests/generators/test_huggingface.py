"""The `huggingface` generator against a server over real HTTP, as it was measured and is documented."""

from dataclasses import replace
from typing import Any

import pytest

from promptcdn import problems
from promptcdn.generators import Made
from promptcdn.generators.declaration import Declaration
from promptcdn.generators.http import Reply
from promptcdn.generators.huggingface import DECLARATION, HuggingFace, body, endpoint, read
from promptcdn.pictures import decoded
from promptcdn.problems import UpstreamFailed
from promptcdn.url.request import Resolved
from tests.upstream.openai_images import OpenAiImages

pytestmark = pytest.mark.anyio

ORDER = Resolved("huggingface", "stabilityai/sdxl", "a lighthouse", 7, 640, 1024, 20, 7.0)
KEY = "c0ffee" + "0" * 58


async def made(upstream: OpenAiImages, order: Resolved = ORDER, token: str | None = None, seconds: float = 20) -> Made:
    generator = HuggingFace(endpoint(upstream.endpoint), token)
    try:
        return await generator.generate(order, KEY, seconds)
    finally:
        await generator.close()


async def failure(upstream: OpenAiImages, **more: Any) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as raised:
        await made(upstream, **more)
    assert "canary" not in str(raised.value)
    return raised.value


async def test_a_picture_comes_as_it_was_asked_for() -> None:
    with OpenAiImages("hf-serve", key="right") as upstream:
        found = await made(upstream, replace(ORDER, negative_prompt="fog", cfg_scale=3.5), "right")
        (call,) = upstream.ledger.calls()
        picture = decoded(found.picture)

    assert picture is not None
    assert picture.size == (640, 1024)
    assert call.prompts == (("a lighthouse", 1.0), ("fog", -1.0))
    assert (call.seeds, call.steps, call.cfg_scale, call.authorization) == ((7,), 20, 3.5, "right")


async def test_seed_nought_is_a_number_that_is_not_random() -> None:
    with OpenAiImages("hf-serve", repeats=True) as upstream:
        first, second = [await made(upstream, replace(ORDER, seed=0)) for _ in range(2)]

        assert [call.seeds for call in upstream.ledger.calls()] == [(2_654_435_769,)] * 2
        assert first == second


def test_a_guidance_that_nobody_asked_for_is_the_models_own() -> None:
    assert body(ORDER)["parameters"].keys() == {"seed", "width", "height", "num_inference_steps"}


async def test_a_model_that_is_loading_says_when_it_will_be_there() -> None:
    with OpenAiImages("hf-serve") as upstream:
        upstream.always("loading=20")
        failed = await failure(upstream)

    assert (failed.kind, failed.charged, failed.pause) == (problems.UPSTREAM_BUSY, False, 20)


@pytest.mark.parametrize(
    ("fault", "kind", "charged"),
    [
        ("unauthenticated", problems.UPSTREAM_UNAUTHORIZED, False),
        ("rate_limited", problems.UPSTREAM_BUSY, False),
        ("not_found", problems.UPSTREAM_REFUSED, False),
        ("redirect", problems.UPSTREAM_REFUSED, False),
        ("internal", problems.UPSTREAM_GARBLED, True),
        ("unavailable", problems.UPSTREAM_BUSY, True),
        ("html", problems.UPSTREAM_GARBLED, True),
        ("reset", problems.UPSTREAM_UNREACHABLE, True),
        ("huge", problems.UPSTREAM_GARBLED, True),
    ],
)
async def test_a_fault_is_told_as_what_it_is(fault: str, kind: problems.ProblemType, charged: bool) -> None:
    with OpenAiImages("hf-serve") as upstream:
        upstream.always(fault)
        failed = await failure(upstream)

    assert (failed.kind, failed.charged) == (kind, charged)


async def test_an_upstream_that_hangs_is_given_up_and_charged() -> None:
    with OpenAiImages("hf-serve") as upstream:
        upstream.always("hang")
        failed = await failure(upstream, seconds=0.5)

    assert (failed.kind, failed.charged) == (problems.UPSTREAM_TIMEOUT, True)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "https://router.huggingface.co/hf-inference/models/stabilityai/sdxl"),
        (
            "https://api-inference.huggingface.co/models/",
            "https://api-inference.huggingface.co/models/stabilityai/sdxl",
        ),
        ("https://my.endpoints.huggingface.cloud", "https://my.endpoints.huggingface.cloud"),
        ("http://127.0.0.1:8000/predict", "http://127.0.0.1:8000/predict"),
    ],
)
def test_only_the_router_has_a_path_for_each_model(text: str, path: str) -> None:
    where = endpoint(text)

    assert f"{where}{HuggingFace(where).path(ORDER.engine)}" == path


@pytest.mark.parametrize("engine", ["a/../b", "..", "a/b/c", "a?b", "a b", "/a", "a/", "a#b"])
async def test_an_engine_that_is_no_model_is_not_asked_for(engine: str) -> None:
    generator = HuggingFace(endpoint(""))

    with pytest.raises(UpstreamFailed) as raised:
        await generator.generate(replace(ORDER, engine=engine), KEY)

    assert (raised.value.kind, raised.value.charged) == (problems.UPSTREAM_REFUSED, False)


@pytest.mark.parametrize("said", [b"[]", b"{}", b"nonsense", b'{"estimated_time": "soon"}', b"[" * 10_000])
def test_an_upstream_that_is_away_says_nothing_of_loading(said: bytes) -> None:
    with pytest.raises(UpstreamFailed) as raised:
        read(Reply(503, {}, said), seed=7, engine="e")

    assert (raised.value.kind, raised.value.charged, raised.value.pause) == (problems.UPSTREAM_BUSY, True, None)


async def test_doctor_asks_without_spending() -> None:
    with OpenAiImages("hf-serve") as upstream:
        (reached,) = await HuggingFace(endpoint(upstream.endpoint)).checks(["e"])
        assert upstream.ledger.calls() == []
    (gone,) = await HuggingFace(endpoint(upstream.endpoint)).checks(["e"])

    assert (reached.good, gone.good) == (True, False)


@pytest.mark.parametrize(
    ("text", "paid"), [("", True), ("http://127.0.0.1:8000/predict", False), ("https://gpu.example", True)]
)
def test_only_a_server_on_this_machine_is_free(text: str, paid: bool) -> None:
    found: Declaration = DECLARATION.under({"hf_token": "t", "hf_inference_endpoint": text})

    assert found.paid is paid
    assert bool(found.prices) is paid
