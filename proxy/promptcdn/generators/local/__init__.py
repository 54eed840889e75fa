"""The `local` generator: pictures by models in folders of this machine, with openvino-genai or diffusers.

    kinds      policy: the kinds of models
    folders    policy: what a model's folder is, as its JSON files say
    samplers   policy: what the libraries call samplers and schedulers
    reading    reads a folder
    process/   the process with the model: starts it, hands it one order at a time, and starts it again
    child/     what runs in it
    extras     whether the libraries are installed
    memory     how much of it this machine has
    inventory  what `doctor` says
    hub        policy: well-known models, and which of their files are safe
    fetching   brings one, for `promptcdn model fetch`

Importing this module is cheap: nothing of a library is imported in the service's own process.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, InspectedGenerator, Made, Sources
from promptcdn.generators.declaration import LOADED, Declaration, Given
from promptcdn.generators.local.timings import TIMINGS, Timings
from promptcdn.problems import GENERATOR_MISSING, UpstreamFailed
from promptcdn.url.engines import ANY, IMAGE_TO_IMAGE, Family
from promptcdn.url.request import Resolved

if TYPE_CHECKING:
    from promptcdn.generators.local.process.running import Launch
    from promptcdn.generators.local.reading import Found


class Local:
    """Draws with `models`, one picture at a time, in a process of its own. `device`: as the library names it; empty: it
    is found out."""

    refuses = ""

    def __init__(self, models: "Sequence[Found]", device: str = "", timings: Timings = TIMINGS) -> None:
        from promptcdn.generators.local.process import ModelProcess  # late: asyncio and more, for those who draw

        self._models = {each.model.name: each for each in models}
        self._device = device
        self._timings = timings
        self.process = ModelProcess(timings)

    @property
    def name(self) -> str:
        return DECLARATION.name

    @property
    def paid(self) -> bool:
        return DECLARATION.paid

    def __repr__(self) -> str:
        return f"Local({', '.join(self._models)})"

    async def generate(
        self, resolved: Resolved, content_key: str, seconds: float | None = None, *, sources: Sources = NO_SOURCES
    ) -> Made:
        """One picture, within `seconds`. Raises `UpstreamFailed`. The process of one that is given up is ended."""
        del content_key
        found = self._models.get(resolved.engine)
        if found is None:
            detail = (
                f"the model {resolved.engine} is not set up: whoever runs the service names it in PROMPTCDN_LOCAL_MODEL"
            )
            raise UpstreamFailed(GENERATOR_MISSING, detail, charged=False)
        seconds = self._timings.picture if seconds is None else seconds
        files = {name: file for name, file in (("init", sources.init), ("mask", sources.mask)) if file is not None}
        order = ordered(resolved, found.model.family)
        picture = await self.process.draw(_launch(found, self._device), order, files, seconds)
        return Made(picture=picture, seed_sent=resolved.seed, seed_echo=resolved.seed)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """What the models of these engines are, and whether there is memory enough for them."""
        from promptcdn.generators.local import inventory  # late, as above

        return await inventory.checks(tuple(self._models.values()), engines, self._device, self._timings.look)

    async def close(self) -> None:
        """Ends the process; a picture under way is lost."""
        await self.process.close()


def device(text: str) -> str:
    """A device as a setting names it. Raises `ValueError`."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9:.,_-]{0,59}", text) is None:
        raise ValueError("allowed: the name of a device, like cpu, cuda, cuda:1, mps, CPU or GPU")
    return text


def ordered(resolved: Resolved, family: Family) -> dict[str, Any]:
    """The order as a model's process is told it: without what the model does not understand."""
    told = {name: getattr(resolved, name) for name in ("prompt", "seed", "width", "height", "steps")}
    asked = {name: getattr(resolved, name) for name in ("cfg_scale", "negative_prompt", "sampler", "scheduler")}
    if resolved.init is not None:
        asked["strength"] = resolved.strength
    return told | {
        name: value
        for name, value in asked.items()
        if value is not None and (name in family.understands or name == "strength")
    }


def _launch(found: "Found", device: str) -> "Launch":
    from promptcdn.generators.local.process.running import Launch  # late, as above

    model, understands = found.model, found.model.family.understands
    return Launch(
        model.library,
        device,
        str(found.folder),
        model.variant,
        flow=model.kind.flow,
        without=model.without,
        starts="init" in understands,
        masks="mask" in understands,
    )


def _found(values: Mapping[str, str]) -> "tuple[Found, ...]":
    from promptcdn.generators.local import reading  # late: for those who have models

    return reading.found(values["local_model"])


def _under(values: Mapping[str, str]) -> Declaration:
    """The declaration as the folders make it: each model is an engine, the first is the default."""
    models = tuple(each.model for each in _found(values))
    names = tuple(each.name for each in models)
    return replace(DECLARATION, engine=names[0], known=names, engines=tuple(each.family for each in models))


def _opened(given: Given) -> InspectedGenerator:
    from promptcdn.generators.care.guarded import Guarded  # late, as above
    from promptcdn.generators.local import extras

    models = _found(given.settings)
    for each in models:
        extras.require(each.model.library, each.model.name)
    # A breaker of its own: the process of another replica is another one.
    return Guarded(Local(models, given.settings["local_device"]), given.seconds, access="PROMPTCDN_LOCAL_MODEL")


DECLARATION = Declaration(
    name="local",
    opened=_opened,
    engine=LOADED,
    engines=(
        Family(
            ANY.pattern,
            ANY.sizes,
            ANY.default_size,
            understands=IMAGE_TO_IMAGE | {"negative_prompt", "steps", "cfg_scale", "sampler", "scheduler"},
        ),
    ),
    paid=False,
    settings=("local_model", "local_device"),
    needs=("local_model",),
    auto=True,
    # Two at once would only share the processor, and take twice the memory.
    concurrency=1,
    by_settings=_under,
)
