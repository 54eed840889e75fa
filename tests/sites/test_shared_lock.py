"""One lock file for builds of a site and for the commands on its documents."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.sites.building import mkdocs_site, ran
from tests.support.service import PROMPTCDN, Promptcdn, environment

PAGE = """![A cat]({url}/?prompt=a+cat&seed=7) ![Any cow]({url}/?prompt=a+cow)

```promptcdn seed=9
a lighthouse
```
"""


def test_the_command_lock_keeps_what_a_build_wrote(tmp_path: Path, service: Promptcdn) -> None:
    project, url = tmp_path / "project", service.url
    mkdocs_site(project, {"index.md": PAGE.format(url=url)}, public_url=url, vendor=True, lock="promptcdn.lock")
    assert ran(project, "-m", "mkdocs", "build", "--strict").returncode == 0
    before = pictures(project)
    assert [each["site"] for each in before.values()] == [True] * 3

    ended = command(project, url, "lock")

    assert ended.returncode == 0, ended.stderr
    assert pictures(project) == before
    service.stop()
    assert ran(project, "-m", "mkdocs", "build", "--strict").returncode == 0


def test_a_build_keeps_what_the_commands_wrote(tmp_path: Path, service: Promptcdn) -> None:
    project, url = tmp_path / "project", service.url
    mkdocs_site(project, {"index.md": PAGE.format(url=url)}, public_url=url, vendor=True, lock="promptcdn.lock")
    assert service.get("/?prompt=a+cat&seed=7").status_code == 200
    assert command(project, url, "lock").returncode == 0
    locked = pictures(project)[f"{url}/?prompt=a+cat&seed=7"]

    assert ran(project, "-m", "mkdocs", "build", "--strict").returncode == 0

    built = pictures(project)[f"{url}/?prompt=a+cat&seed=7"]
    assert {name: built[name] for name in locked} == locked
    assert (built["width"], built["height"], "site" in built) == (512, 512, False)


def pictures(project: Path) -> dict[str, dict[str, Any]]:
    """What the lock file says, by URL."""
    entries: dict[str, dict[str, Any]] = json.loads((project / "promptcdn.lock").read_text())["pictures"]
    return entries


def command(project: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    variables = environment(PROMPTCDN_PUBLIC_URL=url)
    return subprocess.run([PROMPTCDN, *words], cwd=project, env=variables, capture_output=True, text=True, timeout=60)


def test_the_command_check_finds_nothing_in_what_a_build_wrote(tmp_path: Path, service: Promptcdn) -> None:
    project, url = tmp_path / "project", service.url
    mkdocs_site(project, {"index.md": PAGE.format(url=url)}, public_url=url, vendor=True, lock="promptcdn.lock")
    assert ran(project, "-m", "mkdocs", "build", "--strict").returncode == 0
    for _ in range(4):
        service.get("/?prompt=a+cow")  # its readers are shown other pictures by now

    ended = command(project, url, "check", "--allow-seedless", "docs", ".")
    everything = command(project, url, "check", "--allow-seedless")

    assert (ended.returncode, everything.returncode) == (0, 0), (ended.stdout, everything.stdout)
