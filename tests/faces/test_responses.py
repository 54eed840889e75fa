"""Answers as HTTP responses, where it takes more than a request to bring one about."""

import pytest
from starlette.requests import Request

from promptcdn import problems
from promptcdn.faces import responses
from promptcdn.pictures.placeholders import Placeholders, Timings
from promptcdn.problems import Problem

CAMO = ("github-camo (1a2b3c4d)", "image/*")
BROWSER = ("Mozilla/5.0", "image/avif,image/webp,*/*;q=0.8")


@pytest.mark.anyio
async def test_an_error_picture_shows_no_word_of_the_operators() -> None:
    """Whoever reads a page cannot set a setting: the picture is the same, whatever the detail names."""
    placeholders = Placeholders(Timings(optional=30.0))
    named, other = [
        await placeholders.error(Problem(problems.GENERATOR_MISSING, detail))
        for detail in ("set PROMPTCDN_GENERATOR", "another detail")
    ]
    mine, yours = [
        await placeholders.error(problems.bad_parameter("seed", value, "0 to 7", "out of range")) for value in "89"
    ]
    await placeholders.close()

    assert named == other
    assert mine != yours


class Busy(Placeholders):
    """As when too many errors are being drawn."""

    async def error(self, problem: Problem) -> bytes:  # noqa: ARG002
        raise problems.too_slow()


@pytest.mark.parametrize(
    ("reader", "media_type"), [(CAMO, "image/png"), (BROWSER, "application/problem+json")], ids=["camo", "browser"]
)
@pytest.mark.anyio
async def test_what_replaces_an_undrawn_error_picture_is_not_kept(reader: tuple[str, str], media_type: str) -> None:
    agent, accept = (text.encode() for text in reader)
    headers = [(b"user-agent", agent), (b"accept", accept)]
    http = Request({"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "headers": headers})
    placeholders = Busy()

    answer = await responses.error(http, problems.filtered(), placeholders)
    await placeholders.close()

    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (media_type, "no-store")
