# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of a project, as data: short plays that call roles."""

from __future__ import annotations

from typing import Any

from .._deployment.model import Deployment
from .._topology.model import Step, group_word
from .jinja import JinjaWriter
from .yaml_text import Jinja, Own

Play = dict[str, Any]
_PYTHON = Jinja("{{ ansible_playbook_python }}")
_PUBLIC_KEY = Jinja("{{ infrastructure_public_key | default('') }}")
_ROLE = "continuum.im.infrastructure"


def deploy_plays(confined: bool = False) -> list[Play]:
    """Return `deploy.yml`; when `confined`, what configures the hosts runs as a process of its own in a sandbox."""
    provision = {"name": Own("Provide the hosts"), "ansible.builtin.import_playbook": Own("provision.yml")}
    if not confined:
        return [
            provision,
            {"name": Own("Configure the hosts"), "ansible.builtin.import_playbook": Own("configure.yml")},
        ]
    call = _call("Run the recipes in a sandbox", _ROLE, "confined")
    report = _on_controller("Show the result", [_call("Show hosts and outputs", _ROLE, "report")])
    return [provision, _on_controller("Configure the hosts", [call]), report]


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
    # Included, not imported: the condition is asked once, and not again after the first task that removed them.
    remove = {
        "name": Own("Remove what is too many"),
        "ansible.builtin.include_role": {"name": Own(cloud), "tasks_from": Own("provision")},
        "when": Own("ansible_facts.im_surplus | default([]) | length > 0"),
    }
    variables = {"im_purge": True, "im_public_key": _PUBLIC_KEY}
    return [*plays, _on_controller("Remove the hosts that are too many", [remove], **variables)]


def configure_plays(deployment: Deployment) -> list[Play]:
    """Return `configure.yml`.

    Find out what is left to do, prepare the hosts, run the steps level by level, record it. Nodes with foreign recipes
    have a playbook of their own.
    """
    nodes = steps_by_node(deployment)
    foreign = any(has_recipe(steps) for steps in nodes.values())
    report = _call("Show hosts and outputs", _ROLE, "report")
    if foreign:
        report["when"] = Own("im_known is not defined")
    return [
        _on_controller("Know the hosts", [_call("Add the hosts to the inventory", _ROLE, "hosts")]),
        _on_hosts("Find out what is left to do", "im_first", [_call("Compare with the record", _ROLE, "plan")]),
        _prepare_play(),
        *([_facts_play()] if foreign else []),
        _on_hosts("Tell the other hosts the new names", "im_informed", [_call("Write the names", _ROLE, "names")]),
        *(_import_play(found) if has_recipe(found) else _node_play(found) for found in nodes.values()),
        _on_hosts("Record what was done", "im_pending:im_informed", [_call("Write the record", _ROLE, "record")]),
        _on_controller("Show the result", [report]),
    ]


def steps_by_node(deployment: Deployment) -> dict[str, list[Step]]:
    """Return the steps that configure hosts by their node, in the order in which the nodes run."""
    found: dict[str, list[Step]] = {}
    for step in deployment.topology.steps:
        if step.phase == "configure":
            found.setdefault(step.node, []).append(step)
    return found


def has_recipe(steps: list[Step]) -> bool:
    """True when a node needs more than roles."""
    return any(step.recipe is not None or step.files for step in steps)


def play_name(steps: list[Step]) -> str:
    """Return what the play of a node is called."""
    words = [step.recipe.file if step.recipe else step.role.rpartition(".")[2] for step in steps]
    return f"Configure {steps[0].node} on {steps[0].group} ({', '.join(dict.fromkeys(words))})"


def recipe_file(node: str) -> str:
    """Return the playbook of a node with recipes."""
    return f"recipes/{group_word(node)}.yml"


def _import_play(steps: list[Step]) -> Play:
    return {
        "name": Own(play_name(steps)),
        "ansible.builtin.import_playbook": Own(recipe_file(steps[0].node)),
    }


def _facts_play() -> Play:
    """Recipes look into the facts of all hosts."""
    task = {
        "name": Own("Gather the facts of all hosts"),
        "ansible.builtin.setup": {},
        "when": Own("groups['im_recipes'] is defined"),
    }
    return _on_hosts("Learn about the hosts", "im_hosts", [task])


def _prepare_play() -> Play:
    play = _on_hosts("Prepare the hosts", "im_pending", [])
    del play["tasks"]
    arguments = {
        "base_roles": Jinja("{{ im_roles }}"),
        "base_hosts_file": Jinja("{{ hostvars['localhost']['infrastructure_hosts_files'][IM_NODE_CLOUD_TYPE] }}"),
    }
    return {**play, "roles": [{"role": Own("continuum.im.base"), "vars": arguments}]}


def _node_play(steps: list[Step]) -> Play:
    """All operations of a node are one play, in their order (profile, section 0)."""
    writer = JinjaWriter()
    play = _on_hosts(play_name(steps), f"im_step_{group_word(steps[0].node)}", [])
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
