"""Pictures from stored pictures on a real service: made, shown, explained, signed, taken down, never paid in vain."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptcdn.pictures import decoded
from promptcdn.url.signing import SigningKeys
from promptcdn.url.signing.spelled import signed_url
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream
from tests.upstream.a1111 import A1111Upstream

TOKEN = "canary-of-the-operator"  # noqa: S105
OPERATOR = {"authorization": f"Bearer {TOKEN}"}
KEYS = "k1:canary-0123456789"
SMALL = "&width=256&height=256"
ABSENT = "0" * 64


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    """A service of sketches."""
    with Promptcdn(tmp_path_factory.mktemp("sources"), PROMPTCDN_ADMIN_TOKEN=TOKEN) as running:
        yield running


def key_of(service: Promptcdn, url: str) -> str:
    """The content key of the picture that a URL shows, once it is made."""
    answer = service.get(url)
    assert answer.status_code == 200, answer.text
    return str(answer.headers["link"].partition("/i/")[2][:64])


def command(service: Promptcdn, *arguments: str) -> str:
    """What a command prints in the service's folder."""
    done = subprocess.run(
        [PROMPTCDN, *arguments],
        cwd=service.folder,
        env=environment(PROMPTCDN_DATA_DIR=service.folder / "data"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_a_sketch_is_made_from_a_sketch_and_from_that_another(service: Promptcdn) -> None:
    first = key_of(service, f"/?prompt=a+lighthouse&seed=7{SMALL}")
    second = key_of(service, f"/?prompt=a+lighthouse+at+night&seed=7&init={first}&strength=0.4")
    third = key_of(service, f"/i.png?prompt=large&seed=7&init={second}&upscale=2")
    again = service.get(f"/?prompt=large&seed=7&init={second}&upscale=2")

    assert len({first, second, third}) == 3
    assert again.headers["cache-status"].startswith("promptcdn; hit")
    assert service.get(f"/info?prompt=large&seed=7&init={second}&upscale=2").json()["resolved"]["width"] == 512


def test_info_says_where_a_picture_comes_from(service: Promptcdn) -> None:
    init, mask = (key_of(service, f"/?prompt=origin&seed={seed}{SMALL}") for seed in (1, 2))
    query = f"prompt=derived&seed=1&init={init}&mask={mask}"

    known = service.get(f"/info?{query}").json()

    assert known["state"] == "absent"
    assert (known["resolved"]["init"], known["resolved"]["strength"]) == (init, 0.75)
    assert known["sources"] == {
        "init": {"content_key": init, "state": "stored", "permalink": f"/i/{init}"},
        "mask": {"content_key": mask, "state": "stored", "permalink": f"/i/{mask}"},
    }
    assert f"init={init}" in known["snippets"]["markdown"]
    assert service.get(f"/info?prompt=origin&seed=1{SMALL}").json()["sources"] == {}


def test_the_commands_know_them_too(service: Promptcdn) -> None:
    init = key_of(service, f"/?prompt=origin&seed=1{SMALL}")
    options = ("--seed", "1", "--init", init, "--strength", "0.5", "--mask", init)
    url = command(service, "url", "derived", *options, "--base", "https://host").strip()
    derived = key_of(service, url.removeprefix("https://host"))

    assert url == f"https://host/?prompt=derived&seed=1&init={init}&strength=0.5&mask={init}"
    assert f"init         stored     /i/{init}" in command(service, "info", url)
    assert f"mask         stored     /i/{init}" in command(service, "info", f"/i/{derived}")
    assert "upscale=2" in command(service, "url", "large", "--init", init, "--upscale", "2")
    by_permalink = command(service, "url", "large", "--init", f"https://h.example/i/{init}.webp?w=64", "--upscale", "2")
    assert f"init={init}&" in by_permalink


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--init", "https://h.example/cat.png", "this service fetches no URL"),
        ("--init", f"https://h.example/?prompt=a&v=/i/{ABSENT}", "this service fetches no URL"),
        ("--mask", "/?prompt=a&seed=1", "this service fetches no URL"),
    ],
)
def test_no_other_url_names_a_stored_picture(service: Promptcdn, option: str, value: str, said: str) -> None:
    words = ["url", "b", option, value, *(() if option == "--init" else ("--init", ABSENT))]
    ended = subprocess.run([PROMPTCDN, *words], cwd=service.folder, env=environment(), capture_output=True, text=True)

    assert ended.returncode == 2
    assert f'{option[2:]}="{value[:20]}' in ended.stderr
    assert said in ended.stderr


def test_a_chain_that_begins_with_a_sketch_says_so(service: Promptcdn) -> None:
    first = key_of(service, f"/?prompt=begin&seed=1{SMALL}")
    url = f"/?prompt=go+on&seed=1&init={first}"
    second = key_of(service, url)

    told = service.get(f"/info{url[1:]}").json()["notes"]
    assert [note for note in told if note.startswith("it starts from a picture of the generator sketch, also when")]
    assert told[-1] in command(service, "info", f"/i/{second}")


def test_a_source_that_was_taken_down_makes_no_new_pictures(service: Promptcdn) -> None:
    init = key_of(service, f"/?prompt=gone&seed=1{SMALL}")
    made, new = f"/?prompt=of+it&seed=1&init={init}", f"/?prompt=of+it&seed=2&init={init}"
    before = service.get(made)
    service.client.delete(f"/i/{init}", headers=OPERATOR)

    refused = service.get(new)

    assert (refused.status_code, refused.headers["cache-control"]) == (410, "public, max-age=300")
    assert (refused.json()["code"], refused.json()["parameter"]) == ("removed", "init")
    assert service.get(made).content == before.content
    assert service.get(f"/info{made[1:]}").json()["sources"]["init"]["state"] == "removed"


def test_a_reader_without_json_is_shown_the_refusal(service: Promptcdn) -> None:
    refused = service.get(f"/?prompt=a&seed=1&init={ABSENT}", accept="image/*")

    assert (refused.status_code, refused.headers["cache-control"]) == (404, "no-store")
    assert refused.headers["content-type"].startswith("image/")


def test_a_signature_is_for_the_sources_too(tmp_path: Path) -> None:
    keys = SigningKeys.parse(KEYS)
    with Promptcdn(tmp_path, PROMPTCDN_MISSES="signed", PROMPTCDN_SIGNING_KEYS=KEYS) as service:
        one, other = (key_of(service, signed_url(f"/?prompt=a&seed={seed}{SMALL}", keys)) for seed in (1, 2))
        url = signed_url(f"/?prompt=b&seed=1&init={one}&strength=0.5", keys)

        assert service.get(url.replace(one, other)).json()["code"] == "bad_signature"
        assert service.get(url.replace("strength=0.5", "strength=0.6")).json()["code"] == "bad_signature"
        assert service.get(url.replace(f"&init={one}&strength=0.5", "")).json()["code"] == "bad_signature"
        assert service.get(url).status_code == 200
        assert service.get(f"/?prompt=b&seed=1&init={one}&strength=0.5").status_code == 200


def test_the_upstream_gets_the_stored_picture(tmp_path: Path) -> None:
    """The upstream gets the picture that is stored, and what is refused takes nothing from the budget."""
    settings = {"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "stable-diffusion-v1-6", "PROMPTCDN_BUDGET": "2/day"}
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **settings) as service:
        init = key_of(service, "/?prompt=a&seed=1")
        master = service.get(f"/i/{init}.png").content
        for seed in range(5):
            assert service.get(f"/?prompt=b&seed={seed}&init={ABSENT}").status_code == 404
            assert service.get(f"/?prompt=b&seed={seed}&init={init}&upscale=2").json()["parameter"] == "upscale"

        assert service.get(f"/?prompt=b&seed=1&init={init}&strength=0.3").status_code == 200
        assert service.get(f"/?prompt=b&seed=2&init={init}").json()["code"] == "budget_spent"
        first, second = upstream.ledger.calls()
        assert (first.init, second.init, second.start) == (None, hashlib.sha256(master).hexdigest(), 0.3)


def test_a_list_may_have_pictures_before_their_sources(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        init = service.get(f"/info?prompt=a&seed=1{SMALL}").json()["content_key"]
        (tmp_path / "list.txt").write_text(f"/?prompt=b&seed=1&init={init}\n/?prompt=a&seed=1{SMALL}\n")

    assert json.loads(command(service, "warm", "list.txt", "--json")) == {"pictures": 2, "made": 2}


def test_a_server_of_ones_own_enlarges_what_it_drew(tmp_path: Path) -> None:
    """Where an upscaler is named; else the refusal says that no engine can."""
    with A1111Upstream() as upstream:
        called = {"A1111_URL": upstream.url, "PROMPTCDN_SIZE": "256x256"}
        with Promptcdn(tmp_path, **called) as service:
            key = key_of(service, "/?prompt=a&seed=1")
            large = f"/i.png?prompt=a&seed=1&init={key}&upscale=2"
            refused = service.get(large)
        with Promptcdn(tmp_path, **called, A1111_UPSCALER="Lanczos") as service:
            doubled = service.get(large)

        assert (refused.status_code, refused.json()["parameter"]) == (400, "upscale")
        found = decoded(doubled.content)
        assert found is not None
        assert found.size == (512, 512)
        assert len(upstream.ledger.calls()) == 2
