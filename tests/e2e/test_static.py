"""SLURM on hosts that exist already. The tests run in this order and build on each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from standing_hosts import StandingHosts, missing, standing_hosts

from .conftest import PREFIX, Deployer

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingHosts]:
    if missing():
        pytest.skip(missing())
    with standing_hosts(tmp_path_factory.mktemp("standing"), 2) as found:
        yield found


@pytest.fixture(scope="module")
def inventory(hosts: StandingHosts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hosts in an inventory of Ansible; the second one is meant for the front end."""
    path = tmp_path_factory.mktemp("inventory") / "hosts"
    path.write_text(
        f"[machines]\nmachine-a ansible_host={hosts.addresses[0]}\nmachine-b ansible_host={hosts.addresses[1]}\n"
        f"[front]\nmachine-b\n"
        f"[all:vars]\nansible_user={hosts.user}\nansible_ssh_private_key_file={hosts.key_file}\n"
    )
    return path


@pytest.fixture(scope="module")
def cluster(hosts: StandingHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    found = Deployer(tmp_path_factory.mktemp("home"), f"{PREFIX}static", cloud="static")
    yield found
    found.run("destroy")


def test_check_mode_shows_the_plan_only(cluster: Deployer, hosts: StandingHosts, inventory: Path) -> None:
    planned = cluster.run(
        "deploy", "--check", "--diff", template="slurm", inputs={"wn_num": 1}, cloud_static_file=str(inventory)
    )
    assert f"{cluster.name}-wn-1" in planned.output
    assert [hosts.marks(number) for number in (0, 1)] == [[], []]
    assert not (cluster.home / "keys").exists()


def test_too_few_hosts(cluster: Deployer, hosts: StandingHosts) -> None:
    offered = {**cluster.environment, "CONTINUUM_STATIC_HOSTS": json.dumps(hosts.offer())}
    other = Deployer(cluster.home, f"{cluster.name}-b", environment=offered, cloud="static")
    refused = other.run("deploy", check=False, template="slurm", inputs={"wn_num": 2})
    other.run("destroy")
    assert refused.code != 0
    assert "needs 3, has 2 free" in " ".join(refused.output.split())
    assert [hosts.marks(number) for number in (0, 1)] == [[], []]


def test_hosts_of_the_environment_are_no_templates(cluster: Deployer, hosts: StandingHosts) -> None:
    nasty = "{{ lookup('ansible.builtin.pipe', 'touch " + str(cluster.home / "never") + "') }}"
    for items in ([{"address": nasty}], [nasty]):
        offered = {"CONTINUUM_STATIC_HOSTS": json.dumps(items)}
        other = Deployer(cluster.home, f"{cluster.name}-b", environment=offered, cloud="static")
        refused = other.run("deploy", check=False, template="slurm", inputs={"wn_num": 1})
        assert refused.code != 0
        assert "not valid as address" in refused.output
    assert not (cluster.home / "never").exists()


def test_deploy_and_run_a_job(cluster: Deployer, hosts: StandingHosts, inventory: Path) -> None:
    done = cluster.run("deploy", template="slurm", inputs={"wn_num": 1}, cloud_static_file=str(inventory))
    assert [item["ssh_address"] for item in done.instances] == [hosts.addresses[1], hosts.addresses[0]]
    assert done.progress["result"]["outputs"]["cluster_ip"] == hosts.addresses[1]
    assert cluster.ssh("slurmserver", "srun -N1 hostname -s").split() == ["vnode-1"]


def test_again_changes_nothing(cluster: Deployer) -> None:
    assert cluster.run("deploy", template="slurm", inputs={"wn_num": 1}).changed == 0


def test_they_are_not_ours_to_stop_or_to_copy(cluster: Deployer) -> None:
    for playbook in ("stop", "start"):
        done = cluster.run(playbook)
        assert done.changed == 0
        assert cluster.run(playbook, check=False, host="vnode-99").code != 0
    refused = cluster.run("snapshot", check=False, host="vnode-1")
    assert "not ours to make an image of" in refused.output
    assert cluster.ssh("vnode-1", "hostname -s").strip() == "vnode-1"


def test_the_end_leaves_software_and_nothing_of_ours(cluster: Deployer, hosts: StandingHosts) -> None:
    key = (cluster.home / "keys" / cluster.name / "id_ed25519.pub").read_text().split()[1]
    assert any(key in line for line in hosts.keys(0))
    cluster.run("destroy")
    for number in (0, 1):
        assert not any(key in line for line in hosts.keys(number))
        assert [name for name in hosts.marks(number) if name.endswith(".json")] == []
    assert hosts.shell(1, "command -v slurmctld").strip().endswith("slurmctld")
    assert cluster.run("destroy").changed == 0
