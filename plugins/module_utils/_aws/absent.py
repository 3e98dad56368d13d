# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state=absent: removes everything that bears the tag of an infrastructure, and says what is left and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from .._hosts.model import HostsError
from .._hosts.progress import say
from .._hosts.result import Outcome
from . import kinds
from .addresses import release
from .cloud import Cloud
from .errors import code_of
from .kinds import Kind, Resource, tags_of
from .request import Request
from .seen import Seen, observe
from .waiting import wait_for_state

_ROUNDS = 3
_PATIENCE = 40
_HELD = ("DependencyViolation", "VolumeInUse", "InvalidIPAddress.InUse", "InvalidNetworkInterface.InUse")


def absent(cloud: Cloud, request: Request) -> Outcome:
    """Remove an infrastructure; raises HostsError naming what is left, with the reasons."""
    seen = observe(cloud, request.infrastructure, kinds.ALL)
    outcome = Outcome(before=[line for kind in kinds.ALL for line in _lines(kind, seen)])
    outcome.changed = bool(outcome.before)
    outcome.deleted = [host.name for host in seen.hosts]
    if request.check or not outcome.changed:
        return outcome
    reasons: dict[str, str] = {}
    for _round in range(_ROUNDS):
        reasons = Removal(cloud, request.timeout).remove(seen)
        seen = observe(cloud, request.infrastructure, kinds.ALL)
        if not any(seen.of(kind) for kind in kinds.ALL):
            return outcome
        cloud.sleep(2)
    left = [
        f"{kind.name} {item[kind.id]}{_reason(reasons, item, kind)}" for kind in kinds.ALL for item in seen.of(kind)
    ]
    raise HostsError(
        f"Not everything of {request.infrastructure} could be removed: {'; '.join(left)}.",
        "remove what holds them in the console of AWS, then destroy again.",
    )


class Removal:
    """Removes what was seen, kind after kind; what cannot be removed is noted with the reason."""

    def __init__(self, cloud: Cloud, timeout: float) -> None:
        self._cloud, self._timeout = cloud, timeout
        self._reasons: dict[str, str] = {}

    def remove(self, seen: Seen) -> dict[str, str]:
        """Remove everything; return the reasons by the id of what could not be removed."""
        self._hosts(seen)
        for kind in kinds.ALL:
            items = self._going(seen) if kind is kinds.VOLUMES else seen.of(kind)
            if kind is kinds.INTERFACES:
                items = self._cloud.tagged(kind, seen.infrastructure) if items else []
            if items and kind is not kinds.INSTANCES:
                say(f"removing {kind.name}: {len(items)}")
                action = self._action(kind)
                self._cloud.each(partial(self._attempt, kind, action), items)
            if kind is kinds.NAT_GATEWAYS and items:
                self._wait_for_nat(items)
        return self._reasons

    def _going(self, seen: Seen) -> Sequence[Resource]:
        """The volumes that do not go with their hosts, once the others are gone."""
        attached = {
            str(item["VolumeId"])
            for item in seen.of(kinds.VOLUMES)
            if any(entry.get("DeleteOnTermination") for entry in item.get("Attachments") or [])
        }
        if not seen.of(kinds.VOLUMES):
            return []
        for _attempt in range(_PATIENCE):
            there = self._cloud.tagged(kinds.VOLUMES, seen.infrastructure)
            if not any(item["VolumeId"] in attached and item["State"] == "in-use" for item in there):
                return there
            self._cloud.sleep(1)
        return there

    def _hosts(self, seen: Seen) -> None:
        ids = [str(item["InstanceId"]) for item in seen.of(kinds.INSTANCES)]
        if not ids:
            return
        say(f"removing hosts: {len(ids)}")
        # What has no answer is asked for again in the next round.
        try:
            self._cloud.in_chunks("terminate_instances", ids)
            wait_for_state(self._cloud, seen.infrastructure, ids, "terminated", self._timeout)
        except HostsError as error:
            self._reasons.update(dict.fromkeys(ids, str(error)))

    def _action(self, kind: Kind) -> Callable[[Resource], None]:
        special: dict[Kind, Callable[[Resource], None]] = {
            kinds.ADDRESSES: self._address,
            kinds.KEYS: lambda item: self._cloud.remove(kind.delete, kind.missing, KeyName=item["KeyName"]),
            kinds.GATEWAYS: self._gateway,
            kinds.TABLES: self._table,
            kinds.INTERFACES: self._interface,
        }
        return special.get(kind, lambda item: self._delete(kind, item))

    def _attempt(self, kind: Kind, action: Callable[[Resource], None], item: Resource) -> None:
        """Remove one resource. What still holds it may be on its way out: EC2 needs a while to notice."""
        number = str(item[kind.id])
        for _attempt in range(_PATIENCE):
            try:
                action(item)
                self._reasons.pop(number, None)
                return
            except HostsError as error:
                self._reasons[number] = str(error)
                # Waiting for what another resource holds that is not removed either would be in vain.
                if code_of(error) not in _HELD or set(self._reasons) != {number}:
                    return
            self._cloud.sleep(0.5)

    def _delete(self, kind: Kind, item: Resource) -> None:
        self._cloud.remove(kind.delete, kind.missing, **{kind.id: item[kind.id]})

    def _address(self, item: Resource) -> None:
        # That of a NAT gateway is free when the gateway is gone; it is released in the next round then.
        if tags_of(item).get(kinds.PART) == "address/nat" and item.get("AssociationId"):
            self._wait_for_nat_of(item)
        release(self._cloud, item)

    def _wait_for_nat_of(self, address: Resource) -> None:
        gateways = self._cloud.tagged(kinds.NAT_GATEWAYS, tags_of(address)[kinds.INFRASTRUCTURE])
        for gateway in gateways:
            self._delete(kinds.NAT_GATEWAYS, gateway)
        self._wait_for_nat(gateways)

    def _wait_for_nat(self, items: Sequence[Resource]) -> None:
        ids = [str(item["NatGatewayId"]) for item in items]
        for _attempt in range(150 if ids else 0):
            if not self._cloud.there(kinds.NAT_GATEWAYS, {"nat-gateway-id": ids}):
                return
            self._cloud.sleep(2)

    def _gateway(self, item: Resource) -> None:
        for attachment in item.get("Attachments") or []:
            self._cloud.remove(
                "detach_internet_gateway", ("Gateway.NotAttached", *kinds.GATEWAYS.missing, *kinds.VPCS.missing),
                InternetGatewayId=item["InternetGatewayId"], VpcId=attachment["VpcId"],
            )  # fmt: skip
        self._delete(kinds.GATEWAYS, item)

    def _table(self, item: Resource) -> None:
        for association in item.get("Associations") or []:
            if not association.get("Main"):
                self._cloud.remove(
                    "disassociate_route_table", ("InvalidAssociationID.NotFound",),
                    AssociationId=association["RouteTableAssociationId"],
                )  # fmt: skip
        self._delete(kinds.TABLES, item)

    def _interface(self, item: Resource) -> None:
        # Those of hosts, NAT gateways and the like go with what they belong to.
        if item.get("InterfaceType", "interface") == "interface" and not item.get("RequesterManaged"):
            self._delete(kinds.INTERFACES, item)


def _lines(kind: Kind, seen: Seen) -> list[str]:
    return [f"{kind.name} {tags_of(item).get('Name') or item[kind.id]}" for item in seen.of(kind)]


def _reason(reasons: dict[str, str], item: Resource, kind: Kind) -> str:
    text = reasons.get(str(item[kind.id]), "")
    return f" ({text.partition(' Hint: ')[0]})" if text else ""
