"""The path faces: extensions, and a hundred ways to write a Pollinations URL."""

import itertools

import pytest

from promptcdn import problems
from promptcdn.generators.stability.grpc.engines import DEFAULT, FAMILIES
from promptcdn.url import keys, seeds
from promptcdn.url.parse import parse, parse_path
from promptcdn.url.request import Asked
from promptcdn.url.resolving import departures, resolve
from tests.support.fakes import NO_FORMAT
from tests.support.offers import offers


def asked(prompt: bytes, query: bytes = b"") -> Asked:
    return parse_path(prompt, query).asked


@pytest.mark.parametrize(
    ("raw", "prompt"),
    [
        (b"a%20lighthouse", "a lighthouse"),
        (b"a+b", "a+b"),
        (b"a%2Fb", "a/b"),
        (b"a/b", "a/b"),
        (b"100%", "100%"),
        (b"%E5%8C%97%E4%BA%AC", "北京"),
        (b"v2.0", "v2.0"),
        (f"a.{NO_FORMAT}".encode(), f"a.{NO_FORMAT}"),
        (b"a%26b%3Dc", "a&b=c"),
        (b"a.png.webp", "a.png"),
    ],
)
def test_a_prompt_in_a_path_is_read_as_it_came(raw: bytes, prompt: str) -> None:
    assert asked(raw).prompt == prompt


@pytest.mark.parametrize(
    ("extension", "format_"),
    [(b".png", "png"), (b".webp", "webp"), (b".jpg", "jpeg"), (b".avif", "avif"), (b"", "webp")],
)
def test_an_extension_is_a_format(extension: bytes, format_: str) -> None:
    request = parse_path(b"a" + extension, b"seed=7")

    assert request.delivery.format == format_
    assert request.asked == Asked("a", seed=7)


def test_an_extension_and_format_must_not_contradict_each_other() -> None:
    assert parse(b"prompt=a&format=jpg", "jpeg").delivery.format == "jpeg"
    with pytest.raises(problems.Problem) as caught:
        parse(b"prompt=a&format=png", "jpeg")

    assert (caught.value.parameter, caught.value.value) == ("format", "png")


def test_the_path_face_enters_no_key() -> None:
    one = asked(b"a%20lighthouse.png", b"seed=7")
    other = parse(b"prompt=a+lighthouse&seed=7").asked

    assert keys.as_asked_key(one) == keys.as_asked_key(other)


def test_other_names_for_ours_are_understood_on_this_path_only() -> None:
    assert asked(b"a", b"guidance_scale=7.5&aspectRatio=16:9&model=x") == Asked(
        "a", cfg_scale=7.5, aspect_ratio="16:9", engine="x"
    )
    with pytest.raises(problems.Problem):
        parse(b"prompt=a&guidance_scale=7.5")


@pytest.mark.parametrize(
    "name", ["nologo", "private", "enhance", "safe", "referrer", "token", "key", "quality", "image"]
)
def test_a_parameter_without_meaning_is_noted_without_its_value(name: str) -> None:
    request = parse_path(b"a", f"{name}=canary".encode())

    assert request.asked == Asked("a")
    assert request.notes == (f"this service ignores the parameter {name}",)


def test_an_unknown_parameter_is_refused_here_too() -> None:
    with pytest.raises(problems.Problem) as caught:
        asked(b"a", b"sede=7")

    assert caught.value.parameter == "sede"


@pytest.mark.parametrize(
    ("query", "size"),
    [
        (b"width=1024&height=1024", (1024, 1024)),
        (b"width=800&height=600", (832, 576)),
        (b"width=1920&height=1080", (1536, 896)),
        (b"width=3840&height=2160", (1536, 896)),
        (b"width=100&height=50", (256, 256)),
        (b"width=1000", (1024, None)),
        (b"height=99999", (None, 1536)),
        (b"width=0", (256, None)),
    ],
    ids=str,
)
def test_sizes_go_to_the_nearest_and_keep_their_shape(query: bytes, size: tuple[int | None, int | None]) -> None:
    request = asked(b"a", query)

    assert (request.width, request.height) == size


@pytest.mark.parametrize(
    ("seed", "meant"),
    [
        (b"42", 42),
        (b"-1", None),
        (b"4294967295", 4294967295),
        (b"4294967296", seeds.of_word("4294967296")),
        (b"1844674407370955", seeds.of_word("1844674407370955")),
        (b"octocat", seeds.of_word("octocat")),
        (b"", None),
    ],
)
def test_every_seed_of_theirs_is_one_of_ours(seed: bytes, meant: int | None) -> None:
    assert asked(b"a", b"seed=" + seed).seed == meant


def test_a_large_seed_is_frozen() -> None:
    assert asked(b"a", b"seed=1844674407370955").seed == 4109420794


SDXL = offers("stability", DEFAULT, families=FAMILIES)


def test_what_an_engine_does_not_draw_becomes_the_nearest() -> None:
    request = parse_path(b"a", b"width=1920&height=1080&model=flux&seed=1&nologo=true")

    resolved = resolve(request.asked, SDXL, nearest=request.nearest)

    assert (resolved.engine, resolved.width, resolved.height) == (DEFAULT, 1344, 768)
    assert [*request.notes, *departures(request.asked, resolved)] == [
        "the width 1920 is not offered: 1536 is used in its place",
        "the height 1080 is not offered: 896 is used in its place",
        "this service ignores the parameter nologo",
        f"the engine flux is not offered: {DEFAULT} is used in its place",
        "the width 1536 is not offered: 1344 is used in its place",
        "the height 896 is not offered: 768 is used in its place",
    ]


PROMPTS = [
    b"a%20cat",
    b"sunset%20over%20the%20sea.jpg",
    b"A%20%22quoted%22%20prompt%2C%20with%20commas",
    b"caf%C3%A9+bar",
]
MODELS = [b"", b"model=flux", b"model=turbo", b"model=gptimage", b"model=kontext&enhance=true"]
SIZES = [b"", b"width=1024&height=768", b"width=1280&height=720", b"width=512", b"aspectRatio=9:16"]
OTHERS = [b"", b"seed=42&nologo=true&private=true", b"seed=-1&safe=true&referrer=me.example", b"seed=999999999999"]
URLS = list(itertools.product(PROMPTS, MODELS, SIZES, OTHERS))


def test_there_are_hundreds_of_their_urls() -> None:
    assert len(URLS) >= 400


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_url_of_theirs_is_a_picture_of_ours(prompt: bytes) -> None:
    for _, *parts in (url for url in URLS if url[0] == prompt):
        request = parse_path(prompt, b"&".join(part for part in parts if part))
        seeded = request.asked.seeded(request.asked.seed if isinstance(request.asked.seed, int) else 1)

        assert resolve(seeded, SDXL, nearest=request.nearest).engine == DEFAULT
