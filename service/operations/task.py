# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run needs to know, taken out of the database in one go, and the private folder that it works in."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.continuum.im.plugins.module_utils._hosts.reach import SOURCES
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._parse.loader import load
from ansible_collections.continuum.im.plugins.plugin_utils._parse.secret import secret_texts

from ..config import Config
from ..static_hosts import static_variables
from .chosen import chosen
from .queue import CONFIGURING

_PLAYBOOKS = {**dict.fromkeys(CONFIGURING, "deploy"), "delete": "destroy"}
# Of the environment of the service runs get these; everything else might be a secret of the service.
_TAKEN_OVER = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINER_HOST"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CONTINUUM_SITE", "VIRTUAL_ENV"),
    *("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
# Of the variables of credentials these say where, not who.
_PUBLIC = re.compile(
    r"(REGION|_URL|_ENDPOINT|_DISABLED|_DOMAIN(_NAME|_ID)?|_API_VERSION|_INTERFACE|AUTH_TYPE|_FILE|NETRC|_REACHABLE)$"
    r"|OS_(REGION|USER|PROJECT|IDENTITY|PROTOCOL|COMPUTE|NETWORK|IMAGE|BLOCK_STORAGE)"
)
_TAKEN_OVER_PREFIXES = ("ANSIBLE_", "LC_", "CONTAINERS_")


@dataclass(frozen=True)
class Task:
    """One operation and its infrastructure at the time when the run begins. `inputs` may hold secrets.

    Hosts from number `next_vm_id` on that are not wanted were asked for later: this run says nothing about them.
    """

    operation_id: int
    fence: int
    attempts: int
    kind: str
    arguments: Mapping[str, Any]
    infrastructure_id: str
    name: str
    cloud: str
    template: str = field(repr=False)
    generation: int
    request_id: str = ""
    user: str = ""
    credentials: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    wanted: list[dict[str, Any]] | None = None
    next_vm_id: int | None = None

    @property
    def playbook(self) -> str:
        """The playbook of the collection that carries the operation out."""
        return _PLAYBOOKS.get(self.kind, self.kind)

    @property
    def configures(self) -> bool:
        """True when hosts are configured in it."""
        return self.kind in CONFIGURING

    @property
    def chosen(self) -> frozenset[int] | None:
        """The numbers of the hosts that are configured in it, None for all."""
        return chosen(self.kind, self.arguments)

    def knows(self, vm_id: int) -> bool:
        """False for a host that was asked for after the run had begun."""
        return self.next_vm_id is None or vm_id < self.next_vm_id or self._wants(vm_id)

    def keeps(self, vm_id: int) -> bool:
        """False for a host that is there and shall go in this run."""
        return self.wanted is None or self._wants(vm_id)

    def _wants(self, vm_id: int) -> bool:
        return any(int(item["id"]) == vm_id for item in self.wanted or ())

    def variables(self, template: str) -> dict[str, Any]:
        """Return the extra variables of the playbook; `template` is the file of the template."""
        found: dict[str, Any] = {"infrastructure": self.name, "cloud": self.cloud}
        if self.configures:
            found |= {"template": template, "inputs": dict(self.inputs)}
            found |= {name: self.options[name] for name in ("images", "sizes") if self.options.get(name)}
            if self.wanted is not None:
                found["instances"] = self.wanted
            if self.chosen is not None:
                there = {int(item["id"]) for item in self.wanted or ()}
                found["configure"] = sorted(self.chosen & there) or False
            found["reconfigure"] = bool(self.arguments.get("reconfigure", self.kind == "reconfigure"))
        elif self.kind == "snapshot":
            found |= {"host": str(self.arguments["vm_id"]), "snapshot": str(self.arguments.get("name") or "")}
        elif self.kind != "delete" and self.arguments.get("hosts"):
            found["host"] = [str(item) for item in self.arguments["hosts"]]
        return found

    def secrets(self, environment: Mapping[str, str]) -> list[str]:
        """Return the texts that must not be seen anywhere: credentials and secret inputs."""
        inputs = secret_texts(_data(self.template), self.inputs)
        known = [value for name, value in environment.items() if not _PUBLIC.search(name)]
        key = static_variables(environment)[1]
        return [text for value in (*known, *inputs, *([key] if key else [])) for text in _texts(value)]


def _data(template: str) -> Any:
    """Return a template as data; None for one that cannot be read, which no run gets far with."""
    try:
        return load(template, "").data
    except (ContinuumError, RecursionError):
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def environment_of_runs(config: Config, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that every run gets: nothing of the service's own secrets."""
    repository = Path(__file__).resolve().parents[2]
    found = {
        name: value for name, value in given.items() if name in _TAKEN_OVER or name.startswith(_TAKEN_OVER_PREFIXES)
    }
    collections = repository / "collections"
    if collections.is_dir():
        known = [item for item in found.get("ANSIBLE_COLLECTIONS_PATH", "").split(":") if item]
        found["ANSIBLE_COLLECTIONS_PATH"] = ":".join(dict.fromkeys([str(collections), *known]))
        found.setdefault("ANSIBLE_CONFIG", str(repository / "ansible.cfg"))
    # Templates are of users: what they name must not be called just because this machine can.
    sources = {SOURCES: ",".join(config.source_hosts)}
    return {**found, **sources, "LC_ALL": "C.UTF-8", "CONTINUUM_HOME": config.home, "ANSIBLE_NOCOLOR": "1"}


def old_folders(config: Config, infrastructure_id: str) -> list[Path]:
    """Return the private folders that runs of an infrastructure have left behind."""
    return list(config.run_folder.glob(f"op-{infrastructure_id}-*"))


@contextmanager
def private_folder(config: Config, task: Task) -> Iterator[Path]:
    """Give an empty folder that only we can enter; it is removed at the end, as is what dead workers left behind."""
    for left in old_folders(config, task.infrastructure_id):
        shutil.rmtree(left, ignore_errors=True)
    config.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = config.run_folder / f"op-{task.infrastructure_id}-{task.operation_id}-{task.fence}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def write_inputs(folder: Path, task: Task, environment: Mapping[str, str] | None = None) -> Path:
    """Write template and extra variables of a run, and the key of hosts that exist already; return the variables' file.

    Without such a key those hosts are not looked at: our own keys must not open what a user names.
    """
    template = write_private(folder / "template.yaml", task.template)
    variables = task.variables(str(template))
    hosts, key = static_variables(environment or {})
    if key and task.cloud == "static":
        file = write_private(folder / "static_key", key.strip() + "\n")
        variables |= {**hosts, "cloud_static_private_key_file": str(file)}
    return write_private(folder / "variables.json", json.dumps(variables))
