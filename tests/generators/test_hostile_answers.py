"""Answers in which anything may stand: each generator reads them to a picture, a verdict or a failure that it tells."""

import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.generators import a1111, comfyui, huggingface, openai
from promptcdn.generators.a1111 import answers as a1111_answers
from promptcdn.generators.comfyui import answers as comfyui_answers
from promptcdn.generators.http import Reply, documents, pauses
from promptcdn.generators.openai import answers as openai_answers
from promptcdn.generators.openai import client as openai_client
from promptcdn.generators.stability.rest import account
from promptcdn.generators.stability.rest import answers as stability_answers
from promptcdn.problems import UpstreamFailed
from promptcdn.url.request import Resolved

ORDER = Resolved("a1111", "sdxl", "a cat", 7, 512, 512, 20, 7.0, sampler="k_euler")
READERS: dict[str, Callable[[Reply], object]] = {
    "a1111": lambda reply: a1111_answers.made(reply, ORDER),
    "a1111, enlarged": lambda reply: a1111_answers.enlarged(reply, "Lanczos"),
    "comfyui, accepted": comfyui_answers.accepted,
    "comfyui, history": lambda reply: comfyui_answers.picture(comfyui_answers.entry(reply, "id") or {}, "9"),
    "comfyui, queue": lambda reply: comfyui_answers.queued(reply, "id"),
    "huggingface": lambda reply: huggingface.read(reply, seed=7, engine="sdxl"),
    "openai": lambda reply: openai_answers.read(reply, seed=7, engine="sdxl"),
    "openai, models": lambda reply: openai_client._listed(reply.body),
    "stability": lambda reply: stability_answers.read(reply, seed=7, engine="core"),
    "stability, balance": lambda reply: account.checks(reply, ["core"]),
}
# What the generators look for.
WORDS = """
images info seed sd_model_name sampler_name image errors detail type prompt_id id outputs 9 filename subfolder status
status_str messages node_errors error extra_info class_type queue_running queue_pending estimated_time data b64_json url
respect_moderation code message credits name
"""
NAMES = st.sampled_from(WORDS.split())
HUGE = 10**400
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(HUGE),
    st.floats(),
    st.text(st.characters(codec=None), max_size=8),
    st.sampled_from(["error", "execution_error", "http://127.0.0.1/a", "data:,", "Sampler not found", "\ud800"]),
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
STATUSES = st.sampled_from([200, 400, 404, 422, 500, 503])


def read(reader: str, reply: Reply) -> object:
    with suppress(UpstreamFailed):
        return READERS[reader](reply)
    return None


@pytest.mark.parametrize("reader", READERS)
@given(status=STATUSES, document=DOCUMENTS)
def test_whatever_an_answer_says_it_is_read_or_told(reader: str, status: int, document: Any) -> None:
    read(reader, Reply(status, {}, json.dumps(document).encode()))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe[", b"[" * 200_000, b'{"seed": ' + b"9" * 9000 + b"}"])
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_no_document_is_told(reader: str, status: int, body: bytes) -> None:
    read(reader, Reply(status, {}, body))


@pytest.mark.parametrize(
    ("reader", "status", "document"),
    [
        ("huggingface", 503, {"estimated_time": HUGE}),
        ("stability, balance", 200, {"credits": HUGE}),
        ("comfyui, history", 200, {"id": {"outputs": {"9": {"images": [{"filename": "\ud800"}]}}}}),
        ("comfyui, accepted", 200, {"prompt_id": "../view?a\n"}),
        ("comfyui, accepted", 200, {"prompt_id": "\ud800"}),
    ],
)
def test_a_value_that_nobody_sends_breaks_nothing(reader: str, status: int, document: Any) -> None:
    read(reader, Reply(status, {}, json.dumps(document).encode()))


def test_an_id_that_would_change_a_url_is_none() -> None:
    for id_ in ("../view?a", "a/b", "a\nb", "\ud800", ""):
        with pytest.raises(UpstreamFailed):
            comfyui_answers.accepted(Reply(200, {}, json.dumps({"prompt_id": id_}).encode()))


def test_a_file_whose_name_no_url_holds_is_no_picture() -> None:
    """httpx2 would raise an error of its own."""
    done = {"outputs": {"9": {"images": [{"filename": "x" * 100_000}]}}}

    with pytest.raises(UpstreamFailed):
        comfyui_answers.picture(done, "9")


def test_a_refusal_of_many_errors_is_short() -> None:
    errors = {str(number): {"class_type": "K" * 80, "errors": [{"type": "t" * 80}]} for number in range(1000)}

    failure = comfyui_answers.refusal(Reply(400, {}, json.dumps({"node_errors": errors}).encode()))

    assert len(failure.detail) < 1000


@pytest.mark.parametrize("reader", ["openai", "a1111", "comfyui, queue"])
@pytest.mark.parametrize("values", [b"[],", b"{},", b"0,"])
def test_a_small_text_of_many_values_is_not_unpacked(reader: str, values: bytes) -> None:
    """It would take twenty times its own size in memory."""
    body = b'{"data": [' + values * 4_000_000 + b"0]}"
    tracemalloc.start()
    try:
        read(reader, Reply(200, {}, body))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < len(body)


def test_the_longest_list_of_an_honest_server_is_read() -> None:
    """ComfyUI's queue of many large workflows."""
    node = {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["4", 0], "text": "a, b"}, "_meta": {"title": "t"}}
    queue = {
        "queue_pending": [[number, str(number), {str(each): node for each in range(200)}] for number in range(200)]
    }
    body = json.dumps(queue).encode()

    assert comfyui_answers.queued(Reply(200, {}, body), "199") == "pending"


@pytest.mark.parametrize(
    ("value", "found"),
    [(7, 7.0), (0.5, 0.5), (HUGE, None), (float("nan"), None), (float("inf"), None), (True, None), ("7", None)],
)
def test_a_number_is_one_to_reckon_with(value: object, found: float | None) -> None:
    assert documents.number(value) == found


@pytest.mark.parametrize("text", ["aGk=", "data:image/png;base64,aGk=", "DATA:;base64,aGk=", "aG\nk="])
def test_a_file_is_read_from_its_text(text: str) -> None:
    assert documents.file(text) == b"hi"


@pytest.mark.parametrize("text", ["a", "é", "\ud800"])
def test_what_is_no_file_is_none(text: str) -> None:
    assert documents.file(text) is None


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2020 99999999999999999999:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +9999999999999999999999",
        "Mon, 99999999999999999999 Jan 2020 00:00:00 GMT",
    ],
)
def test_a_date_beyond_all_dates_names_no_pause(date: str) -> None:
    now = "Mon, 01 Jan 2020 00:00:00 GMT"

    assert pauses.named({"retry-after": date, "date": now}) is None
    assert pauses.named({"retry-after": now, "date": date}) is None


def test_every_generator_over_http_is_tried() -> None:
    declared = (each.DECLARATION.name for each in (a1111, comfyui, huggingface, openai))

    assert {*declared, "stability"} == {reader.partition(",")[0] for reader in READERS}
