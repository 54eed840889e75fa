"""What has to be installed: for each builder its own packages, and for the command line none of them."""

import subprocess
import sys

import pytest

BUILDERS = ("markdown", "mkdocs", "properdocs", "sphinx", "docutils")
NEEDED = {
    "promptcdn.cli": (),
    "promptcdn.sites.python_markdown": ("markdown",),
    "promptcdn.sites.mkdocs": ("markdown", "mkdocs"),
    "promptcdn.sites.sphinx": ("sphinx", "docutils"),
}


@pytest.mark.parametrize("module", NEEDED)
def test_nothing_is_needed_but_the_builder_itself(module: str) -> None:
    missing = [name for name in BUILDERS if name not in NEEDED[module]]
    command = "application()" if module == "promptcdn.cli" else ""
    program = f"import sys; sys.modules.update(dict.fromkeys({missing})); from {module} import *; {command}"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert (ended.returncode, ended.stderr) == (0, "")
