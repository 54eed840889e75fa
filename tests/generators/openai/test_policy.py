"""The `openai` generator, the policy: which server it is, what is sent to each, and what their answers mean."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn import problems
from promptcdn.generators import Made
from promptcdn.generators.http import Reply
from promptcdn.generators.openai import DECLARATION, answers, wire
from promptcdn.generators.openai.answers import Elsewhere
from promptcdn.generators.openai.engines import RATIOS, families, ratio
from promptcdn.generators.openai.prices import PRICES
from promptcdn.generators.openai.servers import BY_NAME, SERVERS, Server, server
from promptcdn.generators.registry import limits
from promptcdn.money.costs import Prices
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.engines import engine
from promptcdn.url.request import Resolved

ORDER = Resolved("openai", "loaded", "a lighthouse", 7, 1152, 896, 20, 7.0)
FULL = replace(ORDER, negative_prompt="fog", cfg_scale=3.5)
TAG = re.compile(r"<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>")


@pytest.mark.parametrize(
    ("named", "host", "found"),
    [
        ("", "api.openai.com", "openai"),
        ("", "api.x.ai", "xai"),
        ("", "api.together.xyz", "together"),
        ("", "api.deepinfra.com", "deepinfra"),
        ("", "api.openai.com.evil.example", "other"),
        ("", "127.0.0.1", "other"),
        ("sd-cpp", "api.openai.com", "sd-cpp"),
    ],
)
def test_a_server_is_the_one_that_is_named_or_known(named: str, host: str, found: str) -> None:
    assert server(named, host).name == found


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("openai", {"size": "1152x896", "output_format": "png"}),
        ("xai", {"aspect_ratio": "4:3", "resolution": "1k", "response_format": "b64_json"}),
        (
            "together",
            {
                "width": 1152,
                "height": 896,
                "seed": 7,
                "steps": 20,
                "guidance_scale": 3.5,
                "negative_prompt": "fog",
                "response_format": "base64",
                "output_format": "png",
            },
        ),
        ("deepinfra", {"size": "1152x896", "response_format": "b64_json"}),
        ("hf-serve", {"size": "896x1152", "response_format": "b64_json", "model": "loaded"}),
        ("other", {"size": "1152x896", "response_format": "b64_json", "seed": 7}),
        *[
            (
                kind,
                {
                    "size": "1152x896",
                    "response_format": "b64_json",
                    "seed": 7,
                    "num_inference_steps": 20,
                    "guidance_scale": 3.5,
                    "negative_prompt": "fog",
                },
            )
            for kind in ("vllm-omni", "sglang")
        ],
    ],
)
def test_each_server_is_sent_what_it_understands(kind: str, sent: dict[str, Any]) -> None:
    assert wire.body(FULL, BY_NAME[kind]) == {"prompt": "a lighthouse", "n": 1, **sent}


def test_localai_gets_the_negative_prompt_behind_a_bar() -> None:
    assert wire.body(FULL, BY_NAME["localai"]) == {
        "prompt": "a lighthouse|fog",
        "n": 1,
        "size": "1152x896",
        "response_format": "b64_json",
        "seed": 7,
        "step": 20,
    }


def test_a_readers_bar_makes_no_negative_prompt() -> None:
    sent = wire.body(replace(ORDER, prompt="a lighthouse|fog"), BY_NAME["localai"])

    assert "|" not in sent["prompt"]


def test_stable_diffusion_cpp_gets_its_settings_in_the_tag() -> None:
    sent = wire.body(FULL, BY_NAME["sd-cpp"])
    (tag,) = TAG.findall(sent.pop("prompt"))

    assert sent == {"n": 1, "size": "1152x896", "output_format": "png"}
    assert json.loads(tag) == {
        "seed": 7,
        "negative_prompt": "fog",
        "sample_params": {"sample_steps": 20, "guidance": {"txt_cfg": 3.5}},
    }


ATTACKS = st.lists(
    st.sampled_from(["<sd_cpp_extra_args>", "</sd_cpp_extra_args>", '{"seed":99}', "<", "_", "|", "a"]), max_size=8
).map("".join)


@given(prompt=ATTACKS, negative=ATTACKS)
def test_no_prompt_moves_our_seed_in_the_tag(prompt: str, negative: str) -> None:
    asked = replace(ORDER, prompt=prompt, negative_prompt=negative or None)
    sent = wire.body(asked, BY_NAME["sd-cpp"], syntax_allowed=True)

    (tag,) = TAG.findall(sent["prompt"])
    assert json.loads(tag)["seed"] == 7


def test_the_operators_own_fields_never_replace_ours() -> None:
    sent = wire.body(ORDER, BY_NAME["openai"], extra={"quality": "low", "size": "1x1", "output_format": "webp"})

    assert (sent["quality"], sent["size"], sent["output_format"]) == ("low", "1152x896", "webp")


def test_the_default_model_is_not_named() -> None:
    assert "model" not in wire.body(ORDER, BY_NAME["vllm-omni"])
    assert wire.body(replace(ORDER, engine="flux"), BY_NAME["vllm-omni"])["model"] == "flux"


@pytest.mark.parametrize("kind", sorted(BY_NAME))
def test_models_of_openai_behind_a_gateway_get_only_its_fields(kind: str) -> None:
    sent = wire.body(replace(FULL, engine="openai/gpt-image-2"), BY_NAME[kind])

    assert not sent.keys() & {"seed", "response_format", "negative_prompt", "guidance_scale", "step", "steps"}
    assert wire.seed_sent(replace(FULL, engine="openai/gpt-image-2"), BY_NAME[kind]) == 0


@given(seed=st.integers(0, 4294967295), kind=st.sampled_from(SERVERS))
def test_a_seed_is_never_nought_and_never_too_large(seed: int, kind: Any) -> None:
    sent = wire.seed_on_the_wire(seed, kind.seed_max)

    assert 1 <= sent <= kind.seed_max
    assert sent == seed or seed == 0 or seed > kind.seed_max


def test_what_is_sent_for_seed_nought_is_frozen() -> None:
    assert wire.seed_on_the_wire(0) == 2_654_435_769
    assert wire.seed_on_the_wire(0, 2147483647) == 506_952_123
    assert wire.seed_on_the_wire(4294967295, 2147483647) == 2


@pytest.mark.parametrize(
    ("kind", "name", "allowed", "seeded"),
    [
        ("openai", "gpt-image-1.5", (1536, 1024), False),
        ("openai", "gpt-image-2", (1216, 832), False),
        ("xai", "grok-imagine-image", (1344, 768), False),
        ("together", "black-forest-labs/FLUX.1.1-pro", (1536, 256), True),
        ("together", "black-forest-labs/FLUX.1-schnell", (1344, 768), True),
        ("hf-serve", "loaded", (512, 512), False),
        ("sd-cpp", "loaded", (512, 512), True),
        ("other", "loaded", (512, 512), False),
        ("localai", "gpt-image-2", (1024, 1024), False),
    ],
)
def test_engines_have_their_sizes_and_seeds(kind: str, name: str, allowed: tuple[int, int], seeded: bool) -> None:
    found = engine(name, families(BY_NAME[kind]))

    assert found.allows(allowed)
    assert found.allows(found.default_size)
    assert found.seeded is seeded


@pytest.mark.parametrize(
    ("kind", "name", "size"),
    [
        ("openai", "gpt-image-1-mini", (1216, 832)),
        ("openai", "gpt-image-2", (512, 512)),
        ("openai", "gpt-image-2", (1536, 448)),
        ("xai", "grok-imagine-image", (512, 512)),
    ],
)
def test_sizes_that_an_engine_cannot_draw_are_refused(kind: str, name: str, size: tuple[int, int]) -> None:
    assert not engine(name, families(BY_NAME[kind])).allows(size)


def test_an_engine_of_few_steps_takes_few() -> None:
    assert engine("FLUX.1-schnell", families(BY_NAME["together"])).steps == (1, 4)
    assert engine("FLUX.1-schnell", families(BY_NAME["deepinfra"])).steps == (1, 150)


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "name", ["grok-imagine-image", "a/FLUX.1-schnell", "a/FLUX.1-kontext-pro", "a/FLUX.2", "loaded"]
)
def test_who_is_asked_by_shape_is_known_without_the_settings(kind: Server, name: str) -> None:
    """A picture in the spool may be stored by a process that has other ones."""
    if kind.by_shape(name) and (kind.name != "xai" or name.startswith("grok")):
        assert engine(name, families(kind)).by_shape
        assert limits(replace(ORDER, engine=name)).by_shape


def test_each_size_that_is_asked_by_shape_has_its_ratio() -> None:
    assert [ratio(size) for size in RATIOS] == list(RATIOS.values())


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: str(kind.name))
def test_what_costs_nothing_has_no_price(kind: Server) -> None:
    """Or `/info` and `promptcdn engines` name credits, and a budget counts them."""
    found = DECLARATION.under(dict.fromkeys(DECLARATION.settings, "") | {"openai_server": kind.name})

    assert bool(found.prices) is found.paid


def test_the_default_engine_of_each_paid_server_has_a_price() -> None:
    for kind in SERVERS:
        order = replace(ORDER, engine=kind.engine)
        assert Prices(published={"openai": PRICES}).cost(order).millicredits > 0


PNG = b"\x89PNG picture"
CODED = b64encode(PNG).decode()


def reply(document: Any, status: int = 200, **headers: str) -> Reply:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"data": [{"b64_json": CODED}]}, Made(PNG, 7)),
        ({"data": [{"b64_json": CODED, "seed": 7}]}, Made(PNG, 7, 7)),
        ({"data": [{"b64_json": f"data:image/png;base64,{CODED}"}]}, Made(PNG, 7)),
        ({"data": [{"b64_json": CODED, "url": "https://x/a"}]}, Made(PNG, 7)),
        ({"data": [{"b64_json": None, "url": f"data:image/png;base64,{CODED}"}]}, Made(PNG, 7)),
        ({"data": [{"url": "https://x/a.png"}]}, Elsewhere("https://x/a.png", 0)),
        ({"data": [{"b64_json": CODED, "respect_moderation": False}]}, Made(b"", 7, filtered=True)),
        ({"data": [{"b64_json": ""}], "respect_moderation": False}, Made(b"", 7, filtered=True)),
    ],
)
def test_an_answer_is_read(document: Any, found: Made | Elsewhere) -> None:
    assert answers.read(reply(document), seed=7, engine="e") == found


def failed(answer: Reply) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as raised:
        answers.read(answer, seed=7, engine="e")
    assert "canary" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    "document",
    [
        b"<!doctype html><title>canary</title>",
        b"",
        b"[" * 100_000,
        b"\xff\xfe",
        [],
        {},
        {"data": []},
        {"data": [[]]},
        {"data": {"url": "https://x/a"}},
        {"data": [{"b64_json": "not base64!"}]},
        {"data": [{"b64_json": "ä"}]},
        {"data": [{"b64_json": 7}]},
        {"data": [{}]},
    ],
)
def test_an_answer_without_a_picture_is_paid_for_and_told(document: Any) -> None:
    failure = failed(reply(document))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_GARBLED, True)


def test_an_empty_list_is_a_refusal_where_the_server_says_so() -> None:
    found = answers.read(reply({"data": []}), seed=0, engine="e", silent_filter=True)

    assert found == Made(b"", 0, filtered=True)


def openai_error(**parts: str | None) -> dict[str, Any]:
    return {"error": {"message": "canary", "type": None, "param": None, "code": None, **parts}}


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (400, openai_error(code="moderation_blocked")),
        (400, openai_error(code="content_policy_violation", type="invalid_request_error")),
        (400, openai_error(message="Your request was rejected as a result of our safety system. canary")),
        (403, {"error": "Content violates usage guidelines: canary"}),
        (422, {"detail": "NSFW content was found in the prompt: canary"}),
    ],
)
def test_a_refusal_by_the_filter_is_no_error(status: int, document: Any) -> None:
    found = answers.read(reply(document, status), seed=7, engine="e")

    assert found == Made(b"", 7, filtered=True)


@pytest.mark.parametrize(
    ("status", "document", "kind", "charged"),
    [
        (400, openai_error(code="unknown_parameter"), problems.UPSTREAM_REFUSED, False),
        (400, openai_error(code="billing_hard_limit_reached"), problems.UPSTREAM_UNPAID, False),
        (401, openai_error(code="invalid_api_key"), problems.UPSTREAM_UNAUTHORIZED, False),
        (403, {"error": "insufficient balance, canary"}, problems.UPSTREAM_UNPAID, False),
        (403, openai_error(), problems.UPSTREAM_UNAUTHORIZED, False),
        (
            403,
            {"error": "Your account is suspended: it violates our usage policy"},
            problems.UPSTREAM_UNAUTHORIZED,
            False,
        ),
        (402, b"", problems.UPSTREAM_UNPAID, False),
        (404, openai_error(code="model_not_found"), problems.UPSTREAM_REFUSED, False),
        (422, {"detail": [{"loc": ["body", "model"]}], "body": {"prompt": "nsfw"}}, problems.UPSTREAM_REFUSED, False),
        (429, openai_error(type="insufficient_quota"), problems.UPSTREAM_UNPAID, False),
        (429, openai_error(code="project_spend_limit_exceeded"), problems.UPSTREAM_UNPAID, False),
        (429, openai_error(code="rate_limit_exceeded"), problems.UPSTREAM_BUSY, False),
        (500, openai_error(message="content policy canary"), problems.UPSTREAM_GARBLED, True),
        (503, openai_error(code="server_overloaded"), problems.UPSTREAM_BUSY, False),
        (503, b"<html>no healthy upstream", problems.UPSTREAM_BUSY, True),
        (301, b"", problems.UPSTREAM_REFUSED, False),
        (204, b"", problems.UPSTREAM_GARBLED, True),
    ],
)
def test_an_error_is_told_as_what_it_is(status: int, document: Any, kind: ProblemType, charged: bool) -> None:
    failure = failed(reply(document, status))

    assert (failure.kind, failure.charged) == (kind, charged)


def test_a_rate_that_is_over_says_when_to_come_back() -> None:
    assert failed(reply(openai_error(code="rate_limit_exceeded"), 429, retry_after="9")).pause == 9


def test_an_echo_says_nothing_where_no_seed_was_sent() -> None:
    found = answers.read(reply({"data": [{"b64_json": CODED, "seed": 99}]}), seed=0, engine="e")

    assert found == Made(PNG, 0, 0)
