# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The third stage: a topology plus what the user chose beside the template."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._errors import ChoiceError, Diagnostic, did_you_mean
from .._parse.inputs import read_given
from .._parse.units import parse_size
from .._topology.model import HostGroup, Topology
from .placement import HYBRID, place_groups

_NAME = re.compile(r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$|^[a-z]$")
DEFAULT_CLOUD = "local"
# Clouds without hosts, and the one whose hosts are there already.
ALONE = ("lambda", "oscar", "kubernetes", "static")


@dataclass(frozen=True)
class Choices:
    """What a user may choose: names, the cloud, and per host group an image and a size.

    `images` maps a group (or "*") to an image, `sizes` to an instance type or to `{cpus, memory}`; `instances` is the
    exact list of hosts, None to derive it from the counts. `confined` is whether foreign recipes run in a sandbox.
    `clouds` are the clouds when there are several; `cloud` is then the one that stands for all.
    `host_sizes` are the sizes of single hosts of the exact list, by number.
    """

    infrastructure: str
    cloud: str
    images: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, Any] = field(default_factory=dict)
    instances: tuple[tuple[int, str], ...] | None = None
    confined: bool = True
    clouds: tuple[str, ...] = ()
    host_sizes: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployment:
    """Everything that a project is written from.

    `key_file` is the path of the private key on the controller. `placement` is the cloud of each group, empty when
    there is one cloud.
    """

    topology: Topology
    choices: Choices
    key_file: str
    placement: Mapping[str, str] = field(default_factory=dict)


def read_choices(variables: Mapping[str, Any], default_name: str, clouds: Iterable[str]) -> Choices:
    """Return the checked choices; `variables` are the extra variables of the run. Raises `ChoiceError`."""
    readers: dict[str, Callable[[], Any]] = {
        "infrastructure": lambda: _name(str(variables.get("infrastructure") or default_name)),
        "cloud": lambda: read_clouds(variables.get("cloud") or DEFAULT_CLOUD, clouds),
        "images": lambda: {key: str(value) for key, value in read_given(variables.get("images"), "images").items()},
        "sizes": lambda: read_given(variables.get("sizes"), "sizes"),
        "instances": lambda: _instances(variables.get("instances")),
        "host_sizes": lambda: host_sizes(variables.get("instances")),
        "confined": lambda: _truth("confined", variables.get("confined", True)),
    }
    found: dict[str, Any] = {}
    problems: list[Diagnostic] = []
    for name, reader in readers.items():
        try:
            found[name] = reader()
        except ChoiceError as error:
            problems.extend(error.diagnostics)
    if problems:
        raise ChoiceError(problems)
    names = found.pop("cloud")
    several = len(names) > 1
    return Choices(**found, cloud=HYBRID if several else names[0], clouds=names if several else ())


def _name(name: str) -> str:
    if not _NAME.match(name):
        hint = "Use 1 to 40 lower case letters, digits and dashes; start with a letter, end with a letter or a digit."
        raise ChoiceError.of(f"'{name}' cannot be the name of an infrastructure.", hint)
    return name


def _truth(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false", "yes", "no", "1", "0"):
        raise ChoiceError.of(f"'{name}' is true or false, not '{value}'.")
    return text in ("true", "yes", "1")


def read_clouds(value: Any, known: Iterable[str]) -> tuple[str, ...]:
    """Return the clouds that `aws`, `openstack,aws` or a list of them names, each once. Raises `ChoiceError`."""
    words = [str(item) for item in value] if isinstance(value, (list, tuple)) else str(value).split(",")
    names = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
    clouds = sorted(set(known) - {HYBRID})
    for name in names or ("",):
        if name not in clouds:
            raise ChoiceError.of(f"There is no cloud '{name}'.", did_you_mean(name, clouds))
    alone = [name for name in names if name in ALONE]
    if alone and len(names) > 1:
        hint = "Deploy the rest as an infrastructure of its own."
        raise ChoiceError.of(f"The cloud '{alone[0]}' cannot be used together with others.", hint)
    return names


def deployment(topology: Topology, choices: Choices, key_file: str) -> Deployment:
    """Return the topology with the user's images and sizes in place. Raises `ChoiceError`."""
    names = [group.node for group in topology.groups]
    for group in (*choices.images, *choices.sizes):
        if group != "*" and group not in names:
            raise ChoiceError.of(f"There is no host group '{group}'.", did_you_mean(group, names))
    for _number, group in choices.instances or ():
        if group not in names:
            raise ChoiceError.of(f"There is no host group '{group}'.", did_you_mean(group, names))
    groups = tuple(_chosen(group, choices) for group in topology.groups)
    groups, placement = place_groups(groups, choices.clouds)
    return Deployment(replace(topology, groups=groups), choices, key_file, placement)


def _chosen(group: HostGroup, choices: Choices) -> HostGroup:
    image = choices.images.get(group.node) or choices.images.get("*") or group.image
    size = choices.sizes.get(group.node) or choices.sizes.get("*")
    if isinstance(size, str):
        return replace(group, image=image, instance_type=size)
    if isinstance(size, dict):
        return replace(group, image=image, **_size(size))
    return replace(group, image=image)


def _size(size: dict[str, Any]) -> dict[str, Any]:
    unknown = set(size) - {"cpus", "memory"}
    if unknown:
        hint = "Give an instance type, or {cpus: 2, memory: 4 GiB}."
        raise ChoiceError.of(f"A size has no '{min(unknown)}'.", hint)
    try:
        found: dict[str, Any] = {}
        if "cpus" in size:
            found["cpus"] = float(size["cpus"])
        if "memory" in size:
            memory = size["memory"]
            found["memory"] = memory if isinstance(memory, int) else parse_size(memory)
        return found
    except (TypeError, ValueError) as error:
        raise ChoiceError.of(f"A size cannot be read: {error}.", "Write {cpus: 2, memory: 4 GiB}.") from None


def host_sizes(value: Any) -> dict[int, dict[str, Any]]:
    """Return the sizes of their own that hosts have in the list of all hosts, by number. Raises `ChoiceError`."""
    found: dict[int, dict[str, Any]] = {}
    try:
        items = _listed(value)
    except ChoiceError:
        return {}  # `_instances` says so
    for item in items if isinstance(items, (list, tuple)) else ():
        if isinstance(item, dict) and str(item.get("id")).isdigit():
            size = {name: item[name] for name in ("cpus", "memory") if item.get(name) is not None}
            kind = item.get("instance_type")
            found[int(item["id"])] = {**_size(size), **({"instance_type": str(kind)} if kind is not None else {})}
    return {number: size for number, size in found.items() if size}


def _listed(value: Any) -> Any:
    """Return a list that may be given as text."""
    if isinstance(value, str) and value:
        return read_given('{"list": ' + value + "}", "instances").get("list")
    return value


def _instances(value: Any) -> tuple[tuple[int, str], ...] | None:
    if value in (None, ""):
        return None
    hint = "Write [{id: 0, node: front}, {id: 1, node: wn, memory: 4 GiB}]."
    value = _listed(value)
    try:
        found = tuple((int(item["id"]), str(item["node"])) for item in value)
    except (KeyError, TypeError, ValueError):
        problem = "'instances' is not a list of {id, node}."
        raise ChoiceError.of(problem, hint) from None
    numbers = [number for number, _node in found]
    if len(set(numbers)) != len(numbers) or any(number < 0 for number in numbers):
        raise ChoiceError.of("The ids in 'instances' must be different whole numbers from 0 up.", hint)
    return found
