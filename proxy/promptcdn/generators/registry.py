"""Every generator, one line each. Nothing else in the service names one."""

from collections.abc import Iterable

from promptcdn.generators import a1111, comfyui, huggingface, local, openai, sketch, stability, worker
from promptcdn.generators.declaration import Declaration, SourceType
from promptcdn.stores import Folder
from promptcdn.url.engines import Engine, engine
from promptcdn.url.request import Resolved

# Where the operator names none, the first that declares `auto` and has its settings is in use; else the last.
GENERATORS: tuple[Declaration, ...] = (
    stability.DECLARATION,
    a1111.DECLARATION,
    comfyui.DECLARATION,
    local.DECLARATION,
    openai.DECLARATION,
    huggingface.DECLARATION,
    worker.DECLARATION,
    sketch.DECLARATION,
)
BY_NAME = {each.name: each for each in GENERATORS}


def source_type(generator: str, of_sources: Iterable[str | None] = ()) -> SourceType:
    """The mark of that generator's pictures; of a generator that only a newer version has, that of a trained model.

    `of_sources` are the marks of the pictures that it is made from: an algorithm's picture with a model's in it is a
    mix.
    """
    own = BY_NAME[generator].source_type if generator in BY_NAME else "trainedAlgorithmicMedia"
    mixed = own == "algorithmicMedia" and any(mark != own for mark in of_sources)
    return "compositeSynthetic" if mixed else own


def limits(resolved: Resolved) -> Engine:
    """The engine of that order with its limits; of a generator that only a newer version has, with none."""
    known = BY_NAME.get(resolved.generator)
    return engine(resolved.engine, known.engines if known else ())


def bindings_folder(generator: str) -> Folder:
    """The folder of that generator's bindings; of a generator that only a newer version has, the usual one."""
    return BY_NAME[generator].bindings if generator in BY_NAME else "bindings"


def gives_way(generator: str) -> bool:
    """Whether that generator's URLs show another one's pictures once that is the default."""
    return generator in BY_NAME and BY_NAME[generator].gives_way


def giving_way_folders() -> tuple[Folder, ...]:
    """The folders of bindings that are read only while their generators are in use."""
    return tuple(dict.fromkeys(each.bindings for each in GENERATORS if each.gives_way))


def bindings_folders(generators: Iterable[str]) -> tuple[Folder, ...]:
    """Every folder in which a URL may be bound while these generators are in use."""
    return tuple(dict.fromkeys(("bindings", *map(bindings_folder, generators))))


def apart(engine: str | None) -> str | None:
    """The generator with a folder of bindings of its own of which a URL that names that engine asks for a picture."""
    if engine is None:
        return None
    of, _, name = engine.rpartition("/")
    having = (each for each in GENERATORS if each.gives_way and of in ("", each.name) and each.has(name))
    return next((each.name for each in having), None)
