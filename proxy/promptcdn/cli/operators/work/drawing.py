"""An order drawn by one of the generators of this machine."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptcdn.generators import Made, Sources
from promptcdn.generators.declaration import LOADED, Declaration
from promptcdn.settings import Settings
from promptcdn.url import engines
from promptcdn.url.engines import ANY, EVERY_SIZE, SOURCE_PARAMETERS
from promptcdn.url.request import Resolved
from promptcdn.wiring import opened_generator


class Drawer:
    """Draws what is ordered, with the first generator of the settings. Raises `BadSettings` where it cannot be used."""

    def __init__(self, declared: Declaration, chosen: Settings) -> None:
        self._declared = declared
        self._generator = opened_generator(declared, chosen)
        self._offered = chosen.offered_by(declared)

    @property
    def name(self) -> str:
        """The generator's."""
        return self._declared.name

    @property
    def can(self) -> dict[str, Any]:
        """What it can draw, as the service is told."""
        limits = [engines.engine(name, self._declared.engines) for name in self._offered]
        sizes = {size for each in limits for size in each.sizes}
        understands = {name for each in limits for name in SOURCE_PARAMETERS if name in each.understands}
        told: dict[str, Any] = {"engines": list(self._offered), "understands": sorted(understands)}
        if sizes != set(EVERY_SIZE):
            told["sizes"] = [f"{width}x{height}" for width, height in sorted(sizes)]
        return told

    @property
    def needed_size(self) -> str:
        """The size that the service has to order where URLs name none, like 512x512; empty where its own one does."""
        first = engines.engine(self._offered[0], self._declared.engines)
        return "" if first.allows(ANY.default_size) else "{}x{}".format(*first.default_size)

    async def draw(self, order: Mapping[str, Any]) -> Made:
        """The picture of an order. Raises `UpstreamFailed`; `ValueError` for what is no order."""
        files = {name: b64decode(file) for name, file in order.get("sources", {}).items()}
        sources = Sources(files.get("init"), files.get("mask"))
        resolved = self._as_ours(order["parameters"])
        return await self._generator.generate(resolved, str(order["content_key"]), sources=sources)

    async def close(self) -> None:
        await self._generator.close()

    def _as_ours(self, parameters: Mapping[str, Any]) -> Resolved:
        """The order as one for this generator, within the limits of its engine."""
        name = str(parameters["engine"])
        engine = self._offered[0] if name == LOADED else name
        limits = engines.engine(engine, self._declared.engines)
        try:
            asked = Resolved.from_parameters({**parameters, "generator": self._declared.name, "engine": engine})
        except TypeError as wrong:
            raise ValueError(f"the service is of another version: {wrong}") from None
        return replace(
            asked, steps=limits.nearest_steps(asked.steps), cfg_scale=limits.nearest_cfg_scale(asked.cfg_scale)
        )
