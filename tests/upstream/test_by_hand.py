"""`python -m tests.upstream`: a stand-in of each kind as a process."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import Promptcdn
from tests.upstream.faults import KNOWN
from tests.upstream.kinds import KINDS
from tests.upstream.ledger import Ledger

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.upstream"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stand_in_says_how_it_is_called(tmp_path: Path, kind: str) -> None:
    ledger = tmp_path / "ledger"
    process = subprocess.Popen([*COMMAND, kind, "--ledger", ledger], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        *settings, program = shlex.split(process.stdout.readline())
        with Promptcdn(tmp_path, **dict(each.split("=", 1) for each in settings)) as service:
            assert service.get("/?prompt=a&seed=1").status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()

    assert program == "./scripts/serve"
    assert process.returncode == 0
    assert len(Ledger(ledger).calls()) == 1


def test_the_help_has_every_fault_that_a_prompt_may_ask_for() -> None:
    said = subprocess.run([*COMMAND, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert KNOWN - set(said.replace(",", " ").split()) == set()
