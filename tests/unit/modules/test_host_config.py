# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host_config decides, with files in a temporary directory and commands that are only noted."""

from __future__ import annotations

import base64
import getpass
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._host.config import HostConfig
from ansible_collections.continuum.im.plugins.module_utils._host.files import content_of
from ansible_collections.continuum.im.plugins.module_utils._host.packages import (
    Apt,
    Dnf,
    is_version,
    os_family,
    package_names,
)

pytestmark = pytest.mark.unit
MADISON = """ slurmd | 23.11.4-1 | http://mirror/debian trixie/main amd64 Packages
 slurmd | 22.05.8-4 | http://mirror/debian bookworm/main amd64 Packages
 munge | 0.5.15-2 | http://mirror/debian bookworm/main amd64 Packages
"""


class Commands:
    """Stands for AnsibleModule.run_command: notes every command and gives the answers it was given."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.seen: list[list[str]] = []

    def __call__(self, command: list[str], **_options: Any) -> tuple[int, str, str]:
        self.seen.append(command)
        return 0, self.answers.get(command[0].replace("-", "_"), ""), ""

    def verbs(self) -> list[str]:
        return [" ".join(command) for command in self.seen if command[0] == "systemctl" and command[1] != "show"]


def wanted(path: Path, **more: Any) -> dict[str, Any]:
    plain = {"kind": "content", "content": "", "secret": "", "size": 16, "group": "", "mode": "0640"}
    return {"path": str(path), "owner": getpass.getuser(), **plain, **more}


def test_a_version_is_met_by_its_releases_only() -> None:
    assert is_version("1:22.05.8-4", "22.05")
    assert is_version("22.05", "22.05")
    assert not is_version("22.05.8", "22.0")
    assert not is_version("22.05", "22.05.1")


def test_packages_of_the_hosts_family_once() -> None:
    of = {"a": {"debian": ["x", "y"], "redhat": ["z"]}, "b": {"debian": ["y"]}}
    assert package_names(["w"], of, "debian") == ["w", "x", "y"]
    with pytest.raises(ValueError, match="role b does not know this host's OS family redhat, only debian"):
        package_names([], of, "redhat")


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("ID=ubuntu\nID_LIKE=debian\n", "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos"\n', "redhat"),
        ("ID=void\n", "void"),
    ],
)
def test_os_family(tmp_path: Path, text: str, family: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert os_family(str(tmp_path / "os-release")) == family


def test_apt_finds_what_is_missing_or_has_another_version() -> None:
    apt = Apt(Commands(dpkg_query="munge installed 0.5\nslurmd config-files 22\nhtop installed 3\n"))
    assert apt.missing(["munge", "slurmd", "htop=4", "new"]) == ["slurmd", "htop=4", "new"]


def test_dnf_writes_versions_its_own_way() -> None:
    commands = Commands()
    Dnf(commands).install(["slurm=22.05.9-1", "munge"])
    assert commands.seen[0][-2:] == ["slurm-22.05.9-1", "munge"]


def test_a_version_that_a_source_has_is_taken() -> None:
    commands = Commands(apt_cache=MADISON)
    host = HostConfig(commands, check_mode=True)
    host.packages(Apt(commands), ["slurmd", "munge"], "22.05", "slurmd")
    assert host.installed == ["slurmd=22.05.8-4", "munge"]
    assert host.warnings == []


def test_a_version_that_no_source_has_is_replaced_with_a_warning_that_names_both() -> None:
    commands = Commands(apt_cache=MADISON)
    host = HostConfig(commands, check_mode=True)
    host.packages(Apt(commands), ["slurmd"], "25.11", "slurmd")
    assert host.installed == ["slurmd"]
    assert "Version 25.11 of slurmd" in host.warnings[0]
    assert "23.11.4-1 is used" in host.warnings[0]


def test_files_are_written_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    first, second = HostConfig(Commands()), HostConfig(Commands())
    first.file(wanted(path, content="text\n"))
    second.file(wanted(path, content="text\n"))
    assert path.read_text() == "text\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert (first.changed, second.changed) == (True, False)
    assert first.diff[0]["after"] == "text\n"


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    host = HostConfig(Commands(), check_mode=True)
    host.file(wanted(tmp_path / "file", content="text\n", owner="nobody-yet"))
    host.file(wanted(tmp_path / "folder", kind="directory"))
    host.name("another")
    assert host.changed
    assert list(tmp_path.iterdir()) == []


def test_a_secret_is_never_in_the_diff(tmp_path: Path) -> None:
    host = HostConfig(Commands())
    host.file(wanted(tmp_path / "key", kind="secret", secret=base64.b64encode(b"hush").decode()))
    assert (tmp_path / "key").read_bytes() == b"hush"
    assert "hush" not in str(host.diff)


def test_contains_leaves_the_rest_alone() -> None:
    given = {"kind": "contains", "content": "mine\n"}
    assert content_of(given, b"theirs") == b"theirs\nmine\n"
    assert content_of(given, b"a\nmine\nb\n") == b"a\nmine\nb\n"
    assert content_of(given, None) == b"mine\n"


def test_random_bytes_are_made_once() -> None:
    assert len(content_of({"kind": "random", "size": 16}, None)) == 16
    assert content_of({"kind": "random", "size": 16}, b"old") == b"old"


def test_an_unknown_owner_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no user nobody-yet"):
        HostConfig(Commands()).file(wanted(tmp_path / "x", owner="nobody-yet"))


def test_hosts_file_keeps_what_the_image_had(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    HostConfig(Commands(), etc=str(tmp_path)).hosts("10.0.0.1 one\n")
    HostConfig(Commands(), etc=str(tmp_path)).hosts("10.0.0.2 two\n")
    assert (tmp_path / "hosts").read_text() == "127.0.0.1 localhost\n10.0.0.2 two\n"


RUNNING = "ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\nExecMainStartTimestampMonotonic={}\n"
SERVICE = {"name": "munge", "state": "started", "enabled": True}


def test_a_service_that_runs_is_left_alone() -> None:
    commands = Commands(systemctl=RUNNING.format(1))
    host = HostConfig(commands)
    host.services([{**SERVICE, "restart_on": []}])
    assert commands.verbs() == []
    assert not host.changed


def test_a_service_older_than_its_file_is_restarted(tmp_path: Path) -> None:
    """Also when an earlier run wrote the file and broke off before the restart."""
    (tmp_path / "conf").write_text("")
    os.utime(tmp_path / "conf", None)
    commands = Commands(systemctl=RUNNING.format(1))
    HostConfig(commands).services([{**SERVICE, "restart_on": [str(tmp_path / "conf")]}])
    assert commands.verbs() == ["systemctl restart munge"]


def test_a_drop_in_that_systemd_has_not_seen_makes_it_read_its_units_again(tmp_path: Path) -> None:
    drop_in = tmp_path / "systemd" / "system" / "munge.service.d" / "own.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\n")
    commands = Commands(systemctl=RUNNING.format(10**15))
    HostConfig(commands, etc=str(tmp_path)).services([{**SERVICE, "restart_on": [str(drop_in)]}])
    assert commands.verbs()[:1] == ["systemctl daemon-reload"]
    known = Commands(systemctl=RUNNING.format(10**15) + f"DropInPaths={drop_in}\n")
    HostConfig(known, etc=str(tmp_path)).services([{**SERVICE, "restart_on": [str(drop_in)]}])
    assert known.verbs() == []


def test_a_service_that_is_off_is_enabled_and_started() -> None:
    commands = Commands(systemctl="ActiveState=inactive\nUnitFileState=disabled\nNeedDaemonReload=yes\n")
    host = HostConfig(commands)
    host.services([{**SERVICE, "restart_on": []}])
    assert commands.verbs() == ["systemctl daemon-reload", "systemctl enable munge", "systemctl restart munge"]
    assert host.restarted == ["munge"]
