"""The gRPC server: Generate as hosted Stability answers it, ListEngines, and an account with 1250 credits."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from tests.upstream import pictures
from tests.upstream.control import WAIT_SECONDS, Control
from tests.upstream.faults import BREAKS, REFUSALS, Faults
from tests.upstream.ledger import Call
from tests.upstream.sdk import dashboard_pb2, dashboard_pb2_grpc, engines_pb2, engines_pb2_grpc, services
from tests.upstream.sdk import generation as g

THREADS = 96
ENGINES = ("stable-diffusion-xl-1024-v1-0", "stable-diffusion-v1-6")


class Upstream(Control):
    """A server on 127.0.0.1 in threads of this process; a port that was free, and a ledger in a folder of its own."""

    def __init__(
        self,
        ledger: Path | None = None,
        port: int = 0,
        key: str | None = None,
        credentials: grpc.ServerCredentials | None = None,
        *,
        repeats: bool = False,
    ) -> None:
        """`repeats`: it draws the same pixels whenever it is asked for the same."""
        super().__init__(ledger, repeats=repeats)
        self.key = key
        self._threads = ThreadPoolExecutor(THREADS)
        # gRPC shares ports by default: two servers of two tests would answer in turn.
        self._server = grpc.server(self._threads, options=[("grpc.so_reuseport", 0)])
        services.add_GenerationServiceServicer_to_server(_Generation(self), self._server)
        engines_pb2_grpc.add_EnginesServiceServicer_to_server(_Engines(), self._server)
        dashboard_pb2_grpc.add_DashboardServiceServicer_to_server(_Dashboard(), self._server)
        place = f"127.0.0.1:{port}"
        bound = (
            self._server.add_insecure_port(place)
            if credentials is None
            else self._server.add_secure_port(place, credentials)
        )
        self.host = f"127.0.0.1:{bound}"
        self.url = f"grpc://{self.host}" if credentials is None else f"grpcs://localhost:{bound}"
        self.seen: list[float | None] = []

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.stop(0).wait(WAIT_SECONDS)
        self._threads.shutdown()
        self._folder.cleanup()


class _Generation(services.GenerationServiceServicer):  # type: ignore[misc]
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def Generate(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        faults = self._upstream.faults(request.prompt[0].text)
        self._upstream.seen.append(context.time_remaining())
        if refusal := faults.one_of(REFUSALS):
            context.set_trailing_metadata(faults.trailing())
            context.abort(*refusal)
        gone = threading.Event()
        context.add_callback(gone.set)
        with self._upstream.accepted(Call.of(request, context, self._upstream.key)):
            yield from _answers(request, faults, context, gone, self._upstream.call_name())


def _answers(
    request: Any, faults: Faults, context: grpc.ServicerContext, gone: threading.Event, call: str
) -> Iterator[Any]:
    if "hang" in faults:
        gone.wait()
    if "keepalive" in faults or "hang_mid" in faults:
        yield g.Answer()
    if "hang_mid" in faults:
        gone.wait()
    if "slow" in faults:
        gone.wait(faults["slow"])
    if refusal := faults.one_of(BREAKS):
        context.abort(*refusal)
    if "classifier" in faults:
        yield g.Answer(artifacts=[g.Artifact(type=g.ARTIFACT_CLASSIFICATIONS, finish_reason=g.NULL)])
    if "no_picture" not in faults:
        for _ in range(2 if "two" in faults else 1):
            yield g.Answer(request_id=request.request_id, artifacts=[_artifact(request, faults, call)])
    if "never_closes" in faults:
        gone.wait()


def _artifact(request: Any, faults: Faults, call: str) -> Any:
    if "filter_text" in faults:
        return g.Artifact(type=g.ARTIFACT_TEXT, finish_reason=g.FILTER, text="prompt rejected")
    finish = {"filter": g.FILTER, "error": g.ERROR, "null": g.NULL}
    reason = next((finish[name] for name in finish if name in faults), g.STOP)
    seed = request.image.seed[0]
    echo = 0 if "seed_zero_echo" in faults else seed + ("wrong_seed" in faults)
    return g.Artifact(
        type=g.ARTIFACT_IMAGE, mime="image/png", finish_reason=reason, seed=echo, binary=_file(request, faults, call)
    )


def _file(request: Any, faults: Faults, call: str) -> bytes:
    if "empty" in faults:
        return b""
    if "html" in faults:
        return b"<!doctype html><title>502</title>" + b"x" * 2000
    if "bomb" in faults:
        return pictures.bomb()
    png = pictures.picture(request, call, (64, 64) if "wrong_size" in faults else None, noise="noise" in faults)
    if "truncated" in faults:
        return png[: len(png) // 2]
    return pictures.padded(png, int(faults["big"] * 1_000_000)) if "big" in faults else png


class _Dashboard(dashboard_pb2_grpc.DashboardServiceServicer):  # type: ignore[misc]
    def GetMe(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        organization = dashboard_pb2.Organization(id="org-1")
        return dashboard_pb2.User(organizations=[dashboard_pb2.OrganizationMember(organization=organization)])

    def GetOrganization(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return dashboard_pb2.Organization(payment_info=dashboard_pb2.OrganizationPaymentInfo(balance=12.5))


class _Engines(engines_pb2_grpc.EnginesServiceServicer):  # type: ignore[misc]
    def ListEngines(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        infos = [engines_pb2.EngineInfo(id=name, name=name, ready=True, type=engines_pb2.PICTURE) for name in ENGINES]
        return engines_pb2.Engines(engine=infos)
