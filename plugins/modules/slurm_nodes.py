#!/usr/bin/python
# Copyright: continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until SLURM's controller answers, until nodes are ready, or until nodes are empty."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_nodes
short_description: Wait for SLURM's controller or for its nodes
description:
  - Runs on the host of slurmctld. One call serves all nodes of a cluster.
author:
  - continuum.im authors (@continuum-im)
options:
  state:
    description:
      - V(answering), slurmctld answers.
      - V(ready), all O(nodes) are up; those that an earlier V(drained) closed are opened again.
      - V(drained), all O(nodes) take no more jobs and have none. Nodes that are down or unknown are left alone.
    type: str
    choices: [answering, ready, drained]
    required: true
  nodes:
    description: Names of nodes.
    type: list
    elements: str
    default: []
  reconfigure:
    description: With O(state=answering), let slurmctld hand the configuration to the running nodes.
    type: bool
    default: false
  timeout:
    description: Seconds to wait.
    type: int
    default: 120
attributes:
  check_mode:
    description: Can run without changing anything.
    support: full
    details: Does not wait then.
  diff_mode:
    description: Shows what would change or has changed.
    support: none
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Wait for the nodes
  continuum.im.slurm_nodes:
    state: ready
    nodes: [vnode-1, vnode-2]
"""

RETURN = r"""
pending:
  description:
    - What is not in the wanted state after O(timeout), by the node's name, with state and reason.
    - Empty when all is well.
  type: dict
  returned: always
"""

import functools
import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

REASON = "removal by continuum.im"
POLL = 0.2
UP = frozenset(
    "allocated completing drained draining idle inval maint mixed planned reserved".split()  # as sinfo's %T names them
)


class Slurm:
    """What this module asks slurmctld, and tells it."""

    def __init__(self, run: Callable[..., tuple[int, str, str]]) -> None:
        self._run = run

    def answers(self) -> bool:
        code, output, _error = self._run(["scontrol", "ping"])
        return code == 0 and " is UP" in output

    def nodes(self) -> dict[str, dict[str, str]]:
        """Return state and reason of every node. A state that ends in * means: does not respond."""
        code, output, _error = self._run(["sinfo", "--all", "--noheader", "--Node", "--format", "%N|%T|%E"])
        if code:
            return {}
        found = {}
        for line in output.splitlines():
            name, state, reason = [*line.strip().split("|", 2), "", ""][:3]
            found[name] = {"state": state.lower(), "reason": reason}
        return found

    def jobs(self, nodes: list[str]) -> list[str]:
        """Return `node: job` for the jobs that have something on one of the nodes."""
        _code, output, _error = self._run(
            ["squeue", "--noheader", "--states=all", "--nodelist", ",".join(nodes), "--format", "%N|%i|%t"]
        )
        busy = {"R", "CG", "CF", "S", "ST", "SO", "SI"}
        return [line.split("|")[1] for line in output.splitlines() if line.split("|")[2].strip() in busy]

    def tell(self, *arguments: str) -> None:
        code, output, error = self._run(["scontrol", *arguments])
        if code:
            raise ValueError(f"scontrol {' '.join(arguments)} failed: {(error or output).strip()}")


def is_up(state: str) -> bool:
    """Tell whether a node with this state works. `~#!%$@^` are sinfo's marks of power saving and reboots."""
    return state.rstrip("+") in UP


def wait(done: Callable[[], bool], timeout: int) -> bool:
    """Ask until it is done; tell whether it is."""
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL)
    return True


def answering(slurm: Slurm, reconfigure: bool, timeout: int, check_mode: bool) -> dict[str, Any]:
    """Wait for slurmctld."""
    if check_mode:
        return {"changed": False, "pending": {}}
    if not wait(slurm.answers, timeout):
        raise ValueError(f"slurmctld did not answer within {timeout} s; see journalctl -u slurmctld on this host")
    if reconfigure:
        slurm.tell("reconfigure")
    return {"changed": reconfigure, "pending": {}}


def ready(slurm: Slurm, nodes: list[str], timeout: int, check_mode: bool) -> dict[str, Any]:
    """Wait for nodes to be up."""
    found: dict[str, dict[str, str]] = {}

    def all_up() -> bool:
        found.clear()
        found.update(slurm.nodes())
        return all(name in found and is_up(found[name]["state"]) for name in nodes)

    if check_mode:
        return {"changed": False, "pending": {}}
    wait(all_up, timeout)
    missing = {"state": "unknown", "reason": "not in the configuration of slurmctld"}
    closed = [name for name in nodes if found.get(name, missing)["reason"] == REASON]
    if closed:
        slurm.tell("update", "NodeName=" + ",".join(closed), "State=RESUME")
    pending = {name: found.get(name, missing) for name in nodes if not is_up(found.get(name, missing)["state"])}
    return {"changed": bool(closed), "pending": pending}


def drained(slurm: Slurm, nodes: list[str], timeout: int, check_mode: bool) -> dict[str, Any]:
    """Close nodes and wait for the end of their jobs."""
    found = slurm.nodes()
    alive = [name for name in nodes if name in found and is_up(found[name]["state"])]
    to_close = [name for name in alive if not found[name]["state"].startswith("drain")]
    if to_close and not check_mode:
        slurm.tell("update", "NodeName=" + ",".join(to_close), "State=DRAIN", f"Reason={REASON}")
    jobs: list[str] = []

    def is_empty() -> bool:
        jobs[:] = slurm.jobs(alive)
        return not jobs

    empty = not alive or check_mode or wait(is_empty, timeout)
    pending = {} if empty else {"jobs": {"state": "running", "reason": " ".join(sorted(set(jobs)))}}
    return {"changed": bool(to_close), "pending": pending}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["answering", "ready", "drained"]},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "reconfigure": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    given = module.params
    slurm = Slurm(functools.partial(module.run_command, handle_exceptions=False))
    try:
        if given["state"] == "answering":
            result = answering(slurm, given["reconfigure"], given["timeout"], module.check_mode)
        elif given["state"] == "ready":
            result = ready(slurm, given["nodes"], given["timeout"], module.check_mode)
        else:
            result = drained(slurm, given["nodes"], given["timeout"], module.check_mode)
    except FileNotFoundError as error:
        if not module.check_mode:
            module.fail_json(msg=f"SLURM is not installed on this host: {error}")
        result = {"changed": False, "pending": {}}
    except ValueError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
