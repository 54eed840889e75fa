"""The deny-list of a running service: what is not made, what stays readable, and a file that changes."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.service import Promptcdn
from tests.upstream import Upstream

UNIX = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")


def deny_file(folder: Path, text: str) -> Path:
    file = folder / "deny.txt"
    file.write_text(text)
    return file


def hang_up(service: Promptcdn, until_it_says: str) -> None:
    """Sends SIGHUP and waits for what the log must say then."""
    log = service.folder / "log"
    said = log.read_text().count(until_it_says)
    service.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while log.read_text().count(until_it_says) == said:
        assert service.process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def test_a_denied_prompt_is_403_and_nothing_is_paid(tmp_path: Path) -> None:
    file = deny_file(tmp_path, "nude\n/behead(ed|ing)/\n")
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_DENY=file) as service:
        for query in ("prompt=a+nude&seed=7", "prompt=a+n%C3%BCd3", "prompt=be%E2%80%8Dheading&seed=day"):
            answer = service.get(f"/?{query}")

            assert answer.status_code == 403
            assert answer.headers["cache-control"] == "no-store"
            assert answer.json()["code"] == "denied"
            assert "behead" not in answer.text.replace(query, "")
        assert upstream.ledger.calls() == []
        log = (tmp_path / "log").read_text()
        assert "refused by the deny-list's rule nude" in log
        assert "refused by the deny-list's rule /behead(ed|ing)/" in log


def test_other_prompts_and_any_negative_prompt_are_made(tmp_path: Path) -> None:
    """Prompts that are not on the list are made, and a negative prompt may say what it likes."""
    file = deny_file(tmp_path, "nude\n")
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_DENY=file) as service:
        assert service.get("/?prompt=denuded+hills&negative_prompt=nude&seed=7").status_code == 200
        assert len(upstream.ledger.calls()) == 1


def test_what_was_stored_before_the_rule_came_is_served(tmp_path: Path) -> None:
    with Upstream() as upstream:
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
            made = service.get("/?prompt=a+nude&seed=7")
            seedless = service.get("/?prompt=a+nude+statue")
            assert (made.status_code, seedless.status_code) == (200, 200)
        paid = len(upstream.ledger.calls())
        file = deny_file(tmp_path, "nude\n")
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_DENY=file) as service:
            assert service.get("/?prompt=a+nude&seed=7").content == made.content
            assert service.get("/?prompt=a+nude+statue").content == seedless.content
            assert service.get("/?prompt=a+nude&seed=8").status_code == 403
        assert len(upstream.ledger.calls()) == paid


@UNIX
def test_a_rule_is_added_without_a_restart(tmp_path: Path) -> None:
    file = deny_file(tmp_path, "nude\n")
    with Promptcdn(tmp_path, PROMPTCDN_DENY=file) as service:
        assert service.get("/?prompt=gore&seed=1").status_code == 200
        deny_file(tmp_path, "nude\ngore\n")
        hang_up(service, "was read again and has 2 rules")

        assert service.get("/?prompt=gore&seed=2").status_code == 403
        assert service.get("/?prompt=gore&seed=1").status_code == 200


@UNIX
@pytest.mark.parametrize("broken", ["gore\n/(/\n", None], ids=["no rule", "no file"])
def test_a_broken_file_changes_no_rule_of_a_running_service(tmp_path: Path, broken: str | None) -> None:
    file = deny_file(tmp_path, "nude\n")
    with Promptcdn(tmp_path, PROMPTCDN_DENY=file) as service:
        file.unlink() if broken is None else deny_file(tmp_path, broken)
        hang_up(service, "the rules read before stay in use")

        assert service.get("/?prompt=nude&seed=1").status_code == 403
        assert service.get("/?prompt=gore&seed=1").status_code == 200
        complaints = [line for line in (tmp_path / "log").read_text().splitlines() if " ERROR " in line]
        assert len(complaints) == 1
        assert f'PROMPTCDN_DENY="{file}": ' in complaints[0]
        deny_file(tmp_path, "gore\n")
        hang_up(service, "was read again and has 1 rules")
        assert service.get("/?prompt=nude&seed=1").status_code == 200


@UNIX
def test_without_a_list_a_hangup_ends_the_service_in_order(tmp_path: Path) -> None:
    """Without a deny-list, SIGHUP ends the service in order and loses no picture."""
    with Upstream() as upstream:
        settings = {"STABILITY_HOST": upstream.url, "PROMPTCDN_SIZE": "256x256", "PROMPTCDN_ENGINE": "any"}
        with Promptcdn(tmp_path, **settings) as service, ThreadPoolExecutor(1) as others:
            upstream.hold()
            asked = others.submit(service.get, "/?prompt=a&seed=1")
            upstream.wait_for_calls(1)
            service.process.send_signal(signal.SIGHUP)
            assert asked.result().status_code == 503
            upstream.release()
            service.process.wait(60)
        with Promptcdn(tmp_path, **settings) as service:
            assert service.get("/?prompt=a&seed=1").status_code == 200
        assert len(upstream.ledger.calls()) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"nude\n/(?<=a)b/\n", "line 2, /(?<=a)b/: RE2 does not support this pattern"),
        (b"a$$\n", 'line 1, a$$: "$" cannot be part of a word'),
        (b"n\xfcde\n", "the file is not UTF-8"),
        (None, "the file cannot be read: No such file or directory"),
    ],
)
def test_a_start_with_a_broken_file_names_it(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "deny.txt"
    if content is not None:
        file.write_bytes(content)

    ended = Promptcdn(tmp_path, PROMPTCDN_DENY=file).refused_start()

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f'promptcdn: PROMPTCDN_DENY="{file}": {words}')
    assert len(ended.stderr.splitlines()) == 1


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "deny.txt"
    file.write_bytes("\ufeffnude\r\n".encode())
    with Promptcdn(tmp_path, PROMPTCDN_DENY=file) as service:
        assert service.get("/?prompt=nude&seed=1").status_code == 403
