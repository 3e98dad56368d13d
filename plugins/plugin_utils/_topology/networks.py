# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: those that are nodes of the template, and those that follow from the hosts (sections 1.2, 1.3)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from .._parse.attributes import PORT
from .._parse.model import Node
from .._parse.resolver import Resolver
from .._parse.secret import Secret
from .model import Network, Proxy

NETWORK = "tosca.nodes.network.Network"


@dataclass
class Interfaces:
    """What the Port nodes of a Compute say: its networks in their order, fixed and further addresses, names."""

    networks: list[Node] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    additional_ips: list[str] = field(default_factory=list)
    dns_name: str = ""
    dns_names: list[str] = field(default_factory=list)


def read_networks(resolver: Resolver) -> dict[str, Network]:
    """Return the networks that are nodes of the template, by name."""
    return {
        node.name: _network(resolver, node)
        for node in resolver.nodes.values()
        if resolver.library.derives("node_types", node.type, NETWORK)
    }


def read_interfaces(resolver: Resolver) -> dict[str, Interfaces]:
    """Return what the Port nodes say, by the name of the Compute that they are bound to."""
    found: dict[str, list[tuple[int, Node, Node | None]]] = {}
    for node in resolver.nodes.values():
        if not resolver.library.derives("node_types", node.type, PORT):
            continue
        targets = {requirement.name: resolver.nodes[requirement.target] for requirement in node.requirements}
        if "binding" not in targets or "link" not in targets:
            continue  # noted when the requirements were read
        order = resolver.property_of(node, "order")
        number = int(order) if isinstance(order, int) or str(order).isdigit() else 0
        found.setdefault(targets["binding"].name, []).append((number, node, targets["link"]))
    return {host: _interfaces(resolver, ports) for host, ports in found.items()}


def is_public_network(resolver: Resolver, network: Node) -> bool:
    """True for `network_type: public`, however it is written."""
    return _text(resolver.property_of(network, "network_type")).lower() == "public"


def implied_networks(used: dict[str, str]) -> list[Network]:
    """Return the networks of hosts without Port nodes: name -> id in the cloud ("" for none)."""
    return [
        Network(name, public=name == "public", provider_id=used[name] or None)
        for name in ("private", "public")
        if name in used
    ]


def split_network_name(text: str) -> tuple[bool, str, str]:
    """Return public or not, the id of the private network and that of the public one (section 1.2)."""
    if text in ("", "PRIVATE"):
        return False, "", ""
    if text == "PUBLIC":
        return True, "", ""
    if text.endswith(".PUBLIC"):
        return True, "", text.removesuffix(".PUBLIC")
    if text.endswith(".PRIVATE"):
        return False, text.removesuffix(".PRIVATE"), ""
    private, comma, pool = text.partition(",")
    return bool(comma), private.strip(), pool.strip()


def _interfaces(resolver: Resolver, ports: list[tuple[int, Node, Node | None]]) -> Interfaces:
    result = Interfaces()
    for _order, port, network in sorted(ports, key=lambda item: item[0]):
        if network is None:
            continue
        result.networks.append(network)
        address = _text(resolver.property_of(port, "ip_address"))
        if address and _is_address(resolver, port, address):
            result.addresses[network.name] = address
        additional = _text(resolver.property_of(port, "additional_ip"))
        result.additional_ips += [additional] if additional else []
        result.dns_name = result.dns_name or _text(resolver.property_of(port, "dns_name"))
        names = resolver.property_of(port, "additional_dns_names")
        result.dns_names += [str(name) for name in names if name] if isinstance(names, list) else []
    return result


def _network(resolver: Resolver, node: Node) -> Network:
    cidr = _text(resolver.property_of(node, "cidr"))
    if cidr:
        try:
            cidr = str(ipaddress.ip_network(cidr, strict=False))
        except ValueError:
            _note(resolver, node, "cidr", f"'{cidr}' is not a network such as 10.0.0.0/24")
            cidr = ""
    return Network(
        name=node.name,
        public=is_public_network(resolver, node),
        cidr=cidr or None,
        provider_id=_text(resolver.property_of(node, "network_name")) or None,
        gateway=_text(resolver.property_of(node, "gateway_ip")),
        proxy=_proxy(resolver, node),
    )


def _proxy(resolver: Resolver, node: Node) -> Proxy | None:
    host = _text(resolver.property_of(node, "proxy_host"))
    if not host:
        return None
    credential = resolver.property_of(node, "proxy_credential")
    credential = credential if isinstance(credential, dict) else {}
    if not credential.get("user") or not credential.get("token"):
        _note(resolver, node, "proxy_credential", "a proxy needs a user and a token (password or private key)")
        return None
    token = credential["token"]
    secret = token if isinstance(token, Secret) else Secret.of(str(token), f"{node.name}_proxy_token")
    return Proxy(host, _text(credential["user"]), _text(credential.get("token_type")) or "password", secret)


def _is_address(resolver: Resolver, port: Node, address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        _note(resolver, port, "ip_address", f"'{address}' is not an IP address")
        return False
    return True


def _note(resolver: Resolver, node: Node, name: str, problem: str) -> None:
    position = resolver.document.at(*node.path, "properties", name)
    resolver.problems.add("bad-type", f"'{name}' of node '{node.name}': {problem}.", position)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
