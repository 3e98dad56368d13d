# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook of a project in the sandbox, as the action plugin `confined_playbook` asks for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._errors import ChoiceError
from . import box as boxes
from .relay import Policy, Relay

_INSIDE = f"{boxes.COLLECTIONS}/ansible_collections/continuum/im/plugins/plugin_utils/_sandbox/inside.py"
_CONNECT = f"{sys.executable} -I {_INSIDE} connect %h %p"
_RUN = "/continuum/run"
_CONTROL = "/tmp/cp"  # noqa: S108 (a file system of its own)
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
# What a run may take over from the environment of its caller: no secrets but those of the template's own inputs.
_TAKEN_OVER = ("IM_INPUT_", "ANSIBLE_FORKS", "ANSIBLE_TIMEOUT", "ANSIBLE_NOCOLOR", "TERM", "TZ")


@dataclass(frozen=True)
class Job:
    """One playbook: `project` is its folder, `keys` the folder of the infrastructure's key pair.

    `instances` and `surplus` are handed over, since the sandbox cannot ask the cloud; `galaxy` is the folder with the
    roles and collections that recipes need ("" for none).
    """

    project: str
    keys: str
    playbook: str
    collection: str
    instances: list[dict[str, Any]]
    surplus: list[dict[str, Any]] = field(default_factory=list)
    galaxy: str = ""
    options: tuple[str, ...] = ()
    callback: str = "continuum.im.progress"
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How a job ended: its exit code, what its progress callback wrote, and what the relay refused."""

    code: int
    progress: dict[str, Any]
    refused: list[str]


def trouble() -> str:
    """Return "" when sandboxes work on this machine, else the reason."""
    if shutil.which(boxes.PROGRAM) is None:
        return "bubblewrap is not installed"
    probe = boxes.command(boxes.Box(), ["/usr/bin/env", "true"])
    done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=30)
    return "" if done.returncode == 0 else " ".join((done.stderr or "it ends with an error").split())


def require_sandbox() -> None:
    """Raise `ChoiceError` when there can be no sandbox."""
    reason = trouble()
    if reason:
        hint = "Install bubblewrap; or, where every run has a container of its own, deploy with -e confined=false."
        raise ChoiceError.of(f"The template's recipes need a sandbox, and there is none here: {reason}.", hint)


def run(job: Job, environment: Mapping[str, str], show: Callable[[str], None]) -> Ended:
    """Run the playbook to its end; each line that it prints is handed to `show` at once."""
    with tempfile.TemporaryDirectory(prefix="continuum-run-") as folder:
        known = {"im_known": {"instances": job.instances, "surplus": job.surplus}, **job.variables}
        _write(os.path.join(folder, "known.json"), known)
        _write(os.path.join(folder, "hosts.json"), _inventory())
        hosts = [*job.instances, *job.surplus]
        _write(os.path.join(folder, "jumps.json"), {"ssh": _jump_words(job), "jumps": jumps(hosts)})
        relay = Relay(os.path.join(folder, "relay.sock"), Policy(addresses(hosts)))
        try:
            sandbox = _box(job, folder, environment)
            words = boxes.command(sandbox, _words(job))
            code = _follow(words, sandbox.environment, show)
        finally:
            relay.close()
        return Ended(code, _read(os.path.join(folder, "progress.json")), list(dict.fromkeys(relay.refused)))


def _words(job: Job) -> list[str]:
    ansible = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
    inside = [sys.executable, _INSIDE, "run", sys.executable, ansible]
    inputs = ["-i", f"{_RUN}/hosts.json", "-e", f"@{_RUN}/known.json"]
    return [*inside, os.path.join(job.project, job.playbook), *inputs, *job.options]


def _box(job: Job, folder: str, environment: Mapping[str, str]) -> boxes.Box:
    # Recipes keep things in /var/tmp between runs (passwords made by lookups): each infrastructure has one of its own.
    # A plan of an infrastructure that is not there leaves nothing behind.
    keys = job.keys if os.path.isdir(job.keys) else os.path.join(folder, "keys")
    scratch = os.path.join(keys, "var-tmp")
    os.makedirs(scratch, mode=0o700, exist_ok=True)
    known_hosts = os.path.join(keys, "known_hosts")
    with open(known_hosts, "a", encoding="ascii"):
        pass
    # Project and keys cannot be changed: later runs and logins use them outside of the sandbox.
    readable = {
        **boxes.python_paths([sys.prefix, sys.base_prefix]),
        **boxes.collection_paths(job.collection),
        **({job.galaxy: boxes.GALAXY} if job.galaxy else {}),
        job.project: job.project,
        keys: job.keys,
    }
    sockets = {os.path.join(folder, "relay.sock"): boxes.SOCKET}
    writable = {known_hosts: os.path.join(job.keys, "known_hosts"), scratch: "/var/tmp", folder: _RUN, **sockets}  # noqa: S108
    return boxes.Box(readable, writable, _environment(job, environment), job.project)


def _environment(job: Job, given: Mapping[str, str]) -> dict[str, str]:
    proxy = f"http://127.0.0.1:{boxes.PROXY_PORT}"
    config = os.path.join(job.keys, "ssh_config")
    own = {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": "/tmp/home",  # noqa: S108 (a file system of its own)
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": f"{boxes.COLLECTIONS}:{boxes.GALAXY}/collections",
        "ANSIBLE_ROLES_PATH": f"{boxes.GALAXY}/roles",
        "ANSIBLE_FORKS": "20",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_HOST_PATTERN_MISMATCH": "ignore",
        "ANSIBLE_INTERPRETER_PYTHON": "/usr/bin/python3",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": _CONTROL,
        "ANSIBLE_SSH_ARGS": f"-F {config} -o ControlMaster=auto -o ControlPersist=60s -o 'ProxyCommand={_CONNECT}'",
        "ANSIBLE_STDOUT_CALLBACK": job.callback,
        **({} if job.callback == Job.callback else {"ANSIBLE_CALLBACKS_ENABLED": "continuum.im.collect"}),
        "IN_CONTINUUM_SANDBOX": "1",
        "CONTINUUM_HOME": "/tmp/home/continuum",  # noqa: S108
        "CONTINUUM_PROGRESS_FILE": f"{_RUN}/progress.json",
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy),
    }
    return {**own, **{name: value for name, value in given.items() if name.startswith(_TAKEN_OVER)}}


def _inventory() -> dict[str, Any]:
    """The controller itself, named so that nothing of a play (become, for one) leads to another user."""
    local = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
    }
    return {"all": {"hosts": {"localhost": local}}}


def _jump_words(job: Job) -> list[str]:
    """How ssh is run to a jump host; what it needs to know of that one is in the configuration of SSH."""
    options = {
        "BatchMode": "yes",
        "ProxyCommand": _CONNECT,
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        "ControlPath": f"{_CONTROL}/jump-%C",
    }
    config = os.path.join(job.keys, "ssh_config")
    return ["ssh", "-F", config, *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def addresses(hosts: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return what the relay lets through: addresses, each with the port of SSH.

    Not the addresses of hosts that are reached through another one: near the controller another machine may have them.
    """
    there = {item.get("name") for item in hosts}
    direct = [item for item in hosts if not item.get("jump") or item["jump"] not in there]
    return [(_address(item), int(item.get("ssh_port") or 22)) for item in direct if _address(item)]


def jumps(hosts: list[dict[str, Any]]) -> dict[str, str]:
    """Return the name of the host through which an address is reached."""
    there = {item.get("name") for item in hosts}
    behind = [item for item in hosts if item.get("jump") and item["jump"] in there]
    return {_address(item): str(item["jump"]) for item in behind}


def _address(item: dict[str, Any]) -> str:
    return str(item.get("ssh_address") or item.get("public_ip") or item.get("private_ip") or "")


def _follow(words: list[str], environment: Mapping[str, str], show: Callable[[str], None]) -> int:
    with subprocess.Popen(
        words,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        if process.stdout is not None:
            for line in process.stdout:
                show(_harmless(line))
        return process.wait()


def _harmless(line: str) -> str:
    """Return a line without what would steer a terminal; colours stay."""
    parts = _COLOUR.split(line.rstrip("\n"))
    return "".join(
        part if _COLOUR.fullmatch(part) else "".join(character for character in part if character.isprintable())
        for part in parts
    )


def _write(path: str, data: Any) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file)


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
