# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated cloud, for tests: hosts are rows of a small database in the home of the service.

    python -m service.operations.dummy KIND VARIABLES

Does what the playbooks do, and tells it as ansible-runner would. It lists first and then makes what is missing, as a
cloud's role does; the cloud itself hinders nobody from making a host twice, so that twins and orphans can be seen.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADDRESS = "10.0.0.1"
_FILE = "dummy-cloud.db"
_TABLE = """
CREATE TABLE IF NOT EXISTS host (
    id INTEGER PRIMARY KEY AUTOINCREMENT, infrastructure TEXT NOT NULL, instance INTEGER NOT NULL, node TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'running', cpus REAL NOT NULL DEFAULT 1, memory INTEGER NOT NULL DEFAULT 0,
    instance_type TEXT NOT NULL DEFAULT ''
)
"""


_COLUMNS = ("id", "infrastructure", "instance", "node", "state", "cpus", "memory", "instance_type")
_NO_SIZE = {"cpus": 1, "memory": 0, "instance_type": ""}


class DummyCloud:
    """The cloud."""

    def __init__(self, home: str) -> None:
        self._path = Path(home) / _FILE

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=60)) as link, link:
            link.execute("PRAGMA journal_mode=WAL")
            link.execute(_TABLE)
            yield link

    def hosts(self, infrastructure: str | None = None) -> list[dict[str, Any]]:
        """List hosts, of all infrastructures without a name."""
        with self._open() as link:
            query = f"SELECT {', '.join(_COLUMNS)} FROM host WHERE ? IN ('', infrastructure) ORDER BY id"  # noqa: S608
            rows = link.execute(query, (infrastructure or "",)).fetchall()
        return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]

    def make(self, infrastructure: str, instance: int, node: str) -> None:
        """Make a host."""
        with self._open() as link:
            link.execute(
                "INSERT INTO host (infrastructure, instance, node) VALUES (?, ?, ?)", (infrastructure, instance, node)
            )

    def remove(self, number: int) -> None:
        """Remove a host by its number in the cloud."""
        with self._open() as link:
            link.execute("DELETE FROM host WHERE id = ?", (number,))

    def resize(self, number: int, size: dict[str, Any]) -> None:
        """Give a host a size."""
        with self._open() as link:
            query = "UPDATE host SET cpus = ?, memory = ?, instance_type = ? WHERE id = ?"
            link.execute(query, (size["cpus"], size["memory"], size["instance_type"], number))

    def power(self, number: int, state: str) -> None:
        """Start or stop a host."""
        with self._open() as link:
            link.execute("UPDATE host SET state = ? WHERE id = ?", (state, number))


@dataclass(frozen=True)
class Run:
    """One run of a simulated playbook."""

    cloud: DummyCloud
    kind: str
    variables: dict[str, Any]
    delay: float
    outcome: str

    @property
    def name(self) -> str:
        """The name of the infrastructure."""
        return str(self.variables["infrastructure"])

    def go(self) -> int:
        """Run; return the exit code."""
        if self.kind == "delete":
            return self._destroy()
        if self.kind in ("start", "stop", "reboot"):
            return self._power()
        if self.kind == "snapshot":
            _ok("Make the image")
            _stats({"image": f"dummy-{self.name}-{self.variables['host']}", "host": self.variables["host"]})
            return 0
        return self._deploy()

    def _deploy(self) -> int:
        groups = _groups(self.variables)
        _play("Provide the hosts")
        wanted = self._wanted(groups)
        self._make(wanted)
        self._resize(wanted, groups)
        instances = self._instances(groups)
        _ok("Create and start hosts", {"changed": True, "ansible_facts": {"im_instances": instances}})
        code = self._configure(instances)
        if code:
            return code
        numbers = {item["id"] for item in wanted}
        for host in self.cloud.hosts(self.name):
            if host["instance"] not in numbers:
                time.sleep(self.delay)
                self.cloud.remove(host["id"])
        instances = self._instances(groups)
        _ok("Remove what is too many", {"ansible_facts": {"im_instances": instances}})
        _stats({"infrastructure": self.name, "instances": instances, "outputs": {}})
        return 0

    def _make(self, wanted: list[dict[str, Any]]) -> None:
        there = {host["instance"] for host in self.cloud.hosts(self.name)}
        for item in wanted:
            if item["id"] not in there:
                time.sleep(self.delay)
                self.cloud.make(self.name, item["id"], item["node"])
                _line(f"{item['node']}-{item['id']} is made")

    def _resize(self, wanted: list[dict[str, Any]], groups: dict[str, dict[str, Any]]) -> None:
        """Give hosts the size of their group, or that of their own."""
        sizes = {item["id"]: {name: item[name] for name in _NO_SIZE if name in item} for item in wanted}
        for host in self.cloud.hosts(self.name):
            group = groups.get(host["node"], {})
            of_group = {name: group.get(name, value) for name, value in _NO_SIZE.items()}
            size = {**of_group, **sizes.get(host["instance"], {})}
            if host["instance"] in sizes and size != {name: host[name] for name in _NO_SIZE}:
                self.cloud.resize(host["id"], size)

    def _configure(self, instances: list[dict[str, Any]]) -> int:
        _play("Configure the hosts")
        chosen = self.variables.get("configure", True)
        if chosen is not True:
            instances = [item for item in instances if item["id"] in (chosen or ())]
        if not chosen:
            return 0
        time.sleep(self.delay)
        while self.outcome == "never":
            time.sleep(1)
        if self.outcome == "unconfigured" and instances:
            data = {
                "host": instances[0]["name"],
                "task": "Prepare the hosts",
                "res": {"msg": "the host does not answer"},
            }
            _tell("runner_on_unreachable", data)
            return 4
        for instance in instances:
            _ok("Prepare the hosts", host=instance["name"])
        return 0

    def _destroy(self) -> int:
        _play("Destroy an infrastructure")
        for host in self.cloud.hosts(self.name):
            time.sleep(self.delay)
            self.cloud.remove(host["id"])
        _ok("Delete everything that carries the name of the infrastructure", {"changed": True})
        return 0

    def _power(self) -> int:
        chosen = {int(item) for item in self.variables.get("host") or ()}
        _play("Change the power of hosts")
        for host in self.cloud.hosts(self.name):
            if not chosen or host["instance"] in chosen:
                time.sleep(self.delay)
                self.cloud.power(host["id"], "stopped" if self.kind == "stop" else "running")
        _ok("Change the power", {"ansible_facts": {"im_instances": self._instances(_groups(self.variables))}})
        return 0

    def _wanted(self, groups: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        given = self.variables.get("instances")
        if given is not None:
            return [{**item, "id": int(item["id"]), "node": str(item["node"])} for item in given]
        there = self.cloud.hosts(self.name)
        following = max((host["instance"] for host in there), default=-1) + 1
        wanted = []
        for node, group in groups.items():
            kept = [host["instance"] for host in there if host["node"] == node][: group["count"]]
            fresh = range(following, following + group["count"] - len(kept))
            following += len(fresh)
            wanted += [{"id": number, "node": node} for number in (*kept, *fresh)]
        return wanted

    def _instances(self, groups: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        return [_instance(self.name, host, groups.get(host["node"], {})) for host in self.cloud.hosts(self.name)]


def _instance(name: str, host: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    number = host["instance"]
    hostname = str(group.get("hostname") or "vnode-#N#").replace("#N#", str(number))
    return {
        "id": number,
        "node": host["node"],
        "cloud_id": f"dummy-{host['id']}",
        "name": f"{name}-{host['node'].replace('_', '-')}-{number}",
        "hostname": hostname,
        "fqdn": f"{hostname}.{group.get('domain') or 'localdomain'}",
        "state": host["state"],
        "public_ip": ADDRESS if group.get("public") else None,
        "private_ip": ADDRESS,
        "user": "cloudadm",
        "cpus": host["cpus"],
        "memory": host["memory"],
        "instance_type": host["instance_type"],
        "disks": [],
        "jump": None,
    }


def _groups(variables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the template says of its host groups; a host needs no more of it than its name and its size."""
    if not variables.get("template"):
        return {}
    from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
    from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, World, translate

    home = Home.of(os.environ)
    world = World(os.getcwd(), home, os.environ)
    try:
        found = translate(variables["template"], {**variables, "cloud": "local"}, world.directory, home, world)
    except ContinuumError as error:
        _tell("error", {}, f"The template cannot be deployed: {error}")
        sys.exit(1)
    names = ("count", "hostname", "domain", "public", "cpus", "memory", "instance_type")
    return {group.node: {name: getattr(group, name) for name in names} for group in found.topology.groups}


def _tell(event: str, data: dict[str, Any], text: str = "") -> None:
    print(json.dumps({"event": event, "event_data": data, "stdout": text}), flush=True)


def _play(name: str) -> None:
    _tell("playbook_on_play_start", {"name": name})


def _ok(task: str, result: dict[str, Any] | None = None, host: str = "localhost") -> None:
    _tell("runner_on_ok", {"host": host, "task": task, "res": result or {}})


def _line(text: str) -> None:
    _tell("verbose", {}, text)


def _stats(data: dict[str, Any]) -> None:
    _tell("playbook_on_stats", {"artifact_data": data})


def main() -> int:
    """Run what the command line asks for."""
    kind, file = sys.argv[1:]
    variables = json.loads(Path(file).read_text(encoding="utf-8"))
    cloud = DummyCloud(os.environ["CONTINUUM_HOME"])
    delay = float(os.environ.get("CONTINUUM_DUMMY_DELAY", "0"))
    return Run(cloud, kind, variables, delay, os.environ.get("CONTINUUM_DUMMY_OUTCOME", "configured")).go()


if __name__ == "__main__":
    sys.exit(main())
