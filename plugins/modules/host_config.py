#!/usr/bin/python
# Copyright: continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, packages, files, services and facts of a host in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_config
short_description: Names, packages, files, services and facts of a host in one call
description:
  - Brings a host's name, its C(/etc/hosts), packages, files and systemd services into the wanted state, in this order.
  - One call instead of one for each file and each service. On clusters of small hosts the calls are what takes the time.
author:
  - continuum.im authors
options:
  hostname:
    description: The host's name. Left alone when empty or right already.
    type: str
    default: ""
  hosts:
    description:
      - Lines that follow the original content of C(/etc/hosts), which is kept as C(/etc/hosts.orig).
      - The file is written in place, so that it may be a bind mount.
    type: str
  packages:
    description: Names of packages for apt or dnf. Recommended packages are not installed.
    type: list
    elements: str
    default: []
  packages_of:
    description:
      - More packages, as a mapping of roles to a mapping of OS families (lower case) to lists of packages.
      - A role that lacks the host's OS family is an error.
    type: dict
    default: {}
  version:
    description:
      - Version of those O(packages) that have the same version as O(version_of).
      - If no source of the host has it, the preferred version of the source is taken, with a warning.
    type: str
    default: ""
  version_of:
    description: Name of the package that O(version) is about. Empty for no warning.
    type: str
    default: ""
  facts:
    description: Return the facts about distribution, package manager, platform, default address and virtualization.
    type: bool
    default: false
  files:
    description: Files and directories. Missing parent directories are made with mode V(0755).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      kind:
        description:
          - V(content), the file has exactly O(files[].content).
          - V(secret), the file has exactly what O(files[].secret) encodes. Its content is never shown.
          - V(contains), O(files[].content) stands somewhere in the file, or is put at its end. What else is there stays.
          - V(random), the file has O(files[].size) random bytes; made once, then left alone.
          - V(directory), it is a directory.
        type: str
        choices: [content, secret, contains, random, directory]
        default: content
      content:
        description: Text.
        type: str
        default: ""
      secret:
        description: Content in base64.
        type: str
        default: ""
      size:
        description: Number of bytes.
        type: int
        default: 1024
      owner:
        description: Name of the owning user.
        type: str
        default: root
      group:
        description: Name of the owning group. Empty for the main group of O(files[].owner).
        type: str
        default: ""
      mode:
        description: Octal mode, for example V("0644").
        type: str
        default: "0644"
  services:
    description: Systemd services, handled in this order after the files.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit, C(.service) may be left out.
        type: str
        required: true
      state:
        description: Whether it runs.
        type: str
        choices: [started, stopped]
        default: started
      enabled:
        description: Whether it starts with the host.
        type: bool
        default: true
      restart_on:
        description:
          - Paths of files. The service is restarted when one of them is younger than its main process.
          - So a run that broke off between writing and restarting is made good by the next one.
        type: list
        elements: path
        default: []
attributes:
  check_mode:
    description: Can run without changing anything.
    support: full
    details: Users and services that do not exist yet are taken for coming.
  diff_mode:
    description: Shows what would change or has changed.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Set up the time service
  continuum.im.host_config:
    files:
      - path: /etc/chrony/chrony.conf
        content: "{{ lookup('ansible.builtin.template', 'chrony.conf.j2') }}"
    services:
      - name: chrony
        restart_on: [/etc/chrony/chrony.conf]
"""

RETURN = r"""
installed:
  description: Names of the packages that were installed.
  type: list
  elements: str
  returned: always
changed_files:
  description: Paths of the files that were changed.
  type: list
  elements: str
  returned: always
restarted:
  description: Names of the services that were started or restarted.
  type: list
  elements: str
  returned: always
"""

import base64
import functools
import grp
import os
import pwd
import socket
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

Run = Callable[..., "tuple[int, str, str]"]

LOCK_TIMEOUT = 600  # seconds to wait for other package managers, such as the upgrades at first boot
LISTS_VALID = 3600  # seconds
FAMILIES = {
    "debian": {"debian", "ubuntu"},
    "redhat": {"rhel", "fedora", "centos", "rocky", "almalinux"},
}

FILE = {
    "path": {"type": "path", "required": True},
    "kind": {
        "type": "str",
        "choices": ["content", "secret", "contains", "random", "directory"],
        "default": "content",
    },
    "content": {"type": "str", "default": ""},
    "secret": {"type": "str", "default": "", "no_log": True},
    "size": {"type": "int", "default": 1024},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": ""},
    "mode": {"type": "str", "default": "0644"},
}
SERVICE = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "enabled": {"type": "bool", "default": True},
    "restart_on": {"type": "list", "elements": "path", "default": []},
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
        options = [f"DPkg::Lock::Timeout={LOCK_TIMEOUT}", "Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold"]
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


class HostConfig:
    """Works through the sections of the arguments and remembers what it did."""

    def __init__(self, run: Run, check_mode: bool = False, etc: str = "/etc") -> None:
        self._run = run
        self._check = check_mode
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
        self._note("host name", current + "\n", wanted + "\n")
        if not self._check:
            self._command("hostnamectl", "set-hostname", wanted)

    def hosts(self, lines: str) -> None:
        """Write the original /etc/hosts followed by the lines."""
        path = os.path.join(self._etc, "hosts")
        original = path + ".orig"
        before = _read(path) or b""
        start = _read(original)
        if start is None:
            start = before
            self.changed = True
            if not self._check:
                _replace(original, start, 0o644)
        wanted = start + lines.encode()
        if wanted == before:
            return
        self._note(path, before.decode(errors="replace"), wanted.decode())
        self.changed_files.append(path)
        if not self._check:
            with open(path, "wb") as stream:
                stream.write(wanted)

    def packages(self, manager: Packages, wanted: list[str], version: str = "", version_of: str = "") -> None:
        """Install what is missing."""
        if version:
            if not self._check:
                manager.refresh()
            wanted = self._versions(manager, wanted, version, version_of)
        missing = manager.missing(wanted)
        if not missing:
            return
        self.installed = missing
        self._note("packages", "", "".join(name + "\n" for name in missing))
        if not self._check:
            manager.refresh()
            manager.install(missing)

    def file(self, wanted: dict[str, Any]) -> None:
        """Bring one file or directory into the wanted state."""
        path, mode = wanted["path"], int(wanted["mode"], 8)
        uid, gid = self._owner(wanted["owner"], wanted["group"])
        if wanted["kind"] == "directory":
            present = os.path.isdir(path)
            if not present:
                self._note(path, "", "directory\n")
                if not self._check:
                    os.makedirs(path, mode)
        else:
            before = _read(path)
            after = _content(wanted, before)
            present = before == after
            if not present:
                if wanted["kind"] in ("content", "contains"):
                    self._note(path, (before or b"").decode(errors="replace"), after.decode())
                else:
                    self._note(path, "", "(not shown)\n")
                self.changed_files.append(path)
                if not self._check:
                    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
                    _replace(path, after, mode, uid, gid)
        self._attributes(path, mode, uid, gid)

    def services(self, wanted: list[dict[str, Any]]) -> None:
        """Bring the services into the wanted state."""
        if not wanted:
            return
        found = self._show([service["name"] for service in wanted])
        if any(state.get("NeedDaemonReload") == "yes" for state in found) and not self._check:
            self._command("systemctl", "daemon-reload")
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
            if self._check:
                return -1, -1
            raise ValueError(f"There is no user {owner} or no group {group or owner} on this host") from None

    def _attributes(self, path: str, mode: int, uid: int, gid: int) -> None:
        """Set owner and mode of something that is there."""
        if not os.path.exists(path):
            return
        status = os.stat(path)
        if status.st_mode & 0o7777 != mode:
            self.changed = True
            if not self._check:
                os.chmod(path, mode)
        if (uid not in (-1, status.st_uid)) or (gid not in (-1, status.st_gid)):
            self.changed = True
            if not self._check:
                os.chown(path, uid, gid)

    def _show(self, names: list[str]) -> list[dict[str, str]]:
        properties = "ActiveState,UnitFileState,NeedDaemonReload,ExecMainStartTimestampMonotonic"
        _code, output, _error = self._run(["systemctl", "show", "--property", properties, "--", *names])
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
        if not self._check:
            self._command("systemctl", verb, name)

    def _command(self, *command: str) -> None:
        code, output, error = self._run(list(command))
        if code:
            raise ValueError(f"{' '.join(command)} failed: {(error or output).strip()}")

    def _note(self, header: str, before: str, after: str) -> None:
        self.changed = True
        self.diff.append({"before_header": header, "after_header": header, "before": before, "after": after})


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
                f"The role {role} does not know the OS family {family} of this host, only {', '.join(sorted(families))}."
            )
        names += families[family]
    return list(dict.fromkeys(names))


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def _content(wanted: dict[str, Any], before: bytes | None) -> bytes:
    """Return what the file shall contain."""
    if wanted["kind"] == "random":
        return before or os.urandom(wanted["size"])
    if wanted["kind"] == "secret":
        return base64.b64decode(wanted["secret"])
    text: bytes = wanted["content"].encode()
    if wanted["kind"] == "content" or not before:
        return text
    if text in before:
        return before
    return before + (b"" if before.endswith(b"\n") else b"\n") + text


def _replace(path: str, content: bytes, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Replace a file in one step; it is never readable by more than it shall be."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".continuum-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            os.fchmod(handle, mode)
            os.fchown(handle, uid, gid)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _facts(module: AnsibleModule) -> dict[str, Any]:
    """Gather with the collectors of ansible-core; imported here, since most calls do not need them."""
    from ansible.module_utils.facts import ansible_collector
    from ansible.module_utils.facts.namespace import PrefixFactNamespace
    from ansible.module_utils.facts.network.linux import LinuxNetworkCollector
    from ansible.module_utils.facts.system.distribution import DistributionFactCollector
    from ansible.module_utils.facts.system.pkg_mgr import PkgMgrFactCollector
    from ansible.module_utils.facts.system.platform import PlatformFactCollector
    from ansible.module_utils.facts.system.service_mgr import ServiceMgrFactCollector
    from ansible.module_utils.facts.virtual.linux import LinuxVirtualCollector

    collector = ansible_collector.get_ansible_collector(
        all_collector_classes=[
            PlatformFactCollector,
            DistributionFactCollector,
            LinuxVirtualCollector,
            PkgMgrFactCollector,
            ServiceMgrFactCollector,
            LinuxNetworkCollector,
        ],
        namespace=PrefixFactNamespace(namespace_name="ansible", prefix="ansible_"),
        gather_subset=["all"],
        minimal_gather_subset=frozenset(),
    )
    facts: dict[str, Any] = collector.collect(module=module)
    return facts


def _text_of(error: Exception) -> str:
    return str(error) or type(error).__name__


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "hostname": {"type": "str", "default": ""},
            "hosts": {"type": "str"},
            "packages": {"type": "list", "elements": "str", "default": []},
            "packages_of": {"type": "dict", "default": {}},
            "version": {"type": "str", "default": ""},
            "version_of": {"type": "str", "default": ""},
            "facts": {"type": "bool", "default": False},
            "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
            "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
        },
        supports_check_mode=True,
    )
    given = module.params
    run = functools.partial(module.run_command, handle_exceptions=False)
    host = HostConfig(run, module.check_mode)
    try:
        host.name(given["hostname"])
        if given["hosts"] is not None:
            host.hosts(given["hosts"])
        if given["packages"] or given["packages_of"]:
            family = os_family()
            names = package_names(given["packages"], given["packages_of"], family)
            manager = Dnf(run) if family == "redhat" else Apt(run)
            host.packages(manager, names, given["version"], given["version_of"])
        for wanted in given["files"]:
            host.file(wanted)
        host.services(given["services"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=_text_of(error))
    for warning in host.warnings:
        module.warn(warning)
    result: dict[str, Any] = {
        "changed": host.changed,
        "installed": host.installed,
        "changed_files": host.changed_files,
        "restarted": host.restarted,
        "diff": host.diff,
    }
    if given["facts"]:
        result["ansible_facts"] = _facts(module)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
