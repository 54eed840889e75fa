"""Whether a count outlives a restart, and covers all replicas. The facts are given: nothing is looked up here."""

import re

_MEMORY = ("tmpfs", "ramfs")
_LAYERS = ("overlay", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs")

# Of a budget's count, where other machines may use the same bucket.
ALONE = "counted by this machine alone, replicas need PROMPTCDN_REDIS_URL"


def filesystem(mounts: str, folder: str) -> str:
    """The type of the file system that `folder` (absolute, without links) is on; empty where that is not known.

    `mounts` is the text of `/proc/mounts` (proc(5), fstab(5)): of two mounts at one place the later hides the earlier.
    """
    longest, found = "", ""
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        place = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), place)
        if len(place) >= len(longest) and f"{folder}/".startswith(f"{place.rstrip('/')}/"):
            longest, found = place, kind
    return found


def forgets(folder: str, kind: str, *, cloud_run: bool) -> str:
    """Why a restart forgets what is counted in `folder`, on a file system of that kind; empty where it does not.

    A container's layer is not told from a disk where the runtime's storage driver is no overlay (btrfs, zfs).
    """
    if cloud_run:
        why = "Cloud Run keeps no disk, and each instance counts alone"
    elif kind in _MEMORY:
        why = f"{folder} is in memory ({kind})"
    elif kind in _LAYERS:
        why = f"{folder} is in the container's own layer ({kind}), mount a volume there"
    else:
        return ""
    return f"forgotten on restart: {why}"
