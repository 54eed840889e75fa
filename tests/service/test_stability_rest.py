"""A service whose upstream speaks Stability's REST API, and the way there from gRPC."""

import io
import json
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote_plus

import httpx2
import pytest
from PIL import Image

from promptcdn.generators.stability.rest.engines import RATIOS
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream
from tests.upstream.stability_rest import StabilityRest

GRPC_ENGINE, REST_ENGINE = "stable-diffusion-xl-1024-v1-0", "core"
OLD = ["/?prompt=old&seed=1", "/?prompt=old&seed=2&width=1152&height=896", "/i.png?prompt=old&seed=3"]


def size(answer: httpx2.Response) -> tuple[int, int]:
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        return image.size


def info(service: Promptcdn, url: str) -> dict[str, object]:
    said: dict[str, object] = service.get("/info" + (url[1:] if url.startswith("/?") else url)).json()
    return said


@pytest.mark.parametrize("engine", ["core", "sd3.5-large"])
def test_every_size_that_is_asked_for_is_the_size_shown(tmp_path: Path, engine: str) -> None:
    """The upstream answers sizes of its own."""
    with (
        StabilityRest() as upstream,
        Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_ENGINE=engine) as service,
    ):
        asked = list(RATIOS.values())
        urls = [f"/i.png?prompt=a&seed=1&width={width}&height={height}" for width, height in asked]

        assert [size(service.get(url)) for url in urls] == asked
        assert [form.ratio for form in upstream.forms] == list(RATIOS)
        assert len({(call.width, call.height) for call in upstream.ledger.calls()} - set(asked)) > 0


def test_other_sizes_are_told_the_nearest_and_ratios_find_theirs(tmp_path: Path) -> None:
    with StabilityRest() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        refused = service.get("/?prompt=a&seed=1&width=1088&height=896")
        found = service.get("/?prompt=a&seed=1&aspect_ratio=4:3")

        assert (refused.status_code, refused.json()["allowed"][:21]) == (400, "for example 1152x896,")
        assert size(found) == (1152, 896)


def test_what_the_engine_does_not_understand_is_told(tmp_path: Path) -> None:
    with StabilityRest() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        notes = str(info(service, "/?prompt=a&seed=1&steps=20&sampler=ddim&cfg_scale=5&negative_prompt=fog")["notes"])

    assert [name for name in ("steps", "sampler", "cfg_scale", "negative_prompt") if name in notes] == [
        "steps",
        "sampler",
        "cfg_scale",
    ]


def test_a_picture_is_paid_once_and_is_the_same_after_a_kill(tmp_path: Path) -> None:
    with StabilityRest(key="right") as upstream:
        settings = {"STABILITY_HOST": upstream.url, "STABILITY_KEY": "right"}
        with Promptcdn(tmp_path, **settings) as service:
            first = service.get_together(*["/?prompt=a+lighthouse&seed=7"] * 20)
            service.stop(signal.SIGKILL)
            service.start_again()
            later = service.get("/?prompt=a+lighthouse&seed=7")
            png = service.get("/i.png?prompt=a+lighthouse&seed=7").content

        assert {answer.content for answer in (*first, later)} == {first[0].content}
        (call,) = upstream.ledger.calls()
        assert (call.authorization, call.engine, call.seeds) == ("right", REST_ENGINE, (8,))
        assert b"lighthouse" not in png
        assert "right" not in (tmp_path / "log").read_text()


def test_what_was_answered_over_grpc_stays_as_it_was(tmp_path: Path) -> None:
    """A change of the protocol, and so of the default engine, moves no URL."""
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        before = [service.get(url).content for url in OLD]
        permalinks = [str(info(service, url)["permalink"]) for url in OLD]
    with StabilityRest() as rest, Promptcdn(tmp_path, STABILITY_HOST=rest.url) as service:
        after = [service.get(url).content for url in OLD]
        linked = [service.get(link).content for link in permalinks]
        of_old, of_new = (info(service, url)["resolved"] for url in (OLD[0], "/?prompt=new&seed=1"))
        new = service.get("/?prompt=new&seed=1")

        assert after == before
        assert linked[0] == before[0]
        assert json.dumps(of_old).count(GRPC_ENGINE) == json.dumps(of_new).count(f'"{REST_ENGINE}"') == 1
        assert size(new) == (1024, 1024)
        assert [call.engine for call in rest.ledger.calls()] == [REST_ENGINE]


def test_a_lost_picture_of_grpc_is_made_over_grpc_only(tmp_path: Path) -> None:
    url = OLD[0]
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        assert service.get(url).status_code == 200
    purged = subprocess.run(
        [PROMPTCDN, "purge", url],
        env=environment(PROMPTCDN_DATA_DIR=tmp_path / "data", STABILITY_HOST="http://127.0.0.1:9"),
        capture_output=True,
        text=True,
    )
    assert purged.returncode == 0, purged.stderr
    with StabilityRest() as rest, Promptcdn(tmp_path, STABILITY_HOST=rest.url) as service:
        lost = service.get(url)
        new = service.get("/?prompt=new&seed=1")

        assert (lost.status_code, lost.json()["code"]) == (503, "generator_missing")
        assert GRPC_ENGINE in lost.json()["detail"]
        assert "gRPC upstream in STABILITY_HOST" in lost.json()["detail"]
        (note,) = service.get("/info" + url[1:]).json()["notes"]
        assert note.startswith(f"the engine {GRPC_ENGINE} of the generator stability is not set up here: this picture")
        assert new.status_code == 200
        assert [call.engine for call in rest.ledger.calls()] == [REST_ENGINE]
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        assert size(service.get(url)) == (1024, 1024)
        assert [call.engine for call in upstream.ledger.calls()] == [GRPC_ENGINE]


def test_a_url_that_was_never_answered_has_the_new_engine(tmp_path: Path) -> None:
    """Also where it names a size that the old default engine drew."""
    with StabilityRest() as rest, Promptcdn(tmp_path, STABILITY_HOST=rest.url) as service:
        answers = [service.get(url) for url in OLD]

        assert [size(answer) for answer in answers] == [(1024, 1024), (1152, 896), (1024, 1024)]
        assert {call.engine for call in rest.ledger.calls()} == {REST_ENGINE}


def test_a_prompt_that_the_filter_refuses_is_asked_once(tmp_path: Path) -> None:
    url = f"/?prompt={quote_plus('a fault:invalid_prompt')}&seed=1"
    with StabilityRest() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        answers = [service.get(url) for _ in range(3)]

        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "filtered")}
        assert len(upstream.forms) == 1
        assert info(service, url)["state"] == "blocked"


def test_the_doctor_looks_at_key_engine_and_balance(tmp_path: Path) -> None:
    with StabilityRest(key="right") as upstream:
        settings = {"STABILITY_HOST": upstream.url, "STABILITY_KEY": "right", "PROMPTCDN_DATA_DIR": tmp_path / "data"}
        found = subprocess.run(
            [PROMPTCDN, "doctor", "--json"], cwd=tmp_path, env=environment(**settings), capture_output=True, text=True
        )

    parts = {check["part"]: (check["good"], check["detail"]) for check in json.loads(found.stdout)}
    assert parts["generator"][0]
    assert parts["balance"] == (True, "1250.5 credits")
    assert parts["engine core"][0]
    assert "right" not in found.stdout + found.stderr


def test_a_picture_of_one_megapixel_is_doubled(tmp_path: Path) -> None:
    """The upstream makes it four times as wide: 16 megapixels, the largest picture that it answers."""
    settings = {"PROMPTCDN_ENGINES": "core, upscale-fast"}
    with StabilityRest() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **settings) as service:
        key = info(service, url := "/?prompt=a&seed=1")["content_key"]
        assert size(service.get(url)) == (1024, 1024)
        large = f"/?prompt=a&seed=1&init={key}&upscale=2"
        refused = service.get(large)
        doubled = service.get(f"{large}&engine=upscale-fast&format=png")

        assert (refused.status_code, refused.json()["allowed"]) == (400, "engine=upscale-fast")
        assert size(doubled) == (2048, 2048)
        assert [call.engine for call in upstream.ledger.calls()] == ["core", "upscale-fast"]
        assert "made again" in str(info(service, f"{large}&engine=upscale-fast")["notes"])
