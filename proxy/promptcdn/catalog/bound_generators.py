"""Which generators and engines a store's URLs are bound to, as far as a sample tells: for the operator's tools."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import islice

from promptcdn.stores import Folder, InspectedStore, Name
from promptcdn.url.resolving import Offered

# So many bindings of each folder are looked at, and so many of them at once.
SAMPLE_MAX = 200
_AT_ONCE = 20


async def bound_generators(
    store: InspectedStore, folders: Iterable[Folder], most: int = SAMPLE_MAX
) -> Counter[Offered]:
    """How many of the bindings looked at are of each generator's engines: at most `most` of each folder.

    The names of bindings are hashes, so the first ones of a listing are as good as any. A generator that drew one in a
    hundred pictures is missed by 200 of them one time in seven. Raises `StoreUnavailable`.
    """
    names: list[Name] = []
    for folder in folders:
        names += await asyncio.to_thread(lambda: [name for name, _ in islice(store.listed(folder), most)])  # noqa: B023
    found: Counter[Offered] = Counter()
    for start in range(0, len(names), _AT_ONCE):
        headers = await asyncio.gather(*map(store.look, names[start : start + _AT_ONCE]))
        orders = (header.resolved for header in headers if header is not None)
        found.update(Offered(str(order.get("generator", "")), str(order.get("engine", ""))) for order in orders)
    return found
