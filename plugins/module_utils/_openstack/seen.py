# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an infrastructure has on OpenStack."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._hosts.model import BROKEN, RUNNING, STOPPED, Host
from . import kinds
from .cloud import Cloud
from .kinds import Kind, Resource, is_ours, metadata_of, part_of, tags_of

_STATES = {
    "ACTIVE": RUNNING, "BUILD": RUNNING, "REBOOT": RUNNING, "HARD_REBOOT": RUNNING, "PASSWORD": RUNNING,
    "MIGRATING": RUNNING, "RESIZE": RUNNING, "VERIFY_RESIZE": RUNNING, "REVERT_RESIZE": RUNNING, "REBUILD": RUNNING,
    "RESCUE": RUNNING, "UNKNOWN": RUNNING,
    "SHUTOFF": STOPPED, "PAUSED": STOPPED, "SUSPENDED": STOPPED, "SHELVED": STOPPED, "SHELVED_OFFLOADED": STOPPED,
}  # fmt: skip
_GONE = ("DELETED", "SOFT_DELETED")


@dataclass(frozen=True)
class Seen:
    """All that the project sees, by the name of the kind, and whose it is."""

    infrastructure: str
    resources: Mapping[str, Sequence[Resource]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()

    def lacks(self, kind: Kind) -> bool:
        """Tell whether the site does not have a kind of resource at all."""
        return kind.name in self.missing

    def all(self, kind: Kind) -> list[Resource]:
        """Return everything of a kind that the project sees."""
        return list(self.resources.get(kind.name, []))

    def of(self, kind: Kind) -> list[Resource]:
        """Return what the infrastructure has of a kind."""
        return [item for item in self.all(kind) if is_ours(kind, item, self.infrastructure)]

    def parts(self, kind: Kind) -> dict[str, list[Resource]]:
        """Return what the infrastructure has of a kind by part, what is complete and in use first.

        There is more than one of a part after two lost answers, or when a killed run had asked for it just before.
        """
        found: dict[str, list[Resource]] = {}
        for item in sorted(self.of(kind), key=self._rank):
            found.setdefault(part_of(self.infrastructure, item), []).append(item)
        return found

    def part(self, kind: Kind, part: str) -> Resource | None:
        """Return a part of the infrastructure, the first of twins, None when it is not there."""
        return next(iter(self.parts(kind).get(part, [])), None)

    def spares(self, kind: Kind) -> dict[str, list[Resource]]:
        """Return what there is twice of a kind and nothing uses, by part. What people renamed is nobody's twin."""
        used = {port.get(word) for port in self.all(kinds.PORTS) for word in ("device_id", "network_id")}
        used |= {subnet.get("network_id") for subnet in self.all(kinds.SUBNETS)}

        def is_free(item: Resource) -> bool:
            return item["id"] not in used and not item.get("members")

        return {part: list(filter(is_free, items[1:])) for part, items in self.parts(kind).items() if part}

    def _rank(self, item: Resource) -> tuple[bool, bool, str, str]:
        """The order of twins: kinds with tags get ours once they are made; the others are in use or not."""
        unmarked = kinds.mark(self.infrastructure) not in (item.get("tags") or [])
        used = any(item.get(word) for word in ("members", "device_id", "attachments"))
        return unmarked, not used, str(item.get("created_at") or ""), str(item["id"])

    @property
    def hosts(self) -> list[Host]:
        """Return the hosts in the order of their numbers; those that are on their way out are broken."""
        found = [host for server in self.of(kinds.SERVERS) if (host := self._host(server)) is not None]
        return sorted(found, key=lambda host: (host.id, host.state == BROKEN))

    def without(self, hosts: Iterable[Host]) -> Seen:
        """Return what is left when some hosts go, with their ports, floating IPs and volumes."""
        going = list(hosts)
        servers, numbers = {host.cloud_id for host in going}, {str(host.id) for host in going}
        ports = {
            str(port["id"])
            for port in self.all(kinds.PORTS)
            if port.get("device_id") in servers or self._number_of(port) in numbers
        }

        def stays(kind: str, item: Resource) -> bool:
            if kind == kinds.VOLUMES.name:
                return not (
                    is_ours(kinds.VOLUMES, item, self.infrastructure)
                    and metadata_of(item).get(kinds.INSTANCE) in numbers
                )
            gone = {kinds.SERVERS.name: servers, kinds.PORTS.name: ports}.get(kind, set())
            return str(item.get("id")) not in gone and not (
                kind == kinds.FLOATING_IPS.name and item.get("port_id") in ports
            )

        left = {kind: [item for item in items if stays(kind, item)] for kind, items in self.resources.items()}
        return Seen(self.infrastructure, left, self.missing)

    def _number_of(self, port: Resource) -> str:
        """The number of the host that a port of ours was made for, "" for others."""
        words = part_of(self.infrastructure, port).split("-")
        return words[1] if words[0] == "port" and len(words) > 2 else ""

    @property
    def last(self) -> int:
        """Return the highest number ever used as far as the tags know, -1 for none."""
        return max([self.mark, *(host.id for host in self.hosts)])

    @property
    def mark(self) -> int:
        """Return the highest number that the security groups remember, -1 for none."""
        marks = [tags_of(group).get(kinds.LAST, "") for group in self.of(kinds.GROUPS)]
        return max([-1, *(int(mark) for mark in marks if mark.isdigit())])

    def ports_of(self, server: str, number: str) -> list[Resource]:
        """Return the ports of a host, also those that nova has not taken yet."""
        return [
            port
            for port in self.all(kinds.PORTS)
            if port.get("device_id") == server or (not port.get("device_id") and self._number_of(port) == number)
        ]

    def floating_ip_of(self, ports: Iterable[Resource]) -> Resource | None:
        """Return the first floating IP that leads to one of some ports."""
        ids = {port["id"] for port in ports}
        return next((item for item in self.all(kinds.FLOATING_IPS) if item.get("port_id") in ids), None)

    def volumes_of(self, number: int) -> dict[str, Resource]:
        """Return the volumes that were made for a host, by their names in the template."""
        found: dict[str, Resource] = {}
        for item in sorted(self.of(kinds.VOLUMES), key=self._rank):
            metadata = metadata_of(item)
            if metadata.get(kinds.INSTANCE) == str(number) and not str(item["status"]).startswith("delet"):
                found.setdefault(metadata.get(kinds.VOLUME, ""), item)
        return found

    def _host(self, server: Resource) -> Host | None:
        metadata = metadata_of(server)
        number = metadata.get(kinds.INSTANCE, "")
        if not number.isdigit() or server["status"] in _GONE:
            return None
        facts = self._facts(server, metadata)
        return Host(
            int(number), metadata.get(kinds.NODE, ""), str(server["name"]), str(server["id"]), state_of(server), facts
        )

    def _facts(self, server: Resource, metadata: Mapping[str, str]) -> dict[str, Any]:
        fqdn = metadata.get(kinds.FQDN) or str(server["name"])
        cpus, _slash, memory = metadata.get(kinds.HAS, "").partition("/")
        ports = self._ordered(server, metadata)
        public, private = self._addresses(server, metadata, ports)
        return {
            "hostname": fqdn.partition(".")[0],
            "fqdn": fqdn,
            "user": metadata.get(kinds.USER, "root"),
            "public_ip": public,
            "private_ip": private,
            "cpus": float(cpus) if cpus else 1,
            "memory": int(memory) if memory.isdigit() else 0,
            "disks": self._disks(metadata),
            "status": str(server["status"]),
            "task": str(server.get("OS-EXT-STS:task_state") or ""),
            "flavor": str((server.get("flavor") or {}).get("id", "")),
            "instance_type": metadata.get(kinds.FLAVOR, ""),
            "size": metadata.get(kinds.SIZE, ""),
            "key": metadata.get(kinds.KEY, ""),
            "port_ids": [str(port["id"]) for port in ports],
            "attached": [str(item["id"]) for item in server.get("os-extended-volumes:volumes_attached") or []],
        }

    def _ordered(self, server: Resource, metadata: Mapping[str, str]) -> list[Resource]:
        """The ports of a server in the order of its interfaces."""
        names = metadata.get(kinds.NETWORKS, "").split(",")
        places = {f"port-{metadata.get(kinds.INSTANCE)}-{name}": place for place, name in enumerate(names)}
        ports = self.ports_of(str(server["id"]), metadata.get(kinds.INSTANCE, ""))
        return sorted(ports, key=lambda port: (places.get(part_of(self.infrastructure, port), 99), str(port["id"])))

    def _addresses(
        self, server: Resource, metadata: Mapping[str, str], ports: Sequence[Resource]
    ) -> tuple[str | None, str | None]:
        """The public and the private address of a server."""
        floating = self.floating_ip_of(ports)
        public = str(floating["floating_ip_address"]) if floating else None
        outside = f"port-{metadata.get(kinds.INSTANCE)}-{metadata.get(kinds.PUBLIC, '')}"
        fixed = {part_of(self.infrastructure, port): address for port in ports if (address := fixed_address(port))}
        public = public or fixed.get(outside)
        inside = [address for part, address in fixed.items() if part != outside or not metadata.get(kinds.PUBLIC)]
        private = next(iter([*inside, *fixed.values(), *_told(server)]), None)
        return public, private

    def _disks(self, metadata: Mapping[str, str]) -> list[dict[str, Any]]:
        """The disks to mount, by the names that udev makes of the volume's id under KVM and under VMware."""
        volumes = {str(item["id"]): item for item in self.all(kinds.VOLUMES)}
        found = []
        for key in sorted((key for key in metadata if key.startswith(kinds.DISK)), key=_number):
            name, mount, fs_type, volume = metadata[key].split("|")
            paths = disk_paths(volume)
            attached = volumes.get(volume, {}).get("attachments") or []
            paths += [str(item["device"]) for item in attached if item.get("device")]
            if mount or fs_type == "swap":
                found.append({"name": name, "paths": paths, "mount": mount, "fs_type": fs_type})
        return found


def observe(cloud: Cloud, infrastructure: str, wanted: Iterable[Kind] = kinds.ALL, whole: bool = False) -> Seen:
    """Return what the project sees: one list a kind, all at the same time. Raises HostsError.

    Servers of others are left out, unless the `whole` project is wanted.
    """
    some = list(wanted)

    def look(kind: Kind) -> list[Resource] | None:
        if kind is kinds.SERVERS and not whole:
            return cloud.all(kind, kinds.narrow(kind, infrastructure))
        if kind is not kinds.KEYS:
            return cloud.all(kind)
        pair = cloud.key(infrastructure)
        return [pair] if pair else []

    found = dict(zip((kind.name for kind in some), cloud.each(look, some), strict=True))
    missing = frozenset(name for name, items in found.items() if items is None)
    if kinds.SERVERS in some and not whole and _hides_servers(found, infrastructure):
        found[kinds.SERVERS.name] = cloud.all(kinds.SERVERS)
    return Seen(infrastructure, {name: items or [] for name, items in found.items()}, missing)


def _hides_servers(found: Mapping[str, Sequence[Resource] | None], infrastructure: str) -> bool:
    """Tell whether ports of ours are at servers that were not found: somebody may have renamed them."""
    servers = {"", *(str(item["id"]) for item in found[kinds.SERVERS.name] or [])}
    ports = found.get(kinds.PORTS.name) or []
    return any(
        part_of(infrastructure, port).startswith("port-") and str(port.get("device_id") or "") not in servers
        for port in ports
    )


def state_of(server: Resource) -> str:
    """Return the state of a server in the words of the contract.

    One that failed before it ever ran is broken: it holds nothing, another one takes its place. One that ran before is
    taken for stopped: its disks are kept, and starting it is tried.
    """
    status = str(server["status"])
    if str(server.get("OS-EXT-STS:task_state") or "") in ("deleting", "soft-deleting") or status in _GONE:
        return BROKEN
    if status == "ERROR":
        return STOPPED if server.get("OS-SRV-USG:launched_at") else BROKEN
    return _STATES.get(status, RUNNING)


def fixed_address(port: Resource) -> str | None:
    """Return the address of a port, that of IPv4 before others."""
    found = [str(item["ip_address"]) for item in port.get("fixed_ips") or []]
    return next(iter(sorted(found, key=lambda text: ipaddress.ip_address(text).version)), None)


def disk_paths(volume: str) -> list[str]:
    """Return the names by which a host may see a volume."""
    start = "/dev/disk/by-id/"
    return [
        f"{start}virtio-{volume[:20]}",
        f"{start}scsi-0QEMU_QEMU_HARDDISK_{volume}",
        f"{start}scsi-0QEMU_QEMU_HARDDISK_{volume[:20]}",
        f"{start}wwn-0x{volume.replace('-', '')}",
    ]


def _told(server: Resource) -> list[str]:
    """The fixed addresses that nova itself tells, where its ports are not seen."""
    entries = [entry for network in (server.get("addresses") or {}).values() for entry in network]
    return [str(entry["addr"]) for entry in entries if entry.get("OS-EXT-IPS:type", "fixed") == "fixed"]


def _number(key: str) -> int:
    text = key.removeprefix(kinds.DISK)
    return int(text) if text.isdigit() else 0
