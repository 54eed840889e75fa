"""OpenAI's images API through the caches as this project sets them up: nothing of it is kept, and its URLs are."""

from pathlib import Path

import pytest
from openai import OpenAI

from tests.faces.openai_api.conftest import TEAM, Api
from tests.support.caches import Nginx, Varnish


@pytest.mark.parametrize("cache", [Nginx, Varnish])
def test_a_cache_in_front_hands_requests_on_and_keeps_nothing(
    api: Api, tmp_path: Path, cache: type[Nginx] | type[Varnish]
) -> None:
    with cache(tmp_path / "front", api.service.url.removeprefix("http://")) as front:
        client = OpenAI(api_key=TEAM, base_url=f"{front.url}/v1", max_retries=0)
        with client:
            draws = [client.images.generate(prompt=f"behind {cache.__name__}", n=2) for _ in range(2)]
            models = [model.id for model in client.models.list()]
        nobody = front.get("/v1/models")

    seeds = {datum.model_extra["seed"] for draw in draws for datum in draw.data or [] if datum.model_extra}
    assert len(seeds) == 4
    assert models
    assert nobody.status_code == 401
