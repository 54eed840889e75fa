"""What others append to a URL changes nothing of it, and what is misspelt is refused as before."""

from pathlib import Path

import pytest

from promptcdn import problems
from promptcdn.url import keys
from promptcdn.url.dialects.appended import APPENDED
from promptcdn.url.parameters import BY_NAME
from promptcdn.url.parse import parse, parse_delivery, parse_path

PLAIN = keys.as_asked_key(parse(b"prompt=a&seed=7").asked)
NAMES = [name for row in APPENDED for name in row.names]

SEEN = [
    *("msclkid=1", "dclid=1", "gbraid=1", "wbraid=1", "gad_source=1", "srsltid=A", "mc_cid=1", "mc_eid=1", "igshid=1"),
    *(
        "igsh=1",
        "twclid=1",
        "ttclid=1",
        "yclid=1",
        "li_fat_id=1",
        "epik=1",
        "_ga=2.1",
        "_gl=1*x",
        "_hsenc=p",
        "_hsmi=1",
    ),
    *("mtm_campaign=x", "pk_kwd=x", "ref_src=twsrc%5Etfw", "si=x", "utm_source=x", "utm_x=%ff", "fbclid=1", "gclid=1"),
    *("1700000000", "1700000000=", "_=1", "t=1", "ts=1", "timestamp=1", "cb=1", "cachebust", "nocache", "no-cache=1"),
    *(
        "rand=0.5",
        "ver=2",
        "updatedAt=2026",
        "v=2",
        "raw=true",
        "raw=1",
        "sanitize=true",
        "ssl=1",
        "v",
        "%75tm_source=x",
        "ssl=%31",
        "raw=%74rue",
        "ref=x",
        "ref=product-hunt",
        "ref",
        "source=newsletter",
    ),
]


@pytest.mark.parametrize("pair", SEEN)
def test_what_others_append_is_ignored_wherever_it_stands(pair: str) -> None:
    query = f"prompt=a&seed=7&{pair}".encode()

    assert keys.as_asked_key(parse(query).asked) == PLAIN
    assert keys.as_asked_key(parse(f"{pair}&amp;seed=7&amp;prompt=a".encode()).asked) == PLAIN
    assert keys.as_asked_key(parse_path(b"a", f"seed=7&{pair}".encode()).asked) == PLAIN
    assert parse_delivery(f"w=64&{pair}".encode()).w == 64


def test_it_may_come_twice() -> None:
    assert keys.as_asked_key(parse(b"prompt=a&seed=7&v=1&v=2&utm_source=a&utm_source=b").asked) == PLAIN


@pytest.mark.parametrize(
    "pair",
    [
        *(
            "sede=7",
            "raw=x",
            "raw",
            "sanitize=no",
            "ssl=0",
            "ssl=%30",
            "ref=2",
            "ref=%32",
            "7=8",
            "1e3",
            "-1",
            "Utm_source=x",
            "V=2",
            "utm=x",
            "tt=1",
        ),
        *("stesp=30", "vv=2", "mtm=1", "%D9%A7"),
    ],
)
def test_what_is_misspelt_is_refused_as_before(pair: str) -> None:
    with pytest.raises(problems.Problem) as caught:
        parse(f"prompt=a&seed=7&{pair}".encode())

    assert caught.value.kind is problems.BAD_PARAMETER


def test_no_row_takes_the_name_of_a_parameter() -> None:
    """Nor of one that the design keeps for later."""
    beginnings = tuple(name.removesuffix("*") for name in NAMES if name.endswith("*"))
    ours = {*BY_NAME, "scheduler"}

    assert not ours & set(NAMES)
    assert not [name for name in ours if name.startswith(beginnings)]
    assert len(NAMES) == len(set(NAMES))


def test_every_name_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "urls.md").read_text()

    assert [name for name in NAMES if f"`{name.replace('*', '…')}`" not in page] == []
