"""The fast path: what it answers is, byte for byte, what the long way would; what it must not remember, it forgets."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pytest

from promptcdn.server.timings import TIMINGS
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until

TOKEN = "canary-of-the-operator"  # noqa: S105
OPERATOR = {"authorization": f"Bearer {TOKEN}"}
SMALL = "&width=256&height=256"
SEEDED = f"/?prompt=a+cat&seed=7{SMALL}"
WAYS = ("on", "asgi", "off")
CAMO = {"user-agent": "github-camo (1a2b3c4d)", "via": "1.1 github-camo (1a2b3c4d)", "accept": "image/*"}
AVIF = {
    "user-agent": "Mozilla/5.0 Chrome/143.0.0.0",
    "accept": "image/avif,image/webp,*/*;q=0.8",
    "sec-fetch-dest": "image",
}
# What differs from one answer to the next on any way.
MOMENT = re.compile(
    rb"^(date|x-request-id|server-timing): .*$|max-age=[0-9]{1,5}(?=, stale-while-revalidate=600)", re.MULTILINE
)

TARGETS = (
    SEEDED,
    f"/i.png?prompt=a+cat&seed=7{SMALL}",
    f"/i.jpg?prompt=a%20cat&seed=007{SMALL}",
    f"/prompt/a%20cat.avif?seed=7{SMALL}",
    f"{SEEDED}&w=128",
    f"{SEEDED}&w=104&q=50",
    f"{SEEDED}&format=auto",
    f"{SEEDED}&format=%61uto",
    f"/?prompt=format=auto&seed=7{SMALL}",
    f"{SEEDED}&utm_source=x",
    f"{SEEDED}&sede=1",
    f"/?prompt=a+cat&seed=day{SMALL}",
    f"//?prompt=a+cat&seed=7{SMALL}",
    f"/i.jpeg?prompt=a+cat&seed=7{SMALL}",
    f"{SEEDED}&format=AUTO",
    f"/?prompt=views{SMALL}",
    f"/?prompt=views{SMALL}&format=auto",
    "/i/KEY",
    "/i/KEY.png",
    "/i/KEY?format=auto",
    "/i/KEY.webp?w=64",
)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Promptcdn]]:
    """A service for each way, all with the same pictures."""
    folder = tmp_path_factory.mktemp("ways")
    # Of one picture, so that a URL without a seed has one answer too.
    shared = {
        "PROMPTCDN_STORE": f"disk:{folder / 'store'}",
        "PROMPTCDN_ADMIN_TOKEN": TOKEN,
        "PROMPTCDN_VARIANTS": 1,
    }
    one, two, three = (Promptcdn(folder / way, PROMPTCDN_FASTPATH=way, **shared) for way in WAYS)
    with one, two, three:
        yield dict(zip(WAYS, (one, two, three), strict=True))


def raw(service: Promptcdn, target: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    """One whole answer on a connection of its own, as it was sent."""
    head = "\r\n".join((f"{method} {target} HTTP/{version}", "host: h", *lines, "", ""))
    return sent(service, head.encode(), methods=(method,))


def sent(service: Promptcdn, request: bytes, methods: tuple[str, ...] = ("GET",)) -> bytes:
    """What comes back for this, on a connection of its own: an answer for each method."""
    with connected(service) as connection, connection.makefile("rb") as received:
        connection.sendall(request)
        return b"".join(answer(received, method) for method in methods)


def connected(service: Promptcdn) -> socket.socket:
    host, _, port = service.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def answer(received: BinaryIO, method: str) -> bytes:
    """The next whole answer, after a 100 (Continue) if there is one."""
    head = b""
    while (line := received.readline()) not in (b"\r\n", b""):
        head += line
    head += line
    if head.startswith(b"HTTP/1.1 100"):
        return head + answer(received, method)
    length = re.search(rb"content-length: ([0-9]+)", head)
    bare = method == "HEAD" or head.split(b" ")[1] in (b"204", b"304") or length is None
    return head if bare else head + received.read(int(length[1]))  # type: ignore[index]


def timeless(answer: bytes) -> bytes:
    head, blank, body = answer.partition(b"\r\n\r\n")
    return MOMENT.sub(b"", head.replace(b"\r\n", b"\n")) + blank + body


@pytest.mark.parametrize("reader", [{}, CAMO, AVIF], ids=["program", "camo", "browser"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_way_answers_the_same(services: dict[str, Promptcdn], target: str, reader: dict[str, str]) -> None:
    lines = [f"{name}: {value}" for name, value in reader.items()]
    services["off"].get(SEEDED)
    target = target.replace("KEY", services["off"].get(f"/info{SEEDED[1:]}").json()["content_key"])
    for service in services.values():
        for _ in range(3):  # made or read; remembered; answered from memory
            service.get(target, **reader)
    tag = services["off"].get(target, **reader).headers.get("etag", '"none"')
    conditions: tuple[list[str], ...] = (
        [],
        [f"if-none-match: {tag}"],
        [f"if-none-match: W/{tag}"],
        [f'if-none-match: "x", {tag}'],
    )
    more = (["if-none-match: *"], ["if-none-match: "], ["if-modified-since: Fri, 27 Nov 2099 21:00:00 GMT"])
    for condition in (*conditions, *more):
        for method in ("GET", "HEAD"):
            answers = {way: raw(each, target, *lines, *condition, method=method) for way, each in services.items()}
            assert timeless(answers["on"]) == timeless(answers["off"]), (method, condition)
            assert timeless(answers["asgi"]) == timeless(answers["off"]), (method, condition)


@pytest.mark.parametrize("way", ["on", "asgi"])
def test_views_without_a_seed_vary_and_are_located(tmp_path: Path, way: str) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_FASTPATH=way) as service:
        target = f"/?prompt=views{SMALL}"
        seen = set[str]()
        while len(seen) < 8:
            seen.add(service.get(target).headers["content-location"])

        shown = [service.get(target) for _ in range(60)]

        places = [answer.headers["content-location"] for answer in shown]
        assert len(set(places)) == 8
        assert all(before != after for before, after in pairwise(places))
        assert {answer.headers["cache-control"] for answer in shown} == {"no-store"}
        for answer in shown[:10]:
            assert service.get(answer.headers["content-location"]).content == answer.content


@pytest.mark.parametrize("way", WAYS)
def test_no_view_is_the_one_before_in_any_spelling(tmp_path: Path, way: str) -> None:
    """Two spellings on one page, and a reader whose condition goes the long way, draw from the same pool."""
    with Promptcdn(tmp_path, PROMPTCDN_FASTPATH=way) as service:
        urls = [f"/?prompt=page{SMALL}&v={number}" for number in (1, 2)] + [f"/i.png?prompt=page{SMALL}"]
        for url in urls:
            seen = set[str]()
            while len(seen) < 8:
                seen.add(service.get(url).headers["content-location"].partition("&format")[0])
        shown = []
        for number in range(90):
            condition = {"if-none-match": "*"} if number % 7 == 0 else {}
            answer = service.get(urls[number % 3], **condition)
            shown.append(re.findall("seed=([0-9]+)", answer.headers["content-location"])[0])

        assert all(before != after for before, after in pairwise(shown))


@pytest.mark.parametrize("way", ["on", "asgi"])
def test_a_takedown_is_obeyed_at_once(tmp_path: Path, way: str) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_FASTPATH=way, PROMPTCDN_ADMIN_TOKEN=TOKEN) as service:
        before = [service.get(SEEDED) for _ in range(3)][-1]
        key = service.get(f"/info{SEEDED[1:]}").json()["content_key"]

        assert service.client.delete(f"/i/{key}", headers=OPERATOR).status_code == 204

        assert service.get(SEEDED).status_code == 410
        assert service.get(f"/i/{key}").status_code == 410
        assert service.get(SEEDED, **{"if-none-match": before.headers["etag"]}).status_code == 410


@pytest.mark.parametrize("way", ["on", "asgi"])
def test_a_url_bound_anew_by_another_process_is_forgotten(tmp_path: Path, way: str) -> None:
    settings = {"PROMPTCDN_FASTPATH": way, "PROMPTCDN_DATA_DIR": tmp_path / "data", "PROMPTCDN_STEPS": 30}
    url = f"/?prompt=rebound&seed=7{SMALL}"
    with Promptcdn(tmp_path / "one", **settings) as service:
        first = [service.get(url) for _ in range(3)][-1]
        done = subprocess.run(
            [PROMPTCDN, "purge", "--rebind", url],
            env=environment(**{**settings, "PROMPTCDN_STEPS": 40}),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        with Promptcdn(tmp_path / "two", **{**settings, "PROMPTCDN_STEPS": 40}) as other:
            anew = other.get(url).headers["etag"]
            until(lambda: service.get(url).headers["etag"] == anew)
        assert anew != first.headers["etag"]


def test_what_memory_drops_is_read_again(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_MEMORY=40_000) as service:
        urls = [f"/?prompt=many&seed={seed}{SMALL}" for seed in range(12)]
        shown = {url: service.get(url).content for url in urls}
        for _ in range(3):
            for url in urls:
                assert service.get(url).content == shown[url]

        assert len(set(shown.values())) == 12


@pytest.mark.parametrize("way", ["on", "asgi"])
def test_a_calendar_picture_is_not_remembered(tmp_path: Path, way: str) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_FASTPATH=way) as service:
        url = f"/?prompt=a&seed=hour{SMALL}"
        left = [int(re.findall("max-age=([0-9]+)", service.get(url).headers["cache-control"])[0]) for _ in range(3)]
        until(lambda: int(re.findall("max-age=([0-9]+)", service.get(url).headers["cache-control"])[0]) < left[-1])


def test_hits_are_counted_as_the_long_way_counts_them(services: dict[str, Promptcdn]) -> None:
    counted = {}
    for way, service in services.items():
        for _ in range(2):
            service.get(SEEDED)
        before = series(service)
        for _ in range(5):
            service.get(SEEDED, **CAMO)
        service.get(SEEDED, **{"if-none-match": service.get(SEEDED).headers["etag"]})
        after = series(service)
        counted[way] = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}

    assert counted["on"] == counted["asgi"] == counted["off"]


def series(service: Promptcdn) -> dict[str, float]:
    lines = service.get("/metrics", **OPERATOR).text.splitlines()
    wanted = ("promptcdn_requests_total{", "promptcdn_request_duration_seconds_count{")
    found = (line.rpartition(" ") for line in lines if line.startswith(wanted) and 'outcome="other"' not in line)
    return {name: float(value) for name, _, value in found if 'source="none"' not in name}


REQUEST = f"GET {SEEDED} HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n\r\n".encode()


@pytest.mark.parametrize("way", WAYS)
def test_pipelined_requests_are_answered_in_order(services: dict[str, Promptcdn], way: str) -> None:
    service = services[way]
    service.get(SEEDED)
    other = REQUEST.replace(SEEDED.encode(), b"/nothing")
    received = sent(service, REQUEST + other + REQUEST + other + REQUEST, ("GET",) * 5)

    assert re.findall(rb"HTTP/1.1 ([0-9]{3})", received) == [b"200", b"404", b"200", b"404", b"200"]


@pytest.mark.parametrize("cut", [1, 3, 20, len(REQUEST) - 3, len(REQUEST) - 1])
def test_a_head_in_two_pieces_is_one_request(services: dict[str, Promptcdn], cut: int) -> None:
    service = services["on"]
    assert sent(service, REQUEST).startswith(b"HTTP/1.1 200")
    with connected(service) as connection, connection.makefile("rb") as received:
        for _ in range(2):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(REQUEST[:cut])
            time.sleep(0.05)  # two pieces for the server too
            connection.sendall(REQUEST[cut:])
            assert answer(received, "GET").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("lines", "version", "closes"),
    [
        ((), "1.0", True),
        (("connection: close",), "1.1", True),
        (("content-length: 3",), "1.1", True),
        (("transfer-encoding: chunked",), "1.1", True),
        (("upgrade: h2c", "connection: upgrade"), "1.1", True),
        (("range: bytes=0-3",), "1.1", False),
        (("expect: 100-continue",), "1.1", False),
    ],
)
def test_unusual_requests_are_answered_as_ever(
    services: dict[str, Promptcdn], lines: tuple[str, ...], version: str, closes: bool
) -> None:
    for service in services.values():
        service.get(SEEDED)
    answers = {way: raw(each, SEEDED, *lines, version=version) for way, each in services.items()}

    assert answers["off"].split(b" ")[1] == b"200"
    assert timeless(answers["on"]) == timeless(answers["off"])
    assert (b"\nconnection: close" in timeless(answers["on"])) == closes


@pytest.mark.parametrize(
    "head",
    [
        b"GET %s HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\nhost: h\r\n\r\n",
        b"GET %s HTTP/1.1\r\nhost : h\r\nuser-agent: u\r\n\r\n",
        b"GET %s  HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n\r\n",
        b"GET %s HTTP/1.1 HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n\r\n",
        b"get %s HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n\r\n",
        b"GET %s HTTP/9.1\r\nhost: h\r\nuser-agent: u\r\n\r\n",
        b"GET\t%s HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n\r\n",
        b"GET %s HTTP/1.1\r\nGET %s HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n\r\n",
        b"GET %s HTTP/1.1\r\n\r\nhost: h\r\nuser-agent: u\r\n\r\n",
        b"\r\nGET %s HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n\r\n",
        b"GET %s HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\n\r\nx",
    ],
)
def test_odd_heads_with_known_lines_are_read_as_ever(services: dict[str, Promptcdn], head: bytes) -> None:
    service = services["on"]
    # Their lines are known from now on; of the second one the request line is not among them.
    assert sent(service, REQUEST).startswith(b"HTTP/1.1 200")
    assert sent(service, b"\r\n" + REQUEST).startswith(b"HTTP/1.1 200")
    answers = {way: sent(each, head.replace(b"%s", SEEDED.encode())) for way, each in services.items()}

    assert answers["on"].split(b" ")[1] == answers["off"].split(b" ")[1]


@pytest.mark.parametrize(
    "lines",
    [b"x-a: 1\r\n" * 140, b"x-a: 1\r\n" * 5000, b"x-b: " + b"b" * 70_000 + b"\r\n"],
    ids=["too many lines", "far too many lines", "too large"],
)
def test_a_head_out_of_bounds_is_refused_for_a_known_url(services: dict[str, Promptcdn], lines: bytes) -> None:
    head = f"GET {SEEDED} HTTP/1.1\r\nhost: h\r\n".encode()
    for service in services.values():
        for _ in range(2):
            sent(service, head + b"x-a: 1\r\n\r\n")
        for _ in range(2):
            assert sent(service, head + lines + b"\r\n").startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("way", WAYS)
def test_a_head_on_an_idle_connection_has_its_own_time(services: dict[str, Promptcdn], way: str) -> None:
    """And not what is left of the idle connection's: the head took longer than that, and came to its end."""
    with connected(services[way]) as connection, connection.makefile("rb") as received:
        for idle, pause in ((0.0, 0.0), (TIMINGS.head - 1.5, 2.5)):
            time.sleep(idle)
            connection.sendall(REQUEST[:20])
            time.sleep(pause)
            connection.sendall(REQUEST[20:])
            assert answer(received, "GET").startswith(b"HTTP/1.1 200")


def test_log_lines_of_hits_turn_the_fast_path_off(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_LOG_HITS="true") as service:
        for _ in range(4):
            service.get(SEEDED)
    log = (tmp_path / "log").read_text()

    assert log.count("outcome=seeded") == 4
