"""Who may have pictures made through OpenAI's API, at whose expense, and what nobody reads anywhere."""

from pathlib import Path

import openai
import pytest
from openai import OpenAI

from tests.faces.openai_api.conftest import OTHER, TEAM, Api, running
from tests.faces.openapi.test_answers import NOT_DESCRIBED
from tests.service.test_metrics import scrape
from tests.support.service import Promptcdn

TOKEN = "canary-of-the-operator"  # noqa: S105


def test_without_keys_the_api_is_closed_and_says_what_opens_it(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service, OpenAI(api_key="any", base_url=f"{service.url}/v1", max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as refused:
            client.images.generate(prompt="a")
        with pytest.raises(openai.NotFoundError):
            client.models.list()

    assert "PROMPTCDN_API_KEYS" in refused.value.message


def test_the_rate_is_counted_for_each_key_and_hits_are_free(tmp_path: Path) -> None:
    with running(tmp_path, PROMPTCDN_CLIENT_RATE="2/hour") as api:
        for seed in (1, 2, 1, 2):
            assert api.post(prompt="a", seed=seed).status_code == 200
        late = api.post(prompt="a", seed=3)
        others = api.post(prompt="a", seed=3, key=OTHER)
        by_url = api.service.get("/?prompt=a&seed=4")

    assert (late.status_code, late.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert late.headers["ratelimit-policy"] == '"api-key";q=2;w=3600'
    assert late.headers["x-should-retry"] == "false", "an hour is too long to wait for"
    assert (others.status_code, by_url.status_code) == (200, 200)


def test_a_key_is_as_good_as_a_signature(tmp_path: Path) -> None:
    signed = {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": "k1:canary-0123456789"}
    with running(tmp_path, **signed) as api:
        assert api.service.get("/?prompt=a&seed=7").status_code == 403
        made = api.post(prompt="a", seed=7)
        assert made.status_code == 200
        assert api.service.get("/?prompt=a&seed=7").status_code == 200, "what is stored is everybody's"


def test_where_nothing_new_is_made_stored_pictures_are_answered(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        assert api.post(prompt="a").status_code == 200
    with running(tmp_path, PROMPTCDN_MISSES="closed") as api:
        refused = api.post(prompt="b", seed=7)
        assert (refused.status_code, refused.json()["error"]["promptcdn_code"]) == (403, "misses_closed")
        assert [api.post(prompt="a").status_code for _ in range(4)] == [200] * 4
        assert api.paid == 0


def test_a_spent_budget_is_an_insufficient_quota(tmp_path: Path) -> None:
    with running(tmp_path, PROMPTCDN_BUDGET="1/day") as api:
        assert api.post(prompt="a", seed=7).status_code == 200
        with pytest.raises(openai.RateLimitError) as refused:
            api.client.images.generate(prompt="b", extra_body={"seed": 7})
        assert api.post(prompt="a", seed=7).status_code == 200

    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_the_deny_list_and_takedowns_are_obeyed(tmp_path: Path) -> None:
    (tmp_path / "deny.txt").write_text("nude\n")
    with running(tmp_path, PROMPTCDN_DENY=tmp_path / "deny.txt", PROMPTCDN_ADMIN_TOKEN=TOKEN) as api:
        denied = api.post(prompt="a nude", seed=7)
        url = api.post(prompt="a", seed=7).json()["data"][0]["url"]
        path = "/i/" + url.partition("/i/")[2][:64]
        api.service.client.delete(path, headers={"authorization": f"Bearer {TOKEN}"})
        removed = api.post(prompt="a", seed=7)
        assert api.paid == 1

    for refused, code in ((denied, "denied"), (removed, "removed")):
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "content_policy_violation"
        assert refused.json()["error"]["promptcdn_code"] == code


@pytest.mark.parametrize("kind", ["text", "json"])
def test_no_prompt_key_or_user_is_in_the_log_or_the_metrics(tmp_path: Path, kind: str) -> None:
    with running(tmp_path, PROMPTCDN_LOG=kind, PROMPTCDN_LOG_HITS="true") as api:
        for key in (TEAM, f"{TEAM}-guessed"):
            for body in (
                {"prompt": "a canary of prompts", "seed": 7, "user": "canary-user"},
                {"prompt": "a canary of prompts", "canary": 1, "model": "canary-model"},
                {"prompt": "a canary of prompts", "steps": "canary"},
            ):
                api.post(key=key, **body)
                api.post("/v1/canary", key=key, **body)
            api.service.client.get("/v1/models/canary", headers={"authorization": f"Bearer {key}"})
        metrics = str(scrape(api.service))

    log = (tmp_path / "log").read_text()
    assert log.count("/v1/images/generations") == 6
    assert "canary" not in log
    assert "canary" not in metrics
    assert "***" not in log, "the last guard had to blot one out"


def test_pictures_of_the_api_are_counted_as_such(api: Api) -> None:
    series = 'promptcdn_requests_total{audience="program",outcome="api",status="200"}'
    before = scrape(api.service).get(series, 0)
    api.post(prompt="counted", seed=7)

    assert scrape(api.service)[series] == before + 1


def test_a_page_of_another_site_may_send_its_key(api: Api) -> None:
    """A browser asks first, and the wildcard of allowed headers leaves `Authorization` out (Fetch standard)."""
    asked = api.service.client.options("/v1/images/generations", headers={"origin": "https://example.org"})

    assert "authorization" in asked.headers["access-control-allow-headers"]
    assert asked.headers["access-control-allow-methods"] == "OPTIONS, POST"


def test_each_header_of_an_answer_is_described(api: Api) -> None:
    described = api.service.get("/openapi.json").json()["paths"]["/v1/images/generations"]["post"]["responses"]
    answers = [
        api.post(prompt="described", seed=7),
        api.post(),
        api.post(key="guessed"),
        api.post(model="x", prompt="a"),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 401, 404]
    for answer in answers:
        told = {name.lower() for name in described[str(answer.status_code)]["headers"]}
        assert answer.headers.keys() - NOT_DESCRIBED <= told
