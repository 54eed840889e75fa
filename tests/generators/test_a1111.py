"""The generator `a1111` over real HTTP: what is sent, what each answer means, and what `doctor` says."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from promptcdn import problems
from promptcdn.checks import Check
from promptcdn.generators import Made
from promptcdn.generators.a1111 import A1111, ANSWER_MAX, DECLARATION, answers, wire
from promptcdn.generators.a1111.engines import names_checkpoint
from promptcdn.generators.a1111.names import SAMPLERS
from promptcdn.generators.care.breakers import LocalBreaker
from promptcdn.generators.declaration import Given
from promptcdn.generators.http import Reply, Timings
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url import parameters
from promptcdn.url.request import Resolved
from tests.support.fakes import picture
from tests.upstream import a1111 as stand_in
from tests.upstream.a1111 import A1111Upstream

pytestmark = pytest.mark.anyio

ORDER = Resolved("a1111", "loaded", "a lighthouse", 7, 512, 512, 20, 7.0)
NAMED = replace(ORDER, engine="dreamshaper_8")
KEY = "c0ffee" + "0" * 58
QUICK = Timings(connect=20)


async def made(upstream: A1111Upstream, order: Resolved = ORDER, *, seconds: float = 20, **options: Any) -> Made:
    """What the generator gives for one order."""
    generator = A1111(upstream.url, timings=QUICK, **options)
    try:
        return await generator.generate(order, KEY, seconds)
    finally:
        await generator.close()


async def sent(order: Resolved, **options: Any) -> dict[str, Any]:
    """The body in which one order arrived."""
    with A1111Upstream() as upstream:
        await made(upstream, order, **options)
        (request,) = upstream.requests
        assert (request.method, request.path) == ("POST", "/sdapi/v1/txt2img")
        body: dict[str, Any] = request.json
        return body


async def failure(upstream: A1111Upstream, order: Resolved = ORDER, seconds: float = 20) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as caught:
        await made(upstream, order, seconds=seconds)
    assert "canary" not in caught.value.detail
    return caught.value


# What is sent


async def test_every_parameter_reaches_the_server() -> None:
    order = Resolved(
        *("a1111", "dreamshaper_8", "a lighthouse", 4294967295, 1152, 896, 42, 7.25),
        negative_prompt="fog, people",
        sampler="k_euler_ancestral",
    )

    assert await sent(order) == {
        "prompt": "a lighthouse",
        "negative_prompt": "fog, people",
        "seed": 4294967295,
        "width": 1152,
        "height": 896,
        "steps": 42,
        "cfg_scale": 7.25,
        "sampler_name": "Euler a",
        "batch_size": 1,
        "n_iter": 1,
        "send_images": True,
        "save_images": False,
        "override_settings": {"sd_model_checkpoint": "dreamshaper_8"},
        "override_settings_restore_afterwards": True,
    }


async def test_what_is_not_asked_for_is_the_servers_to_choose() -> None:
    assert not await sent(ORDER) & {"sampler_name": 0, "scheduler": 0, "override_settings": 0}.keys()


async def test_the_checkpoint_stays_loaded_where_each_url_names_one() -> None:
    assert (await sent(NAMED, restores=False))["override_settings_restore_afterwards"] is False


async def test_a_seed_of_nought_is_sent_as_it_is() -> None:
    """To these servers it is a seed like others."""
    assert (await sent(replace(ORDER, seed=0)))["seed"] == 0


@pytest.mark.parametrize("sampler", parameters.SAMPLERS)
def test_every_sampler_has_a_name_at_the_server(sampler: str) -> None:
    body = wire.request(replace(ORDER, sampler=sampler), restores=True, syntax=False)

    assert body["sampler_name"] == SAMPLERS[sampler]


SYNTAX = "a (cat:1.3) <lora:x:1> BREAK [a:b:0.5]"


async def test_the_syntax_of_prompts_is_plain_text() -> None:
    order = replace(ORDER, prompt=SYNTAX, negative_prompt=SYNTAX)
    body, allowed = await sent(order), await sent(order, syntax=True)

    assert body["prompt"] == body["negative_prompt"] == r"a \(cat:1.3\) < lora:x:1> break \[a:b:0.5\]"
    assert allowed["prompt"] == allowed["negative_prompt"] == SYNTAX


@pytest.mark.parametrize("syntax", [False, True])
async def test_settings_in_a_prompt_change_nothing(syntax: bool) -> None:
    """A reader's `<sd_cpp_extra_args>` changed seed and size of a real sd-server."""
    settings = '<sd_cpp_extra_args>{"seed":99,"width":128,"height":128}</sd_cpp_extra_args>'
    with A1111Upstream("sd-server") as upstream:
        await made(upstream, replace(ORDER, prompt=f"a lighthouse {settings}"), syntax=syntax)
        (drawn,) = upstream.ledger.calls()

    assert (drawn.seeds, drawn.width, drawn.height) == ((7,), 512, 512)


async def test_user_and_password_are_sent() -> None:
    ann: dict[str, Any] = {"user": "ann", "password": "sécret:"}
    with A1111Upstream(**ann) as upstream:
        assert (await failure(upstream)).kind is problems.UPSTREAM_UNAUTHORIZED
        assert (await made(upstream, **ann)).seed_echo == 7
        assert [call.authorization for call in upstream.ledger.calls()] == ["right"]


def test_a_user_in_the_address_is_refused_without_quoting_it() -> None:
    with pytest.raises(ValueError, match="A1111_URL: an address has no user") as caught:
        A1111("http://ann:canary@127.0.0.1:7860")
    assert "canary" not in str(caught.value)


# Answers


@pytest.mark.parametrize("fault", ["", "data_url", "empty_info", "no_info", "odd_info", "info_object"])
async def test_a_picture_is_taken_whatever_surrounds_it(fault: str) -> None:
    with A1111Upstream() as upstream:
        upstream.script(fault)
        answer = await made(upstream)

    assert answer.picture.startswith(b"\x89PNG")
    assert answer.seed_sent == 7
    assert answer.seed_echo == (7 if fault in ("", "data_url", "info_object") else 0)


async def test_another_seed_is_told() -> None:
    with A1111Upstream() as upstream:
        upstream.script("wrong_seed")
        assert (await made(upstream)).seed_echo == 8


@pytest.mark.parametrize("kind", ["sd-server", "koboldcpp"])
async def test_servers_that_say_nothing_of_a_picture_are_understood(kind: stand_in.Kind) -> None:
    with A1111Upstream(kind) as upstream:
        assert (await made(upstream, replace(NAMED, sampler="k_lms"))).seed_echo == 0


REFUSED: list[tuple[str, ProblemType, bool]] = [
    ("no_api", problems.UPSTREAM_REFUSED, False),
    ("no_route", problems.UPSTREAM_REFUSED, False),
    ("no_sampler", problems.UPSTREAM_REFUSED, False),
    ("no_sampler_forge", problems.UPSTREAM_REFUSED, False),
    ("unauthenticated", problems.UPSTREAM_UNAUTHORIZED, False),
    ("invalid_argument", problems.UPSTREAM_REFUSED, False),
    ("rate_limited", problems.UPSTREAM_BUSY, False),
    ("busy", problems.UPSTREAM_BUSY, False),
    ("unavailable", problems.UPSTREAM_BUSY, True),
    ("internal", problems.UPSTREAM_GARBLED, True),
    ("redirect", problems.UPSTREAM_REFUSED, True),
    ("reset", problems.UPSTREAM_UNREACHABLE, True),
    ("hang", problems.UPSTREAM_TIMEOUT, True),
    ("hang_mid", problems.UPSTREAM_TIMEOUT, True),
    ("html", problems.UPSTREAM_GARBLED, True),
    ("huge", problems.UPSTREAM_GARBLED, True),
    ("no_picture", problems.UPSTREAM_GARBLED, True),
    ("no_images", problems.UPSTREAM_GARBLED, True),
    ("not_an_object", problems.UPSTREAM_GARBLED, True),
    ("not_base64", problems.UPSTREAM_GARBLED, True),
]


@pytest.mark.parametrize(("fault", "kind", "drawn"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_every_fault_has_its_problem(fault: str, kind: ProblemType, drawn: bool) -> None:
    with A1111Upstream() as upstream:
        upstream.script(fault)
        failed = await failure(upstream, seconds=1 if "hang" in fault else 20)

        assert failed.kind is kind
        assert len(upstream.ledger.calls()) == drawn
        # A redirect is refused as it comes: whoever redirects has not drawn.
        assert failed.charged == (drawn and fault != "redirect")


def test_the_table_of_faults_is_whole() -> None:
    assert {*stand_in.REFUSALS, *stand_in.BREAKS} <= {row[0] for row in REFUSED}


async def test_a_server_without_its_api_is_told_as_that() -> None:
    with A1111Upstream() as upstream:
        upstream.script("no_api")
        assert "--api" in (await failure(upstream)).detail


async def test_a_sampler_that_the_server_lacks_is_named() -> None:
    with A1111Upstream() as upstream:
        upstream.script("no_sampler")
        failed = await failure(upstream, replace(ORDER, sampler="k_lms"))

    assert failed.detail == "the upstream has no sampler k_lms"


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (replace(ORDER, engine="sd_xl_turbo"), "the checkpoint sd_xl_turbo: it drew with another one"),
        (replace(ORDER, sampler="ddpm"), "the sampler ddpm: it drew with another one"),
    ],
    ids=["checkpoint", "sampler"],
)
async def test_a_picture_by_another_checkpoint_or_sampler_is_refused(order: Resolved, words: str) -> None:
    """The server takes another one without a word, and the picture would not be what its key says."""
    with A1111Upstream() as upstream:
        failed = await failure(upstream, order)

    assert (failed.kind, failed.charged) == (problems.UPSTREAM_REFUSED, True)
    assert words in failed.detail


@pytest.mark.parametrize(
    ("engine", "names", "same"),
    [
        ("dreamshaper_8", ("dreamshaper_8",), True),
        ("dreamshaper_8.safetensors", ("dreamshaper_8",), True),
        ("Dreamshaper_8", ("", "dreamshaper_8.safetensors [879db523c3]"), True),
        ("sdxl/base", ("sdxl\\base.safetensors",), True),
        ("879db523c3", ("dreamshaper_8.safetensors [879db523c3]",), True),
        ("879db523c3", ("dreamshaper_8", "879db523c3"), True),
        ("sd_xl_base_1.0", ("sd_xl_base_1.0",), True),
        ("sd_xl_base_1.0", ("sd_xl_base_1",), False),
        ("dreamshaper_8", ("dreamshaper_7", "879db523c3"), False),
        ("dreamshaper_8", ("", ""), False),
    ],
)
def test_a_checkpoint_is_known_by_every_name_it_has(engine: str, names: tuple[str, ...], same: bool) -> None:
    assert names_checkpoint(engine, *names) is same


@pytest.mark.parametrize("seed", [0, -1, None, "7", True, 7.0, [7]])
def test_an_echo_that_is_no_seed_says_nothing(seed: object) -> None:
    document = {"images": ["aGVsbG8="], "info": json.dumps({"seed": seed})}

    assert answers.made(Reply(200, {}, json.dumps(document).encode()), ORDER) == Made(b"hello", 7)


def test_a_sampler_that_is_not_said_is_no_other_one() -> None:
    document = {"images": ["aGVsbG8="], "info": json.dumps({"sampler_name": None})}
    order = replace(ORDER, sampler="k_euler")

    assert answers.made(Reply(200, {}, json.dumps(document).encode()), order).picture == b"hello"


def test_the_largest_picture_fits_into_an_answer() -> None:
    assert len(picture((1536, 1536), compress_level=0)) * 4 / 3 < ANSWER_MAX


# What doctor says


async def checks(upstream: A1111Upstream, *engines: str, **options: Any) -> tuple[Check, ...]:
    generator = A1111(upstream.url, timings=replace(QUICK, account=1), **options)
    try:
        return await generator.checks(engines)
    finally:
        await generator.close()


async def test_doctor_finds_the_server_and_its_checkpoints() -> None:
    with A1111Upstream() as upstream:
        found = await checks(upstream, "loaded", "dreamshaper_8", "sdxl-turbo")
        assert upstream.ledger.calls() == []

    assert [(check.part, check.good) for check in found] == [
        ("generator", True),
        ("engine loaded", True),
        ("engine dreamshaper_8", True),
        ("engine sdxl-turbo", False),
    ]
    assert found[1].detail == "the server has loaded sd_xl_base_1.0"
    assert found[3].advice == "it has: dreamshaper_8, sd_xl_base_1.0"


@pytest.mark.parametrize(
    ("fault", "detail", "advice"),
    [
        ("no_api", "--api", "A1111_URL"),
        ("unauthenticated", "answered 401", "A1111_PASSWORD"),
        ("unauthenticated", "answered 401", "A1111_URL: another server may answer there"),
        ("hang", "did not answer in time", "whether the server runs"),
    ],
)
async def test_doctor_says_what_is_wrong_with_a_server(fault: str, detail: str, advice: str) -> None:
    with A1111Upstream() as upstream:
        upstream.always(fault)
        (*_, last) = await checks(upstream, "loaded")

    assert not last.good
    assert detail in last.detail
    assert advice in last.advice


async def test_a_401_asks_to_check_the_password_and_the_address(caplog: pytest.LogCaptureFixture) -> None:
    """Another server at a wrong address denies access as well as the right one."""
    with A1111Upstream() as upstream:
        upstream.always("unauthenticated")
        settings = {"a1111_url": upstream.url, "a1111_user": "ann", "a1111_password": "canary", "a1111_upscaler": ""}
        given = Given({**settings, "prompt_syntax": ""}, 5, LocalBreaker(), "loaded")
        generator = DECLARATION.opened(given)
        with pytest.raises(UpstreamFailed):
            await generator.generate(ORDER, KEY)
        await generator.close()

    (told,) = (line.message for line in caplog.records if line.levelno == logging.ERROR)
    assert "A1111_USER and A1111_PASSWORD" in told
    assert "A1111_URL" in told
    assert "canary" not in caplog.text


async def test_nothing_secret_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    generator = A1111("http://127.0.0.1:1", "ann", "canary")
    with pytest.raises(UpstreamFailed):
        await generator.generate(ORDER, KEY, 5)
    await generator.close()

    assert "canary" not in repr(generator) + caplog.text
