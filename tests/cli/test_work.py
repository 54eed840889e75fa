"""What a worker says of its generator. Real workers and services are in `tests/service/test_workers.py`."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from promptcdn import settings
from promptcdn.cli.operators.work.client import Client, Refused
from promptcdn.cli.operators.work.drawing import Drawer
from promptcdn.generators import sketch
from promptcdn.url.engines import Family, Size
from tests.support.service import environment


@pytest.mark.parametrize(
    ("sizes", "default", "needed"),
    [
        (((512, 512), (768, 512)), (512, 512), "512x512"),
        (((512, 512), (1024, 1024)), (512, 512), ""),
    ],
)
def test_a_worker_names_the_size_that_it_has_to_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sizes: tuple[Size, ...], default: Size, needed: str
) -> None:
    """Where URLs name none the service orders 1024x1024, and such an order would wait for ever."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    (family,) = sketch.DECLARATION.engines
    small = Family(family.pattern, sizes, default)

    drawer = Drawer(replace(sketch.DECLARATION, engines=(small,)), settings.load(generator="sketch"))
    assert drawer.needed_size == needed


@pytest.mark.parametrize("secret", ["canary-token\n", "canary token", "canary-tokén", "canary\x01token"])
def test_a_token_that_cannot_be_sent_is_refused_unquoted(secret: str) -> None:
    with pytest.raises(Refused, match="a token is visible ASCII characters") as caught:
        Client("http://127.0.0.1:9", secret)
    assert "canary" not in str(caught.value)
