"""A model's process that crashes, hangs, is killed or babbles: what becomes of the picture, and of the next one.

The process is the real one; openvino-genai in it is a stand-in, whose faults are words of the prompt.
"""

import asyncio
import io
import logging
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from promptcdn import problems
from promptcdn.generators import Made
from promptcdn.generators.local import Local, reading
from promptcdn.generators.local.timings import Timings
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.request import Resolved
from tests.support.models import STAND_IN, write_folder
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

ORDER = Resolved("local", "tiny", "a lighthouse", 7, 256, 256, 4, 7.0)
# So that a start again waits for nothing that a test would have to wait for.
QUICK = Timings(first_pause=0.0, end=20.0)
LONG = 60.0


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in STAND_IN.items():
        monkeypatch.setenv(name, value)


@asynccontextmanager
async def opened(folder: Path, *names: str, timings: Timings = QUICK) -> AsyncIterator[Local]:
    folders = [str(write_folder(folder / name)) for name in names or ("tiny",)]
    local = Local(reading.found(",".join(folders)), timings=timings)
    try:
        yield local
    finally:
        await local.close()


async def failure(local: Local, order: Resolved, seconds: float = LONG) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as caught:
        await local.generate(order, "", seconds)
    assert "canary" not in caught.value.detail
    return caught.value


def pixels(made: Made) -> bytes:
    image = Image.open(io.BytesIO(made.picture))
    assert image.size == (256, 256)
    return image.tobytes()


def _file(pid: int | None, name: str) -> bytes:
    """What the system says of a process."""
    return Path(f"/proc/{pid}/{name}").read_bytes()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_nothing_is_started_before_a_picture_is_ordered(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        assert local.process.pid is None


async def test_a_seed_is_one_picture_in_one_process_and_in_two(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        first = [pixels(await local.generate(replace(ORDER, seed=seed), "")) for seed in (7, 0, 7)]
        pid = local.process.pid
        await local.generate(ORDER, "")
        assert local.process.pid == pid
    async with opened(tmp_path) as other:
        again = pixels(await other.generate(ORDER, ""))

    assert first[0] == first[2] == again
    assert first[1] != first[0]


async def test_pictures_are_drawn_in_turn(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        made = await asyncio.gather(*(local.generate(replace(ORDER, seed=seed), "") for seed in range(5)))

    assert [each.seed_sent for each in made] == list(range(5))
    assert len({each.picture for each in made}) == 5


async def test_a_sampler_is_one_pictures_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        own = pixels(await local.generate(ORDER, ""))
        other = pixels(await local.generate(replace(ORDER, sampler="k_euler"), ""))

        assert other != own
        assert pixels(await local.generate(ORDER, "")) == own


async def test_what_the_model_lacks_is_refused_and_names_what_it_has(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        refused = await failure(local, replace(ORDER, sampler="k_heun"))

    assert (refused.kind, refused.charged) == (problems.UPSTREAM_REFUSED, False)
    assert refused.detail == "this model has no sampler k_heun; allowed: ddim, k_euler, k_euler_ancestral"


FAULTS = [
    ("crash", problems.UPSTREAM_UNREACHABLE, "ended by signal 6"),
    ("leave", problems.UPSTREAM_UNREACHABLE, "ended with exit code 3"),
    ("garbage", problems.UPSTREAM_GARBLED, "answered what is no picture"),
    ("memory", problems.UPSTREAM_GARBLED, "too little memory for this picture"),
    ("broken", problems.UPSTREAM_GARBLED, r"drew no picture \(ValueError\)"),
]


@pytest.mark.parametrize(("word", "kind", "says"), FAULTS)
async def test_a_fault_costs_one_picture(tmp_path: Path, word: str, kind: ProblemType, says: str) -> None:
    async with opened(tmp_path) as local:
        first = pixels(await local.generate(ORDER, ""))
        failed = await failure(local, replace(ORDER, prompt=f"canary {word}"))

        assert (failed.kind, failed.charged) == (kind, True)
        assert re.search(says, failed.detail)
        assert pixels(await local.generate(ORDER, "")) == first


async def test_what_a_process_leaves_behind_holds_nobody_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A program that a library started holds the pipe of the messages, and outlives the process."""
    async with opened(tmp_path) as local:
        async with asyncio.timeout(30):
            failed = await failure(local, replace(ORDER, prompt="daemon crash"))
            assert failed.kind is problems.UPSTREAM_UNREACHABLE
            assert await local.generate(ORDER, "")
    left = re.search("left behind: ([0-9]+)", caplog.text)
    assert left is not None
    os.kill(int(left[1]), signal.SIGKILL)


async def test_a_picture_that_takes_too_long_ends_the_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        await local.generate(ORDER, "")
        pid = local.process.pid
        assert pid is not None
        failed = await failure(local, replace(ORDER, prompt="hang"), 1.0)

        assert (failed.kind, failed.charged) == (problems.UPSTREAM_TIMEOUT, True)
        assert not is_there(pid)
        assert await local.generate(ORDER, "")


async def test_a_picture_that_is_given_up_ends_the_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        await local.generate(ORDER, "")
        pid = local.process.pid
        assert pid is not None
        drawing = asyncio.create_task(local.generate(replace(ORDER, prompt="hang"), ""))
        await eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "hangs\n")
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)

        assert not is_there(pid)


async def test_a_process_that_is_killed_is_said_to_have_had_no_memory(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        await local.generate(ORDER, "")
        pid = local.process.pid
        assert pid is not None
        drawing = asyncio.create_task(failure(local, replace(ORDER, prompt="hang")))
        await eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "hangs\n")
        os.kill(pid, signal.SIGKILL)
        failed = await drawing

        assert (failed.kind, failed.charged) == (problems.UPSTREAM_UNREACHABLE, True)
        assert "was killed, as the system does when memory runs out" in failed.detail


async def test_a_process_that_is_killed_between_pictures_costs_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        first = pixels(await local.generate(ORDER, ""))
        pid = local.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: not is_there(pid))

        assert pixels(await local.generate(ORDER, "")) == first


async def test_an_order_that_was_not_begun_is_begun_by_another_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        first = pixels(await local.generate(ORDER, ""))
        pid = local.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        drawing = asyncio.create_task(local.generate(ORDER, ""))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)

        assert pixels(await drawing) == first
        assert local.process.pid != pid


async def test_a_process_that_keeps_failing_is_started_less_often(tmp_path: Path) -> None:
    async with opened(tmp_path, timings=Timings(first_pause=1000.0, longest_pause=1500.0)) as local:
        crashed = await failure(local, replace(ORDER, prompt="crash"))
        resting = await failure(local, ORDER)

        assert crashed.kind is problems.UPSTREAM_UNREACHABLE
        assert (resting.kind, resting.charged) == (problems.UPSTREAM_BUSY, False)
        assert 900 < (resting.pause or 0) <= 1000


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("crash", "ended by signal 6 while the model was loaded"),
        ("missing", r"the model cannot be loaded \(RuntimeError\): the log says why"),
        ("memory", "its device has too little memory"),
        ("garbage", "answered what is no picture"),
    ],
)
async def test_a_model_that_cannot_be_loaded_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, says: str
) -> None:
    async with opened(tmp_path, name, timings=Timings(first_pause=1000.0, longest_pause=1500.0)) as local:
        failed = await failure(local, replace(ORDER, engine=name))

    assert failed.kind in (problems.UPSTREAM_UNREACHABLE, problems.UPSTREAM_GARBLED)
    assert (failed.charged, failed.pause) == (False, 1000.0)
    assert re.search(says, failed.detail)
    if name == "missing":
        assert "RuntimeError: a file of the model is missing" in caplog.text


async def test_loading_goes_on_when_nobody_waits_any_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        early = await failure(local, ORDER, 0.01)
        assert (early.kind, early.charged) == (problems.UPSTREAM_BUSY, False)
        assert "is still being loaded" in early.detail

        assert await local.generate(ORDER, "", LONG)


async def test_a_model_that_never_loads_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path, "hang", timings=replace(QUICK, load=1.0)) as local:
        failed = await failure(local, replace(ORDER, engine="hang"))

    assert (failed.kind, failed.charged) == (problems.UPSTREAM_UNREACHABLE, False)
    assert failed.detail == "the model was not loaded within 1 s"


async def test_who_waited_too_long_for_others_is_not_begun(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        await local.generate(ORDER, "")
        first = asyncio.create_task(failure(local, replace(ORDER, prompt="hang"), 2.0))
        await asyncio.sleep(0)
        second = await failure(local, ORDER, 0.1)

        assert (second.kind, second.charged) == (problems.UPSTREAM_BUSY, False)
        assert "was not begun" in second.detail
        assert (await first).kind is problems.UPSTREAM_TIMEOUT


async def test_another_model_takes_the_place_of_the_first(tmp_path: Path) -> None:
    async with opened(tmp_path, "one", "two") as local:
        first = pixels(await local.generate(replace(ORDER, engine="one"), ""))
        pid = local.process.pid
        assert pid is not None
        await local.generate(replace(ORDER, engine="two"), "")

        assert not is_there(pid)
        assert pixels(await local.generate(replace(ORDER, engine="one"), "")) == first


async def test_a_model_that_is_not_set_up_is_missing(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        failed = await failure(local, replace(ORDER, engine="other"))

    assert (failed.kind, failed.charged) == (problems.GENERATOR_MISSING, False)


async def test_a_flood_of_messages_is_bounded_and_shows_no_prompt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with opened(tmp_path) as local:
            await local.generate(replace(ORDER, prompt="canary flood of lighthouses"), "")

    assert "is what a library quotes" in caplog.text
    assert len(caplog.records) < 40
    assert not any(word in caplog.text for word in ("canary", "lighthouses"))


async def test_a_process_ends_with_the_generator(tmp_path: Path) -> None:
    async with opened(tmp_path) as local:
        await local.generate(ORDER, "")
        pid = local.process.pid
        assert pid is not None
    assert not is_there(pid)


async def test_a_process_that_hears_nothing_is_killed_at_the_end(tmp_path: Path) -> None:
    async with opened(tmp_path, timings=replace(QUICK, end=0.1)) as local:
        await local.generate(ORDER, "")
        pid = local.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert not is_there(pid)


async def test_a_process_has_no_keys_and_is_the_first_to_be_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ("STABILITY_KEY", "HF_TOKEN", "PROMPTCDN_ADMIN_TOKEN", "GH_TOKEN", "OTEL_EXPORTER_OTLP_HEADERS")
    for name in keys:
        monkeypatch.setenv(name, "canary")
    async with opened(tmp_path) as local:
        await local.generate(ORDER, "")
        environment, score = _file(local.process.pid, "environ"), _file(local.process.pid, "oom_score_adj")

    assert b"canary" not in environment
    assert b"HF_HUB_OFFLINE=1" in environment
    assert score == b"900\n"


async def test_doctor_says_what_a_model_needs_without_loading_it(tmp_path: Path) -> None:
    async with opened(tmp_path, "hang") as local:
        library, model = await local.checks(["hang"])

    assert (library.good, library.detail) == (True, "local: openvino-genai stand-in on CPU")
    assert model.good
    assert model.detail.startswith(f"Stable Diffusion, 256x256, in {tmp_path / 'hang'}; needs about 1.3 GB of memory")


async def test_doctor_says_when_memory_is_too_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptcdn.generators.local.memory.total", lambda: 1_000_000_000)
    async with opened(tmp_path) as local:
        (_, model) = await local.checks(["tiny"])

    assert (model.good, model.part) == (False, "engine tiny")
    assert "needs about 1.3 GB of memory, this machine has 1.0 GB" in model.detail
    assert "take a smaller model" in model.advice
