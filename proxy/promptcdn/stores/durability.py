"""Whether what is written to a folder outlives a restart. All facts are given: `volumes` looks them up."""

import re

# Types of file systems, as /proc/mounts names them.
_IN_MEMORY = ("tmpfs", "ramfs")
_CONTAINER_LAYERS = ("overlay", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs")

# The caveat of a budget that is counted on one machine, where other machines may use the same bucket.
COUNTED_ALONE = "counted by this machine alone, replicas need PROMPTCDN_REDIS_URL"


def file_system(mounts: str, folder: str) -> str:
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


def caveat(folder: str, file_system: str, *, cloud_run: bool) -> str:
    """Why a restart forgets what is written to `folder`, on a file system of that type; empty where it does not.

    Where the runtime's storage driver is no overlay (btrfs, zfs), a container's layer is taken for a disk.
    """
    if cloud_run:
        why = "Cloud Run keeps no disk, and each instance counts alone"
    elif file_system in _IN_MEMORY:
        why = f"{folder} is in memory ({file_system})"
    elif file_system in _CONTAINER_LAYERS:
        why = f"{folder} is in the container's own layer ({file_system}), mount a volume there"
    else:
        return ""
    return f"forgotten on restart: {why}"
