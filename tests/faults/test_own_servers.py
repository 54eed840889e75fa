"""The faults of servers that people run themselves, AUTOMATIC1111's and ComfyUI: what a client is told, what is stored,
and what is drawn.

How each audience is told is `test_upstreams`' work, with the gRPC server.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.support.crowd import PROGRAM
from tests.support.service import Promptcdn, get_together
from tests.upstream.a1111 import A1111Upstream
from tests.upstream.comfyui import WORKFLOW, ComfyUpstream
from tests.upstream.over_http import HttpUpstream

SIZE = {"PROMPTCDN_SIZE": "256x256"}
KINDS = ("a1111", "comfyui")


@dataclass(frozen=True)
class Row:
    """What a fault is answered with, and whether it is found out after something was drawn."""

    fault: str
    status: int
    code: str
    drawn: bool = True


BOTH = [
    Row("reset", 503, "upstream_unreachable"),
    Row("html", 502, "upstream_garbled"),
    Row("huge", 502, "upstream_garbled"),
    Row("no_picture", 502, "upstream_garbled"),
    Row("empty", 502, "upstream_garbled"),
    Row("truncated", 502, "upstream_garbled"),
    Row("wrong_size", 502, "upstream_garbled"),
    Row("bomb", 502, "upstream_garbled"),
    Row("redirect", 502, "upstream_refused"),
    Row("rate_limited", 503, "upstream_busy", drawn=False),
    Row("unauthenticated", 502, "upstream_unauthorized", drawn=False),
]
OF_A1111 = [
    Row("internal", 502, "upstream_garbled"),
    Row("wrong_seed", 502, "upstream_garbled"),
    Row("no_api", 502, "upstream_refused", drawn=False),
    Row("busy", 503, "upstream_busy", drawn=False),
]
OF_COMFYUI = [
    Row("error", 502, "upstream_garbled"),
    Row("interrupted", 502, "upstream_garbled"),
    Row("no_file", 502, "upstream_garbled"),
    Row("view_html", 502, "upstream_garbled"),
    Row("missing_node", 502, "upstream_refused", drawn=False),
]
CASES = [
    *(("a1111", row) for row in [*BOTH, *OF_A1111]),
    *(("comfyui", row) for row in [*BOTH, *OF_COMFYUI]),
]


def opened(kind: str) -> HttpUpstream:
    return A1111Upstream() if kind == "a1111" else ComfyUpstream()


def settings_of(upstream: HttpUpstream, folder: Path) -> dict[str, object]:
    """What sets a generator up: the address, and ComfyUI's workflow."""
    if isinstance(upstream, ComfyUpstream):
        folder.mkdir(exist_ok=True)
        return {"COMFYUI_URL": upstream.url, "COMFYUI_WORKFLOW": upstream.workflow(folder)}
    return {"A1111_URL": upstream.url, "A1111_USER": "ann", "A1111_PASSWORD": "canary-password"}


def service_of(upstream: HttpUpstream, folder: Path, **more: object) -> Promptcdn:
    """A service whose pictures are small."""
    return Promptcdn(folder, **settings_of(upstream, folder), **SIZE, **more)


@pytest.fixture(scope="module", params=KINDS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Promptcdn, HttpUpstream]]:
    with opened(request.param) as upstream, service_of(upstream, tmp_path_factory.mktemp(request.param)) as service:
        yield service, upstream


def url(prompt: str, seed: int = 1, **more: object) -> str:
    return f"/?prompt={quote_plus(prompt)}&seed={seed}" + "".join(f"&{name}={value}" for name, value in more.items())


def drawn(upstream: HttpUpstream) -> Counter[str]:
    """How often each prompt was drawn."""
    return Counter(call.prompts[0][0] for call in upstream.ledger.calls())


@pytest.mark.parametrize(("running", "row"), CASES, indirect=["running"], ids=lambda case: getattr(case, "fault", case))
def test_a_fault_of_an_own_server_stores_nothing(running: tuple[Promptcdn, HttpUpstream], row: Row) -> None:
    """And it is told as what it is, and not drawn again at once."""
    service, upstream = running
    # A good picture first: else failures in a row would open the breaker.
    assert service.get(url(f"before {row.fault}"), **PROGRAM).status_code == 200
    asked = url(prompt := f"fault:{row.fault}")

    for _ in range(2):
        reply = service.get(asked, **PROGRAM)
        assert (reply.status_code, reply.json()["code"]) == (row.status, row.code)
        assert "canary" not in reply.text
        # What ComfyUI was given and did not answer is taken back, mostly before it is drawn; a redirect may be drawn.
        assert drawn(upstream)[prompt] <= (2 if row.fault == "redirect" else row.drawn)

    assert service.get("/info" + asked[1:]).json()["state"] == "absent"
    assert "canary" not in (service.folder / "log").read_text()


@pytest.mark.parametrize(("kind", "fault"), [("a1111", "hang"), ("a1111", "hang_mid"), ("comfyui", "stuck")])
def test_an_own_server_that_hangs_is_given_up(tmp_path: Path, kind: str, fault: str) -> None:
    with opened(kind) as upstream, service_of(upstream, tmp_path, PROMPTCDN_UPSTREAM_TIMEOUT=1) as service:
        reply = service.get(url(f"fault:{fault}"), **PROGRAM)

        assert (reply.status_code, reply.json()["code"]) == (504, "upstream_timeout")
        assert drawn(upstream).total() == 1
        upstream.wait_until_idle()


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_an_own_server_is_drawn_once(tmp_path: Path, kind: str) -> None:
    """Also over a restart, and whoever asks; and no text of the server's stays in the file."""
    asked = [f"/i.png?prompt=a+lighthouse&seed={seed}" for seed in (0, 7)]
    with opened(kind) as upstream:
        with service_of(upstream, tmp_path) as service:
            first = [service.get(each, **PROGRAM) for each in asked]
            assert {reply.content for reply in service.get_together(*asked * 4)} == {reply.content for reply in first}
        with service_of(upstream, tmp_path) as service:
            second = [service.get(each, **PROGRAM) for each in asked]

        assert [reply.status_code for reply in first] == [200, 200]
        assert [reply.content for reply in second] == [reply.content for reply in first]
        assert first[0].content != first[1].content
        assert b"canary" not in first[0].content
        assert [call.seeds for call in upstream.ledger.calls()] == [(0,), (7,)]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_an_own_server_cost_nothing(tmp_path: Path, kind: str) -> None:
    with opened(kind) as upstream, service_of(upstream, tmp_path) as service:
        said = service.get("/info" + url("a lighthouse", style_preset="anime")[1:]).json()

        assert said["resolved"]["generator"] == kind
        assert any("style_preset" in note for note in said["notes"])
        assert not (tmp_path / "data" / "budget.sqlite3").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_an_own_server_draws_one_picture_after_the_other(tmp_path: Path, kind: str) -> None:
    with opened(kind) as upstream, service_of(upstream, tmp_path) as service:
        upstream.always("slow=0.3")
        replies = get_together(service.url, *(url("a lighthouse", seed) for seed in range(4)))

        assert {reply.status_code for reply in replies} == {200}
        # One at a time: each call came when the one before it had ended.
        times = sorted(call.at for call in upstream.ledger.calls())
        assert min(later - sooner for sooner, later in pairwise(times)) >= 0.3


def test_a_checkpoint_is_an_engine(tmp_path: Path) -> None:
    with A1111Upstream() as upstream, service_of(upstream, tmp_path, PROMPTCDN_ENGINES="dreamshaper_8") as service:
        first, second = (service.get(url("a", engine=name)) for name in ("dreamshaper_8", "loaded"))

        assert (first.status_code, second.status_code) == (200, 200)
        assert [call.engine for call in upstream.ledger.calls()] == ["dreamshaper_8", ""]
        assert upstream.loaded == "sd_xl_base_1.0"


def without(title: str) -> str:
    nodes: dict[str, Any] = json.loads(json.dumps(WORKFLOW))
    for node in nodes.values():
        if node.get("_meta", {}).get("title") == title:
            del node["_meta"]
    return json.dumps(nodes)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"A1111_URL": "localhost:7860"}, 'A1111_URL="localhost:7860": allowed: http:// or https://'),
        ({"A1111_URL": "http://u:canary@host:7860"}, "A1111_URL: an address has no user, no password"),
        ({"PROMPTCDN_GENERATOR": "a1111"}, "a1111 needs A1111_URL"),
        ({"PROMPTCDN_GENERATOR": "comfyui", "COMFYUI_URL": "http://host"}, "comfyui needs COMFYUI_WORKFLOW"),
        ({"COMFYUI_URL": "http://host", "COMFYUI_WORKFLOW": "none.json"}, "cannot be read: No such file"),
        ({"COMFYUI_URL": "host:8188", "COMFYUI_WORKFLOW": "good.json"}, 'COMFYUI_URL="host:8188": allowed:'),
        (
            {"COMFYUI_URL": "http://host", "COMFYUI_WORKFLOW": "unsized.json"},
            'COMFYUI_WORKFLOW="unsized.json": no node has the title "promptcdn: width"',
        ),
    ],
)
def test_an_own_server_that_is_set_up_wrong_ends_the_start(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    (tmp_path / "good.json").write_text(json.dumps(WORKFLOW))
    (tmp_path / "unsized.json").write_text(without("promptcdn: size"))
    ended = Promptcdn(tmp_path, **settings).refused_start()

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "canary" not in ended.stderr
