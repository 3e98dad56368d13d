# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment becomes a directory of playbooks: first texts (pure), then files."""

from __future__ import annotations

import os
import tempfile

from .._deployment.model import Deployment
from .data import topology_data
from .plays import configure_plays, deploy_plays, provision_plays
from .yaml_text import dump, dump_plays

_README = """\
# {name}

Written by continuum.im from the template `{template}` for the cloud `{cloud}`. Do not edit: the next deployment
writes it again.

| file | what it does |
|---|---|
| `deploy.yml` | both of the following |
| `provision.yml` | creates the hosts, removes those that are too many |
| `configure.yml` | installs the software, level by level |
| `topology.yml` | the data of the plays |

Run it by hand, with the collection `continuum.im` installed:

    ansible-playbook deploy.yml
    ansible-playbook deploy.yml --check --diff
    ansible-playbook continuum.im.destroy -e infrastructure={name} -e cloud={cloud}
"""


def render(deployment: Deployment) -> dict[str, str]:
    """Return the text of every file of the project by name; the same deployment gives the same bytes."""
    choices = deployment.choices
    readme = _README.format(name=choices.infrastructure, template=deployment.topology.name, cloud=choices.cloud)
    return {
        "deploy.yml": dump_plays(deploy_plays()),
        "provision.yml": dump_plays(provision_plays(deployment)),
        "configure.yml": dump_plays(configure_plays(deployment)),
        "topology.yml": dump(topology_data(deployment)),
        "README.md": readme,
    }


def write(files: dict[str, str], directory: str) -> None:
    """Write the files to `directory` (mode 0700), each replaced in one step; unchanged ones are left alone."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for name, text in files.items():
        path = os.path.join(directory, name)
        if _read(path) != text:
            handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
