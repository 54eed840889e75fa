"""How much memory this machine has."""

import os
from pathlib import Path

_CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def total() -> int | None:
    """Bytes that this machine or container has; `None` where it does not say."""
    known = [size for size in (_of_the_machine(), *map(_of_the_container, _CGROUPS)) if size]
    return min(known, default=None)


def free() -> int | None:
    """Bytes that nobody uses now, of the machine's; `None` where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * 1024 if found else None


def _of_the_machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _of_the_container(limit: Path) -> int | None:
    try:
        text = limit.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
