"""Projects: YAML that cannot become a template, Jinja that holds no text of users, plays that call roles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Choices, deployment
from ansible_collections.continuum.im.plugins.plugin_utils._parse.expressions import (
    Address,
    HostValue,
    InventoryHost,
    Joined,
    Leaving,
    OwnVariable,
    Token,
    Workers,
)
from ansible_collections.continuum.im.plugins.plugin_utils._project.jinja import JinjaWriter
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write
from ansible_collections.continuum.im.plugins.plugin_utils._project.yaml_text import Jinja, Own, dump
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import Topology
from ansible_collections.continuum.im.plugins.plugin_utils._translate import inventory_sources
from hypothesis import given
from hypothesis import strategies as st

Build = Callable[..., Topology]
FRONT = Address("front", "public", 0)


class _Loader(yaml.SafeLoader):
    """Reads `!unsafe` as an `Unsafe` text."""


class Unsafe(str):
    """What Ansible would never template."""


_Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))


def load(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)


@given(st.text())
def test_no_text_of_a_user_is_ever_a_template(text: str) -> None:
    try:
        found = load(dump({"key": text}))["key"]
    except yaml.reader.ReaderError:
        return  # control characters that YAML cannot hold
    assert str(found) == text or "\x85" in text or "\r" in text or "\ufeff" in text
    if any(mark in text for mark in ("{{", "{%", "{#", "#jinja2")):
        assert isinstance(found, Unsafe)


@pytest.mark.parametrize("text", ["1.10", "22", "true", "null", "2026-01-01", "", "yes", "1e3", "a:", "- x"])
def test_text_stays_text(text: str) -> None:
    found = load(dump({"key": text}))["key"]
    assert found == text
    assert isinstance(found, str)


def test_own_texts_and_expressions_are_plain() -> None:
    assert (
        dump({"a": Own("Run (it)"), "b": Jinja("{{ x }}"), "c": "{{ x }}"})
        == '---\na: Run (it)\nb: "{{ x }}"\nc: !unsafe "{{ x }}"\n'
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (FRONT, "{{ hostvars[groups['front'][0]]['IM_NODE_PUBLIC_IP'] }}"),
        (
            Address("wn", "private"),
            "{{ groups['wn'] | default([]) | map('extract', hostvars, 'IM_NODE_PRIVATE_IP') | list }}",
        ),
        (OwnVariable("IM_NODE_PRIVATE_IP"), "{{ IM_NODE_PRIVATE_IP }}"),
        (Workers(("wn",)), "{{ groups['wn'] | default([]) | map('extract', hostvars, 'im_node') | list }}"),
        (
            Workers(("a", "b")),
            "{{ ((groups['a'] | default([])) + (groups['b'] | default([])))"
            " | map('extract', hostvars, 'im_node') | list }}",
        ),
        (Workers(()), "{{ [] | map('extract', hostvars, 'im_node') | list }}"),
        (
            Leaving(("wn",)),
            "{{ groups['im_surplus'] | default([]) | map('extract', hostvars, 'im_node')"
            " | selectattr('group', 'in', ['wn']) | map(attribute='name') | list }}",
        ),
        (InventoryHost("front"), "{{ groups['front'][0] }}"),
    ],
)
def test_expressions_as_jinja(expression: Any, expected: str) -> None:
    writer = JinjaWriter()
    assert writer.value([{"x": expression}]) == [{"x": expected}]
    assert writer.texts == []


def test_texts_of_users_are_variables_of_the_play() -> None:
    writer = JinjaWriter()
    evil = "{{ lookup('pipe', 'id') }}"
    assert writer.value(Joined((evil, FRONT, "/", evil))) == (
        "{{ im_text[0] ~ (hostvars[groups['front'][0]]['IM_NODE_PUBLIC_IP']) ~ im_text[1] ~ im_text[0] }}"
    )
    assert writer.texts == [evil, "/"]
    assert writer.value(Token(FRONT, evil, 1)).endswith(".split(im_text[0])[1] }}")


def test_what_only_outputs_know_has_no_meaning_in_a_play() -> None:
    with pytest.raises(TypeError):
        JinjaWriter().value(HostValue("front", ("credential",)))
    with pytest.raises(TypeError):
        JinjaWriter().value(Joined(({"a": FRONT},)))


BOX = """
inputs: {text: {type: string, default: plain}}
node_templates:
  box:
    type: tosca.nodes.indigo.Compute
    capabilities: {endpoint: {properties: {network_name: PUBLIC}}}
    interfaces:
      Standard:
        configure:
          implementation: continuum.im.base
          inputs: {base_x: {get_input: text}, base_y: {concat: ["<", {get_attribute: [SELF, public_address, 0]}, ">"]}}
        start: {implementation: continuum.im.base/again, inputs: {base_x: 1}}
        create: continuum.im.base/bare
"""


def files(build: Build, **inputs: Any) -> dict[str, str]:
    return render(deployment(build(BOX, **inputs), Choices("demo", "local"), "/keys/demo/id_ed25519"))


def test_a_project_is_deterministic_and_complete(build: Build) -> None:
    assert files(build) == files(build)
    assert sorted(files(build)) == ["README.md", "configure.yml", "deploy.yml", "provision.yml", "topology.yml"]


ROLE = "---\nplugin: some.cloud.hosts\nfilters: {tag: IM_INFRASTRUCTURE}\nkeys: [IM_KEYS]\n"


def a_cloud(top: Path, **sources: str) -> str:
    """Return a collection with the role of one cloud."""
    folder = top / "roles" / "cloud_other" / "files"
    folder.mkdir(parents=True)
    for name, text in sources.items():
        (folder / name.replace("__", ".")).write_text(text)
    return str(top)


def test_what_a_cloud_has_for_later_runs_gets_into_the_project(build: Build, tmp_path: Path) -> None:
    collection = a_cloud(tmp_path, inventory__some_hosts__yml=ROLE, other__yml="x", inventory__txt="x")
    sources = inventory_sources("other", collection)
    assert sources == {"inventory.some_hosts.yml": ROLE}
    found = deployment(build(BOX), Choices("demo", "other"), "/keys/my demo/id_ed25519")
    made = render(found, inventory=sources)
    assert load(str(made["inventory/hosts.some_hosts.yml"])) == {
        "plugin": "some.cloud.hosts",
        "filters": {"tag": "demo"},
        "keys": ["/keys/my demo"],
    }
    variables = load(str(made["inventory/group_vars/all.yml"]))
    assert variables["ansible_ssh_common_args"] == "-F '/keys/my demo/ssh_config'"
    assert "ansible-inventory -i inventory --graph" in str(made["README.md"])


def test_a_cloud_without_an_inventory_changes_nothing(build: Build, tmp_path: Path) -> None:
    assert inventory_sources("other", a_cloud(tmp_path)) == inventory_sources("none", str(tmp_path)) == {}
    assert inventory_sources("local") == {}
    assert not any(name.startswith("inventory") for name in files(build))


def test_an_inventory_of_another_cloud_goes(build: Build, tmp_path: Path) -> None:
    found = deployment(build(BOX), Choices("demo", "other"), "/keys/demo/id_ed25519")
    write(render(found, inventory={"inventory.some_hosts.yml": ROLE}), str(tmp_path))
    assert (tmp_path / "inventory" / "hosts.some_hosts.yml").exists()
    assert (tmp_path / "inventory" / "group_vars" / "all.yml").exists()
    write(files(build), str(tmp_path))
    assert not (tmp_path / "inventory" / "hosts.some_hosts.yml").exists()


def test_a_payload_in_an_input_is_text_everywhere(build: Build) -> None:
    payload = "{{ lookup('pipe', 'touch /pwned') }}\n- hosts: all"
    for text in files(build, text=payload).values():
        for line in text.splitlines():
            assert "pwned" not in line or "!unsafe" in line
    play = next(play for play in load(files(build, text=payload)["configure.yml"]) if play["hosts"] == "im_step_box")
    assert play["tasks"][1]["vars"]["base_x"] == payload
    assert isinstance(play["tasks"][1]["vars"]["base_x"], Unsafe)
    assert play["vars"]["im_text"] == ["<", ">"]


def test_the_operations_of_a_node_are_one_play(build: Build) -> None:
    plays = {play["hosts"]: play for play in load(files(build)["configure.yml"])}
    tasks = plays["im_step_box"]["tasks"]
    assert [task["ansible.builtin.import_role"]["tasks_from"] for task in tasks] == ["bare", "main", "again"]
    assert tasks[2]["vars"] == {"base_x": 1}
    assert "vars" not in tasks[0]


def test_every_play_and_task_has_a_name(build: Build) -> None:
    for name in ("deploy.yml", "provision.yml", "configure.yml"):
        for play in load(files(build)[name]):
            assert play["name"][0].isupper()
            assert all(task["name"][0].isupper() for task in play.get("tasks", []))


def test_plays_on_the_controller_are_local(build: Build) -> None:
    for name in ("provision.yml", "configure.yml"):
        for play in load(files(build)[name]):
            if play["hosts"] == "localhost":
                assert play["connection"] == "local"
                assert play["vars"]["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"


def test_writing_replaces_only_what_changed(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    write({"x": "1", "y": "2"}, str(directory))
    before = (directory / "x").stat().st_ino
    write({"x": "1", "y": "3"}, str(directory))
    assert (directory / "x").stat().st_ino == before
    assert (directory / "y").read_text() == "3"
    assert sorted(path.name for path in directory.iterdir()) == ["x", "y"]
    assert directory.stat().st_mode & 0o777 == 0o700
