"""The registry of generators: what each declares, and that nothing else in the service names one."""

import ast
import subprocess
import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from promptcdn.generators import registry
from promptcdn.generators.declaration import Declaration
from promptcdn.generators.registry import BY_NAME, GENERATORS
from promptcdn.money.costs import Prices
from promptcdn.settings import load
from promptcdn.url.engines import engine
from promptcdn.url.resolving import Offered
from tests.support.fakes import order
from tests.support.offers import offers

PACKAGE = Path(registry.__file__).parent.parent
each_generator = pytest.mark.parametrize("generator", GENERATORS, ids=lambda each: each.name)


@each_generator
def test_a_generator_has_its_default_engine(generator: Declaration) -> None:
    found = engine(generator.engine, generator.engines)

    assert generator.has(generator.engine)
    assert found.allows(found.default_size)
    assert not found.retired


@each_generator
def test_what_the_default_engine_costs_is_declared(generator: Declaration) -> None:
    cost = Prices(published={generator.name: generator.prices}).cost(
        order(generator=generator.name, engine=generator.engine).resolved
    )

    assert (cost.millicredits > 0) == generator.paid


def test_a_paid_generator_without_a_price_cannot_be_declared() -> None:
    with pytest.raises(AssertionError, match="credits budget"):
        Declaration(name="free-lunch", opened=BY_NAME["sketch"].opened, engine="e")


def test_the_last_generator_needs_nothing_and_costs_nothing() -> None:
    """It is in use where nothing is set."""
    assert (GENERATORS[-1].settings, GENERATORS[-1].paid) == ((), False)


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [({}, "sketch"), ({"STABILITY_KEY": "key"}, "stability"), ({"STABILITY_HOST": "host"}, "stability")],
    ids=["nothing", "a key", "a host"],
)
def test_auto_chooses_a_generator_whose_settings_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], chosen: str
) -> None:
    """One that has no settings, which anybody could add, is used where it is named only."""
    monkeypatch.chdir(tmp_path)  # there is no .env
    free = replace(BY_NAME["sketch"], name="free")
    monkeypatch.setattr("promptcdn.settings.generators.GENERATORS", (free, *GENERATORS))
    for name in ("STABILITY_KEY", "STABILITY_HOST", "PROMPTCDN_GENERATOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    assert [each.name for each in load().generators] == [chosen]


@pytest.mark.parametrize(
    ("generator", "mark", "folder"),
    [
        ("sketch", "algorithmicMedia", "sketch-bindings"),
        ("stability", "trainedAlgorithmicMedia", "bindings"),
        ("of-a-newer-version", "trainedAlgorithmicMedia", "bindings"),
    ],
)
def test_a_stored_picture_keeps_its_mark_and_folder(generator: str, mark: str, folder: str) -> None:
    assert (registry.source_type(generator), registry.bindings_folder(generator)) == (mark, folder)


@pytest.mark.parametrize(
    ("generator", "of_sources", "mark"),
    [
        ("sketch", ("algorithmicMedia", "algorithmicMedia"), "algorithmicMedia"),
        ("sketch", ("trainedAlgorithmicMedia",), "compositeSynthetic"),
        ("sketch", ("algorithmicMedia", "compositeSynthetic"), "compositeSynthetic"),
        ("sketch", (None,), "compositeSynthetic"),
        ("stability", ("algorithmicMedia",), "trainedAlgorithmicMedia"),
    ],
)
def test_a_picture_from_pictures_is_marked_by_all_of_them(
    generator: str, of_sources: tuple[str | None, ...], mark: str
) -> None:
    assert registry.source_type(generator, of_sources) == mark


def test_only_its_own_engines_are_resolved_with_limits() -> None:
    sketch = BY_NAME["sketch"]

    assert not sketch.has("stable-diffusion-v1-6")
    assert offers("sketch", "sketch", families=sketch.engines).limits(Offered("sketch", "sketch")).allows((1536, 256))


def test_the_registry_loads_no_library_that_draws_or_calls() -> None:
    program = "import sys, promptcdn.generators.registry; print({'PIL', 'grpc', 'redis', 'tenacity'} & {*sys.modules})"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "set()"


def test_no_other_part_of_the_service_names_a_generator() -> None:
    assert named_elsewhere(PACKAGE, BY_NAME) == []


def test_a_generator_is_named_in_its_own_folder_or_file_alone(tmp_path: Path) -> None:
    for file in ("generators/a_folder/wire.py", "generators/a_file.py", "generators/others.py", "faces/a_file.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text('names = "a-folder", "a-file"')

    assert named_elsewhere(tmp_path, ["a-folder"]) == [
        "faces/a_file.py:1",
        "generators/a_file.py:1",
        "generators/others.py:1",
    ]
    assert named_elsewhere(tmp_path, ["a-file"]) == [
        "faces/a_file.py:1",
        "generators/a_folder/wire.py:1",
        "generators/others.py:1",
    ]


def named_elsewhere(package: Path, generators: Collection[str]) -> list[str]:
    """The lines that name a generator, outside of the file or the folder of a generator in `generators/`."""
    own = {("generators", name.replace("-", "_")) for name in generators}
    return [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in sorted(package.rglob("*.py"))
        if path.relative_to(package).with_suffix("").parts[:2] not in own
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in generators
    ]
