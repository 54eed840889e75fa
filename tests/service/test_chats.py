"""The apps for chats in a real process: over sockets, through its end, and in its log."""

import signal
import sys
from pathlib import Path

import httpx2
import pytest

from tests.support.caches import Nginx, Varnish
from tests.support.chats import (
    ENVIRONMENT,
    PING,
    PUBLIC_URL,
    ChatServers,
    command,
    imagine,
    signed_for_discord,
    signed_for_slack,
)
from tests.support.service import Promptcdn
from tests.support.waiting import until
from tests.upstream import Upstream


class WithChats(Promptcdn):
    """A service whose chats are the stand-in that `TEST_CHATS` names."""

    program = (sys.executable, "-m", "tests.faces.chats.serving")


def of(servers: ChatServers, upstream: Upstream, **settings: object) -> dict[str, object]:
    root = str(Path(__file__).parent.parent.parent)
    usual = {"TEST_CHATS": servers.url, "PYTHONPATH": root, "STABILITY_HOST": upstream.url, "PROMPTCDN_ENGINE": "any"}
    return {**ENVIRONMENT, **usual, "PROMPTCDN_SIZE": "256x256", **settings}


def to_slack(service: Promptcdn, text: str, servers: ChatServers) -> httpx2.Response:
    body = command(text, servers.url, text)
    return service.client.post("/slack/command", content=body, headers=signed_for_slack(body))


def to_discord(service: Promptcdn, **options: str) -> httpx2.Response:
    body = imagine(**options)
    return service.client.post("/discord/interactions", content=body, headers=signed_for_discord(body))


def test_both_chats_are_answered_while_the_upstream_works(tmp_path: Path) -> None:
    """However long the picture takes: Discord's and Slack's three seconds are over before an upstream of 20 s ends."""
    with ChatServers() as servers, Upstream() as upstream, WithChats(tmp_path, **of(servers, upstream)) as service:
        upstream.hold()
        answers = [to_slack(service, "a violin seed=7", servers), to_discord(service, prompt="a violin", seed="20")]
        upstream.wait_for_calls(5)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert servers.posts == []
        upstream.release()
        until(lambda: len(servers.posts) == 2)
        shown = next(post for post in servers.posts if "blocks" in post.message).message["blocks"][0]["image_url"]
        picture = service.get(shown.removeprefix(PUBLIC_URL))

    assert servers.wrong == []
    assert picture.headers["content-type"] == "image/png"
    log = (tmp_path / "log").read_text()
    assert "/slack/command" in log
    assert [word for word in ("violin", "CANARY", "canary", "80351110224678912") if word in log] == []


def test_a_picture_under_way_at_the_end_still_comes_to_the_chat(tmp_path: Path) -> None:
    with ChatServers() as servers, Upstream() as upstream:
        with WithChats(tmp_path, **of(servers, upstream)) as service:
            upstream.hold()
            to_slack(service, "a violin seed=7", servers)
            upstream.wait_for_calls(1)
            service.process.send_signal(signal.SIGTERM)
            until(lambda: "shutting down" in (tmp_path / "log").read_text())
            upstream.release()
            assert service.process.wait(60) == -signal.SIGTERM
        assert [post.message["blocks"][0]["alt_text"] for post in servers.posts] == ["a violin"]
        assert len(upstream.ledger.calls()) == 1


def test_a_picture_that_outlasts_the_grace_is_told_so(tmp_path: Path) -> None:
    with ChatServers() as servers, Upstream() as upstream:
        with WithChats(tmp_path, **of(servers, upstream, PROMPTCDN_GRACE="1")) as service:
            upstream.hold()
            to_slack(service, "a violin seed=7", servers)
            upstream.wait_for_calls(1)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(60) == -signal.SIGTERM
        assert [post.message["text"] for post in servers.posts] == [
            "This service is being restarted: give the same command again in a minute."
        ]


@pytest.mark.parametrize("expect", [{}, {"expect": "100-continue"}])
def test_a_ping_is_answered_over_a_socket(tmp_path: Path, expect: dict[str, str]) -> None:
    with Promptcdn(tmp_path, **ENVIRONMENT) as service:
        answer = service.client.post(
            "/discord/interactions", content=PING, headers={**signed_for_discord(PING), **expect}
        )
        unsigned = service.client.post("/discord/interactions", content=PING)

    assert (answer.status_code, answer.json()) == (200, {"type": 1})
    assert unsigned.status_code == 401


@pytest.mark.parametrize("cache", [Nginx, Varnish])
def test_a_cache_in_front_passes_signed_requests_on(tmp_path: Path, cache: type[Nginx] | type[Varnish]) -> None:
    with (
        Promptcdn(tmp_path / "service", **ENVIRONMENT) as service,
        cache(tmp_path / "cache", service.url.removeprefix("http://")) as front,
    ):
        body = command("help", "https://hooks.slack.com")
        pinged = front.client.post("/discord/interactions", content=PING, headers=signed_for_discord(PING))
        helped = front.client.post("/slack/command", content=body, headers=signed_for_slack(body))

    assert (pinged.status_code, pinged.json()) == (200, {"type": 1})
    assert "/picture a lighthouse" in helped.json()["text"]
