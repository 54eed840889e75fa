"""Pictures by workers: a real service, real `promptcdn work` processes, and workers that say what they should not."""

import io
import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.test_tools import promptcdn
from tests.support.fakes import picture
from tests.support.ports import free_port, held_port
from tests.support.service import PROMPTCDN, Promptcdn
from tests.support.waiting import until
from tests.support.workers import SETTINGS, TOKENS, Pretender, WorkerProcess
from tests.upstream.kinds import KINDS, StandIn

CAMO = {"user-agent": "github-camo (deadbeef)"}
URL = "/?prompt=a+lighthouse&seed=7&width=256&height=256"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path / "service", **SETTINGS, PROMPTCDN_PROXY_WAIT=0, PROMPTCDN_WAIT=60) as running:
        yield running


def ordered(service: Promptcdn, url: str = URL) -> None:
    """A reader has asked for a picture, and has left."""
    assert service.get(f"{url}&wait=0").status_code == 503


def state(service: Promptcdn, url: str = URL) -> str:
    return str(service.get(f"/info{url}").json()["state"])


# Workers


def test_a_readme_of_pictures_is_drawn_by_two_workers(service: Promptcdn, tmp_path: Path) -> None:
    """Each picture is drawn once, is for ever, and the workers end when there is nothing more to draw."""
    urls = [f"/?prompt=a+lighthouse&seed={seed}&width=256&height=256" for seed in range(6)]
    options = ("--until-idle", "3s", "--concurrency", "2")
    with (
        WorkerProcess(tmp_path / "gpu", service.url, *options) as first,
        WorkerProcess(tmp_path / "other", service.url, *options, name="other") as second,
    ):
        answers = service.get_together(*urls)

        assert {answer.status_code for answer in answers} == {200}
        assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}
        assert len({answer.content for answer in answers}) == len(urls)
        assert [worker.process.wait(60) for worker in (first, second)] == [0, 0]
        assert first.said.count(" drew ") + second.said.count(" drew ") == len(urls)


def test_a_worker_starts_from_pictures_that_are_stored(service: Promptcdn, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "gpu", service.url):
        first = service.get(URL)
        key = first.headers["link"].partition("/i/")[2][:64]
        second = service.get(f"{URL}&init={key}&strength=0.4")

        assert (first.status_code, second.status_code) == (200, 200)
        assert first.content != second.content


def test_a_worker_ends_after_one_order(service: Promptcdn, tmp_path: Path) -> None:
    ordered(service)
    with WorkerProcess(tmp_path / "gpu", service.url, "--once") as worker:
        assert worker.process.wait(60) == 0

    assert state(service) == "stored"


def test_a_worker_that_only_waits_ends_at_once(service: Promptcdn, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "gpu", service.url) as worker:
        until(lambda: "draws with sketch" in worker.said)
        assert worker.stop() == 0
        assert "0 pictures" in worker.said


@pytest.fixture
def upstream() -> Iterator[StandIn]:
    """A server that draws for a worker, and is slow or hangs where a test says so."""
    with KINDS["a1111"].start() as running:
        yield running


def drawing(folder: Path, service: Promptcdn, upstream: StandIn, **more: Any) -> WorkerProcess:
    """A worker that draws with that server."""
    settings: dict[str, Any] = {**KINDS["a1111"].settings(upstream, folder), **more}
    return WorkerProcess(folder, service.url, generator="a1111", **settings)


def test_a_picture_under_way_is_finished_after_a_signal(service: Promptcdn, tmp_path: Path, upstream: StandIn) -> None:
    upstream.always("slow=2")
    ordered(service)
    with drawing(tmp_path / "gpu", service, upstream) as worker:
        until(lambda: upstream.ledger.calls() != [])
        assert worker.stop() == 0

    assert state(service) == "stored"


def test_what_is_not_finished_after_a_signal_is_given_back(
    service: Promptcdn, tmp_path: Path, upstream: StandIn
) -> None:
    """The next worker gets the order at once, and not at the end of a lease."""
    upstream.always("slow=60")
    ordered(service)
    with drawing(tmp_path / "gpu", service, upstream, PROMPTCDN_GRACE=1) as worker:
        until(lambda: upstream.ledger.calls() != [])
        assert worker.stop() == 0
        assert "gave the order" in worker.said

    assert Pretender(service, "other").next(wait=5).status_code == 200
    assert 'promptcdn_worker_failures_total{worker_name="gpu"} 0.0' in service.get("/metrics").text


def test_a_worker_whose_server_is_away_gives_its_order_back(service: Promptcdn, tmp_path: Path) -> None:
    """The order is not to blame, and another worker may draw it."""
    ordered(service)
    away: dict[str, Any] = {"A1111_URL": "http://127.0.0.1:9", "PROMPTCDN_UPSTREAM_TIMEOUT": 1}
    with WorkerProcess(tmp_path / "gpu", service.url, "--once", generator="a1111", **away) as worker:
        assert worker.process.wait(60) == 1
        assert "gave the order" in worker.said

    assert Pretender(service, "other").next(wait=5).status_code == 200
    assert 'promptcdn_worker_failures_total{worker_name="gpu"} 0.0' in service.get("/metrics").text


def test_a_worker_goes_on_after_the_service_was_started_anew(tmp_path: Path) -> None:
    """And what the service is asked for then is drawn."""
    with (
        held_port() as port,
        Promptcdn(tmp_path / "service", **SETTINGS, PORT=port, PROMPTCDN_WAIT=60) as service,
        WorkerProcess(tmp_path / "gpu", service.url) as worker,
    ):
        assert service.get(URL).status_code == 200
        service.stop()
        until(lambda: "trying again" in worker.said)
        service.start_again()
        assert service.get("/?prompt=two&seed=1&width=256&height=256").status_code == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--token", "canary-forged-0123456789"), "does not know this token"),
        (("--until-idle", "soon"), "--until-idle"),
        (("--generator", "worker"), "worker needs PROMPTCDN_WORKER_TOKENS"),
        (("--generator", "openai"), "PROMPTCDN_GENERATOR=openai: openai needs"),
    ],
)
def test_a_worker_that_cannot_work_says_why(
    service: Promptcdn, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    with WorkerProcess(tmp_path / "gpu", service.url, *options) as worker:
        assert worker.process.wait(60) == 2
        assert said in worker.said
        assert "canary" not in worker.said


def test_a_worker_for_a_service_without_orders_says_so(tmp_path: Path) -> None:
    with Promptcdn(tmp_path / "service") as service, WorkerProcess(tmp_path / "gpu", service.url) as worker:
        assert worker.process.wait(60) == 2
        assert "PROMPTCDN_WORKER_TOKENS" in worker.said


# Readers


def test_an_image_proxy_is_shown_what_the_picture_waits_for(service: Promptcdn) -> None:
    """The placeholder is another one than that of a picture which is being drawn, and `Retry-After` is longer."""
    waiting = service.get(URL, **CAMO)
    order = Pretender(service).order()
    until(lambda: service.get(URL, **CAMO).headers["retry-after"] == "2")

    assert (waiting.status_code, waiting.headers["promptcdn-status"]) == (200, "503")
    assert waiting.headers["retry-after"] == "60"
    assert Image.open(io.BytesIO(waiting.content)).size == (256, 256)
    assert order["parameters"]["prompt"] == "a lighthouse"


def test_a_program_is_told_what_its_picture_waits_for(service: Promptcdn) -> None:
    problem = service.get(f"{URL}&wait=0").json()

    assert problem["code"] == "waiting_for_worker"
    assert "no worker has called lately" in problem["detail"]


def test_an_order_is_drawn_after_its_reader_has_left(service: Promptcdn) -> None:
    ordered(service)
    worker = Pretender(service)
    order = worker.order()
    told = worker.put(order["order"], picture((256, 256)))

    assert (told.status_code, told.json()) == (201, {"late": False})
    assert service.get(URL).headers["cache-control"] == "public, max-age=31536000, immutable"


# What a worker should not say


def test_without_a_token_there_is_no_work(service: Promptcdn, tmp_path: Path) -> None:
    ordered(service)
    order = Pretender(service).order()["order"]
    for secret in ("x", "canary-forged", TOKENS["gpu"][:-1], TOKENS["gpu"] + "x"):
        forger = Pretender(service, secret=secret)
        answers = [
            forger.next(),
            forger.post(f"{order}/alive"),
            forger.post(f"{order}/failed", reason="no"),
            forger.put(order, picture((256, 256))),
        ]
        assert {answer.status_code for answer in answers} == {401}
        assert {answer.headers["www-authenticate"][:6] for answer in answers} == {"Bearer"}
    with Promptcdn(tmp_path / "without") as without:
        assert {without.client.post("/work/next").status_code, without.client.put("/work/x").status_code} == {404}


@pytest.mark.parametrize(
    "brought",
    [b"<html><body>sign in</body></html>", b"", picture((512, 256)), b"\x89PNG\r\n"],
    ids=["a page", "nothing", "another size", "half a file"],
)
def test_a_wrong_picture_goes_to_the_next_worker(service: Promptcdn, brought: bytes) -> None:
    ordered(service)
    order = Pretender(service).order()

    told = Pretender(service).put(order["order"], brought)
    assert (told.status_code, told.json()["code"]) == (422, "picture_refused")
    assert state(service) != "stored"
    again = Pretender(service, "other").order()
    assert again["content_key"] == order["content_key"]
    assert Pretender(service, "other").put(again["order"], picture((256, 256))).status_code == 201


def test_a_picture_that_is_too_large_is_not_read(service: Promptcdn) -> None:
    """Neither where its length is said, nor where it comes in pieces of which nobody knows how many."""
    ordered(service)
    order = Pretender(service).order()["order"]
    head = f"PUT /work/{order} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['gpu']}\r\n".encode()
    host, port = service.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), timeout=30) as said:
        said.sendall(head + b"Content-Length: 200000000\r\n\r\n" + b"x" * 1000)
        assert said.recv(1000).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection((host, int(port)), timeout=30) as pieces:
        pieces.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 200_000_000:
                pieces.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
                sent += 0x100000
        except OSError:
            pass
        assert sent < 100_000_000
    assert Pretender(service).put(order, picture((256, 256))).status_code == 201


def test_a_worker_speaks_for_its_own_orders_alone(service: Promptcdn) -> None:
    ordered(service)
    order = Pretender(service, "gpu").order()["order"]
    other = Pretender(service, "other")

    answers = [other.put(order, picture((256, 256))), other.post(f"{order}/alive"), other.post(f"{order}/failed")]
    assert {answer.json()["code"] for answer in answers} == {"order_of_another"}
    assert other.put(f"{order.partition('.')[0]}.forged", picture((256, 256))).status_code == 404
    assert state(service) != "stored"


def test_an_order_that_is_done_takes_no_other_picture(service: Promptcdn) -> None:
    ordered(service)
    worker = Pretender(service)
    order = worker.order()["order"]
    worker.put(order, picture((256, 256)))
    shown = service.get(URL).content

    again = worker.put(order, picture((256, 256), colour="red"))
    assert (again.status_code, again.json()["code"]) == (409, "order_lost")
    assert worker.post(f"{order}/alive").status_code == 409
    assert service.get(URL).content == shown


@pytest.mark.parametrize(
    "members",
    [
        {"wait": 26},
        {"wait": "long"},
        {"engines": "sketch"},
        {"sizes": ["large"]},
        {"understands": ["minds"]},
        {"instance": 7},
    ],
)
def test_what_a_worker_cannot_be_is_refused(service: Promptcdn, members: dict[str, object]) -> None:
    answer = Pretender(service).next(**members)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")


def test_a_worker_that_leaves_while_it_waits_is_handed_nothing(service: Promptcdn) -> None:
    """Or the order would wait until the end of a lease."""
    host, port = service.url.removeprefix("http://").split(":")
    head = f"POST /work/next HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['gpu']}\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as waiting:
        waiting.sendall(head.encode())
        until(lambda: "promptcdn_workers 1.0" in service.get("/metrics").text)
    until(lambda: "path=/work/next" in (service.folder / "log").read_text())
    ordered(service)

    assert Pretender(service, "other").order()["parameters"]["seed"] == 7


# What the operator sees


def test_orders_and_workers_are_counted(service: Promptcdn) -> None:
    ordered(service)
    worker = Pretender(service)
    order = worker.order()["order"]
    waiting = service.get("/metrics").text
    worker.put(order, b"no picture")
    worker = Pretender(service, "other")
    worker.put(worker.order()["order"], picture((256, 256)))
    after = service.get("/metrics").text

    assert "promptcdn_orders_waiting 1.0" in waiting
    for line in (
        "promptcdn_orders_waiting 0.0",
        "promptcdn_oldest_order_seconds 0.0",
        'promptcdn_worker_failures_total{worker_name="gpu"} 1.0',
        'promptcdn_worker_pictures_total{worker_name="other"} 1.0',
        'promptcdn_generator_calls_total{generator="worker",result="picture"} 1.0',
    ):
        assert line in after


def test_no_token_is_in_a_log(service: Promptcdn, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "gpu", service.url) as worker:
        service.get(URL)
        Pretender(service, secret=TOKENS["gpu"] + "x").next()
        worker.stop(signal.SIGTERM)
        assert "canary" not in worker.said
    service.stop()

    assert "canary" not in (service.folder / "log").read_text()


def test_stats_says_what_waits_and_who_draws(service: Promptcdn) -> None:
    ordered(service)
    worker = Pretender(service)
    order = worker.order()["order"]
    said = [promptcdn(service.folder, "stats", "--json", "--url", service.url)]
    worker.put(order, picture((256, 256)))
    said.append(promptcdn(service.folder, "stats", "--json", "--url", service.url))
    printed = promptcdn(service.folder, "stats", "--url", service.url).stdout

    before, after = (json.loads(ended.stdout) for ended in said)
    assert (before["orders"]["waiting"], before["orders"]["workers_present"]) == (1, 1)
    assert (after["orders"]["waiting"], after["workers"]["gpu"]["pictures"]) == (0, 1)
    assert re.search(r"orders +0 waiting for workers\nworkers +1 called within the last minute", printed)
    assert re.search(r"of worker +gpu +1 pictures, [0-9.]+ s a picture, 0 orders not drawn", printed)


@pytest.mark.timeout(300)
def test_a_worker_is_started_when_orders_wait(tmp_path: Path) -> None:
    """From an order to its picture without anybody: the service runs the command once no worker has called for a while,
    which takes a minute."""
    command = f"{PROMPTCDN} work --url URL --generator sketch --until-idle 5s"
    port = free_port()
    settings = {
        **SETTINGS,
        "PORT": port,
        "PROMPTCDN_WORKER_TOKEN": TOKENS["gpu"],
        "PROMPTCDN_WORKER_START": command.replace("URL", f"http://127.0.0.1:{port}"),
    }
    with Promptcdn(tmp_path, **settings) as service:
        ordered(service)
        until(lambda: state(service) == "stored", 150)

        # A command is watched for a second before it counts.
        until(lambda: 'promptcdn_worker_starts_total{result="started"} 1.0' in service.get("/metrics").text)
        assert "canary" not in (tmp_path / "log").read_text()
