"""nginx alone: what it does where Varnish has no counterpart, and nginx as people have it without our file."""

import contextlib
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from promptcdn.readers.user_agents import IMAGE_PROXIES
from tests.caches.conftest import Behind
from tests.support.caches import CACHES, Nginx
from tests.support.origin import Origin

# The least that passes requests on: every buffer as nginx has it by default.
PLAIN = "server { listen LISTEN; location / { proxy_pass http://ORIGIN; } }"


def test_what_is_out_of_date_is_asked_about_and_not_sent_again(behind: Behind, tmp_path: Path) -> None:
    url = "/?prompt=a+year+later&seed=1"
    with Origin(behind.service.url) as origin, Nginx(tmp_path / "nginx", origin.address) as front:
        origin.a_year_is_a_second = True
        first = again = front.get(url)
        deadline = time.monotonic() + 30
        while again.headers["x-cache"] in ("MISS", "HIT") and time.monotonic() < deadline:
            again = front.get(url)

        assert (again.headers["x-cache"], again.content) == ("REVALIDATED", first.content)
        assert [asked.headers.get("if-none-match") for asked in origin.asked] == [None, first.headers["etag"]]


def test_a_dead_replica_costs_no_answer(behind: Behind, tmp_path: Path) -> None:
    with socket.socket() as bound_only:
        bound_only.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{bound_only.getsockname()[1]}"
        with Nginx(tmp_path / "nginx", dead, behind.origin.address) as front:
            answers = front.get_together(*(f"/?prompt=a+dead+replica&seed={seed}" for seed in range(10)))

        assert {answer.status_code for answer in answers} == {200}
        assert f"http://{dead}" in (tmp_path / "nginx" / "error.log").read_text(), "it was never tried"


@contextlib.contextmanager
def swallowing() -> Iterator[str]:
    """Where nobody is told anything, as by a machine that is gone: the queue is full, and Linux drops who comes."""
    with socket.socket() as full, socket.socket() as only:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        only.connect(full.getsockname())
        yield f"127.0.0.1:{full.getsockname()[1]}"


@pytest.mark.skipif(sys.platform != "linux", reason="full queues are another matter elsewhere")
def test_a_machine_that_is_gone_costs_a_moment_and_no_answer(behind: Behind, tmp_path: Path) -> None:
    with swallowing() as gone, Nginx(tmp_path / "nginx", gone, behind.origin.address) as front:
        answers = front.get_together(*(f"/?prompt=a+machine+is+gone&seed={seed}" for seed in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert "timed out" in (tmp_path / "nginx" / "error.log").read_text(), "it was never tried"


def test_after_a_silent_replica_was_asked_no_other_is_asked(behind: Behind, tmp_path: Path) -> None:
    url = "/?prompt=a+silent+replica&seed=1"
    times = {
        "proxy_next_upstream_timeout 120s;": "proxy_next_upstream_timeout 1s;",
        "proxy_read_timeout 125s;": "proxy_read_timeout 2s;",
    }
    with socket.create_server(("127.0.0.1", 0)) as silent:
        first = f"127.0.0.1:{silent.getsockname()[1]}"
        with Nginx(tmp_path / "nginx", first, behind.origin.address, times=times) as front:
            answer = front.get(url)

    assert answer.status_code == 504
    assert behind.origin.asked_for(url) == [], "it would have paid too"


@pytest.mark.parametrize(
    ("target", "lookup"),
    [
        ("/?prompt=passed&seed=7", "MISS"),
        ("/?seed=octocat&prompt=passed", "MISS"),
        ("/?prompt=passed&amp;seed=day", "MISS"),
        ("/?prompt=passed&seed=random1", "MISS"),
        ("/i.png?prompt=passed&seed=8", "MISS"),
        ("/prompt/passed?seed=9", "MISS"),
        ("/i/" + "0" * 64, "MISS"),
        ("/?prompt=passed", "BYPASS"),
        ("/?prompt=passed&seed=", "BYPASS"),
        ("/?seed=random&prompt=passed", "BYPASS"),
        ("/i.png?prompt=passed", "BYPASS"),
        ("/prompt/passed", "BYPASS"),
        ("/prompt/passed?seed=-1", "BYPASS"),
        ("/info?prompt=passed&seed=7", "BYPASS"),
        ("/healthz", "BYPASS"),
    ],
)
def test_only_what_may_be_kept_is_looked_up(nginx: Nginx, target: str, lookup: str) -> None:
    assert nginx.get(target).headers["x-cache"] == lookup


@pytest.mark.parametrize("prompt", ["北" * 220, "a" * 2000], ids=["220 letters of three bytes", "2000 letters"])
def test_long_prompts_get_through_nginxs_default_buffers(behind: Behind, tmp_path: Path, prompt: str) -> None:
    url = f"/?prompt={quote_plus(prompt)}"
    with Nginx(tmp_path / "nginx", behind.service.url.removeprefix("http://"), site=PLAIN) as front:
        first = front.get(url)
        behind.upstream.wait_until_idle()
        later = front.get(url)

        assert [answer.status_code for answer in (first, later)] == [200, 200]
        assert front.get(later.headers["content-location"]).content == later.content


def test_whoever_is_an_image_proxy_goes_past_the_cache() -> None:
    listed = re.search(r"\((camo\|.*embedly)\)", (CACHES / "nginx.conf").read_text())
    assert listed is not None

    assert [known.token for known in IMAGE_PROXIES if not re.search(listed[1], known.token)] == []
