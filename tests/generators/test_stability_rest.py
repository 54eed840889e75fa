"""The generator `stability` against a real HTTP server that answers as the REST API (v2beta) does."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from promptcdn import problems
from promptcdn.generators import Made
from promptcdn.generators.stability import DECLARATION, DEFAULT_HOST, Stability
from promptcdn.generators.stability.rest import wire
from promptcdn.generators.stability.rest.engines import ENDPOINTS, RATIOS, ratio
from promptcdn.money.costs import Prices, in_credits
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.engines import engine
from promptcdn.url.parameters import STYLE_PRESETS
from promptcdn.url.request import Resolved
from tests.support.tcp_faults import FaultyTcp
from tests.upstream import Call
from tests.upstream.stability_rest import LARGER, MODELS, REFUSALS, STYLES, StabilityRest
from tests.upstream.stability_rest import RATIOS as OF_THE_SERVICE

pytestmark = pytest.mark.anyio

ORDER = Resolved("stability", "core", "a lighthouse", 7, 1024, 1024, 30, 7.0)
KEY = "c0ffee" + "0" * 58


async def made(upstream: StabilityRest, order: Resolved = ORDER, key: str | None = None, seconds: float = 20) -> Made:
    """What the generator gives for one order."""
    generator = Stability(upstream.url, key)
    try:
        return await generator.generate(order, KEY, seconds)
    finally:
        await generator.close()


async def call(order: Resolved = ORDER, key: str | None = None) -> tuple[Call, Mapping[str, str], Mapping[str, str]]:
    """How one order arrived: as a line of the ledger, the fields of its form, the fields of its head."""
    with StabilityRest(key="right" if key else None) as upstream:
        await made(upstream, order, key)
        (arrived,) = upstream.ledger.calls()
        return arrived, upstream.forms[0].fields, upstream.requests[0].headers


async def test_every_parameter_that_the_engine_has_arrives() -> None:
    order = replace(ORDER, engine="sd3.5-large", seed=41, width=1344, height=768, cfg_scale=4.5)
    order = replace(order, negative_prompt="fog, people", style_preset="line-art")

    _, form, _ = await call(order)

    assert form == {
        "prompt": "a lighthouse",
        "negative_prompt": "fog, people",
        "aspect_ratio": "16:9",
        "seed": "42",
        "style_preset": "line-art",
        "cfg_scale": "4.5",
        "model": "sd3.5-large",
        "output_format": "png",
    }


@pytest.mark.parametrize("service", ["core", "ultra"])
async def test_what_the_engine_has_no_field_for_is_not_sent(service: str) -> None:
    """The service refuses a form with a field that it does not know."""
    order = replace(ORDER, engine=service, sampler="ddim", guidance_preset="simple", steps=50)

    _, form, _ = await call(order)

    assert form.keys() == {"prompt", "aspect_ratio", "seed", "output_format"}


@pytest.mark.parametrize("name", [name for name, place in ENDPOINTS.items() if not place.upscales])
async def test_every_engine_is_reached_at_its_place(name: str) -> None:
    """Of the models that share a place each is named: without that the service would choose."""
    arrived, form, _ = await call(replace(ORDER, engine=name))

    assert arrived.engine == name
    assert form.get("model") == (name if name in MODELS else None)


async def test_the_head_asks_for_the_picture_itself_and_has_the_key() -> None:
    arrived, _, head = await call(key="right")

    assert arrived.authorization == "right"
    assert head["accept"] == "image/*"
    assert head["content-type"].startswith("multipart/form-data; boundary=")
    assert head["stability-client-id"] == "promptcdn"


async def test_without_a_key_none_is_sent() -> None:
    arrived, _, head = await call()

    assert arrived.authorization == "none"
    assert "authorization" not in head


@pytest.mark.parametrize(
    "prompt", ["é 世界 🦊", 'quotes " and\r\nContent-Disposition: form-data; name="seed"', "a" * 4000]
)
async def test_a_prompt_arrives_as_it_is(prompt: str) -> None:
    _, form, _ = await call(replace(ORDER, prompt=prompt))

    assert form["prompt"] == prompt
    assert form["seed"] == "8"


@pytest.mark.parametrize(
    ("seed", "sent"), [(0, 1), (7, 8), (4294967293, 4294967294), (4294967294, 1), (4294967295, 2), (1, 2)]
)
def test_a_seed_is_sent_as_a_number_that_the_service_keeps(seed: int, sent: int) -> None:
    """It takes 1 to 4294967294; 0 would be a random one."""
    assert wire.seed_on_the_wire(seed) == sent


async def test_the_echo_is_the_seed_that_was_sent() -> None:
    with StabilityRest() as upstream:
        good = await made(upstream, replace(ORDER, seed=4294967295))
        upstream.always("wrong_seed")
        wrong = await made(upstream)
        upstream.always("no_headers")
        silent = await made(upstream)

    assert (good.seed_sent, good.seed_echo) == (2, 2)
    assert (wrong.seed_sent, wrong.seed_echo) == (8, 9)
    assert (silent.seed_sent, silent.seed_echo) == (8, 0)


@pytest.mark.parametrize("size", RATIOS.values(), ids=RATIOS)
def test_every_size_is_asked_for_as_its_ratio(size: tuple[int, int]) -> None:
    assert RATIOS[ratio(size)] == size


def test_the_ratios_are_those_of_the_service() -> None:
    assert RATIOS.keys() == OF_THE_SERVICE.keys()
    assert LARGER.keys() < RATIOS.keys()


def test_both_default_engines_draw_the_same_sizes() -> None:
    """A URL with a size that was never answered is drawn after the change of the default engine, too."""
    hosts = ("", "grpc://localhost")
    declared = [DECLARATION.under({"stability_key": "", "stability_host": host}) for host in hosts]
    rest, grpc = (engine(each.engine, each.engines) for each in declared)

    assert (rest.name, grpc.name) == ("core", "stable-diffusion-xl-1024-v1-0")
    assert set(rest.sizes) == set(grpc.sizes)
    assert rest.default_size == grpc.default_size


@pytest.mark.parametrize(
    ("host", "default"),
    [
        ("", "core"),
        ("https://api.stability.ai", "core"),
        ("HTTP://localhost:8000/stability", "core"),
        ("grpcs://grpc.stability.ai:443", "stable-diffusion-xl-1024-v1-0"),
        ("grpc://localhost:50051", "stable-diffusion-xl-1024-v1-0"),
        ("localhost:50051", "stable-diffusion-xl-1024-v1-0"),
    ],
)
def test_the_scheme_of_the_host_says_which_engines_there_are(host: str, default: str) -> None:
    declared = DECLARATION.under({"stability_key": "key", "stability_host": host})

    assert declared.engine == default
    assert declared.has("ultra")  # a gRPC server of one's own names its engines as it likes
    assert declared.has("stable-diffusion-xl-1024-v1-0") == (default != "core")


@pytest.mark.parametrize("host", ["https://", "https://h:99999", "http://u:p@h", "https://h?key=1", "http://a b"])
def test_what_is_no_address_of_a_rest_api_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"^STABILITY_HOST"):
        Stability(host)


def test_the_default_is_the_hosted_service() -> None:
    assert DEFAULT_HOST in repr(Stability())


def test_every_style_of_urls_is_one_of_the_service() -> None:
    assert set(STYLE_PRESETS) == set(STYLES)


@pytest.mark.parametrize(
    ("name", "price"),
    [("core", "3"), ("ultra", "8"), ("sd3.5-large", "6.5"), ("sd3.5-large-turbo", "4"), ("sd3.5-flash", "2.5")],
)
def test_a_picture_costs_the_same_whatever_its_size_and_steps(name: str, price: str) -> None:
    prices = Prices(published={"stability": DECLARATION.prices})
    large = replace(ORDER, engine=name, width=1344, height=768, steps=150)

    assert {in_credits(prices.cost(order).millicredits) for order in (replace(ORDER, engine=name), large)} == {price}


async def test_success_needs_no_headers() -> None:
    with StabilityRest() as upstream:
        upstream.always("no_headers")
        assert (await made(upstream)).picture


@pytest.mark.parametrize("fault", ["filter", "invalid_prompt", "public_figure"])
async def test_what_the_filter_refused_is_no_picture(fault: str) -> None:
    """The service says it with 403, with 422, or sends a blurred picture with 200."""
    with StabilityRest() as upstream:
        upstream.always(fault)
        answer = await made(upstream)

    assert answer == Made(b"", seed_sent=8, filtered=True)


FAILURES: list[tuple[str, ProblemType, bool]] = [
    ("unauthenticated", problems.UPSTREAM_UNAUTHORIZED, False),
    ("permission_denied", problems.UPSTREAM_UNAUTHORIZED, False),
    ("no_name", problems.UPSTREAM_UNAUTHORIZED, False),
    ("out_of_credits", problems.UPSTREAM_UNPAID, False),
    ("unpaid_name", problems.UPSTREAM_UNPAID, False),
    ("rate_limited", problems.UPSTREAM_BUSY, False),
    ("invalid_argument", problems.UPSTREAM_REFUSED, False),
    ("language", problems.UPSTREAM_REFUSED, False),
    ("too_large", problems.UPSTREAM_REFUSED, False),
    ("not_found", problems.UPSTREAM_REFUSED, False),
    ("teapot", problems.UPSTREAM_REFUSED, False),
    ("redirect", problems.UPSTREAM_REFUSED, False),
    ("internal", problems.UPSTREAM_GARBLED, True),
    ("bad_gateway", problems.UPSTREAM_UNREACHABLE, True),
    ("gateway_timeout", problems.UPSTREAM_TIMEOUT, True),
    ("unavailable", problems.UPSTREAM_BUSY, True),
    ("reason_error", problems.UPSTREAM_GARBLED, True),
    ("reset", problems.UPSTREAM_UNREACHABLE, True),
    ("big=35", problems.UPSTREAM_GARBLED, True),
    ("hang", problems.UPSTREAM_TIMEOUT, True),
    ("hang_mid", problems.UPSTREAM_TIMEOUT, True),
]


@pytest.mark.parametrize(("fault", "kind", "charged"), FAILURES, ids=[row[0] for row in FAILURES])
async def test_each_failure_is_a_problem_that_says_whether_it_cost(
    fault: str, kind: ProblemType, charged: bool
) -> None:
    with StabilityRest() as upstream:
        upstream.always(fault)
        with pytest.raises(UpstreamFailed) as caught:
            await made(upstream, key="sk-canary", seconds=20 if "hang" not in fault else 0.5)

        assert (caught.value.kind, caught.value.charged) == (kind, charged)
        assert "canary" not in caught.value.detail
        assert [len(upstream.ledger.calls()), len(upstream.forms)] == [int(charged), 1]


def test_every_refusal_of_the_service_is_a_row() -> None:
    filtered = {"invalid_prompt", "public_figure"}

    assert REFUSALS.keys() - filtered <= {fault for fault, _, _ in FAILURES}


@pytest.mark.parametrize(("fault", "pause"), [("rate_limited", 60), ("rate_limited retry_after=7", 7)])
async def test_who_asked_too_often_stays_away_for_a_minute(fault: str, pause: float) -> None:
    """The service shuts such a caller out for a minute, and does not say so in Retry-After."""
    with StabilityRest() as upstream:
        upstream.always(fault)
        with pytest.raises(UpstreamFailed) as caught:
            await made(upstream)

    assert caught.value.pause == pause


async def test_a_reader_is_told_of_prompts_in_another_language() -> None:
    with StabilityRest() as upstream:
        upstream.always("language")
        with pytest.raises(UpstreamFailed, match="in English only"):
            await made(upstream)


async def test_without_a_connection_nothing_was_paid() -> None:
    with StabilityRest() as upstream, FaultyTcp(int(upstream.host.partition(":")[2])) as chaos:
        chaos.commit("refuse")
        generator = Stability(f"http://127.0.0.1:{chaos.port}")
        with pytest.raises(UpstreamFailed) as caught:
            await generator.generate(ORDER, KEY, 5)
        await generator.close()

        assert upstream.ledger.calls() == []
    assert caught.value.kind is problems.UPSTREAM_UNREACHABLE


async def test_a_dead_host_fails_at_once_and_costs_nothing() -> None:
    with StabilityRest() as upstream:
        url = upstream.url
    generator = Stability(url)

    with pytest.raises(UpstreamFailed) as caught:
        await generator.generate(ORDER, KEY, 20)

    assert (caught.value.kind, caught.value.charged) == (problems.UPSTREAM_UNREACHABLE, False)


async def test_large_pictures_pass() -> None:
    """2336x992 pixels of noise, the largest that was seen, as a PNG."""
    with StabilityRest() as upstream:
        upstream.always("noise")
        answer = await made(upstream, replace(ORDER, width=1536, height=640))

    assert len(answer.picture) > 6_900_000


async def test_a_caller_that_is_cancelled_ends_the_call() -> None:
    with StabilityRest() as upstream:
        upstream.always("hang")
        waiting = asyncio.create_task(made(upstream))
        await asyncio.to_thread(upstream.wait_for_calls, 1)
        waiting.cancel()
        await asyncio.wait([waiting])

        await asyncio.to_thread(upstream.wait_until_idle)
        assert waiting.cancelled()


async def test_the_doctor_sees_key_engines_and_balance() -> None:
    with StabilityRest(key="right") as upstream:
        good = await checked(upstream, "right")
        upstream.always("out_of_credits")
        unpaid = await checked(upstream, "right")
        upstream.clear()
        wrong = await checked(upstream, "wrong")
    dead = await checked(upstream, "right")

    assert [(part, fine) for part, fine, _ in good] == [
        ("generator", True),
        ("engine core", True),
        ("engine an-old-one", False),
        ("balance", True),
    ]
    assert good[-1][2] == "1250.5 credits"
    assert unpaid[-1] == ("balance", True, "the upstream has no answer")
    assert wrong[1] == ("key", False, "the upstream denies access")
    assert [fine for _, fine, _ in dead] == [False]
    assert "right" not in str([good, unpaid, wrong, dead])


async def checked(upstream: StabilityRest, key: str) -> list[tuple[str, bool, str]]:
    generator = Stability(upstream.url, key)
    try:
        found = await generator.checks(["core", "an-old-one"])
    finally:
        await generator.close()
    return [(each.part, each.good, each.detail) for each in found]
