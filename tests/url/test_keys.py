"""Keys are promises: what is frozen here decides which picture a published URL shows."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from promptcdn.generators.sketch import DECLARATION as SKETCH
from promptcdn.generators.stability.grpc.engines import FAMILIES
from promptcdn.url import keys, seeds
from promptcdn.url.parse import parse, parse_path
from promptcdn.url.request import Resolved
from promptcdn.url.resolving import resolve
from promptcdn.url.text import UNICODE_VERSION
from tests.support.offers import offers

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "keys.json").read_text())

# What the operators of the golden vectors decided. Frozen with them.
DEFAULTS = {
    "sdxl": offers(
        "stability",
        "stable-diffusion-xl-1024-v1-0",
        "stable-diffusion-v1-6",
        "my/own:model-1",
        families=FAMILIES,
    ),
    "sketch": offers("sketch", "sketch"),
    "drawn": offers("sketch", "sketch", families=SKETCH.engines),
    "upscaler": offers("stability", "esrgan-v1-x2plus", families=FAMILIES),
    "small": offers("stability", "stable-diffusion-v1-6", size=(640, 384), steps=42, families=FAMILIES),
}


def test_the_key_of_what_a_lenient_face_draws_is_frozen_too() -> None:
    asked = parse_path(b"a%20lighthouse", b"seed=7&engine=not-offered").asked

    assert keys.nearest_key(asked) == "821b4fd42b0a5b476e38f515c4d7ed739e6d4b4b35d89e2fa1cbea93726513fb"
    assert keys.nearest_key(asked) != keys.as_asked_key(asked)


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["query"][:60])
def test_a_published_url_keeps_its_keys_for_ever(vector: dict[str, Any]) -> None:
    asked = parse(vector["query"].encode()).asked

    assert keys.as_asked_form(asked).decode() == vector["as_asked"]
    assert keys.as_asked_key(asked) == vector["as_asked_key"]
    init_size = tuple(vector["init_size"]) if "init_size" in vector else None
    for name, content in vector.get("content", {}).items():
        resolved = resolve(asked, DEFAULTS[name], init_size=init_size)
        assert keys.content_form(resolved).decode() == content["form"]
        assert keys.content_key(resolved) == content["key"]
    if "pool" in vector:
        assert list(seeds.pool(keys.as_asked_form(asked), 8)) == vector["pool"]


def test_the_golden_vectors_are_many() -> None:
    assert sum(1 + len(vector.get("content", {})) for vector in GOLDEN) > 200


def test_normalising_goes_by_the_pinned_unicode_version() -> None:
    import unicodedata2

    assert unicodedata2.unidata_version == UNICODE_VERSION


def test_a_key_is_the_digest_of_its_canonical_form() -> None:
    asked = parse(b"prompt=a+lighthouse&seed=7").asked

    assert keys.as_asked_key(asked) == hashlib.sha256(b'{"as_asked":1,"prompt":"a lighthouse","seed":7}').hexdigest()


def test_the_generator_is_part_of_the_content_key() -> None:
    asked = parse(b"prompt=a+lighthouse&seed=7").asked
    one = resolve(asked, offers("stability", "e"))
    other = resolve(asked, offers("a1111", "e"))

    assert keys.content_key(one) != keys.content_key(other)


def test_a_resolved_request_survives_being_written_down() -> None:
    asked = parse(b"prompt=x&seed=3&cfg_scale=7.25&sampler=ddim&negative_prompt=fog").asked
    resolved = resolve(asked, DEFAULTS["sdxl"])

    again = Resolved.from_parameters(json.loads(json.dumps(resolved.parameters())))

    assert again == resolved
    assert keys.content_form(again) == keys.content_form(resolved)
