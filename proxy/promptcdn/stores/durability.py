"""Whether what is written to a folder outlives a restart. All facts are given: `volumes` looks them up."""

import re
from collections.abc import Mapping

# Types of file systems, as /proc/mounts names them.
_IN_MEMORY = ("tmpfs", "ramfs")
_CONTAINER_LAYERS = ("overlay", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs")
_NETWORK = ("nfs", "nfs4")

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


# Platforms whose disks end with what runs on them, and what they call that.
PLATFORMS = {"Cloud Run": "instance", "Fargate": "task"}


def platform(environment: Mapping[str, str]) -> str:
    """The name of the platform of `PLATFORMS` that set these variables; empty for any other.

    https://cloud.google.com/run/docs/container-contract#services-env-vars
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-environment-variables.html
    """
    if "K_SERVICE" in environment:
        return "Cloud Run"
    return "Fargate" if environment.get("AWS_EXECUTION_ENV") == "AWS_ECS_FARGATE" else ""


def caveat(folder: str, file_system: str, *, platform: str = "") -> str:
    """Why a restart forgets what is written to `folder`, on a file system of that type; empty where it does not.

    Where the runtime's storage driver is no overlay (btrfs, zfs), a container's layer is taken for a disk.
    """
    if platform and file_system not in _NETWORK:
        why = f"{platform} keeps no disk, and each {PLATFORMS[platform]} counts alone"
    elif file_system in _IN_MEMORY:
        why = f"{folder} is in memory ({file_system})"
    elif file_system in _CONTAINER_LAYERS:
        why = f"{folder} is in the container's own layer ({file_system}), mount a volume there"
    else:
        return ""
    return f"forgotten on restart: {why}"
