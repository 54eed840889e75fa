"""`promptcdn stats`: of a running service, of the files alone."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

from tests.cli.test_tools import promptcdn
from tests.support.service import Promptcdn
from tests.upstream import Upstream

SMALL = "&engine=any&width=256&height=256"
TOKEN = "canary-of-the-operator"  # noqa: S105


def said(folder: Path, *words: str, **settings: object) -> dict[str, Any]:
    ended = promptcdn(folder, "stats", "--json", *words, **settings)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_service_and_then_its_files_say_what_was_paid_for(tmp_path: Path) -> None:
    settings = {"PROMPTCDN_ENGINE": "any", "PROMPTCDN_PRICES": "any=0.5", "PROMPTCDN_BUDGET": "5/day"}
    spent = [{"engine": "stability/any", "pictures": 2, "credits": 1.0}]
    with Upstream() as upstream:
        settings |= {"STABILITY_HOST": upstream.url, "PROMPTCDN_ADMIN_TOKEN": TOKEN}
        with Promptcdn(tmp_path, **settings) as service:
            for seed in (1, 2, 2, 2):
                service.get(f"/?prompt=a&seed={seed}{SMALL}")
            port = service.url.rpartition(":")[2]
            asked = said(tmp_path, "--url", service.url, **settings)
            found = said(tmp_path, **settings, PORT=port)
            printed = promptcdn(tmp_path, "stats", **settings, PORT=port).stdout
            refused = promptcdn(tmp_path, "stats", "--url", service.url, "--json")
        of_files = said(tmp_path, **settings, PORT=port)

    assert asked == {
        "spent": {"day": spent, "month": spent},
        "budget": [{"limit": "5/day", "left": 3, "amount": 5}],
        "keys_in_cooldown": 0,
        "answers": {"memory": 2, "store": 0, "made": 2},
        "free_share": 0.5,
    }
    assert found == asked | {"store": of_files["store"]}
    assert of_files == {key: found[key] for key in ("spent", "budget", "store")}
    assert of_files["store"]["masters"]["objects"] == 2
    assert "3 of 5/day left" in printed
    assert "50.0% of the pictures" in printed
    assert (refused.returncode, "PROMPTCDN_ADMIN_TOKEN" in refused.stderr) == (2, True)


def test_where_no_service_answers_its_address_is_named(tmp_path: Path) -> None:
    with Promptcdn(tmp_path):
        pass

    assert said(tmp_path, PORT=9) == {"spent": {"day": [], "month": []}, "budget": [], "store": {}}
    printed = promptcdn(tmp_path, "stats", PORT=9).stdout
    assert "none answers at http://127.0.0.1:9; --url asks another address" in printed


def test_a_service_that_was_named_and_is_not_there_is_exit_2(tmp_path: Path) -> None:
    ended = promptcdn(tmp_path, "stats", "--url", "http://127.0.0.1:9")

    assert (ended.returncode, ended.stderr) == (2, "promptcdn: http://127.0.0.1:9 does not answer\n")


class _Elsewhere(BaseHTTPRequestHandler):
    """Sends everybody to `/evil`, and writes down what is shown there."""

    shown: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        if self.path == "/evil":
            self.shown.append(self.headers["authorization"])
            self.send_response(404)
        else:
            self.send_response(302)
            self.send_header("location", "/evil")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def test_the_token_follows_no_redirect(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings = {"PROMPTCDN_ADMIN_TOKEN": "canary-of-the-operator"}
        promptcdn(tmp_path, "stats", "--url", f"http://127.0.0.1:{server.server_port}", **settings)
        server.shutdown()
    assert _Elsewhere.shown == [None]
