"""What stands between the commands and the service: proxies and caches, certificates, and what the environment says."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from promptcdn.documents.client import Client, NoAnswer, Timings
from promptcdn.problems import BadSettings
from tests.documents.test_lock import locked
from tests.documents.test_meanwhile import before_each_answer
from tests.documents.tree import Tree
from tests.support.service import Promptcdn
from tests.support.serving import Quiet, serving


def test_a_proxy_that_leaves_the_length_out_changes_no_lock(tree: Tree, service: Promptcdn) -> None:
    size = len(service.get("/?prompt=between&seed=7").content)
    with before_each_answer(tree.base, lambda: None, ("content-length",)) as tree.base:
        tree.write("README.md", "![a]({b}/?prompt=between&seed=7)")

        assert tree.run("lock").exit_code == 0
        assert [entry["size"] for entry in locked(tree).values()] == [size]
        assert tree.run("vendor", "--to", "pictures").exit_code == 0
        assert [entry["size"] for entry in locked(tree).values()] == [size]


@pytest.mark.parametrize("header", ["link", "repr-digest"])
def test_a_proxy_that_drops_what_names_the_picture_is_told(tree: Tree, service: Promptcdn, header: str) -> None:
    """It was called a picture that is not made yet."""
    service.get("/?prompt=between&seed=7")
    with before_each_answer(tree.base, lambda: None, (header,)) as tree.base:
        tree.write("README.md", "![a]({b}/?prompt=between&seed=7)")

        ended = tree.run("lock")
        warmed = tree.run("warm")

    assert ended.exit_code == 1
    assert "a proxy in front has to let the headers Link and Repr-Digest pass" in ended.stderr
    assert warmed.stdout == "1 picture: 1 there\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "http://me:a-secret-word@proxy:x"),
        ("ALL_PROXY", "socks5h://me:a-secret-word@127.0.0.1:9050"),
        ("SSL_CERT_FILE", "/a-secret-word"),
    ],
)
def test_a_wrong_proxy_or_certificate_is_named_without_its_value(tree: Tree, name: str, value: str) -> None:
    tree.write("README.md", "![a]({b}/?prompt=between)")

    for words in (("pin",), ("lock",), ("warm",), ("gallery",), ("vendor", "--to", "pictures")):
        ended = tree.run(*words, settings={name: value})

        assert ended.exit_code == 2, words
        assert name in ended.stderr
        assert "this cannot be used; allowed: " in ended.stderr
        assert "a-secret-word" not in ended.stdout + ended.stderr


def test_builders_of_sites_are_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """They say what is wrong with settings."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9050")

    with pytest.raises(BadSettings, match="ALL_PROXY: this cannot be used"):
        Client("https://pictures.example.org")


@contextmanager
def dripping() -> Iterator[str]:
    """The address of a server whose answers do not end."""
    ended = threading.Event()

    class Dripping(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not ended.wait(0.01):
                self.wfile.write(b"x")
                self.wfile.flush()

    with serving(Dripping) as address:
        try:
            yield address
        finally:
            ended.set()


def test_an_answer_that_does_not_end_is_given_up() -> None:
    with dripping() as address, Client(address, Timings(picture=0.2)) as client, pytest.raises(NoAnswer) as raised:
        client.picture("/?prompt=a")

    assert raised.value.code == "unreachable"
    assert raised.value.reason.endswith("sends its answer too slowly")
