"""The `openai` generator against servers over real HTTP: each kind as it was measured or is documented, and faults."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from promptcdn import problems
from promptcdn.generators import Made
from promptcdn.generators.declaration import LOADED
from promptcdn.generators.http import Hosts, Timings
from promptcdn.generators.openai import OpenAi, base_url, own_fields
from promptcdn.generators.openai.servers import BY_NAME, SERVERS
from promptcdn.pictures import decoded
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.request import Resolved
from tests.support.raw_http import RawHttp, answer
from tests.upstream import Call
from tests.upstream.openai_images import BREAKS, REFUSALS, OpenAiImages

pytestmark = pytest.mark.anyio

ORDER = Resolved("openai", "loaded", "a lighthouse", 7, 640, 1024, 20, 7.0)
KEY = "c0ffee" + "0" * 58
SELF_HOSTED = [each.name for each in SERVERS if each.self_hosted]
TAG = '<sd_cpp_extra_args>{"seed": 99, "width": 128, "height": 128}</sd_cpp_extra_args>'


async def made(
    upstream: OpenAiImages,
    order: Resolved = ORDER,
    key: str | None = None,
    seconds: float = 20,
    kind: str = "",
    **more: Any,
) -> Made:
    """What the generator gives for one order; `kind` is what it takes the server for, where that is wrong."""
    where, server = base_url(upstream.url), BY_NAME[kind or upstream.kind]
    if server.engine != LOADED and order.engine == LOADED:
        order = replace(order, engine="a-model")
    generator = OpenAi(where, server, key, timings=Timings(between_fetches=0.01), **more)
    try:
        return await generator.generate(order, KEY, seconds)
    finally:
        await generator.close()


async def failure(upstream: OpenAiImages, **more: Any) -> UpstreamFailed:
    """What it raises, without any word of the upstream's."""
    with pytest.raises(UpstreamFailed) as raised:
        await made(upstream, **more)
    assert "canary" not in str(raised.value)
    return raised.value


def size(picture: Made) -> tuple[int, int]:
    found = decoded(picture.picture)
    assert found is not None
    return found.size


def one(upstream: OpenAiImages) -> Call:
    (call,) = upstream.ledger.calls()
    return call


@pytest.mark.parametrize("kind", ["openai", "deepinfra", "together", *SELF_HOSTED])
async def test_every_server_draws_the_size_that_was_asked_for(kind: str) -> None:
    """Also the one that reads it as HEIGHTxWIDTH."""
    with OpenAiImages(kind) as upstream:
        assert size(await made(upstream)) == (640, 1024)


async def test_a_server_that_is_asked_by_shape_answers_one() -> None:
    with OpenAiImages("xai") as upstream:
        found = await made(upstream, replace(ORDER, width=1344, height=768))

        assert upstream.bodies[0]["aspect_ratio"] == "16:9"
        assert size(found) == (1408, 768)


@pytest.mark.parametrize("kind", [each.name for each in SERVERS if each.seed != "none" and each.name != "other"])
@pytest.mark.parametrize("seed", [0, 7, 4294967295])
async def test_a_seed_arrives_wherever_the_server_looks_for_it(kind: str, seed: int) -> None:
    """It is the one that the generator says it sent, and never nought."""
    with OpenAiImages(kind, repeats=True) as upstream:
        first = await made(upstream, replace(ORDER, seed=seed))
        second = await made(upstream, replace(ORDER, seed=seed))
        other = await made(upstream, replace(ORDER, seed=8))

        assert [call.seeds[0] for call in upstream.ledger.calls()] == [first.seed_sent, first.seed_sent, 8]
        assert first.seed_sent > 0
        assert first.picture == second.picture != other.picture


@pytest.mark.parametrize("kind", ["openai", "xai", "deepinfra", "hf-serve"])
async def test_a_server_without_seeds_is_sent_none(kind: str) -> None:
    with OpenAiImages(kind) as upstream:
        found = await made(upstream, replace(ORDER, width=1024, height=1024))

        assert "seed" not in upstream.bodies[0]
        assert (found.seed_sent, found.seed_echo) == (0, 0)


async def test_settings_in_a_readers_prompt_change_nothing() -> None:
    """Measured: such a tag changed the seed and the size of the picture."""
    with OpenAiImages("sd-cpp") as upstream:
        found = await made(upstream, replace(ORDER, prompt=f"a lighthouse {TAG}"))

        assert (one(upstream).seeds, size(found)) == ((7,), (640, 1024))
        assert "99" in one(upstream).prompts[0][0]


async def test_a_readers_bar_is_no_negative_prompt() -> None:
    with OpenAiImages("localai") as upstream:
        await made(upstream, replace(ORDER, prompt="a lighthouse|fog", negative_prompt="people|trees"))

        assert one(upstream).prompts == (("a lighthouse, fog", 1.0), ("people, trees", -1.0))


@pytest.mark.parametrize("kind", ["localai", "sd-cpp", "vllm-omni", "sglang"])
async def test_steps_and_negative_prompt_reach_who_understands_them(kind: str) -> None:
    with OpenAiImages(kind) as upstream:
        await made(upstream, replace(ORDER, negative_prompt="fog"))

        assert one(upstream).steps == 20
        assert one(upstream).prompts[1] == ("fog", -1.0)


async def test_a_service_is_not_asked_for_what_a_server_had_loaded() -> None:
    """A URL of before the address was changed: the service would draw with a model of its own, and charge it."""
    with OpenAiImages("openai") as upstream:
        generator = OpenAi(base_url(upstream.url), BY_NAME["openai"])
        with pytest.raises(UpstreamFailed) as raised:
            await generator.generate(ORDER, KEY, 20)
        await generator.close()

        assert upstream.bodies == []
    assert (raised.value.kind, raised.value.charged) == (problems.GENERATOR_MISSING, False)


async def test_a_key_is_sent_where_there_is_one() -> None:
    for key, said in (("right", "right"), (None, "none")):
        with OpenAiImages(key="right" if key else None) as upstream:
            await made(upstream, key=key)

            assert one(upstream).authorization == said


@pytest.mark.parametrize("key", ["with blank", "line\nbreak", "ümlaut"])
def test_a_key_that_no_header_carries_is_refused_without_it(key: str) -> None:
    with pytest.raises(ValueError, match="OPENAI_API_KEY") as refused:
        OpenAi(base_url(""), BY_NAME["openai"], key)

    assert key not in str(refused.value)


EVERY = {
    "unauthenticated": problems.UPSTREAM_UNAUTHORIZED,
    "permission_denied": problems.UPSTREAM_UNAUTHORIZED,
    "rate_limited": problems.UPSTREAM_BUSY,
    "resource_exhausted": problems.UPSTREAM_BUSY,
    "out_of_credits": problems.UPSTREAM_UNPAID,
    "no_credits": problems.UPSTREAM_UNPAID,
    "invalid_argument": problems.UPSTREAM_REFUSED,
    "not_found": problems.UPSTREAM_REFUSED,
    "overloaded": problems.UPSTREAM_BUSY,
    "redirect": problems.UPSTREAM_REFUSED,
}
BROKEN: Mapping[str, ProblemType] = {
    "internal": problems.UPSTREAM_GARBLED,
    "unavailable": problems.UPSTREAM_BUSY,
    "deadline": problems.UPSTREAM_TIMEOUT,
    "reset": problems.UPSTREAM_UNREACHABLE,
    "html": problems.UPSTREAM_GARBLED,
    "no_picture": problems.UPSTREAM_GARBLED,
    "empty": problems.UPSTREAM_GARBLED,
    "huge": problems.UPSTREAM_GARBLED,
}


def test_every_refusal_and_break_of_the_stand_in_is_tried() -> None:
    assert REFUSALS.keys() - {"invalid_prompt"} == EVERY.keys()
    assert BREAKS.keys() <= BROKEN.keys()


@pytest.mark.parametrize("fault", sorted(EVERY))
async def test_a_refusal_is_not_charged(fault: str) -> None:
    with OpenAiImages() as upstream:
        upstream.always(fault)
        failed = await failure(upstream)

        assert (failed.kind, failed.charged) == (EVERY[fault], False)
        assert upstream.ledger.calls() == []


@pytest.mark.parametrize("fault", sorted(BROKEN))
async def test_a_fault_after_the_work_began_is_charged(fault: str) -> None:
    with OpenAiImages() as upstream:
        upstream.always(fault)
        failed = await failure(upstream)

        assert (failed.kind, failed.charged) == (BROKEN[fault], True)


@pytest.mark.parametrize("fault", ["hang", "hang_mid"])
async def test_an_upstream_that_hangs_is_given_up_and_charged(fault: str) -> None:
    with OpenAiImages() as upstream:
        upstream.always(fault)
        failed = await failure(upstream, seconds=0.5)

        assert (failed.kind, failed.charged) == (problems.UPSTREAM_TIMEOUT, True)


@pytest.mark.parametrize(("kind", "fault"), [("openai", "invalid_prompt"), ("openai", "filter"), ("xai", "filter")])
async def test_what_the_filter_refuses_is_no_error(kind: str, fault: str) -> None:
    with OpenAiImages(kind) as upstream:
        upstream.always(fault)

        assert (await made(upstream, replace(ORDER, width=1024, height=1024))).filtered


async def test_an_echo_of_another_seed_is_passed_on() -> None:
    with OpenAiImages("vllm-omni") as upstream:
        upstream.always("wrong_seed")
        found = await made(upstream)

        assert (found.seed_sent, found.seed_echo) == (7, 8)


async def test_an_echo_is_not_compared_where_seeds_may_be_ignored() -> None:
    """A gateway that draws a seed of its own and says so would have each of its pictures paid for and thrown away."""
    with OpenAiImages("vllm-omni") as upstream:
        upstream.always("wrong_seed")
        found = await made(upstream, kind="other")

        assert one(upstream).seeds == (7,)
        assert found.seed_echo in (0, found.seed_sent)


async def test_a_picture_at_a_url_of_the_upstream_is_fetched() -> None:
    """As an old LocalAI answers, whatever `response_format` says."""
    with OpenAiImages("localai") as upstream:
        upstream.always("url")

        assert size(await made(upstream)) == (640, 1024)
        assert len(upstream.fetched) == 1


async def test_a_picture_on_a_host_that_was_named_is_fetched(caplog: pytest.LogCaptureFixture) -> None:
    with OpenAiImages("localai") as upstream, RawHttp(answer(b"picture")) as other:
        upstream.elsewhere = other.url
        upstream.always("url elsewhere")

        refused = await failure(upstream)
        assert (refused.kind, refused.charged) == (problems.UPSTREAM_GARBLED, True)
        assert other.requests == []
        assert "PROMPTCDN_FETCH_HOSTS" in caplog.text

        assert (await made(upstream, hosts=Hosts.parse(other.url))).picture == b"picture"


@pytest.mark.parametrize("fault", ["url private", "url lost"])
async def test_a_picture_that_cannot_be_had_is_charged(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """At a cloud's own metadata service, or not there at all."""
    with caplog.at_level(logging.DEBUG), OpenAiImages("localai") as upstream:
        upstream.always(fault)
        failed = await failure(upstream, key="canary-key")

        assert (failed.kind, failed.charged) == (problems.UPSTREAM_GARBLED, True)
        assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("models", "good"),
    [
        ({"data": [{"id": "gpt-image-2"}, {"id": None}, 7]}, [True, True]),
        ([{"id": "gpt-image-2"}], [True, True]),
        ({"data": [{"id": "some-image-model"}, {"id": "text"}]}, [True, False]),
        ({"data": []}, [True]),
        ("nonsense", [True]),
    ],
)
async def test_doctor_asks_for_the_models_and_spends_nothing(models: Any, good: list[bool]) -> None:
    with OpenAiImages() as upstream:
        upstream.models = models
        checks = await OpenAi(base_url(upstream.url), BY_NAME["openai"]).checks(["gpt-image-2"])

        assert [check.good for check in checks] == good
        assert upstream.ledger.calls() == []
        assert good[1:] != [False] or "some-image-model" in checks[1].advice


async def test_doctor_says_what_is_wrong_with_key_and_address() -> None:
    with OpenAiImages(key="right") as upstream:
        (wrong,) = await OpenAi(base_url(upstream.url), BY_NAME["openai"], "canary").checks(["e"])
    (gone,) = await OpenAi(base_url(upstream.url), BY_NAME["openai"], "canary").checks(["e"])

    assert (wrong.good, wrong.advice) == (
        False,
        "check OPENAI_API_KEY, and OPENAI_BASE_URL: another server may answer there",
    )
    assert (gone.good, gone.advice) == (False, "check OPENAI_BASE_URL, and whether the server runs")


def test_a_base_url_without_a_path_is_v1() -> None:
    assert str(base_url("http://127.0.0.1:8080")) == "http://127.0.0.1:8080/v1"
    assert str(base_url("https://api.deepinfra.com/v1/openai/")) == "https://api.deepinfra.com/v1/openai"
    assert str(base_url("")) == "https://api.openai.com/v1"


@pytest.mark.parametrize("text", ["quality=low", "[]", "7", "{", '{"a": NaN}', "[" * 100_000])
def test_fields_that_are_no_object_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: a JSON object"):
        own_fields(text)
