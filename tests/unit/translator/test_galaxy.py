# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-galaxy is asked for, and how it is installed once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._fetch.galaxy import galaxy_store, install
from ansible_collections.continuum.im.plugins.plugin_utils._project.galaxy import requirements
from ansible_collections.continuum.im.plugins.plugin_utils._site import Site
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import GalaxyContent

pytestmark = pytest.mark.unit


def test_sources_and_what_a_site_puts_in_their_place() -> None:
    site = Site(galaxy={"grycap.nfs": {"source": "/srv/nfs.tar.gz", "version": "v9"}})
    contents = [
        GalaxyContent("role", "grycap.nfs", "", "v1"),
        GalaxyContent("role", "arc", "https://example.org/arc"),
        GalaxyContent("role", "plain"),
        GalaxyContent("collection", "community.docker", "", "3.12.2"),
        GalaxyContent("collection", "c", "https://example.org/c"),
        GalaxyContent("collection", "d", "https://example.org/d.tar.gz"),
    ]
    assert requirements(contents, site) == {
        "roles": [
            {"src": "/srv/nfs.tar.gz", "name": "grycap.nfs", "version": "v9"},
            {"src": "https://example.org/arc", "scm": "git", "name": "arc"},
            {"name": "plain"},
        ],
        "collections": [
            {"name": "community.docker", "version": "3.12.2"},
            {"name": "https://example.org/c", "type": "git"},
            {"name": "https://example.org/d.tar.gz", "type": "url"},
        ],
    }


@pytest.fixture
def project(tmp_path: Path) -> str:
    (tmp_path / "requirements.yml").write_text(yaml.safe_dump({"roles": [{"name": "a"}], "collections": []}))
    return str(tmp_path)


def program(folder: Path, script: str) -> str:
    path = folder / "galaxy"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_it_is_installed_once(project: str, tmp_path: Path) -> None:
    galaxy = program(tmp_path, f'mkdir -p "$6"; echo "$1" >> {tmp_path}/calls')
    home = str(tmp_path / "home")
    install(home, project, galaxy)
    install(home, project, galaxy)
    assert (tmp_path / "calls").read_text().split() == ["role", "collection"]
    assert {path.name for path in Path(galaxy_store(home, project)).iterdir()} == {"roles", "collections"}


def test_what_cannot_be_installed_is_told(project: str, tmp_path: Path) -> None:
    galaxy = program(tmp_path, "echo; echo 'ERROR! no such role' >&2; exit 1")
    with pytest.raises(ContinuumError, match="A role that the recipes need cannot be installed: ERROR! no such role"):
        install(str(tmp_path / "home"), project, galaxy)
    assert list((tmp_path / "home" / "cache" / "galaxy").iterdir()) == []


def test_nothing_to_install(tmp_path: Path) -> None:
    install(str(tmp_path / "home"), str(tmp_path), "/nothing")
    (tmp_path / "requirements.yml").write_text("roles: []\ncollections: []\n")
    assert galaxy_store(str(tmp_path / "home"), str(tmp_path)) == ""
