"""The app for Discord, spoken to as Discord speaks, and held to Discord's own description of its API."""

from pathlib import Path
from typing import Any

import pytest

from promptcdn.faces.chats.discord import messages
from promptcdn.faces.chats.discord.commands import imagine as declared
from promptcdn.faces.chats.discord.interactions import VERBS, custom_id, parsed_id
from promptcdn.settings import Settings
from promptcdn.url.engines import Family
from tests.faces.chats.house import House, house
from tests.support.chats import PING, PUBLIC_URL, Post, imagine, press, require_of_discord
from tests.support.offers import offers
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio
KEY = "0123456789abcdef" * 4
NO_SETTINGS: dict[str, Any] = {}


async def pressed(at: House, custom_id: str, number: int, **more: object) -> Post:
    answer = await at.discord(press(custom_id, **more))  # type: ignore[arg-type]
    assert answer.json() == {"type": 5}
    return await at.servers.post(number)


async def orders(at: House, *keys: str) -> list[dict[str, object]]:
    headers = [await at.service.renditions.header(key.partition(":")[2]) for key in keys]
    return [dict(header.resolved) for header in headers if header is not None]


async def test_a_ping_is_answered(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        answer = await at.discord(PING)

        assert (answer.status_code, answer.json()) == (200, {"type": 1})
        require_of_discord("PongInteractionCallbackRequest", answer.json())


async def test_a_command_is_answered_at_once_and_four_pictures_follow(tmp_path: Path) -> None:
    """The upstream is held: however long it takes, Discord has its answer before."""
    with Upstream() as upstream:
        async with house(tmp_path, stability_host=upstream.url, engine="any", budget="unlimited") as at:
            upstream.hold()
            answer = await at.discord(imagine(prompt="a lighthouse", seed="7"))
            assert answer.json() == {"type": 5}
            require_of_discord("CreateMessageInteractionCallbackRequest", answer.json())
            assert at.servers.posts == []
            upstream.release()
            post = await at.servers.post()

            assert post.picture.format == "WEBP"
            assert post.picture.size == (256, 256)
            assert post.message["attachments"][0]["description"] == "a lighthouse"
            assert post.message["content"] == "“a lighthouse” · seeds 7, 8, 9, 10"
            labels = ["U1", "U2", "U3", "U4", "Reroll", "V1", "V2", "V3", "V4"]
            assert list(post.buttons()) == labels
            assert len(upstream.ledger.calls()) == 4
            assert (await at.get("/?prompt=a+lighthouse&seed=7")).headers["link"].partition("/i/")[2][:64] in str(
                post.buttons()["U1"]
            )


async def test_a_grid_has_the_mark_of_its_pictures(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.discord(imagine(prompt="a cat", seed="7", aspect_ratio="16:9"))
        post = await at.servers.post()

        assert b"digitalsourcetype/algorithmicMedia" in post.files["pictures.webp"]
        assert post.picture.width > post.picture.height


async def test_u_shows_one_picture_in_full_size_and_costs_nothing(tmp_path: Path) -> None:
    with Upstream() as upstream:
        async with house(tmp_path, stability_host=upstream.url, engine="any", budget="unlimited") as at:
            await at.discord(imagine(prompt="a cat", seed="7"))
            grid = await at.servers.post()
            post = await pressed(at, grid.buttons()["U2"], 1)

            key = grid.buttons()["U2"].partition(":")[2]
            assert post.picture.size == (256, 256)
            assert post.files["picture-8.png"] == (await at.get(f"/i/{key}.png")).content
            assert list(post.buttons()) == ["Variations", "Others", "Markdown", "Open"]
            assert post.buttons()["Open"] == f"{PUBLIC_URL}/i/{key}.png"
            assert len(upstream.ledger.calls()) == 4


async def test_a_file_that_the_chat_does_not_take_is_a_smaller_one(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.discord(imagine(prompt="a cat", seed="7"))
        u1 = (await at.servers.post()).buttons()["U1"]
        whole = len((await pressed(at, u1, 1)).files["picture-7.png"])
        smaller = await pressed(at, u1, 2, occasion="902", attachment_size_limit=20_000 + whole - 1)
        none = await pressed(at, u1, 3, occasion="903", attachment_size_limit=20_001)

        assert list(smaller.files) == ["picture-7.webp"]
        assert none.files == {}
        assert "too large" in none.message["content"]
        assert "Open" in none.buttons()


async def test_v_makes_four_variations_of_its_picture(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.discord(imagine(prompt="a cat", seed="7"))
        v3 = (await at.servers.post()).buttons()["V3"]
        post = await pressed(at, v3, 1)

        made = await orders(at, *(post.buttons()[f"U{number}"] for number in range(1, 5)))
        assert {order["init"] for order in made} == {v3.partition(":")[2]}
        assert len({order["seed"] for order in made}) == 4


async def test_a_reroll_is_the_same_order_with_other_seeds(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.discord(imagine(prompt="a cat", seed="7", aspect_ratio="16:9"))
        grid = await at.servers.post()
        post = await pressed(at, grid.buttons()["Reroll"], 1)
        again = await pressed(at, grid.buttons()["Reroll"], 2, occasion="902")

        (first,) = await orders(at, grid.buttons()["U1"])
        for other in await orders(at, post.buttons()["U1"], again.buttons()["U1"]):
            assert {name for name in first if first[name] != other[name]} == {"seed"}
        assert post.buttons()["U1"] != again.buttons()["U1"]


async def test_the_markdown_is_for_the_eyes_of_who_asked(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.discord(imagine(prompt="a `cat`", seed="7"))
        u1 = (await at.servers.post()).buttons()["U1"]
        markdown = (await pressed(at, u1, 1)).buttons()["Markdown"]
        answer = await at.discord(press(markdown, occasion="902"))
        post = await at.servers.post(2)

        assert answer.json() == {"type": 5, "data": {"flags": 64}}
        require_of_discord("CreateMessageInteractionCallbackRequest", answer.json())
        url = f"{PUBLIC_URL}/?prompt=a+%60cat%60&seed=7"
        assert post.message["content"] == f"```\n![a &#96;cat&#96;]({url})\n```"


async def test_nothing_in_a_prompt_mentions_or_formats_anything(tmp_path: Path) -> None:
    prompt = "@everyone <@1> **bold** [click](https://evil.example) `code`"
    async with house(tmp_path) as at:
        await at.discord(imagine(prompt=prompt, seed="1"))
        post = await at.servers.post()

        assert post.message["allowed_mentions"] == {"parse": []}
        assert post.message["flags"] == 4
        quoted = post.message["content"].partition("“")[2].partition("”")[0]
        assert quoted.startswith(r"\@everyone \<\@1\> \*\*bold\*\* \[click\]\(https\://evil.example\)")


async def test_a_mistake_is_told_to_its_author_alone(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        answer = (await at.discord(imagine(prompt="a cat", aspect_ratio="@everyone"))).json()

        assert (answer["type"], answer["data"]["flags"] & 64) == (4, 64)
        assert answer["data"]["content"].startswith(r"aspect\_ratio=")
        assert answer["data"]["allowed_mentions"] == {"parse": []}
        require_of_discord("CreateMessageInteractionCallbackRequest", answer)


@pytest.mark.parametrize("name", ["x", "u1:short", f"z1:{KEY}", f"u1:{KEY}x", "", f"u0:{KEY}"])
async def test_a_button_that_is_not_ours_is_told_so(tmp_path: Path, name: str) -> None:
    async with house(tmp_path) as at:
        answer = (await at.discord(press(name))).json()

        assert "does not know that command or button" in answer["data"]["content"]


async def test_an_order_for_another_application_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        answer = await at.discord(imagine(application="42", prompt="a cat"))

        assert answer.status_code == 400


async def test_a_press_below_a_picture_that_is_gone_is_told_so(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        for number, verb in enumerate(("u", "v", "r")):
            post = await pressed(at, f"{verb}1:{KEY}", number, occasion=str(number))
            assert "not stored here any more" in post.message["content"]


async def test_pictures_that_are_refused_leave_their_places_empty(tmp_path: Path) -> None:
    with Upstream() as upstream:
        upstream.script("filter", "", "", "")
        async with house(tmp_path, stability_host=upstream.url, engine="any", concurrency="1") as at:
            await at.discord(imagine(prompt="a cat", seed="7"))
            post = await at.servers.post()

            places = [label[1] for label in post.buttons() if label.startswith("U")]
            assert len(places) == 3
            assert list(post.buttons()) == [*(f"U{n}" for n in places), "Reroll", *(f"V{n}" for n in places)]
            assert "1 of 4 pictures could not be made" in post.message["content"]
            assert "content filter" in post.message["content"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_custom_id_is_short_and_comes_back(verb: str) -> None:
    name = custom_id(verb, 4, KEY)  # type: ignore[arg-type]

    assert len(name) <= 100
    assert parsed_id(name) == (verb, KEY)


def test_the_command_is_as_discord_describes_commands() -> None:
    command = declared(Settings(**NO_SETTINGS).defaults)

    require_of_discord("ApplicationCommandCreateRequest", command)
    assert [option["name"] for option in command["options"]] == ["prompt", "seed", "aspect_ratio"]


def test_the_shapes_are_those_that_the_engine_draws() -> None:

    square = Family(".*", ((512, 512), (768, 512)), (512, 512))
    ratios = declared(offers("painter", "e", families=(square,)))["options"][2]["choices"]

    assert [each["value"] for each in ratios] == ["3:2", "1:1"]


def test_a_prompt_of_any_length_fits_into_a_message() -> None:
    file = messages.File("a.webp", "image/webp", b"", messages.description("_" * 4000))
    message = messages.grid("_" * 4000, (1, 2, 3, 4), (KEY, KEY, KEY, KEY), "*" * 4000, file)

    require_of_discord("IncomingWebhookUpdateRequestPartial", {**message, "attachments": message["attachments"]})
    assert len(message["attachments"][0]["description"]) <= 1024


async def test_the_markdown_of_a_long_prompt_is_its_permalink(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.discord(imagine(prompt="[_灯台_] " * 400, seed="7"))
        u1 = (await at.servers.post()).buttons()["U1"]
        await at.discord(press(u1.replace("u1", "m1"), occasion="902"))
        text = (await at.servers.post(1)).message["content"]

        assert text.endswith(f"]({PUBLIC_URL}/i/{u1.partition(':')[2]})\n```")
