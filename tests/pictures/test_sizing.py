"""What a delivery makes of a master: never larger, never more than the ladder in the store."""

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptcdn.generators.stability.grpc.engines import DEFAULT, FAMILIES
from promptcdn.pictures.sizing import Variant, cut, in_effect, needs_size, variant
from promptcdn.pictures.stored_widths import LADDER
from promptcdn.url import engines
from promptcdn.url.engines import EVERY_SIZE, Size
from promptcdn.url.formats import BY_NAME
from promptcdn.url.request import Delivery

SQUARE, WIDE = (1024, 1024), (1344, 768)

DELIVERIES: list[tuple[Delivery, Size, str, bool]] = [
    (Delivery(), SQUARE, "webp", True),
    (Delivery("png"), SQUARE, "png", True),
    (Delivery(w=512), SQUARE, "512x512.webp", True),
    (Delivery(h=512), SQUARE, "512x512.webp", True),
    (Delivery(w=512, h=512, fit="cover"), SQUARE, "512x512.webp", True),
    (Delivery(w=256, dpr=2), SQUARE, "512x512.webp", True),
    (Delivery(dpr=3), SQUARE, "webp", True),
    (Delivery(w=2048), SQUARE, "webp", True),
    (Delivery(w=1024, h=1024), SQUARE, "webp", True),
    (Delivery(q=80), SQUARE, "webp", True),
    (Delivery("avif", q=60), SQUARE, "avif", True),
    (Delivery("png", q=10), SQUARE, "png", True),
    (Delivery("png", w=320), SQUARE, "320x320.png", True),
    (Delivery(w=520), SQUARE, "520x520.webp", False),
    (Delivery(w=512, q=75), SQUARE, "512x512.q75.webp", False),
    (Delivery(q=75), SQUARE, "q75.webp", False),
    (Delivery(w=640), WIDE, "640x366.webp", True),
    (Delivery(w=640, h=200), WIDE, "350x200.webp", False),
    (Delivery(w=640, h=200, fit="cover"), WIDE, "640x200.cut.webp", False),
    (Delivery(w=640, fit="cover"), WIDE, "640x366.webp", True),
    (Delivery(w=2048, h=2048, fit="cover"), WIDE, "768x768.cut.webp", False),
    (Delivery("jpeg", w=400, h=400, fit="cover", dpr=2, q=90), WIDE, "768x768.cut.q90.jpeg", False),
    (Delivery(w=8), (1536, 640), "8x3.webp", False),
]


@pytest.mark.parametrize(("delivery", "master", "label", "kept"), DELIVERIES, ids=lambda value: str(value)[:70])
def test_a_delivery_comes_to_one_variant(delivery: Delivery, master: Size, label: str, kept: bool) -> None:
    made = variant(delivery, master)

    assert (made.label, made.kept) == (label, kept)


sides = st.integers(1, 256).map(lambda eighth: eighth * 8) | st.none()
deliveries = st.builds(
    Delivery,
    format=st.sampled_from(list(BY_NAME)),
    w=sides,
    h=sides,
    fit=st.sampled_from([None, "inside", "cover"]),
    dpr=st.sampled_from([None, 1, 2, 3]),
    q=st.sampled_from([None, *range(5, 101, 5)]),
)
masters = st.sampled_from(engines.engine(DEFAULT, FAMILIES).sizes + EVERY_SIZE)


@given(deliveries, masters)
@example(Delivery(w=200, h=200, fit="cover"), (1152, 896))
def test_nothing_is_enlarged_or_stretched(delivery: Delivery, master: Size) -> None:
    made = variant(delivery, master)
    size, box = made.size or master, cut(made, master)
    across, down = box.right - box.left, box.lower - box.upper

    assert 1 <= size[0] <= master[0]
    assert 1 <= size[1] <= master[1]
    assert 0 <= box.left <= box.right <= master[0]
    assert 0 <= box.upper <= box.lower <= master[1]
    # As much of one side as of the other, but for the half pixel that was rounded away.
    assert abs(size[0] * down - size[1] * across) <= max(across, down)


@given(deliveries, masters)
def test_a_picture_fits_into_what_was_asked_for(delivery: Delivery, master: Size) -> None:
    width, height = variant(delivery, master).size or master

    assert delivery.w is None or width <= delivery.w * (delivery.dpr or 1)
    assert delivery.h is None or height <= delivery.h * (delivery.dpr or 1)


@given(deliveries, deliveries, masters)
def test_a_label_names_one_variant(one: Delivery, other: Delivery, master: Size) -> None:
    made, also = variant(one, master), variant(other, master)

    assert (made.label == also.label) == (made == also)


@pytest.mark.parametrize("master", [SQUARE, WIDE, (640, 1536)])
def test_what_is_stored_of_one_master_is_bounded(master: Size) -> None:
    widths, fits, qualities = range(8, 2049, 8), (None, "cover"), (None, 50, 80)
    made = {
        variant(Delivery(format_, w, h, fit, dpr, q), master)  # type: ignore[arg-type]
        for format_, w, h, fit, dpr, q in product(list(BY_NAME), widths, (None, 304), fits, (None, 2), qualities)
    }
    kept = {one.label for one in made if one.kept}

    assert len(kept) <= len(BY_NAME) * (len(LADDER) + 1)


@pytest.mark.parametrize(
    ("delivery", "left"),
    [
        (Delivery("png", q=50, dpr=2, fit="cover"), Delivery("png")),
        (Delivery(q=80, w=64, dpr=1), Delivery(w=64)),
        (Delivery(w=64, h=64, fit="inside"), Delivery(w=64, h=64)),
        (
            Delivery("avif", w=64, h=64, fit="cover", dpr=2, q=50),
            Delivery("avif", w=64, h=64, fit="cover", dpr=2, q=50),
        ),
        (Delivery("avif", q=60), Delivery("avif")),
    ],
)
def test_what_changes_nothing_of_a_file_is_left_out_of_its_name(delivery: Delivery, left: Delivery) -> None:
    assert in_effect(delivery) == left


@given(deliveries, masters)
def test_what_is_left_out_changes_nothing(delivery: Delivery, master: Size) -> None:
    assert variant(in_effect(delivery), master) == variant(delivery, master)


def test_only_sides_need_the_masters_size() -> None:
    assert not needs_size(Delivery("png", dpr=2, q=50, fit="cover"))
    assert needs_size(Delivery(w=64))
    assert needs_size(Delivery(h=64))


def test_the_middle_is_what_is_left_when_sides_are_cut() -> None:
    assert cut(Variant("webp", (100, 200), cropped=True), (1000, 1000)) == (250, 0, 750, 1000)
    assert cut(Variant("webp", (100, 100)), (1000, 1000)) == (0, 0, 1000, 1000)
