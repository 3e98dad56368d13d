"""Foreign recipes on real hosts: what reaches the hosts, and what recipes see of the controller."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Deployment
from ansible_collections.continuum.im.plugins.plugin_utils._site import RECIPE_BASE, Site
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

from .conftest import REPOSITORY, Deployer, left_over

pytestmark = pytest.mark.e2e
# Quotes, line ends, expressions, numbers that are text: all must arrive as they are.
TEXT = 'say "hi", it\'s {{ 1 + 1 }} {% raw %} \\ $HOME `id` #x'
SPEC = 'apiVersion: v1\n  value: "inner \\"quotes\\""\n\n# end: 1.10\n'
RECIPE = """
- hosts: localhost
  connection: local
  vars:
    shared: "{{ lookup('password', '/var/tmp/shared length=16') }}"
  tasks:
    - name: Keep what came in
      ansible.builtin.copy:
        dest: /etc/values.json
        content: "{{ {'text': text, 'spec': spec, 'version': version, 'shared': shared} | to_json }}"
        mode: "0600"
    - name: Reach the host by its private address
      ansible.builtin.command: hostname
      delegate_to: "{{ IM_NODE_PRIVATE_IP }}"
      changed_when: false
    - name: Look around on the controller
      ansible.builtin.command:
        cmd: "{{ item }}"
      loop: "{{ attempts }}"
      delegate_to: localhost
      changed_when: false
      failed_when: false
      register: look
    - name: look
      ansible.builtin.debug:
        msg: "{{ look.results | map(attribute='stdout') | join('|') }}|{{ look.results | map(attribute='rc') | list }}"
    - name: stolen
      ansible.builtin.debug:
        msg: "{{ lookup('env', 'AWS_SECRET_ACCESS_KEY') }}{{ lookup('pipe', 'cat ' ~ attempts_file ~ ' || true') }}"
"""
TEMPLATE = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs:
    text: {type: string, default: ''}
    spec: {type: string, default: ''}
    version: {type: string, default: '1.10'}
    attempts: {type: list, default: [], entry_schema: {type: string}}
    victim: {type: string, default: /nothing}
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
            inputs:
              text: {get_input: text}
              spec: {concat: [{get_input: spec}, ""]}
              version: {get_input: version}
              attempts: {get_input: attempts}
              attempts_file: {get_input: victim}
  outputs:
    look: {value: {get_attribute: [box, ansible_output, app_box_conf_box, tasks, look, output]}}
    stolen: {value: {get_attribute: [box, ansible_output, app_box_conf_box, tasks, stolen, output]}}
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployer, Deployer]]:
    """Two infrastructures of one owner, with a recipe of a mirror."""
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap")
    home = tmp_path_factory.mktemp("home")
    (home / "mirror").mkdir()
    (home / "mirror" / "app.yml").write_text(RECIPE)
    (home / "site.yml").write_text(f"mirrors: {{'https://example.org/recipes/': {home}/mirror}}")
    (home / "app.yaml").write_text(TEMPLATE)
    found = [
        Deployer(home, f"e2e-recipes-{name}", str(home / "app.yaml"), {"AWS_SECRET_ACCESS_KEY": "cloud-secret"})
        for name in ("a", "b")
    ]
    for deployer in found:
        deployer.run("destroy")
    yield found[0], found[1]
    for deployer in found:
        deployer.run("destroy")
        assert not any(left_over(deployer.name).values())


def deploy_both(two: tuple[Deployer, Deployer]) -> None:
    """At the same time, as the service does it."""
    runs = []
    for deployer in two:
        variables = {"template": deployer.template, "inputs": {"text": TEXT, "spec": SPEC}}
        progress = deployer.home / f"{deployer.name}.json"
        command = deployer.command("deploy", **variables)
        environment = deployer._environment(progress)
        runs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    for run in runs:
        output, _nothing = run.communicate(timeout=300)
        assert run.returncode == 0, output.decode()


def test_hosts_can_be_made_and_configured_later(two: tuple[Deployer, Deployer]) -> None:
    """The sandbox is told too whom to configure."""
    deployer = two[0]
    bare = deployer.run("deploy", template=deployer.template, inputs={"text": TEXT}, configure=False)
    assert bare.roles == {}
    assert deployer.ssh("vnode-0", "ls /etc/hosts.orig /etc/values.json || true") == ""
    wrong = deployer.run("deploy", template=deployer.template, inputs={}, configure="vnode-7", check=False)
    assert wrong.code
    assert "There is no host 'vnode-7' to configure." in wrong.output


def test_values_arrive_as_they_are_and_passwords_are_not_shared(two: tuple[Deployer, Deployer]) -> None:
    deploy_both(two)
    values = [json.loads(deployer.ssh("vnode-0", "sudo cat /etc/values.json")) for deployer in two]
    for found in values:
        assert (found["text"], found["spec"], found["version"]) == (TEXT, SPEC, "1.10")
        assert len(found["shared"]) == 16
    assert values[0]["shared"] != values[1]["shared"]
    again = two[0].deploy(text=TEXT, spec=SPEC)
    assert (again.changed, again.roles) == (0, {})


def test_a_recipe_finds_nothing_on_the_controller(two: tuple[Deployer, Deployer], tmp_path: Path) -> None:
    attacker, victim = two
    service = tmp_path / "service.sqlite"
    service.write_text("service-database")
    project, keys = victim.home / "projects" / victim.name, victim.home / "keys" / victim.name
    own = attacker.home / "projects" / attacker.name
    attempts = [
        f"cat {project}/topology.yml",
        f"cat {keys}/id_ed25519",
        f"ls {victim.home}/projects",
        f"cat {service}",
        "cat /etc/shadow",
        "cat /proc/1/environ",
        "env",
        f"touch {own}/deploy.yml {own}/pwned",
        f"touch {attacker.home}/keys/{attacker.name}/ssh_config",
        "python3 -c \"import socket; socket.create_connection(('127.0.0.1', 22), 3)\"",
        "curl -sS -m 5 http://169.254.169.254/latest/meta-data/",
        "curl -sS -m 5 http://127.0.0.1:8800/",
    ]
    done = attacker.deploy(text=TEXT, spec=SPEC, attempts=attempts, victim=str(service))
    outputs = done.progress["result"]["outputs"]
    everything = json.dumps(outputs)
    for secret in ("cloud-secret", "service-database", "BEGIN OPENSSH", "root:", "im_groups"):
        assert secret not in everything, outputs
    assert outputs["look"].split("|")[2] == attacker.name
    codes = json.loads(outputs["look"].rpartition("|")[2])
    assert [codes[index] for index in (0, 1, 3, 4, 7, 8, 9)].count(0) == 0, outputs
    assert "is not a public address" in outputs["look"].split("|")[10]
    assert "port 8800 of 127.0.0.1 is not reached" in outputs["look"].split("|")[11]
    assert not (own / "pwned").exists()


CORPUS = REPOSITORY.parent / "shared" / "corpus" / "templates"
STUB = """
- hosts: localhost
  tasks:
    - name: Keep the specification
      ansible.builtin.copy: {content: "{{ k8s_spec | default('') }}", dest: "/etc/{{ im_play }}.spec", mode: "0600"}
"""


def stand_ins(home: Path, found: Deployment) -> None:
    """Recipes and roles of the existing catalogue are out of reach here: a mirror has something in their place."""
    (home / "empty" / "tasks").mkdir(parents=True)
    (home / "empty" / "tasks" / "main.yml").write_text("---\n[]\n")
    (home / "empty" / "meta").mkdir()
    (home / "empty" / "meta" / "main.yml").write_text("galaxy_info: {author: x, description: x, license: x}\n")
    subprocess.run(["tar", "-czf", str(home / "role.tar.gz"), "-C", str(home), "empty"], check=True)
    for reference in found.topology.references:
        path = home / "mirror" / Site().url(reference).removeprefix(RECIPE_BASE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUB)
    roles = {item.name: {"source": str(home / "role.tar.gz")} for item in found.topology.galaxy}
    (home / "site.yml").write_text(json.dumps({"mirrors": {RECIPE_BASE: str(home / "mirror")}, "galaxy": roles}))


def written(spec: Any, inputs: dict[str, Any]) -> str:
    """What the author of a template wrote, put together by hand."""
    parts = spec["concat"] if isinstance(spec, dict) else [spec]
    return "".join(part if isinstance(part, str) else str(inputs[part["get_input"]]["default"]) for part in parts)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of existing templates is not here (../shared)")
def test_specifications_of_the_catalogue_arrive_byte_by_byte(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("influx")
    names = [str(CORPUS / "kubernetes.yaml"), str(CORPUS / "influxdb.yaml")]
    stand_ins(home, translate(names, {}, "/", Home(str(home))))
    deployer = Deployer(home, "e2e-influx")
    try:
        deployer.run("deploy", template=names, sizes={"*": {"cpus": 1, "memory": "1 GiB"}})
        topology = yaml.safe_load((CORPUS / "influxdb.yaml").read_text())["topology_template"]
        objects = {name: node for name, node in topology["node_templates"].items() if "spec" in node["properties"]}
        assert len(objects) == 3
        for name, node in objects.items():
            found = deployer.ssh("kubeserver", f"sudo cat /etc/{name}_front_conf_front.spec")
            assert found == written(node["properties"]["spec"], topology["inputs"]), name
    finally:
        deployer.run("destroy")
