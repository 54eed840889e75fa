"""Builds a release into dist/VERSION/, and tries it: docs/release.md has the details. `./scripts/release` runs this."""

import argparse
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import release_papers as papers
from release_build import Failed, Source, build, build_environment, image, run
from release_install import pipx, tried, uv_tool

ROOT = Path(__file__).parents[1]
LOUD = "\n" + "!" * 100 + "\n"


def main(words: Sequence[str]) -> int:
    """Exit code 0: all is there; 2: what was asked for cannot be built, as a line says."""
    options = arguments().parse_args(words)
    try:
        source = source_of(ROOT, trial=options.trial)
        folder = release(source, options.output or ROOT / "dist", options)
    except Failed as failed:
        print(f"release: {failed}", file=sys.stderr)
        return 2
    print(f"\n{folder}:")
    print((folder / "SHA256SUMS").read_text(), end="")
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./scripts/release", description=__doc__)
    parser.add_argument("--trial", action="store_true", help="Build the last commit, whatever its tag is, as a trial.")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="Write to FOLDER/VERSION, not to dist/VERSION.")
    parser.add_argument(
        "--base", metavar="IMAGE", help="The base of the image; else the one that the Dockerfile names."
    )
    parser.add_argument("--no-image", action="store_true", help="Build no image.")
    parser.add_argument("--no-install", action="store_true", help="Do not try to install the wheel.")
    parser.add_argument(
        "--sign", type=Path, metavar="KEY", help="Sign SHA256SUMS with this SSH key (ssh-keygen -Y sign)."
    )
    return parser


def source_of(root: Path, *, trial: bool) -> Source:
    """What is released: the last commit. Raises `Failed` where it is not that of the tag, but for a trial."""
    git: Callable[..., str] = lambda *words: run("git", "-C", str(root), *words).strip()  # noqa: E731
    commit = git("rev-parse", "HEAD")
    version = papers.version(git("show", "HEAD:proxy/promptcdn/__init__.py"))
    tags = git("tag", "--points-at", "HEAD").split()
    changes = git("show", "HEAD:CHANGELOG.md")
    complaints = papers.complaints(version, tags, changes, dirty=bool(git("status", "--porcelain")))
    for complaint in complaints:
        if not trial:
            raise Failed(complaint)
        print(f"trial: {complaint}", file=sys.stderr)
    epoch = int(git("show", "--no-patch", "--format=%ct", "HEAD"))
    tag = None if complaints else f"v{version}"
    return Source(root, commit, version, epoch, tag)


def release(source: Source, output: Path, options: argparse.Namespace) -> Path:
    """Builds all files, tries them, and gives their folder, which takes the place of an older one."""
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as work:
        there = Path(work)
        folder = there / source.version
        folder.mkdir()
        python = build_environment(source, there / "environment")
        build(source, python, there / "first", folder)
        compare(source, python, there, folder)
        notes = papers.notes(source.changes(), source.version, trial=source.tag is None)
        (folder / "NOTES.md").write_text(notes)
        bill(source, folder)
        if not options.no_image:
            image(source, folder, options.base, LOUD)
        if not options.no_install:
            (wheel,) = folder.glob("*.whl")
            for install in (pipx, uv_tool):
                print(f"installed by {install.__name__}: {tried(install, wheel, there, source.version)}")
        prove(source, folder, python, began)
        return finished(folder, output / source.version, options.sign)


def compare(source: Source, python: Path, work: Path, folder: Path) -> None:
    """Builds again elsewhere. Raises `Failed` where a byte differs."""
    again = work / "again"
    again.mkdir()
    build(source, python, work / "second", again)
    for file in sorted(again.iterdir()):
        if file.read_bytes() != (folder / file.name).read_bytes():
            raise Failed(f"{file.name} was built twice from one commit, and differs")
        print(f"built twice, equal bytes: {file.name}")


def bill(source: Source, folder: Path) -> None:
    """The software bill of materials, of all that requirements.lock has. It is valid by its own schema, or `Failed`."""
    with tempfile.TemporaryDirectory() as work:
        tree = source.unpacked(Path(work))
        words = ("requirements", "requirements.lock", "--pyproject", "pyproject.toml", "--output-reproducible")
        tool = str(Path(sys.executable).with_name("cyclonedx-py"))
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch), "PYTHONWARNINGS": "ignore"}
        made = run(tool, *words, "--index-url", papers.INDEX, cwd=tree, env=environment)
        lock = (tree / "requirements.lock").read_text()
    document = papers.bill(json.loads(made), source.version, lock)
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise Failed(f"the bill of materials is not valid: {wrong}")
    (folder / f"promptcdn-{source.version}.cdx.json").write_text(text)


def prove(source: Source, folder: Path, python: Path, began: datetime) -> None:
    """Provenance: what was built, of what, by what. It is a statement, and nobody's word until it is signed."""
    made_with = {
        "python": platform.python_version(),
        "setuptools": run(str(python), "-c", "import setuptools; print(setuptools.__version__)").strip(),
    }
    statement = papers.statement(
        {file.name: digest(file) for file in sorted(folder.iterdir())},
        commit=source.commit,
        tag=source.tag,
        made_with=made_with,
        times=(began, datetime.now(UTC)),
    )
    (folder / f"promptcdn-{source.version}.intoto.json").write_text(json.dumps(statement, indent=2) + "\n")


def finished(folder: Path, target: Path, key: Path | None) -> Path:
    """Writes the checksums, signs them where there is a key, and puts the folder in its place."""
    files = sorted(folder.iterdir())
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(f"{digest(file)}  {file.name}\n" for file in files))
    if key:
        run("ssh-keygen", "-Y", "sign", "-q", "-n", "file", "-f", str(key), str(sums))
    else:
        print(f"{LOUD}NOT SIGNED: no key was given (--sign KEY).{LOUD}", file=sys.stderr)
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, target)
    return target


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
