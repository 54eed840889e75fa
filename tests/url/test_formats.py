"""The table of picture formats: a row says all but how to encode."""

import ast
from pathlib import Path

import pytest

import promptcdn
from promptcdn.pictures import ENCODERS
from promptcdn.url import formats
from promptcdn.url.formats import FORMATS, Format, split_extension
from promptcdn.url.parse import parse_url
from tests.support.fakes import NO_FORMAT

PACKAGE = Path(promptcdn.__file__).parent
# The row and the encoder: all that adding a format touches.
PLACES = {PACKAGE / "url" / "formats.py", PACKAGE / "pictures" / "encoding.py"}
# What a program of another name would say: PNG is also what masters are stored as.
NAMES = {row.name for row in FORMATS} - {"png"}


def test_every_format_has_a_row_and_an_encoder() -> None:
    assert set(ENCODERS) == {row.name for row in FORMATS}


@pytest.mark.parametrize(
    "path", sorted(set(PACKAGE.rglob("*.py")) - PLACES), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_no_other_file_knows_a_format_by_its_name(path: Path) -> None:
    texts = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}

    assert not texts & (NAMES | {f"image/{name}" for name in NAMES} | {f".{row.extension}" for row in FORMATS})


@pytest.mark.parametrize("column", ["name", "media_type", "extension", "loss"])
def test_rows_differ_in_each_column_that_tells_them_apart(column: str) -> None:
    values = [getattr(row, column) for row in FORMATS]

    assert len(values) == len(set(values))


def test_the_extensions_cut_off_a_prompt_are_frozen() -> None:
    """A new format has its extension at `/i.EXT` and `/i/KEY.EXT`; a published prompt that ends in it stays whole."""
    assert set(formats.PROMPT_EXTENSIONS) == {".png", ".webp", ".jpg", ".avif"}


def test_a_new_format_leaves_published_prompts_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Format(NO_FORMAT, f"image/{NO_FORMAT}", NO_FORMAT, quality=None, loss=9)
    monkeypatch.setitem(formats.BY_NAME, new.name, new)
    monkeypatch.setitem(formats.BY_FILE_EXTENSION, f".{new.extension}", new)

    assert split_extension(f"/i.{NO_FORMAT}") == ("/i", NO_FORMAT)
    assert parse_url(f"/prompt/a.{NO_FORMAT}".encode(), b"seed=7").asked.prompt == f"a.{NO_FORMAT}"
    assert parse_url(b"/prompt/a.jpg", b"seed=7").asked.prompt == "a"


def test_only_a_formats_extension_is_cut_off_a_path() -> None:
    assert split_extension("/i.jpg") == ("/i", "jpeg")
    assert split_extension("/i.jpeg") == ("/i", "jpeg")
    assert split_extension("a cat.jpeg", formats.BY_EXTENSION) == ("a cat.jpeg", None)
    assert split_extension("a lighthouse, 3.5 m") == ("a lighthouse, 3.5 m", None)
    assert formats.DEFAULT.name == "webp"
