"""The generator `comfyui` over real HTTP: the queue, the history, the cache, and what every failure means."""

import asyncio
import copy
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from promptcdn import problems
from promptcdn.checks import Check
from promptcdn.generators import Made
from promptcdn.generators.comfyui import ComfyUi
from promptcdn.generators.comfyui.timings import Timings
from promptcdn.generators.comfyui.workflow import Workflow, parse
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.request import Resolved
from tests.support.waiting import eventually
from tests.upstream import comfyui as stand_in
from tests.upstream.comfyui import WORKFLOW, ComfyUpstream

pytestmark = pytest.mark.anyio

ORDER = Resolved("comfyui", "workflow", "a lighthouse", 7, 512, 512, 20, 7.0)
KEY = "c0ffee" + "0" * 58
# Looks follow each other at once, but for those into the queue.
QUICK = Timings(first_look=0.01, longest_look=0.05, queue_looks=60, cancel=20)


def workflow(kind: str = "SaveImage") -> Workflow:
    nodes = copy.deepcopy(dict(WORKFLOW))
    nodes["9"]["class_type"] = kind
    if kind == "PreviewImage":
        del nodes["9"]["inputs"]["filename_prefix"]
    return parse(json.dumps(nodes).encode())


@asynccontextmanager
async def opened(upstream: ComfyUpstream, timings: Timings = QUICK, kind: str = "SaveImage") -> AsyncIterator[ComfyUi]:
    generator = ComfyUi(upstream.url, workflow(kind), timings=timings)
    try:
        yield generator
    finally:
        await generator.close()


@pytest.fixture
def upstream() -> Iterator[ComfyUpstream]:
    with ComfyUpstream() as running:
        yield running


async def made(
    upstream: ComfyUpstream,
    order: Resolved = ORDER,
    seconds: float = 20,
    timings: Timings = QUICK,
    kind: str = "SaveImage",
) -> Made:
    """What the generator gives for one order."""
    async with opened(upstream, timings, kind) as generator:
        return await generator.generate(order, KEY, seconds)


async def failure(
    upstream: ComfyUpstream, order: Resolved = ORDER, seconds: float = 20, timings: Timings = QUICK
) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as caught:
        await made(upstream, order, seconds, timings)
    assert "canary" not in caught.value.detail
    return caught.value


async def test_a_picture_is_drawn_as_it_was_ordered(upstream: ComfyUpstream) -> None:
    answer = await made(upstream, replace(ORDER, width=768, seed=4294967295, negative_prompt="fog", sampler="k_lms"))

    assert answer.picture.startswith(b"\x89PNG")
    assert (answer.seed_sent, answer.seed_echo, answer.filtered) == (4294967295, 0, False)
    (call,) = upstream.ledger.calls()
    assert (call.seeds, call.width, call.height, call.steps) == ((4294967295,), 768, 512, 20)
    assert call.prompts == (("a lighthouse", 1.0), ("fog", -1.0))
    assert (call.cfg_scale, call.sampler) == (7.0, "lms")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", ["SaveImage", "PreviewImage"])
async def test_the_same_order_twice_is_the_same_picture_twice(old: bool, kind: str) -> None:
    """ComfyUI works on nothing twice, and then has no new picture."""
    with ComfyUpstream(old=old) as upstream:
        pictures = [(await made(upstream, kind=kind)).picture for _ in range(3)]

    assert len({*pictures}) == 1


async def test_a_picture_whose_file_was_deleted_is_written_anew(upstream: ComfyUpstream) -> None:
    first = await made(upstream)
    upstream.empty_outputs()

    assert (await made(upstream)).picture == first.picture


async def test_orders_wait_in_the_queue_in_turn(upstream: ComfyUpstream) -> None:
    async with opened(upstream) as generator:
        orders = [replace(ORDER, seed=seed) for seed in (1, 2, 3)]
        answers = await asyncio.gather(*(generator.generate(order, KEY, 20) for order in orders))

    assert [answer.seed_sent for answer in answers] == [1, 2, 3]
    assert len({answer.picture for answer in answers}) == 3


@pytest.mark.parametrize("fault", ["looks_fail=3", "view_fails=3"])
async def test_a_look_that_fails_costs_no_picture(upstream: ComfyUpstream, fault: str) -> None:
    """Nor does a picture that is drawn and cannot be fetched at once."""
    upstream.script(fault)

    assert (await made(upstream)).picture
    assert len(upstream.ledger.calls()) == 1


async def test_a_server_of_old_without_a_status_is_understood(upstream: ComfyUpstream) -> None:
    upstream.script("no_status")

    assert (await made(upstream)).picture


FAULTS: list[tuple[str, ProblemType, bool, int]] = [
    ("no_route", problems.UPSTREAM_REFUSED, False, 0),
    ("unauthenticated", problems.UPSTREAM_UNAUTHORIZED, False, 0),
    ("rate_limited", problems.UPSTREAM_BUSY, False, 0),
    ("missing_node", problems.UPSTREAM_REFUSED, False, 0),
    ("internal", problems.UPSTREAM_GARBLED, True, 0),
    ("no_id", problems.UPSTREAM_GARBLED, True, 0),
    ("redirect", problems.UPSTREAM_REFUSED, False, 1),
    ("html", problems.UPSTREAM_GARBLED, True, 1),
    ("reset", problems.UPSTREAM_UNREACHABLE, True, 1),
    ("huge", problems.UPSTREAM_GARBLED, True, 1),
    ("error", problems.UPSTREAM_GARBLED, True, 1),
    ("interrupted", problems.UPSTREAM_GARBLED, True, 1),
    ("no_picture", problems.UPSTREAM_GARBLED, True, 1),
    ("no_file", problems.UPSTREAM_GARBLED, True, 1),
    ("view_down", problems.UPSTREAM_BUSY, True, 1),
    ("view_huge", problems.UPSTREAM_GARBLED, True, 1),
    ("looks_fail=9", problems.UPSTREAM_UNREACHABLE, True, 1),
    ("view_fails=9", problems.UPSTREAM_UNREACHABLE, True, 1),
]


@pytest.mark.parametrize(("fault", "kind", "charged", "drawn"), FAULTS, ids=[row[0] for row in FAULTS])
async def test_every_fault_has_its_problem(
    upstream: ComfyUpstream, fault: str, kind: ProblemType, charged: bool, drawn: int
) -> None:
    upstream.script(fault)
    failed = await failure(upstream)

    assert (failed.kind, failed.charged) == (kind, charged)
    await eventually(lambda: upstream.queued == 0)
    # What was refused while ComfyUI had it all the same is taken back, mostly before it is drawn.
    assert len(upstream.ledger.calls()) <= drawn


def test_the_table_of_faults_is_whole() -> None:
    assert {*stand_in.REFUSALS, *stand_in.FAILED_IN_COMFYUI} <= {row[0] for row in FAULTS}


async def test_a_refusal_names_the_node_and_its_input(upstream: ComfyUpstream) -> None:
    failed = await failure(upstream, replace(ORDER, scheduler="polyexponential"))

    assert (failed.kind, failed.charged) == (problems.UPSTREAM_REFUSED, False)
    assert failed.detail == "ComfyUI refused the workflow: KSampler: value_not_in_list (scheduler)"


async def test_a_failure_in_comfyui_names_the_node_and_the_error(upstream: ComfyUpstream) -> None:
    upstream.script("error")

    assert (
        await failure(upstream)
    ).detail == "the workflow failed in ComfyUI: torch.OutOfMemoryError in a node KSampler"


async def test_a_workflow_that_comfyui_lost_is_given_up(upstream: ComfyUpstream) -> None:
    """After a restart neither queue nor history knows it."""
    upstream.script("forgotten")
    failed = await failure(upstream, timings=replace(QUICK, queue_looks=0))

    assert (failed.kind, failed.charged) == (problems.UPSTREAM_TIMEOUT, True)
    assert "restarted" in failed.detail


async def test_what_is_drawn_too_long_is_stopped(upstream: ComfyUpstream) -> None:
    upstream.script("stuck")
    failed = await failure(upstream, seconds=0.5)

    assert (failed.kind, failed.charged) == (problems.UPSTREAM_TIMEOUT, True)
    await eventually(lambda: upstream.queued == 0)
    assert "POST /interrupt" in upstream.paths()


@pytest.mark.parametrize("old", [False, True])
async def test_what_waits_too_long_leaves_the_queue_and_others_stay(old: bool) -> None:
    """ComfyUI of old stops whatever it draws: it is not asked to while that is somebody else's."""
    with ComfyUpstream(old=old) as upstream:
        upstream.hold()
        async with opened(upstream) as generator:
            others = asyncio.create_task(generator.generate(ORDER, KEY, 20))
            await eventually(lambda: upstream.queued == 1 and len(upstream.ledger.calls()) == 1)
            failed = await failure(upstream, replace(ORDER, seed=8), seconds=0.5)
            assert failed.kind is problems.UPSTREAM_TIMEOUT
            assert upstream.queued == 1
            upstream.release()
            assert (await others).picture

        assert [call.seeds for call in upstream.ledger.calls()] == [(7,)]
        assert "POST /interrupt" not in upstream.paths()


async def test_a_call_that_is_cancelled_is_taken_back(upstream: ComfyUpstream) -> None:
    upstream.script("stuck")
    async with opened(upstream) as generator:
        drawing = asyncio.create_task(generator.generate(ORDER, KEY, 20))
        await eventually(lambda: len(upstream.ledger.calls()) == 1)
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
        await eventually(lambda: upstream.queued == 0)


async def test_a_picture_whose_order_was_never_answered_is_taken_back(upstream: ComfyUpstream) -> None:
    upstream.hold()
    upstream.script("reset stuck")
    failed = await failure(upstream)

    assert failed.charged
    upstream.release()
    await eventually(lambda: upstream.queued == 0)


async def checks(upstream: ComfyUpstream, timings: Timings = QUICK) -> tuple[Check, ...]:
    async with opened(upstream, timings) as generator:
        return await generator.checks(["workflow"])


async def test_doctor_finds_comfyui_and_all_nodes(upstream: ComfyUpstream) -> None:
    found = await checks(upstream)

    assert [check.good for check in found] == [True, True]
    assert found[0].detail == f"comfyui at {upstream.url}, version 0.3.71"
    assert upstream.ledger.calls() == []


async def test_doctor_names_nodes_that_comfyui_lacks(upstream: ComfyUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "KINDS", ("CLIPTextEncode",))
    (_, nodes) = await checks(upstream)

    assert not nodes.good
    assert "CheckpointLoaderSimple, EmptyLatentImage, KSampler, SaveImage, VAEDecode" in nodes.detail


@pytest.mark.parametrize(("fault", "words"), [("no_route", "no ComfyUI"), ("unauthenticated", "401")])
async def test_doctor_says_what_is_wrong(upstream: ComfyUpstream, fault: str, words: str) -> None:
    upstream.always(fault)
    (check,) = await checks(upstream)

    assert not check.good
    assert words in check.detail
    assert "COMFYUI_URL" in check.advice


async def test_nothing_of_a_prompt_is_said(upstream: ComfyUpstream, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "promptcdn")
    await made(upstream, replace(ORDER, prompt="canary"))

    assert "canary" not in caplog.text


def test_a_user_in_the_address_is_refused_without_quoting_it() -> None:
    with pytest.raises(ValueError, match="COMFYUI_URL: an address has no user") as caught:
        ComfyUi("http://ann:canary@127.0.0.1:8188", workflow())
    assert "canary" not in str(caught.value)
