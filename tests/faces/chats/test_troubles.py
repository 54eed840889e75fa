"""What a chat is told where there is no picture, and what it costs: both chats are told the same."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from promptcdn.faces.chats.background import EACH
from promptcdn.faces.chats.timings import Timings
from promptcdn.faces.chats.web_api import TRIES
from tests.faces.chats.house import House, house
from tests.support.chats import (
    MEMBER,
    TOKEN,
    USER,
    click,
    command,
    imagine,
    press,
    signed_for_discord,
    signed_for_slack,
)
from tests.support.waiting import eventually
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio
Order = Callable[[House, str, int], Awaitable[Any]]
QUICK = Timings(pause=0.0)


async def _slack(at: House, prompt: str, number: int = 1) -> Any:
    return await at.slack("command", command(f"{prompt} seed={number}", at.servers.url, str(number)))


async def _discord(at: House, prompt: str, number: int = 1) -> Any:
    return await at.discord(imagine(str(number), prompt=prompt, seed=str(number)))


BOTH = pytest.mark.parametrize("order", [_slack, _discord], ids=["slack", "discord"])


def of(upstream: Upstream, **settings: Any) -> dict[str, Any]:
    return {"stability_host": upstream.url, "engine": "any", "budget": "unlimited", **settings}


async def told(at: House, order: Order, prompt: str = "a cat", post: int = 0) -> str:
    await order(at, prompt, post + 1)
    message = (await at.servers.post(post)).message
    return str(message.get("text") or message["content"]).replace("\\", "")


@BOTH
async def test_a_denied_prompt_is_told_so_and_costs_nothing(tmp_path: Path, order: Order) -> None:
    (tmp_path / "deny").write_text("violin\n")
    with Upstream() as upstream:
        async with house(tmp_path, **of(upstream, deny=tmp_path / "deny")) as at:
            assert "does not allow this prompt" in await told(at, order, "a violin")
        assert upstream.ledger.calls() == []


@BOTH
async def test_a_filtered_prompt_is_told_so(tmp_path: Path, order: Order) -> None:
    with Upstream() as upstream:
        upstream.always("filter")
        async with house(tmp_path, **of(upstream)) as at:
            assert "content filter" in await told(at, order)


@BOTH
async def test_a_spent_budget_is_told(tmp_path: Path, order: Order) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, **of(upstream, budget="1/day")) as at:
            await at.get("/?prompt=spent&seed=1")
            assert "budget of this service for new pictures is spent" in await told(at, order)
        assert len(upstream.ledger.calls()) == 1


@BOTH
async def test_a_closed_service_is_told(tmp_path: Path, order: Order) -> None:
    async with house(tmp_path, misses="closed") as at:
        assert "makes no new pictures" in await told(at, order)


@BOTH
async def test_the_signature_of_a_chat_is_as_good_as_a_signed_url(tmp_path: Path, order: Order) -> None:
    async with house(tmp_path, misses="signed", signing_keys="k1:0123456789abcdef") as at:
        await order(at, "a cat", 7)

        assert (await at.servers.post()).buttons()
        assert (await at.get("/?prompt=a+dog&seed=7")).status_code == 403


async def test_each_person_has_a_rate_of_their_own(tmp_path: Path) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, **of(upstream, client_rate="1/hour")) as at:
            for number, user in enumerate(("U1", "U1", "U2")):
                await at.slack("command", command(f"a cat seed={number}", at.servers.url, str(number), user))
                await at.servers.post(number)

            shown = ["blocks" in post.message for post in at.servers.posts]
            assert shown == [True, False, True]
            assert "You have started as many new pictures as allowed" in at.servers.posts[1].message["text"]
            assert len(upstream.ledger.calls()) == 2


async def test_a_grid_beyond_the_rate_shows_what_was_made(tmp_path: Path) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, **of(upstream, client_rate="3/hour")) as at:
            await _discord(at, "a cat")
            post = await at.servers.post()

            assert len([label for label in post.buttons() if label.startswith("U")]) == 3
            assert "1 of 4 pictures could not be made. You have started" in post.message["content"]


@BOTH
async def test_what_takes_too_long_is_told_and_stays(tmp_path: Path, order: Order) -> None:
    """The chat takes no answer any more. The picture is finished, and costs nothing when it is asked for again."""
    with Upstream() as upstream:
        async with house(tmp_path, Timings(slack=0.05, discord=0.05), **of(upstream)) as at:
            upstream.hold()
            late = await told(at, order)
            upstream.release()
            await eventually(lambda: at.service.flights.count == 0)
            calls = len(upstream.ledger.calls())

            assert "was not ready after" in late
            assert "with seed=1 again later" in late
            assert (await at.get("/?prompt=a+cat&seed=1")).status_code == 200
            assert len(upstream.ledger.calls()) == calls


@BOTH
async def test_one_person_has_a_few_orders_at_once(tmp_path: Path, order: Order) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, **of(upstream)) as at:
            upstream.hold()
            answers = [await order(at, "a cat", 10 * number) for number in range(EACH + 1)]
            upstream.release()
            await at.servers.post(EACH - 1)

        assert "of your orders are being made already" in answers[-1].text
        assert all("of your orders" not in answer.text for answer in answers[:-1])


async def test_a_slow_click_in_slack_is_told_that_it_is_under_way(tmp_path: Path) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, Timings(notice=0.05), **of(upstream)) as at:
            await _slack(at, "a cat")
            key = (await at.servers.post()).buttons()["Another"]
            upstream.hold()
            await at.slack("interactivity", click("another", key, at.servers.url))
            notice = await at.servers.post(1)
            upstream.release()

            assert notice.message["text"] == "The picture is being made."
            assert (await at.servers.post(2)).buttons()


@BOTH
@pytest.mark.parametrize(
    ("statuses", "requests"), [([429], 2), ([503, 503], 3), ([500], 1), ([302], 1), ([404], 2), ([401], 1)]
)
async def test_a_message_is_sent_again_only_where_it_was_not_taken(
    tmp_path: Path, order: Order, statuses: list[int], requests: int
) -> None:
    """A redirect is not followed, and nothing is sent twice that may have been shown."""
    async with house(tmp_path, QUICK) as at:
        at.servers.statuses += statuses
        await order(at, "a cat", 1)
        await eventually(lambda: len(at.servers.requests) == requests)

    assert len(at.servers.requests) == requests
    assert len(at.servers.posts) == requests - len(statuses)


async def test_a_chat_that_refuses_is_left_alone_soon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Slack takes five answers to one command."""
    async with house(tmp_path, QUICK) as at:
        at.servers.statuses += [429] * 10
        await _slack(at, "a cat")
        await eventually(lambda: "did not take a message" in caplog.text)

    assert len(at.servers.requests) == TRIES < 5


async def test_a_chat_that_asks_for_a_long_pause_is_not_waited_for(tmp_path: Path) -> None:
    async with house(tmp_path, Timings(pause=0.0)) as at:
        at.servers.statuses, at.servers.retry_after = [429], "60"
        await _slack(at, "a cat")
        await eventually(lambda: len(at.servers.requests) == 1)

    assert len(at.servers.requests) == 1


@BOTH
async def test_the_end_of_the_service_waits_for_pictures_under_way(tmp_path: Path, order: Order) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, **of(upstream)) as at:
            upstream.hold()
            await order(at, "a cat", 7)
            await eventually(lambda: upstream.ledger.calls() != [])
            at.service.stop()
            closing = asyncio.create_task(at.chats.close())
            await asyncio.wait({closing}, timeout=0.3)
            assert at.servers.posts == []
            upstream.release()
            await closing

            assert at.servers.wrong == []
            assert "Another" in at.servers.posts[0].buttons() or "Reroll" in at.servers.posts[0].buttons()


async def test_nobody_is_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither people nor prompts, tokens or addresses that answers go to."""
    caplog.set_level(logging.INFO)
    async with house(tmp_path, QUICK) as at:
        await _slack(at, "a violin")
        await _discord(at, "a violin")
        await at.servers.post(1)
        at.servers.statuses += [500] * 2
        body = press("u1:" + "0" * 64, "77")
        await at.discord(body, **signed_for_discord(body))
        other = command("a violin seed=9", at.servers.url, "78")
        await at.slack("command", other, **signed_for_slack(other))
        await eventually(lambda: caplog.text.count("did not take a message") == 2)

    said = [*(record.getMessage() for record in caplog.records), *map(str, (vars(each) for each in caplog.records))]
    hidden = ("violin", MEMBER, USER, TOKEN, "canary")
    assert [text for text in said for word in hidden if word in text and "promptcdn" in text] == []


async def test_the_counters_know_nobody_by_name(tmp_path: Path) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, **of(upstream, client_rate="60/minute")) as at:
            await _slack(at, "a cat")
            await _discord(at, "a dog")
            await at.servers.post(1)

    counted = b"".join(map(Path.read_bytes, files_in(tmp_path)))
    assert b"client slack " in counted
    assert b"client discord " in counted
    assert [word for word in (MEMBER, USER) if word.encode() in counted] == []


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("rates.sqlite3*"))
