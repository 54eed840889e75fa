"""What readers of a README see: through a CDN that knows no `Vary`, and either of the two camo programs."""

import io
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.support.camo import YEAR, AtmosCamo, Cdn, GoCamo, camo_target
from tests.support.service import Promptcdn
from tests.upstream import Upstream

AVIF_READER = "image/avif,image/webp,image/apng,image/*,*/*;q=0.8"
PLACEHOLDER = "public, max-age=2, must-revalidate, stale-while-revalidate=0"
FOR_EVER = "public, max-age=31536000, immutable"


class Readme:
    """promptcdn over an upstream, a camo before it, a CDN before that, and time that passes in the CDN when told to."""

    def __init__(self, opened: ExitStack, folder: Path, camo: type[GoCamo] | type[AtmosCamo]) -> None:
        self.now = 0.0
        self.upstream = opened.enter_context(Upstream())
        settings = {"STABILITY_HOST": self.upstream.url, "PROMPTCDN_SIZE": "1152x896"}
        self.service = opened.enter_context(Promptcdn(folder, **settings))
        self.camo = opened.enter_context(camo())
        self._cdn = opened.enter_context(Cdn(self.camo.url, lambda: self.now))

    def view(self, path: str, **headers: str) -> httpx2.Response:
        """What a reader's browser is given for the picture at `path`."""
        sent = {"accept": AVIF_READER, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return httpx2.get(self._cdn.url + camo_target(self.service.url + path), headers=sent, timeout=30)

    def wait_until_stored(self, path: str) -> None:
        until = time.monotonic() + 30
        while self.service.get("/info" + path[1:]).json()["state"] != "stored":
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.05)


@pytest.fixture(params=[GoCamo, AtmosCamo], ids=["go-camo", "atmos"])
def readme(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Readme]:
    with ExitStack() as opened:
        readme = Readme(opened, tmp_path, request.param)
        # The service waits at its end for what the upstream holds.
        opened.callback(readme.upstream.release)
        yield readme


def picture(answer: httpx2.Response) -> Image.Image:
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def test_a_slow_picture_has_a_placeholder_and_then_stays(readme: Readme) -> None:
    path = "/?prompt=a+slow+harbour&seed=7"
    readme.upstream.always("slow=6")
    began = time.monotonic()

    first = readme.view(path)

    assert time.monotonic() - began < GoCamo.SECONDS
    assert picture(first).size == (1152, 896)
    assert first.headers["cache-control"] == PLACEHOLDER
    readme.wait_until_stored(path)
    readme.now = 2
    second, third = readme.view(path), readme.view(path)
    assert picture(second).size == (1152, 896)
    assert second.headers["cache-control"] == FOR_EVER
    assert second.content == third.content != first.content
    assert [view.headers["x-cache"] for view in (first, second, third)] == ["MISS", "MISS", "HIT"]
    assert len(readme.upstream.ledger.calls()) == 1


def test_a_placeholder_is_kept_for_two_seconds_and_not_longer(readme: Readme) -> None:
    readme.upstream.hold()
    cached = []
    for moment in (0, 1.9, 2.1):
        readme.now = moment
        answer = readme.view("/?prompt=a+held+harbour&seed=7")
        assert answer.status_code == 200
        cached.append(answer.headers["x-cache"])

    assert cached == ["MISS", "HIT", "MISS"]


def test_a_url_without_a_seed_is_never_frozen(readme: Readme) -> None:
    seen: set[bytes] = set()
    while len(seen) < 3:
        readme.now += 3
        assert readme.now < 600
        answer = readme.view("/?prompt=many+harbours")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] in ("no-store", "public, max-age=2, stale-while-revalidate=0")
        seen.add(answer.content)


def test_a_slow_url_without_a_seed_is_not_frozen_either(readme: Readme) -> None:
    readme.upstream.always("slow=6")

    first = readme.view("/?prompt=slow+harbours")

    assert first.status_code == 200
    assert first.headers["cache-control"] == PLACEHOLDER
    readme.upstream.wait_until_idle()
    readme.now = 2
    assert readme.view("/?prompt=slow+harbours").content != first.content


@pytest.mark.parametrize(
    ("path", "fault", "status", "cache_control"),
    [
        ("/?prompt=a&seed=1", "unavailable", "503", "public, max-age=5, stale-while-revalidate=0"),
        ("/?prompt=a&seed=2", "internal", "502", "public, max-age=5, stale-while-revalidate=0"),
        ("/?prompt=a&seed=3", "filter", "403", "public, max-age=86400, stale-while-revalidate=0"),
        ("/?prompt=a&sede=4", "", "400", "no-store"),
        ("/", "", "400", "no-store"),
        ("/i/" + "0" * 64, "", "404", "no-store"),
    ],
)
def test_an_error_is_a_picture_that_is_shown_and_soon_forgotten(
    readme: Readme, path: str, fault: str, status: str, cache_control: str
) -> None:
    if fault:
        readme.upstream.always(fault)

    answer = readme.view(path)

    assert picture(answer).format in ("PNG", "WEBP")
    assert answer.headers["cache-control"] == cache_control
    said = readme.service.get(path, **{"user-agent": "go-camo", "via": "go-camo", "accept": "image/*"})
    assert (said.status_code, said.headers["promptcdn-status"]) == (200, status)


def test_a_format_of_our_choice_is_one_that_all_readers_see(readme: Readme) -> None:
    answer = readme.view("/?prompt=a+harbour&seed=7&format=auto", accept=AVIF_READER)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    assert picture(answer).format == "WEBP"


def test_whatever_is_shown_says_how_long_it_lasts(readme: Readme) -> None:
    for path in ("/?prompt=x&seed=1", "/?prompt=x", "/?prompt=x&seed=day"):
        control = readme.view(path).headers["cache-control"]
        assert "max-age" in control or control == "no-store"
        assert control != YEAR


def test_readers_who_reload_or_ask_for_a_part_cost_nothing(readme: Readme) -> None:
    path = "/?prompt=a+harbour&seed=7"
    first = readme.view(path)
    for seconds, header in enumerate(({"cache_control": "no-cache"}, {"range": "bytes=0-9"}), 1):
        readme.now = 2.0 * seconds * 31_536_000
        again = readme.view(path, **header)
        assert again.content == first.content
        assert again.headers["x-cache"] == "MISS"

    assert len(readme.upstream.ledger.calls()) == 1
