"""./scripts/release: what it builds of one commit, and what it says of that. The script itself tries the rest."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import release
import release_build
import release_papers as papers
from promptcdn import __version__
from tests.support.topology import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
CHANGES = "# Changes\n\n## [1.0.0] - 2026-11-28\n\n### For operators\n\n- New.\n\n## [0.2.0] - 2026-11-27\n\n- Old.\n"
EPOCH = 1_700_000_000


@pytest.mark.parametrize(
    ("tags", "changes", "dirty", "words"),
    [
        (["v1.0.0"], CHANGES, False, []),
        (["latest", "v1.0.0"], CHANGES, False, []),
        (["v1.0.0"], CHANGES, True, ["changes that are not committed"]),
        ([], CHANGES, False, ["no tag v1.0.0 (its tags: none)"]),
        (["v1.0.1"], CHANGES, False, ["no tag v1.0.0 (its tags: v1.0.1)"]),
        (["1.0.0"], CHANGES, False, ["no tag v1.0.0 (its tags: 1.0.0)"]),
        (
            ["v1.0.0"],
            CHANGES.replace("[1.0.0] - 2026-11-28", "[Unreleased]"),
            False,
            ["begins with the section [Unrel"],
        ),
        (["v1.0.0"], CHANGES.replace(" - 2026-11-28", ""), False, ["begins with the section [1.0.0],"]),
        ([], "# Changes\n", True, ["not committed", "no tag", "begins with the section none"]),
    ],
)
def test_tag_version_and_changelog_have_to_agree(tags: list[str], changes: str, dirty: bool, words: list[str]) -> None:
    said = papers.complaints("1.0.0", tags, changes, dirty=dirty)

    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))


def test_notes_are_the_section_of_the_version() -> None:
    assert papers.notes(CHANGES, "1.0.0", trial=False) == "# promptcdn 1.0.0\n\n### For operators\n\n- New.\n"
    assert papers.notes(CHANGES, "0.2.0", trial=False) == "# promptcdn 0.2.0\n\n- Old.\n"
    assert papers.notes(CHANGES, "9.9.9", trial=True) == "# promptcdn 9.9.9\n\n### For operators\n\n- New.\n"


def test_the_version_stands_in_one_place_and_is_read_from_there() -> None:
    assert papers.version((ROOT / "proxy" / "promptcdn" / "__init__.py").read_text()) == __version__
    assert 'version.attr = "promptcdn.__version__"' in (ROOT / "pyproject.toml").read_text()


def test_a_commit_without_its_tag_is_no_release(tmp_path: Path) -> None:
    repository(tmp_path)

    with pytest.raises(release_build.Failed, match=r"no tag v1\.0\.0"):
        release.source_of(tmp_path, trial=False)
    source = release.source_of(tmp_path, trial=True)
    git(tmp_path, "tag", "v1.0.0")
    tagged = release.source_of(tmp_path, trial=False)

    assert source.tag is None
    assert (tagged.tag, tagged.version, tagged.epoch, tagged.commit) == ("v1.0.0", "1.0.0", EPOCH, source.commit)


def repository(folder: Path) -> None:
    """A repository of one commit, with what the script reads."""
    (folder / "proxy" / "promptcdn").mkdir(parents=True)
    (folder / "proxy" / "promptcdn" / "__init__.py").write_text('"""It."""\n\n__version__ = "1.0.0"\n')
    (folder / "CHANGELOG.md").write_text(CHANGES)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "All")


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    dated = {"GIT_COMMITTER_DATE": f"{EPOCH} +0000", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    words = ("git", "-C", str(folder), *who, *words)
    return subprocess.run(words, check=True, capture_output=True, text=True, env=dated).stdout


@pytest.mark.timeout(300)
def test_two_builds_of_one_tree_have_equal_bytes(tmp_path: Path) -> None:
    """At two times, in two folders, under two umasks: sdist and wheel are the same, and have what they need."""
    folders = []
    for name, umask in (("one", 0o022), ("two", 0o077)):
        folder = tmp_path / name
        words = [sys.executable, "-c", BUILD, str(ROOT), str(folder)]
        ended = subprocess.run(words, capture_output=True, text=True, cwd=ROOT / "scripts", umask=umask)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        folders.append({path.name: path for path in (folder / "files").iterdir()})
    one, two = folders

    assert (
        sorted(one) == [f"promptcdn-{__version__}-py3-none-any.whl", f"promptcdn-{__version__}.tar.gz"] == sorted(two)
    )
    assert {name: path.read_bytes() for name, path in one.items()} == {name: two[name].read_bytes() for name in two}
    wheel, sdist = (one[name] for name in sorted(one))
    assert {member.date_time[:3] for member in zipfile.ZipFile(wheel).infolist()} == {(2023, 11, 14)}
    with tarfile.open(sdist) as tar:
        members = tar.getmembers()
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {(member.mtime, member.uid, member.uname, member.mode & 0o022) for member in members} == {(EPOCH, 0, "", 0)}
    assert {"pyproject.toml", "README.md", "LICENSE", "proxy/promptcdn/py.typed"} <= names


# The tree as it is here, committed or not, in a repository of its own: what `git archive` gives of it.
BUILD = """
import subprocess, sys, shutil
from pathlib import Path
import release_build as b
root, folder = map(Path, sys.argv[1:])
tree = folder / "repository"
keep = ("pyproject.toml", "README.md", "LICENSE", "requirements.lock")
shutil.copytree(root / "proxy", tree / "proxy", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
for name in keep: shutil.copy(root / name, tree)
git = ["git", "-C", str(tree), "-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "All"]): subprocess.run([*git, *words], check=True)
source = b.Source(tree, "HEAD", "0", 1_700_000_000, None)
(folder / "files").mkdir()
b.build(source, b.build_environment(source, folder / "environment"), folder / "work", folder / "files")
"""


def test_the_bill_has_all_that_is_locked_and_who_needs_it() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    needed = papers.needs(lock)
    made = {
        "metadata": {"component": {"name": "promptcdn", "bom-ref": "root"}},
        "components": [
            {"name": name, "bom-ref": f"{name} {version}", "description": "requirements line 1"}
            for name, version in pins(lock)
        ],
    }
    document: Any = papers.bill(made, "1.0.0", lock)
    below = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}

    assert document["metadata"]["component"]["version"] == "1.0.0"
    assert {"grpcio", "mcp", "pillow"} <= needed["promptcdn"]
    assert needed["redis"] == {"async-timeout"}
    assert "redis 8" in " ".join(below["root"])
    assert set(below) == {"root", *(component["bom-ref"] for component in document["components"])}
    assert all("description" not in component for component in document["components"])


def pins(lock: str) -> list[tuple[str, str]]:
    lines = [line.split()[0] for line in lock.splitlines() if "==" in line and not line.startswith(" ")]
    return [(line.partition("==")[0], line.partition("==")[2]) for line in lines]


def test_the_statement_is_slsas_and_claims_no_more_than_is_so() -> None:
    began = datetime(2026, 11, 28, 12, tzinfo=UTC)
    made: Any = papers.statement(
        {"b.whl": "bb", "a.tar.gz": "aa"},
        commit="c0ffee",
        tag=None,
        made_with={"python": "3.12.1"},
        times=(began, began + timedelta(seconds=90)),
    )

    assert (made["_type"], made["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert made["subject"][0] == {"name": "a.tar.gz", "digest": {"sha256": "aa"}}
    definition, details = made["predicate"]["buildDefinition"], made["predicate"]["runDetails"]
    assert definition["externalParameters"] == {"tag": None, "trial": True}
    assert definition["resolvedDependencies"][0] == {"name": "source", "digest": {"gitCommit": "c0ffee"}}
    assert details["metadata"] == {"startedOn": "2026-11-28T12:00:00Z", "finishedOn": "2026-11-28T12:01:30Z"}
    guide = (ROOT / "docs" / "release.md").read_text()
    assert f"`{definition['buildType']}`" in guide
    assert f"`{details['builder']['id']}`" in guide
    json.dumps(made)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not here")
def test_checksums_are_those_of_the_files_and_can_be_signed(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a file").write_bytes(b"a")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    there = release.finished(folder, tmp_path / "out" / "1.0.0", key)

    assert (there / "SHA256SUMS").read_text() == f"{hashlib.sha256(b'a').hexdigest()}  a file\n"
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=there).returncode == 0
    allowed = tmp_path / "allowed"
    allowed.write_text(f"me@example.org {key.with_suffix('.pub').read_text()}")
    words = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        str(allowed),
        "-I",
        "me@example.org",
        "-n",
        "file",
        "-s",
        "SHA256SUMS.sig",
    ]
    checked = subprocess.run(words, cwd=there, input=(there / "SHA256SUMS").read_bytes(), capture_output=True)
    assert checked.returncode == 0, checked.stderr


def test_the_workflow_of_a_release_is_one_of_github() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    file = ROOT / ".github" / "workflows" / "release.yml"
    words = [str(check), "--builtin-schema", "vendor.github-workflows", str(file)]

    assert subprocess.run(words, capture_output=True).returncode == 0
    assert WORKFLOW["permissions"] == {}
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads `on` as true
    for job in WORKFLOW["jobs"].values():
        for step in job["steps"]:
            assert "uses" not in step or len(step["uses"].partition("@")[2]) == 40
