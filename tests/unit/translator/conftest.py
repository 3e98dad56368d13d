"""Plain data for the translator's tests: the real type library, and templates as short texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._parse.library import Library, load_library
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import Source
from ansible_collections.continuum.im.plugins.plugin_utils._parse.template import Template, parse
from ansible_collections.continuum.im.plugins.plugin_utils._topology.build import build_topology
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import Topology
from ansible_collections.continuum.im.plugins.plugin_utils._translate import TYPES

HEADER = "tosca_definitions_version: tosca_simple_yaml_1_0\n"


@pytest.fixture(scope="session")
def library() -> Library:
    """The type library of the collection."""
    return load_library(TYPES)


@pytest.fixture
def read(library: Library) -> Callable[..., Template]:
    """Parse a topology_template given as text, indented by nothing."""

    def read_text(text: str, /, **given: Any) -> Template:
        body = "".join(f"  {line}\n" for line in text.strip("\n").split("\n"))
        return parse(Source(HEADER + "topology_template:\n" + body, "t.yaml", "t"), given, library)

    return read_text


@pytest.fixture
def build(read: Callable[..., Template]) -> Callable[..., Topology]:
    """Parse a topology_template and build its topology."""
    return lambda text, /, **given: build_topology(read(text, **given))
