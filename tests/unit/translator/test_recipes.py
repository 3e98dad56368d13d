# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign recipes: fetched once, pinned, moved to their hosts; and secrets, which no project ever holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Deployment
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._parse.secret import Secret, is_secret_input, secrets_in
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import Files, read_pins, render, write
from ansible_collections.continuum.im.plugins.plugin_utils._project.yaml_text import Own, dump
from ansible_collections.continuum.im.plugins.plugin_utils._site import Site, read_site
from ansible_collections.continuum.im.plugins.plugin_utils._translate import (
    Home,
    World,
    fetch_recipes,
    missing_clouds,
    secrets_of_deployment,
    translate,
)
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.unit
TEMPLATE = r"""tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs:
    admin_password: {type: string, default: none}
    generated: {type: string, default: random(12)}
    version: {type: string, default: '1.10'}
  node_templates:
    box: {type: tosca.nodes.indigo.Compute}
    app:
      type: tosca.nodes.SoftwareComponent
      requirements: [{host: box}]
      artifacts:
        conf: {file: https://example.org/app.conf}
        nfs: {type: tosca.artifacts.AnsibleGalaxy.role, file: "grycap.nfs,v2"}
      interfaces:
        Standard:
          create: {implementation: continuum.im.cluster_ssh, inputs: {cluster_ssh_server: x}}
          configure:
            implementation: https://example.org/app.yml
            inputs:
              password: {get_input: admin_password}
              url: {concat: ["https://admin:", {get_input: admin_password}, "@host/"]}
              other: {get_input: generated}
              version: {get_input: version}
              conf: {get_artifact: [SELF, conf]}
              LOUD: true
          start: {implementation: https://example.org/app.sh, inputs: {mode: fast}}
  outputs: {password: {value: {get_input: admin_password}}}
"""
RECIPE = """
- hosts: localhost
  connection: local
  become: false
  vars: {mine: "{{ version }}", old: !unsafe "{{ x }}"}
  pre_tasks: [{name: Before, ansible.builtin.debug: {msg: "{{ password }}"}}]
  roles: [{role: grycap.nfs}]
  tasks: [{name: Do, ansible.builtin.debug: {msg: done}}]
- hosts: front
  vars: {second: 2}
  handlers: [{name: Again, ansible.builtin.debug: {}}]
"""
FILES = {"app.yml": RECIPE.encode(), "app.conf": b"\xff\x00conf", "app.sh": b"#!/bin/sh\n"}


def download(url: str, _most: int) -> bytes:
    name = url.rpartition("/")[2]
    if name not in FILES:
        raise OSError("404 Not Found")
    return FILES[name]


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "t.yaml").write_text(TEMPLATE)
    return World(str(tmp_path), Home(str(tmp_path / "home")), {}, download)


def deploy(world: World, **inputs: Any) -> Deployment:
    return translate("t.yaml", {"inputs": inputs}, world.directory, world.home, world)


def project(world: World, **inputs: Any) -> Files:
    found = deploy(world, **inputs)
    return render(found, *fetch_recipes(found, world))


def play(files: Files) -> dict[str, Any]:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    found: dict[str, Any] = yaml.load(files["recipes/app.yml"], Loader=Loader)[0]
    return found


def test_all_operations_of_a_node_are_one_play_on_its_hosts(world: World) -> None:
    found = play(project(world))
    assert (found["hosts"], found["become"], found["gather_facts"]) == ("im_step_app", True, False)
    assert "connection" not in found
    assert [next(iter(task.values())) for task in found["pre_tasks"]] == ["Copy app.conf", "Before"]
    assert found["roles"] == [{"role": "grycap.nfs"}]
    assert [task["name"] for task in found["tasks"]] == ["Run main of cluster_ssh", "Do", "Run app.sh"]
    assert [task["name"] for task in found["handlers"]] == ["Again"]
    variables = found["vars"]
    assert (variables["mine"], variables["second"], variables["version"]) == ("{{ version }}", 2, "1.10")
    assert variables["conf"] == "/tmp/app.conf"
    assert variables["im_play"] == "app_box_conf_box"
    assert found["tasks"][2]["environment"] == {"mode": "{{ mode }}"}


def test_variables_that_recipes_look_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [name for name in play(project(world))["vars"] if name.startswith("IM_")]
    named = b"# IM_BOX_NUM_VMS IM_MASTER_FQDN IM_INFRASTRUCTURE_RADL" + RECIPE.encode()
    monkeypatch.setitem(FILES, "app.yml", named)
    found = play(project(world))["vars"]
    assert found["IM_BOX_NUM_VMS"] == "{{ groups['box'] | default([]) | length | string }}"
    assert found["IM_MASTER_FQDN"] == "{{ hostvars[groups['im_first'][0]]['IM_NODE_FQDN'] }}"
    assert found["IM_INFRASTRUCTURE_RADL"][0]["id"] == "box"


def test_files_and_requirements_go_along(world: World) -> None:
    files = project(world)
    assert any(content == FILES["app.conf"] for content in files.values())
    assert yaml.safe_load(files["requirements.yml"]) == {
        "roles": [{"name": "grycap.nfs", "version": "v2"}],
        "collections": [],
    }
    assert "LOUD: true # noqa: var-naming[pattern]" in str(files["recipes/app.yml"])
    assert "tasks_from: confined" in str(files["deploy.yml"])


def test_without_the_sandbox_it_is_one_playbook(world: World) -> None:
    found = translate("t.yaml", {"confined": "no"}, world.directory, world.home, world)
    assert "configure.yml" in str(render(found, *fetch_recipes(found, world))["deploy.yml"])


def test_recipes_are_fetched_once_and_pinned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = world.home.project("t")
    write(project(world), directory)
    assert set(read_pins(directory)) == {f"https://example.org/{name}" for name in FILES}
    monkeypatch.setitem(FILES, "app.sh", b"changed")
    assert project(world)["recipes/pins.yml"] == (Path(directory) / "recipes" / "pins.yml").read_text()
    for kept in (Path(world.home.path) / "cache" / "recipes").iterdir():
        kept.unlink()
    with pytest.raises(ContinuumError, match="not the one that this infrastructure was deployed with"):
        project(world)
    found = deploy(world)
    assert fetch_recipes(found, world, refresh=True)[0]["https://example.org/app.sh"].content == b"changed"


def test_recipes_that_are_gone_leave_the_project(world: World) -> None:
    directory = Path(world.home.project("t"))
    write({"recipes/old.yml": "x", "recipes/new.yml": "y"}, str(directory))
    write({"recipes/new.yml": "y"}, str(directory))
    assert [path.name for path in (directory / "recipes").iterdir()] == ["new.yml"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: [", "is not YAML"),
        (b"a: 1", "is not a list of plays"),
        (b"- tasks: []", "is not a list of plays"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"- hosts: !!python/object:os.system x", "is not YAML"),
        (b"- hosts: !vlt x", "is not YAML"),
    ],
)
def test_a_recipe_that_is_no_playbook(
    world: World, monkeypatch: pytest.MonkeyPatch, content: bytes, expected: str
) -> None:
    monkeypatch.setitem(FILES, "app.yml", content)
    with pytest.raises(ContinuumError, match=expected) as caught:
        project(world)
    assert str(caught.value.diagnostics[0].position).endswith("t.yaml:19:13")


def test_a_recipe_that_cannot_be_had(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FILES, "app.yml")
    with pytest.raises(ContinuumError, match=r"app.yml cannot be had: 404 Not Found. \[recipe-fetch\]"):
        project(world)


def test_a_mirror_comes_first_and_stays_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    site = Site(mirrors=(("https://x/", str(tmp_path / "a")),))
    assert site.local_path("https://x/b/c.yml?raw") == str(tmp_path / "a" / "b" / "c.yml")
    assert site.local_path("https://x/../../etc/passwd") is None
    assert site.local_path("https://y/c.yml") is None
    assert site.url("lrms/x.yml").endswith("/artifacts/lrms/x.yml")


@pytest.mark.parametrize("text", ["[1]", "mirrorz: {}", "a: ["])
def test_settings_of_a_site_that_are_wrong(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.yml").write_text(text)
    with pytest.raises(ContinuumError, match="site settings"):
        read_site(str(tmp_path / "site.yml"))


def test_settings_of_a_site(tmp_path: Path) -> None:
    text = "{recipe_base: 'https://b', mirrors: {https://a: /1, https://a/b: /2}, galaxy: {Some.Role: {source: x}}}"
    (tmp_path / "site.yml").write_text(text)
    site = read_site(str(tmp_path / "site.yml"))
    assert site.recipe_base == "https://b/"
    assert [prefix for prefix, _folder in site.mirrors] == ["https://a/b", "https://a"]
    assert site.galaxy == {"some.role": {"source": "x"}}
    assert read_site(str(tmp_path / "none.yml")) == Site()


def test_no_secret_is_in_a_project(world: World) -> None:
    found = deploy(world, admin_password="hush-hush")
    files = render(found, *fetch_recipes(found, world))
    generated = secrets_of_deployment(found)["IM_INPUT_GENERATED"]
    for name, content in files.items():
        text = content if isinstance(content, str) else content.decode("utf-8", "replace")
        assert "hush-hush" not in text, name
        assert generated not in text, name
    assert secrets_of_deployment(found)["IM_INPUT_ADMIN_PASSWORD"] == "hush-hush"
    assert "IM_INPUT_ADMIN_PASSWORD" in str(files["README.md"])
    assert "IM_INPUT_ADMIN_PASSWORD" in play(files)["vars"]["url"]


def test_defaults_are_no_secrets(world: World) -> None:
    assert list(secrets_of_deployment(deploy(world))) == ["IM_INPUT_GENERATED"]


def test_random_inputs_stay(world: World) -> None:
    first = secrets_of_deployment(deploy(world))["IM_INPUT_GENERATED"]
    assert (len(first), first.isalnum()) == (12, True)
    assert secrets_of_deployment(deploy(world))["IM_INPUT_GENERATED"] == first


def test_a_dry_run_keeps_no_random_text(world: World) -> None:
    dry = World(world.directory, world.home, {}, download, dry=True)
    deploy(dry)
    assert not Path(world.home.path).exists()


def test_the_token_of_the_caller(tmp_path: Path) -> None:
    text = TEMPLATE.replace("random(12)", "access_token()")
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(ContinuumError, match="wants your access token"):
        deploy(World(str(tmp_path), Home(str(tmp_path)), {}, download))
    found = deploy(World(str(tmp_path), Home(str(tmp_path)), {"IM_ACCESS_TOKEN": "eyJ"}, download))
    assert secrets_of_deployment(found)["IM_INPUT_GENERATED"] == "eyJ"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("admin_password", True),
        ("kube_token", True),
        ("aws_sk", True),
        ("ssh_public_key", False),
        ("token_type", False),
        ("count", False),
        ("marked", True),
    ],
)
def test_which_inputs_are_secret(name: str, secret: bool) -> None:
    form = {"tabs": {"One": ["count", {"marked": {"tag_type": "password"}}], "Two": "x_.*"}}
    assert is_secret_input(name, form) == secret


def test_a_secret_is_never_written() -> None:
    with pytest.raises(TypeError, match="IM_INPUT_X"):
        dump({"a": [Secret.of("hush", "x")]})
    assert secrets_in({"a": [Secret.of("hush", "x-y")]}) == {"IM_INPUT_X_Y": "hush"}


def test_containers_need_their_cloud(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        """tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  node_templates:
    f: {type: tosca.nodes.aisprint.FaaS.Function, properties: {name: f, memory: 512 MB, image: i, script: s}}
"""
    )
    found = translate("t.yaml", {}, str(tmp_path), Home(str(tmp_path)))
    assert [item.code for item in missing_clouds(found)] == ["needs-cloud"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\x85\u2028\u2029\ufeff"), max_size=300))
def test_code_survives_being_written(text: str) -> None:
    """However long, with whatever spaces, quotes and line ends."""
    text = "".join(character for character in text if character.isprintable() or character in "\n\t")
    assert yaml.safe_load(dump({"a": Own(text)})) == {"a": text}


@given(st.text("abc/:,-_ #@", max_size=400))
def test_long_plain_texts_survive_being_written(text: str) -> None:
    assert yaml.safe_load(dump({"a": text})) == {"a": text}
