"""Somebody else answers for the bucket: stored URLs stay what they are, and nothing is paid for."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.stage import paid, small
from tests.support.buckets import BUCKET, PAGES, Ingress, Page, ingress, moto
from tests.support.service import Promptcdn
from tests.support.waiting import until
from tests.upstream import Upstream

URLS = [f"/?prompt=stored&seed={seed}" for seed in range(3)]
NEW = "/?prompt=new&seed=1"


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingress]:
    with moto(tmp_path_factory.mktemp("moto")) as service, ingress(service) as opened:
        yield opened


@pytest.fixture
def service(tmp_path: Path, way: Ingress, upstream: Upstream) -> Iterator[Promptcdn]:
    way.page, way.meant = None, lambda *_: True
    store = {"PROMPTCDN_STORE": f"s3://{BUCKET}/{tmp_path.name}", **way.environment}
    with small(tmp_path, upstream, PROMPTCDN_MEMORY=0, **store) as running:
        yield running


def answered(service: Promptcdn, url: str) -> tuple[int, bytes | str]:
    """What is shown, or the code of why nothing is."""
    answer = service.get(url)
    return answer.status_code, answer.content if answer.status_code == 200 else answer.json()["code"]


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_while_a_page_answers_for_the_bucket_nothing_is_paid(
    service: Promptcdn, way: Ingress, upstream: Upstream, page: Page
) -> None:
    """And stored URLs stay what they are."""
    stored = [answered(service, url) for url in URLS]
    before = paid(upstream)
    service.stop()
    service.start_again()  # what it made just now it would still have at hand

    way.page = page
    for url in (*URLS, NEW):
        assert answered(service, url) == (503, "store_unavailable")
    assert int(service.get(NEW).headers["retry-after"]) > 0
    assert service.get("/readyz").json()["parts"]["store"]["ready"] is False
    assert paid(upstream) == before

    way.page = None
    until(lambda: answered(service, URLS[0]) == stored[0], 5)
    assert [answered(service, url) for url in URLS] == stored
    assert paid(upstream) == before


@pytest.mark.parametrize("page", ["ingress 404", "static 200", "empty 204", "moved 301"])
def test_where_one_answer_in_three_is_a_page_each_is_paid_once(
    service: Promptcdn, way: Ingress, upstream: Upstream, page: str
) -> None:
    stored = [answered(service, url) for url in URLS]

    way.meant = lambda *_: len(way.asked) % 3 == 0
    way.page = PAGES[page]
    new = [f"/?prompt=new&seed={seed}" for seed in range(4)]
    shown = [(url, answered(service, url)) for _ in range(3) for url in (*URLS, *new)]
    assert {status for _, (status, _) in shown} <= {200, 503}

    way.page = None
    known = dict(zip(URLS, stored, strict=True))
    until(lambda: {status for status, _ in map(partial(answered, service), new)} == {200})
    known |= {url: answered(service, url) for url in new}
    assert all(answer == known[url] for url, answer in shown if answer[0] == 200)
    assert sorted(paid(upstream).values()) == [1] * (len(URLS) + len(new))
