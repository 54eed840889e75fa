"""Which connection is closed when there are too many: the one that waits or does not read longest, and never one that
is answered and reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.clients import Client, TrustedProxies, client, peer
from proxy.connections import Bounds, Connections

TRUSTED = TrustedProxies.parse("10.0.0.0/8")
A, B, C = (peer(f"192.0.2.{number}", TRUSTED) for number in (1, 2, 3))
PROXY = peer("10.0.0.1", TRUSTED)

FULL = [("open", 1, A), ("open", 2, B), ("open", 3, C), ("open", 4, PROXY)]
# All have asked, and nobody has read the answer.
UNREAD = [*FULL, *((what, number, None) for number in (1, 2, 3, 4) for what in ("answers", "unread", "waits"))]

# What happens in turn (`open` with its peer), and what is closed for the last one.
CASES: list[tuple[str, list[tuple[str, int, Client | None]], tuple[int, str] | None]] = [
    ("there is room", [("open", 1, A), ("open", 2, B)], None),
    ("the oldest waits longest", [("open", 1, A), ("open", 2, B), ("open", 3, C), ("open", 4, PROXY)], None),
    ("full", [("open", 1, A), ("open", 2, B), ("open", 3, C), ("open", 4, PROXY), ("open", 5, C)], (1, "bound")),
    (
        "who is answered stays",
        [("open", 1, A), ("open", 2, B), ("open", 3, C), ("open", 4, PROXY), ("answers", 1, A), ("open", 5, C)],
        (2, "bound"),
    ),
    (
        "who was answered waits anew",
        [
            *(("open", 1, A), ("open", 2, B), ("open", 3, C), ("open", 4, PROXY)),
            *(("answers", 1, A), ("waits", 1, A), ("open", 5, C)),
        ],
        (2, "bound"),
    ),
    (
        "one that is being closed is not closed twice",
        [("open", 1, A), ("open", 2, B), ("open", 3, C), ("open", 4, PROXY), ("open", 5, C), ("open", 6, B)],
        (2, "bound"),
    ),
    (
        "one that has gone makes room",
        [("open", 1, A), ("open", 2, B), ("open", 3, C), ("open", 4, PROXY), ("gone", 3, C), ("open", 5, C)],
        None,
    ),
    ("a peer has half", [("open", 1, A), ("open", 2, B), ("open", 3, B), ("open", 4, B)], (2, "peer_bound")),
    (
        "of a peer that is answered the new one goes",
        [("open", 1, A), ("open", 2, B), ("open", 3, B), ("answers", 2, B), ("answers", 3, B), ("open", 4, B)],
        (4, "refused"),
    ),
    (
        "a trusted proxy has as many as there may be",
        [("open", 1, PROXY), ("open", 2, PROXY), ("open", 3, PROXY), ("open", 4, PROXY)],
        None,
    ),
    (
        "where all are answered the new one goes",
        [
            *(("open", 1, A), ("open", 2, B), ("open", 3, C), ("open", 4, PROXY)),
            *(("answers", 1, A), ("answers", 2, B), ("answers", 3, C), ("answers", 4, PROXY), ("open", 5, PROXY)),
        ],
        (5, "refused"),
    ),
    ("of unread answers the one that is unread longest goes", [*UNREAD, ("open", 5, B)], (1, "bound")),
    (
        "what is unread is not done with, also where the next request is being answered",
        [*UNREAD, *(("answers", number, None) for number in (1, 2, 3, 4)), ("open", 5, B)],
        (1, "bound"),
    ),
    (
        "also where more of the answer is to follow",
        [*FULL, *((what, number, None) for number in (1, 2, 3, 4) for what in ("answers", "unread")), ("open", 5, B)],
        (1, "bound"),
    ),
    (
        "who has read what is there and gets more stays",
        [*UNREAD, ("answers", 1, A), ("read", 1, A), ("open", 5, B)],
        (2, "bound"),
    ),
    ("who has read everything waits anew", [*UNREAD, ("read", 1, A), ("open", 5, B)], (2, "bound")),
    (
        "who has read everything is behind those that do not read",
        [*UNREAD, ("read", 1, A), ("unread", 2, B), ("gone", 2, B), ("open", 5, B), ("answers", 5, B), ("open", 6, A)],
        (3, "bound"),
    ),
    (
        "one that waits longer than others do not read goes first",
        [*FULL, ("answers", 2, B), ("unread", 2, B), ("waits", 2, B), ("open", 5, B)],
        (1, "bound"),
    ),
    (
        "one that has just come and is about to ask outlives an unread answer",
        [*UNREAD, ("gone", 4, PROXY), ("open", 5, A), ("open", 6, B)],
        (1, "bound"),
    ),
    (
        "of unread answers those of the peer with most go first",
        [
            *(*UNREAD, ("gone", 4, PROXY), ("open", 5, C)),
            *(("answers", 5, C), ("unread", 5, C), ("waits", 5, C), ("open", 6, A)),
        ],
        (3, "bound"),
    ),
    (
        "a trusted proxy carries many clients, and its unread answers go last",
        [("open", number, PROXY) for number in (1, 2, 3)]
        + [("open", 4, A), *((what, number, None) for number in (1, 2, 3, 4) for what in ("answers", "unread"))]
        + [("open", 5, B)],
        (4, "bound"),
    ),
    (
        "of a peer that has half its own unread answer goes",
        [("open", 1, A), ("open", 2, B), ("open", 3, B)]
        + [(what, number, None) for number in (1, 2, 3) for what in ("answers", "unread", "waits")]
        + [("open", 4, B)],
        (2, "peer_bound"),
    ),
    (
        "one that was closed makes no room twice",
        [*UNREAD, ("open", 5, B), ("gone", 1, A), ("waits", 1, A), ("read", 1, A), ("open", 6, A)],
        (2, "bound"),
    ),
]


def happens(connections: Connections[int], what: str, number: int, whose: Client | None) -> tuple[int, str] | None:
    if what == "open":
        return connections.opened(number, whose)
    getattr(connections, what)(number)
    return None


@pytest.mark.parametrize(("events", "closed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_one_that_waits_longest_goes(
    events: list[tuple[str, int, Client | None]], closed: tuple[int, str] | None
) -> None:
    connections: Connections[int] = Connections(Bounds(4, 2))

    assert [happens(connections, *event) for event in events][-1] == closed


@pytest.mark.parametrize(
    ("descriptors", "most", "each"),
    [(3, 2, 1), (64, 32, 16), (256, 128, 64), (1024, 768, 384), (20_000, 8192, 4096), (1_048_576, 8192, 4096)],
)
def test_the_bounds_leave_descriptors_for_everything_else(descriptors: int, most: int, each: int) -> None:
    assert Bounds.within(descriptors) == Bounds(most, each)


@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "answers", "waits", "unread", "read", "gone"]), st.integers(0, 9)),
        max_size=80,
    )
)
def test_there_are_never_more_than_the_bounds(events: list[tuple[str, int]]) -> None:
    connections: Connections[int] = Connections(Bounds(4, 2))
    there, answered, unread = set[int](), set[int](), set[int]()
    of = {"answers": answered.add, "waits": answered.discard, "unread": unread.add, "read": unread.discard}
    for number, (what, which) in enumerate(events):
        if what == "open":
            there.add(number)
            closed = connections.opened(number, (A, B, C, PROXY)[which % 4])
            if closed is not None:
                assert closed[0] not in answered - unread
                assert (closed[0] == number) == (closed[1] == "refused")
                there.remove(closed[0])
        elif there:
            one = sorted(there)[which % len(there)]
            happens(connections, what, one, None)
            of.get(what, there.discard)(one)
        assert len(connections) == len(there) <= 4


def test_one_ipv6_network_is_one_peer_and_a_proxy_none() -> None:
    assert peer("2001:db8::1", TRUSTED) == peer("2001:db8::2", TRUSTED) == client("2001:db8::", [], [], TRUSTED)
    assert peer("10.0.0.1", TRUSTED) is None
    assert peer(None, TRUSTED) == Client(None)
