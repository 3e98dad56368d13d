"""Other templates and other users.

An unmodified one, a plain machine with a disk, hostile text, two clusters side by side.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Deployer, left_over, podman

pytestmark = pytest.mark.e2e
CORPUS = REPOSITORY.parent / "shared" / "corpus" / "templates"
PAYLOAD = "{{ lookup('ansible.builtin.pipe', 'touch %s') }}"

HOSTILE = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs: {text: {type: string, default: ""}}
  node_templates:
    box:
      type: tosca.nodes.indigo.Compute
      capabilities: {endpoint: {properties: {network_name: PUBLIC}}}
      properties: {tags: {note: {get_input: text}}}
      interfaces:
        Standard:
          configure:
            implementation: continuum.im.shared_folder
            inputs: {shared_folder_path: {get_input: text}, shared_folder_enabled: false}
  outputs: {text: {value: {get_input: text}}}
"""


def test_a_payload_is_text(deployer: Deployer, tmp_path: Path) -> None:
    trap = tmp_path / "pwned"
    payload = PAYLOAD % trap
    template = tmp_path / "hostile.yaml"
    template.write_text(HOSTILE)
    done = deployer.run("deploy", template=str(template), inputs={"text": payload})
    assert not trap.exists()
    assert f"text: {payload}" in done.output
    label = podman("inspect", f"{deployer.name}-box-0", "--format", '{{index .Config.Labels "note"}}')
    assert label in ([payload], ["<no value>"], [])
    assert not trap.exists()
    deployer.run("destroy")


def test_a_machine_with_a_disk_and_a_port(deployer: Deployer) -> None:
    deployer.template = "vm"
    done = deployer.deploy(
        storage_size="10 GiB", mount_path="/mnt/disk", ports={"web": {"protocol": "tcp", "source": 18080}}
    )
    host = done.instances[0]
    assert deployer.ssh(host["hostname"], "findmnt -n -o TARGET /mnt/disk").strip() == "/mnt/disk"
    assert [port["target"] for port in host["ports"]] == [18080]
    assert (
        deployer.deploy(
            storage_size="10 GiB", mount_path="/mnt/disk", ports={"web": {"protocol": "tcp", "source": 18080}}
        ).changed
        == 0
    )
    deployer.run("destroy")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of existing templates is not here (../shared)")
def test_templates_of_the_existing_catalogue_run_unmodified(deployer: Deployer) -> None:
    deployer.template = str(CORPUS / "simple-node-disk.yml")
    done = deployer.deploy(num_cpus=1, mem_size="2 GB", storage_size="10 GiB")
    assert deployer.ssh(done.instances[0]["hostname"], "findmnt -n /mnt/disk | wc -l").strip() == "1"
    deployer.run("destroy")
    deployer.template = str(CORPUS / "slurm_cluster.yml")
    done = deployer.deploy(wn_num=2)
    assert len(deployer.ssh("slurmserver", "srun -N2 hostname").split()) == 2
    assert "25.11.2" in done.output
    deployer.run("destroy")


@pytest.mark.long  # the conformance suite has two infrastructures beside each other too
def test_two_clusters_side_by_side(deployer: Deployer) -> None:
    other = Deployer(deployer.home, deployer.name + "-b")
    deployer.template = "vm"
    other.template = "vm"
    try:
        first, second = deployer.deploy(), other.deploy()
        assert first.instances[0]["private_ip"] != second.instances[0]["private_ip"]
        deployer.run("destroy")
        assert len(left_over(other.name)["containers"]) == 1
        assert other.ssh(second.instances[0]["hostname"], "true") == ""
    finally:
        other.run("destroy")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"template": "slrum"}, "Did you mean 'slurm'?"),
        ({"template": "slurm", "inputs": {"wn_nun": 1}}, "Did you mean 'wn_num'?"),
        ({"template": "slurm", "inputs": {"wn_num": "many", "fe_mem": "4 XB"}}, "[bad-size]"),
        ({"template": "slurm", "cloud": "lokal"}, "Did you mean 'local'?"),
    ],
)
def test_mistakes_are_told_before_anything_is_made(
    deployer: Deployer, variables: dict[str, object], expected: str
) -> None:
    done = deployer.run("deploy", check=False, **variables)
    assert done.code != 0
    assert expected in done.output
    assert "Traceback" not in done.output
    assert not any(left_over(deployer.name).values())


def test_an_engine_that_is_not_there_is_told_before_anything_is_made(deployer: Deployer, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("ssh", "ssh-keygen", "sh", "env", "uname", "locale"):
        (tmp_path / "bin" / tool).symlink_to(
            f"/usr/bin/{tool}" if Path(f"/usr/bin/{tool}").exists() else f"/bin/{tool}"
        )
    lonely = Deployer(deployer.home, deployer.name, "vm", {**os.environ, "PATH": str(tmp_path / "bin")})
    done = lonely.deploy(check=False)
    assert done.code != 0
    assert "podman" in done.output.lower()
    assert "Hint" in done.output
    assert "Traceback" not in done.output
