"""What happens to the files while a command runs: an editor saves, or another command does the same."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx2
import pytest

from tests.documents.tree import Tree
from tests.support.serving import Quiet, serving


@contextmanager
def before_each_answer(service: str, deed: Callable[[], None], without: tuple[str, ...] = ()) -> Iterator[str]:
    """The address of a server that does something, and then gives the answer of `service` without some headers."""

    class Between(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            deed()
            answer = httpx2.request(self.command, service + self.path, headers={"accept": "*/*"})
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in ("date", "server", "transfer-encoding", "connection", *without):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_HEAD = do_GET  # noqa: N815 - named by the standard library

    with serving(Between) as address:
        yield address


@pytest.mark.parametrize("words", [("pin",), ("vendor", "--to", "pictures")], ids=["pin", "vendor"])
def test_a_file_that_an_editor_saves_meanwhile_is_told_and_stays(tree: Tree, words: tuple[str, ...]) -> None:
    """The others are written."""
    service = tree.base

    def save() -> None:
        (tree.folder / "edited.md").write_text("edited")
        (tree.folder / "gone.md").unlink(missing_ok=True)

    with before_each_answer(service, save) as tree.base:
        for name in ("edited.md", "gone.md", "other.md"):
            tree.write(name, "![a]({b}/?prompt=meanwhile)")

        ended = tree.run(*words)

        assert ended.exit_code == 1
        for name in ("edited.md", "gone.md"):
            assert f"{name}: this file was changed meanwhile, so nothing was written to it" in ended.stderr
        assert tree.read("edited.md") == "edited"
        assert not (tree.folder / "gone.md").exists()
        assert re.fullmatch(r"!\[a\]\((\{b\}/\?prompt=meanwhile&seed=\d+|pictures/.*webp)\)", tree.read("other.md"))


def test_two_commands_at_once_leave_whole_files(tree: Tree) -> None:
    """What one of them cannot write the other one has written, or a third writes."""
    text = "![a]({b}/?prompt=a)\n" * 50
    for number in range(60):
        tree.write(f"{number}.md", text)

    commands = [tree.start("pin", "--seed", "7") for _ in range(3)]
    for command in commands:
        _, told = command.communicate(timeout=60)
        assert command.returncode == (1 if told else 0)
        for line in told.splitlines():
            assert "another promptcdn writes to this file" in line or "this file was changed meanwhile" in line
    assert tree.run("pin", "--seed", "7").exit_code == 0

    assert {tree.read(f"{number}.md") for number in range(60)} == {text.replace("=a)", "=a&seed=7)")}
    assert len(list(Path(tree.folder).iterdir())) == 60
