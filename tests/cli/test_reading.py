"""Commands that only read make nothing: the disk that is missing may be mounted in a moment."""

from pathlib import Path

import pytest

from tests.cli.test_tools import promptcdn
from tests.support.buckets import BUCKET, moto
from tests.support.buckets import environment as reached
from tests.support.service import Promptcdn

URL = "/?prompt=a+cat&seed=7&width=256&height=256"
READ = {
    "info": ["info", URL],
    "stats": ["stats"],
    "doctor": ["doctor"],
    "purge": ["purge", URL],
    "purge --dry-run": ["purge", URL, "--dry-run"],
    "store stats": ["store", "stats"],
    "store verify": ["store", "verify"],
    "store adopt": ["store", "adopt"],
    "store copy": ["store", "copy", "--from", "disk:typo", "--to", "disk:copy"],
}


@pytest.mark.parametrize("words", READ.values(), ids=READ)
def test_where_the_store_is_missing_it_stays_missing(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "data").mkdir()

    ended = promptcdn(tmp_path, *words, PORT=9)

    assert ended.returncode == (1 if words == ["doctor"] else 2)
    assert "there is no store in the folder" in ended.stdout + ended.stderr
    assert "the folder is not there" in ended.stdout + ended.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]


@pytest.mark.parametrize(
    "words",
    [["info"], ["purge", "--dry-run"], ["purge"], ["sign"]],
    ids=" ".join,
)
@pytest.mark.parametrize("seed", ["&seed=7", "&seed=day", ""], ids=["seeded", "calendar", "seedless"])
def test_commands_take_urls_whose_format_accept_chooses(tmp_path: Path, words: list[str], seed: str) -> None:
    with Promptcdn(tmp_path):
        pass

    ended = promptcdn(
        tmp_path, *words, f"/?prompt=a+cat{seed}&format=auto&w=64", PROMPTCDN_SIGNING_KEYS=f"k:{'s' * 32}"
    )

    assert (ended.returncode, "Error" in ended.stderr) == (0, False), ended.stderr


@pytest.mark.parametrize("words", [["info", URL], ["doctor"], ["stats"]], ids=["info", "doctor", "stats"])
def test_before_the_first_start_there_is_nothing_and_all_is_well(tmp_path: Path, words: list[str]) -> None:
    ended = promptcdn(tmp_path, *words, PORT=9)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", READ.values(), ids=READ)
def test_an_empty_folder_for_a_disk_stays_empty(tmp_path: Path, words: list[str]) -> None:
    for folder in ("data/store", "typo"):
        (tmp_path / folder).mkdir(parents=True)

    ended = promptcdn(tmp_path, *words, PORT=9)

    assert ended.returncode == (1 if words == ["doctor"] else 2)
    assert "the folder is empty" in ended.stdout + ended.stderr
    assert {path.name for path in tmp_path.rglob("*")} == {"data", "store", "typo"}


@pytest.mark.parametrize("words", [*READ.values(), ["store", "adopt", "--new"]], ids=" ".join)
def test_why_a_bucket_does_not_answer_is_one_line(tmp_path: Path, words: list[str]) -> None:
    """Commands name the cause once, behind the command's name."""
    words = [word.replace("disk:", "s3://pictures/") for word in words]

    ended = promptcdn(tmp_path, *words, PORT=9, PROMPTCDN_STORE="s3://pictures", **reached("http://127.0.0.1:9"))

    printed = [line for line in (ended.stdout + ended.stderr).splitlines() if "no answer from http://127" in line]
    assert len(printed) == 1, ended.stderr
    assert printed[0].startswith("BAD   store: " if words == ["doctor"] else "promptcdn: ")


@pytest.mark.parametrize("words", [READ["info"], READ["stats"], READ["purge"]], ids=" ".join)
def test_that_the_store_is_another_one_is_one_line(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "store-id").write_text("1" * 32)

    ended = promptcdn(tmp_path, *words, PORT=9)

    assert ended.stderr.count("this is not the store that was used before") == 1
    assert ended.stderr.startswith("promptcdn: ")


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("of somebody else")
    tmp_path.chmod(0o755)

    ended = promptcdn(tmp_path, "store", "stats", "--store", f"disk:{tmp_path}")

    assert (ended.returncode, "something else in it" in ended.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_store_that_was_moved_back_is_found_where_it_was(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        service.get(URL)
    (tmp_path / "data" / "store").rename(tmp_path / "away")
    for words in READ.values():
        promptcdn(tmp_path, *words, PORT=9)
    (tmp_path / "away").rename(tmp_path / "data" / "store")

    assert promptcdn(tmp_path, "info", URL).stdout.startswith("state        stored\n")


def test_a_bucket_is_read_without_a_data_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    with moto(tmp_path) as bucket:
        store = {"PROMPTCDN_STORE": f"s3://{BUCKET}/here", "PROMPTCDN_BUDGET": "5/day", **bucket.environment}
        with Promptcdn(tmp_path, **store) as service:
            service.get(URL)
        stored = promptcdn(elsewhere, "info", URL, **store)
        counted = promptcdn(elsewhere, "stats", **store, PORT=9)
        examined = promptcdn(elsewhere, "doctor", **store)

    assert stored.stdout.startswith("state        stored\n")
    assert "5 of 5/day left" in counted.stdout
    assert examined.returncode == 0, examined.stdout
    assert list(elsewhere.iterdir()) == []
