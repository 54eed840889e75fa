"""A worker needs no open port: it draws in a network namespace in which nothing listens."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.topology import ROOT

NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")


def why_not() -> str:
    """Why there are no network namespaces for this user; empty where there are."""
    if missing := [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]:
        return f"there is no {', '.join(missing)} here"
    tried = subprocess.run([*NAMESPACE, "ip", "link", "add", "here", "type", "veth"], capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"network namespaces are not permitted here: {tried.stderr.strip()}"


@pytest.mark.timeout(180)
def test_a_worker_draws_where_nothing_listens(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    ended = subprocess.run(
        [*NAMESPACE, sys.executable, "-m", "tests.service.outbound_only", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "three pictures" in ended.stdout
