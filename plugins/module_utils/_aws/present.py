# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state=present: converges an infrastructure on EC2 to what is wanted, or in check mode tells what that would do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .._hosts.model import RUNNING, STOPPED, Group, Host, Slot
from .._hosts.plan import Plan, make_plan
from .._hosts.progress import say
from .._hosts.result import Outcome, instances
from . import images, kinds, layout, sizes, volumes
from .addresses import Addresses, wants_address
from .changes import Changes
from .cloud import Cloud
from .firewall import Firewall
from .images import Image
from .keys import Key
from .kinds import Resource
from .launch import Launcher, Recipe, batches, planned_host
from .lifecycle import end_hosts
from .network import Builder, Networks
from .request import Request
from .resize import Resizer
from .seen import Seen, observe, read_hosts
from .sizes import Size
from .waiting import observed_again, wait_for_hosts, wait_for_state, with_jumps
from .zones import choose_zone


def present(cloud: Cloud, request: Request) -> Outcome:
    """Converge the hosts, or in check mode tell what that would do; raises HostsError."""
    return Convergence(cloud, request, observe(cloud, request.infrastructure)).run()


class Convergence:
    """One run: what is there, what is wanted, what comes out. In check mode the same code only tells."""

    def __init__(self, cloud: Cloud, request: Request, seen: Seen) -> None:
        self._cloud, self._request, self._seen = cloud, request, seen
        self._changes = Changes(request.check)
        self._outcome = Outcome()
        self._plan: Plan = make_plan(request.groups, seen.hosts, request.wanted, max(seen.last, request.last_id))
        self._doomed = [*self._plan.broken, *(self._plan.surplus if request.purge else ())]
        self._resizer = Resizer(cloud, request, self._plan.keep)
        self._images: dict[str, Image] = {}
        self._sizes: dict[str, Size] = {}

    def run(self) -> Outcome:
        """Do it. Everything that can be refused is refused before anything is made."""
        addresses = Addresses(self._cloud, self._request, self._seen, self._changes)
        addresses.check()
        self._choose()
        networks, firewall, key = self._surroundings()
        self._remove(key)
        new = self._create(networks, firewall, key)
        networks.way_out()
        kept, woken = self._wake()
        # EC2 joins an address to a host that runs, not to one that is pending.
        booted = [] if self._request.check else self._boot(new, woken)
        addresses.build([*kept, *new])
        self._tidy(firewall)
        if not self._request.check:
            kept, new = self._settle(kept, new, booted)
        self._tell(kept, new)
        return self._outcome

    @property
    def _growing(self) -> list[Group]:
        nodes = {slot.node for slot in self._plan.create}
        return [group for group in self._request.groups if group.node in nodes]

    def _choose(self) -> None:
        """Image and type of each group that grows or is resized, with the reasons. Raises HostsError."""
        growing = [self._request.own_group(slot) for slot in self._plan.create]
        wanted = list({sizes.key_of(group): group for group in (*growing, *self._resizer.groups)}.values())
        named = [group.instance_type for group in wanted if group.instance_type]
        if wanted:
            types = sizes.list_types(self._cloud, named if len(named) == len(wanted) else ())
            missing = set(named) - {str(item["InstanceType"]) for item in types}
            types += sizes.list_types(self._cloud, missing) if missing else []
            self._sizes = {sizes.key_of(group): sizes.find_size(self._cloud, group, types) for group in wanted}
        for group in self._growing:
            self._images[group.node] = images.find_image(self._cloud, group, self._request.user)
            volumes.mappings(group, self._images[group.node])
        reasons = [image.why for image in self._images.values()] + [size.why for size in self._sizes.values()]
        for why in dict.fromkeys(reasons):
            say(why)
            self._outcome.choices.append(why)

    def _surroundings(self) -> tuple[Networks, Firewall, Key]:
        """Network, security groups and key pair."""
        given = volumes.check_given(self._cloud, self._growing)
        names = [size.name for size in self._sizes.values()]
        needs_zone = bool(layout.places(self._request)) and not layout.existing(self._request).subnets
        zone = choose_zone(self._cloud, self._seen, self._request.groups, names, given) if needs_zone else ""
        builder = Builder(self._cloud, self._seen, self._changes)
        key = Key(self._cloud, self._request, self._seen, self._changes)
        key.build()
        networks = Networks(builder, self._request, zone)
        networks.build()
        firewall = Firewall(builder, self._request, networks.vpc)
        firewall.build()
        return networks, firewall, key

    def _remove(self, key: Key) -> None:
        if self._doomed:
            key.remember(max(host.id for host in self._doomed))
        for host in self._doomed:
            self._changes.remove(self._line(host, host.state), lambda: None)
        ids = [host.cloud_id for host in self._doomed]
        self._changes.do(lambda: end_hosts(self._cloud, self._request.infrastructure, ids, self._request.timeout))
        self._outcome.deleted = [host.name for host in self._doomed]

    def _create(self, networks: Networks, firewall: Firewall, key: Key) -> list[Host]:
        """The new hosts, one call for each group; in check mode as they will be."""
        if not self._plan.create and all(host.facts["numbered"] for host in self._plan.keep):
            return []
        launcher = Launcher(self._cloud, self._request, key.name, key.id)
        made: list[Resource] = []
        planned: list[Host] = []
        for node, slots in batches(self._plan.create):
            group = self._request.own_group(slots[0])
            image, size = self._images[node], self._sizes[sizes.key_of(group)]
            planned += [planned_host(self._request, group, slot, size, image.user) for slot in slots]
            subnet = networks.subnets[layout.place_of(self._request, group)]
            recipe = Recipe(image, size, subnet, firewall.groups_of(group))
            say(f"creating hosts of {node}: {len(slots)}")
            self._changes.do(partial(self._launch, launcher, made, slots, recipe))
        for host in planned:
            self._changes.add(self._line(host, RUNNING), lambda: None)
        self._changes.do(lambda: launcher.number([*made, *self._nameless()]))
        key.remember(max((host.id for host in planned), default=-1))
        self._outcome.warnings += launcher.warnings
        self._outcome.created = [host.name for host in planned]
        ids = {host.id: str(item["InstanceId"]) for host, item in zip(planned, _in_order(made), strict=False)}
        return [replace(host, cloud_id=ids.get(host.id, "")) for host in planned]

    def _launch(self, launcher: Launcher, made: list[Resource], slots: Sequence[Slot], recipe: Recipe) -> None:
        """Make the hosts of one call; `made` gets the instances."""
        ended = self._seen.ended(slot.id for slot in slots)
        made += launcher.launch(self._request.own_group(slots[0]), slots, recipe, ended)

    def _nameless(self) -> list[Resource]:
        """Hosts that a killed run made and did not number."""
        kept = {host.cloud_id for host in self._plan.keep if not host.facts["numbered"]}
        return [item for item in self._seen.of(kinds.INSTANCES) if item["InstanceId"] in kept]

    def _wake(self) -> tuple[list[Host], list[str]]:
        """Resize and start hosts that stay; return them, and the ids of those that start."""
        resized = self._resizer.apply(self._changes, self._sizes, self._line, self._request.timeout)
        asleep = [host for host in self._plan.keep if host.state == STOPPED and host.id not in resized]
        for host in self._plan.keep:
            if host in asleep:
                self._changes.alter(self._line(host, STOPPED), self._line(host, RUNNING), lambda: None)
            elif host.id not in resized:
                self._changes.keep(self._line(host, host.state))
        woken = [host.cloud_id for host in self._plan.keep if host in asleep or host.id in resized]
        if woken and not self._request.check:
            stopping = [host.cloud_id for host in asleep if self._is_stopping(host)]
            if stopping:
                self._wait(stopping, "stopped")
            self._cloud.in_chunks("start_instances", woken)
        self._outcome.started = [host.name for host in asleep]
        return list(self._plan.keep), woken

    def _is_stopping(self, host: Host) -> bool:
        found = (item for item in self._seen.of(kinds.INSTANCES) if item["InstanceId"] == host.cloud_id)
        return any(item["State"]["Name"] == "stopping" for item in found)

    def _tidy(self, firewall: Firewall) -> None:
        """Remove security groups that no group needs any more, and twins after lost answers."""
        if not self._request.purge:
            return
        wanted = firewall.part_names()
        used = {group for host in self._plan.keep for group in host.facts["groups"]}
        for part, items in self._seen.parts(kinds.GROUPS).items():
            for item in items[1 if part in wanted else 0 :]:
                if item["GroupId"] not in used:
                    delete = partial(self._cloud.remove, kinds.GROUPS.delete, kinds.GROUPS.missing)
                    self._changes.remove(f"security group {part}", partial(delete, GroupId=item["GroupId"]))

    def _boot(self, new: Sequence[Host], woken: Sequence[str]) -> list[str]:
        """Wait until the new hosts and those that start run; return their ids."""
        pending = sorted({*(host.cloud_id for host in new), *woken, *self._pending()})
        if pending:
            say(f"booting: {len(pending)}")
            self._wait(pending, "running")
            for host in new:
                volumes.attach_given(self._cloud, self._request.group(host.node), host.cloud_id)
        return pending

    def _settle(
        self, kept: Sequence[Host], new: Sequence[Host], booted: Sequence[str]
    ) -> tuple[list[Host], list[Host]]:
        """Wait until all wanted hosts answer; return them as they are then."""
        moved = booted or any(wants_address(self._request, self._request.group(host.node)) for host in kept)
        found = observed_again(self._cloud, self._request) if moved else list(self._plan.keep)
        wanted = {host.id for host in (*kept, *new)}
        hosts = with_jumps([replace(host, state=RUNNING) for host in found if host.id in wanted])
        fresh = {host.id for host in new}
        restarted = {host.name for host in hosts if host.id in fresh or host.cloud_id in booted}
        wait_for_hosts(self._request, hosts, restarted)
        return [host for host in hosts if host.id not in fresh], [host for host in hosts if host.id in fresh]

    def _wait(self, ids: Sequence[str], state: str) -> None:
        wait_for_state(self._cloud, self._request.infrastructure, ids, state, self._request.timeout)

    def _pending(self) -> list[str]:
        return [
            str(item["InstanceId"])
            for item in self._seen.of(kinds.INSTANCES)
            if item["State"]["Name"] == "pending"
            and any(host.cloud_id == item["InstanceId"] for host in self._plan.keep)
        ]

    def _tell(self, kept: Iterable[Host], new: Iterable[Host]) -> None:
        outcome, changes = self._outcome, self._changes
        surplus = () if self._request.purge else self._plan.surplus
        for host in surplus:
            changes.keep(self._line(host, host.state))
        outcome.surplus = instances(surplus)
        hosts = [*kept, *new]
        outcome.instances = instances(with_jumps(hosts) if self._request.check else hosts, outcome.created)
        outcome.before, outcome.after, outcome.changed = changes.before, changes.after, changes.changed

    @staticmethod
    def _line(host: Host, state: str) -> str:
        return f"host {host.name} ({host.node}): {state}"


def _in_order(made: Iterable[Any]) -> list[Any]:
    """Instances in the order of the numbers that they will bear."""
    by_id = {str(item["InstanceId"]): item for item in made}
    return [by_id[host.cloud_id] for host in read_hosts(by_id.values())]
