"""Which generators a store's URLs are bound to: a look at a sample, however large the store is."""

from collections.abc import Iterator

import pytest

from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.bound_generators import bound_generators
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, Name
from promptcdn.url.resolving import Offered
from tests.support.fakes import FakeStore, order

pytestmark = pytest.mark.anyio


class Shelf(FakeStore):
    """One that can be listed, and counts what was listed of it."""

    def __init__(self) -> None:
        super().__init__()
        self.listed_so_far = 0

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        self._require_up()
        for name in sorted(self.objects, key=lambda name: name.path):
            if name.folder == folder and name.leaf.startswith(leaf):
                self.listed_so_far += 1
                yield name, 1


async def filled(**counts: int) -> Shelf:
    shelf = Shelf()
    for generator, count in counts.items():
        for number in range(count):
            key = f"{number:02x}{len(generator):02x}" + "0" * 60
            await Bindings(shelf).bind(order(key, generator=generator), 1)
    return shelf


async def test_each_engine_of_each_generator_is_counted() -> None:
    shelf = await filled(painter=3, sketch=2, elsewhere=1)

    real = {Offered("painter", "e"): 3, Offered("elsewhere", "e"): 1}
    assert await bound_generators(shelf, ["bindings"]) == real  # type: ignore[arg-type]
    both: list[Folder] = ["bindings", "sketch-bindings"]
    assert await bound_generators(shelf, both) == {**real, Offered("sketch", "e"): 2}  # type: ignore[arg-type]


async def test_no_more_is_looked_at_than_the_sample() -> None:
    shelf = await filled(painter=90)

    assert (await bound_generators(shelf, ["bindings"], 30)).total() == 30  # type: ignore[arg-type]
    assert shelf.listed_so_far == 30


async def test_a_store_that_does_not_answer_tells_nothing() -> None:
    shelf = await filled(painter=1)
    shelf.down = True

    with pytest.raises(StoreUnavailable):
        await bound_generators(shelf, ["bindings"])  # type: ignore[arg-type]
