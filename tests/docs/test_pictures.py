"""The pictures in the pages are what the service draws today; `./scripts/pictures` makes them anew."""

import io
import json
from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops, ImageStat

import illustrations as pictures
from tests.docs.pages import DOCS
from tests.support.service import Promptcdn

LOCKED = json.loads((DOCS / "site" / "promptcdn.lock").read_text())["pictures"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("service")) as running:
        yield running


def test_each_picture_is_made_by_the_script_and_shown_by_a_page() -> None:
    files = {path.stem for path in (DOCS / "pictures").iterdir()}

    assert files == {*pictures.SKETCHES, *pictures.SCREENSHOTS} == pictures.named()


@pytest.mark.parametrize("name", pictures.SKETCHES)
def test_a_sketch_in_the_pages_is_what_is_drawn(service: Promptcdn, name: str) -> None:
    """Its pixels; another encoder may write other bytes."""
    answer = service.get(f"/?prompt={pictures.SKETCHES[name]}&w={pictures.WIDTH}")

    with Image.open(DOCS / "pictures" / f"{name}.webp") as kept, Image.open(io.BytesIO(answer.content)) as drawn:
        assert kept.size == drawn.size
        difference = ImageStat.Stat(ImageChops.difference(kept.convert("RGB"), drawn.convert("RGB")))
    assert max(difference.mean) < 2


@pytest.mark.parametrize("url", LOCKED)
def test_a_sketch_of_the_site_is_the_one_of_its_url(service: Promptcdn, url: str) -> None:
    info = service.get(f"/info{url.removeprefix(pictures.ADDRESS)}").json()

    assert LOCKED[url]["content_key"] == info["content_key"]
