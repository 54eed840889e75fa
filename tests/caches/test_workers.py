"""Workers that come through a cache in front: nginx and Varnish, as they are set up here."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from promptcdn.generators.worker.jobs import PICTURE_MAX
from tests.support.caches import Nginx, Varnish
from tests.support.service import Promptcdn
from tests.support.workers import SETTINGS, TOKENS, WorkerProcess

SIDE = 1024


@pytest.fixture(params=["nginx", "varnish"])
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Promptcdn]]:
    """The address of a cache, and the service behind it."""
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(Promptcdn(tmp_path / "service", **SETTINGS))
        origin = service.url.removeprefix("http://")
        kind = Nginx if request.param == "nginx" else Varnish
        cache = stack.enter_context(kind(tmp_path / "cache", origin))
        yield cache.url, service


def large_picture() -> bytes:
    """Noise, which no format makes small."""
    file = io.BytesIO()
    Image.effect_noise((SIDE, SIDE), 100).convert("RGB").save(file, "PNG", compress_level=0)
    return file.getvalue()


def test_a_worker_draws_through_a_cache(front: tuple[str, Promptcdn], tmp_path: Path) -> None:
    url, _ = front
    with WorkerProcess(tmp_path / "gpu", url, "--once") as worker:
        answer = httpx2.get(f"{url}/?prompt=one&seed=1&width=256&height=256", timeout=60)

        assert answer.status_code == 200
        assert worker.process.wait(60) == 0


def test_a_large_picture_comes_through_a_cache(front: tuple[str, Promptcdn]) -> None:
    """And one that is too large does not, whoever refuses it: behind Varnish the connection only breaks."""
    url, service = front
    service.get(f"/?prompt=one&seed=1&width={SIDE}&height={SIDE}&wait=0")
    with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {TOKENS['gpu']}"}, timeout=60) as worker:
        order = worker.post("/work/next", json={"wait": 20}).json()["order"]
        too_large = worker.put(f"/work/{order}", content=b"x" * (PICTURE_MAX + 1))
        taken = worker.put(f"/work/{order}", content=large_picture())

    assert len(large_picture()) > 3_000_000
    assert (too_large.status_code in (413, 503), taken.status_code) == (True, 201)
