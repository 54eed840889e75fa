"""Who is asking: believed are only those that the operator trusts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.readers.clients import Client, TrustedProxies, client

TRUSTED = TrustedProxies.parse("127.0.0.1, 10.0.0.0/8, ::1, 2001:db8:ffff::/48")
NOBODY = TrustedProxies()

# peer, Forwarded, X-Forwarded-For, who is charged; 127.0.0.1, ::1, 10.0.0.0/8 and 2001:db8:ffff::/48 are trusted
TABLE: list[tuple[str | None, list[str], list[str], str]] = [
    # Without headers
    ("203.0.113.9", [], [], "203.0.113.9/32"),
    ("2001:db8:1:2:3:4:5:6", [], [], "2001:db8:1:2::/64"),
    ("::ffff:203.0.113.9", [], [], "203.0.113.9/32"),
    ("fe80::1%eth0", [], [], "fe80::/64"),
    ("127.0.0.1", [], [], "127.0.0.1/32"),
    (None, [], [], "no address"),
    ("", [], [], "no address"),
    ("testclient", [], [], "no address"),
    # A peer that nobody trusts
    ("203.0.113.9", [], ["198.51.100.7"], "203.0.113.9/32"),
    ("203.0.113.9", ["for=198.51.100.7"], [], "203.0.113.9/32"),
    ("203.0.113.9", [], ["127.0.0.1"], "203.0.113.9/32"),
    ("2001:db8:1:2::3", [], ["198.51.100.7"], "2001:db8:1:2::/64"),
    (None, ["for=198.51.100.7"], ["198.51.100.7"], "no address"),
    ("11.0.0.1", [], ["198.51.100.7"], "11.0.0.1/32"),
    # A trusted proxy, X-Forwarded-For
    ("127.0.0.1", [], ["198.51.100.7"], "198.51.100.7/32"),
    ("::1", [], ["198.51.100.7"], "198.51.100.7/32"),
    ("::ffff:127.0.0.1", [], ["198.51.100.7"], "198.51.100.7/32"),
    ("2001:db8:ffff::1%eth0", [], ["198.51.100.7"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["1.1.1.1, 198.51.100.7"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["1.1.1.1", "198.51.100.7"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["198.51.100.7, 10.1.2.3"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["1.1.1.1, 198.51.100.7, 10.1.2.3,127.0.0.1"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["198.51.100.7, 2001:db8:ffff::9"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["10.1.2.3, 10.4.5.6"], "10.1.2.3/32"),
    ("127.0.0.1", [], ["2001:db8:1:2::3"], "2001:db8:1:2::/64"),
    ("127.0.0.1", [], ["::ffff:198.51.100.7"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["198.51.100.7:4711"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["[2001:db8:1:2::3]:4711"], "2001:db8:1:2::/64"),
    ("127.0.0.1", [], ["[2001:db8:1:2::3]"], "2001:db8:1:2::/64"),
    ("127.0.0.1", [], ["fe80::1%eth0"], "fe80::/64"),
    ("127.0.0.1", [], [" 198.51.100.7 ,"], "198.51.100.7/32"),
    # What is garbled, to the left and to the right
    ("127.0.0.1", [], ["<script>, 300.1.1.1, ::::, 198.51.100.7"], "198.51.100.7/32"),
    ("127.0.0.1", [], ["198.51.100.7, unknown"], "127.0.0.1/32"),
    ("127.0.0.1", [], ["198.51.100.7, unknown, 10.1.2.3"], "10.1.2.3/32"),
    ("127.0.0.1", [], ["unix:"], "127.0.0.1/32"),
    ("127.0.0.1", [], ["198.51.100.07"], "127.0.0.1/32"),
    ("127.0.0.1", [], ["[]", "[::1", "::1]", "1", "1.1"], "127.0.0.1/32"),
    ("127.0.0.1", [], ["", " , ,"], "127.0.0.1/32"),
    # A trusted proxy, Forwarded
    ("127.0.0.1", ["for=198.51.100.7"], [], "198.51.100.7/32"),
    ("127.0.0.1", ["For=198.51.100.7"], [], "198.51.100.7/32"),
    ("127.0.0.1", ['for="198.51.100.7:4711"'], [], "198.51.100.7/32"),
    ("127.0.0.1", ['for="[2001:db8:1:2::3]:4711"'], [], "2001:db8:1:2::/64"),
    ("127.0.0.1", ['for="[2001:db8:1:2::3]"'], [], "2001:db8:1:2::/64"),
    ("127.0.0.1", ["for=[2001:db8:1:2::3]:4711"], [], "2001:db8:1:2::/64"),
    ("127.0.0.1", ['for="198.51.100.7:_port"'], [], "198.51.100.7/32"),
    ("127.0.0.1", [r'for="198\.51.100\.7"'], [], "198.51.100.7/32"),
    ("127.0.0.1", ['by=10.0.0.1;for=198.51.100.7;host="a, b;for=1.1.1.1";proto=https'], [], "198.51.100.7/32"),
    ("127.0.0.1", ["for=1.1.1.1, for=198.51.100.7;proto=https, for=10.1.2.3"], [], "198.51.100.7/32"),
    ("127.0.0.1", ["for=1.1.1.1", "for=198.51.100.7"], [], "198.51.100.7/32"),
    ("127.0.0.1", ["; for=198.51.100.7 ; ;"], [], "198.51.100.7/32"),
    ("127.0.0.1", ["for=198.51.100.7, for=unknown"], [], "127.0.0.1/32"),
    ("127.0.0.1", ["for=198.51.100.7, for=_hidden"], [], "127.0.0.1/32"),
    ("127.0.0.1", ["for=198.51.100.7, proto=https"], [], "127.0.0.1/32"),
    ("127.0.0.1", ["for=198.51.100.7;for=1.1.1.1"], [], "127.0.0.1/32"),
    # An open quote would swallow what the proxy appends
    ("127.0.0.1", ['for=1.1.1.1;x=", for=198.51.100.7'], [], "127.0.0.1/32"),
    ("127.0.0.1", ['for=1.1.1.1;x=", for="[2001:db8:1:2::3]:4711"'], [], "127.0.0.1/32"),
    ("127.0.0.1", ['for=1.1.1.1;x="\\, for="[2001:db8:1:2::3]"'], [], "127.0.0.1/32"),
    ("127.0.0.1", ['for=1.1.1.1;x="', "for=198.51.100.7"], [], "198.51.100.7/32"),
    # Both headers
    ("127.0.0.1", ["for=198.51.100.7"], ["1.1.1.1, 198.51.100.7"], "198.51.100.7/32"),
    ("127.0.0.1", ['for="[::ffff:198.51.100.7]:1"'], ["198.51.100.7:80"], "198.51.100.7/32"),
    ("127.0.0.1", ["for=1.1.1.1"], ["198.51.100.7"], "127.0.0.1/32"),
    ("127.0.0.1", ["for=unknown"], ["198.51.100.7"], "127.0.0.1/32"),
    ("127.0.0.1", [""], ["198.51.100.7"], "198.51.100.7/32"),
    ("127.0.0.1", ["for=198.51.100.7"], [" , "], "198.51.100.7/32"),
]


@pytest.mark.parametrize(("peer", "forwarded", "x_forwarded_for", "charged"), TABLE, ids=lambda value: str(value)[:40])
def test_who_is_charged(peer: str | None, forwarded: list[str], x_forwarded_for: list[str], charged: str) -> None:
    assert str(client(peer, forwarded, x_forwarded_for, TRUSTED)) == charged


LINES = st.lists(st.text() | st.text(alphabet='for=,;"\\[]:.%_ 0123456789abcdefx', max_size=60), max_size=4)
PEERS = st.ip_addresses().map(str)


@given(PEERS, LINES, LINES)
def test_no_header_changes_the_client_of_an_untrusted_peer(
    peer: str, forwarded: list[str], x_forwarded_for: list[str]
) -> None:
    assert client(peer, forwarded, x_forwarded_for, NOBODY) == client(peer, [], [], NOBODY)


@given(st.sampled_from(["127.0.0.1", "::1", None]), LINES, LINES)
def test_no_header_raises(peer: str | None, forwarded: list[str], x_forwarded_for: list[str]) -> None:
    assert isinstance(client(peer, forwarded, x_forwarded_for, TRUSTED), Client)


@given(LINES, st.ip_addresses(v=4).filter(lambda address: address not in TRUSTED))
def test_whatever_a_client_sends_what_the_proxy_appends_counts(sent: list[str], address: object) -> None:
    assert client("127.0.0.1", [], [*sent, str(address)], TRUSTED) == client(str(address), [], [], NOBODY)


@given(LINES, st.ip_addresses(v=6).filter(lambda address: address not in TRUSTED))
def test_no_quote_hides_what_the_proxy_appends(sent: list[str], address: object) -> None:
    appended = ", ".join([*sent, f'for="[{address}]:4711"'])
    charged = client("127.0.0.1", [appended], [], TRUSTED)

    assert charged in (client(str(address), [], [], NOBODY), client("127.0.0.1", [], [], NOBODY))


def test_ten_thousand_spoofed_addresses_are_one_client() -> None:
    spoofed = [f"198.{number // 250}.{number % 250}.7" for number in range(10_000)]

    assert len({client("203.0.113.9", [], [address], TRUSTED) for address in spoofed}) == 1
    assert len({client("127.0.0.1", [], [f"{address}, 203.0.113.9"], TRUSTED) for address in spoofed}) == 1


@pytest.mark.parametrize("text", ['"\\', "for=a;", ";", "; ", " ;x", '"', 'a="\\"', "a=b;" * 3 + " ", "\\", ",", "["])
def test_a_header_of_a_megabyte_ends(text: str) -> None:
    line = text * (1_000_000 // len(text))

    assert client("127.0.0.1", [line], [line], TRUSTED) == client("127.0.0.1", [], [], TRUSTED)


# What an operator may say


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        (" , ", []),
        ("127.0.0.1", ["127.0.0.1/32"]),
        ("127.0.0.1, 10.0.0.0/8,::1", ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]),
        ("::ffff:10.0.0.0/104", ["10.0.0.0/8"]),
        ("::ffff:10.0.0.1", ["10.0.0.1/32"]),
    ],
    ids=str,
)
def test_proxies_are_addresses_and_networks(text: str, networks: list[str]) -> None:
    assert [str(network) for network in TrustedProxies.parse(text).networks] == networks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("localhost", '"localhost": neither an address nor a network; write it like 127.0.0.1'),
        ("127.0.0.1, promptcdn.example", '"promptcdn.example": neither'),
        ("10.0.0.1/8", '"10.0.0.1/8": the network is 10.0.0.0/8'),
        ("10.0.0.0/33", '"10.0.0.0/33": neither'),
        ("127.0.0.1 10.0.0.1", "neither"),
        ("10.0.0.0-10.0.0.9", "neither"),
        ("*", "neither"),
        ("0.0.0.0/0", "everybody"),
        ("::/0", "everybody"),
        ("::ffff:0.0.0.0/96", "everybody"),
    ],
)
def test_what_is_no_proxy_is_refused_with_what_to_say(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        TrustedProxies.parse(text)
