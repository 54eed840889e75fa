"""The generator `stability` against a real gRPC server: what goes over the wire, and every trap of the SDK's client."""

import asyncio
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import trustme

from promptcdn import problems
from promptcdn.generators import Made
from promptcdn.generators.stability import Stability
from promptcdn.generators.stability.grpc import wire
from promptcdn.generators.stability.grpc.address import address
from promptcdn.generators.stability.grpc.statuses import MEANINGS
from promptcdn.generators.stability.grpc.stubs import messages
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.parameters import GUIDANCE_PRESETS, SAMPLERS, STYLE_PRESETS
from promptcdn.url.request import Resolved
from tests.upstream import Call, Upstream
from tests.upstream.faults import KNOWN

pytestmark = pytest.mark.anyio

ORDER = Resolved("stability", "stable-diffusion-xl-1024-v1-0", "a lighthouse", 7, 1024, 1024, 30, 7.0)
KEY = "c0ffee" + "0" * 58


async def made(upstream: Upstream, order: Resolved = ORDER, key: str | None = None, seconds: float = 20) -> Made:
    """What the generator gives for one order."""
    generator = Stability(upstream.url, key)
    try:
        return await generator.generate(order, KEY, seconds)
    finally:
        await generator.close()


async def call(order: Resolved, key: str | None = None) -> Call:
    """How one order arrived."""
    with Upstream(key="right") as upstream:
        await made(upstream, order, key)
        (arrived,) = upstream.ledger.calls()
        return arrived


async def test_every_parameter_reaches_the_wire() -> None:
    order = Resolved(
        *("stability", "an-engine", "a lighthouse", 4294967295, 1152, 896, 42, 7.25),
        *(3, "fog, people", "k_euler", None, "line-art", "fast_blue"),
    )

    arrived = await call(order)

    assert arrived.request_id == KEY
    assert arrived.engine == "an-engine"
    assert arrived.prompts == (("a lighthouse", 1.0), ("fog, people", -1.0))
    assert (arrived.width, arrived.height, arrived.steps, arrived.samples) == (1152, 896, 42, 1)
    assert arrived.seeds == (4294967295,)
    assert arrived.cfg_scale == 7.25
    assert arrived.sampler == "SAMPLER_K_EULER"
    assert arrived.style == "line-art"
    assert arrived.guidance == "GUIDANCE_PRESET_FAST_BLUE"


async def test_what_is_not_asked_for_is_not_sent() -> None:
    arrived = await call(ORDER)

    assert arrived.prompts == (("a lighthouse", 1.0),)
    assert (arrived.sampler, arrived.style, arrived.guidance) == (None, None, None)
    assert arrived.extras == ()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_has_its_number_also_ddim_which_is_nought(sampler: str) -> None:
    request = wire.generation_request(replace(ORDER, sampler=sampler), KEY)

    assert request.image.transform.WhichOneof("type") == "diffusion"
    assert messages.DiffusionSampler.Name(request.image.transform.diffusion) == f"SAMPLER_{sampler.upper()}"


def test_the_grammar_knows_every_sampler_of_the_protocol() -> None:
    names = [name.removeprefix("SAMPLER_").lower() for name, _ in messages.DiffusionSampler.items()]

    assert sorted(names) == sorted(SAMPLERS)


async def test_ddim_arrives() -> None:
    assert (await call(replace(ORDER, sampler="ddim"))).sampler == "SAMPLER_DDIM"


def test_the_grammar_knows_every_guidance_of_the_protocol() -> None:
    names = [name.removeprefix("GUIDANCE_PRESET_").lower() for name, _ in messages.GuidancePreset.items()]

    assert sorted(names) == sorted(GUIDANCE_PRESETS)


async def test_guidance_does_not_cost_the_cfg_scale() -> None:
    arrived = await call(replace(ORDER, guidance_preset="slowest", cfg_scale=3.5))

    assert (arrived.guidance, arrived.cfg_scale) == ("GUIDANCE_PRESET_SLOWEST", 3.5)


@pytest.mark.parametrize("style", STYLE_PRESETS)
def test_every_style_is_sent_as_it_is(style: str) -> None:
    request = wire.generation_request(replace(ORDER, style_preset=style), KEY)

    assert request.extras["$IPC"]["preset"] == style


async def test_seed_nought_is_a_frozen_number_on_the_wire() -> None:
    # Repeats itself, so that the same number can be seen to give the same picture.
    with Upstream(repeats=True) as upstream:
        picture = await made(upstream, replace(ORDER, seed=0))
        again = await made(upstream, replace(ORDER, seed=0))

        assert [arrived.seeds for arrived in upstream.ledger.calls()] == [(2_654_435_769,)] * 2
        assert (picture.seed_sent, picture.seed_echo) == (2_654_435_769, 2_654_435_769)
        assert picture == again


async def test_an_echo_of_nought_is_passed_on() -> None:
    with Upstream() as upstream:
        upstream.always("seed_zero_echo")
        assert (await made(upstream)).seed_echo == 0


async def test_every_call_has_a_deadline() -> None:
    with Upstream() as upstream:
        await made(upstream, seconds=9)
        (arrived,) = upstream.ledger.calls()

        assert arrived.deadline is not None
        # gRPC rounds what is left up when it writes it down: its wire format has few digits.
        assert 0 < arrived.deadline <= 9.1


@pytest.mark.parametrize("megabytes", [1.5, 4.3, 8])
async def test_large_pictures_pass(megabytes: float) -> None:
    with Upstream() as upstream:
        upstream.always(f"big={megabytes}")

        assert len((await made(upstream)).picture) == pytest.approx(megabytes * 1_000_000, rel=0.01)


@pytest.mark.parametrize("key", ["right", None, "other"])
async def test_a_key_is_sent_on_a_plain_connection_too(key: str | None) -> None:
    assert (await call(ORDER, key)).authorization == {"right": "right", None: "none", "other": "wrong"}[key]


async def test_success_need_not_be_called_stop() -> None:
    with Upstream() as upstream:
        upstream.always("null")

        assert (await made(upstream)).picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("fault", ["keepalive", "classifier", "two", "never_closes"])
async def test_a_stream_may_hold_more_than_a_picture_and_may_stay_open(fault: str) -> None:
    with Upstream() as upstream:
        upstream.always(fault)

        assert (await made(upstream)).picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("fault", ["filter", "filter_text", "invalid_prompt"])
async def test_what_the_filter_refused_is_no_picture(fault: str) -> None:
    with Upstream() as upstream:
        upstream.always(fault)

        assert await made(upstream) == Made(b"", 7, filtered=True)


FAILURES: list[tuple[str, ProblemType, bool]] = [
    ("unavailable", problems.UPSTREAM_UNREACHABLE, True),
    ("resource_exhausted", problems.UPSTREAM_BUSY, False),
    ("rate_limited", problems.UPSTREAM_BUSY, False),
    ("out_of_credits", problems.UPSTREAM_UNPAID, False),
    ("unauthenticated", problems.UPSTREAM_UNAUTHORIZED, False),
    ("permission_denied", problems.UPSTREAM_UNAUTHORIZED, False),
    ("not_found", problems.UPSTREAM_REFUSED, False),
    ("invalid_argument", problems.UPSTREAM_REFUSED, False),
    ("unimplemented", problems.UPSTREAM_REFUSED, False),
    ("internal", problems.UPSTREAM_GARBLED, True),
    ("unknown", problems.UPSTREAM_GARBLED, True),
    ("aborted", problems.UPSTREAM_GARBLED, True),
    ("reset", problems.UPSTREAM_UNREACHABLE, True),
    ("error", problems.UPSTREAM_GARBLED, True),
    ("empty", problems.UPSTREAM_GARBLED, True),
    ("no_picture", problems.UPSTREAM_GARBLED, True),
    ("big=35", problems.UPSTREAM_GARBLED, True),
    ("hang", problems.UPSTREAM_TIMEOUT, True),
    ("hang_mid", problems.UPSTREAM_TIMEOUT, True),
]


@pytest.mark.parametrize(("fault", "kind", "charged"), FAILURES, ids=[row[0] for row in FAILURES])
async def test_each_failure_is_a_problem_that_says_whether_it_cost(
    fault: str, kind: ProblemType, charged: bool
) -> None:
    with Upstream() as upstream:
        upstream.always(fault)
        with pytest.raises(UpstreamFailed) as caught:
            await made(upstream, key="sk-canary", seconds=20 if "hang" not in fault else 0.5)

        assert (caught.value.kind, caught.value.charged) == (kind, charged)
        assert "canary" not in caught.value.detail
        # Whoever is charged is in the ledger; an UNAVAILABLE from a proxy on the way cannot be told from a lost answer.
        assert charged or upstream.ledger.calls() == []


def test_every_fault_of_the_upstream_is_used_by_a_test() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.parent.rglob("test_*.py"))

    assert [fault for fault in sorted(KNOWN) if f'"{fault}' not in text and f":{fault}" not in text] == []


def test_every_status_of_grpc_has_its_meaning() -> None:
    assert set(MEANINGS) == set(grpc.StatusCode)


async def test_a_dead_host_fails_at_once_and_costs_nothing() -> None:
    with Upstream() as upstream:
        pass  # its port is free again

    with pytest.raises(UpstreamFailed) as caught:
        await made(upstream, seconds=60)

    assert (caught.value.kind, caught.value.charged) == (problems.UPSTREAM_UNREACHABLE, False)


async def test_an_upstream_that_comes_back_is_used_again() -> None:
    with Upstream() as first:
        port = int(first.host.rpartition(":")[2])
        generator = Stability(first.url)
        await generator.generate(ORDER, KEY)
    with pytest.raises(UpstreamFailed):
        await generator.generate(ORDER, KEY)
    with Upstream(port=port):
        async with asyncio.timeout(15):
            while True:
                try:
                    await generator.generate(ORDER, KEY)
                    break
                except UpstreamFailed as failure:
                    assert not failure.charged  # noqa: PT017 - each failure on the way, not the last one
                    await asyncio.sleep(0.1)
    await generator.close()


async def test_a_caller_that_is_cancelled_ends_the_call() -> None:
    with Upstream() as upstream:
        upstream.always("hang")
        generator = Stability(upstream.url)
        task = asyncio.create_task(generator.generate(ORDER, KEY))
        await asyncio.to_thread(upstream.wait_for_calls, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(upstream.wait_until_idle)
        await generator.close()


ADDRESSES = [
    ("grpc.stability.ai:443", "grpc.stability.ai:443", True),
    ("example.org", "example.org:443", True),
    ("localhost", "localhost:50051", False),
    ("localhost:18443", "localhost:18443", False),
    ("127.1.2.3:9", "127.1.2.3:9", False),
    ("[::1]:50051", "[::1]:50051", False),
    ("10.0.0.1:50051", "10.0.0.1:50051", True),
    ("grpc://gpu.lan:50051", "gpu.lan:50051", False),
    ("grpcs://localhost", "localhost:443", True),
]


@pytest.mark.parametrize(("text", "target", "tls"), ADDRESSES, ids=[row[0] for row in ADDRESSES])
def test_without_a_scheme_only_loopback_is_plain(text: str, target: str, tls: bool) -> None:
    found = address(text)

    assert (found.target, found.tls) == (target, tls)


@pytest.mark.parametrize(
    "text", ["", "ftp://h", "grpc://", "h:port", "h:99999", "h:0", "h/path", "u@h", "a b", "api.stability.ai"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^STABILITY_HOST.*allowed: https://HOST"):
        address(text)


def in_fresh_process(code: str, **environment: str) -> str:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


CALL_OVER_TLS = """
    import asyncio, sys
    from promptcdn.generators.stability import Stability
    from promptcdn.url.request import Resolved
    async def main():
        generator = Stability(sys.argv[1] if len(sys.argv) > 1 else "{host}", "right")
        try:
            made = await generator.generate(Resolved("stability", "e", "a", 7, 64, 64, 30, 7.0), "k", 10)
            print(len(made.picture) > 100)
        except Exception as error:
            print(error.kind.code, error.charged)
        await generator.close()
    asyncio.run(main())
"""


def test_tls_certificates_are_checked(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
    with Upstream(key="right", credentials=credentials) as upstream:
        code = CALL_OVER_TLS.format(host=upstream.url)

        trusted = in_fresh_process(code, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(roots))
        untrusted = in_fresh_process(code)
        plain = in_fresh_process(code.replace("grpcs://", "grpc://"))

        assert trusted == "True\n"
        assert untrusted == plain == "upstream_unreachable False\n"
        assert [call.authorization for call in upstream.ledger.calls()] == ["right"]


def test_the_sdk_is_imported_late_and_disturbs_nothing() -> None:
    said = in_fresh_process(
        """
        import logging, sys
        import promptcdn.generators.stability as stability
        print(any(name.startswith(("grpc", "stability_sdk", "google")) for name in sys.modules))
        before = list(sys.path)
        import promptcdn.generators.stability.grpc.stubs
        print(sys.path == before)
        print([name for name, logger in logging.root.manager.loggerDict.items() if getattr(logger, "level", 0)])
        """
    )

    assert said.splitlines()[:2] == ["False", "True"]
    assert "promptcdn" not in said


def test_where_the_sdk_is_missing_the_one_command_is_named() -> None:
    said = in_fresh_process(
        """
        import sys
        sys.modules["stability_sdk"] = None
        from promptcdn.generators.stability import Stability
        try:
            Stability("localhost")
        except ImportError as error:
            print(error)
        """
    )

    assert "pip install --no-deps stability-sdk==0.8.6" in said
    assert len(said.splitlines()) == 1
