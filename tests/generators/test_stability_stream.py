"""What the generator makes of streams that no well-behaved server sends, and of connections that never come about."""

import asyncio
import socket
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from promptcdn import problems
from promptcdn.generators import Made
from promptcdn.generators.stability import Stability
from promptcdn.generators.stability.grpc.stubs import messages
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.request import Resolved
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio

ORDER = Resolved("stability", "an-engine", "a lighthouse", 7, 64, 64, 30, 7.0)
CONTENT_KEY = "c0ffee" * 8
CANARY = "sk-canary"

Stream = Callable[[bytes, grpc.ServicerContext], Iterator[bytes]]

PICTURE = messages.Artifact(type=messages.ARTIFACT_IMAGE, binary=b"a picture", seed=7, finish_reason=messages.STOP)
CHATTER = messages.Artifact(type=messages.ARTIFACT_CLASSIFICATIONS)
REJECTED = messages.Artifact(type=messages.ARTIFACT_TEXT, text="no", finish_reason=messages.FILTER)
EMPTY = messages.Artifact(type=messages.ARTIFACT_IMAGE, finish_reason=messages.STOP)


def answer(*artifacts: Any) -> bytes:
    return bytes(messages.Answer(artifacts=artifacts).SerializeToString())


@contextmanager
def server(stream: Stream) -> Iterator[str]:
    """The host of a server whose Generate is `stream`, bytes in and bytes out."""
    with ThreadPoolExecutor(4) as threads:
        serving = grpc.server(threads, options=[("grpc.so_reuseport", 0)])
        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(stream)
        service = grpc.method_handlers_generic_handler("gooseai.GenerationService", {"Generate": method})
        serving.add_generic_rpc_handlers((service,))
        port = serving.add_insecure_port("127.0.0.1:0")
        serving.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            serving.stop(0).wait()


async def made(host: str, seconds: float = 20) -> Made:
    generator = Stability(host, CANARY)
    try:
        return await generator.generate(ORDER, CONTENT_KEY, seconds)
    finally:
        await generator.close()


def of(*artifacts: Any, then: tuple[grpc.StatusCode, str] | None = None) -> Stream:
    """A stream of one answer for each artifact, which ends well or with a status."""

    def stream(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        for artifact in artifacts:
            yield answer(artifact)
        if then is not None:
            context.abort(*then)

    return stream


OUT_OF_CREDITS = (grpc.StatusCode.RESOURCE_EXHAUSTED, "out of credits")
BROKEN = (grpc.StatusCode.INTERNAL, "Something went wrong")

OUTCOMES = {
    "an empty image before the picture is passed over": (of(EMPTY, PICTURE), Made(b"a picture", 7, 7)),
    "a picture is kept though the stream breaks": (of(PICTURE, then=BROKEN), Made(b"a picture", 7, 7)),
    "a rejection after the picture counts": (of(PICTURE, REJECTED), Made(b"", 7, filtered=True)),
    "a rejection counts though the stream breaks": (of(REJECTED, then=BROKEN), Made(b"", 7, filtered=True)),
}


@pytest.mark.parametrize(("stream", "outcome"), OUTCOMES.values(), ids=OUTCOMES.keys())
async def test_a_stream_comes_to(stream: Stream, outcome: Made) -> None:
    with server(stream) as host:
        assert await made(host) == outcome


def junk(_request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
    yield b"\xff\xff\xff no protobuf"


def keepalive(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    yield answer()
    context.abort(*OUT_OF_CREDITS)


FAILURES: dict[str, tuple[Stream, ProblemType, bool]] = {
    "bytes that are no message": (junk, problems.UPSTREAM_GARBLED, True),
    "a refusal without artifacts costs nothing": (of(then=OUT_OF_CREDITS), problems.UPSTREAM_UNPAID, False),
    "a refusal after artifacts is charged": (of(CHATTER, then=OUT_OF_CREDITS), problems.UPSTREAM_UNPAID, True),
    "a keepalive is no artifact": (keepalive, problems.UPSTREAM_UNPAID, False),
    "chatter alone is no picture": (of(CHATTER), problems.UPSTREAM_GARBLED, True),
}


@pytest.mark.parametrize(("stream", "kind", "charged"), FAILURES.values(), ids=FAILURES.keys())
async def test_a_stream_fails_with(stream: Stream, kind: ProblemType, charged: bool) -> None:
    with server(stream) as host, pytest.raises(UpstreamFailed) as caught:
        await made(host)

    assert (caught.value.kind, caught.value.charged) == (kind, charged)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_a_key_that_the_upstream_quotes_is_in_no_error(code: grpc.StatusCode) -> None:
    with server(of(then=(code, f"bad key {CANARY}"))) as host, pytest.raises(UpstreamFailed) as caught:
        await made(host)

    error = caught.value
    assert error.__context__ is None, "whoever logs the error logs what is under it"
    assert CANARY not in "".join(traceback.format_exception(error)) + repr(error) + str(error.document())
    assert code.name in error.detail


@pytest.mark.parametrize("key", [f"{CANARY}\n", f"{CANARY}é", f"{CANARY} {CANARY}"])
def test_a_key_that_no_header_carries_is_refused_at_start(key: str) -> None:
    with pytest.raises(ValueError, match="STABILITY_KEY") as caught:
        Stability("localhost", key)

    assert CANARY not in str(caught.value)


def test_the_key_is_not_in_the_repr() -> None:
    assert CANARY not in repr(Stability("localhost", CANARY))


async def test_a_host_that_never_answers_costs_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(UpstreamFailed) as caught:
        await made(f"127.0.0.1:{mute.getsockname()[1]}", seconds=1)

    assert (caught.value.kind, caught.value.charged) == (problems.UPSTREAM_UNREACHABLE, False)


async def test_an_upstream_that_is_back_is_used_by_the_next_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    generator = Stability(f"127.0.0.1:{port}")
    for _ in range(20):  # with gRPC's own back-off the next try would be a minute away
        with pytest.raises(UpstreamFailed):
            await generator.generate(ORDER, CONTENT_KEY)

    with Upstream(port=port):
        await generator.generate(ORDER, CONTENT_KEY)
    await generator.close()


async def test_a_proxy_for_http_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with server(of(PICTURE)) as host:
        assert (await made(host)).picture == b"a picture"


async def test_closing_waits_for_no_call_and_breaks_none() -> None:
    with Upstream() as upstream:
        generator = Stability(upstream.url)
        upstream.hold()
        call = asyncio.create_task(generator.generate(ORDER, CONTENT_KEY))
        await asyncio.to_thread(upstream.wait_for_calls, 1)
        await generator.close()
        upstream.release()

        assert (await call).picture.startswith(b"\x89PNG")
