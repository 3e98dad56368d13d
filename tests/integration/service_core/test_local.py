# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on real hosts: the collection's playbooks by ansible-runner on the local cloud."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from service.db.engine import read_scope, session_scope
from service.db.models import Infrastructure
from service.operations import keys

from .conftest import LONG, VM, Service, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("cloud-local-service"),
    pytest.mark.skipif(shutil.which("podman") is None or os.geteuid() != 0, reason="needs podman and root"),
]
PASSWORD = "Tr0ub4dor&3 correct/horse"
SECRETIVE = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs:
    admin_password: {type: string}
  node_templates:
    simple_node:
      type: tosca.nodes.indigo.Compute
      capabilities:
        endpoint: {properties: {network_name: PUBLIC}}
  outputs:
    told: {value: {get_input: admin_password}}
    ip: {value: {get_attribute: [simple_node, public_address, 0]}}
"""
RECIPE = """
- hosts: localhost
  connection: local
  tasks:
    - name: Greet
      ansible.builtin.debug: {msg: hello from the recipe}
    - name: Check the licence
      ansible.builtin.assert: {that: "licence == 'good'", fail_msg: the licence is not good}
"""
WITH_RECIPE = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs:
    licence: {type: string, default: bad}
  node_templates:
    box:
      type: tosca.nodes.indigo.Compute
      capabilities: {endpoint: {properties: {network_name: PUBLIC}}}
    app:
      type: tosca.nodes.SoftwareComponent
      requirements: [{host: box}]
      interfaces:
        Standard:
          configure:
            implementation: https://example.org/recipes/app.yml
            inputs: {licence: {get_input: licence}}
"""


def containers(name: str) -> list[str]:
    command = ["podman", "ps", "-a", "--format", "{{.Names}}", "--filter", f"label=im_infrastructure={name}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on the local cloud; what it made is removed, whatever happens."""
    found = Service(tmp_path_factory.mktemp("home"))
    try:
        found.start()
        yield found
    finally:
        found.stop()
        for name in found.names:
            remove(name)


def remove(name: str) -> None:
    """Remove what a test has left."""
    left = containers(name)
    if left:
        subprocess.run(["podman", "rm", "-f", *left], capture_output=True, timeout=120, check=False)
    networks = ["podman", "network", "ls", "-q", "--filter", f"label=im_infrastructure={name}"]
    for network in subprocess.run(networks, capture_output=True, text=True, check=False).stdout.split():
        subprocess.run(["podman", "network", "rm", "-f", network], capture_output=True, check=False)


def test_a_life_with_secrets(local: Service) -> None:
    found = local.create(1, template=SECRETIVE, inputs={"admin_password": PASSWORD})
    name = f"im-{found}"
    operations = local.settled(found)
    assert [item.state for item in operations] == ["done"], local.words(found)
    assert local.states(found) == {0: "configured"}
    row = local.read(found)
    assert row.outputs["told"] == PASSWORD
    with read_scope(local.engine) as session:
        vm = session.get_one(type(row), found).vms[0]
        key = keys.private_key(session, found)
    assert row.outputs["ip"] == vm.facts["public_ip"]
    assert key is not None
    assert containers(name) == [vm.name]
    phases = {item.phase for item in local.events(found)}
    assert {"service", "Provide the hosts", "Prepare the hosts"} <= phases
    no_secret_remains(local, key)

    # Another machine goes on: its home has neither the key nor the project.
    shutil.rmtree(local.home / "keys")
    shutil.rmtree(local.home / "projects")
    local.ask(found, "add", [0, 1])
    local.settled(found)
    assert local.states(found) == {0: "configured", 1: "configured"}
    assert (local.home / "keys" / name / keys.PRIVATE_KEY).read_text() == key

    local.ask(found, "stop", hosts=[1])
    local.settled(found)
    assert local.states(found) == {0: "configured", 1: "stopped"}
    local.ask(found, "start")
    local.ask(found, "delete")
    assert local.settled(found)[-1].state == "done"
    assert containers(name) == []
    assert not (local.home / "keys" / name).exists()
    no_secret_remains(local, key)


def no_secret_remains(service: Service, key: str) -> None:
    """In no file of the home but the key itself, in no form that one would look for."""
    needles = [PASSWORD.encode(), base64.b64encode(PASSWORD.encode()), key.encode()[60:160]]
    for file in service.home.rglob("*"):
        if file.is_file() and "keys" not in file.relative_to(service.home).parts[:1]:
            text = file.read_bytes()
            assert not [needle for needle in needles if needle in text], file
    assert list(service.config.run_folder.glob("op-*")) == []


def test_ansible_is_killed_and_the_run_repeated(local: Service) -> None:
    found = local.create(1)
    until(lambda: any(event.phase == "Provide the hosts" for event in local.events(found)))
    local.kill("ansible-playbook")
    (operation,) = local.settled(found)
    assert (operation.state, operation.attempts) == ("done", 2), local.words(found)
    assert len(containers(f"im-{found}")) == 1
    assert local.states(found) == {0: "configured"}


def test_a_template_that_cannot_be_deployed(local: Service) -> None:
    found = local.create(1, template=VM.replace("tosca.nodes.indigo.Compute", "tosca.nodes.indigo.Compote"))
    (operation,) = local.settled(found)
    assert (operation.state, operation.attempts) == ("failed", 1)
    assert "tosca.nodes.indigo.Compote" in operation.reason
    assert "Traceback" not in operation.reason
    assert local.states(found) == {0: "failed"}
    assert local.read(found).failure == operation.reason


def test_delete_overtakes_a_real_run(local: Service) -> None:
    found = local.create(1)
    until(lambda: containers(f"im-{found}"), LONG)
    local.ask(found, "delete")
    operations = local.settled(found)
    assert [(item.kind, item.state) for item in operations] == [("create", "cancelled"), ("delete", "done")]
    assert containers(f"im-{found}") == []


def test_recipes_run_in_the_sandbox_and_tell_what_they_do(local: Service) -> None:
    recipes = local.home / "recipes"
    recipes.mkdir()
    (recipes / "app.yml").write_text(RECIPE)
    (local.home / "site.yml").write_text(f"mirrors: {{'https://example.org/recipes/': {recipes}}}\n")
    found = local.create(1, template=WITH_RECIPE, wanted=[{"id": 0, "node": "box"}])
    (operation,) = local.settled(found)
    assert operation.state == "failed"
    assert "task 'Check the licence': the licence is not good" in operation.reason
    assert local.states(found) == {0: "unconfigured"}
    with session_scope(local.engine) as session:
        session.get_one(Infrastructure, found).inputs = {"licence": "good"}
    local.ask(found, "reconfigure")
    assert [item.state for item in local.settled(found)] == ["failed", "done"], local.words(found)
    assert local.states(found) == {0: "configured"}
    assert any("hello from the recipe" in event.message for event in local.events(found))
