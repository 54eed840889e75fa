"""Signed URLs on a real service: a signature guards the making, and what is made is everybody's."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import httpx2
import pytest

from promptcdn.url.signing import SigningKeys
from promptcdn.url.signing.spelled import signed_url
from tests.support.service import Promptcdn

SETTINGS = {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": "k1:canary-0123456789,k2:canary-9876543210"}
KEYS = SigningKeys.parse(SETTINGS["PROMPTCDN_SIGNING_KEYS"])
PAST = 1_600_000_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    """A service that makes pictures for signed URLs only; its log is searched for the secrets behind it."""
    folder = tmp_path_factory.mktemp("signing")
    with Promptcdn(folder, **SETTINGS) as running:
        yield running
        said = running.said
    assert "canary" not in (folder / "log").read_text() + str(said)


def url_of(prompt: str, seed: str | None = None) -> str:
    return f"/?prompt={quote_plus(prompt)}&width=256&height=256" + (f"&seed={seed}" if seed else "")


def signed(url: str, exp: int | None = None, kid: str | None = None) -> str:
    return signed_url(url, KEYS, exp, kid)


def refusal(answer: httpx2.Response) -> str:
    """The code of a refusal, which no cache keeps."""
    assert answer.status_code == 403
    assert answer.headers["cache-control"] == "no-store"
    assert "canary" not in answer.text
    code: str = answer.json()["code"]
    return code


def test_only_a_signed_url_makes_a_picture_that_all_may_see(service: Promptcdn) -> None:
    """Only a signed URL makes a picture, and then everybody may see it."""
    url = url_of("a lighthouse", "7")

    assert refusal(service.get(url)) == "signature_required"
    made = service.get(signed(url))
    assert made.headers["cache-status"] == "promptcdn; fwd=uri-miss; stored"
    hit = service.get(url)
    assert (hit.status_code, hit.content) == (200, made.content)
    assert hit.headers["cache-status"] == "promptcdn; hit; detail=memory"


def test_any_spelling_face_and_format_may_use_a_signature(service: Promptcdn) -> None:
    signature = signed(url_of("a tower", "7")).partition("&kid=")[2]

    answer = service.get(f"/prompt/a%20tower.png?seed=007&amp;height=256&width=256&amp;kid={signature}")

    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize("change", ["seed=8", "seed=7&rev=1", "seed=day", "seed=random"])
def test_a_signature_makes_no_other_picture(service: Promptcdn, change: str) -> None:
    other = signed(url_of("a harbour", "7")).replace("seed=7", change)

    assert refusal(service.get(other)) == "bad_signature"


def test_any_key_of_the_settings_signs_and_no_other(service: Promptcdn) -> None:
    url = url_of("a bridge", "7")

    assert refusal(service.get(signed_url(url, SigningKeys.parse("k9:canary-0123456789")))) == "bad_signature"
    assert service.get(signed(url, kid="k2")).status_code == 200


def test_an_expired_signature_makes_nothing_and_hides_nothing(service: Promptcdn) -> None:
    url = url_of("a castle", "7")
    late = signed(url, PAST)

    assert refusal(service.get(late)) == "signature_expired"
    assert service.get(signed(url, int(time.time()) + 600)).status_code == 200
    assert service.get(late).status_code == 200


def test_head_makes_nothing_and_needs_no_signature(service: Promptcdn) -> None:
    url = url_of("a windmill", "7")

    assert service.client.head(url).status_code == 200
    assert refusal(service.get(url)) == "signature_required"


def test_the_signature_of_a_seedless_url_signs_no_seeded_url(service: Promptcdn) -> None:
    """The signature of a URL without a seed fills its pool, and signs no seeded URL."""
    url = url_of("a fishing boat")
    assert refusal(service.get(url)) == "signature_required"

    first = service.get(signed(url)).headers["content-location"]
    assert {service.get(url).headers["content-location"] for _ in range(20)} == {first}

    deadline = time.monotonic() + 30
    while (other := service.get(signed(url)).headers["content-location"]) == first:
        assert time.monotonic() < deadline, "the pool never grows"
    assert service.get(other).status_code == 200
    states = {each["url"]: each["state"] for each in service.get(f"/info{url[1:]}").json()["pool"]}
    absent = next(seeded for seeded, state in states.items() if state == "absent")
    replayed = f"{absent}&kid={signed(url).partition('&kid=')[2]}"
    assert refusal(service.get(replayed)) == "bad_signature"


def test_of_a_calendar_url_the_word_is_signed(service: Promptcdn) -> None:
    url = url_of("a snowy village", "month")

    assert refusal(service.get(url)) == "signature_required"
    assert refusal(service.get(signed(url).replace("month", "week"))) == "bad_signature"
    made = service.get(signed(url))
    assert made.status_code == 200
    assert service.get(url).content == made.content
    assert service.get(made.headers["content-location"]).content == made.content


def test_the_url_that_is_printed_at_the_start_may_be_clicked(service: Promptcdn) -> None:
    assert "misses signed" in service.said[0]
    assert service.get(service.example).status_code == 200


def test_where_misses_are_open_a_signature_says_nothing(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        assert service.get(f"{url_of('a cat', '7')}&kid=k9&exp={PAST}&sig=forged").status_code == 200
