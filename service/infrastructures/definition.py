# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of users become topologies. Nothing is fetched, and no file is read but our own types and catalogue."""

from __future__ import annotations

import copy
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Deployment, deployment, read_choices
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError, Diagnostic, TemplateError
from ansible_collections.continuum.im.plugins.plugin_utils._parse.inputs import Generator, read_given
from ansible_collections.continuum.im.plugins.plugin_utils._parse.library import load_library
from ansible_collections.continuum.im.plugins.plugin_utils._parse.loader import load
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import Source, catalogue_names, find_template
from ansible_collections.continuum.im.plugins.plugin_utils._parse.stack import read_stack
from ansible_collections.continuum.im.plugins.plugin_utils._parse.template import Surroundings, read_template
from ansible_collections.continuum.im.plugins.plugin_utils._site import read_site, site_file
from ansible_collections.continuum.im.plugins.plugin_utils._topology.build import build_topology
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import HostGroup, Topology
from ansible_collections.continuum.im.plugins.plugin_utils._translate import (
    CATALOGUE,
    TYPES,
    Home,
    known_clouds,
    missing_clouds,
)

from ..errors import BadRequest
from ..radl_text.from_topology import from_topology
from ..radl_text.reader import read_text

_FILE = "template.yaml"
_MARK = "Error parsing request body: Error parsing TOSCA template: \n"
_MOST_HOSTS = 1000
_MOST_KEPT = 64


@dataclass(frozen=True)
class Definition:
    """A translated template: what its hosts are, and what is said about it as a whole."""

    topology: Topology
    display_name: str = ""
    template_name: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """The number of hosts that the template wants, by group."""
        return {group.node: group.count for group in self.topology.groups}

    @property
    def configures(self) -> bool:
        """True when anything is configured on the hosts."""
        return bool(self.topology.steps)

    def group(self, node: str) -> HostGroup | None:
        """Return a group, None when there is none of this name."""
        return next((group for group in self.topology.groups if group.node == node), None)


@dataclass
class Translator:
    """Translates texts; the last ones are remembered, since most requests only show what is known."""

    home: Home
    environment: Mapping[str, str] = field(default_factory=dict)
    _known: OrderedDict[str, Definition] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def definition(
        self,
        text: str,
        inputs: Mapping[str, Any] | None = None,
        cloud: str = "local",
        name: str = "im",
        token: str = "",
    ) -> Definition:
        """Return the definition of a TOSCA text. Raises `BadRequest` with everything that is wrong with it."""
        key = json.dumps([text, dict(inputs or {}), cloud, name, bool(token)], sort_keys=True, default=str)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = self._definition(text, dict(inputs or {}), cloud, name, token)
        with self._lock:
            self._known[key] = found
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)
        return found

    def _definition(self, text: str, inputs: dict[str, Any], cloud: str, name: str, token: str) -> Definition:
        try:
            made, document = self._translate(text, inputs, cloud, name, token)
        except ContinuumError as error:
            raise BadRequest(_MARK + str(error)) from None
        except RecursionError:
            raise BadRequest(_MARK + "It is nested too deeply.") from None
        if sum(group.count for group in made.topology.groups) > _MOST_HOSTS:
            raise BadRequest(f"{_MARK}More than {_MOST_HOSTS} hosts in one template.")
        metadata = document.get("metadata")
        said = metadata if isinstance(metadata, dict) else {}
        label = said.get("template_name") or said.get("display_name") or ""
        return Definition(made.topology, str(said.get("infra_name") or ""), str(label))

    def _translate(
        self, text: str, inputs: dict[str, Any], cloud: str, name: str, token: str
    ) -> tuple[Deployment, dict[str, Any]]:
        site = read_site(site_file(self.environment, self.home.path))
        _stem, document = read_stack([Source(text, _FILE, name)], _of_catalogue)
        variables = {"infrastructure": name, "cloud": "local" if cloud == "dummy" else cloud}
        choices = read_choices(variables, name, known_clouds())
        generator = Generator(
            random=lambda key, length: self.home.random_text(name, key, length, keep=False), token=token
        )
        template = read_template(
            name, document, read_given(inputs), load_library(TYPES), Surroundings("", site.local_path, generator)
        )
        made = deployment(build_topology(template), choices, "")
        problems = missing_clouds(made)
        if problems:
            raise TemplateError(problems)
        return made, document.data

    def radl(self, kind: str, source: str, definition: Definition, counts: Mapping[str, int]) -> Any:
        """Return the RADL document of an infrastructure: what its owner wrote, or what its template means."""
        if kind == "radl":
            return read_text(source)
        return from_topology(definition.topology, definition.display_name, dict(counts))


def _of_catalogue(reference: str, _near: str) -> Source:
    """A template of a user may stand on one of the catalogue, and on no other file."""
    if reference.removesuffix(".yaml").removesuffix(".yml") not in catalogue_names(CATALOGUE):
        problem = f"'{reference[:100]}' is no template of the catalogue."
        raise TemplateError([Diagnostic("template-not-found", problem, None, "Send it as one file.")])
    return find_template(reference.removesuffix(".yaml").removesuffix(".yml"), CATALOGUE, CATALOGUE)


def read_template_text(text: str) -> dict[str, Any]:
    """Return a TOSCA text as data; texts that would grow without limit are refused. Raises `BadRequest`."""
    try:
        found = load(text, _FILE).data
    except ContinuumError as error:
        raise BadRequest(_MARK + str(error)) from None
    if not isinstance(found, dict):
        raise BadRequest(_MARK + "A template is a mapping that starts with 'tosca_definitions_version:'.")
    return found


def merged(base: Any, update: Any) -> Any:
    """Return `update` laid over `base`: mappings by key, lists by position, everything else is replaced."""
    if isinstance(base, dict) and isinstance(update, dict):
        return {**base, **{key: merged(base[key], value) if key in base else copy.deepcopy(value)
                           for key, value in update.items()}}  # fmt: skip
    if isinstance(base, list) and isinstance(update, list):
        joined = [merged(old, new) for old, new in zip(base, update, strict=False)]
        return joined + copy.deepcopy(base[len(joined) :] or update[len(joined) :])
    return copy.deepcopy(update)


def without_removal_lists(data: dict[str, Any]) -> dict[str, Any]:
    """Return a template whose used `removal_list`s are gone: they would name dead hosts the next time."""
    data = copy.deepcopy(data)
    topology = data.get("topology_template")
    nodes = topology.get("node_templates") if isinstance(topology, dict) else None
    for node in nodes.values() if isinstance(nodes, dict) else ():
        scalable = node.get("capabilities", {}).get("scalable") if isinstance(node, dict) else None
        properties = scalable.get("properties") if isinstance(scalable, dict) else None
        if isinstance(properties, dict):
            properties.pop("removal_list", None)
    return data


def dump(data: dict[str, Any]) -> str:
    """Return a template as text."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
