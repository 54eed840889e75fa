"""OpenAI's own client for Python, unchanged, against the service: pictures, models, edits, and errors as exceptions."""

import base64
import io
from typing import Any

import openai
import pytest
from openai import OpenAI
from PIL import Image

from promptcdn.faces.openai_api.translation import COUNT_MAX
from tests.faces.openai_api.conftest import OTHER, Api

MODEL = "stable-diffusion-xl-1024-v1-0"


def path_of(url: str | None) -> str:
    """A URL of the service without its beginning."""
    assert url is not None
    return "/" + url.split("/", 3)[3]


def more(of: Any, name: str) -> Any:
    """A member that OpenAI's API does not have."""
    return of.model_extra[name]


def test_a_picture_is_its_bytes_and_its_permalink(api: Api) -> None:
    made = api.client.images.generate(prompt="a lighthouse", extra_body={"seed": 7})

    assert made.data is not None
    (datum,) = made.data
    file = base64.b64decode(datum.b64_json or "")
    assert Image.open(io.BytesIO(file)).format == "PNG"
    assert api.service.get(path_of(datum.url)).content == file
    assert made.size == "1024x1024"
    assert made._request_id


def test_its_url_in_markdown_shows_the_same_and_costs_nothing(api: Api) -> None:
    made = api.client.images.generate(prompt="for Markdown", model=MODEL, size="1792x1024", extra_body={"seed": 7})
    paid = api.paid

    assert made.data is not None
    url = path_of(more(made.data[0], "promptcdn_url"))
    shown = api.service.get(f"{url}&format=png")
    assert url == f"/?prompt=for+Markdown&seed=7&width=1344&height=768&engine={MODEL}"
    assert shown.content == base64.b64decode(made.data[0].b64_json or "")
    assert api.paid == paid
    assert made.size == "1344x768"
    assert more(made, "promptcdn_notes") == ["the size 1792x1024 is not offered: 1344x768 is used in its place"]


@pytest.mark.parametrize("form", ["url", "b64_json"])
def test_one_form_is_sent_where_one_is_asked_for(api: Api, form: Any) -> None:
    made = api.client.images.generate(prompt="one form", response_format=form, extra_body={"seed": 1})

    assert made.data is not None
    assert {name for name in ("url", "b64_json") if getattr(made.data[0], name)} == {form}


def test_the_same_seed_is_the_same_picture_and_paid_once(api: Api) -> None:
    before = api.paid
    bodies = [{"seed": 7}, {"seed": "7.0"}, {}]
    models = [None, None, "gpt-image-1#seed=7"]

    urls = set()
    for body, model in zip(bodies, models, strict=True):
        made = api.client.images.generate(prompt="thrice", model=model, extra_body=body, response_format="url")
        urls |= {each.url for each in made.data or []}
    assert len(urls) == 1
    assert api.paid == before + 1


def test_several_pictures_have_seeds_in_a_row(api: Api) -> None:
    made = api.client.images.generate(prompt="a row", n=3, extra_body={"seed": 2**32 - 2}, response_format="url")

    assert [more(each, "seed") for each in made.data or []] == [2**32 - 2, 2**32 - 1, 0]


def test_without_a_seed_pictures_are_of_the_pool_of_its_url(api: Api) -> None:
    made = api.client.images.generate(prompt="a pool", n=5, response_format="url")
    again = api.client.images.generate(prompt="a pool", n=3, response_format="url")
    paid = api.paid
    more_than_there_are = api.client.images.generate(prompt="a pool", n=2, response_format="url")

    pool = {each["seed"] for each in api.service.get("/info?prompt=a+pool").json()["pool"]}
    drawn = [more(each, "seed") for each in (made.data or []) + (again.data or [])]
    assert sorted(drawn) == sorted(pool), "new ones come first"
    assert {more(each, "seed") for each in more_than_there_are.data or []} < pool
    assert api.paid == paid


def test_more_pictures_than_a_pool_has_are_drawn_all_the_same(api: Api) -> None:
    made = api.client.images.generate(prompt="a large pool", n=COUNT_MAX, response_format="url")

    assert len({each.url for each in made.data or []}) == COUNT_MAX


@pytest.mark.parametrize(
    ("asked", "kind"),
    [({}, "PNG"), ({"output_format": "webp"}, "WEBP"), ({"output_format": "jpeg", "output_compression": 50}, "JPEG")],
)
def test_the_file_has_the_format_that_is_asked_for(api: Api, asked: Any, kind: str) -> None:
    made = api.client.images.generate(prompt="formats", extra_body={"seed": 7}, **asked)

    assert made.data is not None
    file = base64.b64decode(made.data[0].b64_json or "")
    assert Image.open(io.BytesIO(file)).format == kind
    assert api.service.get(path_of(made.data[0].url)).content == file


def test_parameters_of_the_grammar_reach_the_upstream(api: Api) -> None:
    extra = {"seed": 3, "negative_prompt": "fog", "steps": 20, "cfg_scale": 5.5, "sampler": "k_euler"}
    api.client.images.generate(prompt="in full", extra_body=extra)
    api.client.images.generate(prompt="in full", quality="high", extra_body={"seed": 4})

    first, second = api.upstream.ledger.calls()[-2:]
    assert [text for text, _ in first.prompts] == ["in full", "fog"]
    assert (first.seeds, first.steps, first.cfg_scale, first.sampler) == ((3,), 20, 5.5, "SAMPLER_K_EULER")
    assert second.steps == 50


def test_what_is_ignored_is_named(api: Api) -> None:
    made = api.client.images.generate(
        prompt="ignored", style="vivid", user="somebody", background="opaque", extra_body={"seed": 1, "glow": 3}
    )

    ignored = [f"this service ignores {name}" for name in ("background", "glow", "style", "user")]
    assert more(made, "promptcdn_notes") == ignored


def test_an_edit_starts_from_a_stored_picture(api: Api) -> None:
    made = api.client.images.generate(prompt="by day", extra_body={"seed": 7}, response_format="url")
    assert made.data is not None
    link = made.data[0].url or ""
    key = link.partition("/i/")[2][:64]

    edits = [
        api.client.images.edit(image=named.encode(), prompt="by night", extra_body={"seed": 7}, response_format="url")
        for named in (key, link)
    ]
    by_json = api.post("/v1/images/edits", images=[{"image_url": link}], prompt="by night", seed=7)
    urls = [path_of(more(each.data[0], "promptcdn_url")) for each in edits if each.data]
    urls.append(path_of(by_json.json()["data"][0]["promptcdn_url"]))
    assert set(urls) == {f"/?prompt=by+night&seed=7&init={key}"}
    assert api.upstream.ledger.calls()[-1].init is not None


def test_the_models_are_the_engines(api: Api) -> None:
    assert [model.id for model in api.client.models.list()] == [MODEL]
    assert api.client.models.retrieve(MODEL).owned_by == "stability"
    with pytest.raises(openai.NotFoundError) as refused:
        api.client.models.retrieve("no/such")
    assert refused.value.code == "model_not_found"


REFUSED: list[tuple[dict[str, Any], type[openai.APIStatusError], str, str | None]] = [
    ({"prompt": ""}, openai.BadRequestError, "bad_parameter", "prompt"),
    ({"prompt": "x" * 4001}, openai.BadRequestError, "string_above_max_length", "prompt"),
    ({"model": "no-such"}, openai.NotFoundError, "model_not_found", "model"),
    ({"n": 11}, openai.BadRequestError, "bad_parameter", "n"),
    ({"size": "large"}, openai.BadRequestError, "bad_parameter", "size"),
    ({"output_format": "gif"}, openai.BadRequestError, "bad_parameter", "output_format"),
    ({"extra_body": {"seed": 2**32}}, openai.BadRequestError, "bad_parameter", "seed"),
    ({"extra_body": {"init": "0" * 64}}, openai.NotFoundError, "not_found", "init"),
    ({"extra_body": {"stream": True}}, openai.BadRequestError, "bad_parameter", "stream"),
    ({"prompt": "fault:filter"}, openai.BadRequestError, "content_policy_violation", None),
    ({"prompt": "fault:invalid_argument"}, openai.InternalServerError, "upstream_refused", None),
]


@pytest.mark.parametrize(("asked", "kind", "code", "member"), REFUSED, ids=[f"{row[2]} {row[3]}" for row in REFUSED])
def test_a_refusal_arrives_as_an_exception(
    api: Api, asked: dict[str, Any], kind: type[openai.APIStatusError], code: str, member: str | None
) -> None:
    with pytest.raises(kind) as refused:
        api.client.images.generate(**{"prompt": "refused", "extra_body": {"seed": 7}, **asked})

    error: Any = refused.value
    assert (error.code, error.param) == (code, member)
    assert error.body["message"]
    assert error.response.headers["x-should-retry"] == "false"
    assert error.response.headers["cache-control"] == "no-store"


def test_a_picture_that_is_sent_is_refused_with_what_to_do(api: Api) -> None:
    for size in (1000, 3_000_000):
        with pytest.raises(openai.APIStatusError) as refused:
            api.client.images.edit(image=b"\x89PNG" + bytes(size), prompt="sent")
        assert "stored here" in refused.value.message
    assert refused.value.status_code == 413


@pytest.mark.parametrize("key", ["", "guessed", f"{OTHER}x", f"others:{OTHER}"])
def test_without_a_right_key_nothing_is_answered(api: Api, key: str) -> None:
    client = OpenAI(api_key=key or "none", base_url=f"{api.service.url}/v1", max_retries=0)
    with client, pytest.raises(openai.AuthenticationError) as refused:
        client.images.generate(prompt="no key")

    assert refused.value.code == "invalid_api_key"
    assert refused.value.response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/images/generations", 405, "method_not_allowed"),
        ("POST", "/v1/images/variations", 404, "not_found"),
        ("POST", "/v1/chat/completions", 404, "not_found"),
        ("GET", "/v1/models?" + "x" * 9000, 414, "uri_too_long"),
        ("GET", "/v1/models", 401, "invalid_api_key"),
    ],
)
def test_every_error_below_v1_is_openais_object(api: Api, method: str, path: str, status: int, code: str) -> None:
    answer = api.service.client.request(method, path)

    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"message", "type", "param", "code", "promptcdn_code"}
    assert answer.json()["error"]["code"] == code
