"""Takedowns and purges: from every face and format, in every process, within five seconds, for good."""

import io
import json
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from promptcdn.catalog.removals import TIMINGS
from tests.support.buckets import moto
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until
from tests.upstream import Upstream

TOKEN = "canary-of-the-operator"  # noqa: S105
OPERATOR = {"authorization": f"Bearer {TOKEN}"}
QUERY = "prompt=a+cat&seed=7"
FACES = [
    f"/?{QUERY}",
    *(f"/i.{extension}?{QUERY}" for extension in ("png", "webp", "jpg", "avif")),
    "/prompt/a%20cat?seed=7",
    "/prompt/a%20cat.png?seed=7",
    f"/?{QUERY}&w=128",
    f"/?{QUERY}&w=104&q=50",
    f"/?{QUERY}&format=auto",
]


class Two:
    """Two processes on one store with one upstream."""

    def __init__(self, opened: ExitStack, folder: Path, store: str) -> None:
        self.upstream = opened.enter_context(Upstream())
        self.settings: dict[str, object] = {
            "STABILITY_HOST": self.upstream.url,
            "PROMPTCDN_SIZE": "512x512",
            "PROMPTCDN_ENGINE": "any",
            "PROMPTCDN_ADMIN_TOKEN": TOKEN,
        }
        if store == "s3":
            bucket = opened.enter_context(moto(folder))
            self.settings |= {"PROMPTCDN_STORE": "s3://pictures", **bucket.environment}
        else:
            self.settings["PROMPTCDN_STORE"] = f"disk:{folder / 'store'}"
        self.folder = folder
        self.services = [opened.enter_context(Promptcdn(folder / place, **self.settings)) for place in ("one", "other")]

    def key(self) -> str:
        return str(self.services[0].get(f"/info?{QUERY}").json()["content_key"])

    def warmed(self) -> list[str]:
        """Every URL of the picture, each shown by both."""
        for path in FACES:
            for service in self.services:
                assert service.get(path).status_code == 200, path
        key = self.key()
        permalinks = [f"/i/{key}", f"/i/{key}.png", f"/i/{key}?w=128"]
        for path in permalinks:
            assert {service.get(path).status_code for service in self.services} == {200}
        return FACES + permalinks

    def purge(self, *arguments: str) -> dict[str, list[dict[str, object]]]:
        settings = environment(**self.settings | {"PROMPTCDN_DATA_DIR": self.folder / "one" / "data"})
        command = [PROMPTCDN, "purge", *arguments, "--json"]
        ended = subprocess.run(command, env=settings, cwd=self.folder, capture_output=True, text=True, check=True)
        said: dict[str, list[dict[str, object]]] = json.loads(ended.stdout)
        return said

    def wait_for(self, status: int, path: str) -> None:
        """Until both processes answer so; five seconds are promised."""
        deadline = time.monotonic() + 5
        while {service.get(path).status_code for service in self.services} != {status}:
            assert time.monotonic() < deadline, f"no {status} everywhere"
            time.sleep(0.05)


def shade(service: Promptcdn, path: str) -> tuple[int, int, int]:
    """The colour of a flat picture's first pixel, of which lossy encoders keep most."""
    with Image.open(io.BytesIO(service.get(path).content)) as image:
        red, green, blue = image.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
    return red, green, blue


@pytest.fixture(params=["disk", "s3"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as opened:
        yield Two(opened, tmp_path, request.param)


def test_a_takedown_is_410_everywhere_within_five_seconds(two: Two) -> None:
    """A picture that is taken down is 410 everywhere within five seconds, and nothing makes it again."""
    urls = two.warmed()
    tag = two.services[0].get(FACES[0]).headers["etag"]
    paid = len(two.upstream.ledger.calls())

    answer = two.services[0].client.request("DELETE", f"/i/{two.key()}", headers=OPERATOR)

    assert (answer.status_code, answer.content) == (204, b"")
    two.wait_for(410, FACES[0])
    for service in two.services:
        for path in urls:
            gone = service.get(path)
            assert (gone.status_code, gone.headers["cache-control"]) == (410, "public, max-age=300"), path
        # A tombstone goes before "you have it already", and before HEAD.
        assert service.get(FACES[0], **{"if-none-match": tag}).status_code == 410
        assert service.client.head(FACES[0]).status_code == 410
        assert service.get(f"/info?{QUERY}").json()["state"] == "removed"
    assert len(two.upstream.ledger.calls()) == paid


def test_a_takedown_outlives_a_restart_and_its_url_comes_back(two: Two) -> None:
    """A picture that was taken down stays so after a restart, and its URL comes back with another picture."""
    two.warmed()
    before = two.services[0].get(f"/?{QUERY}&format=png").content

    said = two.purge(f"/?{QUERY}", "--takedown", "--reason", "because")["pictures"][0]
    assert said["taken_down"] is True
    assert {path.partition("/")[0] for path in said["deleted"]} == {"masters", "renditions"}  # type: ignore[attr-defined]
    two.wait_for(410, FACES[0])
    with Promptcdn(two.folder / "third", **two.settings) as third:
        assert third.get(FACES[0]).status_code == 410

    said = two.purge(f"/?{QUERY}", "--undo")["pictures"][0]
    assert (said["put_back"], said["gone"]) == (True, True)
    until(lambda: {service.get(FACES[0]).status_code for service in two.services} == {200})
    shown = {service.get(f"/?{QUERY}&format=png").content for service in two.services}
    assert len(shown) == 1
    assert before not in shown
    # In every format: nothing is left of the picture that was taken down.
    for path in FACES:
        assert len({service.get(path).content for service in two.services}) == 1, path
        assert shade(two.services[0], path) == pytest.approx(shade(two.services[1], f"/?{QUERY}&format=png"), abs=20)
    assert len(two.upstream.ledger.calls()) == 2


def test_a_purge_makes_the_picture_anew_as_it_was_bound(two: Two) -> None:
    two.warmed()
    key = two.key()

    assert two.purge(key, "--dry-run")["pictures"][0]["deleted"] != []
    assert two.services[0].get(f"/i/{key}").status_code == 200
    two.purge(key)

    two.wait_for(404, f"/i/{key}")
    assert two.services[0].get(FACES[0]).status_code == 200
    assert two.key() == key
    assert len(two.upstream.ledger.calls()) == 2


def test_a_picture_purged_while_it_is_read_does_not_come_back(two: Two) -> None:
    """A picture that is being looked at while it is purged does not come back.

    Readers ask both processes for sizes that are not in memory, so that masters are read and written all the time.

    1: one process purges. 2: another one, which does not know of the purge, writes the picture again from its memory.
    """
    two.warmed()
    before = shade(two.services[0], f"/?{QUERY}&format=png")
    purged = threading.Event()

    def read(service: Promptcdn, chance: random.Random) -> None:
        while not purged.is_set():
            odd = f"w={8 * chance.randint(8, 60)}&q={5 * chance.randint(4, 18)}"
            assert service.get(f"/?{QUERY}&{odd}&wait=20").status_code == 200

    with ThreadPoolExecutor(4) as readers:
        reading = [readers.submit(read, two.services[n % 2], random.Random(n)) for n in range(4)]
        try:
            two.purge(two.key())
            time.sleep(TIMINGS.propagation + 2)
        finally:
            purged.set()
        for each in reading:
            each.result()

    shown = [shade(service, path) for service in two.services for path in FACES]
    assert all(each == pytest.approx(shown[0], abs=20) for each in shown)
    assert shown[0] != pytest.approx(before, abs=20)
    # They share nothing but the store, so each may pay once.
    assert len(two.upstream.ledger.calls()) <= 3


def test_once_one_process_shows_a_new_picture_all_show_it(tmp_path: Path) -> None:
    """A picture that was lost is shown by no process once another one shows the new picture."""
    with ExitStack() as opened:
        two = Two(opened, tmp_path, "disk")
        one, other = two.services
        before = {service.get(FACES[0]).content for service in two.services}
        assert len(before) == 1
        for folder in ("masters", "renditions"):
            for path in (tmp_path / "store" / folder).glob("*/*/*"):
                path.unlink()

        # Without memory of its own: a process that was started since.
        fresh = opened.enter_context(Promptcdn(tmp_path / "fresh", **two.settings))
        new = fresh.get(FACES[0]).content

        assert new not in before
        assert {service.get(FACES[0]).content for service in (one, other)} == {new}
        assert len(two.upstream.ledger.calls()) == 2


def test_rebind_lets_a_url_follow_the_defaults_of_today(two: Two) -> None:
    two.warmed()
    key = two.key()
    two.settings["PROMPTCDN_STEPS"] = 50
    with Promptcdn(two.folder / "third", **two.settings) as third:
        assert third.get(f"/info?{QUERY}").json()["content_key"] == key

    two.purge(f"/?{QUERY}", "--rebind")

    with Promptcdn(two.folder / "fourth", **two.settings) as fourth:
        assert fourth.get(f"/info?{QUERY}").json()["content_key"] != key


def test_what_is_taken_down_before_it_is_made_is_not_kept(tmp_path: Path) -> None:
    """What is taken down while it waits is not paid for, and while it is made is not kept."""
    settings = {"PROMPTCDN_ADMIN_TOKEN": TOKEN, "PROMPTCDN_SIZE": "256x256", "PROMPTCDN_ENGINE": "any"}
    with ExitStack() as opened:
        upstream, others = opened.enter_context(Upstream()), opened.enter_context(ThreadPoolExecutor(2))
        one_by_one = settings | {"STABILITY_HOST": upstream.url, "PROMPTCDN_CONCURRENCY": 1}
        service = opened.enter_context(Promptcdn(tmp_path, **one_by_one))
        upstream.hold()
        made = others.submit(service.get, "/?prompt=made&seed=1")
        upstream.wait_for_calls(1)
        waiting = others.submit(service.get, "/?prompt=waiting&seed=1")
        while service.get("/info?prompt=waiting&seed=1").json()["state"] != "generating":
            pass
        for prompt in ("made", "waiting"):
            key = service.get(f"/info?prompt={prompt}&seed=1").json()["content_key"]
            assert service.client.request("DELETE", f"/i/{key}", headers=OPERATOR).status_code == 204
        upstream.release()
        assert (made.result().status_code, waiting.result().status_code) == (410, 410)
        assert len(upstream.ledger.calls()) == 1
        assert [path for path in (tmp_path / "data" / "store" / "masters").rglob("*") if path.is_file()] == []


def test_a_pool_goes_on_without_what_was_taken_down(tmp_path: Path) -> None:
    with ExitStack() as opened:
        two = Two(opened, tmp_path, "disk")
        service = two.services[0]
        first = service.get("/?prompt=a+pool").headers["content-location"]
        key = service.get("/info" + first[1:]).json()["content_key"]
        service.client.request("DELETE", f"/i/{key}", headers=OPERATOR)
        shown = {service.get("/?prompt=a+pool").headers["content-location"] for _ in range(20)}
        assert first not in shown

        two.purge("/?prompt=a+pool", "--takedown", "--reason", "all of it")
        two.wait_for(410, "/?prompt=a+pool")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": f"bearer  {TOKEN}"}, 204),
    ],
)
def test_only_the_operator_takes_pictures_down(tmp_path: Path, head: dict[str, str], status: int) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_ADMIN_TOKEN=TOKEN, PROMPTCDN_SIZE="256x256") as service:
        service.get(f"/?{QUERY}")
        key = service.get(f"/info?{QUERY}").json()["content_key"]
        answer = service.client.request("DELETE", f"/i/{key}", headers=head)

        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
        if status == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert service.get(f"/?{QUERY}").status_code == 200
        assert service.client.post(f"/i/{key}").headers["allow"] == "DELETE, GET, HEAD, OPTIONS"


def test_without_a_token_nobody_takes_anything_down(tmp_path: Path) -> None:
    """Without an admin token nobody takes anything down, and all see the parts of readiness."""
    with Promptcdn(tmp_path) as service:
        answer = service.client.request("DELETE", f"/i/{'0' * 64}", headers=OPERATOR)

        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert "parts" in service.get("/readyz").json()


def test_details_of_readiness_are_the_operators(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_ADMIN_TOKEN=TOKEN) as service:
        assert service.get("/readyz").json() == {"ready": True}
        assert "store" in service.get("/readyz", **OPERATOR).json()["parts"]
        log = (tmp_path / "log").read_text()
        assert TOKEN not in log


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["0" * 64, "--rebind"], "promptcdn: --rebind needs a URL"),
        (["0" * 64, "--takedown"], "promptcdn: --takedown needs a --reason"),
        (["0" * 64, "--undo", "--takedown", "--reason", "x"], "promptcdn: --undo goes with neither"),
        (["/?prompt=a&sede=7"], 'promptcdn: /?prompt=a&sede=7: sede="7": unknown parameter'),
    ],
)
def test_wrong_use_of_purge_is_one_clear_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    ended = subprocess.run(
        [PROMPTCDN, "purge", *arguments], env=environment(), cwd=tmp_path, capture_output=True, text=True
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith(line)
    assert len(ended.stderr.splitlines()) == 1


def test_undoing_what_was_never_done_is_a_finding(tmp_path: Path) -> None:
    with Promptcdn(tmp_path):
        pass
    command = [PROMPTCDN, "purge", "0" * 64, "--undo"]
    assert subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True).returncode == 1
