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

from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import (
    DEFAULT_CLOUD,
    read_choices,
    read_clouds,
)
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ChoiceError
from ansible_collections.continuum.im.plugins.plugin_utils._fetch.galaxy import galaxy_store
from ansible_collections.continuum.im.plugins.plugin_utils._parse.secret import secrets_of
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import read_clouds_of
from ansible_collections.continuum.im.plugins.plugin_utils._result.outputs import output_values, summary
from ansible_collections.continuum.im.plugins.plugin_utils._run.chosen import chosen_hosts, configures
from ansible_collections.continuum.im.plugins.plugin_utils._run.hosts import hosts_files, inventory_hosts, ssh_config
from ansible_collections.continuum.im.plugins.plugin_utils._run.hybrid import (
    hosts_by_cloud,
    join_clouds,
    last_number,
    networks_of,
    part_of_cloud,
)
from ansible_collections.continuum.im.plugins.plugin_utils._run.key import given_public_key
from ansible_collections.continuum.im.plugins.plugin_utils._run.plan import new_record, plan_hosts, read_record
from ansible_collections.continuum.im.plugins.plugin_utils._translate import COLLECTION, Home, known_clouds

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
    configure: Any = True,
) -> list[dict[str, Any]]:
    """Return what is left to do; see `plan_hosts`, and `chosen_hosts` for `configure`."""
    chosen = chosen_hosts(configure, instances)
    return plan_hosts(record, instances, surplus, steps, role_digest, everything, secrets_of(os.environ), chosen)


def entries(
    instances: list[dict[str, Any]],
    surplus: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    cloud: str,
    key_file: str,
    configure: Any = True,
) -> list[dict[str, Any]]:
    """Return the inventory; see `inventory_hosts`. A host in `configure` that is not there is refused here."""
    chosen_hosts(configure, instances)
    return inventory_hosts(instances, surplus, steps, cloud, key_file, configures(configure))


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


def public_key(infrastructure: str) -> str:
    """Return the public half of the key pair that comes with the run; see `given_public_key`."""
    return given_public_key(os.environ, infrastructure)


def clouds_of(infrastructure: str, chosen: Any = None) -> list[str]:
    """Return the clouds of an infrastructure: those that the user names, else those that its project was made for.

    Raises `ChoiceError` for clouds that do not exist, and when the user names fewer than the project has: what is on
    the others would be left behind.
    """
    name = read_choices({"infrastructure": infrastructure}, infrastructure, ["local"]).infrastructure
    made_for = read_clouds_of(Home.of(os.environ).project(name))
    names = list(read_clouds(chosen or made_for or DEFAULT_CLOUD, known_clouds()))
    forgotten = [cloud for cloud in made_for if cloud not in names]
    if forgotten and len(made_for) > 1:
        problem = f"'{name}' was deployed on {', '.join(made_for)}; {', '.join(forgotten)} would be left out."
        raise ChoiceError.of(problem, f"Give -e cloud={','.join(made_for)}, or leave out the cloud.")
    return names


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {
            "inventory_hosts": entries,
            "hosts_files": hosts_files,
            "ssh_config": ssh_config,
            "read_record": read_record,
            "plan_hosts": plan,
            "new_record": new_record,
            "output_values": outputs,
            "galaxy_folder": galaxy_folder,
            "summary": summary,
            "home_folders": home_folders,
            "given_public_key": public_key,
            "clouds_of": clouds_of,
            "join_clouds": join_clouds,
            "last_number": last_number,
            "part_of_cloud": part_of_cloud,
            "networks_of": networks_of,
            "hosts_by_cloud": hosts_by_cloud,
        }
