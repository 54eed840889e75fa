"""What runs `promptcdn check` elsewhere, run for real: pre-commit, the GitHub Action's steps, GitLab's job."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from promptcdn.markdown import EXTENSIONS
from tests.support.service import environment

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
JOB = yaml.safe_load((ROOT / "deploy" / "ci" / "gitlab.yml").read_text())["promptcdn"]

BASE = "https://pics.example.org"
GOOD = f"![a]({BASE}/?prompt=a&seed=7)\n"
SEEDLESS = f"![a]({BASE}/?prompt=a)\n"
# Installing the service with all its dependencies takes a quarter of a minute, and more where they are downloaded.
pytestmark = pytest.mark.timeout(600)


def run(folder: Path, *command: str | Path, **variables: object) -> subprocess.CompletedProcess[str]:
    """A command with nothing of this checkout in its environment."""
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=folder, env=environment(**variables), capture_output=True, text=True)


def git(folder: Path, *words: str) -> str:
    """What git says in a repository of its own."""
    ended = run(folder, "git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def repository(folder: Path) -> str:
    """Commits all that is in a folder; gives the commit."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of this repository has: building leaves files beside the sources, so they are a copy."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.copytree(ROOT / "proxy", folder / "proxy", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, folder)
    repository(folder)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"),
        ("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "deploy/ci/gitlab.yml"),
        ("pre-commit", "validate-manifest", ".pre-commit-hooks.yaml"),
    ],
    ids=lambda command: str(command[-1]),
)
def test_each_file_is_as_its_program_wants_it(command: tuple[str, ...]) -> None:
    ended = run(ROOT, PROGRAMS / command[0], *command[1:])

    assert ended.returncode == 0, ended.stdout


def test_the_hooks_take_all_documents_and_the_lock_file() -> None:
    names = [f"docs/A.{extension.upper()}" for extension in EXTENSIONS]

    for hook, others in (("promptcdn-check", ["promptcdn.lock", "docs/promptcdn.lock"]), ("promptcdn-pin", [])):
        assert [name for name in (*names, *others) if not re.search(HOOKS[hook]["files"], name)] == []
    for name in ("a.mdc", "md", "a.md.png", "promptcdn.lock.orig", "package.lock"):
        assert not any(re.search(hook["files"], name) for hook in HOOKS.values())


def test_pre_commit_stops_a_commit_until_it_is_right(tmp_path: Path, sources: Path) -> None:
    """With a service that cannot be reached: a commit depends on no network, unless its author says so."""
    project, variables = tmp_path / "project", {"PRE_COMMIT_HOME": tmp_path / "home"}
    project.mkdir()
    document = project / "docs.md"
    hooks = [
        {"id": "promptcdn-pin", "args": ["--base", BASE, "--seed", "8"]},
        {"id": "promptcdn-check", "args": ["--base", BASE]},
    ]
    repo = {"repo": f"file://{sources}", "rev": git(sources, "rev-parse", "HEAD"), "hooks": hooks}
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repo]}))
    entry = {"content_key": "0" * 64, "sha256": "0" * 64, "size": 1, "media_type": "image/webp"}
    lock = {"version": 1, "pictures": {f"{BASE}/?prompt=a&seed={seed}": entry for seed in (7, 8)}}
    (project / "promptcdn.lock").write_text(json.dumps(lock))
    document.write_text(GOOD + SEEDLESS)
    repository(project)

    def hook(name: str) -> tuple[int, str]:
        ended = run(project, PROGRAMS / "pre-commit", "run", name, "--all-files", **variables)
        return ended.returncode, ended.stdout + ended.stderr

    code, said = hook("promptcdn-check")
    assert code == 1, said
    assert "docs.md:2:6: seedless: " in said
    code, said = hook("promptcdn-pin")
    assert "files were modified by this hook" in said
    assert document.read_text() == GOOD + GOOD.replace("7", "8")
    assert [hook(name)[0] for name in HOOKS] == [0, 0]

    (project / "promptcdn.lock").write_text("<<<<<<< HEAD\n")
    code, said = hook("promptcdn-check")
    assert code == 1
    assert "promptcdn.lock:1:1: bad-lock: it has a merge conflict in it" in said


class Runner:
    """Runs the steps of the action as GitHub's runner does: each in bash, with the inputs in its environment."""

    def __init__(self, folder: Path, sources: Path) -> None:
        self.folder = folder / "workspace"
        self.folder.mkdir()
        self._variables = {
            "GITHUB_ACTION_PATH": sources,
            "GITHUB_WORKSPACE": self.folder,
            "RUNNER_TEMP": folder,
        }

    def step(self, number: int, **inputs: str) -> tuple[int, str]:
        """The exit code of a step, and what it printed."""
        step = ACTION["runs"]["steps"][number]
        assert step["shell"] == "bash"
        given = {name: inputs.pop(name, about["default"]) for name, about in ACTION["inputs"].items()}
        assert not inputs
        script = self.folder.parent / "script.sh"
        script.write_text(step["run"])
        variables = {name: _filled(value, given) for name, value in step.get("env", {}).items()}
        bash = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
        ended = run(self.folder, *bash, script, **self._variables, **variables)
        return ended.returncode, ended.stdout + ended.stderr


def _filled(value: str, inputs: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], value)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, sources: Path) -> Runner:
    """A runner on which the action is installed."""
    runner = Runner(tmp_path_factory.mktemp("runner"), sources)
    code, said = runner.step(0)
    assert code == 0, said
    return runner


def test_the_action_annotates_what_it_finds(runner: Runner) -> None:
    (runner.folder / "two words").mkdir(exist_ok=True)
    (runner.folder / "two words" / "a.md").write_text(SEEDLESS)
    (runner.folder / "b.md").write_text(GOOD)

    whole = runner.step(1, base=BASE)
    named = runner.step(1, base=BASE, paths="b.md\n'two words/*.md'")
    one = runner.step(1, base=BASE, paths="b.md", args="--for github --offline")
    allowed = runner.step(1, base=BASE, args="--allow-seedless")

    assert whole[0] == named[0] == 1
    for _, said in (whole, named):
        assert "::error file=two words/a.md,line=1,col=6,title=promptcdn%3A seedless::two words/a.md:1:6: seed" in said
    assert (one[0], allowed[0]) == (0, 0)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"command": "serve"}, "::error title=promptcdn::the input command allows check, warm, lock, pin and vendor"),
        ({}, "--base or PROMPTCDN_PUBLIC_URL says whose URLs are checked"),
        ({"base": BASE, "paths": "no-such.md"}, "no-such.md: there is no such file or folder"),
        ({"base": BASE, "paths": "it's.md"}, "quote"),
        ({"base": BASE, "paths": "$(touch hacked) `touch hacked`; touch hacked"}, "$(touch: there is no such file"),
        ({"base": f"{BASE}$(touch hacked)"}, "--base="),
    ],
)
def test_the_action_tells_wrong_inputs(runner: Runner, inputs: dict[str, str], said: str) -> None:
    """And runs nothing that stands in them."""
    shutil.rmtree(runner.folder)
    runner.folder.mkdir()

    code, printed = runner.step(1, **inputs)

    assert code not in (0, 1) or "quote" in printed
    assert said in printed
    assert list(runner.folder.iterdir()) == []


def test_the_action_runs_the_other_commands(runner: Runner) -> None:
    document = runner.folder / "pinned.md"
    document.write_text(SEEDLESS)

    code, said = runner.step(1, command="pin", base=BASE, paths="pinned.md", args="--seed 7")

    assert (code, document.read_text()) == (0, GOOD), said


def test_the_action_says_which_python_it_needs(tmp_path: Path) -> None:
    """A step with an old Python, in front of all others."""
    for name in ("python3", "python"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    script = tmp_path / "script.sh"
    script.write_text(ACTION["runs"]["steps"][0]["run"])

    ended = run(tmp_path, "bash", "-eo", "pipefail", script, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    assert ended.returncode == 1
    assert ended.stdout.startswith("::error title=promptcdn::Python 3.11 or later is needed")


def test_the_gitlab_job_reports_code_quality(tmp_path: Path, runner: Runner, sources: Path) -> None:
    """Its script, in an environment that finds the packages which the action has installed already."""
    (tmp_path / "a.md").write_text(SEEDLESS)
    place = JOB["script"][0].split()[-1]
    installed = next((runner.folder.parent / "promptcdn" / "lib").glob("python*/site-packages"))
    ours = tmp_path / "environment" / "lib" / installed.parent.name / "site-packages"
    make, *others = (line.replace(place, str(tmp_path / "environment")) for line in JOB["script"])
    script = "\n".join((make, f"echo {installed} >{ours}/packages.pth", *others))
    variables = {**JOB["variables"], "PROMPTCDN_PUBLIC_URL": BASE, "INSTALL_FROM": sources}

    ended = run(tmp_path, "bash", "-eo", "pipefail", "-c", script, **variables, CI_PROJECT_DIR=tmp_path)

    report = json.loads((tmp_path / JOB["artifacts"]["reports"]["codequality"]).read_text())
    assert ended.returncode == 1, ended.stderr
    assert [(one["check_name"], one["location"]["path"]) for one in report] == [("seedless", "a.md")]
    assert '"check_name": "seedless"' in ended.stdout
