# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that stay (Elastic IPs) and public names (Route 53) of hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from .._hosts.model import Group, Host, HostsError
from . import kinds
from .changes import Changes
from .cloud import Cloud
from .errors import code_of
from .kinds import Resource, as_tags, tag_specifications, tags_of
from .request import Request
from .seen import Seen

_TTL = 60
_TAG_SIZE = 250
_MOST_NAMES = 20


def wants_address(request: Request, group: Group) -> bool:
    """Tell whether hosts of a group get an address that stays."""
    return group.public and (request.elastic_ips or bool(names_of(group)))


def names_of(group: Group) -> list[str]:
    """Return the public names of a group as DNS has them: `host@domain.tld` is split at the @ by the zone."""
    return [name.replace("@", ".").rstrip(".").lower() for name in group.dns_names if name]


class Zones:
    """The hosted zones of the account."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._zones: dict[str, str] | None = None

    def zone_of(self, name: str) -> str:
        """Return the id of the public zone that a name lies in, the most special one. Raises HostsError."""
        labels = name.split(".")
        for start in range(1, len(labels)):
            zone = self._all().get(".".join(labels[start:]))
            if zone:
                return zone
        raise HostsError(
            f"Route 53 has no hosted zone for {name}.", "make one in the account, or leave out the public name."
        )

    def change(self, action: str, name: str, address: str) -> None:
        """Make (UPSERT) or remove (DELETE) the record of a name; one that is not there, or leads elsewhere, is left."""
        record = {"Name": name, "Type": "A", "TTL": _TTL, "ResourceRecords": [{"Value": address}]}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        try:
            self._cloud.call(
                "change_resource_record_sets", "route53", HostedZoneId=self.zone_of(name), ChangeBatch=batch
            )
        except HostsError as error:
            if action != "DELETE" or code_of(error) not in ("InvalidChangeBatch", "NoSuchHostedZone", ""):
                raise

    def _all(self) -> Mapping[str, str]:
        if self._zones is None:
            self._zones = {}
            arguments: dict[str, Any] = {}
            while True:
                answer = self._cloud.call("list_hosted_zones", "route53", **arguments)
                for item in answer["HostedZones"]:
                    if not item.get("Config", {}).get("PrivateZone"):
                        self._zones[str(item["Name"]).rstrip(".").lower()] = str(item["Id"])
                if not answer.get("IsTruncated"):
                    break
                arguments = {"Marker": answer["NextMarker"]}
        return self._zones


class Addresses:
    """The addresses of hosts that stay, with the names that lead to them."""

    def __init__(self, cloud: Cloud, request: Request, seen: Seen, changes: Changes) -> None:
        self._cloud, self._request, self._seen, self._changes = cloud, request, seen, changes
        self._zones = Zones(cloud)

    def check(self) -> None:
        """Raise HostsError for a public name without a zone, or one that several hosts would have."""
        for group in self._request.groups:
            names = names_of(group) if group.public and group.count else []
            if names and group.count > 1:
                raise HostsError(f"Group {group.node} has {group.count} hosts, the name {names[0]} leads to one only.")
            if len(names) > _MOST_NAMES or any(len(name) > _TAG_SIZE for name in names):
                raise HostsError(f"Group {group.node} has more public names, or longer ones, than can be remembered.")
            for name in names:
                self._zones.zone_of(name)

    def build(self, hosts: Iterable[Host]) -> None:
        """Give hosts that shall have one an address and names, take back what nobody has. Raises HostsError."""
        wanted = {}
        for host in hosts:
            group = self._request.group(host.node)
            if wants_address(self._request, group):
                wanted[f"address/{host.id}"] = (host, names_of(group))
        there = self._seen.parts(kinds.ADDRESSES)
        for part, items in there.items():
            if part != "address/nat":
                for item in items[1 if part in wanted else 0 :]:
                    self._release(item)
        for part, (host, names) in wanted.items():
            self._give(part, host, names, there.get(part, [None])[0])

    def _give(self, part: str, host: Host, names: list[str], there: Resource | None) -> None:
        """The address of one host; every name is remembered by a tag before its record is made."""
        line = f"address that stays, of {host.name}"
        known = remembered(there) if there is not None else []
        for name in names:
            if name in known:
                self._changes.keep(f"name {name}: {host.name}")
            else:
                self._changes.add(f"name {name}: {host.name}", lambda: None)
        if there is None:
            there = self._changes.add(line, lambda: self._allocate(part, host, names))
        else:
            self._changes.keep(line)
            for name in known:
                if name not in names:
                    drop = partial(self._zones.change, "DELETE", name, str(there["PublicIp"]))
                    self._changes.remove(f"name {name}: {host.name}", drop)
        if there is None:
            return
        if there.get("InstanceId") != host.cloud_id and host.cloud_id:
            join = {"AllocationId": there["AllocationId"], "InstanceId": host.cloud_id}
            self._changes.do(partial(self._cloud.call, "associate_address", **join))
        if tags_of(there).get(kinds.LED, "") != " ".join(names)[:_TAG_SIZE]:
            self._changes.do(partial(self._lead, there, names))

    def _allocate(self, part: str, host: Host, names: list[str]) -> Resource:
        tags = {
            kinds.INFRASTRUCTURE: self._request.infrastructure,
            kinds.PART: part,
            "Name": host.name,
            # Written before the records are made: what is made is remembered.
            **{f"{kinds.DNS}{number}": name for number, name in enumerate(names)},
        }

        def look() -> Resource | None:
            found = self._cloud.tagged(kinds.ADDRESSES, self._request.infrastructure, **{kinds.PART: part})
            return next(iter(found), None)

        specifications = tag_specifications(["elastic-ip"], tags)
        return self._cloud.create("allocate_address", "", look, Domain="vpc", TagSpecifications=specifications)

    def _lead(self, address: Resource, names: list[str]) -> None:
        """Make the records of the names; a run that is killed before the last tag is written does it again."""
        count = max(len(names), len(remembered(address)))
        tags = {f"{kinds.DNS}{number}": (names + [""] * count)[number] for number in range(count)}
        self._tag(address, tags)
        for name in names:
            self._zones.change("UPSERT", name, str(address["PublicIp"]))
        self._tag(address, {kinds.LED: " ".join(names)[:_TAG_SIZE]})

    def _tag(self, address: Resource, tags: Mapping[str, str]) -> None:
        self._cloud.call("create_tags", Resources=[address["AllocationId"]], Tags=as_tags(tags))

    def _release(self, item: Resource) -> None:
        for name in remembered(item):
            self._changes.remove(f"name {name}: {tags_of(item).get('Name', '')}", lambda: None)
        line = f"address that stays, of {tags_of(item).get('Name', '')}"
        self._changes.remove(line, lambda: release(self._cloud, item, self._zones))


def remembered(address: Resource) -> list[str]:
    """Return the names that lead to an address."""
    return [value for key, value in sorted(tags_of(address).items()) if key.startswith(kinds.DNS) and value]


def release(cloud: Cloud, address: Resource, zones: Zones | None = None) -> None:
    """Give an address back, after the names that lead to it. Raises HostsError."""
    known = zones or Zones(cloud)
    for name in remembered(address):
        known.change("DELETE", name, str(address["PublicIp"]))
    if address.get("AssociationId"):
        cloud.remove("disassociate_address", ("InvalidAssociationID.NotFound",), AssociationId=address["AssociationId"])
    cloud.remove(kinds.ADDRESSES.delete, kinds.ADDRESSES.missing, AllocationId=address["AllocationId"])
