# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of a project, as data: short plays that call roles."""

from __future__ import annotations

import itertools
from typing import Any

from .._deployment.model import Deployment
from .._topology.model import Step, group_word
from .jinja import JinjaWriter
from .yaml_text import Jinja, Own

Play = dict[str, Any]
_PYTHON = Jinja("{{ ansible_playbook_python }}")
_PUBLIC_KEY = Jinja("{{ infrastructure_public_key | default('') }}")
_ROLE = "continuum.im.infrastructure"


def deploy_plays() -> list[Play]:
    """Return `deploy.yml`."""
    return [
        {"name": Own("Provide the hosts"), "ansible.builtin.import_playbook": Own("provision.yml")},
        {"name": Own("Configure the hosts"), "ansible.builtin.import_playbook": Own("configure.yml")},
    ]


def provision_plays(deployment: Deployment) -> list[Play]:
    """Return `provision.yml`: create and start hosts; then drain and remove those that are too many."""
    cloud = f"continuum.im.cloud_{deployment.choices.cloud}"
    plays = [
        _on_controller(
            "Provide the hosts",
            [
                _call("Make the key pair", _ROLE, "key"),
                _call("Create and start hosts", cloud, "provision"),
                _call("Add the hosts to the inventory", _ROLE, "hosts"),
            ],
            im_purge=False,
            im_public_key=_PUBLIC_KEY,
        )
    ]
    plays.extend(_leave_play(step) for step in deployment.topology.steps if step.phase == "leave")
    remove = _call("Remove what is too many", cloud, "provision")
    remove["when"] = Own("ansible_facts.im_surplus | default([]) | length > 0")
    variables = {"im_purge": True, "im_public_key": _PUBLIC_KEY}
    return [*plays, _on_controller("Remove the hosts that are too many", [remove], **variables)]


def configure_plays(deployment: Deployment) -> list[Play]:
    """Return `configure.yml`.

    Find out what is left to do, prepare the hosts, run the steps level by level, record it.
    """
    steps = [step for step in deployment.topology.steps if step.phase == "configure"]
    return [
        _on_controller("Know the hosts", [_call("Add the hosts to the inventory", _ROLE, "hosts")]),
        _on_hosts("Find out what is left to do", "im_first", [_call("Compare with the record", _ROLE, "plan")]),
        _prepare_play(),
        _on_hosts("Tell the other hosts the new names", "im_informed", [_call("Write the names", _ROLE, "names")]),
        *(_node_play(list(found)) for _node, found in itertools.groupby(steps, key=lambda step: step.node)),
        _on_hosts("Record what was done", "im_pending:im_informed", [_call("Write the record", _ROLE, "record")]),
        _on_controller("Show the result", [_call("Show hosts and outputs", _ROLE, "report")]),
    ]


def _prepare_play() -> Play:
    play = _on_hosts("Prepare the hosts", "im_pending", [])
    del play["tasks"]
    arguments = {
        "base_roles": Jinja("{{ im_roles }}"),
        "base_hosts_file": Jinja("{{ hostvars['localhost']['infrastructure_hosts_file'] }}"),
    }
    return {**play, "roles": [{"role": Own("continuum.im.base"), "vars": arguments}]}


def _node_play(steps: list[Step]) -> Play:
    """All operations of a node are one play, in their order (profile, section 0)."""
    first = steps[0]
    names = ", ".join(dict.fromkeys(step.role.rpartition(".")[2] for step in steps))
    writer = JinjaWriter()
    play = _on_hosts(f"Configure {first.node} on {first.group} ({names})", f"im_step_{group_word(first.node)}", [])
    if all(step.entry == "main" for step in steps):
        del play["tasks"]
        play["roles"] = [_role(step, writer) for step in steps]
    else:
        play["tasks"] = [_import(step, writer) for step in steps]
    if writer.texts:
        play["vars"] = {"im_text": writer.texts}
    return play


def _leave_play(step: Step) -> Play:
    play = _node_play([step])
    play["name"] = Own(f"Make {step.node} let go of hosts that are too many")
    play["hosts"] = Own(f"im_leave_{group_word(step.node)}")
    return play


def _role(step: Step, writer: JinjaWriter) -> dict[str, Any]:
    arguments = writer.value(step.inputs)
    return {"role": Own(step.role), **({"vars": arguments} if arguments else {})}


def _import(step: Step, writer: JinjaWriter) -> dict[str, Any]:
    arguments = writer.value(step.inputs)
    call = _call(f"Run {step.entry} of {step.role.rpartition('.')[2]}", step.role, step.entry)
    return {**call, **({"vars": arguments} if arguments else {})}


def _on_controller(name: str, tasks: list[dict[str, Any]], **variables: Any) -> Play:
    return {
        "name": Own(name),
        "hosts": Own("localhost"),
        "connection": Own("local"),
        "gather_facts": False,
        "vars_files": [Own("topology.yml")],
        "vars": {"ansible_python_interpreter": _PYTHON, **variables},
        "tasks": tasks,
    }


def _on_hosts(name: str, pattern: str, tasks: list[dict[str, Any]]) -> Play:
    return {
        "name": Own(name),
        "hosts": Own(pattern),
        "gather_facts": False,
        "become": True,
        "tasks": tasks,
    }


def _call(name: str, role: str, entry: str) -> dict[str, Any]:
    return {"name": Own(name), "ansible.builtin.import_role": {"name": Own(role), "tasks_from": Own(entry)}}
