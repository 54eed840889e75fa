"""What a picture costs: never less than the upstream ever published, and what the operator says goes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.generators import sketch
from promptcdn.generators.stability.grpc.prices import PRICES
from promptcdn.money.costs import Cost, Prices, in_credits, millicredits
from tests.support.fakes import order

PUBLISHED_BY_ALL = {"painter": (*sketch.DECLARATION.prices, *PRICES)}
XL, V16, V15 = "stable-diffusion-xl-1024-v1-0", "stable-diffusion-v1-6", "stable-diffusion-v1-5"


def price(engine: str, size: tuple[int, int] = (1024, 1024), steps: int = 30, text: str = "") -> int:
    resolved = order(engine=engine, width=size[0], height=size[1], steps=steps).resolved
    return Prices.parse(text, PUBLISHED_BY_ALL).cost(resolved).millicredits


@pytest.mark.parametrize(
    ("engine", "size", "steps", "expected"),
    [
        ("sketch", (1024, 1024), 50, 0),
        (XL, (1024, 1024), 10, 900),
        (XL, (1024, 1024), 30, 900),
        (XL, (640, 1536), 50, 1500),
        (V16, (320, 320), 30, 1000),
        (V16, (1536, 1536), 50, 1667),
        (V15, (512, 512), 30, 600),
        (V15, (256, 512), 30, 600),
        (V15, (768, 512), 30, 1470),
        (V15, (1024, 1024), 50, 9700),
    ],
)
def test_a_picture_has_a_price_by_engine_size_and_steps(
    engine: str, size: tuple[int, int], steps: int, expected: int
) -> None:
    assert price(engine, size, steps) == expected


# Stability's table of 2023, in thousandths: steps, then 512x512, 512x768, 512x1024, 768x768, 768x1024, 1024x1024.
SIZES = ((512, 512), (512, 768), (512, 1024), (768, 768), (768, 1024), (1024, 1024))
PUBLISHED = {
    10: (200, 500, 800, 900, 1300, 1900),
    25: (500, 1200, 1900, 2300, 3300, 4700),
    50: (1000, 2400, 3800, 4600, 6600, 9400),
}


@pytest.mark.parametrize("steps", PUBLISHED)
def test_no_picture_is_counted_cheaper_than_the_published_table(steps: int) -> None:
    assert [size for size, least in zip(SIZES, PUBLISHED[steps], strict=True) if price(V15, size, steps) < least] == []


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (1024, 1024), (1536, 1536)])
def test_an_engine_without_a_price_is_as_dear_as_the_dearest(size: tuple[int, int]) -> None:
    assert price("made-up", size) == max(price(engine, size) for engine in ("sketch", XL, V16, V15))


def test_the_operators_price_goes_before_the_published_one() -> None:
    """The operator's price goes first at any size and in proportion to more steps."""
    text = f"{XL}=0.2, my=engine=1.5,free=0"

    assert price(XL, text=text) == 200
    assert price(XL, (1536, 640), 50, text) == 334
    assert price("my=engine", text=text) == 1500
    assert price("free", (1536, 1536), 50, text) == 0
    assert price(V16, text=text) == 1000


def test_a_cost_names_its_engine_and_is_one_picture() -> None:
    assert Prices(published={"painter": PRICES}).cost(order(engine=XL).resolved) == Cost(f"painter/{XL}", 1, 900)


@pytest.mark.parametrize("text", ["engine", "=1", "a=1, a=2", "a=1,", ",", "a=", "a=-1", "a=1.2345", "a=1e3", "a=nan"])
def test_what_is_no_price_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="like"):
        Prices.parse(text)


@given(st.integers(0, 999_999_999_999))
def test_credits_are_shown_as_they_can_be_said(amount: int) -> None:
    assert millicredits(in_credits(amount)) == amount
