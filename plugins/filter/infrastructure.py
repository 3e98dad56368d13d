# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role `infrastructure`: thin, the work is done in plugin_utils/_run and _result."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from typing import Any

from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import read_choices
from ansible_collections.continuum.im.plugins.plugin_utils._fetch.galaxy import galaxy_store
from ansible_collections.continuum.im.plugins.plugin_utils._parse.secret import secrets_of
from ansible_collections.continuum.im.plugins.plugin_utils._result.outputs import output_values, summary
from ansible_collections.continuum.im.plugins.plugin_utils._run.hosts import hosts_file, inventory_hosts, ssh_config
from ansible_collections.continuum.im.plugins.plugin_utils._run.plan import new_record, plan_hosts, read_record
from ansible_collections.continuum.im.plugins.plugin_utils._translate import COLLECTION, Home

_PREFIX = "continuum.im."


@functools.cache
def role_digest(role: str) -> str:
    """Return a digest of the files of a role of this collection ("" for another one): a changed role runs again."""
    digest = hashlib.sha256()
    top = os.path.join(COLLECTION, "roles", role.removeprefix(_PREFIX))
    if not role.startswith(_PREFIX) or not os.path.isdir(top):
        return ""
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            with open(os.path.join(folder, name), "rb") as file:
                digest.update(name.encode() + b"\0" + file.read() + b"\0")
    return digest.hexdigest()


def plan(
    record: dict[str, Any],
    instances: list[dict[str, Any]],
    surplus: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    everything: bool = False,
) -> list[dict[str, Any]]:
    """Return what is left to do; see `plan_hosts`."""
    return plan_hosts(record, instances, surplus, steps, role_digest, everything, secrets_of(os.environ))


def outputs(
    wanted: dict[str, Any],
    instances: list[dict[str, Any]],
    key_file: str,
    ansible_output: dict[str, Any] | None = None,
    functions: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the outputs of a template; see `output_values`."""
    return output_values(wanted, instances, key_file, ansible_output, secrets_of(os.environ), functions)


def galaxy_folder(project: str) -> str:
    """Return the folder with what the recipes of a project need from Galaxy, "" when they need nothing."""
    return galaxy_store(Home.of(os.environ).path, project)


def home_folders(infrastructure: str) -> list[str]:
    """Return the folders that an infrastructure has on the controller.

    Raises `ChoiceError` for a name that none can have.
    """
    name = read_choices({"infrastructure": infrastructure}, infrastructure, ["local"]).infrastructure
    home = Home.of(os.environ)
    return [os.path.dirname(home.key_file(name)), home.project(name)]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {
            "inventory_hosts": inventory_hosts,
            "hosts_file": hosts_file,
            "ssh_config": ssh_config,
            "read_record": read_record,
            "plan_hosts": plan,
            "new_record": new_record,
            "output_values": outputs,
            "galaxy_folder": galaxy_folder,
            "summary": summary,
            "home_folders": home_folders,
        }
