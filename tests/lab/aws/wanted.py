# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there should be on this machine, read from moto's memory in one go: plain data."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from . import account
from .clock import LOCK
from .settings import Settings

UP, DOWN, GONE = "up", "down", "gone"
_WANTED = {"pending": UP, "running": UP, "stopping": DOWN, "stopped": DOWN}


@dataclass(frozen=True)
class Port:
    """A network interface of a host. `outside` is the address it has for the world, `open` whether that leads to it,
    `direct` whether the interface itself has it. `space` is the network it is in, where that is not the host's.
    """

    interface: str
    index: int
    address: str
    subnet: str
    mac: str
    groups: tuple[str, ...]
    outside: str = ""
    open: bool = False
    direct: bool = False
    space: str = ""

    @property
    def gateway(self) -> str:
        """Return the address of the router of the subnet."""
        return str(ipaddress.ip_network(self.subnet)[1])


@dataclass(frozen=True)
class Disk:
    """A volume that is attached to a host."""

    volume: str
    device: str


@dataclass(frozen=True)
class Host:
    """An instance that should be a host."""

    id: str
    vpc: str
    want: str
    name: str
    user: str
    image: str
    key: str
    user_data: str
    reboots: int
    ports: tuple[Port, ...]
    disks: tuple[Disk, ...]


@dataclass(frozen=True)
class Rule:
    """A rule of a security group: what may pass, from or to networks and groups."""

    protocol: str
    first: int
    last: int
    networks: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """A security group."""

    id: str
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


@dataclass
class Wanted:
    """All of it. `volumes` are sizes in GiB and the snapshot they come from, `snapshots` the volumes they are of."""

    hosts: dict[str, Host] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    volumes: dict[str, tuple[int, str]] = field(default_factory=dict)
    snapshots: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    outside: dict[str, set[str]] = field(default_factory=dict)


def read(settings: Settings) -> Wanted:
    """Return what there should be now."""
    result = Wanted()
    with LOCK:
        for region in account.known_regions():
            backend = account.ec2(region)
            for instance in account.instances(backend).values():
                if instance.state in _WANTED:
                    result.hosts[instance.id] = _host(instance, settings)
            if not result.hosts and not backend.volumes:
                continue
            result.groups.update({key: _group(item) for key, item in account.groups(backend).items()})
            result.volumes.update(
                {key: (int(item.size), item.snapshot_id or "") for key, item in backend.volumes.items()}
            )
            own = [item for item in backend.snapshots.values() if not item.from_ami]
            result.snapshots.update({item.id: item.volume.id for item in own})
            images = [item for item in backend.amis.values() if getattr(item, "lab_source", "")]
            result.images.update({item.id: item.lab_source for item in images})
            _nat_addresses(backend, result)
    return result


def _host(instance: Any, settings: Settings) -> Host:
    image = instance.ec2_backend.amis.get(instance.image_id)
    boots = settings.boot and time.monotonic() - instance.lab_since >= settings.boot_seconds
    attached = [(name, block.volume_id) for name, block in instance.get_block_device_mapping]
    return Host(
        id=instance.id,
        vpc=instance.vpc_id,
        want=_WANTED[instance.state] if boots else DOWN,
        name=instance.private_dns_name.split(".")[0],
        user="ubuntu" if image is not None and "ubuntu" in str(image.name) else "admin",
        image=instance.image_id if getattr(image, "lab_source", "") else "",
        key=account.public_key(instance),
        user_data=str(instance.user_data or ""),
        reboots=getattr(instance, "lab_reboots", 0),
        ports=tuple(_port(number, item) for number, item in sorted(instance.nics.items())),
        disks=tuple(Disk(volume, name) for name, volume in attached if name != instance.root_device_name),
    )


def _port(number: int, interface: Any) -> Port:
    backend = interface.ec2_backend
    kind, gateway = account.default_route(backend, interface.subnet)
    outside, is_open = "", False
    if kind == "internet" and interface.public_ip:
        outside, is_open = interface.public_ip, True
    elif kind == "nat":
        outside = _nat_public(backend, gateway)
    return Port(
        interface=interface.id,
        index=number,
        address=interface.private_ip_address,
        subnet=interface.subnet.cidr_block,
        mac=interface.mac_address,
        groups=tuple(sorted(item.id for item in interface._group_set)),
        outside=outside,
        open=is_open,
    )


def _nat_public(backend: Any, gateway: Any) -> str:
    subnet = account.subnets(backend).get(gateway.subnet_id)
    leads = subnet is not None and account.default_route(backend, subnet)[0] == "internet"
    return str(gateway._eni.public_ip or "") if leads else ""


def _nat_addresses(backend: Any, result: Wanted) -> None:
    for gateway in backend.nat_gateways.values():
        address = _nat_public(backend, gateway) if gateway.state == "available" else ""
        if address:
            result.outside.setdefault(gateway.vpc_id, set()).add(address)


def _group(group: Any) -> Group:
    return Group(group.id, tuple(_rules(group.ingress_rules)), tuple(_rules(group.egress_rules)))


def _rules(rules: Iterable[Any]) -> Iterable[Rule]:
    for rule in list(rules):
        network = (rule.ip_range or {}).get("CidrIp")
        group = (rule.source_group or {}).get("GroupId")
        yield Rule(
            protocol=str(rule.ip_protocol),
            first=int(rule.from_port) if rule.from_port not in (None, "") else -1,
            last=int(rule.to_port) if rule.to_port not in (None, "") else -1,
            networks=(network,) if network else (),
            groups=(group,) if group else (),
        )
