"""`promptcdn sign` and `promptcdn url --sign`, as processes."""

import json
import subprocess
import time
from datetime import UTC, datetime

import pytest

from promptcdn.url import signing
from promptcdn.url.dialects import given
from promptcdn.url.request import Request
from tests.support.service import PROMPTCDN, environment

SETTINGS = "k1:canary-0123456789,k2:canary-9876543210"
KEYS = signing.SigningKeys.parse(SETTINGS)


def promptcdn(*words: str, keys: str = SETTINGS, **settings: object) -> subprocess.CompletedProcess[str]:
    variables = environment(PROMPTCDN_SIGNING_KEYS=keys, **settings)
    return subprocess.run([PROMPTCDN, *words], capture_output=True, text=True, env=variables)


def signed(*words: str) -> str:
    """The one URL that a command prints; its signature holds."""
    ended = promptcdn(*words)
    (url,) = ended.stdout.splitlines()
    request = asked_by(url)
    assert signing.objection(request.asked, request.control, KEYS, time.time()) is None
    return url


def asked_by(url: str) -> Request:
    return given.request(given.parts(url))


@pytest.mark.parametrize(
    ("url", "begin", "end"),
    [
        ("https://h/?prompt=a+cat&seed=7", "https://h/?prompt=a+cat&seed=7&kid=k1&sig=", ""),
        ("/?seed=007&prompt=a%20cat", "/?seed=007&prompt=a%20cat&kid=k1&sig=", ""),
        ("https://h/i.png?prompt=a", "https://h/i.png?prompt=a&kid=k1&sig=", ""),
        ("https://h/pictures/?prompt=a", "https://h/pictures/?prompt=a&kid=k1&sig=", ""),
        ("/prompt/a%20cat+1", "/prompt/a%20cat+1?kid=k1&sig=", ""),
        ("https://h/prompt/a%20cat.jpg?seed=-1", "https://h/prompt/a%20cat.jpg?seed=-1&kid=k1&sig=", ""),
        ("https://h/?prompt=a&amp;seed=day", "https://h/?prompt=a&amp;seed=day&amp;kid=k1&amp;sig=", ""),
        ("/?prompt=a#gh-dark-mode-only", "/?prompt=a&kid=k1&sig=", "#gh-dark-mode-only"),
        ("/?prompt=北京", "/?prompt=北京&kid=k1&sig=", ""),
        ("/?sig=old&kid=k0&prompt=a&exp=5&seed=7", "/?prompt=a&seed=7&kid=k1&sig=", ""),
        ("/?prompt=a&amp;%73ig=***&amp;kid=a b&seed=7", "/?prompt=a&seed=7&kid=k1&sig=", ""),
    ],
)
def test_a_url_stays_spelled_as_it_is(url: str, begin: str, end: str) -> None:
    printed = signed("sign", url)

    assert printed.startswith(begin)
    assert printed.endswith(end)
    assert len(printed) == len(begin) + 43 + len(end)


def test_many_urls_are_a_line_each() -> None:
    ended = promptcdn("sign", "/?prompt=a", "/?prompt=b")

    assert [line.partition("&kid")[0] for line in ended.stdout.splitlines()] == ["/?prompt=a", "/?prompt=b"]


def test_another_key_may_sign() -> None:
    assert asked_by(signed("sign", "/?prompt=a", "--key", "k2")).control.kid == "k2"


@pytest.mark.parametrize(("expires", "seconds"), [("30d", 30 * 86400), ("12h", 12 * 3600), ("3600", 3600)])
def test_a_signature_may_end_a_while_from_now(expires: str, seconds: int) -> None:
    before = int(time.time())
    exp = asked_by(signed("sign", "/?prompt=a", "--expires", expires)).control.exp

    assert exp is not None
    assert before + seconds <= exp <= time.time() + seconds


@pytest.mark.parametrize("expires", ["2100-01-01", "21000101", "2100-01-01T00:00:00Z"])
def test_a_signature_may_end_at_a_date_as_it_begins(expires: str) -> None:
    exp = asked_by(signed("sign", "/?prompt=a", "--expires", expires)).control.exp

    assert exp == datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def test_a_new_url_may_be_printed_with_its_signature() -> None:
    plain = signed("url", "a cat", "--seed", "day", "--base", "https://h", "--sign", "--expires", "30d", "--key", "k2")
    printed = json.loads(promptcdn("url", "a cat", "--base", "https://h", "--sign", "--json").stdout)

    assert plain.startswith("https://h/?prompt=a+cat&seed=day&kid=k2&exp=")
    assert "&amp;kid=k1&amp;sig=" in printed["html"]
    assert printed["url"] in printed["markdown"]


WRONG = [
    (("sign", "/?prompt=a&sede=7"), '/?prompt=a&sede=7: sede="7": unknown parameter (did you mean seed?)'),
    (
        ("sign", "/?prompt=a", "/i/KEY"),
        "/i/KEY: this is neither a permalink (/i/ and 64 hex digits) nor a URL with prompt=",
    ),
    (("sign", "/?prompt=a&upscale=2"), '/?prompt=a&upscale=2: upscale="2": there is no picture to start from'),
    (("sign", "/?v=" + "x" * 8150 + "&prompt=a"), "/?v=" + "x" * 8150 + "&prompt=a: signed, the URL would be longer"),
    (("sign", "/?prompt=a", "--key", "k3"), '--key="k3": there is k1 or k2'),
    (
        ("sign", "/?prompt=a", "--expires", "soon"),
        '--expires="soon": say it like 30d, 12h, 3600 (seconds from now, 9999999',
    ),
    (
        ("sign", "/?prompt=a", "--expires", "1798761600"),
        '--expires="1798761600": say it like 30d, 12h, 3600 (seconds from now',
    ),
    (("sign", "/?prompt=a", "--expires", "9999-01-01"), '--expires="9999-01-01": say it like 30d'),
    (("sign", "/?prompt=a", "--expires", "2020-01-01"), '--expires="2020-01-01": that has passed'),
    (("sign", "/?prompt=a", "--expires", "0"), '--expires="0": that has passed'),
    (("url", "a", "--expires", "30d"), "--expires and --key go with --sign"),
    (("url", "a", "--key", "k1"), "--expires and --key go with --sign"),
]


@pytest.mark.parametrize(("words", "line"), WRONG, ids=[" ".join(row[0])[:60] for row in WRONG])
def test_wrong_use_is_one_clear_line_and_exit_2(words: tuple[str, ...], line: str) -> None:
    ended = promptcdn(*words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"promptcdn: {line}")
    assert len(ended.stderr.splitlines()) == 1


def test_a_seed_that_may_be_a_mistake_is_noted_when_it_is_signed() -> None:
    """A seed that may be a mistake is noted, and signed."""
    one, two = promptcdn("sign", "/?prompt=a&seed=7)"), promptcdn("sign", "/?prompt=a", "/?prompt=a&seed=7)")

    assert (one.returncode, len(one.stdout.splitlines())) == (0, 1)
    assert one.stderr.startswith('note: this may be a mistake: the seed "7)" is "7" with a punctuation mark')
    assert two.stderr.startswith('note: /?prompt=a&seed=7): this may be a mistake: the seed "7)"')


def test_the_largest_number_of_seconds_is_taken() -> None:
    assert asked_by(signed("sign", "/?prompt=a", "--expires", "9999999")).control.exp is not None


def test_without_keys_nothing_is_signed() -> None:
    for words in (("sign", "/?prompt=a"), ("url", "a", "--sign")):
        ended = promptcdn(*words, keys="")

        assert ended.returncode == 2
        assert ended.stderr == "promptcdn: there is no key to sign with: set PROMPTCDN_SIGNING_KEYS, like id:secret\n"
