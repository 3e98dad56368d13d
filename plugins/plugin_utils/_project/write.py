# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment becomes a directory of playbooks: first texts (pure), then files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

import yaml

from .._deployment.functions import LAMBDA
from .._deployment.model import Deployment
from .._fetch.store import Fetched
from .._parse.secret import secrets_in
from .._site import Site
from .._topology.model import Step
from .data import topology_data
from .function_plays import function_plays
from .galaxy import requirements
from .inventory import FOLDER, inventory_files
from .plays import (
    configure_plays,
    deploy_plays,
    has_recipe,
    play_name,
    provision_plays,
    recipe_file,
    steps_by_node,
)
from .recipes import kept_name, recipe_play
from .yaml_text import Own, accept_names, dump, dump_plays

_README = """\
# {name}

Written by continuum.im from the template `{template}` for the cloud `{cloud}`. Do not edit: the next deployment
writes it again.

| file | what it does |
|---|---|
| `deploy.yml` | both of the following |
| `provision.yml` | creates the {what}, removes those that are too many |
| `configure.yml` | {then} |
| `topology.yml` | the data of the plays |
{more}
Run it by hand, with the collection `continuum.im` installed:

    ansible-playbook deploy.yml
    ansible-playbook deploy.yml --check --diff
    ansible-playbook continuum.im.destroy -e infrastructure={name} -e cloud={cloud}
"""
_INVENTORY = """\
| `inventory/` | the hosts as the cloud has them, for playbooks of yours: `ansible-inventory -i inventory --graph` |
"""
_RECIPES = """\
| `recipes/` | foreign recipes, moved to their hosts; `pins.yml` has the SHA-256 of each |
| `requirements.yml` | roles and collections that the recipes need |

Recipes are foreign code. `deploy.yml` runs `configure.yml` in a sandbox, in which they see this folder only.
"""
_SECRETS = """
Secret inputs are not in these files. Set them in the environment before: {names}.
"""
_PINS = "recipes/pins.yml"
_TOPOLOGY = "topology.yml"
Files = dict[str, str | bytes]


def render(
    deployment: Deployment,
    contents: Mapping[str, Fetched] | None = None,
    site: Site | None = None,
    inventory: Mapping[str, str] | None = None,
) -> Files:
    """Return the content of every file of the project by name; the same deployment gives the same bytes.

    `contents` are the files that `deployment.topology.references` asks for, `inventory` is what the role of the cloud
    has for later runs. Raises `TemplateError` for a recipe that is no playbook.
    """
    fetched = contents or {}
    foreign = {node: steps for node, steps in steps_by_node(deployment).items() if has_recipe(steps)}
    files: Files = {
        "deploy.yml": dump_plays(deploy_plays(bool(foreign) and deployment.choices.confined)),
        "provision.yml": dump_plays(provision_plays(deployment)),
        "configure.yml": dump_plays(configure_plays(deployment)),
        _TOPOLOGY: dump(topology_data(deployment, fetched)),
        "README.md": _readme(deployment, bool(foreign), bool(inventory)),
        **inventory_files(deployment, inventory or {}),
    }
    if deployment.choices.cloud == LAMBDA:
        return {**files, **{name: dump_plays(plays) for name, plays in function_plays(deployment).items()}}
    for node, steps in foreign.items():
        play = recipe_play(steps, fetched, play_name(steps), deployment.topology.groups)
        files[recipe_file(node)] = accept_names(dump_plays([play]))
    for item in fetched.values():
        if any(item.reference in step.files or _is_script(step, item) for steps in foreign.values() for step in steps):
            files[f"recipes/files/{kept_name(item)}"] = item.content
    if foreign:
        files[_PINS] = dump({item.url: Own(item.sha256) for item in fetched.values()})
        files["requirements.yml"] = dump(requirements(deployment.topology.galaxy, site or Site()))
    return files


def read_pins(directory: str) -> dict[str, str]:
    """Return the SHA-256 of each recipe that the project in `directory` was written with, by URL."""
    text = _read(os.path.join(directory, _PINS))
    found = yaml.load(text, Loader=_PinLoader) if isinstance(text, bytes) else None  # noqa: S506 (plain texts only)
    return {str(url): str(digest) for url, digest in found.items()} if isinstance(found, dict) else {}


def read_clouds_of(directory: str) -> list[str]:
    """Return the clouds that the project in `directory` was made for; none when there is no project."""
    text = _read(os.path.join(directory, _TOPOLOGY))
    found = yaml.load(text, Loader=_PinLoader) if isinstance(text, bytes) else None  # noqa: S506 (plain texts only)
    if not isinstance(found, dict) or not found.get("im_cloud"):
        return []
    return [str(cloud) for cloud in found.get("im_clouds") or [found["im_cloud"]]]


def write(files: Files, directory: str) -> None:
    """Write the files to `directory` (mode 0700), each replaced in one step; unchanged ones are left alone.

    Recipes and inventories of an earlier deployment that are no longer part of it are removed.
    """
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        path = os.path.join(directory, name)
        if _read(path) != data:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(name)}.")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
    for folder in ("recipes", FOLDER):
        path = os.path.join(directory, folder)
        for name in os.listdir(path) if os.path.isdir(path) else ():
            if name.endswith(".yml") and f"{folder}/{name}" not in files:
                os.unlink(os.path.join(path, name))


def _is_script(step: Step, item: Fetched) -> bool:
    return step.recipe is not None and step.recipe.kind == "script" and step.recipe.reference == item.reference


def _readme(deployment: Deployment, foreign: bool, inventory: bool) -> str:
    choices, topology = deployment.choices, deployment.topology
    inputs = [*(step.inputs for step in topology.steps), *(item.properties for item in topology.functions)]
    secrets = sorted(secrets_in([inputs, topology.outputs, list(topology.networks)]))
    more = (_INVENTORY if inventory else "") + (_RECIPES if foreign else "")
    more += _SECRETS.format(names=", ".join(secrets)) if secrets else ""
    names = {"name": choices.infrastructure, "template": topology.name, "cloud": choices.cloud}
    hosts = choices.cloud != LAMBDA
    names["what"] = "hosts" if hosts else "functions"
    names["then"] = "installs the software, level by level" if hosts else "shows the result"
    return _README.format(**names, more=more)


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


class _PinLoader(yaml.SafeLoader):
    """Our own files, in which text of users is written as `!unsafe`."""


def _plain(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


_PinLoader.add_constructor("!unsafe", _plain)
