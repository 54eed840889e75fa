"""The app for Slack, spoken to as Slack speaks: by its library's signatures, and held to its library's models."""

import json
from pathlib import Path

import pytest

from tests.faces.chats.house import house
from tests.support.chats import PUBLIC_URL, click, command, shared, signed_for_slack
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio


async def test_a_command_is_answered_at_once_and_its_picture_follows(tmp_path: Path) -> None:
    """The upstream is held: however long it takes, Slack has its answer before."""
    with Upstream() as upstream:
        async with house(tmp_path, stability_host=upstream.url, engine="any", budget="unlimited") as at:
            upstream.hold()
            answer = await at.slack("command", command("a lighthouse seed=7", at.servers.url))
            assert (answer.status_code, answer.json()["response_type"]) == (200, "ephemeral")
            assert at.servers.posts == []
            upstream.release()
            post = await at.servers.post()

            image = post.message["blocks"][0]
            assert post.path == "/commands/T0CANARY/1/canary"
            assert post.message["response_type"] == "in_channel"
            assert image["alt_text"] == "a lighthouse"
            assert image["title"]["text"] == "a lighthouse (seed 7)"
            assert (await at.get(image["image_url"])).headers["content-type"] == "image/png"
            assert list(post.buttons()) == ["Another", "Variations", "Copy Markdown"]
            assert len(upstream.ledger.calls()) == 1
            by_url = await at.get("/?prompt=a+lighthouse&seed=7")
            assert by_url.headers["link"].partition("/i/")[2][:64] in image["image_url"]
            assert len(upstream.ledger.calls()) == 1


async def test_without_a_seed_one_is_drawn_and_named(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        for number, occasion in enumerate(("1", "2", "1")):
            body = command("a cat", at.servers.url, occasion)
            await at.slack("command", body, **signed_for_slack(body, age=100 * number))
            await at.servers.post(number)
        first, second, again = (post.message["blocks"][0]["title"]["text"] for post in at.servers.posts)

        assert first != second
        assert again == first, "a command that is delivered twice is one order"


@pytest.mark.parametrize("text", ["", "  ", "help"])
async def test_a_command_without_a_prompt_is_told_how_it_is_written(tmp_path: Path, text: str) -> None:
    async with house(tmp_path) as at:
        answer = (await at.slack("command", command(text, at.servers.url))).json()

        assert "/picture a lighthouse seed=7" in answer["text"]
        assert answer["response_type"] == "ephemeral"


async def test_a_mistake_is_told_at_once_to_its_author(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        answer = (await at.slack("command", command("a cat sede=7 <!channel>", at.servers.url))).json()

        assert answer["response_type"] == "ephemeral"
        assert answer["text"].startswith('sede="7": unknown parameter (did you mean seed?)')
        assert "in quotes" in answer["text"]


async def test_nothing_in_a_prompt_calls_anybody(tmp_path: Path) -> None:
    """It is plain text with its letters escaped, in the message and in what is said for notifications."""
    prompt = "<!channel> <@U1> *bold* & <http://evil.example|click> @here"
    async with house(tmp_path) as at:
        answer = await at.slack("command", command(f"{prompt} seed=1", at.servers.url))
        post = await at.servers.post()

        image = post.message["blocks"][0]
        for text in (answer.json()["text"], post.message["text"], image["title"]["text"]):
            assert "&lt;!channel&gt; &lt;@U1&gt; *bold* &amp;" in text
            assert "<" not in text
        assert image["title"]["type"] == "plain_text"
        assert (post.message["mrkdwn"], post.message["link_names"]) == (False, False)
        assert image["alt_text"] == prompt


async def test_another_is_the_same_order_with_another_seed(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.slack("command", command('a cat seed=7 style_preset=line-art negative_prompt="a dog"', at.servers.url))
        key = (await at.servers.post()).buttons()["Another"]
        answer = await at.slack("interactivity", click("another", key, at.servers.url))
        post = await at.servers.post(1)

        assert (answer.status_code, answer.content) == (200, b"")
        assert post.path.startswith("/actions/")
        other = post.buttons()["Another"]
        orders = [(await at.service.renditions.header(each)).resolved for each in (key, other)]  # type: ignore[union-attr]
        assert {name for name in orders[0] if orders[0][name] != orders[1][name]} == {"seed"}
        assert post.message["replace_original"] is False


async def test_variations_start_from_their_picture(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.slack("command", command("a cat seed=7", at.servers.url))
        key = (await at.servers.post()).buttons()["Variations"]
        await at.slack("interactivity", click("variations", key, at.servers.url))
        post = await at.servers.post(1)

        images = [block for block in post.message["blocks"] if block["type"] == "image"]
        keys = [block["elements"][0]["value"] for block in post.message["blocks"] if block["type"] == "actions"]
        orders = [(await at.service.renditions.header(each)).resolved for each in keys]  # type: ignore[union-attr]
        assert len({image["image_url"] for image in images}) == 4
        assert {order["init"] for order in orders} == {key}


async def test_the_markdown_is_the_short_url_of_the_picture(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.slack("command", command("a lighthouse seed=7", at.servers.url))
        key = (await at.servers.post()).buttons()["Copy Markdown"]
        await at.slack("interactivity", click("markdown", key, at.servers.url))
        post = await at.servers.post(1)

        text = post.message["blocks"][0]["elements"][0]["elements"][0]["text"]
        assert text == f"![a lighthouse]({PUBLIC_URL}/?prompt=a+lighthouse&seed=7)"
        assert post.message["response_type"] == "ephemeral"


@pytest.mark.parametrize("action", ["another", "variations", "markdown"])
async def test_a_click_below_a_picture_that_is_gone_is_told_so(tmp_path: Path, action: str) -> None:
    async with house(tmp_path) as at:
        await at.slack("interactivity", click(action, "0" * 64, at.servers.url))

        assert "not stored here any more" in (await at.servers.post()).message["text"]


async def test_a_picture_that_was_taken_down_has_no_variations(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.slack("command", command("a cat seed=7", at.servers.url))
        key = (await at.servers.post()).buttons()["Another"]
        await at.service.removals.take_down(key, "a test")
        await at.slack("interactivity", click("another", key, at.servers.url))

        assert "took this picture down" in (await at.servers.post(1)).message["text"]


async def test_answers_go_to_slacks_host_alone(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        for elsewhere in ("https://evil.example", "http://127.0.0.1:1", f"{at.servers.url}@evil.example"):
            answer = await at.slack("command", command("a cat", elsewhere))
            assert answer.status_code == 400
            assert "response_url" in answer.json()["detail"]
        assert at.servers.requests == []


async def test_the_address_of_events_is_confirmed(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        body = json.dumps({"type": "url_verification", "token": "x", "challenge": "3eZbrw1aBm2rZgRNFdxV"}).encode()

        assert (await at.slack("events", body)).json() == {"challenge": "3eZbrw1aBm2rZgRNFdxV"}


async def test_links_to_this_service_get_their_pictures(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        made = await at.get("/?prompt=a+cat&seed=7")
        permalink = PUBLIC_URL + "/i/" + made.headers["link"].partition("/i/")[2][:64]
        urls = (f"{PUBLIC_URL}/?prompt=a+dog&seed=7", permalink, "https://elsewhere.example/?prompt=a+cow")
        answer = await at.slack("events", shared(*urls, f"{PUBLIC_URL}/info?prompt=a"))
        post = await at.servers.post()

        assert answer.status_code == 200
        assert post.message["unfurls"].keys() == set(urls[:2])
        assert (post.message["unfurl_id"], post.message["source"]) == ("C1.1.5", "conversations_history")
        assert post.message["unfurls"][permalink]["blocks"][0]["alt_text"] == "a cat"


async def test_a_link_in_a_draft_makes_no_picture(tmp_path: Path) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, stability_host=upstream.url, engine="any", budget="unlimited") as at:
            await at.get("/?prompt=a+cat&seed=7")
            urls = (f"{PUBLIC_URL}/?prompt=a+cat&seed=7", f"{PUBLIC_URL}/?prompt=never+made&seed=7")
            await at.slack("events", shared(*urls, source="composer"))

            assert (await at.servers.post()).message["unfurls"].keys() == {urls[0]}
            assert len(upstream.ledger.calls()) == 1


async def test_a_prompt_of_any_length_fits_into_a_message(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.slack("command", command("<&> " * 900 + "seed=7", at.servers.url))
        key = (await at.servers.post()).buttons()["Copy Markdown"]
        await at.slack("interactivity", click("markdown", key, at.servers.url))
        post = await at.servers.post(1)

        text = post.message["blocks"][0]["elements"][0]["elements"][0]["text"]
        assert text.endswith(f"]({PUBLIC_URL}/i/{key})")


async def test_a_click_too_many_is_told_so(tmp_path: Path) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, stability_host=upstream.url, engine="any", budget="unlimited") as at:
            await at.slack("command", command("a cat seed=7", at.servers.url))
            key = (await at.servers.post()).buttons()["Another"]
            upstream.hold()
            for number in range(5):
                await at.slack("interactivity", click("another", key, at.servers.url, str(number)))
            told = await at.servers.post(1)
            upstream.release()

            assert told.message["text"] == "4 of your orders are being made already: wait until one of them is there."
