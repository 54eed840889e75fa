"""The faults of servers that are called over HTTP: what one client is told, what is stored, and what is paid for.

How each audience is told is `test_upstreams`' work, with the gRPC server.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from promptcdn.pictures import decoded
from tests.faults.stage import SMALL, counted
from tests.support.crowd import PROGRAM
from tests.support.service import Promptcdn
from tests.upstream.openai_images import OpenAiImages


@dataclass(frozen=True)
class Row:
    """What a fault is answered with, and whether the call is in the ledger."""

    fault: str
    status: int
    code: str
    charged: bool = True


ROWS = [
    Row("reset", 503, "upstream_unreachable"),
    Row("internal", 502, "upstream_garbled"),
    Row("unavailable", 503, "upstream_busy"),
    Row("deadline", 504, "upstream_timeout"),
    Row("empty", 502, "upstream_garbled"),
    Row("html", 502, "upstream_garbled"),
    Row("truncated", 502, "upstream_garbled"),
    Row("wrong_size", 502, "upstream_garbled"),
    Row("bomb", 502, "upstream_garbled"),
    Row("huge", 502, "upstream_garbled"),
    Row("unauthenticated", 502, "upstream_unauthorized", charged=False),
    Row("rate_limited", 503, "upstream_busy", charged=False),
    Row("not_found", 502, "upstream_refused", charged=False),
    Row("redirect", 502, "upstream_refused", charged=False),
]
OF_OPENAI = [
    Row("no_picture", 502, "upstream_garbled"),
    Row("url fault:private", 502, "upstream_garbled"),
    Row("url fault:lost", 502, "upstream_garbled"),
    Row("wrong_seed", 502, "upstream_garbled"),
    Row("filter", 403, "filtered"),
    Row("invalid_prompt", 403, "filtered", charged=False),
    Row("out_of_credits", 503, "upstream_unpaid", charged=False),
    Row("overloaded", 503, "upstream_busy", charged=False),
]
OF_HUGGINGFACE = [
    Row("loading=1", 503, "upstream_busy", charged=False),
    Row("no_credits", 503, "upstream_unpaid", charged=False),
]
# A server that takes a seed, and whose pictures cost money.
KINDS = ["together", "huggingface"]
CASES = [
    *(("together", row) for row in [*ROWS, *OF_OPENAI]),
    *(("huggingface", row) for row in [*ROWS, *OF_HUGGINGFACE]),
]


@contextmanager
def small(folder: Path, upstream: OpenAiImages, **settings: object) -> Iterator[Promptcdn]:
    """A service of `upstream` whose pictures are small."""
    engine = {"PROMPTCDN_SIZE": SMALL["PROMPTCDN_SIZE"], "PROMPTCDN_ENGINE": "any", "PROMPTCDN_BUDGET": "1000/day"}
    if upstream.kind == "huggingface":
        called: dict[str, object] = {"HF_TOKEN": "canary", "HF_INFERENCE_ENDPOINT": upstream.endpoint}
    else:
        called = {"OPENAI_API_KEY": "canary", "OPENAI_BASE_URL": upstream.url}
        called["PROMPTCDN_OPENAI_SERVER"] = upstream.kind
    generator = "huggingface" if upstream.kind == "huggingface" else "openai"
    with Promptcdn(folder, PROMPTCDN_GENERATOR=generator, **engine, **called, **settings) as service:
        yield service


@pytest.fixture(scope="module", params=KINDS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Promptcdn, OpenAiImages]]:
    folder = tmp_path_factory.mktemp(request.param)
    with OpenAiImages(request.param) as upstream, small(folder, upstream) as service:
        yield service, upstream


def url(prompt: str, seed: int = 1) -> str:
    return f"/?prompt={quote_plus(prompt)}&seed={seed}"


def paid(upstream: OpenAiImages) -> Counter[str]:
    """How often each prompt was paid for."""
    return Counter(call.prompts[0][0] for call in upstream.ledger.calls())


@pytest.mark.parametrize(("running", "row"), CASES, indirect=["running"], ids=lambda case: getattr(case, "fault", case))
def test_a_fault_of_an_image_api_stores_nothing(running: tuple[Promptcdn, OpenAiImages], row: Row) -> None:
    """And it is told as what it is, and not paid for again at once."""
    service, upstream = running
    # A good picture first: else failures in a row would open the breaker.
    assert service.get(url(f"before {row.fault.replace(':', ' ')}"), **PROGRAM).status_code == 200
    asked = url(prompt := f"fault:{row.fault}")
    counts = upstream.kind != "huggingface"
    before = counted(service.folder) if counts else 0

    for _ in range(2):
        reply = service.get(asked, **PROGRAM)
        assert (reply.status_code, reply.json()["code"]) == (row.status, row.code)
        assert "canary" not in reply.text
        if row.charged or row.code == "filtered":
            assert paid(upstream)[prompt] == int(row.charged)
    # What a filter refuses may have been charged.
    spent = int(row.charged or row.code == "filtered")
    assert not counts or counted(service.folder) - before == spent

    state = service.get("/info" + asked[1:]).json()["state"]
    assert state == ("blocked" if row.code == "filtered" else "absent")
    assert "canary" not in (service.folder / "log").read_text()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["hang", "hang_mid"])
def test_an_image_api_that_hangs_is_given_up(tmp_path: Path, kind: str, fault: str) -> None:
    with OpenAiImages(kind) as upstream, small(tmp_path, upstream, PROMPTCDN_UPSTREAM_TIMEOUT=1) as service:
        reply = service.get(url(f"fault:{fault}"), **PROGRAM)

        assert (reply.status_code, reply.json()["code"]) == (504, "upstream_timeout")
        assert paid(upstream).total() == 1
        assert kind == "huggingface" or counted(tmp_path) == 1


@pytest.mark.parametrize("kind", ["openai", "xai", "together", "deepinfra", "localai", "sd-cpp", "hf-serve"])
def test_a_picture_of_an_image_api_is_the_same_after_a_restart(tmp_path: Path, kind: str) -> None:
    """Whatever it would draw the next time, it is paid for once; and no text of the upstream's stays in the file."""
    asked = [f"/i.png?prompt=a+lighthouse&seed={seed}" for seed in (0, 7)]
    with OpenAiImages(kind) as upstream:
        settings = {"PROMPTCDN_GENERATOR": "openai", "OPENAI_BASE_URL": upstream.url, "PROMPTCDN_OPENAI_SERVER": kind}
        with Promptcdn(tmp_path, **settings) as service:
            first = [service.get(each, **PROGRAM) for each in asked]
        with Promptcdn(tmp_path, **settings) as service:
            second = [service.get(each, **PROGRAM) for each in asked]

        assert [reply.status_code for reply in first] == [200, 200]
        assert [reply.content for reply in second] == [reply.content for reply in first]
        assert first[0].content != first[1].content
        assert b"parameters" not in first[0].content
        assert len(upstream.ledger.calls()) == 2


def test_a_server_that_is_asked_by_shape_gives_the_size_asked(tmp_path: Path) -> None:
    """It draws 1408x768."""
    with OpenAiImages("xai") as upstream:
        settings = {"PROMPTCDN_GENERATOR": "openai", "OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        with Promptcdn(tmp_path, **settings, PROMPTCDN_OPENAI_SERVER="xai") as service:
            reply = service.get("/i.png?prompt=a&seed=1&aspect_ratio=16:9", **PROGRAM)

        found = decoded(reply.content)
        assert found is not None
        assert found.size == (1344, 768)
        assert upstream.bodies[0]["aspect_ratio"] == "16:9"


def test_pictures_of_hosted_servers_are_counted(tmp_path: Path) -> None:
    with OpenAiImages("openai") as upstream:
        settings = {"PROMPTCDN_GENERATOR": "openai", "OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        with Promptcdn(tmp_path, **settings, PROMPTCDN_OPENAI_SERVER="openai", PROMPTCDN_BUDGET="1/day") as service:
            assert service.get(url("a"), **PROGRAM).status_code == 200
            over = service.get(url("b"), **PROGRAM)

        assert (over.status_code, over.json()["code"]) == (503, "budget_spent")
        assert (counted(tmp_path), len(upstream.ledger.calls())) == (1, 1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "needs OPENAI_API_KEY or OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "localhost:8080"}, 'OPENAI_BASE_URL="localhost:8080": allowed: http:// or https://'),
        ({"OPENAI_BASE_URL": "https://u:canary@host"}, "OPENAI_BASE_URL: an address has no user, no password"),
        ({"OPENAI_API_KEY": "canary with blanks"}, "OPENAI_API_KEY holds white space"),
        (
            {"OPENAI_API_KEY": "k", "PROMPTCDN_OPENAI_SERVER": "locaal"},
            'PROMPTCDN_OPENAI_SERVER="locaal": there is no such kind of server; allowed: ',
        ),
        ({"OPENAI_API_KEY": "k", "PROMPTCDN_OPENAI_FIELDS": "quality=low"}, "allowed: a JSON object"),
        ({"OPENAI_API_KEY": "k", "PROMPTCDN_FETCH_HOSTS": "*.com"}, '"*.com" is no host'),
        ({"OPENAI_API_KEY": "k", "PROMPTCDN_SIZE": "512x512"}, "the nearest are "),
        ({"OPENAI_API_KEY": "k", "PROMPTCDN_PROMPT_SYNTAX": "yes"}, "allowed: plain or allowed"),
    ],
)
def test_a_wrong_setting_of_an_image_api_ends_the_start(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    ended = Promptcdn(tmp_path, PROMPTCDN_GENERATOR="openai", **settings).refused_start()

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "canary" not in ended.stderr
    assert ended.stderr.count("OPENAI_BASE_URL=") < 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_busy_image_api_is_asked_again(tmp_path: Path, kind: str) -> None:
    """Two refusals that surely cost nothing, and then one paid picture."""
    with OpenAiImages(kind) as upstream, small(tmp_path, upstream, PROMPTCDN_UPSTREAM_TIMEOUT=60) as service:
        upstream.script("rate_limited", "overloaded retry_after=0", "")
        reply = service.get(url("a lighthouse"), **PROGRAM)

        assert reply.status_code == 200
        assert (len(upstream.bodies), paid(upstream)) == (3, {"a lighthouse": 1})


def test_an_image_api_that_stays_away_is_left_alone(tmp_path: Path) -> None:
    """The breaker opens: new pictures are refused at once, without a call, and stored ones are shown."""
    with OpenAiImages("together") as upstream, small(tmp_path, upstream) as service:
        stored = service.get(url("stored"), **PROGRAM)
        upstream.always("unavailable")
        for seed in range(6):
            assert service.get(url("away", seed), **PROGRAM).status_code == 503
        calls = len(upstream.bodies)

        refused = service.get(url("later"), **PROGRAM)
        assert (refused.status_code, refused.json()["code"]) == (503, "upstream_busy")
        assert len(upstream.bodies) == calls == 6
        assert service.get(url("stored"), **PROGRAM).content == stored.content
