"""What builders of others do with our URLs: a first build of pictures that take 6 s, a second one, and one offline."""

import re
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.sites.building import SERVICE
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.third_party.sites import BUILDERS, PICTURES, Builder
from tests.upstream import Upstream

LATENCY = 6


def pictures_in(built: Path, url: str) -> int:
    """How many pictures a reader without the service sees of what was built."""
    books = [*built.glob("*.epub")]
    if books:
        with zipfile.ZipFile(books[0]) as book:
            names = [name for name in book.namelist() if "_static" not in name]
            return sum(name.endswith((".png", ".webp")) for name in names)
    documents = [*built.glob("*.pdf")]
    if documents:
        return documents[0].read_bytes().count(b"/Subtype /Image")
    if any(built.glob("*.tex")):
        return len([*built.glob("a-*.png")])
    return sum(_is_there(source, page, built) for page in built.rglob("*.html") for source in sources(page, url))


def sources(page: Path, url: str) -> list[str]:
    """What the pictures of a page name; those of the builder's own theme are left out."""
    tags = re.findall(r"<img[^>]*>", page.read_text())
    found = [
        unescape(src[1] or src[2]) for tag in tags if (src := re.search(r"""src=(?:["']([^"']*)["']|([^ >]*))""", tag))
    ]
    return [each for each in found if "logo" not in each or url in each]


def _is_there(source: str, page: Path, built: Path) -> bool:
    if source.startswith("data:image/"):
        return True
    parts = urlsplit(source)
    if parts.netloc:
        return False
    path = unquote(parts.path)
    return (built / path.lstrip("/") if path.startswith("/") else page.parent / path).is_file()


class Counted:
    """How many requests a service answers, those for its metrics left out."""

    def __init__(self, service: Promptcdn) -> None:
        self._service, self._own = service, 0

    def __call__(self) -> int:
        """Since the start of the service."""
        lines = self._service.get("/metrics").text.splitlines()
        counted = [line for line in lines if line.startswith("promptcdn_requests_total{")]
        self._own += 1
        return sum(int(float(line.rpartition(" ")[2])) for line in counted) - self._own + 1


@dataclass(frozen=True)
class Seen:
    """What one build gave: how it ended, how many pictures are in the site, and what the service was asked and paid."""

    code: int
    pictures: int
    seconds: float
    requests: int = 0
    paid: int = 0

    @property
    def is_good(self) -> bool:
        """Whether all pictures are in the site."""
        return self.code == 0 and self.pictures >= len(PICTURES)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.name)
def test_a_second_build_pays_for_nothing(builder: Builder, tmp_path: Path) -> None:
    if builder.found() is None:
        pytest.skip(f"{builder.name} is not installed")
    with Upstream() as upstream:
        upstream.always(f"slow={LATENCY}")
        with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, **SERVICE) as service:
            site, asked = builder.site(tmp_path, service.url), Counted(service)

            def build() -> Seen:
                before = asked()
                seen = built(builder, site, service.url)
                upstream.wait_until_idle()
                return replace(seen, requests=asked() - before, paid=len(upstream.ledger.calls()))

            first, second = build(), build()
            warm(service, builder.urls)
            site = builder.site(tmp_path, service.url)
            warmed = build()
            if builder.vendors:
                vendor(site, service.url, builder.vendors)
            service.stop()
            without = built(builder, site, service.url)
    seen = {"first": first, "second": second, "warmed": warmed, "without": without}
    say(f"SEEN {builder.name} {builder.version()}", *(f"{name}: {each}" for name, each in seen.items()))

    assert second.paid == first.paid
    assert first.is_good is (builder.takes and builder.patient)
    assert warmed.is_good is second.is_good is builder.takes
    assert (second.requests > 0) is (builder.asks_again or first.code != 0)
    assert without.is_good is (builder.without and (builder.takes or bool(builder.vendors)))


def built(builder: Builder, site: Path, url: str) -> Seen:
    """One build."""
    began = time.monotonic()
    ended = builder.ran(site)
    took = time.monotonic() - began
    say(ended.stdout[-3000:], ended.stderr[-3000:])
    return Seen(ended.returncode, pictures_in(site / builder.out, url), round(took, 1))


def say(*lines: str) -> None:
    """Pytest prints it with `-rP`, and where a test failed."""
    sys.stdout.write("\n".join((*lines, "")))


def warm(service: Promptcdn, urls: tuple[str, ...]) -> None:
    """All pictures are made, as `promptcdn warm` has them made before a build."""
    for url in urls:
        assert service.get(url).status_code == 200


def vendor(site: Path, url: str, folder: str) -> None:
    """The pictures are put beside the documents."""
    command = [PROMPTCDN, "vendor", ".", "--to", folder]
    variables = environment(PROMPTCDN_PUBLIC_URL=url)
    subprocess.run(command, cwd=site, env=variables, check=True, capture_output=True, timeout=60)
