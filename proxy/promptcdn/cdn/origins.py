"""What people are told of a picture that is made from other ones."""

from collections.abc import Iterator, Mapping

from promptcdn.generators.registry import gives_way, source_type
from promptcdn.readers.answers import State
from promptcdn.url.request import Resolved
from promptcdn.url.resolving import LOST


def notes(resolved: Resolved, state: State, sources: Mapping[str, State], origins: frozenset[str]) -> Iterator[str]:
    """Sentences for `/info`: where the pictures it starts from will not change, are gone, or decide its mark.

    `state` is that of the picture, `sources` has those of the pictures it is made from, by parameter. `origins` are the
    generators of these and of all that they were made from.
    """
    for name in sorted(filter(gives_way, origins)):
        stays = f"it starts from a picture of the generator {name}, also when another generator is the default"
        yield f"{stays}: then write the content_key of a new picture in init and mask"
    mark = source_type(resolved.generator, (source_type(origin) for origin in origins))
    if mark != source_type(resolved.generator):
        yield f"its file is marked {mark}, since a picture of a trained model is part of it"
    if state == "stored":
        for name, there in sources.items():
            if there != "stored":
                yield f"the picture that {name} names is {there}: {LOST}"
