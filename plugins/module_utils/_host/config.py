# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings name, files, packages and services of a host into the wanted state."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import time
from typing import Any

from .files import content_of, read, replace
from .packages import Packages, Run, is_version


class HostConfig:
    """Works through the sections of the arguments and remembers what it did."""

    def __init__(self, run: Run, check_mode: bool = False, etc: str = "/etc") -> None:
        self.run = run
        self.check = check_mode
        self._etc = etc
        self.changed = False
        self.installed: list[str] = []
        self.warnings: list[str] = []
        self.changed_files: list[str] = []
        self.restarted: list[str] = []
        self.diff: list[dict[str, str]] = []

    def name(self, wanted: str) -> None:
        """Set the host's name."""
        current = socket.gethostname()
        if not wanted or wanted == current:
            return
        self.note("host name", current + "\n", wanted + "\n")
        if not self.check:
            self.command("hostnamectl", "set-hostname", wanted)

    def hosts(self, lines: str) -> None:
        """Write the original /etc/hosts followed by the lines."""
        path = os.path.join(self._etc, "hosts")
        original = path + ".orig"
        before = read(path) or b""
        start = read(original)
        if start is None:
            start = before
            self.changed = True
            if not self.check:
                replace(original, start, 0o644)
        wanted = start + lines.encode()
        if wanted == before:
            return
        self.note(path, before.decode(errors="replace"), wanted.decode())
        self.changed_files.append(path)
        if not self.check:
            with open(path, "wb") as stream:
                stream.write(wanted)

    def packages(self, manager: Packages, wanted: list[str], version: str = "", version_of: str = "") -> None:
        """Install what is missing."""
        if version:
            if not self.check:
                manager.refresh()
            wanted = self._versions(manager, wanted, version, version_of)
        missing = manager.missing(wanted)
        if not missing:
            return
        self.installed = missing
        self.note("packages", "", "".join(name + "\n" for name in missing))
        if not self.check:
            manager.refresh()
            manager.install(missing)

    def file(self, wanted: dict[str, Any]) -> None:
        """Bring one file or directory into the wanted state."""
        path, mode = wanted["path"], int(wanted["mode"], 8)
        uid, gid = self._owner(wanted["owner"], wanted["group"])
        if wanted["kind"] == "directory":
            present = os.path.isdir(path)
            if not present:
                self.note(path, "", "directory\n")
                if not self.check:
                    os.makedirs(path, mode)
        else:
            before = read(path)
            after = content_of(wanted, before)
            present = before == after
            if not present:
                if wanted["kind"] in ("content", "contains"):
                    self.note(path, (before or b"").decode(errors="replace"), after.decode())
                else:
                    self.note(path, "", "(not shown)\n")
                self.changed_files.append(path)
                if not self.check:
                    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
                    replace(path, after, mode, uid, gid)
        self._attributes(path, mode, uid, gid)

    def services(self, wanted: list[dict[str, Any]]) -> None:
        """Bring the services into the wanted state."""
        if not wanted:
            return
        found = self._show([service["name"] for service in wanted])
        if self._units_changed(wanted, found) and not self.check:
            self.command("systemctl", "daemon-reload")
        for service, state in zip(wanted, found):
            name, active = service["name"], state.get("ActiveState") in ("active", "activating", "reloading")
            enabled = state.get("UnitFileState", "").startswith(("enabled", "static", "generated", "indirect"))
            if service["enabled"] != enabled:
                self._systemctl("enable" if service["enabled"] else "disable", name)
            if service["state"] == "stopped":
                if active:
                    self._systemctl("stop", name)
            elif not active or self._outdated(service["restart_on"], state):
                self._systemctl("restart", name)
                self.restarted.append(name)

    def _units_changed(self, wanted: list[dict[str, Any]], found: list[dict[str, str]]) -> bool:
        """Tell whether systemd has to read its units again.

        It does not always notice by itself a folder of drop-ins that came after its last look.
        """
        units = os.path.join(self._etc, "systemd", "system", "")
        if any(state.get("NeedDaemonReload") == "yes" for state in found):
            return True
        if any(path.startswith(units) for path in self.changed_files):
            return True
        watched = [
            (path, state.get("DropInPaths", "").split())
            for service, state in zip(wanted, found)
            for path in service["restart_on"]
            if path.startswith(units) and path.endswith(".conf")
        ]
        return any(path not in known and os.path.exists(path) for path, known in watched)

    def _versions(self, manager: Packages, wanted: list[str], version: str, version_of: str) -> list[str]:
        """Add the version to the names of the packages that have it in a source."""
        there = manager.versions(wanted)
        if there.get(version_of) and not any(is_version(found, version) for found in there[version_of]):
            self.warnings.append(
                f"Version {version} of {version_of} was asked for; the package sources of this host have "
                f"{', '.join(there[version_of])}; {there[version_of][0]} is used."
            )
        fitting = {name: [found for found in there.get(name, []) if is_version(found, version)] for name in wanted}
        return [f"{name}={fitting[name][0]}" if fitting[name] else name for name in wanted]

    def _owner(self, owner: str, group: str) -> tuple[int, int]:
        """Return the numbers of user and group; -1 for those that a real run would have made."""
        try:
            user = pwd.getpwnam(owner)
            return user.pw_uid, grp.getgrnam(group).gr_gid if group else user.pw_gid
        except KeyError:
            if self.check:
                return -1, -1
            raise ValueError(f"There is no user {owner} or no group {group or owner} on this host") from None

    def _attributes(self, path: str, mode: int, uid: int, gid: int) -> None:
        """Set owner and mode of something that is there."""
        if not os.path.exists(path):
            return
        status = os.stat(path)
        if status.st_mode & 0o7777 != mode:
            self.changed = True
            if not self.check:
                os.chmod(path, mode)
        if (uid not in (-1, status.st_uid)) or (gid not in (-1, status.st_gid)):
            self.changed = True
            if not self.check:
                os.chown(path, uid, gid)

    def _show(self, names: list[str]) -> list[dict[str, str]]:
        properties = "ActiveState,UnitFileState,NeedDaemonReload,DropInPaths,ExecMainStartTimestampMonotonic"
        _code, output, _error = self.run(["systemctl", "show", "--property", properties, "--", *names])
        blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in output.split("\n\n")]
        return (blocks + [{}] * len(names))[: len(names)]

    def _outdated(self, paths: list[str], state: dict[str, str]) -> bool:
        """Tell whether one of the files is younger than the service's process, or was changed just now."""
        if any(path in self.changed_files for path in paths):
            return True
        started = int(state.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
        born = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + started
        return any(os.path.exists(path) and os.stat(path).st_mtime > born + 1 for path in paths)

    def _systemctl(self, verb: str, name: str) -> None:
        self.changed = True
        if not self.check:
            self.command("systemctl", verb, name)

    def command(self, *command: str) -> None:
        code, output, error = self.run(list(command))
        if code:
            raise ValueError(f"{' '.join(command)} failed: {(error or output).strip()}")

    def note(self, header: str, before: str, after: str) -> None:
        self.changed = True
        self.diff.append({"before_header": header, "after_header": header, "before": before, "after": after})
