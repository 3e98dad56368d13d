# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VPC of an infrastructure: found or made, with subnets, gateways and routes."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from .._hosts.model import HostsError, Network
from . import kinds, layout
from .changes import Changes
from .cloud import Cloud
from .errors import RefusedError
from .kinds import Kind, Resource, tag_specifications
from .layout import Place
from .request import Request
from .seen import Seen

PLANNED = "(planned)"
_ANYWHERE = "0.0.0.0/0"
_TYPES = {
    kinds.VPCS: "vpc", kinds.SUBNETS: "subnet", kinds.GATEWAYS: "internet-gateway", kinds.TABLES: "route-table",
    kinds.ADDRESSES: "elastic-ip", kinds.NAT_GATEWAYS: "natgateway", kinds.GROUPS: "security-group",
}  # fmt: skip


@dataclass(frozen=True)
class Subnet:
    """A subnet that hosts are put in; the id of one that is only planned is PLANNED."""

    id: str
    block: ipaddress.IPv4Network
    zone: str


class Builder:
    """Makes parts of the layout that are missing. What is there is told as kept."""

    def __init__(self, cloud: Cloud, seen: Seen, changes: Changes) -> None:
        self.cloud, self.seen, self.changes = cloud, seen, changes

    def found(self, kind: Kind, part: str) -> Resource | None:
        """Return the resource that is a part of the layout, the first of twins."""
        return next(iter(self.seen.parts(kind).get(part, [])), None)

    def make(self, kind: Kind, part: str, line: str, action: str, result: str, **arguments: object) -> Resource:
        """Return the part of the layout, made when it is missing; `{}` in check mode."""
        found = self.found(kind, part)
        if found is not None:
            self.changes.keep(line)
            return found
        tags = {
            kinds.INFRASTRUCTURE: self.seen.infrastructure,
            kinds.PART: part,
            "Name": f"{self.seen.infrastructure} {part}"[:255],
        }

        def look() -> Resource | None:
            return next(iter(self.cloud.tagged(kind, self.seen.infrastructure, **{kinds.PART: part})), None)

        def create() -> Resource:
            specifications = tag_specifications([_TYPES[kind]], tags)
            return self.cloud.create(action, result, look, TagSpecifications=specifications, **arguments)

        return self.changes.add(line, create) or {}


class Networks:
    """The networks of an infrastructure as EC2 has them."""

    def __init__(self, builder: Builder, request: Request, zone: str) -> None:
        self._builder, self._request, self._zone = builder, request, zone
        self._cloud, self._changes = builder.cloud, builder.changes
        self._existing = layout.existing(request)
        self._own = not (self._existing.vpc or self._existing.subnets)
        self.vpc = PLANNED
        self.subnets: dict[Place, Subnet] = {}
        self._blocks: list[ipaddress.IPv4Network] = []
        self._all: list[Resource] = []

    def build(self) -> None:
        """Find or make VPC, subnets and the way out of public ones. Raises HostsError."""
        wanted = layout.places(self._request)
        named = self._named_subnets()
        vpc = self._vpc(named)
        self.vpc = str(vpc.get("VpcId", PLANNED))
        self._blocks = [ipaddress.IPv4Network(entry["CidrBlock"]) for entry in vpc.get("CidrBlockAssociationSet") or []]
        self._blocks = self._blocks or [layout.vpc_block(self._request.networks)]
        if self.vpc != PLANNED:
            self._all = self._cloud.there(kinds.SUBNETS, {"vpc-id": [self.vpc]})
        for place in wanted:
            self.subnets[place] = self._subnet(place, named)
        made = [place for place in wanted if place.network.name not in named]
        outside = [self.subnets[place] for place in made if place.public]
        if self._nat_places(made) and not any(place.public for place in wanted):
            outside.append(self._subnet(self._nat_place(), {}))
        if outside:
            self._routes("routes/public", {"GatewayId": self._gateway()}, outside)

    def way_out(self) -> None:
        """Give private hosts a way out by a NAT gateway, once their subnets are there. Raises HostsError."""
        named = dict(self._existing.subnets)
        inside = self._nat_places([place for place in self.subnets if place.network.name not in named])
        if not inside:
            return
        builder = self._builder
        address = builder.make(
            kinds.ADDRESSES, "address/nat", "address of the NAT gateway", "allocate_address", "", Domain="vpc"
        )
        found = builder.found(kinds.NAT_GATEWAYS, "nat")
        line = "NAT gateway, the way out of private hosts"
        if found is None:
            found = self._changes.add(line, lambda: self._make_nat(str(address["AllocationId"]))) or {}
        else:
            self._changes.keep(line)
        nat = str(found.get("NatGatewayId", PLANNED))
        if nat != PLANNED and found.get("State") != "available":
            self._changes.do(lambda: self._wait_for_nat(nat))
        self._routes("routes/inside", {"NatGatewayId": nat}, [self.subnets[place] for place in inside])

    def _nat_places(self, made: Sequence[Place]) -> list[Place]:
        return [place for place in made if not place.public] if self._request.nat else []

    def _nat_place(self) -> Place:
        """The subnet of the NAT gateway: that of public hosts, else one of its own."""
        public = [place for place in self.subnets if place.public]
        return public[0] if public else Place(Network("nat"), public=True)

    def _vpc(self, named: Mapping[str, Resource]) -> Resource:
        if self._own:
            block = str(layout.vpc_block(self._request.networks))
            return self._builder.make(kinds.VPCS, "vpc", f"VPC {block}", "create_vpc", "Vpc", CidrBlock=block)
        ids = {str(item["VpcId"]) for item in named.values()} | ({self._existing.vpc} if self._existing.vpc else set())
        if len(ids) > 1:
            raise HostsError(f"The networks are in several VPCs: {', '.join(sorted(ids))}.", "use one VPC.")
        found = self._cloud.listed("describe_vpcs", "Vpcs", Filters=[{"Name": "vpc-id", "Values": sorted(ids)}])
        if not found:
            raise HostsError(f"There is no VPC {', '.join(sorted(ids))} in {self._cloud.region}.")
        return found[0]

    def _named_subnets(self) -> dict[str, Resource]:
        """The subnets that the template names, by network. Raises HostsError when one does not exist."""
        wanted = dict(self._existing.subnets)
        if not wanted:
            return {}
        found = self._cloud.there(kinds.SUBNETS, {"subnet-id": sorted(set(wanted.values()))})
        by_id = {str(item["SubnetId"]): item for item in found}
        missing = sorted(set(wanted.values()) - set(by_id))
        if missing:
            raise HostsError(f"There is no subnet {missing[0]} in {self._cloud.region}.")
        return {name: by_id[subnet] for name, subnet in wanted.items()}

    def _subnet(self, place: Place, named: Mapping[str, Resource]) -> Subnet:
        if place.network.name in named:
            return _as_subnet(named[place.network.name])
        found = self._builder.found(kinds.SUBNETS, place.part)
        kind = "public" if place.public else "private"
        if found is not None:
            self._changes.keep(f"{kind} subnet of network {place.network.name} {found['CidrBlock']}")
            return _as_subnet(found)
        used = [ipaddress.IPv4Network(item["CidrBlock"]) for item in self._all]
        used += [subnet.block for subnet in self.subnets.values()]
        block = layout.subnet_block(place.network, self._blocks, used)
        made = self._builder.make(
            kinds.SUBNETS, place.part, f"{kind} subnet of network {place.network.name} {block}",
            "create_subnet", "Subnet",
            VpcId=self.vpc, CidrBlock=str(block), AvailabilityZone=self._zone,
        )  # fmt: skip
        self._all += [made] if made else []
        return Subnet(str(made.get("SubnetId", PLANNED)), block, self._zone)

    def _gateway(self) -> str:
        """The internet gateway: that of the VPC, or one of ours."""
        if not self._own:
            filters = {"attachment.vpc-id": [self.vpc]}
            there = self._cloud.there(kinds.GATEWAYS, filters)
            if there and self._builder.found(kinds.GATEWAYS, "gateway") is None:
                return str(there[0]["InternetGatewayId"])
        made = self._builder.make(
            kinds.GATEWAYS, "gateway", "internet gateway", "create_internet_gateway", "InternetGateway"
        )
        gateway = str(made.get("InternetGatewayId", PLANNED))
        if not any(item.get("VpcId") == self.vpc for item in made.get("Attachments") or []):
            self._changes.do(lambda: self._attach(gateway))
        return gateway

    def _attach(self, gateway: str) -> None:
        try:
            self._cloud.call("attach_internet_gateway", InternetGatewayId=gateway, VpcId=self.vpc)
        except RefusedError:
            # After a lost answer the second attempt is refused. The codes for that differ: what is there decides.
            there = self._cloud.there(kinds.GATEWAYS, {"attachment.vpc-id": [self.vpc]})
            if gateway not in [item["InternetGatewayId"] for item in there]:
                raise

    def _routes(self, part: str, target: Mapping[str, str], subnets: Sequence[Subnet]) -> None:
        """A route table with one default route, for these subnets."""
        word = "to the internet gateway" if "GatewayId" in target else "to the NAT gateway"
        table = self._builder.make(
            kinds.TABLES, part, f"route table {word}", "create_route_table", "RouteTable", VpcId=self.vpc
        )
        number = str(table.get("RouteTableId", PLANNED))
        routes = {route.get("DestinationCidrBlock"): route for route in table.get("Routes") or []}
        key, value = next(iter(target.items()))
        if routes.get(_ANYWHERE, {}).get(key) != value:
            change = "replace_route" if _ANYWHERE in routes else "create_route"
            arguments = {"RouteTableId": number, "DestinationCidrBlock": _ANYWHERE, key: value}
            self._changes.do(lambda: self._cloud.remove(change, ("RouteAlreadyExists",), **arguments))
        joined = {item.get("SubnetId") for item in table.get("Associations") or []}
        for subnet in {subnet.id: subnet for subnet in subnets if subnet.id not in joined}.values():
            self._changes.do(partial(self._join, number, subnet.id))

    def _join(self, table: str, subnet: str) -> None:
        self._cloud.remove(
            "associate_route_table", ("Resource.AlreadyAssociated",), RouteTableId=table, SubnetId=subnet
        )

    def _make_nat(self, address: str) -> Resource:
        place = self._nat_place()
        subnet = self.subnets.get(place) or self._subnet_again(place)
        tags = {
            kinds.INFRASTRUCTURE: self._request.infrastructure,
            kinds.PART: "nat",
            "Name": f"{self._request.infrastructure} nat",
        }
        answer = self._cloud.call(
            "create_nat_gateway",
            AllocationId=address,
            SubnetId=subnet.id,
            # The address is made for this gateway, so its id makes the token one of this life of the infrastructure.
            ClientToken=f"im-nat-{address}",
            TagSpecifications=tag_specifications(["natgateway"], tags),
        )
        return dict(answer["NatGateway"])

    def _subnet_again(self, place: Place) -> Subnet:
        return _as_subnet(next(item for item in self._all if kinds.tags_of(item).get(kinds.PART) == place.part))

    def _wait_for_nat(self, nat: str) -> None:
        for _attempt in range(150):
            found = self._cloud.listed("describe_nat_gateways", "NatGateways", NatGatewayIds=[nat])
            state = str(found[0]["State"]) if found else "gone"
            if state == "available":
                return
            if state in ("failed", "deleted", "deleting"):
                raise HostsError(f"The NAT gateway {nat} is {state}: {found[0].get('FailureMessage', '')}.")
            self._cloud.sleep(2)
        raise HostsError(
            f"The NAT gateway {nat} did not become available within 5 minutes.", "run again to wait longer."
        )


def _as_subnet(item: Resource) -> Subnet:
    return Subnet(
        str(item["SubnetId"]), ipaddress.IPv4Network(item["CidrBlock"]), str(item.get("AvailabilityZone", ""))
    )
