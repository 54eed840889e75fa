"""Every URL of the contract, over HTTP."""

import io
import itertools
import socket
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
NAMES = [
    ("/?prompt=a+cat&seed=7", 'inline; filename="a-cat-7.webp"'),
    ("/i.jpeg?prompt=a+cat&seed=7", 'inline; filename="a-cat-7.jpg"'),
    ("/prompt/A%20Cat.png?seed=007", 'inline; filename="a-cat-7.png"'),
    (
        "/?prompt=%E7%81%AF%E5%8F%B0&seed=7",
        "inline; filename=\"picture-7.webp\"; filename*=UTF-8''%E7%81%AF%E5%8F%B0-7.webp",
    ),
]


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


@pytest.mark.parametrize(("url", "name"), NAMES)
def test_a_picture_has_a_name_to_be_saved_under(service: Promptcdn, url: str, name: str) -> None:
    made, again = service.get(url), service.get(url)

    assert made.headers["content-disposition"] == again.headers["content-disposition"] == name


@pytest.mark.parametrize("seed", ["", "&seed=day"])
def test_a_picture_whose_seed_was_drawn_is_named_by_that_seed(service: Promptcdn, seed: str) -> None:
    answer = service.get(f"/?prompt=drawn{seed}")

    drawn = answer.headers["content-location"].partition("seed=")[2]
    assert answer.headers["content-disposition"] == f'inline; filename="drawn-{drawn}.webp"'


def test_a_permalinks_file_is_named_by_its_key(service: Promptcdn) -> None:
    key = service.get("/?prompt=a+cat&seed=7").headers["link"].partition("/i/")[2][:64]

    for extension in ("", ".webp"):
        answer = service.get(f"/i/{key}{extension}")
        assert answer.headers["content-disposition"] == f'inline; filename="{key[:16]}.webp"'
    assert service.get(f"/i/{key}.jpeg").content == service.get(f"/i/{key}.jpg").content


def test_what_is_no_picture_has_no_name(service: Promptcdn) -> None:
    tag = service.get("/?prompt=a+cat&seed=7").headers["etag"]
    answers = [
        service.client.get("/?prompt=a+cat&seed=7", headers={"if-none-match": tag}),
        service.get("/?prompt=a+cat&sede=7"),
        service.get("/?prompt=a+cat&sede=7", accept="image/*"),
        service.get("/info?prompt=a+cat&seed=7"),
        service.client.head("/?prompt=never+made&seed=7"),
    ]

    assert [answer.status_code for answer in answers] == [304, 400, 400, 200, 200]
    assert not [answer for answer in answers if "content-disposition" in answer.headers]


@pytest.mark.parametrize(
    "path", ["//?prompt=a+cat&", "///?prompt=a+cat&", "//i.webp?prompt=a+cat&", "//prompt/a%20cat?"]
)
def test_a_slash_too_many_changes_nothing(service: Promptcdn, path: str) -> None:
    plain = service.get("/?prompt=a+cat&seed=7")
    with socket.create_connection(("127.0.0.1", service.client.base_url.port or 0), timeout=20) as connection:
        connection.sendall(f"GET {path}seed=7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        raw = b"".join(iter(lambda: connection.recv(65536), b""))

    assert raw.startswith(b"HTTP/1.1 200")
    assert raw.endswith(plain.content)
    assert plain.headers["etag"].encode() in raw


@pytest.mark.parametrize("path", ["//metrics", "//readyz", "//healthz", "//nothing"])
def test_no_other_path_may_begin_with_two(service: Promptcdn, path: str) -> None:
    with socket.create_connection(("127.0.0.1", service.client.base_url.port or 0), timeout=20) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())

        assert connection.recv(12) == b"HTTP/1.1 404"


def test_info_says_what_sticks_to_a_seed(service: Promptcdn) -> None:
    notes = service.get("/info?prompt=a+cat&seed=7.png").json()["notes"]

    assert notes[0].startswith('the seed "7.png" is a word')
    assert notes[1].startswith('this may be a mistake: the seed "7.png" is "7" with a file')
    assert service.get("/info?prompt=a+cat&seed=7").json()["notes"] == []


@pytest.mark.parametrize(
    ("query", "sides"),
    [
        ("", (256, 256)),
        ("&width=512&height=256", (512, 256)),
        ("&width=512&height=256&w=128", (128, 64)),
        ("&width=512&height=256&w=128&dpr=2", (128, 64)),
        ("&w=64&h=32&fit=cover&format=auto", (64, 32)),
    ],
)
def test_an_html_snippet_has_the_size_of_its_picture(service: Promptcdn, query: str, sides: tuple[int, int]) -> None:
    snippet = service.get(f"/info?prompt=a+cat&seed=7{query}").json()["snippets"]["html"]

    assert snippet.endswith(f'alt="a cat" width="{sides[0]}" height="{sides[1]}">')


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


@pytest.mark.parametrize("extension", ["png", "webp", "jpg", "jpeg", "avif"])
def test_info_understands_the_urls_with_an_extension(service: Promptcdn, extension: str) -> None:
    query = "prompt=a+cat&seed=5&w=320"
    known = service.get(f"/info/i.{extension}?{query}").json()

    format_ = {"jpg": "jpeg"}.get(extension, extension)
    assert known == service.get(f"/info?{query}&format={format_}").json()
    assert service.get(f"/info/i.{extension}?{query}&format=gif").json()["parameter"] == "format"


def test_a_pictures_url_behind_info_is_a_url_of_info(service: Promptcdn) -> None:
    known = service.get("/info?prompt=a+cat&seed=5&w=320").json()

    assert service.get("/info" + known["url"]).json() == known
    assert service.get("/info/").json()["parameter"] == "prompt"


def test_info_of_a_permalink_says_whom_to_ask(service: Promptcdn) -> None:
    for name in ("0" * 64, "0" * 64 + ".png", "abc"):
        answer = service.get(f"/info/i/{name}")
        assert answer.status_code == 404
        assert "promptcdn info URL" in answer.json()["detail"]


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
