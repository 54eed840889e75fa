"""Where a restart forgets what was written to a folder."""

import pytest

from promptcdn.stores.durability import caveat, file_system

MOUNTS = """\
overlay / overlay rw,relatime,lowerdir=/var/lib/docker/overlay2/l/AB 0 0
proc /proc proc rw,nosuid 0 0
tmpfs /dev tmpfs rw,nosuid,size=65536k,mode=755 0 0
/dev/vda1 /data ext4 rw,relatime 0 0
tmpfs /data/scratch tmpfs rw 0 0
/dev/vdb1 /my\\040disk xfs rw 0 0
tmpfs /twice tmpfs rw 0 0
/dev/vdc1 /twice btrfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "overlay"),
        ("/app/data", "overlay"),
        ("/data", "ext4"),
        ("/data/promptcdn", "ext4"),
        ("/database", "overlay"),
        ("/data/scratch/x", "tmpfs"),
        ("/my disk/x", "xfs"),
        ("/twice/x", "btrfs"),
    ],
)
def test_a_folder_is_on_the_innermost_mount_above_it(folder: str, kind: str) -> None:
    assert file_system(MOUNTS, folder) == kind


def test_where_no_mounts_are_known_no_file_system_is() -> None:
    assert file_system("", "/data") == ""


@pytest.mark.parametrize(
    ("kind", "cloud_run", "said"),
    [
        ("ext4", False, ""),
        ("", False, ""),
        ("nfs4", False, ""),
        ("tmpfs", False, "forgotten on restart: data is in memory (tmpfs)"),
        ("ramfs", False, "forgotten on restart: data is in memory (ramfs)"),
        (
            "overlay",
            False,
            "forgotten on restart: data is in the container's own layer (overlay), mount a volume there",
        ),
        ("ext4", True, "forgotten on restart: Cloud Run keeps no disk, and each instance counts alone"),
        ("overlay", True, "forgotten on restart: Cloud Run keeps no disk, and each instance counts alone"),
    ],
)
def test_what_a_restart_forgets_is_said_in_one_line(kind: str, cloud_run: bool, said: str) -> None:
    assert caveat("data", kind, cloud_run=cloud_run) == said
