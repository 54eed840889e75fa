"""Processes of one machine that share a data folder pay once for a picture, one after the other and all at once."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.buckets import moto
from tests.support.service import Promptcdn
from tests.upstream import Upstream


class Machine:
    """Two processes on one data folder, with one upstream that never draws the same picture twice."""

    def __init__(self, opened: ExitStack, folder: Path, store: str) -> None:
        self.upstream = opened.enter_context(Upstream())
        settings: dict[str, object] = {
            "STABILITY_HOST": self.upstream.url,
            "PROMPTCDN_SIZE": "256x256",
            "PROMPTCDN_ENGINE": "any",
            "PROMPTCDN_DATA_DIR": folder / "data",
        }
        if store == "s3":
            bucket = opened.enter_context(moto(folder))
            settings |= {"PROMPTCDN_STORE": "s3://pictures", **bucket.environment}
        self.settings = settings
        self.one = opened.enter_context(Promptcdn(folder / "one", **settings))
        self.other = opened.enter_context(Promptcdn(folder / "other", **settings))

    @property
    def paid(self) -> int:
        return len(self.upstream.ledger.calls())


@pytest.fixture(params=["disk", "s3"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as opened:
        yield Machine(opened, tmp_path, request.param)


def test_what_another_process_made_is_not_paid_for_again(machine: Machine) -> None:
    """Not even where this one had just looked for it in vain."""
    for seed in range(10):
        url = f"/?prompt=a&seed={seed}"
        assert machine.other.client.head(url).status_code == 200
        first, second = machine.one.get(url), machine.other.get(url)
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.content == second.content
    assert machine.paid == 10


def test_of_forty_clients_at_two_processes_at_once_one_pays(machine: Machine) -> None:
    machine.upstream.hold()
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(process.get_together, *["/?prompt=a&seed=1"] * 20) for process in (machine.one, machine.other)
        ]
        machine.upstream.wait_for_calls(1)
        machine.upstream.release()
        answers = [answer for each in asked for answer in each.result()]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert machine.paid == 1


def test_when_a_pictures_process_is_killed_the_other_makes_it(machine: Machine) -> None:
    machine.upstream.hold()
    with ThreadPoolExecutor(2) as pool:
        lost = pool.submit(machine.one.get, "/?prompt=a&seed=1")
        machine.upstream.wait_for_calls(1)
        kept = pool.submit(machine.other.get, "/?prompt=a&seed=1")
        machine.one.stop(signal.SIGKILL)
        machine.upstream.wait_for_calls(2)
        machine.upstream.release()
        assert kept.result().status_code == 200
        assert lost.exception() is not None
    assert machine.paid == 2
    machine.one.start_again()
    assert machine.one.get("/?prompt=a&seed=1").content == machine.other.get("/?prompt=a&seed=1").content
    assert machine.paid == 2


def test_a_process_with_other_defaults_shows_what_is_bound(tmp_path: Path) -> None:
    """Though the URL was bound by another process a moment ago."""
    with ExitStack() as opened:
        machine = Machine(opened, tmp_path, "disk")
        late = Promptcdn(tmp_path / "late", **machine.settings | {"PROMPTCDN_STEPS": 50})
        with late:
            assert late.client.head("/?prompt=a&seed=1").status_code == 200
            first = machine.one.get("/?prompt=a&seed=1")
            assert late.get("/?prompt=a&seed=1").content == first.content
        assert machine.paid == 1


def test_processes_with_other_engines_show_the_same_picture(tmp_path: Path) -> None:
    """A process that offers more engines shows the picture that a process with fewer engines has drawn.

    Engines are changed at one process after the other, and a path-style URL was looked at before it was drawn.
    """
    url = "/prompt/a?model=stable-diffusion-v1-6&seed=1&width=512&height=512"
    with ExitStack() as opened:
        machine = Machine(opened, tmp_path, "disk")
        more = opened.enter_context(
            Promptcdn(tmp_path / "more", **machine.settings | {"PROMPTCDN_ENGINES": "any, stable-diffusion-v1-6"})
        )
        assert more.client.head(url).status_code == 200

        first = machine.one.get(url)

        assert more.get(url).content == first.content
        assert machine.paid == 1


def test_two_processes_that_draw_sketches_draw_each_once(tmp_path: Path) -> None:
    """Nothing is paid, but a picture that is made twice takes twice the time, and is counted twice."""
    settings = {"PROMPTCDN_DATA_DIR": tmp_path / "data", "PROMPTCDN_BUDGET": "100/day"}
    urls = [f"/?prompt=a&seed={seed}&width=512&height=512" for seed in range(10)]
    with Promptcdn(tmp_path / "one", **settings) as one, Promptcdn(tmp_path / "other", **settings) as other:
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(process.get_together, *urls) for process in (one, other)]
            answers = [answer for each in asked for answer in each.result()]
        left = one.get("/readyz").json()["parts"]["budget"]["detail"]
    assert {answer.status_code for answer in answers} == {200}
    assert left.startswith("90 of 100/day left")
