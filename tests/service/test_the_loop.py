"""The event loop answers hits: nothing that takes long may run on its thread."""

import ast
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import pytest

import promptcdn
from promptcdn.faces.app import create_app
from promptcdn.settings import load
from promptcdn.wiring import opened

# Functions that take long, by the file that they are written in (`None`: all of them). The loop hands them over.
BLOCKING: dict[str, set[str] | None] = {
    "/promptcdn/pictures/encoding.py": None,
    "/promptcdn/pictures/files.py": None,
    "/promptcdn/pictures/lettering/": None,
    "/promptcdn/pictures/placeholders/drawing.py": None,
    "/promptcdn/pictures/sheet.py": None,
    "/promptcdn/generators/sketch/drawing.py": None,
    "/promptcdn/stores/disk.py": {
        "_read",
        "_look",
        "_names",
        "_write",
        "_linked",
        "_checked",
        "_set_aside",
        "_unlink",
        "_require_writable",
        "_write_and_clear",
    },
    "/promptcdn/stores/s3/buckets.py": {"read", "write_new", "move", "delete", "listed", "open", "require_writable"},
    "/promptcdn/stores/s3/objects.py": {"get", "put", "occupy", "discard", "move", "delete", "listed"},
    "/promptcdn/spool/folder.py": {"_files", "_probe", "_move_aside"},
    "/promptcdn/money/budget/sqlite.py": {"_spend", "_unspend", "_usages", "_by_engine", "_bring_up_to_date"},
    "/promptcdn/money/rates/sqlite.py": {"_paid", "_pay", "_wait", "_sweep"},
    "/PIL/": None,
    "/botocore/": None,
}
SOURCE = Path(promptcdn.__file__).parent.parent
OURS = {place: names for place, names in BLOCKING.items() if place.startswith("/promptcdn/")}
# Pillow has a say in the imports of whoever imports anything.
IMPORTING = ("<module>", "find_spec")
CAMO = {"user-agent": "go-camo", "via": "go-camo"}
BROWSER = {"accept": "image/avif,image/webp,*/*;q=0.8"}


class Watch:
    """Which blocking functions were called, on the loop's thread and on others."""

    def __init__(self) -> None:
        self.on_the_loop: set[str] = set()
        self.elsewhere: set[str] = set()
        self._loop = threading.get_ident()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        path, name = frame.f_code.co_filename, frame.f_code.co_name
        for place, names in BLOCKING.items():
            if place in path and (names is None or name in names) and name not in IMPORTING:
                (self.on_the_loop if threading.get_ident() == self._loop else self.elsewhere).add(name)

    def __enter__(self) -> "Watch":
        threading.setprofile(self)
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)


async def everything(client: httpx2.AsyncClient) -> None:
    """A request of every kind that reads, draws, stores, encodes or counts."""
    url = "/?prompt=a+lighthouse&seed=7"
    for asked, head, status in (
        (url, {}, 200),
        (url + "&format=avif", {}, 200),
        (url + "&format=jpeg&w=200", {}, 200),
        (url + "&w=64&dpr=2", {}, 200),
        ("/?prompt=a+pool", {}, 200),
        ("/?prompt=a+pool", {}, 200),
        ("/?prompt=a+day&seed=day", {}, 200),
        ("/?prompt=slow&seed=7&wait=0", CAMO, 200),
        ("/?prompt=a&sede=7", BROWSER, 400),
        ("/info?prompt=a", {}, 200),
        ("/readyz", {}, 200),
        (f"/i/{'0' * 64}?w=64", {}, 404),
    ):
        answer = await client.get(asked, headers=head)
        assert answer.status_code == status, (asked, answer.text[:200])


@pytest.mark.anyio
async def test_nothing_that_blocks_runs_on_the_loops_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No encode, no call to a store, no drawing, no count."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"SIZE": "256x256", "BUDGET": "1000/day", "MEMORY": "0"}.items():
        monkeypatch.setenv(f"PROMPTCDN_{name}", value)

    # Threads are profiled from their start, so the service is opened under the watch.
    with Watch() as watch:
        service = opened(load())
        await service.start()
        transport = httpx2.ASGITransport(create_app(service))
        async with httpx2.AsyncClient(transport=transport, base_url="http://promptcdn") as client:
            await everything(client)
        await service.close()

    assert watch.on_the_loop == set()
    # The watch does see these functions where they belong.
    assert {"_read", "_write", "encoded", "seen", "master", "placeholder", "error", "_spend"} <= watch.elsewhere


@pytest.mark.parametrize(("place", "names"), OURS.items(), ids=OURS)
def test_every_blocking_function_is_where_the_table_says(place: str, names: set[str] | None) -> None:
    """A function that moved or was renamed would not be watched any more."""
    path = SOURCE / place.strip("/")
    files = [path] if path.is_file() else sorted(path.glob("*.py"))
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]

    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    assert defined
    assert (names or set()) - defined == set()
