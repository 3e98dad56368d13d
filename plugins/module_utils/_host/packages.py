# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of a host, by apt or dnf. Runs on hosts, so on every Python that ansible-core supports there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

Run = Callable[..., "tuple[int, str, str]"]

LOCK_TIMEOUT = 600  # seconds to wait for other package managers, such as the upgrades at first boot
LISTS_VALID = 3600  # seconds
FAMILIES = {
    "debian": {"debian", "ubuntu"},
    "redhat": {"rhel", "fedora", "centos", "rocky", "almalinux"},
}


class Packages:
    """What HostConfig wants from a package manager. A wanted package is `name` or `name=version`."""

    lock_message = ""
    environment: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, run: Run) -> None:
        self._run = run

    def missing(self, wanted: list[str]) -> list[str]:
        """Return those that are not installed (in the wanted version)."""
        raise NotImplementedError

    def versions(self, names: list[str]) -> dict[str, list[str]]:
        """Return the versions that the sources have, the preferred one first."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Fetch the lists of packages, if they are old."""
        raise NotImplementedError

    def install(self, wanted: list[str]) -> None:
        """Install."""
        raise NotImplementedError

    def _do(self, *command: str) -> str:
        """Run a command; wait while another one holds the lock."""
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            code, output, error = self._run(list(command), environ_update=self.environment)
            if code == 0:
                return str(output)
            if not self.lock_message or self.lock_message not in error or time.monotonic() > deadline:
                raise ValueError(f"{' '.join(command)} failed: {(error or output).strip()}")
            time.sleep(2)


class Apt(Packages):
    """Debian and its relatives."""

    lock_message = "Could not get lock"
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}  # noqa: RUF012
    lists = "/var/lib/apt/lists"

    def missing(self, wanted: list[str]) -> list[str]:
        names = [name.partition("=")[0] for name in wanted]
        if not names:
            return []
        form = "${Package} ${db:Status-Status} ${Version}\n"
        _code, output, _error = self._run(["dpkg-query", "--show", f"--showformat={form}", *names])
        found = [line.split(" ") for line in output.splitlines()]
        present = {words[0]: words[2] for words in found if words[1] == "installed"}
        return [
            entry
            for entry, name in zip(wanted, names)
            if name not in present or entry not in (name, f"{name}={present[name]}")
        ]

    def versions(self, names: list[str]) -> dict[str, list[str]]:
        _code, output, _error = self._run(["apt-cache", "madison", *names])
        return _by_name(line.split("|")[:2] for line in output.splitlines() if line.count("|") == 2)

    def refresh(self) -> None:
        try:
            has_lists = any(name.endswith(("_Packages", "_Packages.lz4")) for name in os.listdir(self.lists))
            if has_lists and time.time() - os.stat(self.lists).st_mtime < LISTS_VALID:
                return
        except FileNotFoundError:
            pass
        self._do("apt-get", "--quiet", "-o", "Acquire::Languages=none", "update")

    def install(self, wanted: list[str]) -> None:
        kept = ("Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold")
        options = [f"DPkg::Lock::Timeout={LOCK_TIMEOUT}", *kept]
        words = [word for option in options for word in ("-o", option)]
        flags = ["--quiet", "--yes", "--no-install-recommends", "--allow-downgrades"]
        self._do("apt-get", *flags, *words, "install", "--", *wanted)


class Dnf(Packages):
    """Red Hat and its relatives. dnf waits for its lock, and renews its lists, by itself."""

    def missing(self, wanted: list[str]) -> list[str]:
        gone = []
        for entry in wanted:
            name, _equals, version = entry.partition("=")
            code, _output, _error = self._run(["rpm", "--query", "--", f"{name}-{version}" if version else name])
            if code:
                gone.append(entry)
        return gone

    def versions(self, names: list[str]) -> dict[str, list[str]]:
        form = "%{name} %{version}-%{release}\n"
        _code, output, _error = self._run(["dnf", "--quiet", "repoquery", f"--queryformat={form}", *names])
        return _by_name(line.split(" ") for line in reversed(output.splitlines()))

    def refresh(self) -> None:
        pass

    def install(self, wanted: list[str]) -> None:
        names = [entry.replace("=", "-", 1) for entry in wanted]
        self._do("dnf", "--quiet", "--assumeyes", "--setopt=install_weak_deps=False", "install", *names)


def _by_name(pairs: Iterable[list[str]]) -> dict[str, list[str]]:
    """Collect pairs of name and version; every version once."""
    found: dict[str, list[str]] = {}
    for name, version in pairs:
        versions = found.setdefault(name.strip(), [])
        if version.strip() not in versions:
            versions.append(version.strip())
    return found


def os_family(release: str = "/etc/os-release") -> str:
    """Return debian or redhat, or the distribution's own name for what is neither."""
    with open(release, encoding="utf-8") as stream:
        lines = dict(line.strip().partition("=")[::2] for line in stream)
    names = f"{lines.get('ID', '')} {lines.get('ID_LIKE', '')}".replace('"', "").lower().split()
    for family, members in FAMILIES.items():
        if members.intersection(names):
            return family
    return names[0] if names else "unknown"


def is_version(found: str, wanted: str) -> bool:
    """Tell whether a package's version is the wanted one: 22.05 fits 1:22.05.8-4, 22.0 does not."""
    upstream = found.partition(":")[2] or found
    return upstream == wanted or (upstream.startswith(wanted) and upstream[len(wanted)] in ".-+~")


def package_names(packages: list[str], packages_of: dict[str, dict[str, list[str]]], family: str) -> list[str]:
    """Return the names of all packages of this OS family, each once."""
    names = list(packages)
    for role, families in packages_of.items():
        if family not in families:
            raise ValueError(
                f"The role {role} does not know this host's OS family {family}, only {', '.join(sorted(families))}."
            )
        names += families[family]
    return list(dict.fromkeys(names))
