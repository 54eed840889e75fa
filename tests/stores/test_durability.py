"""Where a restart forgets what was written to a folder."""

import pytest

from promptcdn.stores.durability import caveat, file_system, platform

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
    ("kind", "on", "said"),
    [
        ("ext4", "", ""),
        ("", "", ""),
        ("nfs4", "", ""),
        ("tmpfs", "", "forgotten on restart: data is in memory (tmpfs)"),
        ("ramfs", "", "forgotten on restart: data is in memory (ramfs)"),
        (
            "overlay",
            "",
            "forgotten on restart: data is in the container's own layer (overlay), mount a volume there",
        ),
        ("ext4", "Cloud Run", "forgotten on restart: Cloud Run keeps no disk, and each instance counts alone"),
        ("overlay", "Cloud Run", "forgotten on restart: Cloud Run keeps no disk, and each instance counts alone"),
        ("ext4", "Fargate", "forgotten on restart: Fargate keeps no disk, and each task counts alone"),
        ("nfs4", "Fargate", ""),
    ],
)
def test_what_a_restart_forgets_is_said_in_one_line(kind: str, on: str, said: str) -> None:
    assert caveat("data", kind, platform=on) == said


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, ""),
        ({"K_SERVICE": "promptcdn"}, "Cloud Run"),
        ({"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}, "Fargate"),
        ({"AWS_EXECUTION_ENV": "AWS_ECS_EC2"}, ""),
    ],
)
def test_platforms_are_known_by_their_variables(environment: dict[str, str], named: str) -> None:
    assert platform(environment) == named
