"""What every cloud must do: the life of a SLURM cluster from the catalogue, on each cloud that there is.

The tests run in this order and build on each other: most are one cluster that grows, shrinks, sleeps and goes.
To try one cloud: `pytest tests/e2e/test_conformance.py -k aws`.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .clouds import EARLY_PHASES, LATE_PHASES, REPOSITORY, CloudUnderTest
from .conftest import Deployer

pytestmark = pytest.mark.e2e
CORPUS = REPOSITORY.parent / "shared" / "corpus" / "templates"
CATALOGUE = REPOSITORY / "playbooks" / "tosca" / "templates"
OPEN, CLOSED = 18790, 18791
GIB = 2**30
INPUTS: dict[str, Any] = {
    "fe_ports": {"ssh": {"protocol": "tcp", "source": 22}, "web": {"protocol": "tcp", "source": OPEN}},
    "fe_extra_disk_size": "1 GiB",
    "wn_extra_disk_size": "1 GiB",
}


def deploy(cluster: Deployer, *options: str, **inputs: Any) -> Any:
    return cluster.deploy(*options, **INPUTS, **inputs)


def hosts_of(cluster: Deployer, wn_num: int = 2) -> list[dict[str, Any]]:
    """Return the hosts, as the last deployment told them."""
    return cluster.known or deploy(cluster, wn_num=wn_num).instances


def test_check_mode_on_nothing_touches_nothing(cloud: CloudUnderTest, cluster: Deployer) -> None:
    planned = deploy(cluster, "--check", "--diff", wn_num=2)
    assert f"{cluster.name}-wn-2" in planned.output
    assert not cloud.left_over(cluster.name)
    assert not (cluster.home / "projects").exists()
    assert not (cluster.home / "keys").exists()


def test_deploy_and_run_a_job_on_two_nodes(cloud: CloudUnderTest, cluster: Deployer) -> None:
    done = deploy(cluster, wn_num=2)
    assert done.names("wn") == ["vnode-1", "vnode-2"]
    assert len(cloud.hosts(cluster.name)) == 3
    assert cluster.ssh("slurmserver", "srun -N2 hostname -s | sort").split() == ["vnode-1", "vnode-2"]


def test_a_job_goes_through_the_queue(cluster: Deployer) -> None:
    script = "printf '#!/bin/sh\\nhostname -s\\n' > j.sh; sbatch --wait -N1 -o j.out j.sh; cat j.out"
    assert "vnode-" in cluster.ssh("slurmserver", script)


def test_the_user_goes_from_node_to_node(cluster: Deployer) -> None:
    assert cluster.ssh("slurmserver", "ssh vnode-2 hostname -s").strip() == "vnode-2"
    assert cluster.ssh("vnode-1", "ssh vnode-2 hostname -s").strip() == "vnode-2"


def test_again_changes_nothing(cluster: Deployer) -> None:
    again = deploy(cluster, wn_num=2)
    assert again.changed == 0
    assert again.roles == {}


def test_names(cluster: Deployer) -> None:
    assert cluster.ssh("slurmserver", "hostname -s; hostname -f").split() == ["slurmserver", "slurmserver.localdomain"]
    assert cluster.ssh("vnode-2", "hostname -s; hostname -f").split() == ["vnode-2", "vnode-2.localdomain"]
    private = {item["hostname"]: item["private_ip"] for item in hosts_of(cluster)}
    for name, address in (("slurmserver", "slurmserver"), ("vnode-0", "slurmserver"), ("vnode-2", "vnode-2")):
        assert cluster.ssh("vnode-1", f"getent ahostsv4 {name}").split()[0] == private[address]


def test_an_inventory_for_later_runs(cloud: CloudUnderTest, cluster: Deployer) -> None:
    folder = cluster.home / "projects" / cluster.name / "inventory"
    assert folder.is_dir() == cloud.has_inventory
    if not cloud.has_inventory:
        return
    graph = cluster.tool("ansible-inventory", "-i", str(folder), "--graph")
    assert {"@wn:", "@front:", f"{cluster.name}-front-0", f"{cluster.name}-wn-2"} <= set(
        re.findall(r"[@\w][\w.-]*:?", graph)
    )
    pinged = cluster.tool("ansible", "-i", str(folder), "im_hosts", "-m", "ansible.builtin.ping", "--one-line")
    assert pinged.count("SUCCESS") == 3
    command = ["-m", "ansible.builtin.command", "-a", "echo {{ IM_NODE_HOSTNAME }} {{ IM_NODE_NUM }}", "--one-line"]
    assert "vnode-2 2" in cluster.tool("ansible", "-i", str(folder), f"{cluster.name}-wn-2", *command)


def test_private_hosts(cloud: CloudUnderTest, cluster: Deployer) -> None:
    """Workers have no address of their own outside; SSH finds its way to them all the same."""
    instances = hosts_of(cluster)
    front, *workers = sorted(instances, key=lambda item: int(item["id"]))
    assert front["public_ip"]
    assert front["jump"] is None
    assert [item["public_ip"] for item in workers] == [None, None]
    assert [item["jump"] for item in workers] == [front["name"] if cloud.hides_private_hosts else None] * 2
    for item in workers:
        for name in (item["name"], item["hostname"], item["private_ip"]):
            assert cluster.ssh(name, "hostname -s").strip() == item["hostname"]


def test_ports(cloud: CloudUnderTest, cluster: Deployer) -> None:
    """Ports that the template opens can be reached from outside, others cannot."""
    front = next(item for item in hosts_of(cluster) if item["public_ip"])
    for port in (OPEN, CLOSED):
        served = f"sudo systemctl reset-failed e2e-{port} 2>/dev/null; systemctl is-active -q e2e-{port} ||"
        served += f" sudo systemd-run -q --unit e2e-{port} python3 -m http.server {port}"
        cluster.ssh("slurmserver", served)
        answers = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        cluster.ssh("slurmserver", f'for i in $(seq 60); do python3 -c "{answers}" 2>/dev/null && exit; sleep 1; done')
    with socket.create_connection(cloud.door(front, OPEN), timeout=30):
        pass
    if cloud.closes_ports:
        with socket.socket() as client:
            client.settimeout(5)
            assert client.connect_ex(cloud.door(front, CLOSED)) != 0


def test_volumes(cloud: CloudUnderTest, cluster: Deployer) -> None:
    for host, place in (("slurmserver", "/home/data"), ("vnode-1", "/mnt/data"), ("vnode-2", "/mnt/data")):
        assert cluster.ssh(host, f"findmnt -n -o TARGET {place}").strip() == place
        cluster.ssh(host, f"echo {host} | sudo tee {place}/kept")
        if cloud.sizes_disks:
            size = int(cluster.ssh(host, f"df --output=size -B1 {place} | tail -1"))
            assert 0.85 * GIB < size <= GIB


def test_check_mode_on_a_cluster_shows_the_plan_only(cloud: CloudUnderTest, cluster: Deployer) -> None:
    before = cloud.left_over(cluster.name)
    planned = deploy(cluster, "--check", "--diff", wn_num=3)
    assert f"{cluster.name}-wn-3" in planned.output
    assert len(cloud.hosts(cluster.name)) == 3
    assert cloud.left_over(cluster.name) == before


def test_two_more_workers_touch_only_themselves_and_the_front_end(cluster: Deployer) -> None:
    done = deploy(cluster, wn_num=4)
    touched = {host: roles for host, roles in done.roles.items() if roles}
    assert sorted(touched) == [f"{cluster.name}-front-0", f"{cluster.name}-wn-3", f"{cluster.name}-wn-4"]
    assert len(cluster.ssh("slurmserver", "srun -N4 hostname").split()) == 4
    assert cluster.ssh("vnode-1", "getent hosts vnode-4").split()[-1] == "vnode-4"


@pytest.fixture
def removing(tmp_path: Path) -> Callable[[list[str]], str]:
    """Make a template that is the catalogue's, and names hosts to remove."""

    def write(numbers: list[str]) -> str:
        template = yaml.safe_load((CATALOGUE / "slurm.yaml").read_text())
        capabilities = template["topology_template"]["node_templates"]["wn"]["capabilities"]
        capabilities["scalable"]["properties"]["removal_list"] = numbers
        (tmp_path / "slurm.yaml").write_text(yaml.safe_dump(template))
        return str(tmp_path / "slurm.yaml")

    return write


def test_a_host_that_is_named_goes_and_the_others_stay(cluster: Deployer, removing: Callable[[list[str]], str]) -> None:
    before = {item["hostname"]: item["cloud_id"] for item in hosts_of(cluster, wn_num=4)}
    done = cluster.run("deploy", template=removing(["2"]), inputs={**INPUTS, "wn_num": 3})
    assert done.names("wn") == ["vnode-1", "vnode-3", "vnode-4"]
    assert {item["hostname"]: item["cloud_id"] for item in done.instances} == {
        name: number for name, number in before.items() if name != "vnode-2"
    }
    assert [host for host, roles in done.roles.items() if "base" in roles] == [f"{cluster.name}-front-0"]
    assert cluster.ssh("slurmserver", "sinfo -h -N -o %N | sort -u").split() == ["vnode-1", "vnode-3", "vnode-4"]


def test_a_job_survives_while_other_workers_leave(cluster: Deployer) -> None:
    job = cluster.ssh(
        "slurmserver", "sbatch --parsable -w vnode-1 -o long.out --wrap 'sleep 20; echo finished'"
    ).strip()
    done = deploy(cluster, wn_num=1)
    assert done.names("wn") == ["vnode-1"]
    assert [host for host, roles in done.roles.items() if "base" in roles] == [f"{cluster.name}-front-0"]
    waited = (
        f"while squeue -h -j {job} 2>/dev/null | grep -q .; do sleep 1; done; cat long.out; sinfo -h -N -o %N | sort -u"
    )
    assert cluster.ssh("slurmserver", waited).split() == ["finished", "vnode-1"]


READY = "for i in $(seq 120); do sinfo -h -o %T | grep -q idle && break; sleep 1; done; srun -N1 hostname -s"


def test_stop_and_start_bring_the_cluster_back(cloud: CloudUnderTest, cluster: Deployer) -> None:
    cluster.run("stop")
    assert len(cloud.hosts(cluster.name)) == 2
    cluster.run("start")
    assert cluster.ssh("slurmserver", READY).split() == ["vnode-1"]
    assert deploy(cluster, wn_num=1).changed == 0


def test_volumes_keep_what_is_on_them(cluster: Deployer) -> None:
    for host, place in (("slurmserver", "/home/data"), ("vnode-1", "/mnt/data")):
        assert cluster.ssh(host, f"findmnt -n -o TARGET {place}; cat {place}/kept").split() == [place, host]


def test_one_host_restarts(cluster: Deployer) -> None:
    born = "systemctl show --value -p UserspaceTimestamp"
    before = [cluster.ssh(host, born) for host in ("slurmserver", "vnode-1")]
    cluster.run("reboot", host="vnode-1")
    after = [cluster.ssh(host, born) for host in ("slurmserver", "vnode-1")]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
    assert cluster.ssh("slurmserver", READY).split() == ["vnode-1"]
    assert deploy(cluster, wn_num=1).changed == 0


def test_a_host_that_is_not_there_is_refused_with_those_that_are(cluster: Deployer) -> None:
    for playbook in ("reboot", "stop", "start", "snapshot"):
        done = cluster.run(playbook, check=False, host="vnode-99")
        assert done.code != 0
        assert "vnode-99" in done.output
        assert f"{cluster.name}-wn-1" in done.output


def test_one_host_stops_and_starts(cluster: Deployer) -> None:
    cluster.run("stop", host="vnode-1")
    assert cluster.ssh("slurmserver", "hostname -s").strip() == "slurmserver"
    cluster.run("start", host="vnode-1")
    assert cluster.ssh("slurmserver", READY).split() == ["vnode-1"]


def test_numbers_are_never_used_again(cluster: Deployer) -> None:
    assert deploy(cluster, wn_num=2).names("wn") == ["vnode-1", "vnode-5"]


def test_another_infrastructure_beside_it(cloud: CloudUnderTest, cluster: Deployer) -> None:
    """The template of the existing catalogue, unchanged and with a data disk; its going leaves the cluster alone."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of existing templates is not here (../shared)")
    other = Deployer(
        cluster.home, f"{cluster.name}-b", str(CORPUS / "simple-node-disk.yml"), cluster.environment, cloud.name
    )
    before = cloud.hosts(cluster.name)
    try:
        done = other.deploy(num_cpus=1, mem_size="2 GB", disk_size="0 GiB", storage_size="10 GiB")
        (host,) = done.instances
        outputs = done.progress["result"]["outputs"]
        assert sorted(outputs) == ["node_creds", "node_ip"]
        assert outputs["node_ip"] == host["public_ip"]
        assert sorted(outputs["node_creds"]) == ["key_file", "token_type", "user"]
        assert other.ssh(host["hostname"], "findmnt -n -o TARGET /mnt/disk").strip() == "/mnt/disk"
        assert other.deploy(num_cpus=1, mem_size="2 GB", disk_size="0 GiB", storage_size="10 GiB").changed == 0
        assert len(cloud.hosts(other.name)) == 1
    finally:
        other.run("destroy")
    assert not cloud.hosts(other.name)
    assert cloud.hosts(cluster.name) == before
    assert cluster.ssh("slurmserver", "srun -N2 hostname -s | sort").split() == ["vnode-1", "vnode-5"]


def test_destroy_leaves_nothing(cloud: CloudUnderTest, cluster: Deployer) -> None:
    cluster.run("destroy")
    assert not cloud.left_over(cluster.name)
    assert not (cluster.home / "keys" / cluster.name).exists()
    assert not (cluster.home / "projects" / cluster.name).exists()


def test_destroy_again_is_fine(cluster: Deployer) -> None:
    assert cluster.run("destroy").changed == 0


@pytest.mark.parametrize("phase", [*EARLY_PHASES, *LATE_PHASES])
def test_kill_and_run_again(cloud: CloudUnderTest, cluster: Deployer, phase: str) -> None:
    """A run that is killed goes on when it is run again, without twins; and what is half there can be destroyed."""
    assert cluster.kill_at(phase, wn_num=1), f"the run ended before '{phase}'"
    done = cluster.deploy(wn_num=1)
    assert len(cloud.hosts(cluster.name)) == len(done.instances) == 2
    assert cluster.ssh("slurmserver", "srun -N1 hostname -s").split() == [done.names("wn")[0]]
    cluster.run("destroy")
    assert not cloud.left_over(cluster.name)


def test_destroy_after_a_kill(cloud: CloudUnderTest, cluster: Deployer) -> None:
    assert cluster.kill_at(EARLY_PHASES[1], wn_num=2)
    cluster.run("destroy")
    assert not cloud.left_over(cluster.name)
