"""What runs again and what does not, and what plays and people are told about hosts."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ChoiceError
from ansible_collections.continuum.im.plugins.plugin_utils._parse.expressions import (
    Address,
    HostValue,
    InventoryHost,
    Joined,
    Leaving,
    OwnVariable,
    Token,
    Workers,
    encode,
)
from ansible_collections.continuum.im.plugins.plugin_utils._result.outputs import output_values, summary
from ansible_collections.continuum.im.plugins.plugin_utils._run.chosen import chosen_hosts, configures
from ansible_collections.continuum.im.plugins.plugin_utils._run.evaluate import Scene, evaluate
from ansible_collections.continuum.im.plugins.plugin_utils._run.hosts import hosts_files, inventory_hosts, ssh_config
from ansible_collections.continuum.im.plugins.plugin_utils._run.plan import new_record, plan_hosts, read_record

Item = dict[str, Any]


def host(number: int, node: str = "wn", **more: Any) -> Item:
    name = "slurmserver" if node == "front" else f"vnode-{number}"
    return {
        "id": number,
        "node": node,
        "cloud_id": f"c{number}",
        "name": f"t-{node}-{number}",
        "hostname": name,
        "fqdn": f"{name}.localdomain",
        "state": "running",
        "public_ip": f"10.0.0.{number}" if node == "front" else None,
        "private_ip": f"10.0.0.{number}",
        "user": "debian",
        "fresh": False,
        "shares": [],
        "ports": [],
        "cpus": 1,
        "memory": 2**30,
        **more,
    }


def step(name: str, group: str, role: str, phase: str = "configure", **inputs: Any) -> Item:
    inputs_ = encode(inputs)
    return {
        "name": name,
        "node": name,
        "group": group,
        "role": role,
        "level": 2,
        "entry": "main",
        "phase": phase,
        "inputs": inputs_,
    }


STEPS = [
    step("lrms", "front", "continuum.im.slurm_controller", nodes=Workers(("wn",))),
    step("worker", "wn", "continuum.im.slurm_worker", server=Address("front", "private", 0)),
    {**step("lrms_drain", "front", "continuum.im.slurm_controller", "leave", gone=Leaving(("wn",))), "node": "lrms"},
]
THREE = [host(0, "front"), host(1), host(2)]


def plan(record: Item, instances: list[Item], surplus: list[Item] | None = None, everything: bool = False) -> Item:
    entries = plan_hosts(record, instances, surplus or [], STEPS, lambda role: role, everything)
    return {entry["name"]: entry for entry in entries}


def done(instances: list[Item]) -> Item:
    """Return the record after everything went well on `instances`."""
    record = read_record(None)
    planned = list(plan(record, instances).values())
    return new_record(record, instances, planned, [item["name"] for item in instances])


def test_a_new_infrastructure_runs_everything() -> None:
    planned = plan(read_record(None), THREE)
    assert planned["t-front-0"]["groups"] == ["im_step_lrms", "im_pending"]
    assert planned["t-wn-1"]["groups"] == ["im_step_worker", "im_pending"]
    assert planned["t-wn-1"]["roles"] == ["slurm_worker"]


def test_nothing_is_left_to_do_afterwards() -> None:
    assert plan(done(THREE), THREE) == {}


def test_everything_runs_again_on_request() -> None:
    assert sorted(plan(done(THREE), THREE, everything=True)) == ["t-front-0", "t-wn-1", "t-wn-2"]


def test_one_more_worker_touches_itself_and_the_front_end() -> None:
    planned = plan(done(THREE), [*THREE, host(3, fresh=True)])
    assert planned["t-wn-3"]["groups"] == ["im_step_worker", "im_pending"]
    assert planned["t-front-0"]["groups"] == ["im_step_lrms", "im_pending"]
    assert planned["t-wn-1"]["groups"] == planned["t-wn-2"]["groups"] == ["im_informed"]


def test_one_worker_less_touches_the_front_end_only() -> None:
    planned = plan(done(THREE), THREE[:2], [THREE[2]])
    assert planned["t-front-0"]["groups"] == ["im_step_lrms", "im_pending"]
    assert planned["t-wn-1"]["groups"] == ["im_informed"]


def test_a_host_made_anew_runs_everything() -> None:
    record = done(THREE)
    assert "im_step_worker" in plan(record, [*THREE[:2], host(2, cloud_id="other")])["t-wn-2"]["groups"]
    assert "im_step_worker" in plan(record, [*THREE[:2], host(2, fresh=True)])["t-wn-2"]["groups"]


def test_a_changed_role_runs_again() -> None:
    entries = plan_hosts(done(THREE), THREE, [], STEPS, lambda role: role + "changed")
    assert all("im_pending" in entry["groups"] for entry in entries)


def test_a_run_may_configure_some_hosts_only() -> None:
    """The others run nothing and their record says no more than is true; prepared ones learn new names."""
    four = [*THREE, host(3)]
    before = done(THREE)
    entries = plan_hosts(before, four, [], STEPS, str, everything=True, chosen=["t-wn-1"])
    found = {entry["name"]: entry["groups"] for entry in entries}
    assert found.pop("t-wn-1") == ["im_step_worker", "im_pending"]
    assert found == {"t-front-0": ["im_informed"], "t-wn-2": ["im_informed"]}
    record = new_record(before, four, entries, ["t-front-0", "t-wn-1", "t-wn-2"])
    later = {entry["name"]: entry["groups"] for entry in plan_hosts(record, four, [], STEPS, str)}
    assert set(later) == {"t-front-0", "t-wn-3"}
    assert later["t-front-0"] == ["im_step_lrms", "im_pending"]


def test_which_hosts_a_run_configures() -> None:
    assert [chosen_hosts(value, THREE) for value in (True, "yes", "")] == [None] * 3
    assert [chosen_hosts(value, THREE) for value in (False, "False")] == [[], []]
    assert chosen_hosts("vnode-1, 2,c2", THREE) == ["t-wn-1", "t-wn-2"]
    assert chosen_hosts([0], THREE) == ["t-front-0"]
    assert [configures(value) for value in (True, "1", [], "no", False)] == [True, True, True, False, False]
    with pytest.raises(ChoiceError, match="There is no host '7' to configure"):
        chosen_hosts([1, 7], THREE)
    groups = [item["groups"] for item in inventory_hosts(THREE, [], STEPS, "local", "/k/id", configures=False)]
    assert not any("im_first" in found for found in groups)


def test_hosts_that_are_not_running_are_left_alone() -> None:
    assert sorted(plan(read_record(None), [host(0, "front"), host(1, state="stopped")])) == ["t-front-0"]


def test_a_failed_host_is_forgotten_and_runs_again() -> None:
    record = read_record(None)
    planned = list(plan(record, THREE).values())
    after = new_record(record, THREE, planned, ["t-front-0", "t-wn-1"])
    assert sorted(after["hosts"]) == ["c0", "c1"]
    assert sorted(plan(after, THREE)) == ["t-wn-2"]


def test_hosts_that_are_gone_are_forgotten() -> None:
    assert sorted(new_record(done(THREE), THREE[:2], [], [])["hosts"]) == ["c0", "c1"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"version": 0, "hosts": {}, "salt": "x"}', '{"version": 1}'])
def test_a_record_that_cannot_be_used_is_a_new_one(text: str | None) -> None:
    record = read_record(text)
    assert record["hosts"] == {}
    assert len(record["salt"]) == 32


def test_digests_differ_between_infrastructures() -> None:
    assert done(THREE)["hosts"]["c1"]["node:worker"] != done(THREE)["hosts"]["c1"]["node:worker"]


def test_inventory_entries() -> None:
    entries = {item["name"]: item for item in inventory_hosts(THREE[:2], [THREE[2]], STEPS, "local", "/k/t/id")}
    assert entries["t-front-0"]["groups"] == ["front", "im_hosts", "allnowindows", "im_first", "im_leave_lrms"]
    assert entries["t-wn-1"]["groups"] == ["wn", "im_hosts", "allnowindows"]
    assert entries["t-wn-2"]["groups"] == ["im_surplus"]
    assert "HostKeyAlias=c1" in entries["t-wn-1"]["ssh"]
    assert "/k/t/known_hosts" in entries["t-wn-1"]["ssh"]
    assert entries["t-wn-1"]["im_node"] == {
        "name": "vnode-1",
        "address": "10.0.0.1",
        "group": "wn",
        "cpus": 1,
        "memory_mib": 1024,
    }


BEHIND = host(1, jump="t-front-0", cloud_id="i-1")


def test_a_host_behind_another_is_reached_through_it() -> None:
    entries = {item["name"]: item for item in inventory_hosts([host(0, "front"), BEHIND], [], [], "aws", "/k/a b%/id")}
    assert (entries["t-front-0"]["retries"], entries["t-wn-1"]["retries"]) == (0, 8)
    assert "ProxyCommand" not in entries["t-front-0"]["ssh"]
    words = shlex.split(entries["t-wn-1"]["ssh"])
    (proxy,) = [word for word in words if word.startswith("ProxyCommand=")]
    assert "%" not in proxy.replace("%%", "").removesuffix("[%h]:%p")
    inner = shlex.split(proxy.removeprefix("ProxyCommand=").replace("%%", "%"))
    assert inner[:3] == ["ssh", "-F", "none"]
    assert inner[-5:] == ["-l", "debian", "10.0.0.0", "-W", "[%h]:%p"]
    assert {"IdentityFile=/k/a b%/id", "HostKeyAlias=c0", "UserKnownHostsFile=/k/a b%/known_hosts"} <= set(inner)
    assert any(word.startswith("ControlPath=/k/a b%/jump-") for word in inner)


def test_a_path_that_is_too_long_for_a_socket_is_not_one() -> None:
    entry = inventory_hosts([host(0, "front"), BEHIND], [], [], "aws", f"/{'k' * 90}/id")[1]
    assert "ControlPath" not in entry["ssh"]
    assert "ProxyCommand" in entry["ssh"]


def test_a_jump_host_that_is_gone_is_not_used() -> None:
    assert "ProxyCommand" not in inventory_hosts([BEHIND], [], [], "aws", "/k/id")[0]["ssh"]
    assert "ProxyJump" not in ssh_config([BEHIND], "/k/id")


def test_a_host_that_leaves_is_reached_through_one_that_stays() -> None:
    entry = inventory_hosts([host(0, "front")], [BEHIND], [], "aws", "/k/id")[1]
    assert "ProxyCommand" in entry["ssh"]


def test_disks_are_told_to_the_roles() -> None:
    disk = {"name": "data", "paths": ["/dev/sdf"], "mount": "/mnt/data", "fs_type": "ext4"}
    entries = inventory_hosts([host(0, disks=[disk]), host(1)], [], [], "aws", "/k/id")
    assert [entry["im_disks"] for entry in entries] == [[disk], []]


def test_a_fresh_front_end_has_nothing_to_drain() -> None:
    entry = inventory_hosts([host(0, "front", fresh=True)], [host(1)], STEPS, "local", "/k/id")[0]
    assert entry["groups"] == ["front", "im_hosts", "allnowindows", "im_first"]


def test_the_record_is_kept_by_the_first_host_that_runs() -> None:
    entries = inventory_hosts([host(0, "front", state="stopped"), host(1)], [], [], "local", "/k/id")
    assert [("im_first" in entry["groups"]) for entry in entries] == [False, True]


def test_names_of_hosts() -> None:
    assert hosts_files(THREE[:2], "local") == {
        "local": (
            "10.0.0.0 slurmserver.localdomain slurmserver vnode-0.localdomain vnode-0\n"
            "10.0.0.1 vnode-1.localdomain vnode-1\n"
        )
    }


def test_hosts_of_another_cloud_are_known_by_their_public_address() -> None:
    front = host(0, "front", cloud="openstack", public_ip="203.0.113.5")
    worker = host(1, "wn", cloud="aws", public_ip="198.51.100.7")
    files = hosts_files([front, worker])
    assert [line.split()[0] for line in files["openstack"].splitlines()] == ["10.0.0.0", "198.51.100.7"]
    assert [line.split()[0] for line in files["aws"].splitlines()] == ["203.0.113.5", "10.0.0.1"]
    assert [entry["cloud"] for entry in inventory_hosts([front, worker], [], [], "hybrid", "/k/id")] == [
        "openstack",
        "aws",
    ]


def test_a_host_whose_ssh_is_elsewhere() -> None:
    item = host(0, "front", ssh_address="192.0.2.9", ssh_port=2222, public_ip="198.51.100.7")
    entry = inventory_hosts([item], [], [], "static", "/k/id")[0]
    assert (entry["address"], entry["port"], entry["public_ip"]) == ("192.0.2.9", 2222, "198.51.100.7")
    text = ssh_config([item, host(1, "wn", jump=item["name"])], "/k/id")
    assert "    HostName 192.0.2.9\n    Port 2222\n" in text
    assert text.count("Port ") == 1
    behind = inventory_hosts([item, host(1, "wn", jump=item["name"])], [], [], "static", "/k/id")[1]
    assert "Port=2222" in behind["ssh"]
    assert behind["port"] == 22


def test_ssh_configuration() -> None:
    text = ssh_config(THREE[:1], "/k/t/id")
    names = ["t-front-0", "slurmserver", "vnode-0", "slurmserver.localdomain", "vnode-0.localdomain", "10.0.0.0"]
    assert text.splitlines()[0].split() == ["Host", *names]
    assert "    IdentityFile /k/t/id" in text
    assert "    HostKeyAlias c0" in text
    assert "ProxyJump" not in text
    assert "    ProxyJump t-front-0" in ssh_config([host(0, "front"), BEHIND], "/k/t/id")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Address("wn", "private"), ["10.0.0.1", "10.0.0.2"]),
        (Address("wn", "private", 1), "10.0.0.2"),
        (Address("wn", "private", 5000), "10.0.0.2"),
        (Address("wn", "public", 0), None),
        (Address("none", "private", 0), None),
        (OwnVariable("IM_NODE_PUBLIC_IP"), "10.0.0.0"),
        (OwnVariable("IM_NODE_PRIVATE_IP"), "10.0.0.0"),
        (Leaving(("wn",)), ["vnode-9"]),
        (InventoryHost("front"), "t-front-0"),
        (HostValue("front", ("tosca_id",)), ["c0"]),
        (HostValue("front", ("endpoint", "credential", 0)), "login"),
        (HostValue("front", ("ctxt_log",)), None),
        (Joined(("http://", Address("front", "public", 0))), "http://10.0.0.0"),
        (Joined(("x", Address("none", "public", 0))), None),
        (Token(Address("front", "public", 0), ".", 0), "10"),
        (Token(Address("front", "public", 0), ".", 9), None),
        ({"a": [Address("wn", "private", 0)]}, {"a": ["10.0.0.1"]}),
    ],
)
def test_expressions_as_values(expression: Any, expected: Any) -> None:
    scene = Scene(THREE, [host(9)], THREE[0], lambda _item: "login")
    assert evaluate(expression, scene) == expected


def test_own_variables_need_a_host() -> None:
    assert evaluate(OwnVariable("IM_NODE_PRIVATE_IP"), Scene(THREE)) is None


def test_outputs_and_summary() -> None:
    outputs = encode(
        {"ip": Address("front", "public", 0), "creds": HostValue("front", ("endpoint", "credential", 0)), "none": None}
    )
    values = output_values(outputs, THREE, "/k/id")
    assert values == {
        "ip": "10.0.0.0",
        "creds": {"user": "debian", "token_type": "private_key", "key_file": "/k/id"},
        "none": None,
    }
    port = {"protocol": "tcp", "host_address": "127.0.0.1", "host_port": 8080, "target": 80}
    lines = summary([*THREE[1:], host(0, "front", ports=[port])], values, "/k/ssh_config")
    assert lines[0].split() == ["HOST", "GROUP", "NAME", "ADDRESS", "STATE"]
    assert lines[1].split() == ["t-front-0", "front", "slurmserver", "10.0.0.0", "running"]
    assert "ip: 10.0.0.0" in lines
    assert "port 80/tcp of the host is 127.0.0.1:8080 here" in lines
    assert lines[-1] == "log in: ssh -F /k/ssh_config slurmserver"
    assert not any(line.startswith("log in") for line in summary(THREE[1:], {}, "/k"))
