"""What the official client sends again by itself costs nothing twice: the ledger has one line for each picture."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import openai
import pytest
from openai import OpenAI

from tests.faces.openai_api.conftest import OTHER, TEAM, Api, running
from tests.service.test_metrics import scrape
from tests.support.waiting import until

PATH, KEY = "/v1/images/generations", {"authorization": f"Bearer {TEAM}"}


def test_a_retry_without_a_seed_joins_what_was_begun(api: Api) -> None:
    """The client gives up waiting and sends the request again: the picture that is being made is its picture."""
    before = api.paid
    hasty = OpenAI(api_key=TEAM, base_url=f"{api.service.url}/v1", max_retries=5, timeout=1.5)
    with hasty, ThreadPoolExecutor(1) as thread:
        api.upstream.hold()
        asked = thread.submit(hasty.images.generate, prompt="sent again", response_format="url")
        try:
            until(lambda: scrape(api.service)["promptcdn_requests_waiting"] >= 2)
        finally:
            api.upstream.release()
        made = asked.result(60)

    assert len(made.data or []) == 1
    assert api.paid == before + 1


@pytest.mark.parametrize("fault", ["internal", "wrong_size", "filter", "out_of_credits"])
def test_what_may_have_been_paid_for_is_not_sent_again(tmp_path: Path, fault: str) -> None:
    with running(tmp_path) as api:
        client = OpenAI(api_key=TEAM, base_url=f"{api.service.url}/v1", max_retries=5)
        with client, pytest.raises(openai.APIStatusError) as refused:
            client.images.generate(prompt=f"fault:{fault}", extra_body={"seed": 7})

        assert refused.value.response.headers["x-should-retry"] == "false"
        assert len(api.upstream.seen) == 1


def test_a_client_that_knows_no_header_pays_once_for_a_failure(tmp_path: Path) -> None:
    """Some clients try each 5xx again after seconds, whatever the answer says."""
    with running(tmp_path) as api:
        api.upstream.always("internal")
        answers = [api.post(prompt="again and again") for _ in range(3)]

        assert [answer.status_code for answer in answers] == [502] * 3
        assert not any("retry-after" in answer.headers for answer in answers)
        assert api.paid == 1
        assert api.post(prompt="another").status_code == 502
        assert api.paid == 2


def test_a_client_that_left_and_asks_anew_gets_what_was_begun(api: Api) -> None:
    before = api.paid
    body = {"prompt": "left", "response_format": "url"}
    api.upstream.hold()
    try:
        with pytest.raises(httpx2.ReadTimeout):
            api.service.client.post(PATH, json=body, headers=KEY, timeout=0.5)
        with ThreadPoolExecutor(2) as threads:
            both = [threads.submit(api.post, **body) for _ in range(2)]
            until(lambda: scrape(api.service)["promptcdn_requests_waiting"] >= 3)
            api.upstream.release()
            seeds = {answer.result(60).json()["data"][0]["seed"] for answer in both}
    finally:
        api.upstream.release()

    assert len(seeds) == 2, "two at the same time are two pictures"
    assert api.paid == before + 2


def test_an_upstream_that_is_busy_is_tried_again(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        api.upstream.always("resource_exhausted")
        with pytest.raises(openai.InternalServerError) as refused:
            api.client.images.generate(prompt="busy", extra_body={"seed": 7})

    assert refused.value.response.headers["x-should-retry"] == "true", refused.value
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 60


def test_one_idempotency_key_is_one_draw(api: Api) -> None:
    headers = {"Idempotency-Key": "order-1"}
    draws = [
        api.client.images.generate(prompt="idempotent", n=2, response_format="url", extra_headers=each)
        for each in (headers, headers, {"Idempotency-Key": "order-2"})
    ]

    first, again, other = ([each.url for each in draw.data or []] for draw in draws)
    assert first == again
    assert not {*first} & {*other}


def test_the_same_without_a_key_of_its_own_is_another_draw(api: Api) -> None:
    draws = [api.client.images.generate(prompt="drawn anew", response_format="url") for _ in range(2)]

    assert draws[0].data != draws[1].data


def test_a_key_of_idempotency_is_one_api_keys_own(api: Api) -> None:
    before = api.paid
    for key in (TEAM, OTHER):
        headers = {"authorization": f"Bearer {key}", "idempotency-key": "1"}
        answer = api.service.client.post(PATH, json={"prompt": "whose"}, headers=headers)
        assert answer.status_code == 200

    assert api.paid == before + 2
