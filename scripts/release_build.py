"""Builds the files of a release from one commit: the same commit gives the same bytes of wheel and sdist."""

import gzip
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

# The modes of git: a umask of the machine must not decide them.
FILE, PROGRAM = 0o644, 0o755


class Failed(Exception):
    """What was asked for cannot be built, and why."""


@dataclass(frozen=True)
class Source:
    """The commit that is released. `epoch` is its time in seconds, `tag` is None for a trial."""

    root: Path
    commit: str
    version: str
    epoch: int
    tag: str | None

    def unpacked(self, folder: Path) -> Path:
        """Writes the tree of the commit to `folder`, and nothing else that lies about."""
        folder.mkdir(parents=True, exist_ok=True)
        words = ["git", "-C", str(self.root), "-c", "tar.umask=0022", "archive", "--format=tar", self.commit]
        archive = subprocess.run(words, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(folder, filter="tar")
        return folder

    def changes(self) -> str:
        return run("git", "-C", str(self.root), "show", f"{self.commit}:CHANGELOG.md")


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a command printed. Raises `Failed` with its errors."""
    ended = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, check=False)
    if ended.returncode:
        raise Failed(
            f"{' '.join(command[:3])} … ended with {ended.returncode}: {(ended.stdout + ended.stderr)[-4000:]}"
        )
    return ended.stdout


def build_environment(source: Source, folder: Path) -> Path:
    """A virtual environment with the locked setuptools and nothing else; gives its Python."""
    lock = run("git", "-C", str(source.root), "show", f"{source.commit}:requirements.lock")
    (setuptools,) = re.findall(r"(?m)^setuptools==(?:.*\\\n)+.*\n", lock)
    venv.create(folder, with_pip=False)
    wanted = folder / "setuptools.txt"
    wanted.write_text(setuptools)
    python = folder / "bin" / "python"
    here = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check")
    run(*here, "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(wanted))
    return python


def build(source: Source, python: Path, work: Path, target: Path) -> None:
    """Writes sdist and wheel to `target`; the wheel is built from the sdist, as installers do it."""
    tree = source.unpacked(work / "tree")
    made = work / "made"
    made.mkdir()
    _backend(source, python, "build_sdist", tree, made)
    (sdist,) = made.glob("*.tar.gz")
    normalise(sdist, target / sdist.name, source.epoch)
    with tarfile.open(target / sdist.name) as tar:
        tar.extractall(work, filter="data")
    _backend(source, python, "build_wheel", work / sdist.name.removesuffix(".tar.gz"), target)


def _backend(source: Source, python: Path, hook: str, tree: Path, target: Path) -> None:
    """One hook of the build backend (PEP 517), under the same umask, locale and time everywhere."""
    code = f"import os; os.umask(0o022); import setuptools.build_meta as backend; backend.{hook}({str(target)!r})"
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    fixed = {"SOURCE_DATE_EPOCH": str(source.epoch), "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0"}
    run(str(python), "-c", code, cwd=tree, env={**kept, **fixed})


def normalise(sdist: Path, target: Path, epoch: int) -> None:
    """Writes the archive anew: sorted, all of one time, of nobody. setuptools writes the time of the build into it."""
    with tarfile.open(sdist) as tar:
        members = sorted(tar.getmembers(), key=lambda member: member.name)
        contents = [(member, tar.extractfile(member)) for member in members]
        plain = BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as written:
            for member, content in contents:
                member.mtime, member.pax_headers = epoch, {}
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.mode = PROGRAM if member.isdir() or member.mode & 0o100 else FILE
                written.addfile(member, content)
    with target.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=epoch) as zipped:
        zipped.write(plain.getvalue())


def image(source: Source, folder: Path, base: str | None, loud: str) -> None:
    """Builds the image and writes it to `folder`, or says loudly why there is none."""
    name = f"promptcdn:{source.version}"
    archive = folder / f"promptcdn-{source.version}-image.tar"
    tree = source.unpacked(folder.parent / "image")
    arguments = ("--build-arg", f"BASE={base}") if base else ()
    why = "neither docker (with its daemon), podman nor buildah is here"
    for engine in (_docker, _podman, _buildah):
        try:
            if engine(name, tree, archive, arguments, source.epoch):
                print(f"built the image {name}")
                return
        except Failed as failed:
            why = str(failed)
    archive.unlink(missing_ok=True)
    print(f"{loud}NO IMAGE: {why}{loud}", file=sys.stderr)


def _docker(name: str, tree: Path, archive: Path, arguments: tuple[str, ...], epoch: int) -> bool:
    if not _answers("docker", "info"):
        return False
    dated = ("--build-arg", f"SOURCE_DATE_EPOCH={epoch}")
    run("docker", "build", *arguments, *dated, "--tag", name, str(tree))
    run("docker", "save", "--output", str(archive), name)
    return True


def _podman(name: str, tree: Path, archive: Path, arguments: tuple[str, ...], epoch: int) -> bool:
    if not _answers("podman", "info"):
        return False
    run("podman", "build", "--format", "docker", "--timestamp", str(epoch), *arguments, "--tag", name, str(tree))
    run("podman", "save", "--output", str(archive), name)
    return True


def _buildah(name: str, tree: Path, archive: Path, arguments: tuple[str, ...], epoch: int) -> bool:
    if not _answers("buildah", "--version"):
        return False
    # Certificates of this machine, for the build alone, as in ./scripts/image-test.
    configuration = tree.parent / "pip.conf"
    configuration.write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    mounts = ("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro", "--volume", f"{configuration}:/etc/pip.conf:ro")
    dated = ("--format", "docker", "--timestamp", str(epoch))
    run("buildah", "bud", "--isolation", "chroot", *dated, *mounts, *arguments, "--tag", name, str(tree))
    run("buildah", "push", "--quiet", name, f"docker-archive:{archive}:{name}")
    return True


def _answers(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
