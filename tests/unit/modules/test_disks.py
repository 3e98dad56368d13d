# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host_config does with disks: files stand for devices, and commands are only noted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._host.config import HostConfig
from ansible_collections.continuum.im.plugins.module_utils._host.disks import (
    Disks,
    Machine,
    is_blank,
    is_block_device,
    wanted_packages,
)

pytestmark = pytest.mark.unit


class Host:
    """A host: blkid finds what mkfs made, and mounting shows in /proc."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen: list[str] = []
        self.content: dict[str, str] = {}
        self.fails: dict[str, str] = {}
        for name in ("etc", "proc/self", "state", "dev", "mnt"):
            (root / name).mkdir(parents=True)
        (root / "etc" / "fstab").write_text("# of the image\n/dev/vda1 / ext4 defaults 0 1\n")
        (root / "proc" / "self" / "mountinfo").write_text("")
        (root / "proc" / "swaps").write_text("Filename Type\n")

    def device(self, name: str, data: bytes = b"\0" * 4096) -> str:
        (self.root / "dev" / name).write_bytes(data)
        return str(self.root / "dev" / name)

    def run(self, command: list[str], **_options: Any) -> tuple[int, str, str]:
        if command[0] == "blkid":
            found = self.content.get(command[-1], "")
            return (0, found, "") if found else (2, "", "")
        self.seen.append(" ".join(command).replace(str(self.root), ""))
        if command[0] in self.fails:
            return 1, "", self.fails[command[0]]
        if command[0].startswith("mk"):
            kind = "swap" if command[0] == "mkswap" else command[0].rpartition(".")[2]
            self.content[command[-1]] = f"DEVNAME={command[-1]}\nUUID=u-{os.path.basename(command[-1])}\nTYPE={kind}\n"
        elif command[0] == "mount":
            self.mounts(lambda lines: [*lines, f"1 2 8:0 / {command[-1]} rw - ext4 x rw"])
        elif command[0] == "umount":
            self.mounts(lambda lines: [line for line in lines if line.split()[4] != command[-1]])
        elif command[0] == "swapon":
            (self.root / "proc" / "swaps").write_text(f"Filename Type\n{command[-1]} partition\n")
        return 0, "", ""

    def mounts(self, change: Callable[[list[str]], list[str]]) -> None:
        path = self.root / "proc" / "self" / "mountinfo"
        path.write_text("".join(line + "\n" for line in change(path.read_text().splitlines())))

    def apply(self, *disks: dict[str, Any], check: bool = False) -> HostConfig:
        self.seen.clear()
        config = HostConfig(self.run, check)
        machine = Machine(
            *(str(self.root / name) for name in ("etc", "proc", "state")), seconds=0.2, is_device=os.path.exists
        )
        Disks(config, machine).apply(list(disks))
        return config

    def disk(self, name: str = "data", device: str = "sdf", mount: str = "mnt/data", **more: Any) -> dict[str, Any]:
        place = str(self.root / mount) if mount else ""
        return {"name": name, "paths": [str(self.root / "dev" / device)], "mount": place, "fs_type": "ext4", **more}

    @property
    def fstab(self) -> str:
        return (self.root / "etc" / "fstab").read_text().replace(str(self.root), "")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


FSTAB = "# of the image\n/dev/vda1 / ext4 defaults 0 1\n"
OURS = "# Disk of continuum.im: data\nUUID=u-sdf /mnt/data ext4 defaults,nofail 0 2\n"


def test_a_blank_disk_is_formatted_written_down_and_mounted_once(host: Host) -> None:
    host.device("sdf")
    done = host.apply(host.disk())
    assert done.changed
    assert host.seen == ["mkfs.ext4 -q -F /dev/sdf", "systemctl daemon-reload", "mount -t ext4 /dev/sdf /mnt/data"]
    assert host.fstab == FSTAB + OURS
    assert os.listdir(host.root / "state") == []
    again = host.apply(host.disk())
    assert (again.changed, again.diff, host.seen) == (False, [], [])


def test_a_file_system_that_is_there_is_used_as_it_is(host: Host) -> None:
    host.content[host.device("sdf")] = "UUID=u-sdf\nTYPE=xfs\n"
    host.apply(host.disk())
    assert host.seen == ["systemctl daemon-reload", "mount -t xfs /dev/sdf /mnt/data"]
    assert "UUID=u-sdf /mnt/data xfs" in host.fstab


@pytest.mark.parametrize(
    ("data", "found", "reason"),
    [
        (b"\0" * 4000 + b"x", "", "has no file system but something else"),
        (b"\0" * 4096, "PTTYPE=gpt\n", "a partition table"),
        (b"\0" * 4096, "TYPE=LVM2_member\n", "something else"),
        (b"\0" * 4096, "TYPE=swap\nUUID=1\n", "has swap on it, and ext4 is wanted"),
    ],
)
def test_data_is_never_overwritten(host: Host, data: bytes, found: str, reason: str) -> None:
    host.content[host.device("sdf", data)] = found
    with pytest.raises(ValueError, match=reason):
        host.apply(host.disk())
    assert host.seen == []
    assert host.fstab == FSTAB


def test_a_run_that_was_killed_while_formatting_is_made_good(host: Host) -> None:
    host.device("sdf", b"half")
    host.fails["mkfs.ext4"] = "killed"
    (host.root / "state" / "formatting-data").write_text("/dev/sdf\n")
    with pytest.raises(ValueError, match="killed"):
        host.apply(host.disk())
    host.fails.clear()
    host.apply(host.disk())
    assert host.seen[0] == "mkfs.ext4 -q -F /dev/sdf"
    assert os.listdir(host.root / "state") == []


def test_a_disk_does_not_hide_what_is_in_its_folder(host: Host) -> None:
    host.device("sdf")
    (host.root / "home" / "debian").mkdir(parents=True)
    host.apply(host.disk(mount="home"))
    assert host.seen[1:4] == [
        "mount /dev/sdf /state/disk-data",
        "cp -a --one-file-system /home/. /state/disk-data",
        "umount /state/disk-data",
    ]
    assert host.seen[-1] == "mount -t ext4 /dev/sdf /home"


def test_swap(host: Host) -> None:
    host.device("sdg")
    swap = host.disk("swap", "sdg", "", fs_type="swap")
    host.apply(swap)
    assert host.seen == ["mkswap -f /dev/sdg", "systemctl daemon-reload", "swapon /dev/sdg"]
    assert "UUID=u-sdg none swap sw,nofail 0 0" in host.fstab
    assert not host.apply(swap).changed


def test_a_disk_below_another_is_mounted_after_it(host: Host) -> None:
    for name in ("sdf", "sdg"):
        host.device(name)
    host.apply(host.disk("inner", "sdg", "mnt/data/inner"), host.disk())
    assert [line.split()[-1] for line in host.seen if line.startswith("mount")] == ["/mnt/data", "/mnt/data/inner"]
    assert host.fstab.index("sdf") < host.fstab.index("sdg")


def test_a_disk_without_a_place_is_left_alone(host: Host) -> None:
    host.device("sdf")
    assert not host.apply(host.disk(mount="")).changed


def test_the_first_path_that_is_there_is_taken(host: Host) -> None:
    host.device("xvdf")
    disk = host.disk(device="sdf")
    disk["paths"].append(str(host.root / "dev" / "xvdf"))
    host.apply(disk)
    assert host.seen[0] == "mkfs.ext4 -q -F /dev/xvdf"


def test_a_disk_that_does_not_appear_is_told(host: Host) -> None:
    with pytest.raises(ValueError, match=r"Disk data does not appear: none of .*/dev/sdf is there after 0\.2 s"):
        host.apply(host.disk())


def test_a_disk_that_is_gone_loses_its_line_and_its_place(host: Host) -> None:
    host.device("sdf")
    host.apply(host.disk())
    assert host.apply().changed
    assert host.seen == ["systemctl daemon-reload", "umount /mnt/data"]
    assert host.fstab == FSTAB
    assert not host.apply().changed


def test_a_place_that_is_in_use_stays_for_now(host: Host) -> None:
    host.device("sdf")
    host.apply(host.disk())
    host.fails["umount"] = "target is busy"
    assert "target is busy" in host.apply().warnings[0]


def test_a_plan_touches_nothing(host: Host) -> None:
    host.device("sdf")
    planned = host.apply(host.disk(), host.disk("late", "sdz", "mnt/late"), check=True)
    assert planned.changed
    assert "UUID=new" in planned.diff[-3]["after"]
    assert (host.seen, host.fstab) == ([], FSTAB)
    host.apply(host.disk())
    assert host.apply(check=True).changed
    assert OURS in host.fstab


def test_lines_of_others_stay_as_they_are(host: Host) -> None:
    odd = "UUID=x /other ext4 defaults 0 0\n# Disk of continuum.im: lost\n# a comment\n\n"
    (host.root / "etc" / "fstab").write_text(odd)
    host.device("sdf")
    host.apply(host.disk(mount="mnt/with space"))
    assert host.fstab.startswith("UUID=x /other ext4 defaults 0 0\n# a comment\n# Disk of continuum.im: data\n")
    assert "/mnt/with\\040space" in host.fstab
    host.mounts(lambda lines: [line.replace("with space", "with\\040space") for line in lines])
    assert not host.apply(host.disk(mount="mnt/with space")).changed


def test_names_of_disks_do_not_get_into_fstab(host: Host) -> None:
    host.device("sdf")
    host.apply(host.disk("a\n/dev/sda / ext4\n"))
    assert len(host.fstab.splitlines()) == 4


def test_a_file_system_that_nobody_makes(host: Host) -> None:
    with pytest.raises(ValueError, match="wants the file system zfs; known are btrfs, ext2"):
        wanted_packages([host.disk(fs_type="zfs")])


def test_packages_are_asked_for_only_where_the_program_is_missing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nothing")
    disks = [host.disk(), host.disk("b", fs_type="xfs"), host.disk("c", mount="", fs_type="btrfs")]
    assert wanted_packages(disks) == ["e2fsprogs", "xfsprogs"]


def test_devices_and_blanks(tmp_path: Path) -> None:
    (tmp_path / "blank").write_bytes(b"\0" * 2**21)
    (tmp_path / "data").write_bytes(b"\0" * 2**20 + b"x")
    (tmp_path / "early").write_bytes(b"\0" * 100 + b"x")
    assert [is_blank(str(tmp_path / name)) for name in ("blank", "data", "early")] == [True, True, False]
    assert not is_block_device(str(tmp_path / "blank"))
    assert not is_block_device(str(tmp_path / "none"))
