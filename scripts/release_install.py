"""Installs a wheel as its users do, in folders that are thrown away, and asks what was installed for a picture."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from release_build import Failed, run

BIN = Path(sys.executable).parent
START_SECONDS, ANSWER_SECONDS = 60, 60


def pipx(wheel: Path, folder: Path) -> Path:
    """`pipx install`; gives the program that it made."""
    environment = os.environ | {"PIPX_HOME": str(folder / "home"), "PIPX_BIN_DIR": str(folder / "bin")}
    run(str(BIN / "pipx"), "install", "--python", sys.executable, str(wheel), env=dict(environment))
    return folder / "bin" / "promptcdn"


def uv_tool(wheel: Path, folder: Path) -> Path:
    """`uv tool install`; gives the program that it made."""
    environment = os.environ | {"UV_TOOL_DIR": str(folder / "home"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    run(str(BIN / "uv"), "tool", "install", "--python", sys.executable, str(wheel), env=dict(environment))
    return folder / "bin" / "promptcdn"


def tried(install: Callable[[Path, Path], Path], wheel: Path, work: Path, version: str) -> str:
    """Installs, starts `promptcdn serve` and gets a picture; gives what was seen. Raises `Failed`."""
    folder = work / install.__name__
    folder.mkdir()
    program = install(wheel, folder)
    said = run(str(program), "--version").strip()
    if said != f"promptcdn {version}":
        raise Failed(f"{program.name} --version says {said}, and {version} was built")
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    picture = served(program, folder, {**kept, "PORT": "0", "PROMPTCDN_GENERATOR": "sketch"})
    return f"{said}, serve answers with {picture}"


def served(program: Path, folder: Path, environment: Mapping[str, str]) -> str:
    """The type and size of the picture whose URL the service prints at its start."""
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(
            [program, "serve"], stdout=subprocess.PIPE, stderr=log, cwd=folder, env=dict(environment), text=True
        )
    try:
        assert service.stdout
        url = next((line.strip() for line in service.stdout if line.startswith("http://")), None)
        if url is None:
            raise Failed(f"promptcdn serve ended: {(folder / 'log').read_text()[-2000:]}")
        # Not by a proxy that the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            body = answer.read()
            kind = str(answer.headers["Content-Type"])
    finally:
        service.send_signal(signal.SIGTERM)
        code = service.wait(START_SECONDS)
    # By the signal itself, as uvicorn ends.
    if answer.status != 200 or code not in (0, -signal.SIGTERM) or not kind.startswith("image/"):
        raise Failed(f"promptcdn serve answered {answer.status} {kind}, and ended with {code}")
    return f"{kind}, {len(body)} bytes"
