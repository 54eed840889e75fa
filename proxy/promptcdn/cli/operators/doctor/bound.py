"""What a sample of the URLs that have pictures tells the operator."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from promptcdn.checks import Check

if TYPE_CHECKING:
    from promptcdn.url.resolving import Defaults, Offered
    from promptcdn.wiring import Service


async def bound(service: "Service") -> list[Check]:
    """Pictures that could not be made again, and pictures that caches may have and this service no longer shows."""
    from promptcdn.catalog.bound_generators import bound_generators
    from promptcdn.generators.registry import bindings_folders, giving_way_folders
    from promptcdn.problems import StoreUnavailable

    folders = bindings_folders(service.generators)
    former = [folder for folder in giving_way_folders() if folder not in folders]
    try:
        found = await bound_generators(service.store, folders)
        before = await bound_generators(service.store, former, most=1)
    except StoreUnavailable:
        return []  # the store's own check says so
    defaults = service.settings.defaults
    return [*_not_set_up(found, defaults), *_without_seeds(found, defaults), *_former(before, defaults)]


def _not_set_up(found: "Counter[Offered]", defaults: "Defaults") -> Iterator[Check]:
    missing: Counter[str] = Counter()
    for one, count in found.items():
        if one.generator not in defaults.families:
            missing[one.generator] += count
    if missing:
        each = ", ".join(f"{name} ({missing[name]})" for name in sorted(missing))
        detail = f"of {found.total()} URLs looked at, some show pictures of generators that are not set up: {each}"
        advice = "stored pictures are shown; to make a lost one again, name its generator in PROMPTCDN_GENERATOR"
        yield Check("bound generators", True, detail, advice)


def _without_seeds(found: "Counter[Offered]", defaults: "Defaults") -> Iterator[Check]:
    lasting = [one for one in found if one.generator in defaults.families and not defaults.limits(one).seeded]
    if lasting:
        each = ", ".join(f"{one.full_name} ({found[one]})" for one in sorted(lasting))
        detail = f"of {found.total()} URLs looked at, some show pictures of engines that take no seed: {each}"
        advice = "a lost one of these cannot be made again: keep a copy of the store, with promptcdn store copy"
        yield Check("pictures without seeds", True, detail, advice)


def _former(before: "Counter[Offered]", defaults: "Defaults") -> Iterator[Check]:
    for one in before:
        detail = f"some URLs showed pictures of {one.generator}; they show those of {defaults.default.generator} now"
        advice = "browsers and caches keep the earlier ones for a year: write &v=2 at the end of such URLs"
        yield Check("caches", True, detail, advice)
