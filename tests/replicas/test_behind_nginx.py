"""Replicas behind nginx with our file: one of them dies or is replaced, and readers notice nothing."""

import contextlib
import itertools
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.faults.stage import paid
from tests.replicas.conftest import Replicas
from tests.support.caches import Nginx
from tests.support.ports import is_open
from tests.support.service import Promptcdn
from tests.support.steady_requests import Shot, Stream
from tests.support.tcp_faults import FaultyTcp
from tests.support.waiting import until

# On a busy machine three services take their time to start, and one to take part.
pytestmark = pytest.mark.timeout(300)
STARTING_SECONDS = 90

PER_SECOND = 200
# Of noise, which no format makes small: its body is what a real picture's is, and takes its time.
URLS = [f"/?prompt=fault:noise&seed={seed}" for seed in range(20)]
# 3 MB: more than the buffers on its way hold. Whatever fits into them arrives, whatever becomes of its sender.
LARGE = "/?prompt=fault:noise&seed=1&width=1024&height=1024&format=png"
NEW = "/?prompt=under+way&seed=1"


@pytest.fixture
def front(replicas: Replicas, tmp_path: Path) -> Iterator[Nginx]:
    with Nginx(tmp_path / "nginx", *map(place, replicas.each)) as front:
        yield front


@pytest.fixture
def stored(replicas: Replicas) -> dict[str, bytes]:
    """What each of `URLS` shows, made before the test begins."""
    return {url: replicas.each[0].get(url).content for url in URLS}


def place(service: Promptcdn) -> str:
    return service.url.removeprefix("http://")


def port(service: Promptcdn) -> int:
    return int(place(service).partition(":")[2])


def new_to_nginx() -> Iterator[str]:
    """URLs of `URLS`' pictures without end. To nginx each is another picture; `v` means nothing to the service."""
    return (f"{url}&v={number}" for number, url in enumerate(itertools.cycle(URLS)))


def counted(service: Promptcdn, series: str) -> float:
    """What the metrics of a replica say. What it was asked before it was started again does not count."""
    lines = service.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(series))


def takes_part(service: Promptcdn) -> bool:
    """Whether a replica has answered hits since its start."""
    return counted(service, 'promptcdn_requests_total{audience="program",outcome="seeded",status="200"}') > 0


def start_again(service: Promptcdn) -> None:
    """Until nginx asks it again."""
    service.start_again()
    until(partial(takes_part, service), STARTING_SECONDS)


def failures(folder: Path, at: str) -> list[str]:
    """What nginx says of a replica at this place, a line for each request that it did not bring to its end."""
    lines = (folder / "nginx" / "error.log").read_text().splitlines()
    return [line for line in lines if f'upstream: "http://{at}/' in line]


@contextlib.contextmanager
def body_under_way(replicas: Replicas, folder: Path) -> Iterator[tuple[Nginx, FaultyTcp, Future[httpx2.Response]]]:
    """nginx, the way from it to the first replica, and what a reader gets who was sent the beginning of `LARGE`."""
    one, other, _ = replicas.each
    with (
        FaultyTcp(port(one)) as way,
        Nginx(folder / "nginx", f"127.0.0.1:{way.port}", place(other)) as front,
        ThreadPoolExecutor(1) as readers,
    ):
        # Slowly: 3 MB would be there before anybody could be told anything.
        way.commit("throttle", 100_000)
        asked = readers.submit(front.get, LARGE)
        way.wait_for("throttle")
        yield front, way, asked


@contextlib.contextmanager
def twenty_wait(replicas: Replicas, front: Nginx) -> Iterator[tuple[Promptcdn, Future[list[httpx2.Response]]]]:
    """The replica that makes `NEW`, paid for and held up at the upstream, and what twenty readers of nginx get."""
    replicas.upstream.hold()
    with ThreadPoolExecutor(1) as readers:
        asked = readers.submit(front.get_together, *[NEW] * 20)
        replicas.upstream.wait_for_calls(1)
        # nginx lets one request through for all who ask, so one replica alone knows of it.
        (maker,) = [service for service in replicas.each if counted(service, "promptcdn_flights{")]
        yield maker, asked


def require_right(shots: Sequence[Shot], stored: dict[str, bytes]) -> None:
    """All are whole pictures, the right ones, and none is from nginx's own cache: a replica has answered."""
    replies = [shot.reply for shot in shots]
    seen = {reply and (reply.status, reply.headers["x-cache"], reply.whole) for reply in replies}
    assert seen == {(200, "MISS", True)}
    assert all(shot.reply and shot.reply.body == stored[shot.target.partition("&v=")[0]] for shot in shots)


def test_a_replica_killed_under_load_cuts_only_bodies_under_way(
    replicas: Replicas, front: Nginx, stored: dict[str, bytes], tmp_path: Path
) -> None:
    """A replica that is killed under two hundred hits a second fails none but cuts bodies under way."""
    victim = replicas.each[1]
    with Stream(front.url, new_to_nginx(), PER_SECOND) as stream:
        stream.wait_for(2 * PER_SECOND)
        assert all(takes_part(service) for service in replicas.each)
        killed = time.monotonic()
        victim.stop(signal.SIGKILL)
        dead = time.monotonic()
        stream.wait_for(2 * PER_SECOND)
        start_again(victim)
        stream.wait_for(PER_SECOND)

    cut = [shot for shot in stream.shots if shot.cut and shot.under_way(killed, dead)]
    require_right([shot for shot in stream.shots if shot not in cut], stored)
    failed = failures(tmp_path, place(victim))
    # As many as nginx lost at the victim: one that overlaps with its end may have been cut by somebody else.
    assert len(cut) <= sum("while reading upstream" in line for line in failed)
    assert any("while connecting to upstream" in line for line in failed), "it was never tried"


def test_replacing_replicas_one_by_one_fails_and_cuts_no_hit(
    replicas: Replicas, front: Nginx, stored: dict[str, bytes]
) -> None:
    """Replicas that are replaced one after the other fail no hit and cut none."""
    with Stream(front.url, new_to_nginx(), PER_SECOND) as stream:
        stream.wait_for(PER_SECOND)
        for service in replicas.each:
            assert takes_part(service)
            service.stop(signal.SIGTERM)
            start_again(service)

    require_right(stream.shots, stored)


def test_nginx_does_not_keep_a_body_that_broke_off(replicas: Replicas, tmp_path: Path) -> None:
    """A body that breaks off is a broken answer that nginx does not keep."""
    one, other, _ = replicas.each
    picture = other.get(LARGE).content
    with body_under_way(replicas, tmp_path) as (front, way, asked):
        one.stop(signal.SIGKILL)
        way.heal()
        with pytest.raises(httpx2.RemoteProtocolError):
            asked.result()

        again = front.get(LARGE)
        assert (again.headers["x-cache"], again.content) == ("MISS", picture)
        assert front.get(LARGE).headers["x-cache"] == "HIT"


def test_a_stopping_replica_sends_the_body_under_way(replicas: Replicas, tmp_path: Path) -> None:
    """A replica that stops sends the body under way to its end."""
    one, other, _ = replicas.each
    picture = other.get(LARGE).content
    with body_under_way(replicas, tmp_path) as (_, way, asked):
        one.process.send_signal(signal.SIGTERM)
        until(lambda: not is_open(port(one)))  # it was told to stop, and knows
        way.heal()
        assert asked.result().content == picture
        # Else the other replica may have sent it.
        assert failures(tmp_path, f"127.0.0.1:{way.port}") == []


def test_a_picture_whose_maker_is_killed_comes_from_the_next(replicas: Replicas, front: Nginx) -> None:
    """A new picture whose maker is killed is had from the next replica and paid for twice at most."""
    with twenty_wait(replicas, front) as (maker, asked):
        maker.stop(signal.SIGKILL)
        replicas.upstream.release()
        answers = asked.result()

    shown = [service.get(NEW).content for service in replicas.each if service is not maker]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers} | set(shown)) == 1
    assert list(paid(replicas.upstream).values()) == [2]


def test_a_stopping_replica_sends_one_of_its_readers_away(replicas: Replicas, front: Nginx) -> None:
    """A replica that stops sends one of its readers away and the others see what it made."""
    with twenty_wait(replicas, front) as (maker, asked):
        maker.process.send_signal(signal.SIGTERM)
        until(lambda: any(counted(service, "promptcdn_queue{") for service in replicas.each if service is not maker))
        replicas.upstream.release()
        answers = asked.result()
        maker.stop()

    (sent_away,) = [answer for answer in answers if answer.status_code != 200]
    assert (sent_away.status_code, sent_away.json()["code"], sent_away.headers["retry-after"]) == (503, "draining", "5")
    assert len({answer.content for answer in answers if answer is not sent_away}) == 1
    assert list(paid(replicas.upstream).values()) == [1]
