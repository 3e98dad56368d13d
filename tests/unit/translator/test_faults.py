# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault at a time in a template that has none: exactly one problem is told, with its code, at its place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

pytestmark = pytest.mark.unit
WHOLE = (Path(__file__).parent / "data" / "whole.yaml").read_text()

# What is replaced, by what, inputs, and what is told: line, column and code.
FAULTS: list[tuple[str, str, dict[str, Any], str]] = [
    ("tosca_definitions_version: tosca_simple_yaml_1_0\n", "", {}, "1:1 tosca"),
    ("tosca_simple_yaml_1_0", "tosca_simple_yaml_9_9", {}, "1:28 tosca"),
    ("topology_template:", "topology_templte:", {}, "11:1 unknown-key"),
    ("types: https://example.org/custom_types.yaml", "types: https://example.org/other.yaml", {}, "3:5 unknown-import"),
    ("derived_from: tosca.datatypes.Root", "derived_from: tosca.datatypes.Rot", {}, "8:19 unknown-type"),
    ("left: {type: string}", "left: {type: strng}", {}, "10:20 unknown-type"),
    ("count: {type: integer, default: 2,", "count: {type: integr, default: 2,", {}, "13:19 unknown-type"),
    ("default: 2, constraints: [{in_range", "default: 20, constraints: [{in_range", {}, "13:37 constraint"),
    ("{in_range: [0, 10]}", "{in_rnge: [0, 10]}", {}, "13:37 constraint"),
    ("default: small, constraints", "default: tiny, constraints", {}, "14:38 constraint"),
    ("default: 2 GiB}", "default: 2 XiB}", {}, "15:47 bad-size"),
    ("default: true}", "default: maybe}", {}, "16:38 bad-type"),
    (
        "default: [a, b], entry_schema: {type: string}",
        "default: [a, b], entry_schema: {type: strin}",
        {},
        "17:63 unknown-type",
    ),
    ("default: [a, b], entry", "default: text, entry", {}, "17:34 bad-type"),
    ("names: {type: list", "'a b': {type: list", {}, "17:5 bad-name"),
    ("{source: 80}", "{source: 0}", {}, "38:20 bad-port"),
    ("{source: 80}", "{source: 80, protocol: sctp}", {}, "38:20 bad-port"),
    ("{source: 80}", "{source: 80, remote_cidr: 10.0.0.0/99}", {}, "38:20 bad-port"),
    ("{source: 80}", "{source_range: [90, 80]}", {}, "38:20 bad-port"),
    ("{source: 80}", "{}", {}, "38:20 bad-port"),
    ("{web: {source: 80}}", "{web: 80}", {}, "38:20 bad-port"),
    ("cidr: 10.1.0.0/24", "cidr: 10.1.0.0/240", {}, "22:49 bad-type"),
    ("cidr: 10.1.0.0/24", "cidrr: 10.1.0.0/24", {}, "22:43 unknown-key"),
    ("ip_address: 10.1.0.5", "ip_address: 10.1.0.500", {}, "25:42 bad-type"),
    ("        - link: net\n", "", {}, "23:5 missing-value"),
    ("- link: net", "- link: nt", {}, "28:17 unknown-node"),
    ("- binding: front", "- bindng: front", {}, "27:11 unknown-key"),
    ("type: tosca.nodes.indigo.network.Port", "type: tosca.nodes.indigo.network.Prt", {}, "24:13 unknown-type"),
    (
        "    front:\n      type: tosca.nodes.indigo.Compute",
        "    front:\n      typ: tosca.nodes.indigo.Compute",
        {},
        "29:5 missing-value",
    ),
    (
        "properties: {instance_name: fe, tags: {a: b}}",
        "properties: {instance_nam: fe, tags: {a: b}}",
        {},
        "31:20 unknown-key",
    ),
    ("tags: {a: b}", "tags: b", {}, "31:45 bad-type"),
    ("      capabilities:\n        endpoint:", "      capabilitys:\n        endpoint:", {}, "32:7 unknown-key"),
    ("        endpoint:\n          properties:", "        endpoin:\n          properties:", {}, "33:9 unknown-key"),
    ("dns_name: fe\n", "dns_name: 'f e'\n", {}, "36:23 bad-name"),
    ("[www.example.org]", "['w w w']", {}, "37:35 bad-name"),
    ("{get_input: open}", "{get_input: opn}", {}, "38:32 unknown-input"),
    ("num_cpus: 2", "num_cpus: two", {}, "39:39 bad-type"),
    ("num_cpus: 2", "num_cpu: 2", {}, "39:29 unknown-key"),
    ("disk_size: 10 GB", "disk_size: 10 apples", {}, "39:84 bad-size"),
    ("mem_size: {get_input: memory}", "mem_size: {get_input: flavour}", {}, "39:52 bad-size"),
    ("distribution: debian", "distributon: debian", {}, "40:27 unknown-key"),
    ("count: 1}}", "count: -1}}", {}, "41:40 bad-type"),
    ("node: disk", "node: disc", {}, "44:19 unknown-node"),
    ("- local_storage:", "- local_storag:", {}, "43:11 unknown-key"),
    (
        "type: tosca.relationships.indigo.AttachesTo",
        "type: tosca.relationships.indigo.AttchesTo",
        {},
        "44:13 unknown-type",
    ),
    ("location: /data", "location: data", {}, "47:38 bad-type"),
    ("location: /data, fs_type", "locaton: /data, fs_type", {}, "47:28 unknown-key"),
    ("size: 10 GiB", "size: 10", {}, "50:26 bad-size"),
    ("{count: {get_input: count}}", "{count: {get_input: flavour}}", {}, "54:40 bad-type"),
    ("type: tosca.artifacts.AnsibleGalaxy.role", "type: tosca.artifacts.AnsibleGalaxy.rle", {}, "58:24 unknown-type"),
    ("grycap.nfs,v1", "gry cap", {}, "58:66 recipe"),
    ("file: apps/main.yml", "file: file:///etc/main.yml", {}, "66:13 recipe"),
    ("implementation: main", "implementation: mian", {}, "66:13 recipe"),
    ("- host: front\n        - dependency", "- hots: front\n        - dependency", {}, "61:11 unknown-key"),
    ("- dependency: queue", "- dependency: quue", {}, "62:23 unknown-node"),
    ("          configure:\n", "          confgure:\n", {}, "65:11 unknown-key"),
    ("        Standard:\n", "        Standrd:\n", {}, "64:9 unknown-key"),
    ("flavour: {get_input: flavour}", "ansible_user: {get_input: flavour}", {}, "68:15 bad-name"),
    ("[HOST, private_address, 0]", "[HOST, private_adress, 0]", {}, "69:35 function"),
    ("[HOST, private_address, 0]", "[HST, private_address, 0]", {}, "69:35 unknown-node"),
    ("{concat: [a, {get_input: count}]}", "{concat: a}", {}, "70:30 function"),
    ('["a:b", ":", 1]', '["a:b", ":", 5]', {}, "71:29 function"),
    ("properties: {dbd: {get_input: secure}}", "properties: {dbd: sometimes}", {}, "74:25 bad-type"),
    ("requirements: [{host: front}]", "requirements: [{host: disk}]", {}, "75:29 bad-type"),
    ("requirements: [{host: front}]", "requirements: {host: front}", {}, "75:21 tosca"),
    ("requirements: [{host: front}]", "requirements: [{host: front}, {dependency: app}]", {}, "75:7 tosca"),
    ("      requirements: [{host: front}]\n", "", {}, "72:5 missing-value"),
    ("memory: 512 MB", "memory: lots", {}, "78:37 bad-size"),
    ("image: i, ", "", {}, "76:5 missing-value"),
    ("name: f, memory", "name: [f], memory", {}, "78:26 bad-type"),
    ("type: tosca.policies.indigo.Placement", "type: tosca.policies.indigo.Placment", {}, "83:15 unknown-type"),
    ("targets: [all_hosts]", "targets: [al_hosts]", {}, "84:19 unknown-node"),
    ("type: tosca.groups.Root", "type: tosca.groups.Rot", {}, "80:23 unknown-type"),
    ("members: [front, worker]", "members: [front, wrker]", {}, "80:59 unknown-node"),
    ("[front, public_address, 0]", "[frnt, public_address, 0]", {}, "87:33 unknown-node"),
    ("[front, public_address, 0]", "[front, public_adress, 0]", {}, "87:33 function"),
    ("[front, instance_name]", "[front, instance_nme]", {}, "88:34 function"),
    ("get_property: [front, instance_name]", "get_propert: [front, instance_name]", {}, "88:33 function"),
    ("outputs:\n    ip:", "outputs:\n    - ip:", {}, "88:5 yaml"),
    ("  outputs:", "  outputz:", {}, "86:3 unknown-key"),
    ("    disk:\n", "    front:\n", {}, "48:5 yaml"),
    ("size: 10 GiB}", "size: 10 GiB", {}, "51:11 yaml"),
    ("imports:\n", "imprts:\n", {}, "2:1 unknown-key"),
    ("", "", {"count": "many"}, "13:5 bad-type"),
    ("", "", {"count": 99}, "13:5 constraint"),
    ("", "", {"cuont": 1}, "12:3 unknown-input"),
    ("", "", {"flavour": "huge"}, "14:5 constraint"),
    ("", "", {"open": {"web": {"source": 99999}}}, "38:20 bad-port"),
    ("", "", {"names": "no list"}, "17:5 bad-type"),
    ("", "", {"memory": "much"}, "15:5 bad-size"),
    ("default: 2, constraints", "constraints", {}, "13:5 missing-input"),
    ("tosca.nodes.ec3.Application", "tosca.nodes.ec3.Applicaton", {}, "56:13 unknown-type"),
    ("type: tosca.nodes.BlockStorage", "type: !!python/object:os.system x", {}, "49:13 yaml"),
]


def translate_text(text: str, folder: Path, **inputs: Any) -> None:
    (folder / "t.yaml").write_text(text)
    translate("t.yaml", {"inputs": inputs}, str(folder), Home(str(folder)))


def test_the_whole_template_has_no_fault(tmp_path: Path) -> None:
    translate_text(WHOLE, tmp_path)


def test_threads_do_not_disturb_one_another(tmp_path: Path) -> None:
    """tosca-parser keeps state in its classes; every second template has a fault that only it finds."""
    texts = [WHOLE, WHOLE.replace("  groups:\n", "  workflows: {a: {}}\n  groups:\n")]

    def problems(number: int) -> list[str]:
        (tmp_path / str(number)).mkdir()
        try:
            translate_text(texts[number % 2], tmp_path / str(number))
        except ContinuumError as error:
            return [item.code for item in error.diagnostics]
        return []

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(problems, range(24)))
    assert found == [[], ["tosca"]] * 12


def test_there_are_many_faults() -> None:
    assert len(FAULTS) >= 60


@pytest.mark.parametrize(
    ("old", "new", "inputs", "expected"), FAULTS, ids=[f"{row[3]}-{row[1][:30]}" for row in FAULTS]
)
def test_fault(tmp_path: Path, old: str, new: str, inputs: dict[str, Any], expected: str) -> None:
    assert not old or old in WHOLE
    with pytest.raises(ContinuumError) as caught:
        translate_text(WHOLE.replace(old, new, 1) if old else WHOLE, tmp_path, **inputs)
    found = [
        f"{item.position.line}:{item.position.column} {item.code}" if item.position else item.code
        for item in caught.value.diagnostics
    ]
    assert found == [expected], str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert " object at 0x" not in str(caught.value)
