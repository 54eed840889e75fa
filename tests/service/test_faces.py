"""Every URL of the contract, over HTTP."""

import io
import itertools
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.support.fakes import NO_FORMAT
from tests.support.service import Promptcdn
from tests.url.test_dialects import URLS


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("faces"), PROMPTCDN_SIZE="256x256") as running:
        yield running


SOURCE = b"http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
FORMATS = [("webp", "webp"), ("png", "png"), ("jpg", "jpeg"), ("avif", "avif")]


@pytest.mark.parametrize(("extension", "format_"), FORMATS)
def test_a_picture_has_every_format_under_every_face(service: Promptcdn, extension: str, format_: str) -> None:
    by_parameter = service.get(f"/?prompt=a+cat&seed=7&format={format_}")
    key = by_parameter.headers["link"].partition("/i/")[2][:64]
    faces = [
        service.get(f"/i.{extension}?prompt=a+cat&seed=7"),
        service.get(f"/prompt/a%20cat.{extension}?seed=7"),
        service.get(f"/i/{key}.{extension}"),
        service.get(f"/i/{key}?format={format_}"),
    ]

    assert by_parameter.headers["content-type"] == f"image/{format_}"
    assert Image.open(io.BytesIO(by_parameter.content)).size == (256, 256)
    assert SOURCE in by_parameter.content
    for face in faces:
        assert face.status_code == 200
        assert face.content == by_parameter.content
        assert face.headers["etag"] == by_parameter.headers["etag"]


def test_another_format_beside_the_extension_is_refused(service: Promptcdn) -> None:
    answer = service.get("/i.png?prompt=a+cat&seed=7&format=webp")

    assert (answer.status_code, answer.json()["parameter"]) == (400, "format")


def test_the_permalink_of_another_format_has_its_extension(service: Promptcdn) -> None:
    link = service.get("/?prompt=a+cat&seed=7&format=jpeg").headers["link"]

    permalink = link[1 : link.index(">")]
    assert permalink.endswith(".jpg")
    assert service.get(permalink).headers["content-type"] == "image/jpeg"


def test_a_pollinations_url_works_after_its_host_was_changed(service: Promptcdn) -> None:
    for prompt, *parts in itertools.islice(URLS, 0, None, 4):
        query = b"&".join(part for part in parts if part).decode()
        answer = service.get(f"/prompt/{prompt.decode()}?{query}")
        assert answer.status_code == 200, (prompt, query, answer.text)
        assert answer.headers["content-type"].startswith("image/")


def test_what_was_not_taken_at_its_word_is_said_in_info(service: Promptcdn) -> None:
    known = service.get("/info/prompt/a%20cat?width=1920&height=1080&model=flux&nologo=true&seed=5").json()

    assert known["as_asked"] == {"prompt": "a cat", "seed": 5, "width": 1536, "height": 896, "engine": "flux"}
    assert known["resolved"]["engine"] == "sketch"
    assert "this service ignores the parameter nologo" in known["notes"]
    assert "the engine flux is not offered: sketch is used in its place" in known["notes"]


def test_a_snippet_of_info_is_drawn_before_anybody_asked(service: Promptcdn) -> None:
    for query in (
        "width=333&height=777&model=flux&seed=5",
        "width=50&model=flux",
        "aspectRatio=3:1&model=flux&seed=day",
    ):
        known = service.get(f"/info/prompt/never%20asked?{query}").json()
        assert known["content_key"] == service.get("/info" + known["url"][1:]).json()["content_key"]
        for url in (known["url"], *(variant["url"] for variant in known["pool"] or ())):
            assert service.get(url).status_code == 200, url


def test_a_path_without_a_prompt_is_told_so(service: Promptcdn) -> None:
    answer = service.get("/prompt/")

    assert (answer.status_code, answer.json()["parameter"]) == (400, "prompt")


def test_a_slash_in_a_prompt_is_part_of_it(service: Promptcdn) -> None:
    plain, escaped = service.get("/prompt/a/b?seed=1"), service.get("/prompt/a%2Fb?seed=1")

    assert plain.status_code == 200
    assert plain.content == escaped.content


@pytest.mark.parametrize(
    "path", [f"/i.{NO_FORMAT}?prompt=a", "/i/abc.png", "/i/" + "A" * 64, "/info.png", "/readyz/x.png"]
)
def test_what_is_no_face_is_not_there(service: Promptcdn, path: str) -> None:
    answer = service.get(path)

    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_crawlers_may_look_at_pictures(service: Promptcdn) -> None:
    answer = service.get("/robots.txt")

    assert answer.text == "User-agent: *\nDisallow: /info\n"


def test_readiness_names_every_part(service: Promptcdn) -> None:
    answer = service.get("/readyz")
    document = answer.json()

    assert answer.status_code == 200
    assert document["ready"] is True
    assert set(document["parts"]) == {"service", "store", "generator", "budget", "spool"}
    assert answer.headers["cache-control"] == "no-store"
