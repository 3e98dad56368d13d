# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state=present: converges an infrastructure on OpenStack to what is wanted, or in check mode only tells how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from .._hosts.model import RUNNING, STOPPED, Group, Host, Slot
from .._hosts.plan import Plan, make_plan
from .._hosts.progress import say
from .._hosts.result import Outcome, instances
from .._hosts.ways import with_jumps
from . import disks, flavors, images, kinds
from .absent import Removal
from .addresses import FloatingIps
from .cloud import Cloud
from .disks import Disk, Disks
from .firewall import Firewall
from .flavors import Size
from .images import Image
from .keys import Key
from .kinds import Resource
from .lanes import Lanes
from .launch import Launcher, Recipe, planned_host
from .layout import Layout
from .lifecycle import wake
from .needs import needs_of
from .network import Builder, Networks
from .offers import Offers
from .ports import Ports
from .quota import check_quota
from .request import Request
from .resize import Resizer
from .seen import Seen, observe
from .spread import Spread
from .waiting import observed_again, wait_for_hosts, wait_for_status


def present(cloud: Cloud, request: Request) -> Outcome:
    """Converge the hosts, or in check mode tell what that would do; raises HostsError."""
    return Convergence(cloud, request, observe(cloud, request.infrastructure)).run()


class Convergence:
    """One run: what is there, what is wanted, what comes out. In check mode the same code only tells."""

    def __init__(self, cloud: Cloud, request: Request, seen: Seen) -> None:
        self._cloud, self._request, self._all = cloud, request, seen
        self._lanes = Lanes(request.check)
        self._outcome = Outcome()
        self._plan: Plan = make_plan(request.groups, seen.hosts, request.wanted, max(seen.last, request.last_id))
        self._doomed = [*self._plan.broken, *(self._plan.surplus if request.purge else ())]
        self._seen = seen.without(self._doomed)
        self._layout = Layout(request, self._seen, cloud.site.project)
        self._offers = Offers(cloud)
        self._key = Key(cloud, request, seen, self._lanes.new())
        self._networks = Networks(self._lane(), self._layout, request.dns_servers)
        self._firewall = Firewall(self._lane(), request, self._layout)
        self._spread = Spread(self._lane(), self._offers.limits)
        self._builder = self._lane()
        self._changes = self._builder.changes
        self._ports = Ports(self._builder, request, self._layout, self._networks, self._firewall)
        self._disks = Disks(self._builder, request)
        self._resizer = Resizer(cloud, request, self._plan.keep)
        self._images: dict[str, Image] = {}
        self._sizes: dict[str, Size] = {}

    def run(self) -> Outcome:
        """Do it. Everything that can be refused is refused before anything is made."""
        self._key.check()
        self._layout.check()
        self._choose()
        nodes = dict.fromkeys(slot.node for slot in self._plan.create)
        spread = partial(self._spread.build, list(map(self._request.group, nodes)))
        self._cloud.all_of([self._key.build, self._networks.build, self._firewall.build, spread])
        recipes = self._recipes()
        self._remove()
        ports, volumes = self._prepare()
        new = self._planned(recipes, ports)
        addresses = FloatingIps(self._builder, self._request, self._layout)
        addresses.build([*self._plan.keep, *new])
        new = self._create(recipes, new, ports, volumes)
        self._ports.converge(self._plan.keep)
        woken = self._wake()
        self._tidy()
        kept = list(self._plan.keep)
        if not self._request.check:
            kept, new = self._settle(new, woken)
        self._tell(kept, new)
        return self._outcome

    def _lane(self) -> Builder:
        """What a part makes its own with; parts may work at the same time."""
        return Builder(self._cloud, self._seen, self._lanes.new())

    @property
    def _growing(self) -> list[Group]:
        """The groups of new hosts; one with hosts of several sizes is there with each of them."""
        groups = map(self._request.own_group, self._plan.create)
        return list({flavors.key_of(group): group for group in groups}.values())

    def _choose(self) -> None:
        """Image and flavor of each group that grows or is resized, with the reasons; and whether the quota allows it.

        Raises HostsError.
        """
        growing, changed = self._growing, self._resizer.groups
        wanted = list({flavors.key_of(group): group for group in (*growing, *changed)}.values())
        self._offers.read(growing, wanted)
        for group in growing:
            if group.node not in self._images:
                self._images[group.node] = images.find_image(
                    self._cloud, group, self._request.user, self._offers.images
                )
        options = self._offers.flavors
        for group in wanted:
            image = self._images.get(group.node)
            least = (image.least_disk, image.least_memory) if image else (0, 0)
            self._sizes[flavors.key_of(group)] = flavors.find_size(self._cloud, group, options, *least)
        roots = self._roots
        nodes = {slot.node for slot in self._plan.create if roots.get(slot.id)}
        self._disks.check({group.node: group for group in growing}.values(), nodes)
        if wanted:
            slots = self._plan.create
            sizes = {slot.id: self._size_of(slot) for slot in slots}
            grown = needs_of(self._request, self._seen, self._layout, slots, sizes, roots)
            freed = Counter({"hosts": len(self._doomed)})
            for host in self._doomed:
                freed += Counter({"vCPU": int(host.facts["cpus"]), "MiB of memory": host.facts["memory"] // 1024**2})
            check_quota(self._offers.limits, grown, freed)
        reasons = [image.why for image in self._images.values()] + [size.why for size in self._sizes.values()]
        for why in dict.fromkeys(reasons):
            say(why)
            self._outcome.choices.append(why)

    def _size_of(self, slot: Slot) -> Size:
        return self._sizes[flavors.key_of(self._request.own_group(slot))]

    @property
    def _roots(self) -> dict[int, int]:
        """The GiB of root disks from cinder by the numbers of the new hosts."""
        return {
            slot.id: disks.root_size(self._request.own_group(slot), self._images[slot.node], self._size_of(slot))
            for slot in self._plan.create
        }

    def _recipes(self) -> dict[int, Recipe]:
        """What the new hosts are made of, by their numbers."""
        roots, apart = self._roots, self._spread.groups
        return {
            slot.id: Recipe(self._images[slot.node], self._size_of(slot), roots[slot.id], apart[slot.node])
            for slot in self._plan.create
        }

    def _remove(self) -> None:
        if self._doomed:
            self._firewall.remember(max(host.id for host in self._doomed))
        for host in self._doomed:
            self._changes.remove(self._line(host, host.state), lambda: None)
        if self._doomed:
            removal = Removal(self._cloud, self._request.infrastructure, self._request.timeout)
            self._changes.do(lambda: removal.hosts(self._all, self._doomed))
        self._outcome.deleted = [host.name for host in self._doomed]

    def _prepare(self) -> tuple[dict[int, list[Resource]], dict[int, list[Disk]]]:
        """What new hosts need, at the same time: their ports and volumes by their numbers, and a way out.

        A site often has no floating IP left, and those need the router: then that comes before any host, else beside.
        """
        ports: dict[int, list[Resource]] = {}
        volumes: dict[int, list[Disk]] = {}
        slots = () if self._request.check else self._plan.create
        self._cloud.all_of(
            [
                *([self._networks.route] if self._route_first else []),
                lambda: ports.update(self._ports.make(slots)),
                lambda: volumes.update(self._disks.make(slots, self._roots, self._images)),
            ]
        )
        return ports, volumes

    @property
    def _route_first(self) -> bool:
        """Whether a host shall have a floating IP."""
        return any(map(self._layout.wants_floating_ip, self._request.groups))

    def _planned(self, recipes: Mapping[int, Recipe], ports: Mapping[int, list[Resource]]) -> list[Host]:
        """The new hosts as they will be."""
        planned = [planned_host(self._request, slot, recipes[slot.id], ports) for slot in self._plan.create]
        for host in planned:
            self._changes.add(self._line(host, RUNNING), lambda: None)
        self._outcome.created = [host.name for host in planned]
        return planned

    def _create(
        self,
        recipes: Mapping[int, Recipe],
        planned: Sequence[Host],
        ports: Mapping[int, Sequence[Resource]],
        volumes: Mapping[int, Sequence[Disk]],
    ) -> list[Host]:
        """The new hosts, and beside them a way out unless there is one; in check mode as they will be."""
        ids: dict[int, str] = {}
        launch = partial(self._launch, recipes, ports, volumes, ids)
        work = [] if self._request.check or not planned else [launch]
        self._cloud.all_of([*work, *([] if self._route_first else [self._networks.route])])
        return [replace(host, cloud_id=ids.get(host.id, host.cloud_id)) for host in planned]

    def _launch(
        self,
        recipes: Mapping[int, Recipe],
        ports: Mapping[int, Sequence[Resource]],
        volumes: Mapping[int, Sequence[Disk]],
        ids: dict[int, str],
    ) -> None:
        """Make the new hosts, several at a time; fill in their ids of nova by their numbers."""
        slots = self._plan.create
        say(f"creating hosts: {len(slots)}")
        launcher = Launcher(self._cloud, self._request, self._layout, self._key.name, self._key.mark)
        made = self._cloud.each(
            lambda slot: launcher.launch(slot, recipes[slot.id], ports[slot.id], volumes[slot.id]), slots
        )
        self._firewall.remember(max(slot.id for slot in slots))
        ids.update((slot.id, number) for slot, number in zip(slots, made, strict=True))

    def _wake(self) -> list[str]:
        """Resize and start hosts that stay; return the ids of those that start."""
        resized = self._resizer.apply(self._changes, self._sizes, self._line)
        asleep = [host for host in self._plan.keep if host.state == STOPPED]
        for host in self._plan.keep:
            if host in asleep and host.id not in resized:
                self._changes.alter(self._line(host, STOPPED), self._line(host, RUNNING), lambda: None)
            elif host.id not in resized:
                self._changes.keep(self._line(host, host.state))
        if asleep:
            self._changes.do(partial(self._start, asleep))
        self._outcome.started = [host.name for host in asleep]
        return [host.cloud_id for host in self._plan.keep if host in asleep or host.id in resized]

    def _start(self, asleep: Sequence[Host]) -> None:
        moving = [host.cloud_id for host in asleep if host.facts["task"]]
        if moving:
            self._wait(moving, ("SHUTOFF", "ACTIVE"))
        wake(self._cloud, asleep)

    def _tidy(self) -> None:
        """Remove what no group needs any more, and what runs that were killed left."""
        if not self._request.purge:
            return
        numbers = [host.id for host in self._plan.keep] + [slot.id for slot in self._plan.create]
        self._ports.tidy(numbers)
        self._disks.tidy(numbers)
        hosts = {"", *(host.cloud_id for host in self._plan.keep)}
        others = [port for port in self._seen.all(kinds.PORTS) if str(port.get("device_id") or "") not in hosts]
        used = {number for port in others for number in port.get("security_groups") or []}
        self._firewall.tidy(used)
        for kind in (kinds.ROUTERS, kinds.NETS, kinds.SERVER_GROUPS):
            for part, items in self._seen.spares(kind).items():
                for item in items:
                    delete = partial(self._cloud.delete_free, kind, str(item["id"]))
                    self._changes.remove(f"second {kind.name} {part}", delete)

    def _settle(self, new: Sequence[Host], woken: Sequence[str]) -> tuple[list[Host], list[Host]]:
        """Wait until all wanted hosts run and answer; return them as they are then."""
        pending = [host.cloud_id for host in self._plan.keep if self._is_pending(host)]
        booted = sorted({*(host.cloud_id for host in new), *woken, *pending})
        there = None
        if booted:
            say(f"booting: {len(booted)}")
            there = self._wait(booted, ("ACTIVE",), len(new))
        changed = booted or self._lanes.changed
        found = observed_again(self._cloud, self._request.infrastructure, there) if changed else list(self._plan.keep)
        wanted = {host.cloud_id for host in (*self._plan.keep, *new)}
        known = {host.cloud_id for host in (*self._all.hosts, *new)}
        self._outcome.warnings += [_came_late(host) for host in found if host.cloud_id not in known]
        hosts = with_jumps([replace(host, state=RUNNING) for host in found if host.cloud_id in wanted])
        fresh = {host.cloud_id for host in new}
        restarted = {host.name for host in hosts if host.cloud_id in fresh or host.cloud_id in booted}
        wait_for_hosts(self._request, hosts, restarted)
        kept = [host for host in hosts if host.cloud_id not in fresh]
        return kept, [host for host in hosts if host.cloud_id in fresh]

    @staticmethod
    def _is_pending(host: Host) -> bool:
        return host.state == RUNNING and (host.facts["status"] != "ACTIVE" or bool(host.facts["task"]))

    def _wait(self, ids: Sequence[str], wanted: Sequence[str], fresh: int = 0) -> dict[str, Resource]:
        name, timeout = self._request.infrastructure, self._request.timeout
        return wait_for_status(self._cloud, name, ids, wanted, timeout, fresh)

    def _tell(self, kept: Iterable[Host], new: Iterable[Host]) -> None:
        outcome, changes = self._outcome, self._lanes
        outcome.warnings += [text for group in self._growing for text in _not_done(group)]
        surplus = () if self._request.purge else self._plan.surplus
        for host in surplus:
            self._changes.keep(self._line(host, host.state))
        outcome.surplus = instances(surplus)
        hosts = [*kept, *new]
        outcome.instances = instances(with_jumps(hosts) if self._request.check else hosts, outcome.created)
        outcome.before, outcome.after, outcome.changed = changes.before, changes.after, changes.changed

    @staticmethod
    def _line(host: Host, state: str) -> str:
        return f"host {host.name} ({host.node}): {state}"


def _came_late(host: Host) -> str:
    return f"The host {host.name} came meanwhile, from a run that was killed just before: run again, and it is removed."


def _not_done(group: Group) -> list[str]:
    """What a template asks for and does not get here."""
    names = [f"Group {group.node}: the public name {name} is not made." for name in group.dns_names if name]
    price = [f"Group {group.node}: OpenStack knows no spot prices, its hosts are usual ones."]
    return names + (price if group.preemptible else [])
