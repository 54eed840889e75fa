"""What `Accept` asks for: a format, and a picture instead of a document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.readers.audience import Audience
from promptcdn.readers.negotiation import picture_format, possible, wants_picture
from promptcdn.url.request import Delivery

FORMATS: list[tuple[str, str]] = [
    ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "avif"),
    ("image/webp,image/apng,*/*;q=0.8", "webp"),
    ("image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "png"),
    ("image/jpeg", "jpeg"),
    ("image/png", "png"),
    ("image/*", "webp"),
    ("*/*", "webp"),
    ("", "webp"),
    ("text/html", "webp"),
    ("image/avif;q=0.5,image/webp", "webp"),
    ("image/avif;q=0,image/webp;q=0,*/*", "jpeg"),
    ("image/*;q=0.1, image/png;q=0.5, */*;q=0.8", "png"),
    ("image/*;q=0.1, */*", "webp"),
    ("IMAGE/AVIF", "avif"),
    ("image/avif ; Q=0.9 , image/webp ; q=0.9", "avif"),
    ("image/avif;q=nonsense", "avif"),
]


@pytest.mark.parametrize(("accept", "format_"), FORMATS)
def test_auto_is_the_smallest_format_that_the_client_likes_best(accept: str, format_: str) -> None:
    assert picture_format(accept, Audience.IMG) == format_


@pytest.mark.parametrize(("accept", "_format"), FORMATS)
def test_auto_is_webp_for_image_proxies_whatever_they_accept(accept: str, _format: str) -> None:
    assert picture_format(accept, Audience.IMAGE_PROXY) == "webp"


@given(st.sampled_from([accept for accept, _ in FORMATS]) | st.text(max_size=100), st.sampled_from(Audience))
def test_what_accept_makes_of_auto_is_one_of_the_possible(accept: str, who: Audience) -> None:
    found = possible(Delivery("auto", w=320))

    assert picture_format(accept, who) in {delivery.format for delivery in found}
    assert {(delivery.w, delivery.q) for delivery in found} == {(320, None)}


def test_a_fixed_format_is_all_that_is_possible() -> None:
    assert possible(Delivery("png", w=320)) == (Delivery("png", w=320),)


@pytest.mark.parametrize(
    ("accept", "who", "wanted"),
    [
        ("image/avif,image/webp,*/*;q=0.8", Audience.IMG, True),
        ("text/html,image/avif,*/*;q=0.8", Audience.NAVIGATION, True),
        ("image/*", Audience.PROGRAM, True),
        ("*/*", Audience.PROGRAM, False),
        ("", Audience.PROGRAM, False),
        ("text/html,*/*", Audience.NAVIGATION, False),
        ("image/png;q=0", Audience.PROGRAM, False),
        ("application/problem+json, image/png;q=0.5", Audience.PROGRAM, True),
        ("application/problem+json", Audience.PROGRAM, False),
        ("*/*", Audience.IMAGE_PROXY, True),
        ("", Audience.IMAGE_PROXY, True),
        ("*/*", Audience.CRAWLER, False),
    ],
)
def test_an_error_is_a_picture_where_accept_names_pictures(accept: str, who: Audience, wanted: bool) -> None:
    assert wants_picture(accept, who) is wanted


@given(st.text(max_size=200))
def test_no_accept_breaks_anything(accept: str) -> None:
    assert picture_format(accept, Audience.IMG) in ("avif", "webp", "jpeg", "png")
    assert wants_picture(accept, Audience.IMG) in (True, False)
