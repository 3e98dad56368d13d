# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other sizes for single hosts, and changes that configure some hosts only, or none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from service.db.engine import read_scope
from service.db.models import Infrastructure, Operation
from service.operations.queue import wait_for
from sqlalchemy import select

from .documents import RADL, RECIPE, TOSCA, YAML

pytestmark = pytest.mark.integration
JSON = {"Accept": "application/json"}
SIZE = """tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs: {cpus: {type: integer, default: 3}}
  node_templates:
    server:
      type: tosca.nodes.indigo.Compute
      capabilities: {host: {properties: {num_cpus: {get_input: cpus}, mem_size: 3 GB%s}}}
"""


def system(site: Any, base: str) -> dict[str, Any]:
    found: dict[str, Any] = site.call("GET", base, headers=JSON).get_json()["radl"][-1]
    return found


def operations(site: Any, key: str) -> list[Operation]:
    with read_scope(site.engine) as session:
        query = select(Operation).where(Operation.infrastructure_id == key).order_by(Operation.id)
        return list(session.scalars(query))


def finish(site: Any, key: str) -> None:
    """Wait until no operation is left."""
    for operation in operations(site, key):
        assert wait_for(site.engine, operation.id, 60).state == "done"


def wanted(site: Any, key: str) -> Any:
    with read_scope(site.engine) as session:
        return session.get_one(Infrastructure, key).wanted


def test_one_host_gets_another_size_and_keeps_it(site: Any) -> None:
    key = site.create(RADL)
    base = f"/infrastructures/{key}"
    answer = site.call("PUT", f"{base}/vms/1", data="system wn (cpu.count>=4 and memory.size>=8GB)\n", headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["radl"][-1]["cpu.count"] == 4
    assert wanted(site, key)[1] == {"id": 1, "node": "wn", "cpus": 4, "memory": 8 * 10**9, "instance_type": ""}
    site.settle(key)
    site.call("POST", base, data="network priv\nsystem wn\ndeploy wn 1\n")
    site.settle(key)
    assert [site.call("GET", f"{base}/vms/{number}/cpu.count").text for number in (1, 2)] == ["4", "2"]
    # What a client got it may send back: nothing is done then. One value may be changed in it.
    text = site.call("GET", f"{base}/vms/1").text
    before = len(operations(site, key))
    assert site.call("PUT", f"{base}/vms/1", data=text).status_code == 200
    assert len(operations(site, key)) == before
    changed = site.call("GET", f"{base}/vms/1", headers=JSON).get_json()["radl"]
    changed[-1]["memory.size"] = 4 * 10**9
    kind = {"Content-Type": "application/json"}
    assert site.call("PUT", f"{base}/vms/1", data=json.dumps(changed), headers=kind).status_code == 200
    site.settle(key)
    assert (system(site, f"{base}/vms/1")["cpu.count"], system(site, f"{base}/vms/1")["memory.size"]) == (4, 4 * 10**9)
    typed = site.call("PUT", f"{base}/vms/1", data="system wn (instance_type='huge')\n")
    assert "instance_type = 'huge'" in typed.text
    document = site.call("GET", f"{base}/data?delete=1").get_json()["data"]
    assert site.call("PUT", "/infrastructures", data=document).status_code == 200
    assert wanted(site, key)[1]["instance_type"] == "huge"


def test_a_template_alters_a_host(site: Any) -> None:
    key = site.create(TOSCA % (2, ""), "text/yaml")
    base = f"/infrastructures/{key}/vms/1"
    answer = site.call("PUT", base, data=SIZE % "", headers=YAML)
    assert answer.status_code == 200, answer.text
    site.settle(key)
    assert (system(site, base)["cpu.count"], system(site, base)["memory.size"]) == (3, 3 * 10**9)
    assert site.call("GET", f"/infrastructures/{key}/vms/0/cpu.count").text == "2"
    assert "num_cpus: {get_input" not in site.call("GET", f"/infrastructures/{key}/tosca").text
    other = site.call("PUT", base, data=(SIZE % "").replace("server:", "other:"), headers=YAML)
    assert (other.status_code, "no node server" in other.text) == (400, True)
    disk = site.call("PUT", base, data=SIZE % ", disk_size: 90 GB", headers=YAML)
    assert (disk.status_code, "keep their sizes (disk_size)" in disk.text) == (400, True)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ("disk.0.size = 70GB", "The disks of a host that is there keep their sizes (disk.0.size)."),
        ("disk.3.size = 7GB", "keep their sizes (disk.3.size). Add a host as you want it, and remove this one."),
        ("gpu.count >= 2", "A host that is there keeps its number of GPUs."),
    ],
)
def test_what_cannot_be_altered_is_said(site: Any, features: str, reason: str) -> None:
    key = site.create(RADL)
    answer = site.call("PUT", f"/infrastructures/{key}/vms/1", data=f"system wn ({features})\n")
    assert answer.status_code == 400
    assert answer.text.startswith("Error modifying resources: ")
    assert reason in answer.text
    assert [operation.kind for operation in operations(site, key)] == ["create"]


def test_nothing_is_configured_without_context(site: Any) -> None:
    """Neither the new hosts nor the others; the next change with context does it all."""
    key = site.create(RADL.replace("contextualize ()\n", RECIPE))
    base = f"/infrastructures/{key}"
    added = site.call("POST", f"{base}?context=0", data="network priv\nsystem wn\ndeploy wn 1\n")
    assert (added.status_code, "InfID" in added.headers) == (200, False)
    finish(site, key)
    assert site.state(key)["vm_states"] == {"0": "configured", "1": "configured", "2": "running"}
    assert site.call("DELETE", f"{base}/vms/1?context=0").status_code == 200
    finish(site, key)
    assert site.state(key)["vm_states"] == {"0": "configured", "2": "running"}
    assert site.call("PUT", f"{base}/reconfigure?vm_list=2").status_code == 200
    finish(site, key)
    assert site.state(key)["vm_states"] == {"0": "configured", "2": "configured"}
    last = operations(site, key)[-1]
    assert last.arguments == {"reconfigure": True, "hosts": [2]}
