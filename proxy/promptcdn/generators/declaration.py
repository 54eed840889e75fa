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

# Terms of IPTC's vocabulary DigitalSourceType: drawn by a trained model, or by an algorithm that learnt from nothing.
SourceType = Literal["trainedAlgorithmicMedia", "algorithmicMedia"]


@dataclass(frozen=True)
class Given:
    """What a generator is opened with: the values of the settings that it declares, empty where they are not set;
    the seconds that one picture may take; and the breaker that all replicas share."""

    settings: Mapping[str, str] = field(repr=False)  # there are keys in it
    seconds: float
    breaker: "Breaker"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One generator.

    name         stands in every content key, so it is never changed
    opened       opens the generator. Raises `ValueError` where a setting cannot be right, and `ImportError`, with the
                 command that helps, where a package is missing
    engine       the default engine
    engines      the families of its engines; of two that claim one engine the first holds
    prices       what its engines cost; of two that name one engine the first holds
    paid         whether a call costs money: then there is a budget unless the operator says otherwise
    settings     names of settings, one of which must be set; none where the generator needs nothing
    source_type  the mark that its pictures carry
    bindings     the folder in the store that has what its URLs are bound to
    """

    name: str
    opened: "Callable[[Given], InspectedGenerator]"
    engine: str
    engines: tuple[Family, ...] = (ANY,)
    prices: tuple[Price, ...] = ()
    paid: bool = True
    settings: tuple[str, ...] = ()
    source_type: SourceType = "trainedAlgorithmicMedia"
    bindings: Folder = "bindings"

    def __post_init__(self) -> None:
        assert self.prices or not self.paid, "a credits budget would count nothing"

    def has(self, engine: str) -> bool:
        """Whether an engine of that id can be one of this generator's."""
        return any(family.claims(engine) for family in self.engines)
