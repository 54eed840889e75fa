"""Documents warmed through a running service, as somebody does who writes them and does not run it."""

import json
import sys
from pathlib import Path

import pytest

from promptcdn.cli.documents.warming import lists
from promptcdn.markdown import Ours
from promptcdn.url.signing import SigningKeys
from promptcdn.url.signing.spelled import signed_url
from tests.documents.warming import SMALL, URLS, here, warm, warm_until, write
from tests.support.ports import free_port
from tests.support.service import Promptcdn, environment
from tests.upstream import Upstream

KEY = f"k1:{'s' * 32}"


def served(folder: Path, upstream: Upstream, **settings: object) -> Promptcdn:
    return Promptcdn(folder / "service", **SMALL | {"STABILITY_HOST": upstream.url} | settings)


def author(service: Promptcdn) -> dict[str, str]:
    """The environment of somebody who only knows where the service is."""
    return environment(PROMPTCDN_PUBLIC_URL=service.url)


def test_an_author_warms_documents_through_the_service(tmp_path: Path, upstream: Upstream) -> None:
    with served(tmp_path, upstream) as service:
        site = write(tmp_path, base=service.url)

        refused = warm(site, author(service))
        assert refused.returncode == 2
        assert "5 pictures would cost 5 credits, and nothing was paid" in refused.stderr
        assert upstream.ledger.calls() == []
        first = warm(site, author(service), "--yes", "--json")
        assert (first.returncode, json.loads(first.stdout)) == (0, {"pictures": 5, "made": 5}), first.stderr
        assert first.stderr.splitlines() == [
            f"through {service.url}",
            "5 pictures: 0 stored, 5 to be made by stability/any: 5 credits",
        ]
        again = warm(site, environment(), "--base", service.url, "--json")
        assert (again.returncode, json.loads(again.stdout)) == (0, {"pictures": 5, "there": 5})
        assert {service.get(url).headers["cache-status"].split(";")[1] for url in URLS} == {" hit"}
    assert len(upstream.ledger.calls()) == 5
    assert not list(site.rglob("data"))


def test_each_file_that_is_shown_is_made_through_it(tmp_path: Path, upstream: Upstream) -> None:
    text = "![x]({b}/?prompt=a&seed=1&format=auto) ![y]({b}/?prompt=a&seed=1&w=320) ![z]({b}/?prompt=a&seed=01&w=64)"
    with served(tmp_path, upstream) as service:
        site = write(tmp_path, {"README.md": text}, service.url)
        for outcome in ("made", "there"):
            ended = warm(site, author(service), "--yes", "--json")
            assert json.loads(ended.stdout) == {"pictures": 1, outcome: 1}, ended.stderr
    files = [path.name.partition(".")[2] for path in (service.folder / "data" / "store" / "renditions").rglob("*.*")]
    assert {"320x320.webp", "avif", "jpeg", "webp"} <= {*files}  # PNG is the master
    assert len(upstream.ledger.calls()) == 1


def test_no_run_begins_another_picture_of_a_pool(tmp_path: Path, upstream: Upstream) -> None:
    """Signed or not, and of the calendar: a view of a URL without a seed would begin one more."""
    settings = {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": KEY}
    with served(tmp_path, upstream, **settings) as service:
        keys = SigningKeys.parse(KEY)
        signed = [signed_url(f"{service.url}/?prompt={what}", keys) for what in ("any", "now&seed=month", "a&seed=7")]
        site = write(tmp_path, {"README.md": "\n\n".join(f"![x]({url})" for url in signed)})
        for outcome in ("made", "there", "there"):
            ended = warm(site, author(service), "--yes", "--json")
            assert json.loads(ended.stdout) == {"pictures": 3, outcome: 3}, ended.stderr
    assert len(upstream.ledger.calls()) == 3


def test_unsigned_urls_without_a_seed_cost_once(tmp_path: Path, upstream: Upstream) -> None:
    with served(tmp_path, upstream) as service:
        site = write(tmp_path, {"README.md": "![x]({b}/?prompt=any) ![y]({b}/?prompt=now&seed=day)"}, service.url)
        for outcome in ("made", "there", "there"):
            ended = warm(site, author(service), "--yes", "--json")
            assert json.loads(ended.stdout) == {"pictures": 2, outcome: 2}, ended.stderr
    assert len(upstream.ledger.calls()) == 2


@pytest.mark.parametrize("way", ["through", "here"])
def test_a_url_and_its_pinned_form_are_one_picture(tmp_path: Path, upstream: Upstream, way: str) -> None:
    """Asked for itself, the URL without a seed would have another picture made."""
    with served(tmp_path, upstream) as service:
        seed = service.get("/info?prompt=any").json()["pool"][0]["seed"]
        text = f"![x]({{b}}/?prompt=any&seed={seed}) ![y]({{b}}/?prompt=any&w=64)"
        site = write(tmp_path, {"README.md": text}, service.url)
        variables = author(service) if way == "through" else here(tmp_path, STABILITY_HOST=upstream.url)
        variables["PROMPTCDN_PUBLIC_URL"] = service.url
        for outcome in ("made", "there", "there"):
            ended = warm(site, variables, "--yes", "--json")
            assert json.loads(ended.stdout) == {"pictures": 1, outcome: 1}, ended.stderr
    upstream.wait_until_idle()
    assert len(upstream.ledger.calls()) == 1


def test_what_is_not_signed_is_told_with_its_place(tmp_path: Path, upstream: Upstream) -> None:
    settings = {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": KEY}
    with served(tmp_path, upstream, **settings) as service:
        ended = warm(write(tmp_path, base=service.url), author(service), "--yes", "README.md")

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("README.md:1:10: ")
    assert "sign" in ended.stderr.splitlines()[-1]


def test_it_waits_as_the_service_says_and_makes_all(tmp_path: Path, upstream: Upstream) -> None:
    """More pictures at once than one client may start: 429 says how much later to ask again."""
    text = "\n".join(f"![x]({{b}}/?prompt=picture+{number}&seed=7)" for number in range(4))
    with served(tmp_path, upstream, PROMPTCDN_CLIENT_RATE="1/second") as service:
        ended = warm(write(tmp_path, {"README.md": text}, service.url), author(service), "--yes", "--json")

        assert json.loads(ended.stdout) == {"pictures": 4, "made": 4}, ended.stderr
        assert 'code="rate_limited"' in service.get("/metrics").text
    assert len(upstream.ledger.calls()) == 4


def test_it_stops_where_the_budget_is_spent(tmp_path: Path, upstream: Upstream) -> None:
    with served(tmp_path, upstream, PROMPTCDN_BUDGET="2/day") as service:
        ended = warm(write(tmp_path, base=service.url), author(service), "--yes", "--json")

    assert (ended.returncode, json.loads(ended.stdout)) == (1, {"pictures": 5, "left": 3, "made": 2})
    said = [line for line in ended.stderr.splitlines() if "2/day" in line]
    assert len(said) == 1


def test_a_service_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{free_port()}"
    ended = warm(write(tmp_path, base=base), environment(PROMPTCDN_PUBLIC_URL=base), "--yes")

    assert ended.returncode == 1
    assert ended.stdout == "5 pictures: 1 unreachable, 4 left\n"
    assert len([line for line in ended.stderr.splitlines() if "cannot be asked" in line]) == 1
    assert not list(tmp_path.rglob("data"))


def test_a_list_is_warmed_through_the_service(tmp_path: Path, upstream: Upstream) -> None:
    """An author's list must not become sketches in a folder beside it."""
    with served(tmp_path, upstream) as service:
        site = write(tmp_path, {"list.txt": "a cat\n/?prompt=a+cat&seed=7\n{b}/prompt/a%20cat?seed=8"}, service.url)
        ended = warm(site, author(service), "list.txt", "--json")

        assert (ended.returncode, json.loads(ended.stdout)) == (0, {"pictures": 3, "made": 3}), ended.stderr
        assert service.get("/?prompt=a+cat&seed=8").headers["cache-status"].startswith("promptcdn; hit")
    assert len(upstream.ledger.calls()) == 3
    assert not list(site.rglob("data"))


LINES = ["https://h.example/pictures/?prompt=a", "/?prompt=a", "http://other.example/?prompt=a", "a"]


@pytest.mark.parametrize("line", LINES)
def test_a_line_has_no_base_path_of_the_service(line: str) -> None:
    (group,), wrong = lists.wanted(list(lists.lines(line, "", None)), Ours.of("https://h.example/pictures"))

    assert ([wanted.target for wanted in group], wrong) == (["/?prompt=a"], [])


def test_a_picture_from_a_new_one_is_made_behind_it(tmp_path: Path) -> None:
    with Promptcdn(tmp_path / "service", PROMPTCDN_SIZE="512x512") as service:
        key = service.get("/info?prompt=first&seed=1").json()["content_key"]
        documents = {
            "a.md": f"![y]({{b}}/?prompt=second&seed=1&init={key}&strength=0.5)",
            "z.md": "![x]({b}/?prompt=first&seed=1) [key]({b}/i/" + key + "?w=64)",
        }
        site = write(tmp_path, documents, service.url)
        ended = warm(site, author(service), "--yes", "--json")
        again = warm(site, author(service), "--yes", "--json")

    assert json.loads(again.stdout) == {"pictures": 2, "there": 2}, again.stderr
    assert "1 whose price depends on pictures that are not made yet" in ended.stderr
    assert json.loads(ended.stdout) == {"pictures": 2, "made": 2}, ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_run_that_ends_early_loses_nothing(tmp_path: Path, upstream: Upstream, name: str) -> None:
    """The service goes on with what it makes, so that no picture is ever paid for twice."""
    text = "\n".join(f"![x]({{b}}/?prompt=picture+{number}&seed=7)" for number in range(40))
    with served(tmp_path, upstream, PROMPTCDN_CONCURRENCY=4) as service:
        site = write(tmp_path, {"README.md": text}, service.url)
        stopped = warm_until(name, 4, site, author(service), upstream)
        if name != "SIGKILL":
            assert (stopped.returncode, json.loads(stopped.stdout)["pictures"]) == (1, 40)
            assert json.loads(stopped.stdout)["left"] > 0
        rest = warm(site, author(service), "--yes", "--json")
        assert (rest.returncode, json.loads(rest.stdout)["pictures"]) == (0, 40), rest.stderr
    assert len(upstream.ledger.calls()) == 40
