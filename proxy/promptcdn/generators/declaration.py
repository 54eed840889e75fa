"""What a generator declares of itself: all that other parts of the service know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from promptcdn.money.costs import Price
from promptcdn.stores import Folder
from promptcdn.url.engines import ANY, Family

if TYPE_CHECKING:  # Redis and the retries come in late, for generators that need them
    from promptcdn.generators import InspectedGenerator
    from promptcdn.generators.care.breaker import Breaker

# The engine that is whatever model the server has loaded: no name is sent, and only the operator knows which it is.
LOADED = "loaded"

# Terms of IPTC's vocabulary DigitalSourceType (cv.iptc.org/newscodes/digitalsourcetype, as of September 2024): drawn by
# a trained model, by an algorithm that learnt from nothing, or a mix of elements of which a model drew at least one.
# compositeWithTrainedAlgorithmicMedia is another thing: what a model edited.
SourceType = Literal["trainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic"]


@dataclass(frozen=True)
class Given:
    """What a generator is opened with.

    settings  the values of the settings that it declares, empty where they are not set
    seconds   how long one picture may take, all tries together
    breaker   the generator's own, which all replicas share
    engine    the engine of URLs that name none of this generator's
    paid      as the declaration has it under these settings
    """

    settings: Mapping[str, str] = field(repr=False)  # there are keys in it
    seconds: float
    breaker: "Breaker"
    engine: str
    paid: bool = True


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One generator.

    name         stands in every content key, so it is never changed
    opened       opens the generator. Raises `ValueError` where a setting cannot be right, and `ImportError`, with the
                 command that helps, where a package is missing
    engine       the default engine
    known        engines that `promptcdn engines` lists beside the default: those that the generator surely has
    engines      the families of its engines; of two that claim one engine the first holds
    prices       what its engines cost; of two that name one engine the first holds
    paid         whether a call costs money: then there is a budget unless the operator says otherwise
    settings     names of its settings; none where it needs nothing
    needs        the settings that must all be set
    needs_one    the settings of which one must be set; where `needs` names none either, any one of `settings`
    auto         whether it is in use where the operator names no generator and its settings are set
    concurrency  how many calls at once it takes at most, unless the operator says otherwise; `None`: any number
    by_settings  the declaration as it is under these values of `settings`, where they change it: which protocol is
                 spoken, what it costs. Raises `ValueError` where a setting cannot be right
    source_type  the mark that its pictures carry, if they are made from a text alone
    by_orders    whether its pictures are ordered, and brought by workers: nobody calls it. Then `concurrency` is how
                 many may be waited for at once
    bindings     the folder in the store that has what its URLs are bound to
    """

    name: str
    opened: "Callable[[Given], InspectedGenerator]"
    engine: str
    known: tuple[str, ...] = ()
    engines: tuple[Family, ...] = (ANY,)
    prices: tuple[Price, ...] = ()
    paid: bool = True
    settings: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    needs_one: tuple[str, ...] = ()
    auto: bool = False
    concurrency: int | None = None
    by_settings: "Callable[[Mapping[str, str]], Declaration] | None" = None
    source_type: SourceType = "trainedAlgorithmicMedia"
    by_orders: bool = False
    bindings: Folder = "bindings"

    def __post_init__(self) -> None:
        assert self.prices or not self.paid, "a credits budget would count nothing"
        assert {*self.needs, *self.needs_one} <= set(self.settings), "what is needed must be among the settings"
        assert self.has(self.engine), "the default engine must be of a family"

    @property
    def gives_way(self) -> bool:
        """Whether its URLs show another generator's pictures once that is the default."""
        return self.bindings != "bindings"

    @property
    def caveat(self) -> str:
        """What to know of its pictures while it is the default and gives way; else empty."""
        then = "once another generator is set up, write &v=2 at the end of URLs in use"
        return f"browsers and caches keep them for a year: {then}" if self.gives_way else ""

    def has(self, engine: str) -> bool:
        """Whether an engine of that id can be one of this generator's."""
        return any(family.claims(engine) for family in self.engines)

    def lacks(self, values: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
        """The settings that it still needs, one of each group; none where it can be used."""
        any_of = self.needs_one or (() if self.needs else self.settings)
        groups = (*((name,) for name in self.needs), *filter(None, (any_of,)))
        return tuple(group for group in groups if not any(values.get(name) for name in group))

    def under(self, values: Mapping[str, str]) -> "Declaration":
        """The declaration under these values of its settings. Raises `ValueError` where one cannot be right."""
        return self.by_settings(values) if self.by_settings else self
