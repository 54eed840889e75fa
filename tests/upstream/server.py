"""The server: Generate as hosted Stability answers it, ListEngines, and an account with 1250 credits."""

import contextlib
import secrets
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from tests.upstream import pictures
from tests.upstream.faults import BREAKS, REFUSALS, Faults
from tests.upstream.ledger import Call, Ledger
from tests.upstream.sdk import dashboard_pb2, dashboard_pb2_grpc, engines_pb2, engines_pb2_grpc, services
from tests.upstream.sdk import generation as g

THREADS = 96
WAIT_SECONDS = 30
ENGINES = ("stable-diffusion-xl-1024-v1-0", "stable-diffusion-v1-6")


class Upstream:
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
        self._repeats = repeats
        self._folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger(ledger or Path(self._folder.name) / "ledger.jsonl")
        self._key = key
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
        self._changed = threading.Condition()
        self._scripted: deque[str] = deque()
        self._standing: tuple[str, ...] = ()
        self._begun = self._under_way = 0
        self.seen: list[float | None] = []
        self._held = False

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

    def script(self, *faults: str) -> None:
        """The next calls take these in turn; `""` is a call without a fault."""
        self._scripted.extend(faults)

    def always(self, *faults: str) -> None:
        """Every call takes these from now on."""
        self._standing = faults

    def clear(self) -> None:
        """No more faults but those in prompts."""
        self._scripted.clear()
        self._standing = ()

    def hold(self) -> None:
        """Calls are accepted and written down, and get their pictures after `release`."""
        self._held = True

    def release(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def wait_for_calls(self, count: int) -> None:
        """Until so many calls have been accepted since the start."""
        self._wait(lambda: self._begun >= count)

    def wait_until_idle(self) -> None:
        """Until no call is under way."""
        self._wait(lambda: self._under_way == 0)

    def _wait(self, is_so: "Any") -> None:
        with self._changed:
            assert self._changed.wait_for(is_so, WAIT_SECONDS), "the upstream waited in vain"

    def call_name(self) -> str:
        """What the colours of the next picture come from."""
        return "" if self._repeats else secrets.token_hex(8)

    def faults(self, request: Any) -> Faults:
        """What this call meets. One text of a script may hold several, with spaces between."""
        scripted = [self._scripted.popleft()] if self._scripted else []
        texts = [text for said in (*self._standing, *scripted) for text in said.split()]
        in_prompt = Faults.in_prompt(request.prompt[0].text).arguments
        return Faults({**Faults.parse(*texts).arguments, **in_prompt})

    @contextlib.contextmanager
    def call(self, request: Any, context: grpc.ServicerContext) -> Iterator[None]:
        """One accepted call: in the ledger before anything else."""
        self.ledger.write(Call.of(request, context, self._key))
        with self._changed:
            self._begun += 1
            self._under_way += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._held)
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()


class _Generation(services.GenerationServiceServicer):  # type: ignore[misc]
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def Generate(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        faults = self._upstream.faults(request)
        self._upstream.seen.append(context.time_remaining())
        if refusal := faults.one_of(REFUSALS):
            context.set_trailing_metadata(faults.trailing())
            context.abort(*refusal)
        gone = threading.Event()
        context.add_callback(gone.set)
        with self._upstream.call(request, context):
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
