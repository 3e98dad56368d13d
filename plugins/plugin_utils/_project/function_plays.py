# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of a project that has functions instead of hosts."""

from __future__ import annotations

from typing import Any

from .._deployment.functions import lambda_functions
from .._deployment.model import Deployment
from .jinja import JinjaWriter
from .yaml_text import Jinja, Own

_ROLE = "continuum.im.infrastructure"
Play = dict[str, Any]


def function_plays(deployment: Deployment) -> dict[str, list[Play]]:
    """Return the plays of `deploy.yml`, `provision.yml` and `configure.yml`."""
    cloud = f"continuum.im.cloud_{deployment.choices.cloud}"
    writer = JinjaWriter()
    functions = [writer.value(item) for item in lambda_functions(deployment.topology.functions)[0]]
    variables: dict[str, Any] = {"im_functions": functions}
    if writer.texts:
        variables["im_text"] = writer.texts
    look = _call("List the functions", cloud, "info")
    look["when"] = Own("ansible_facts.im_deployed_functions is not defined")
    return {
        "deploy.yml": [_import("Provide the functions", "provision.yml"), _import("Report", "configure.yml")],
        "provision.yml": [
            _play("Provide the functions", [_call("Make the functions", cloud, "provision")], variables),
        ],
        "configure.yml": [_play("Show the result", [look, _call("Show functions and outputs", _ROLE, "report")], {})],
    }


def _import(name: str, file: str) -> Play:
    return {"name": Own(name), "ansible.builtin.import_playbook": Own(file)}


def _play(name: str, tasks: list[dict[str, Any]], variables: dict[str, Any]) -> Play:
    return {
        "name": Own(name),
        "hosts": Own("localhost"),
        "connection": Own("local"),
        "gather_facts": False,
        "vars_files": [Own("topology.yml")],
        "vars": {"ansible_python_interpreter": Jinja("{{ ansible_playbook_python }}"), **variables},
        "tasks": tasks,
    }


def _call(name: str, role: str, entry: str) -> dict[str, Any]:
    return {"name": Own(name), "ansible.builtin.import_role": {"name": Own(role), "tasks_from": Own(entry)}}
