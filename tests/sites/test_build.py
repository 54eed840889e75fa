"""The pictures of a build: what becomes of each by the options, and what the next build still asks for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from promptcdn.problems import BadSettings
from promptcdn.sites.build import Build, Timings
from promptcdn.sites.options import Options
from promptcdn.url.signing import SigningKeys
from tests.sites.building import NOBODY, SERVICE
from tests.support.ports import free_port
from tests.support.service import Promptcdn
from tests.support.waiting import until
from tests.upstream import Upstream

CAT, DOG = "/?prompt=a+cat&seed=7", "/i.png?prompt=a+dog&seed=octocat&w=64"
ANY = "/?prompt=a+cow"
Maker = Callable[..., tuple[Build, list[str]]]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Maker]:
    """Makes builds over one cache, and what each reports; all are closed in the end."""
    builds: list[Build] = []

    def make(url: str, keys: SigningKeys = SigningKeys(), **options: Any) -> tuple[Build, list[str]]:
        for build in builds:
            build.close()
        reported: list[str] = []
        chosen = Options.of({"cache": str(tmp_path / "cache"), **options}, url)
        builds.append(Build(chosen, reported.append, keys, Timings(again=0)))
        return builds[-1], reported

    yield make
    for build in builds:
        build.close()


def entries(path: Path) -> dict[str, Any]:
    pictures: dict[str, Any] = json.loads(path.read_text())["pictures"]
    return pictures


def states(service: Promptcdn, target: str) -> set[str]:
    """Those of the pictures that a URL without a seed may show."""
    return {each["state"] for each in service.get(f"/info{target}").json()["pool"]}


def test_a_service_is_not_asked_where_nothing_is_wanted_of_it(made: Maker, tmp_path: Path) -> None:
    build, reported = made(NOBODY)

    for target in (CAT, DOG, ANY):
        assert build.shown(target).url == NOBODY + target
    assert (reported, list(tmp_path.iterdir())) == ([], [])
    assert (build.shown(CAT).alt, build.shown("/?prompt=a&width=640&height=512&w=320").size) == ("a cat", (320, 256))


def test_a_url_that_is_wrong_is_told_without_a_service(made: Maker) -> None:
    build, reported = made(NOBODY)

    assert build.shown("/?prompt=a&sede=7").url == f"{NOBODY}/?prompt=a&sede=7"
    assert len(reported) == 1
    assert reported[0].startswith(f'{NOBODY}/?prompt=a&sede=7: sede="7"')


def test_pictures_are_made_once_for_all_builds(made: Maker, service: Promptcdn, upstream: Upstream) -> None:
    build, reported = made(service.url, warm=True)
    build.prepare([CAT, DOG, ANY, CAT])
    assert (reported, len(upstream.ledger.calls())) == ([], 3)
    assert build.shown(ANY).url == service.url + ANY
    service.stop()

    build, reported = made(service.url, warm=True)
    build.prepare([CAT, DOG, ANY])

    assert reported == []
    assert (build.shown(CAT).size, build.shown(DOG).size) == ((512, 512), (64, 64))


def test_vendored_pictures_come_from_the_cache(
    made: Maker, service: Promptcdn, upstream: Upstream, tmp_path: Path
) -> None:
    build, _ = made(service.url, vendor=True)
    build.prepare([CAT, DOG, ANY])
    paths = {target: build.put(build.shown(target), tmp_path / "first") for target in (CAT, DOG, ANY)}
    # A view of a URL without a seed would have had the next picture of its pool begun.
    upstream.wait_until_idle()
    assert len(upstream.ledger.calls()) == 3
    answer = service.get(CAT).content
    service.stop()

    build, reported = made(service.url, vendor=True)
    build.prepare([CAT, DOG, ANY])

    assert reported == []
    assert {target: build.put(build.shown(target), tmp_path / "second") for target in (CAT, DOG, ANY)} == paths
    assert str(paths[DOG]).startswith("assets/promptcdn/a-dog-octocat-")
    assert str(paths[DOG]).endswith(".png")
    assert (tmp_path / "second" / str(paths[CAT])).read_bytes() == answer


def test_a_file_of_the_cache_that_was_changed_comes_anew(made: Maker, service: Promptcdn, tmp_path: Path) -> None:
    build, _ = made(service.url, vendor=True)
    kept = tmp_path / "cache" / build.shown(CAT).sha256
    content = kept.read_bytes()
    kept.write_bytes(content[:-1])

    build, reported = made(service.url, vendor=True)

    assert (build.shown(CAT).sha256, reported, kept.read_bytes()) == (kept.name, [], content)


def test_a_picture_without_a_seed_stays_what_the_lock_file_has(
    made: Maker, service: Promptcdn, upstream: Upstream, tmp_path: Path
) -> None:
    lock = tmp_path / "promptcdn.lock"
    build, _ = made(service.url, vendor=True, lock=str(lock))
    sha256 = build.shown(ANY).sha256
    build.save()
    (tmp_path / "cache" / sha256).unlink()
    until(lambda: service.get(ANY).status_code == 200 and states(service, ANY) == {"stored"})
    calls = len(upstream.ledger.calls())

    build, reported = made(service.url, vendor=True, lock=str(lock))

    assert (build.shown(ANY).sha256, reported) == (sha256, [])
    assert len(upstream.ledger.calls()) == calls
    assert entries(lock)[service.url + ANY]["seed"] is not None


def test_a_pinned_picture_is_one_that_readers_see(
    made: Maker, service: Promptcdn, upstream: Upstream, tmp_path: Path
) -> None:
    seen = service.get(ANY).headers["content-location"]
    upstream.wait_until_idle()
    calls = len(upstream.ledger.calls())
    lock = tmp_path / "promptcdn.lock"

    build, reported = made(service.url, seedless="pin", lock=str(lock))
    url = build.shown(ANY).url
    build.save()
    service.stop()

    assert (reported, url) == ([], service.url + seen)
    build, reported = made(service.url, seedless="pin", lock=str(lock))
    assert (build.shown(ANY).url, reported) == (url, [])
    assert len(upstream.ledger.calls()) == calls


def test_a_picture_without_a_seed_can_be_refused(made: Maker) -> None:
    build, reported = made(NOBODY, seedless="refuse")

    assert build.shown(ANY).url == NOBODY + ANY
    assert build.shown(CAT).url == NOBODY + CAT
    assert len(reported) == 1
    assert reported[0].startswith(f"{NOBODY}{ANY}: the URL has no seed")


def test_urls_are_signed_where_there_is_a_key(made: Maker, tmp_path: Path, upstream: Upstream) -> None:
    signing = {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": "site:0123456789abcdef0123456789abcdef"}
    keys = SigningKeys.parse(signing["PROMPTCDN_SIGNING_KEYS"])
    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, **SERVICE, **signing) as service:
        build, reported = made(service.url, keys, seedless="pin", warm=True)
        urls = [build.shown(target).url for target in (CAT, ANY)]

        assert reported == []
        assert all("&sig=" in url for url in (*urls, build.linked(DOG)))
        assert "seed=" in urls[1]
        assert [service.get(url).status_code for url in (*urls, build.linked(DOG))] == [200] * 3


def test_what_changes_with_the_calendar_is_asked_for_each_time(
    made: Maker, service: Promptcdn, upstream: Upstream
) -> None:
    day = "/?prompt=a+cat&seed=day"
    build, _ = made(service.url, vendor=True)
    first = build.shown(day).sha256
    build, reported = made(service.url, vendor=True)
    assert (build.shown(day).sha256, reported) == (first, [])
    service.stop()

    build, reported = made(service.url, vendor=True)

    assert (build.shown(day).url, build.shown(day).sha256) == (service.url + day, "")
    assert "cannot be asked" in reported[0]
    assert len(upstream.ledger.calls()) == 1


def test_another_picture_than_that_of_the_lock_file_is_told(made: Maker, service: Promptcdn, tmp_path: Path) -> None:
    lock = tmp_path / "promptcdn.lock"
    build, _ = made(service.url, vendor=True, lock=str(lock))
    build.shown(CAT)
    build.save()
    document = json.loads(lock.read_text())
    document["pictures"][service.url + CAT].update(content_key="0" * 64, sha256="0" * 64)
    lock.write_text(json.dumps(document))

    build, reported = made(service.url, vendor=True, lock=str(lock))

    assert build.shown(CAT).url == service.url + CAT
    assert "another picture than" in reported[0]


def test_a_problem_is_told_for_each_picture_and_looked_at_again(made: Maker, service: Promptcdn) -> None:
    service.stop()
    build, reported = made(service.url, vendor=True)
    build.prepare([CAT, DOG])
    assert sorted(line.partition(": ")[0] for line in reported) == sorted((service.url + DOG, service.url + CAT))
    assert all("\n" not in line for line in reported)


def test_a_builder_that_runs_on_sees_what_was_mended(made: Maker, tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, PORT=free_port(), **SERVICE) as service:
        service.stop()
        build, reported = made(service.url, vendor=True)
        assert (build.shown(CAT).sha256, build.shown(CAT).problem) == ("", reported[0])

        service.start_again()

        assert build.shown(CAT).sha256
        assert build.shown(CAT).problem == ""


@pytest.mark.parametrize("text", ["<<<<<<< ours", '{"version": 2}', "\udcff"])
def test_a_lock_file_that_is_none_ends_the_build(made: Maker, tmp_path: Path, text: str) -> None:
    lock = tmp_path / "promptcdn.lock"
    lock.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(BadSettings, match=r"promptcdn\.lock: "):
        made(NOBODY, lock=str(lock))


def test_two_spellings_of_a_picture_are_kept_at_once(made: Maker, service: Promptcdn, upstream: Upstream) -> None:
    spellings = [f"/?prompt=a+cat&seed={zeros}7" for zeros in ("", "0", "00", "000", "0000", "00000")]
    build, reported = made(service.url, vendor=True)

    build.prepare(spellings)

    assert reported == []
    assert len({build.shown(each).sha256 for each in spellings}) == 1
    assert len(upstream.ledger.calls()) == 1


def test_two_builds_add_to_one_lock_file(service: Promptcdn, tmp_path: Path) -> None:
    lock = tmp_path / "promptcdn.lock"
    chosen = {"lock": str(lock), "cache": str(tmp_path / "cache"), "vendor": True}
    reported: list[str] = []
    builds = [Build(Options.of(chosen, service.url), reported.append) for _ in range(2)]

    for build, target in zip(builds, (CAT, DOG), strict=True):
        build.prepare([target])
    for build in builds:
        build.close()

    assert (sorted(entries(lock)), reported) == (sorted((service.url + CAT, service.url + DOG)), [])


@pytest.mark.parametrize("text", ["", '{"version": 2}', "\0"])
def test_a_cache_that_was_spoilt_is_begun_anew(made: Maker, service: Promptcdn, tmp_path: Path, text: str) -> None:
    kept = tmp_path / "cache" / "promptcdn.lock"
    kept.parent.mkdir()
    kept.write_text(text)

    build, reported = made(service.url, vendor=True)
    build.prepare([CAT])

    assert (list(entries(kept)), reported) == ([service.url + CAT], [])
