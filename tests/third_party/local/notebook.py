"""The notebook for Colab with a model of random weights: run by `./scripts/generators-test local`.

`LOCAL_PROGRAMS` is the folder of the programs of an environment that has diffusers, and the service.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.shipped.test_notebook import Kernel
from tests.support.service import Promptcdn
from tests.support.workers import SETTINGS

PROGRAMS = Path(os.environ["LOCAL_PROGRAMS"])
HERE = Path(__file__).parent
URL = "/?prompt=a+lighthouse&seed=7"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("script", [["diffusers_model.py", "sd"], ["openvino_model.py"]], ids=lambda words: words[0])
def test_the_notebook_draws_with_a_model(tmp_path: Path, script: list[str]) -> None:
    model = tmp_path / "model"
    subprocess.run([PROGRAMS / "python", HERE / script[0], *script[1:], model], check=True)
    path = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
    settings = {**SETTINGS, "PROMPTCDN_SIZE": "256x256"}  # what that model draws
    with Promptcdn(tmp_path / "service", **settings) as service:
        assert service.get(f"{URL}&wait=0").status_code == 503
        kernel = Kernel(
            tmp_path / "notebook", service, GENERATOR="local", MODEL=str(model), UNTIL_IDLE="15s", PATH=path
        )
        kernel.run()

        assert "1 pictures drawn" in kernel.said, kernel.said
        assert service.get(URL).headers["cache-control"] == "public, max-age=31536000, immutable"
