# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents that the tests of the endpoints send, and what they read from the answers."""

from __future__ import annotations

from typing import Any

RADL = """description desc ( name = 'My infra' )
network pub (outbound='yes')
network priv ()
system front (cpu.count>=1 and memory.size>=512m and net_interface.0.connection='pub' and
  disk.0.os.credentials.password = 'verysecret')
system wn (cpu.count>=2 and memory.size>=1g and net_interface.0.connection='priv')
deploy front 1
deploy wn 1
contextualize ()
"""
RECIPE = """configure front (
@begin
---
- tasks:
  - debug: msg=hello
@end
)
contextualize (
system front configure front
)
"""
TOSCA = """tosca_definitions_version: tosca_simple_yaml_1_0
imports: [{grycap: 'https://example.org/custom_types.yaml'}]
metadata: {template_name: pair, infra_name: Two hosts}
topology_template:
  node_templates:
    server:
      type: tosca.nodes.indigo.Compute
      capabilities:
        scalable: {properties: {count: %d%s}}
        host: {properties: {num_cpus: 2, mem_size: 1 GiB}}
  outputs:
    addresses: {value: {get_attribute: [server, private_address]}}
"""
YAML = {"Content-Type": "text/yaml"}


def numbers(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [int(line.rsplit("/", 1)[1]) for line in answer.text.splitlines()]
