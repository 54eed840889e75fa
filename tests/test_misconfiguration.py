"""Settings that are a mistake: what is refused, what is said, and what is neither."""

import re
from dataclasses import replace
from ipaddress import ip_network

import pytest

from promptcdn.misconfiguration import (
    Chosen,
    WrongVariable,
    doubts,
    elsewhere,
    nearest,
    not_an_endpoint,
    number,
    one_of,
    require_aws,
    require_narrow,
    require_no_credentials,
    require_token,
    shown,
)
from promptcdn.settings import Settings, shown_name

PUBLIC = Chosen(public_url="https://pictures.example.org", admin_token=True)
OWN = [
    *("127.0.0.1/32", "10.0.0.0/8", "172.16.0.0/12", "169.254.0.0/16"),
    *("::1/128", "2001:db8::/32", "2600::/16", "fc00::/7", "fd00::/8", "fe80::/10"),
]
LOCAL = [
    "http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080/a", "http://10.0.0.7", "http://nas", "http://nas.local",
    "http://nas.lan:8080", "http://pictures.internal/x", "http://a.localhost", "http://192.168.1.5:80", "",
]  # fmt: skip


@pytest.mark.parametrize("token", ["0123456789abcdef", "canary-of-the-operator", "+/=~!$%" * 4])
def test_a_token_that_nobody_guesses_will_do(token: str) -> None:
    require_token(token)


@pytest.mark.parametrize(
    "token", ["canary", "0123456789abcde", " 0123456789abcde", "0123456789 abcdef", "grün" * 8, "a\n" * 16]
)
def test_a_token_that_is_short_or_cannot_be_sent_is_refused(token: str) -> None:
    """And not said."""
    with pytest.raises(ValueError, match="at least 16 characters") as caught:
        require_token(token)

    assert token.strip() not in str(caught.value)


AWS_RIGHT = [
    {},
    {"AWS_ENDPOINT_URL_S3": "http://minio:9000", "AWS_DEFAULT_REGION": "auto"},
    {"AWS_ENDPOINT_URL_S3": "https://0123.r2.cloudflarestorage.com/", "AWS_REGION": "us-east-1"},
    {"AWS_ENDPOINT_URL": "http://[::1]:9000", "AWS_ENDPOINT_URL_S3": ""},
    {"AWS_ENDPOINT_URL": "https://ref.supabase.co/storage/v1/s3"},
    {"AWS_ACCESS_KEY_ID": "GK35", "AWS_SECRET_ACCESS_KEY": "a/b+c=", "AWS_SESSION_TOKEN": "x=="},
    {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
]  # fmt: skip
AWS_WRONG = [
    ({"AWS_ENDPOINT_URL_S3": "127.0.0.1:9000"}, 'AWS_ENDPOINT_URL_S3="127.0.0.1:9000": an endpoint is http:// or'),
    ({"AWS_ENDPOINT_URL_S3": "127.0.0.1:9000"}, "a port, like http://127.0.0.1:9000 or https://127.0.0.1:9000"),
    ({"AWS_ENDPOINT_URL": "s3.example.org"}, 'AWS_ENDPOINT_URL="s3.example.org": an endpoint is'),
    ({"AWS_ENDPOINT_URL_S3": "s3://bucket"}, 'AWS_ENDPOINT_URL_S3="s3://bucket": an endpoint is'),
    ({"AWS_ENDPOINT_URL_S3": "ftp://127.0.0.1"}, 'AWS_ENDPOINT_URL_S3="ftp://127.0.0.1": an endpoint is'),
    ({"AWS_ENDPOINT_URL_S3": "http://my_minio:9000"}, 'AWS_ENDPOINT_URL_S3="http://my_minio:9000": an endpoint is'),
    ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:99999"}, 'AWS_ENDPOINT_URL_S3="http://127.0.0.1:99999": an endpoint is'),
    ({"AWS_ENDPOINT_URL_S3": "http://"}, 'AWS_ENDPOINT_URL_S3="http://": an endpoint is'),
    ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000\n"}, r'AWS_ENDPOINT_URL_S3="http://127.0.0.1:9000\n": an endpoint'),
    ({"AWS_ENDPOINT_URL_S3": " http://127.0.0.1:9000"}, "AWS_ENDPOINT_URL_S3"),
    ({"AWS_ENDPOINT_URL_S3": "http://KEY:canary@h"}, "AWS_ENDPOINT_URL_S3: an address has no user"),
    ({"AWS_DEFAULT_REGION": "us_east_1"}, 'AWS_DEFAULT_REGION="us_east_1": a region is letters, digits and hyphens'),
    ({"AWS_REGION": "Europe (Frankfurt)"}, 'AWS_REGION="Europe (Frankfurt)": a region is'),
    ({"AWS_DEFAULT_REGION": "us-east-1\n"}, r'AWS_DEFAULT_REGION="us-east-1\n": a region'),
    ({"AWS_ACCESS_KEY_ID": "id"}, "AWS_SECRET_ACCESS_KEY: AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not"),
    ({"AWS_SECRET_ACCESS_KEY": "canary"}, "AWS_ACCESS_KEY_ID: AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID"),
    ({"AWS_ACCESS_KEY_ID": "id\n", "AWS_SECRET_ACCESS_KEY": "canary"}, "AWS_ACCESS_KEY_ID: there is a line break"),
    ({"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "canary\n"}, "AWS_SECRET_ACCESS_KEY: there is a line break"),
    ({"AWS_SESSION_TOKEN": "canary\r"}, "AWS_SESSION_TOKEN: there is a line break"),
    ({"AWS_ACCESS_KEY_ID": "ïd", "AWS_SECRET_ACCESS_KEY": "canary"}, "AWS_ACCESS_KEY_ID: there is a line break"),
]  # fmt: skip


@pytest.mark.parametrize("variables", AWS_RIGHT)
def test_variables_that_a_bucket_can_be_reached_by_will_do(variables: dict[str, str]) -> None:
    require_aws(variables)


@pytest.mark.parametrize(("variables", "said"), AWS_WRONG)
def test_variables_that_reach_no_bucket_are_shown(variables: dict[str, str], said: str) -> None:
    """Variables that reach no bucket are named with their value.

    But for secrets, and in one line.
    """
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        require_aws(variables)

    assert "canary" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("network", OWN)
def test_a_network_that_may_be_an_operators_own_is_trusted(network: str) -> None:
    require_narrow(ip_network(network))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (
            "0.0.0.0/0",
            '"0.0.0.0/0" is everybody: each client in it would say who it is; name the proxies: an IPv4 network',
        ),
        ("0.0.0.0/1", '"0.0.0.0/1" is far too many'),
        ("128.0.0.0/1", "/8 or narrower"),
        ("10.0.0.0/7", '"10.0.0.0/7" is far too many'),
        ("::/0", '"::/0" is everybody'),
        ("::/1", '"::/1" is far too many'),
        ("2000::/3", "an IPv6 network is a /16 or narrower"),
        ("2600::/12", '"2600::/12" is far too many'),
        ("fc00::/6", '"fc00::/6" is far too many'),
        ("fe00::/7", '"fe00::/7" is far too many'),
    ],
)
def test_a_network_wider_than_any_operator_has_is_refused(network: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        require_narrow(ip_network(network))


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("s3://bucket/prefix", False),
        ("https://pictures.example.org/a", False),
        ("localhost:50051", False),
        ("http://127.0.0.1:9000", False),
        ("ftp://x", False),
        ("", False),
        ("s3://KEY:canary@bucket/prefix", True),
        ("s3://KEY:can/ary@bucket", True),
        ("s3://bucket?secret=canary", True),
        ("s3://bucket/prefix?secret=canary", True),
        ("s3://bucket#canary", True),
        ("https://user:canary@host", True),
        ("grpcs://canary@host:443", True),
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_and_not_shown(address: str, secret: bool) -> None:
    if not secret:
        require_no_credentials(address)
        assert shown(address) == f'="{address}"'
        return
    with pytest.raises(ValueError, match="no user, no password and no parameters") as caught:
        require_no_credentials(address)
    assert "canary" not in f"{caught.value}{shown(address)}"


@pytest.mark.parametrize("address", ["s3://KEY:canary/bucket", "s3:KEY:canary", "KEY:canary", "s3://KEY:12canary/x"])
def test_what_may_be_a_secret_is_not_shown(address: str) -> None:
    assert shown(address) == ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [("A_VARIANT", "A_VARIANTS"), ("A_WIT", "A_WAIT"), ("A_PORT", "PORT"), ("A_FOO", None), ("A_XYZZY", None)],
)
def test_the_setting_that_was_meant_is_found_where_it_is_alike(name: str, meant: str | None) -> None:
    assert nearest(name, ["A_VARIANTS", "A_WAIT", "A_LOG", "PORT"], "A_") == meant


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PROMPTCDN_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3"),
        ("PROMPTCDN_AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
        ("PROMPTCDN_S3_REGION", "AWS_DEFAULT_REGION"),
        ("PROMPTCDN_AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("PROMPTCDN_S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("PROMPTCDN_S3_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        ("PROMPTCDN_S3_BUCKET", "PROMPTCDN_STORE=s3://bucket/prefix"),
        ("PROMPTCDN_WIT", None),
        ("PROMPTCDN_SECRET", None),
    ],
)
def test_a_buckets_variable_is_found_under_a_made_up_name(name: str, meant: str | None) -> None:
    assert elsewhere(name) == meant


def test_no_setting_of_ours_passes_for_a_buckets_variable() -> None:
    ours = [name for name in map(shown_name, Settings.model_fields) if name.startswith("PROMPTCDN_")]

    assert [name for name in ours if elsewhere(name)] == []


@pytest.mark.parametrize("name", ["AWS_S3_ENDPOINT", "S3_ENDPOINT", "S3_ENDPOINT_URL", "AWS_ENDPOINT", "MINIO_URL"])
def test_a_misspelt_endpoint_is_found(name: str) -> None:
    assert not_an_endpoint(["PATH", name, "Z"]) == name


@pytest.mark.parametrize(
    "name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_EC2_METADATA_SERVICE_ENDPOINT"]
)
def test_what_boto3_reads_is_no_misspelt_endpoint(name: str) -> None:
    assert not_an_endpoint([name]) == ""


def test_a_wrong_variable_comes_before_the_setting_that_needs_it() -> None:
    with pytest.raises(WrongVariable) as caught:
        require_aws({"AWS_DEFAULT_REGION": "a b"})

    said = caught.value.needed_by('PROMPTCDN_STORE="s3://pics"')
    assert said.startswith('AWS_DEFAULT_REGION="a b" (for PROMPTCDN_STORE="s3://pics"): a region is letters')


def test_what_is_allowed_is_a_range_or_choices() -> None:
    assert number(whole=True, least=10, most=50) == "a whole number from 10 to 50"
    assert number(whole=False, least=0, most=None) == "a number, 0 or more"
    assert (one_of(["a"]), one_of(["a", "b", "c"])) == ("a", "a, b or c")


DOUBTS: list[tuple[Chosen, str]] = [
    (Chosen(signing=True), "PROMPTCDN_SIGNING_KEYS are set, and new pictures are for everybody"),
    (Chosen(unlimited=True), "everybody may spend without limit"),
    (replace(PUBLIC, admin_token=False), "everybody at https://pictures.example.org may read /metrics"),
    (replace(PUBLIC, public_url="http://pictures.example.org"), "pages that came over https:// show no picture"),
    (Chosen(public_url="http://10.0.0.7", chats=True), "Slack and Discord reach only public https:// addresses"),
    (Chosen(wait=2), "PROMPTCDN_PROXY_WAIT=3 has no effect: PROMPTCDN_WAIT=2 is shorter"),
    (Chosen(proxy_wait=4), "image proxies get a placeholder after 4 s"),
    (Chosen(secrets=(("A", "canary"), ("B", "other"), ("C", "canary"))), "A and C are one secret"),
    (Chosen(secrets=(("A", "canary"),), upstream_keys=(("B", "canary"),)), "A and B are one secret"),
]  # fmt: skip


@pytest.mark.parametrize(("chosen", "said"), DOUBTS, ids=[said for _, said in DOUBTS])
def test_what_may_be_a_mistake_is_said_with_what_to_do(chosen: Chosen, said: str) -> None:
    (finding,) = doubts(chosen)

    assert (finding.part, finding.good) == ("settings", False)
    assert said in finding.detail
    assert finding.advice
    assert "canary" not in f"{finding} {chosen}"


@pytest.mark.parametrize(
    "chosen",
    [
        Chosen(),
        PUBLIC,
        Chosen(signing=True, misses="signed"),
        Chosen(signing=True, misses="closed"),
        Chosen(unlimited=True, misses="signed"),
        Chosen(wait=2, proxy_wait=2),
        Chosen(wait=120, proxy_wait=3.9),
        Chosen(wait=5, proxy_wait=0),
        Chosen(secrets=(("A", "canary"), ("B", "canary2"))),
        # One gateway may stand for two upstreams.
        Chosen(upstream_keys=(("A", "canary"), ("B", "canary"))),
        *(Chosen(public_url=url) for url in LOCAL),
        replace(PUBLIC, chats=True),
    ],
    ids=str,
)
def test_what_is_in_order_is_not_said(chosen: Chosen) -> None:
    assert doubts(chosen) == ()
