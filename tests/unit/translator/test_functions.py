"""TOSCA functions: what is evaluated when a template is read, and what becomes an expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._errors import TemplateError
from ansible_collections.continuum.im.plugins.plugin_utils._parse.expressions import (
    Address,
    HostValue,
    InventoryHost,
    Joined,
    Leaving,
    OwnVariable,
    Token,
    Workers,
    decode,
    encode,
    is_known,
)

CLUSTER = """
inputs:
  name: {type: string, default: x}
  sizes: {type: map, default: {small: [1, 2]}}
node_templates:
  front:
    type: tosca.nodes.indigo.Compute
    capabilities: {endpoint: {properties: {network_name: PUBLIC}}}
  wn:
    type: tosca.nodes.indigo.Compute
  gpu:
    type: tosca.nodes.indigo.Compute
  lrms:
    type: tosca.nodes.indigo.LRMS.FrontEnd.Slurm
    properties: {version: "22.05"}
    requirements: [{host: front}]
  worker:
    type: tosca.nodes.indigo.LRMS.WorkerNode.Slurm
    properties: {front_end_ip: {get_attribute: [front, private_address, 0]}}
    requirements: [{host: wn}]
  gpu_worker:
    type: tosca.nodes.indigo.LRMS.WorkerNode.Slurm
    properties: {front_end_ip: somewhere}
    requirements: [{host: gpu}]
"""

Read = Callable[..., Any]


def value(read: Read, raw: Any, me: str | None = None) -> Any:
    template = read(CLUSTER)
    result = template.resolver.value(raw, me, ("topology_template",))
    template.resolver.problems.raise_if_any()
    return result


def problem(read: Read, raw: Any, me: str | None = None) -> str:
    with pytest.raises(TemplateError) as caught:
        value(read, raw, me)
    return str(caught.value)


@pytest.mark.parametrize(
    ("raw", "me", "expected"),
    [
        ({"get_input": "name"}, None, "x"),
        ({"get_input": ["name"]}, None, "x"),
        ({"get_input": ["sizes", "small", 1]}, None, 2),
        ({"get_property": ["lrms", "version"]}, None, "22.05"),
        ({"get_property": ["SELF", "version"]}, "lrms", "22.05"),
        ({"get_property": ["front", "endpoint", "network_name"]}, None, "PUBLIC"),
        ({"get_property": ["HOST", "endpoint", "network_name"]}, "lrms", "PUBLIC"),
        ({"get_property": ["lrms", "lrms", "type"]}, None, "slurm"),
        ({"get_property": ["SELF", "host", "instance_name"]}, "lrms", ""),
        ({"concat": ["a", {"get_input": "name"}, 1, True, None]}, None, "ax1true"),
        ({"join": [["a", {"get_input": "name"}], "-"]}, None, "a-x"),
        ({"token": ["a:b", ":", 1]}, None, "b"),
        ({"get_attribute": ["front", "tosca_name"]}, None, "front"),
        ({"get_attribute": ["front", "private_address", 0]}, None, Address("front", "private", 0)),
        ({"get_attribute": ["wn", "private_address"]}, None, Address("wn", "private")),
        ({"get_attribute": ["lrms", "public_address"]}, None, Address("front", "public", 0)),
        ({"get_attribute": ["SELF", "private_address"]}, "lrms", OwnVariable("IM_NODE_PRIVATE_IP")),
        ({"get_attribute": ["HOST", "public_address", 0]}, "lrms", Address("front", "public", 0)),
        ({"get_attribute": ["SELF", "lrms_workers"]}, "lrms", Workers(("wn", "gpu"))),
        ({"get_attribute": ["SELF", "lrms_leaving"]}, "lrms", Leaving(("wn", "gpu"))),
        ({"get_attribute": ["SELF", "lrms_front_end"]}, "worker", InventoryHost("front")),
        (
            {"get_attribute": ["front", "endpoint", "credential", 0]},
            None,
            HostValue("front", ("endpoint", "credential", 0)),
        ),
        (
            {"concat": ["http://", {"get_attribute": ["front", "public_address", 0]}, "/"]},
            None,
            Joined(("http://", Address("front", "public", 0), "/")),
        ),
        (
            {"token": [{"get_attribute": ["front", "public_address", 0]}, ".", 0]},
            None,
            Token(Address("front", "public", 0), ".", 0),
        ),
        (
            {"a": [{"get_input": "name"}], "get_input": "both are keys"},
            None,
            {"a": ["x"], "get_input": "both are keys"},
        ),
    ],
)
def test_values(read: Read, raw: Any, me: str | None, expected: Any) -> None:
    assert value(read, raw, me) == expected


@pytest.mark.parametrize(
    ("raw", "me", "message"),
    [
        ({"get_input": "nam"}, None, "There is no input 'nam'. [unknown-input]\n    Hint: Did you mean 'name'?"),
        ({"get_input": ["sizes", "big"]}, None, "There is no 'big' inside this value."),
        ({"get_property": ["fron", "x"]}, None, "There is no node template 'fron'. [unknown-node]"),
        ({"get_property": ["lrms", "versio"]}, None, "Did you mean 'version'?"),
        ({"get_property": ["SELF", "x"]}, None, "SELF has no meaning here."),
        ({"get_property": ["HOST", "nothing"]}, "lrms", "has no property 'nothing'"),
        ({"get_property": ["lrms"]}, None, "too few arguments"),
        ({"get_attribute": ["front", "nothing"]}, None, "Node 'front' has no attribute 'nothing'."),
        ({"get_attribute": "front"}, None, "Write get_attribute: [node, attribute]."),
        ({"token": ["a:b", "", 1]}, None, "token needs a text, a separator and a whole number."),
        ({"token": ["a:b", ":", 5]}, None, "there is no part number 5"),
        ({"join": [{"get_attribute": ["wn", "private_address"]}, ","]}, None, "known before deployment"),
    ],
)
def test_calls_that_cannot_be_evaluated(read: Read, raw: Any, me: str | None, message: str) -> None:
    assert message in problem(read, raw, me)


def test_a_circle_of_properties_ends(read: Read) -> None:
    text = """
node_templates:
  a:
    type: tosca.nodes.indigo.Compute
    properties: {instance_name: {get_property: [SELF, instance_name]}}
"""
    with pytest.raises(TemplateError, match="refer to each other in a circle"):
        read(text)


@pytest.mark.parametrize(
    "expression",
    [
        Address("g", "private", 0),
        Address("g", "public"),
        OwnVariable("X"),
        Workers(("a", "b")),
        Leaving(()),
        InventoryHost("g", 1),
        HostValue("g", ("endpoint", "credential", 0)),
        Joined(("a", Address("g", "private", 0))),
        Token("a.b", ".", 1),
    ],
)
def test_expressions_survive_encoding(expression: Any) -> None:
    whole = {"a": [expression, {"b": expression}], "im_expression": ["Address", "spoofed"]}
    assert decode(encode(whole)) == whole
    assert not is_known(whole)
    assert is_known({"im_expression": ["Address"]})
