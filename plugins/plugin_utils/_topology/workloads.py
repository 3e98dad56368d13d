# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs without hosts: containers on Kubernetes and functions (profile, sections 1.11 and 1.12)."""

from __future__ import annotations

import os
import re
from typing import Any

from .._parse.model import Node
from .._parse.resolver import Resolver
from .._parse.units import parse_size
from .galaxy import artifacts_of
from .model import Function, Port, Workload
from .ports import read_ports
from .recipes import reference_of

APPLICATION = "tosca.nodes.Container.Application"
RUNTIME = "tosca.nodes.Container.Runtime"
FUNCTION = "tosca.nodes.aisprint.FaaS.Function"
PLAIN_FUNCTION = "continuum.nodes.Function"
_IMAGE = "tosca.artifacts.Deployment.Image"
_FILE = "tosca.artifacts.File"
Placements = dict[str, dict[str, str]]


def read_workloads(resolver: Resolver, levels: dict[str, int], placements: Placements) -> tuple[Workload, ...]:
    """Return the containers that run in a Kubernetes cloud: those on a runtime that is on no Compute."""
    found = []
    for node in resolver.nodes.values():
        if not resolver.library.derives("node_types", node.type, APPLICATION) or resolver.host_of(node) is not None:
            continue
        runtime = resolver.next_host(node)
        if runtime is not None and resolver.library.derives("node_types", runtime.type, RUNTIME):
            found.append(_workload(resolver, node, runtime, levels[node.name], placements))
    return tuple(found)


def read_functions(resolver: Resolver, levels: dict[str, int], placements: Placements) -> tuple[Function, ...]:
    """Return the functions of the template."""
    found = []
    for node in resolver.nodes.values():
        plain = resolver.library.derives("node_types", node.type, PLAIN_FUNCTION)
        if not plain and not resolver.library.derives("node_types", node.type, FUNCTION):
            continue
        host = resolver.host_of(node)
        position = resolver.document.at_key(*node.path)
        schema = resolver.library.merged("node_types", node.type, "properties")
        properties = {name: resolver.property_of(node, name) for name in schema}
        key = "memory_size" if plain else "memory"
        memory = _size(resolver, node, properties.get(key), (*node.path, "properties", key))
        found.append(
            Function(
                node=node.name,
                count=_zero_or_one(resolver, node, node),
                level=levels[node.name],
                group=host.name if host is not None else "",
                memory=memory,
                properties={name: value for name, value in properties.items() if value is not None},
                cloud_id=placements.get(node.name, {}).get("cloud_id", ""),
                plain=plain,
                root="" if "://" in position.file else os.path.dirname(os.path.abspath(position.file)),
                position=position,
            )
        )
    return tuple(found)


def _workload(resolver: Resolver, node: Node, runtime: Node, level: int, placements: Placements) -> Workload:
    host = resolver.capability_of(runtime, "host")
    path = (*runtime.path, "capabilities", "host", "properties")
    environment = resolver.property_of(node, "environment")
    command = resolver.property_of(node, "command")
    published = host.get("publish_ports") or []
    return Workload(
        node=node.name,
        image=_image(resolver, node),
        count=_zero_or_one(resolver, node, runtime),
        level=level,
        cpus=_number(host.get("num_cpus")),
        memory=_size(resolver, runtime, host.get("mem_size"), (*path, "mem_size")),
        num_gpus=int(_number(host.get("num_gpus"))),
        command=tuple(str(word) for word in command) if isinstance(command, list) else (),
        environment=environment if isinstance(environment, dict) else {},
        ports=_ports(resolver, published, (*path, "publish_ports")),
        exposed=_ports(resolver, host.get("expose_ports") or [], (*path, "expose_ports")),
        dns_name=_dns_name(published),
        volumes=_volumes(resolver, runtime, host.get("volumes") or []),
        files=_files(resolver, node),
        namespace=str((resolver.document.data.get("metadata") or {}).get("namespace") or ""),
        cloud_id=placements.get(node.name, {}).get("cloud_id", ""),
    )


def _image(resolver: Resolver, node: Node) -> str:
    """The image artifact; an address of a registry loses its scheme."""
    for name, artifact in node.artifacts.items():
        if _is_artifact(resolver, artifact, _IMAGE):
            file = resolver.value(artifact.get("file"), node.name, (*node.path, "artifacts", name, "file"))
            return re.sub(r"^[a-z+]+://", "", reference_of(resolver, {**artifact, "file": file}))
    message = f"Container '{node.name}' has no image."
    hint = "Add an artifact of type tosca.artifacts.Deployment.Image.Container.Docker."
    resolver.problems.add("missing-value", message, resolver.document.at_key(*node.path), hint)
    return ""


def _files(resolver: Resolver, node: Node) -> tuple[dict[str, Any], ...]:
    """Files of the container: their content stands in the template, or is fetched."""
    found = []
    for name, artifact in artifacts_of(resolver, node).items():
        if not _is_artifact(resolver, artifact, _FILE) or not artifact.get("deploy_path"):
            continue
        path = (*node.path, "artifacts", name)
        properties = artifact.get("properties") if isinstance(artifact.get("properties"), dict) else {}
        content = resolver.value(properties.get("content"), node.name, (*path, "properties", "content"))
        target = resolver.value(artifact["deploy_path"], node.name, (*path, "deploy_path"))
        reference = "" if content is not None else reference_of(resolver, artifact)
        found.append({"path": str(target), "content": content, "reference": reference})
    return tuple(found)


def _volumes(resolver: Resolver, runtime: Node, wanted: Any) -> tuple[dict[str, Any], ...]:
    """`<BlockStorage node>:<mount path>`; an unknown name gives a volume without a size."""
    found = []
    for index, text in enumerate(wanted if isinstance(wanted, list) else []):
        name, _colon, mount = str(text).partition(":")
        path = (*runtime.path, "capabilities", "host", "properties", "volumes", index)
        if not mount.startswith("/"):
            hint = "Write 'name-of-a-block-storage:/path'."
            message = f"'{text}' is not a volume of a container."
            resolver.problems.add("bad-type", message, resolver.document.at(*path), hint)
            continue
        disk = resolver.nodes.get(name)
        size = resolver.property_of(disk, "size") if disk else None
        volume_id = resolver.property_of(disk, "volume_id") if disk else None
        bytes_ = _size(resolver, disk, size, (*disk.path, "properties", "size")) if disk else 0
        found.append({"name": name, "mount": mount, "size": bytes_, "volume_id": str(volume_id or "")})
    return tuple(found)


def _ports(resolver: Resolver, ports: Any, path: tuple[Any, ...]) -> tuple[Port, ...]:
    return tuple(read_ports({"ports": ports}, resolver.document, path[:-1], resolver.problems))


def _dns_name(published: Any) -> str:
    first = published[0] if isinstance(published, list) and published else None
    return str(first.get("endpoint") or "") if isinstance(first, dict) else ""


def _zero_or_one(resolver: Resolver, node: Node, scaled: Node) -> int:
    scalable = resolver.capability_of(scaled, "scalable")
    found = [scalable[name] for name in ("count", "default_instances") if scalable.get(name) is not None]
    count = found[0] if found else 1
    if str(count) in ("0", "1"):
        return int(count)
    position = resolver.document.at(*scaled.path, "capabilities", "scalable", "properties", "count")
    message = f"'{node.name}' can be there once or not at all, not {count} times."
    resolver.problems.add("bad-type", message, position, "Write 'count: 1', and more node templates for more.")
    return 1


def _is_artifact(resolver: Resolver, artifact: Any, kind: str) -> bool:
    if not isinstance(artifact, dict):
        return False
    full = resolver.library.resolve("artifact_types", artifact.get("type"))
    return resolver.library.derives("artifact_types", full, kind)


def _size(resolver: Resolver, node: Node, raw: Any, path: tuple[Any, ...]) -> int:
    """Sizes of containers may be written as Kubernetes writes them (`512Mi`, `1G`): a missing B is added."""
    if raw in (None, "", 0):
        return 0
    text = str(raw) if str(raw).upper().endswith("B") else f"{raw}B"
    try:
        return parse_size(text)
    except ValueError:
        message = f"'{path[-1]}' of node '{node.name}': '{raw}' is not a size."
        resolver.problems.add("bad-size", message, resolver.document.at(*path), "Write for example '512 MiB'.")
        return 0


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return 0.0  # noted when the properties were checked
