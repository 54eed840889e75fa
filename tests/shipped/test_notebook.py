"""The notebook for Colab, run cell by cell in a kernel of its own, for a real service."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.topology import ROOT
from tests.support.waiting import until
from tests.support.workers import SETTINGS, TOKENS, Pretender
from tests.upstream.kinds import KINDS

FILE = ROOT / "deploy" / "colab" / "promptcdn.ipynb"
URL = "/?prompt=a+lighthouse&seed=7&width=256&height=256"
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path / "service", **SETTINGS) as running:
        assert running.get(f"{URL}&wait=0").status_code == 503
        yield running


def notebook() -> Any:
    """As it is shipped."""
    return nbformat.read(FILE, as_version=4)  # type: ignore[no-untyped-call]


class Kernel:
    """The notebook in a kernel, with these variables."""

    def __init__(self, folder: Path, service: Promptcdn, **variables: str) -> None:
        folder.mkdir()
        known = {"SERVICE_URL": service.url, "PROMPTCDN_WORKER_TOKEN": TOKENS["gpu"], "SOURCE": "", **variables}
        self.notebook = notebook()
        path = os.pathsep.join([str(Path(PROMPTCDN).parent), os.environ["PATH"]])
        own = {"PROMPTCDN_DATA_DIR": folder / "data", "IPYTHONDIR": folder / "ipython", "PATH": path}
        self._variables = environment(**{**own, **known})
        self.client = NotebookClient(self.notebook, timeout=120, resources={"metadata": {"path": str(folder)}})

    def run(self) -> None:
        """Runs all cells. Raises `CellExecutionError`."""
        asyncio.run(self.client.async_execute(env=self._variables))

    def interrupt(self) -> None:
        """What Jupyter does where somebody stops a cell."""
        provisioner: Any = self.client.km and self.client.km.provisioner
        os.killpg(provisioner.pid, signal.SIGINT)

    @property
    def said(self) -> str:
        """What the cells have written so far."""
        outputs = (output for cell in self.notebook.cells for output in cell.get("outputs", ()))
        return "".join(output.get("text", "") for output in outputs)


def state(service: Promptcdn) -> str:
    return str(service.get(f"/info{URL}").json()["state"])


def test_the_notebook_is_valid_and_keeps_no_outputs() -> None:
    shipped = notebook()
    nbformat.validate(shipped)
    code = [cell for cell in shipped.cells if cell.cell_type == "code"]

    assert len(code) == 3
    assert [(cell.outputs, cell.execution_count) for cell in code] == [([], None)] * 3


def test_the_notebook_draws_for_a_service(service: Promptcdn, tmp_path: Path) -> None:
    kernel = Kernel(tmp_path / "notebook", service, GENERATOR="sketch", UNTIL_IDLE="8s")
    kernel.run()

    assert state(service) == "stored"
    assert "1 pictures drawn" in kernel.said
    assert "canary" not in json.dumps(kernel.notebook)


def test_a_stopped_cell_gives_its_order_back(service: Promptcdn, tmp_path: Path) -> None:
    """The next worker gets it at once, and not at the end of a lease."""
    with KINDS["a1111"].start() as upstream, ThreadPoolExecutor(1) as other:
        upstream.always("slow=60")
        settings: dict[str, Any] = KINDS["a1111"].settings(upstream, tmp_path)
        kernel = Kernel(tmp_path / "notebook", service, GENERATOR="a1111", **{k: str(v) for k, v in settings.items()})
        running = other.submit(kernel.run)
        until(lambda: upstream.ledger.calls() != [], 60)
        kernel.interrupt()
        running.result(60)

        assert "gave the order" in kernel.said
        assert Pretender(service, "other").next(wait=5).status_code == 200


def test_a_wrong_token_is_told_in_the_notebook(service: Promptcdn, tmp_path: Path) -> None:
    kernel = Kernel(tmp_path / "notebook", service, GENERATOR="sketch", PROMPTCDN_WORKER_TOKEN="canary-forged")  # noqa: S106
    with pytest.raises(CellExecutionError, match="exit code 2"):
        kernel.run()

    assert "does not know this token" in kernel.said
    assert "canary" not in kernel.said
