"""What a start imports, and when: nothing heavy that is not needed, and next to nothing before the port is bound."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import environment

# Runs `promptcdn` with the words of its command line. Says what was imported when the port was bound, and when the
# service was ready (then it ends), or else when the command had ended.
PROGRAM = """
import atexit, gc, json, os, socket, sys

def said(when, **more):
    of_others = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
    print(json.dumps({
        "when": when,
        "packages": sorted(name for name in of_others if not name.startswith("_")),
        "modules": sorted(sys.modules),
        "looks for garbage": sum(generation["collections"] for generation in gc.get_stats()) - looked,
        **more,
    }), file=sys.stderr)

def bind(*address):
    bound = bound_socket(*address)
    said("bound", listens=bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    from promptcdn.server import running
    running.run = ready
    return bound

def ready(app, bound, grace, on_ready, *others):
    on_ready()
    said("ready", collects=gc.isenabled(), frozen=gc.get_freeze_count(), left=len(gc.get_objects()))
    os._exit(0)

from promptcdn.cli import main
from promptcdn.server import sockets
bound_socket, sockets.bound_socket = sockets.bound_socket, bind
atexit.register(said, "ended")
looked = sum(generation["collections"] for generation in gc.get_stats())
main()
"""
COMMAND_LINE = {
    "typer": {"typer", "annotated_doc", "shellingham"},
    "pydantic": {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"},
    "keys": {"rfc8785", "unicodedata2"},
    "promptcdn": {"promptcdn"},
    "Debian's own Python": {"sitecustomize"},
}
SERVER = {
    "uvicorn": {"uvicorn", "click", "httptools", "uvloop", "cython_runtime"},
    "starlette": {"starlette", "anyio", "idna", "sniffio", "python_multipart"},
    "memory": {"cachetools"},
    "metrics": {"prometheus_client"},
}
BEFORE_THE_PORT = set().union(*COMMAND_LINE.values())
AT_START = BEFORE_THE_PORT.union(*SERVER.values())
# Each takes as long as a good part of the whole start, and is for those who use it: a bucket, an upstream, Redis, a
# deny-list, counters, traces, a file of settings; Pillow with the first picture that is made or encoded.
HEAVY = {
    *("boto3", "botocore", "obstore", "grpc", "google", "stability_sdk", "tenacity", "redis", "re2", "sqlite3"),
    *("opentelemetry", "dotenv", "PIL", "rich", "pydantic_settings", "httpx2", "marko", "mcp"),
    *("slack_sdk", "cryptography"),
}


def run(folder: Path, *words: str, **settings: object) -> dict[str, Any]:
    """What `promptcdn` with these words says, by when it says so."""
    command = [sys.executable, "-c", PROGRAM, *words]
    ended = subprocess.run(command, cwd=folder, env=environment(**settings), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    said = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith('{"when"')]
    return {each["when"]: each for each in said}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The start of a service with a store on disk."""
    return run(tmp_path_factory.mktemp("start"), "serve", "--port", "0")


def test_the_port_is_bound_before_the_server_is_imported(start: dict[str, Any]) -> None:
    assert start["bound"]["listens"]
    assert set(start["bound"]["packages"]) - BEFORE_THE_PORT == set()
    assert not {"asyncio", "ssl", "promptcdn.wiring"} & set(start["bound"]["modules"])


def test_a_start_imports_what_is_on_the_list(start: dict[str, Any]) -> None:
    assert set(start["ready"]["packages"]) - AT_START == set()


def test_a_start_imports_nothing_heavy(start: dict[str, Any]) -> None:
    assert set(start["ready"]["modules"]) & HEAVY == set()


def test_no_garbage_is_looked_for_before_the_port_is_bound(start: dict[str, Any]) -> None:
    assert start["bound"]["looks for garbage"] == 0


def test_the_collector_leaves_out_what_a_start_made(start: dict[str, Any]) -> None:
    assert start["ready"]["collects"]
    assert start["ready"]["frozen"] > 100 * start["ready"]["left"]


@pytest.mark.parametrize(
    "words", [("url", "a lighthouse", "--seed", "7"), ("sign", "/?prompt=a")], ids=lambda words: words[0]
)
def test_a_command_in_a_hook_imports_no_server(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = run(tmp_path, *words, PROMPTCDN_SIGNING_KEYS="k1:canary-0123456789")["ended"]

    assert not {"uvicorn", "starlette", "asyncio", "promptcdn.wiring", *HEAVY} & set(ended["modules"])


@pytest.mark.parametrize(("host", "needed"), [("pics.example.org", {"marko"}), ("elsewhere.example.org", set())])
def test_a_check_imports_a_parser_only_for_our_pictures(tmp_path: Path, host: str, needed: set[str]) -> None:
    """Most commits have none: the hook has to be fast."""
    (tmp_path / "a.md").write_text("![a](https://pics.example.org/?prompt=a&seed=7)\n")

    ended = run(tmp_path, "check", "--base", f"https://{host}")["ended"]

    assert {"uvicorn", "starlette", "asyncio", "promptcdn.wiring", *HEAVY} & set(ended["modules"]) == needed


def test_a_command_imports_the_file_of_no_other_command(tmp_path: Path) -> None:
    ended = run(tmp_path, "sign", "/?prompt=a", PROMPTCDN_SIGNING_KEYS="k1:canary-0123456789")["ended"]

    files = {name for name in ended["modules"] if name.startswith("promptcdn.cli.")}
    assert files == {f"promptcdn.cli.{name}" for name in ("ending", "sign", "signatures")}


def test_a_start_without_api_keys_imports_none_of_its_routes(start: dict[str, Any]) -> None:
    assert not {name for name in start["ready"]["modules"] if "openai_api.routing" in name or "openai_api.gen" in name}
