"""What is remembered of requests' heads: the fields that an answer from memory depends on, and no others."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from promptcdn.readers import audience, negotiation
from promptcdn.server.seen_heads import Readers

AGENTS = ["curl/8", "Mozilla/5.0 Chrome/143.0.0.0", "github-camo (1a2b)", "Googlebot/2.1", "x" * 5000]
ACCEPTS = ["*/*", "image/avif,image/webp", "image/png;q=0.5", "text/html,image/*;q=0.8"]
FIELDS = st.lists(
    st.one_of(
        st.tuples(st.just("user-agent"), st.sampled_from(AGENTS)),
        st.tuples(st.just("accept"), st.sampled_from(ACCEPTS)),
        st.tuples(st.just("via"), st.sampled_from(["1.1 camo", "1.1 varnish"])),
        st.tuples(
            st.sampled_from(["sec-fetch-dest", "sec-fetch-mode"]), st.sampled_from(["image", "document", "navigate"])
        ),
        st.tuples(
            st.sampled_from(["sec-purpose", "purpose", "x-moz", "x-purpose"]), st.sampled_from(["prefetch", "x"])
        ),
        st.tuples(
            st.sampled_from(["host", "referer", "cookie", "accept-language", "range"]), st.text("ab", max_size=3)
        ),
    ),
    max_size=8,
)
READERS = Readers()


@given(FIELDS)
def test_a_reader_is_who_all_fields_say(lines: list[tuple[str, str]]) -> None:
    fields = [(name.encode(), value.encode()) for name, value in lines]
    who = audience.audience(audience.joined(lines))
    accept = ",".join(value for name, value in lines if name == "accept")

    for _ in range(2):  # found out, and remembered
        seen = READERS.seen(fields)
        assert seen.audience is who
        assert seen.format == negotiation.picture_format(accept, who).encode()
        assert seen.shared == audience.is_decided_by_vary(lines)
        assert seen.tag == b""


class Spy(dict[str, str]):
    """Header fields that note which of them are read."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields)
        self.read: set[str] = set()

    def get(self, name: str, default: object = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)


@given(FIELDS)
def test_every_field_that_says_who_asks_is_among_those_read(lines: list[tuple[str, str]]) -> None:
    """Else two readers who differ by another field would be taken for one."""
    spy = Spy(audience.joined(lines))
    audience.audience(spy)

    assert all(map(audience.is_read, spy.read))


def test_a_condition_is_known_where_it_is_one_value() -> None:
    tag = (b"if-none-match", b'"x"')

    assert READERS.seen([tag]).tag == b'"x"'
    assert READERS.seen([tag, tag]).tag is None
    assert READERS.seen([tag, (b"if-modified-since", b"now")]).tag is None
    assert READERS.seen([(b"if-modified-since", b"now")]).tag is None


def test_readers_without_end_take_bounded_memory() -> None:
    readers = Readers()
    for number in range(5000):
        seen = readers.seen([(b"user-agent", b"agent %d" % number)])
        readers.remember(b"\r\nuser-agent: agent %d\r\n\r\n" % number, seen)
    readers.seen([(b"user-agent", b"x" * 5000)])
    readers.remember(b"x" * 5000, seen)
    readers.remember(((b"x", b"x" * 5000),), seen)

    assert len(readers.by_head) <= 1024
    assert max(len(head) for head in readers.by_head) < 2048
    assert all(isinstance(head, bytes) for head in readers.by_head)
