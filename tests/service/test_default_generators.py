"""Every change of the default generator, over one folder of data: old URLs stay, and new ones are the new generator's.

The URLs of each generator are asked first, and then the service starts anew with each of the others; the upstream that
made an old picture is gone by then.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.service import Promptcdn
from tests.upstream.kinds import KINDS, StandIn

GENERATORS = ("sketch", *KINDS)
Seen = tuple[bytes, str]


def urls(kind: str) -> list[str]:
    """Those that are asked first while `kind` is the default."""
    target = f"prompt=first+by+{kind}"
    return [
        f"/?{target}&seed=1",
        f"/i.png?{target}&seed=2&aspect_ratio=16:9",
        f"/prompt/first%20by%20{kind}.jpg?seed=3",
    ]


@contextmanager
def running(folder: Path, kind: str) -> Iterator[tuple[Promptcdn, StandIn | None]]:
    """A service with `kind` as its only generator, on the data of those before it."""
    if kind == "sketch":
        with Promptcdn(folder, PROMPTCDN_GENERATOR="sketch") as service:
            yield service, None
        return
    with KINDS[kind].start() as upstream, Promptcdn(folder, **KINDS[kind].settings(upstream, folder)) as service:
        yield service, upstream


def seen(answer: httpx2.Response) -> Seen:
    assert answer.status_code == 200, answer.text
    return answer.content, answer.headers["etag"]


def drawn_by(service: Promptcdn, url: str) -> str:
    """The generator and, of a paid one, the protocol's engine."""
    resolved = service.get("/info" + url[1:]).json()["resolved"]
    return f"{resolved['generator']}/{resolved['engine']}"


@dataclass(frozen=True)
class Past:
    """A folder of data that every generator has been the default of, and what its URLs showed."""

    folder: Path
    shown: Mapping[str, Mapping[str, Seen]]
    engines: Mapping[str, str]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("past")
    shown, engines = {}, {}
    for kind in GENERATORS:
        with running(folder, kind) as (service, _):
            shown[kind] = {url: seen(service.get(url)) for url in urls(kind)}
            engines[kind] = drawn_by(service, urls(kind)[0])
    return Past(folder, shown, engines)


def test_each_generator_draws_with_an_engine_of_its_own(past: Past) -> None:
    """Else the tests below would compare a generator with itself."""
    assert len(set(past.engines.values())) == len(GENERATORS)


@pytest.mark.parametrize("today", GENERATORS)
def test_another_default_generator_moves_no_old_url(past: Past, today: str) -> None:
    """Sketches aside: they are shown only while sketches are the default."""
    with running(past.folder, today) as (service, upstream):
        for kind in GENERATORS:
            if kind != "sketch" or today == "sketch":
                assert {url: seen(service.get(url)) for url in past.shown[kind]} == past.shown[kind], kind
                assert drawn_by(service, urls(kind)[0]) == past.engines[kind]
        assert upstream is None or upstream.ledger.calls() == []


@pytest.mark.parametrize("today", GENERATORS)
def test_a_new_url_is_drawn_by_the_default_of_today(past: Past, today: str) -> None:
    url = f"/?prompt=new+under+{today}&seed=1"
    with running(past.folder, today) as (service, upstream):
        first = seen(service.get(url))

        assert drawn_by(service, url) == past.engines[today]
        assert seen(service.get(url)) == first
        assert upstream is None or len(upstream.ledger.calls()) == 1


@pytest.mark.parametrize("today", KINDS)
def test_a_demos_url_becomes_a_real_picture_for_good(past: Past, today: str) -> None:
    """And it was a sketch until somebody asked for it, and stays real when sketches are the default again."""
    demo = f"/?prompt=a+demo+before+{today}&seed=1"
    with running(past.folder, "sketch") as (service, _):
        sketch = seen(service.get(demo))
    with running(past.folder, today) as (service, upstream):
        real = seen(service.get(demo))

        assert real != sketch
        assert drawn_by(service, demo) == past.engines[today]
        assert upstream is not None
        assert len(upstream.ledger.calls()) == 1
    with running(past.folder, "sketch") as (service, _):
        assert seen(service.get(demo)) == real
