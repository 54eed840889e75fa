"""The container's files: what is locked, and what its recipe says. `./scripts/image-test` builds and runs it."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from promptcdn import __version__

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WANTED = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]
# A package with a marker is there in more than one version: later Pythons need a later one.
LOCKED = [Requirement(line) for line in re.findall(r"(?m)^([a-z0-9-]+==[^\\\n]+) \\$", LOCK)]
PINS = {pin.name for pin in LOCKED}
PYTHONS = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
# What stability-sdk asks for and only its own tools use: ./scripts/lock leaves it out.
LEFT_OUT = {"grpcio-tools", "param"}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("line", WANTED)
def test_what_the_project_asks_for_is_locked(line: str, python: str) -> None:
    wanted = Requirement(line)
    there = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    locked = [pin for pin in LOCKED if pin.name == canonicalize_name(wanted.name) and applies(pin, there)]

    if applies(wanted, there):
        assert len(locked) == 1, "run ./scripts/lock"
        (version,) = locked[0].specifier
        assert wanted.specifier.contains(version.version), f"requirements.lock has {locked}: run ./scripts/lock"


def applies(requirement: Requirement, there: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(there)


HERE = sorted(PINS & {canonicalize_name(installed.name) for installed in metadata.distributions()})


@pytest.mark.parametrize("name", HERE)
def test_what_is_locked_has_all_that_it_needs_locked_too(name: str) -> None:
    here = [Requirement(line) for line in metadata.requires(name) or []]
    names = {canonicalize_name(one.name) for one in here if one.marker is None or one.marker.evaluate({"extra": ""})}

    assert names - LEFT_OUT <= PINS, "run ./scripts/lock"


def test_the_lock_is_versions_and_hashes_and_tells_of_no_machine() -> None:
    pins = re.split(r"(?m)^(?=[a-z])", re.sub(r"(?m)^( *#.*)?\n", "", LOCK))[1:]

    assert len(pins) == len(LOCKED)
    for pin in pins:
        assert re.fullmatch(r"[a-z0-9-]+==\S+( ; [^\\\n]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", pin)
    assert not re.search(r"://|/(root|home|tmp|opt|work)/", LOCK)


def test_the_image_has_only_locked_packages() -> None:
    """The image has nothing that is not locked, and its base is an argument."""
    installs = re.findall(r"pip install (.*)", DOCKERFILE)

    assert DOCKERFILE.count("ARG BASE=python:3") == 1
    assert re.findall(r"(?m)^FROM (\S+)", DOCKERFILE) == ["${BASE}", "dependencies", "dependencies", "${BASE}"]
    assert all(
        "--no-deps" in install and ("--require-hashes" in install or install.endswith(" .")) for install in installs
    )
    assert "--no-build-isolation" in installs[-1]


def test_the_service_has_no_rights_and_gets_the_signal_itself() -> None:
    """The service runs as a user without rights, writes to /data, and gets the signal itself."""
    last = DOCKERFILE.rpartition("FROM ")[2]

    assert re.search(r"(?m)^USER 10001$", last)
    assert re.search(r"(?m)^VOLUME /data$", last)
    assert "PROMPTCDN_DATA_DIR=/data" in last
    assert re.search(r"(?m)^STOPSIGNAL SIGTERM$", last)
    assert re.search(r'(?m)^ENTRYPOINT \["promptcdn"\]\nCMD \["serve"\]$', last)  # no shell between
    assert f'org.opencontainers.image.version="{__version__}"' in last


def test_the_builder_is_sent_what_the_recipe_copies_and_no_more() -> None:
    copied = {name for line in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", DOCKERFILE) for name in line.split()}
    sent = (ROOT / ".dockerignore").read_text().split()

    assert sent[0] == "*"
    assert {name.removeprefix("!") for name in sent if name.startswith("!")} == copied
