"""HTTP towards upstreams, the policy: base URLs, statuses, pauses, and from where a picture may be fetched."""

import pytest

from promptcdn import problems
from promptcdn.generators.http import locations, pauses, statuses
from promptcdn.generators.http.address import Address, address
from promptcdn.generators.http.locations import Hosts
from promptcdn.problems import ProblemType

UPSTREAM = Address("https", "api.example.org", 443, "/v1")


@pytest.mark.parametrize(
    ("text", "found", "written"),
    [
        ("https://api.openai.com/v1", Address("https", "api.openai.com", 443, "/v1"), "https://api.openai.com/v1"),
        (" HTTPS://API.Openai.com/v1/ ", Address("https", "api.openai.com", 443, "/v1"), "https://api.openai.com/v1"),
        ("http://localhost:8080", Address("http", "localhost", 8080), "http://localhost:8080"),
        ("http://[::1]:8080/", Address("http", "::1", 8080), "http://[::1]:8080"),
        ("http://host:80/a/b//", Address("http", "host", 80, "/a/b"), "http://host/a/b"),
        ("https://host:8443", Address("https", "host", 8443), "https://host:8443"),
    ],
)
def test_a_base_url_is_read(text: str, found: Address, written: str) -> None:
    assert address(text, "X_URL") == found
    assert str(found) == written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("localhost:8080/v1", "write http://localhost:8080/v1 or https://localhost:8080/v1"),
        ("ftp://host", "like https://api.example.org/v1"),
        ("https://", "like https://api.example.org/v1"),
        ("http://host:99999", "allowed"),
        ("http://[abc]", "not an IPv6 address"),
        ("http://ho st", "allowed"),
        ("http://bücher.example", "allowed"),
    ],
)
def test_what_is_no_base_url_is_refused_by_name_and_value(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="X_URL") as refused:
        address(text, "X_URL")

    assert said in str(refused.value)
    assert text in str(refused.value)


@pytest.mark.parametrize("text", ["https://user:canary@host/v1", "https://host/v1?key=canary", "https://host#canary"])
def test_a_base_url_with_a_secret_is_refused_without_it(text: str) -> None:
    with pytest.raises(ValueError, match="X_URL") as refused:
        address(text, "X_URL")

    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("a.localhost", True), ("127.1.2.3", True), ("::1", True), ("localhost.example.org", False)],
)
def test_a_loopback_host_is_known_by_its_name(host: str, loopback: bool) -> None:
    assert Address("http", host, 80).loopback is loopback


@pytest.mark.parametrize(
    ("status", "kind", "charged"),
    [
        (301, problems.UPSTREAM_REFUSED, False),
        (400, problems.UPSTREAM_REFUSED, False),
        (401, problems.UPSTREAM_UNAUTHORIZED, False),
        (402, problems.UPSTREAM_UNPAID, False),
        (403, problems.UPSTREAM_UNAUTHORIZED, False),
        (404, problems.UPSTREAM_REFUSED, False),
        (408, problems.UPSTREAM_TIMEOUT, True),
        (413, problems.UPSTREAM_REFUSED, False),
        (422, problems.UPSTREAM_REFUSED, False),
        (429, problems.UPSTREAM_BUSY, False),
        (500, problems.UPSTREAM_GARBLED, True),
        (502, problems.UPSTREAM_UNREACHABLE, True),
        (503, problems.UPSTREAM_BUSY, True),
        (504, problems.UPSTREAM_TIMEOUT, True),
        (599, problems.UPSTREAM_GARBLED, True),
        (204, problems.UPSTREAM_GARBLED, True),
        (700, problems.UPSTREAM_GARBLED, True),
    ],
)
def test_every_status_has_a_meaning(status: int, kind: ProblemType, charged: bool) -> None:
    failed = statuses.failure(status, {}, "engine e")

    assert (failed.kind, failed.charged) == (kind, charged)
    assert str(status) in failed.detail


def test_a_busy_server_that_says_when_to_come_back_is_free() -> None:
    failed = statuses.failure(503, {"retry-after": "7"}, "engine e")

    assert (failed.kind, failed.charged, failed.pause) == (problems.UPSTREAM_BUSY, False, 7)


def test_an_account_that_cannot_pay_is_told_whatever_the_status() -> None:
    failed = statuses.failure(429, {}, "engine e", unpaid=True)

    assert (failed.kind, failed.charged) == (problems.UPSTREAM_UNPAID, False)


NOW = "Sat, 28 Nov 2026 00:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "999999999"}, 3600),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 28 Nov 2026 00:01:30 GMT", "date": NOW}, 90),
        ({"retry-after": "Sat, 28 Nov 2026 00:01:30 GMT"}, None),
        ({"retry-after": "Fri, 27 Nov 2026 00:00:00 GMT", "date": NOW}, 0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
    ],
)
def test_a_pause_is_read_from_the_header_fields(headers: dict[str, str], pause: float | None) -> None:
    assert pauses.named(headers) == pause


HOSTS = Hosts.parse("pictures.example.net, *.cdn.example.com, http://127.0.0.1:9000")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.org/files/a.png?sig=1",
        "https://pictures.example.net/a.png",
        "https://eu.cdn.example.com/a.png",
        "http://127.0.0.1:9000/a.png",
    ],
)
def test_pictures_are_fetched_from_the_upstream_and_named_hosts(url: str) -> None:
    found = HOSTS.locate(url, UPSTREAM)

    assert found is not None
    assert found.where.origin + found.target == url
    assert found.own == url.startswith("https://api.example.org/")
    assert found.public == ("cdn" in url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org/a.png",  # the upstream, but in plain text
        "https://api.example.org:8443/a.png",  # another port of the upstream
        "https://api.example.org./a.png",
        "https://api.example.org@evil.example/a.png",
        "https://evil.example/a.png",
        "https://cdn.example.com/a.png",
        "https://evilcdn.example.com/a.png",
        "http://eu.cdn.example.com/a.png",
        "https://eu.cdn.example.com:8443/a.png",
        "http://pictures.example.net/a.png",
        "http://127.0.0.1:9001/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/a.png",
        "http://0x7f000001/",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "gopher://api.example.org/",
        "//api.example.org/a.png",
        "/a.png",
        "",
        "https://api.example.org\\@evil.example/",
        "https://api.example.org/a b",
        "https://api.example.org/a\r\nHost: evil",
        "https://api.example.org:/a.png",
        "https://api.example.org:0/a.png",
        "https://[::1/a.png",
        "https://api.example.org/" + "a" * 9000,
    ],
)
def test_pictures_are_fetched_from_nowhere_else(url: str) -> None:
    assert HOSTS.locate(url, UPSTREAM) is None


@pytest.mark.parametrize("text", ["*.com", "*", "a b", "host/path", "https://user@host", "*.*.example.org", "ftp://a"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: hosts"):
        Hosts.parse(text)


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_an_address_on_the_internet_is_public(text: str) -> None:
    assert locations.is_public(text)


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:7f00:1::", "192.0.2.1", "nonsense"),
        *("64:ff9b:1::a00:1", "::7f00:1", "::ffff:0:127.0.0.1", "fec0::1", "2001:0:a00:1::", "5f00::1"),
        "0.0.0.0",  # noqa: S104
    ],
)
def test_an_address_that_others_cannot_have_is_not_public(text: str) -> None:
    assert not locations.is_public(text)


def test_one_address_that_is_not_public_spoils_a_host() -> None:
    assert locations.all_public(["1.1.1.1"])
    assert not locations.all_public(["1.1.1.1", "127.0.0.1"])
    assert not locations.all_public([])
