"""Disks that are full, and files that are not what was written."""

import contextlib
import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Figures
from tests.faults.stage import paid, small, verified
from tests.support.crowd import Crowd
from tests.support.rounds import rounds
from tests.support.service import Promptcdn
from tests.upstream import Upstream

YEAR, A_MINUTE = "public, max-age=31536000, immutable", "public, max-age=60, stale-while-revalidate=0"
URL = "/i.png?prompt=a+lighthouse&seed=7"

Damage = Callable[[bytes], Iterator[bytes]]


def flipped(data: bytes) -> Iterator[bytes]:
    """`data` with one bit flipped, at a hundred places from the first byte to the last."""
    chance = random.Random(1)
    for number in range(100):
        changed = bytearray(data)
        changed[number * (len(data) - 1) // 99] ^= 1 << chance.randrange(8)
        yield bytes(changed)


def cut(data: bytes) -> Iterator[bytes]:
    """Nothing, and the beginnings of `data` that a write may have come to."""
    header = data.index(b"\n")
    lengths = {0, 1, header - 1, header, header + 1, header + 2, len(data) - 1}
    lengths |= {number * len(data) // 40 for number in range(40)}
    for length in sorted(lengths):
        yield data[:length]


def changed_altogether(data: bytes) -> Iterator[bytes]:
    yield b"\0" * len(data)
    yield b"<!doctype html><title>not a picture</title>"
    yield data + b"\0"
    yield data + data
    yield data.replace(b'"promptcdn"', b'"Promptcdn"')


def stored_file(service: Promptcdn, folder: str) -> Path:
    """The only object of its kind."""
    (path,) = (service.folder / "data" / "store" / folder).glob("*/*/*")
    return path


def set_aside(service: Promptcdn) -> int:
    return len(list((service.folder / "data" / "store" / "corrupt").glob("*")))


@pytest.mark.parametrize("damage", [flipped, cut, changed_altogether])
def test_a_damaged_picture_is_made_anew_from_its_binding(
    tmp_path: Path, upstream: Upstream, figures: Figures, damage: Damage
) -> None:
    """A damaged picture is never served, and is made anew from its binding.

    Of PNG alone no rendition is left that could stand in.
    """
    with small(tmp_path, upstream, PROMPTCDN_MEMORY=0, PROMPTCDN_CONCURRENCY=128) as service:
        first = service.get(f"{URL}&rev=0").content
        count = len(list(damage(stored_file(service, "masters").read_bytes())))
        urls = [f"{URL}&rev={number}" for number in range(count)]
        whole = [answer.content for answer in service.get_together(*urls)]
        assert whole[0] == first
        for number, url in enumerate(urls):
            key = service.get(url.replace("/i.png", "/info")).json()["content_key"]
            path = service.folder / "data" / "store" / "masters" / key[:2] / key[2:4] / key
            path.write_bytes(list(damage(path.read_bytes()))[number])

        for answer, before in zip(service.get_together(*urls), whole, strict=True):
            assert (answer.status_code, answer.headers["cache-control"]) == (200, YEAR)
            assert answer.content != before

        assert set_aside(service) == count
        assert set(paid(upstream).values()) == {2}
        assert len(paid(upstream)) == count
    figures(damaged=count, found=count, served=0)


@pytest.mark.parametrize("damage", [flipped, cut, changed_altogether])
def test_a_damaged_rendition_is_made_anew_for_nothing(
    tmp_path: Path, upstream: Upstream, figures: Figures, damage: Damage
) -> None:
    """A damaged rendition is never served, and is made anew for nothing."""
    url = "/?prompt=a+lighthouse&seed=7"
    with small(tmp_path, upstream, PROMPTCDN_MEMORY=0) as service:
        whole = service.get(url).content
        path = stored_file(service, "renditions")
        damaged = list(damage(path.read_bytes()))
        for data in damaged:
            path.write_bytes(data)
            assert service.get(url).content == whole

        assert set_aside(service) == len(damaged)
        assert paid(upstream).total() == 1
    figures(damaged=len(damaged), found=len(damaged), served=0)


@pytest.mark.parametrize("damage", [flipped, cut])
def test_a_url_with_a_damaged_binding_shows_its_picture(
    tmp_path: Path, upstream: Upstream, figures: Figures, damage: Damage
) -> None:
    """A URL whose binding is damaged shows its picture for nothing."""
    store = tmp_path / "data" / "store"
    with small(tmp_path, upstream) as service:
        service.get("/?prompt=a&seed=0")
        count = len(list(damage(stored_file(service, "bindings").read_bytes())))
        urls = [f"/?prompt=a&seed={seed}" for seed in range(count)]
        whole = [service.get(url).content for url in urls]
    for number, path in enumerate(sorted(store.glob("bindings/*/*/*"))):
        path.write_bytes(list(damage(path.read_bytes()))[number])
    with small(tmp_path, upstream) as service:
        assert [service.get(url).content for url in urls] == whole
        assert set_aside(service) == count

    assert paid(upstream).total() == count
    assert verified(f"disk:{store}") == (0, f"{3 * count} good\n")
    figures(damaged=count, found=count)


# Full


@contextmanager
def no_file_may_grow(service: Promptcdn) -> Iterator[None]:
    """Every disk of the service is full: its store's, its counter's, its log's."""
    process, unlimited = service.process.pid, resource.RLIM_INFINITY
    resource.prlimit(process, resource.RLIMIT_FSIZE, (1024, unlimited))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (unlimited, unlimited))


def test_while_no_file_may_grow_no_paid_picture_is_lost(tmp_path: Path, upstream: Upstream, figures: Figures) -> None:
    """While no file may grow, pictures that were paid for are answered, and they are stored when there is room."""
    urls = [f"/?prompt=a&seed={seed}" for seed in range(20)]
    with small(tmp_path, upstream) as service:
        with no_file_may_grow(service):
            replies = dict(zip(urls, Crowd(service.url).answers(urls), strict=True))
        answered = {url: reply.body for url, reply in replies.items() if reply.status == 200}
        # Whoever comes when nothing more can be kept is told so, before anything is paid for.
        assert {reply.code for reply in replies.values() if reply.status != 200} <= {"spool_full"}
        assert {replies[url].headers["cache-control"] for url in answered} == {A_MINUTE}
        assert sorted(paid(upstream).values()) == [1] * len(answered)
        for url, body in answered.items():
            while (answer := service.get(url)).headers["cache-control"] != YEAR:
                assert answer.content == body

    with small(tmp_path, upstream) as service:
        assert [reply.body for reply in Crowd(service.url).answers(list(answered))] == list(answered.values())
    assert sorted(paid(upstream).values()) == [1] * len(answered)
    assert verified(f"disk:{tmp_path / 'data' / 'store'}")[0] == 0
    figures(requests=len(urls), paid=paid(upstream).total(), lost=0)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of two megabytes. Skips where this user cannot have one."""
    place = folder / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def fill(disk: Path) -> Path:
    """Leaves no room; gives the file to take away again."""
    junk = disk / "junk"
    with junk.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(disk).free == 0
    return junk


def test_a_full_disk_loses_no_picture(tmp_path: Path, upstream: Upstream, figures: Figures) -> None:
    """A disk that is full loses no picture, and is used again when there is room."""
    urls = [f"/?prompt=a&seed={seed}" for seed in range(rounds(5))]
    with small_disk(tmp_path) as disk, small(tmp_path, upstream, PROMPTCDN_STORE=f"disk:{disk / 'store'}") as service:
        kept = service.get("/?prompt=b&seed=1")
        junk = fill(disk)
        first = [service.get(url) for url in urls]
        assert {(answer.status_code, answer.headers["cache-control"]) for answer in first} == {(200, A_MINUTE)}
        assert service.get("/?prompt=b&seed=1").content == kept.content
        junk.unlink()
        for url, before in zip(urls, first, strict=True):
            while (answer := service.get(url)).headers["cache-control"] != YEAR:
                assert answer.content == before.content
        assert list((disk / "store" / "tmp").iterdir()) == []
        assert verified(f"disk:{disk / 'store'}")[0] == 0
    assert sorted(paid(upstream).values()) == [1] * (len(urls) + 1)
    figures(pictures=len(urls), paid=paid(upstream).total(), lost=0)


def test_a_picture_paid_with_a_full_disk_outlives_a_restart(
    tmp_path: Path, upstream: Upstream, figures: Figures
) -> None:
    """A picture that was paid for while the disk was full outlives a restart."""
    urls = [f"/?prompt=a&seed={seed}" for seed in range(rounds(5))]
    with small_disk(tmp_path) as disk:
        settings = {"PROMPTCDN_STORE": f"disk:{disk / 'store'}"}
        with small(tmp_path, upstream, **settings) as service:
            service.get("/?prompt=b&seed=1")
            junk = fill(disk)
            first = [service.get(url).content for url in urls]
        with small(tmp_path, upstream, **settings) as service:
            assert [service.get(url).content for url in urls] == first
            junk.unlink()
            for url in urls:
                while service.get(url).headers["cache-control"] != YEAR:
                    pass
    assert sorted(paid(upstream).values()) == [1] * (len(urls) + 1)
    figures(pictures=len(urls), paid=paid(upstream).total(), lost=0)
