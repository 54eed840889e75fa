"""What comes back over HTTP, outcome by outcome, from a service that draws sketches."""

import io
import json
import random
import re
import socket
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import quote_from_bytes

import httpx2
import pytest
from PIL import Image

from tests.support.service import Promptcdn

LIGHTHOUSE = "/?prompt=a+lighthouse&seed=7&width=512&height=512"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("service"), PROMPTCDN_SIZE="512x512") as running:
        yield running


def picture(answer: httpx2.Response) -> Image.Image:
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def test_a_seeded_url_is_a_picture_that_may_be_kept_for_a_year(service: Promptcdn) -> None:
    answer = service.get(LIGHTHOUSE)

    assert picture(answer).size == (512, 512)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert re.fullmatch(r'"[0-9a-f]{16}\.[0-9a-f]{16}"', answer.headers["etag"])
    assert parsedate_to_datetime(answer.headers["last-modified"]) <= parsedate_to_datetime(answer.headers["date"])
    assert answer.headers["repr-digest"].startswith("sha-256=:")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "content-location" not in answer.headers
    assert "vary" not in answer.headers


def test_every_answer_carries_what_all_share(service: Promptcdn) -> None:
    for path in (LIGHTHOUSE, "/?prompt=x", "/?prompt=x&seed=day", "/", "/info?prompt=x", "/healthz", "/nothing"):
        headers = service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["access-control-allow-origin"] == "*", path
        assert headers["cross-origin-resource-policy"] == "cross-origin", path
        assert headers["server-timing"].startswith("total;dur="), path
        assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"]), path
        assert "cache-control" in headers, path
        assert "date" in headers, path
        assert "content-length" in headers, path
        assert not {"set-cookie", "age", "server"} & set(headers), path


def test_a_second_view_is_a_hit_with_the_same_bytes(service: Promptcdn) -> None:
    first, second = service.get(LIGHTHOUSE), service.get(LIGHTHOUSE)

    assert first.content == second.content
    assert second.headers["cache-status"] == "promptcdn; hit; detail=memory"


def test_png_is_the_same_picture(service: Promptcdn) -> None:
    answer = service.get(LIGHTHOUSE + "&format=png")

    assert answer.headers["content-type"] == "image/png"
    assert picture(answer).size == (512, 512)


def test_a_permalink_is_the_same_picture_and_never_makes_one(service: Promptcdn) -> None:
    answer = service.get(LIGHTHOUSE)
    link = re.fullmatch(r'<(/i/[0-9a-f]{64})>; rel="canonical"', answer.headers["link"])
    assert link is not None

    permalink = service.get(link[1])

    assert permalink.content == answer.content
    assert permalink.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert service.get(link[1] + "?format=png").headers["content-type"] == "image/png"
    for unknown in ("/i/" + "0" * 64, "/i/abc", "/i/" + "0" * 64 + "?seed=1"):
        refused = service.get(unknown)
        assert refused.status_code == (400 if "seed" in unknown else 404)
        assert refused.headers["cache-control"] == "no-store"


def test_a_url_without_a_seed_varies_and_names_what_it_showed(service: Promptcdn) -> None:
    first = service.get("/?prompt=a+harbour")
    assert first.headers["cache-control"] == "public, max-age=2, stale-while-revalidate=0"

    views: list[httpx2.Response] = []
    while len({view.content for view in views}) < 3:
        views.append(service.get("/?prompt=a+harbour"))
        assert len(views) < 2000

    assert {view.headers["cache-control"] for view in views} == {"no-store"}
    assert all("etag" not in view.headers for view in views)
    for view in views[-3:]:
        seeded = service.get(view.headers["content-location"])
        assert seeded.content == view.content
        assert seeded.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_calendar_seed_lasts_to_the_end_of_its_period(service: Promptcdn) -> None:
    answer = service.get("/?prompt=a+harbour&seed=day")

    max_age = re.fullmatch(
        r"public, max-age=([0-9]+), stale-while-revalidate=600, stale-if-error=86400", answer.headers["cache-control"]
    )
    assert max_age is not None
    end = parsedate_to_datetime(answer.headers["date"]).timestamp() + int(max_age[1])
    assert end % 86400 == 0
    assert service.get(answer.headers["content-location"]).content == answer.content
    assert "etag" in answer.headers


def test_head_makes_nothing(service: Promptcdn) -> None:
    url = "/?prompt=never+made&seed=1"
    head = service.client.head(url)

    assert head.status_code == 200
    assert head.headers["content-type"] == "image/webp"
    assert head.headers["cache-control"] == "public, max-age=60, stale-while-revalidate=0"
    assert not {"content-length", "etag", "last-modified"} & set(head.headers)
    assert service.get("/info" + url[1:]).json()["state"] == "absent"


def test_head_of_a_stored_picture_has_the_headers_of_get(service: Promptcdn) -> None:
    get, head = service.get(LIGHTHOUSE), service.client.head(LIGHTHOUSE)

    moment = {"date", "server-timing", "x-request-id", "cache-status"}
    assert head.content == b""
    assert set(head.headers) == set(get.headers)
    assert all(head.headers[name] == get.headers[name] for name in set(head.headers) - moment)


def test_a_client_that_has_the_picture_is_told_so(service: Promptcdn) -> None:
    etag = service.get(LIGHTHOUSE).headers["etag"]

    answer = service.get(LIGHTHOUSE, **{"if-none-match": f'"other", W/{etag}'})

    assert answer.status_code == 304
    assert set(answer.headers) == {"date", "etag", "cache-control"}
    assert service.get(LIGHTHOUSE, **{"if-none-match": '"other"'}).status_code == 200
    two_lines = [("if-none-match", '"other"'), ("if-none-match", etag)]
    assert service.client.get(LIGHTHOUSE, headers=two_lines).status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "code", "parameter"),
    [
        ("/", 400, "bad_parameter", "prompt"),
        ("/?seed=7", 400, "bad_parameter", "prompt"),
        ("/?prompt=a&sede=7", 400, "bad_parameter", "sede"),
        ("/?prompt=%ff", 400, "bad_parameter", "prompt"),
        ("/?prompt=a&seed=1&width=1000", 400, "bad_parameter", "width"),
        ("/?prompt=a&seed=1&engine=other", 400, "bad_parameter", "engine"),
        ("/?prompt=a&w=5000", 400, "bad_parameter", "w"),
        ("/?prompt=a&seed=1&upscale=2", 400, "bad_parameter", "upscale"),
        (f"/?prompt=a&seed=1&init={'0' * 64}", 404, "not_found", "init"),
        ("/?prompt=" + "a" * 8200, 414, "uri_too_long", None),
        ("/nothing", 404, "not_found", None),
        ("/info", 400, "bad_parameter", "prompt"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_refusal_is_a_problem_document(
    service: Promptcdn, path: str, status: int, code: str, parameter: str | None
) -> None:
    answer = service.get(path)
    document = answer.json()

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert (document["status"], document["code"], document.get("parameter")) == (status, code, parameter)
    assert document["type"].endswith(code)
    assert document["detail"]


def test_info_says_everything_and_makes_nothing(service: Promptcdn) -> None:
    query = "?prompt=a+[new]+thing&seed=octocat&style_preset=line-art"
    known = service.get("/info" + query).json()

    assert set(known) == {
        *("content_key", "state", "permalink", "url", "as_asked", "resolved", "sources", "pool"),
        *("credits", "snippets", "notes"),
    }
    assert known["state"] == "absent"
    assert known["as_asked"] == {"prompt": "a [new] thing", "seed": 181842428, "style_preset": "line-art"}
    assert known["resolved"]["generator"] == "sketch"
    assert known["resolved"]["width"] == 512
    assert known["permalink"] == f"/i/{known['content_key']}"
    assert known["pool"] is None
    assert set(known["snippets"]) == {"markdown", "html", "asciidoc", "rst", "url", "sites"}
    assert known["snippets"]["markdown"] == rf"![a \[new\] thing]({service.url}{known['url']})"

    made = service.get(known["url"])

    assert made.status_code == 200
    assert service.get("/info" + query).json()["state"] == "stored"
    assert service.get(known["permalink"]).content == made.content


def test_info_of_a_seedless_url_shows_its_pool(service: Promptcdn) -> None:
    service.get("/?prompt=a+pool")

    known = service.get("/info?prompt=a+pool").json()

    assert known["content_key"] is None
    assert known["permalink"] is None
    assert known["state"] == "stored"
    assert known["resolved"]["seed"] is None
    assert len(known["pool"]) == 8
    assert {variant["state"] for variant in known["pool"]} >= {"stored"}
    stored = next(variant for variant in known["pool"] if variant["state"] == "stored")
    assert service.get(stored["url"]).status_code == 200


def test_info_of_a_calendar_url_is_of_the_present_period(service: Promptcdn) -> None:
    known = service.get("/info?prompt=a+pool&seed=month").json()

    assert known["as_asked"]["seed"] == "month"
    assert known["content_key"] == service.get("/info?prompt=a+pool&seed=month").json()["content_key"]
    assert isinstance(known["resolved"]["seed"], int)


def test_the_process_says_that_it_lives(service: Promptcdn) -> None:
    answer = service.get("/healthz")

    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers["cache-control"] == "no-store"


def raw_status(service: Promptcdn, target: bytes) -> tuple[int, bytes]:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"HEAD " + target + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1]), answer


HOSTILE = [
    *(b"%00", b"%ff", b"%c3%28", b"%zz", b"%", b"%u0041", b"&amp;", b";", b"=", b"&", b"+", b"%0d%0aset-cookie:x"),
    *(b"prompt=a", b"seed=7", b"seed=" + b"9" * 500, b"width=1024", b"w=10", b"%e2%80%ae", b"%F0%9F%91%A9", b"'\"<>|"),
    *(b"seed=day", b"rev=1", b"a" * 3000, b"../../etc/passwd", b"%2e%2e%2f", b"{}[]^`\\", b"utm_x=1", b"init=abc"),
]


def test_a_thousand_hostile_queries_never_break_the_service(service: Promptcdn) -> None:
    """Over a raw socket."""
    chance = random.Random(7)
    statuses = set()
    for _ in range(1000):
        target = b"/?" + b"".join(chance.choices(HOSTILE, k=chance.randint(1, 8)))
        status, answer = raw_status(service, target)
        statuses.add(status)
        assert status in (200, 400, 414), target
        assert b"set-cookie" not in answer.lower(), target
    assert statuses == {200, 400, 414}
    assert service.get("/healthz").status_code == 200


def test_each_400_names_its_parameter_over_http(service: Promptcdn) -> None:
    chance = random.Random(8)
    for _ in range(200):
        pieces = [quote_from_bytes(chance.randbytes(5), safe="=&%") for _ in range(3)]
        answer = service.get("/?" + "".join(pieces))
        if answer.status_code == 400:
            assert json.loads(answer.content)["parameter"] is not None


@pytest.mark.parametrize("path", ["/healthz/", "/i/" + "0" * 64 + "/", "//evil.example/?prompt=x"])
def test_nothing_is_ever_redirected(service: Promptcdn, path: str) -> None:
    answer = service.client.get(service.url + path, headers={"host": "evil.example"}, follow_redirects=False)

    assert answer.status_code == 404
    assert "location" not in answer.headers
