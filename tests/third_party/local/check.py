"""The generator `local` with the real openvino-genai and diffusers, which `./scripts/generators-test local` installs.

Models of random weights are made on the spot. What is measured is printed: seconds, and memory of the processes.
"""

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from promptcdn.generators import NO_SOURCES, Sources
from promptcdn.generators.local import Local, reading
from promptcdn.generators.local.samplers import SAMPLERS
from promptcdn.problems import UpstreamFailed
from promptcdn.url.request import Resolved
from tests.support.service import Promptcdn
from tests.support.waiting import until

HERE = Path(__file__).parent
KINDS = ("openvino", "sd", "turbo", "lcm", "sd3", "flux")
SECONDS = 300.0
ORDER = Resolved("local", "", "a lighthouse", 7, 256, 256, 4, 7.0)

Drawn = tuple[tuple[int, int], bytes]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of the model of a kind, which is made once."""
    folder = tmp_path_factory.mktemp("models")

    def made(kind: str) -> Path:
        place = folder / f"tiny-{kind}"
        if not place.exists():
            script = "openvino_model.py" if kind == "openvino" else "diffusers_model.py"
            arguments = [place] if kind == "openvino" else [kind, place]
            subprocess.run([sys.executable, HERE / script, *arguments], check=True, timeout=SECONDS)
        return place

    return made


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest, folders: Callable[[str], Path]) -> Path:
    return folders(request.param)


def drawn(folder: Path, *orders: Resolved, sources: Sources = NO_SOURCES) -> list[Drawn]:
    """The size and the pixels of pictures, all drawn by one process."""

    async def made() -> list[bytes]:
        local = Local(reading.found(str(folder)))
        try:
            named = (replace(order, engine=folder.name) for order in orders)
            return [(await local.generate(order, "", SECONDS, sources=sources)).picture for order in named]
        finally:
            await local.close()

    return [pixels(picture) for picture in asyncio.run(made())]


def pixels(picture: bytes) -> Drawn:
    image = Image.open(io.BytesIO(picture))
    return image.size, image.convert("RGB").tobytes()


def file(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def test_a_seed_is_one_picture_twice_and_in_two_processes(folder: Path) -> None:
    seeds = [replace(ORDER, seed=seed) for seed in (0, 7, 8, 4294967295)]
    first = drawn(folder, *seeds, *seeds)

    assert len(set(first)) == 4
    assert first[:4] == first[4:]
    assert drawn(folder, *reversed(seeds)) == first[3::-1]


def test_fewer_threads_change_nothing_that_one_sees(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By openvino-genai nothing at all; torch adds up in another order, which rounds otherwise."""
    ((size, first),) = drawn(folder, ORDER)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    ((_, other),) = drawn(folder, ORDER)

    both = (Image.frombytes("RGB", size, each) for each in (first, other))
    most = max(high for _, high in ImageChops.difference(*both).getextrema())
    print(f"{folder.name}: by one thread a pixel differs by {most} of 255 at most")
    assert most <= (0 if folder.name == "tiny-openvino" else 3)


CHANGES: dict[str, dict[str, Any]] = {
    "steps": {"steps": 3},
    "cfg_scale": {"cfg_scale": 3.0},
    "negative_prompt": {"negative_prompt": "fog"},
    "sampler": {"sampler": "k_euler"},
    "scheduler": {"sampler": "k_euler", "scheduler": "karras"},
}


def test_what_a_model_understands_changes_the_picture(folder: Path) -> None:
    """And what it does not understand leaves it as it was."""
    understood = reading.found(str(folder))[0].model.family.understands
    first, longer, *others = drawn(
        folder, ORDER, replace(ORDER, prompt="a cat", width=320), *(replace(ORDER, **each) for each in CHANGES.values())
    )

    assert (first[0], longer[0]) == ((256, 256), (320, 256))
    changed = {name for name, picture in zip(CHANGES, others, strict=True) if picture != first}
    assert changed - {"scheduler"} == understood & {*CHANGES} - {"scheduler"}


def test_a_picture_starts_from_another_and_changes_where_it_may(folder: Path) -> None:
    understood = reading.found(str(folder))[0].model.family.understands
    start = Image.linear_gradient("L").convert("RGB")
    mask = Image.new("L", (256, 256), 0)
    mask.paste(255, (128, 0, 256, 256))

    def distance(strength: float, mask: bytes | None = None, right: int = 256) -> float:
        order = replace(ORDER, steps=8, init="0" * 64, strength=strength)
        ((size, found),) = drawn(folder, order, sources=Sources(file(start), mask))
        box = (0, 0, right, 256)
        image = Image.frombytes("RGB", size, found).crop(box)
        return sum(ImageStat.Stat(ImageChops.difference(image, start.crop(box))).mean) / 3

    assert "init" in understood
    plain = distance(1.0, right=96)
    assert distance(0.1) != plain
    if "mask" in understood:
        assert distance(1.0, file(mask), right=96) < plain / 2 + 1


@pytest.mark.parametrize("name", ["ddim", "k_euler_ancestral", "k_heun", "k_dpmpp_2m", "k_lms"])
def test_a_sampler_draws_or_is_refused(folders: Callable[[str], Path], name: str) -> None:
    for kind in ("openvino", "sd"):
        orders = [replace(ORDER, sampler=name)] * 2
        if name in SAMPLERS["openvino" if kind == "openvino" else "diffusers"]:
            assert len(set(drawn(folders(kind), *orders))) == 1
            continue
        with pytest.raises(UpstreamFailed, match=f"this model has no sampler {name}; allowed: ddim, "):
            drawn(folders(kind), *orders)


def memory(pid: int) -> float:
    """In MB, what of a process is in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024


@pytest.mark.parametrize("kind", ["openvino", "sd", "turbo"])
def test_a_readme_of_six_pictures_and_a_kill(folders: Callable[[str], Path], tmp_path: Path, kind: str) -> None:
    model = {"PROMPTCDN_LOCAL_MODEL": folders(kind), "PROMPTCDN_WAIT": "120"}
    urls = [f"/i.png?prompt=picture+{number}&seed={number}" for number in range(6)]
    with Promptcdn(tmp_path / "one", **model) as service:
        before, began = memory(service.process.pid), time.monotonic()
        first = service.get(urls[0])
        loaded = time.monotonic()
        answers = [first, *service.get_together(*urls[1:])]
        ended = time.monotonic()
        assert [each.status_code for each in answers] == [200] * 6
        (child,) = map(
            int, Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
        )
        print(
            f"{kind}: first picture with loading {loaded - began:.1f} s, five more {ended - loaded:.1f} s;"
            f" process of the model {memory(child):.0f} MB,"
            f" service before {before:.0f} MB and after {memory(service.process.pid):.0f} MB"
        )
        os.kill(child, signal.SIGKILL)
        killed = time.monotonic()
        assert service.get(urls[0]).content == first.content
        hit = time.monotonic() - killed
        assert service.get("/?prompt=after+the+kill&seed=7").status_code == 200
        print(
            f"{kind}: after kill -9 a hit took {hit * 1000:.0f} ms, the next picture {time.monotonic() - killed:.1f} s"
        )
        key = service.get("/info" + urls[0].removeprefix("/i.png")).json()["content_key"]
        started = service.get(f"/i.png?prompt=in+snow&seed=7&init={key}")
        assert started.status_code == 200
    with Promptcdn(tmp_path / "two", **model) as other:
        assert [other.get(url).content for url in urls] == [each.content for each in answers]


def test_a_service_that_is_killed_in_a_picture_leaves_none(folders: Callable[[str], Path], tmp_path: Path) -> None:
    model = {"PROMPTCDN_LOCAL_MODEL": folders("sd"), "PROMPTCDN_WAIT": "1", "PROMPTCDN_STEPS": "150"}
    with Promptcdn(tmp_path, **model) as service:
        service.get("/?prompt=a&seed=1")
        pid = service.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        until(lambda: bool(children.read_text().split()))
        (child,) = map(int, children.read_text().split())
        service.stop(signal.SIGKILL)
        began = time.monotonic()
        until(lambda: not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text())
        print(f"the process of the model was gone {time.monotonic() - began:.2f} s after its service")
