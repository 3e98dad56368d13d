# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state=present: converges the hosts of an infrastructure to what is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .._hosts.model import RUNNING, Group, Host, group_of
from .._hosts.plan import Plan, make_plan
from .._hosts.progress import say
from .._hosts.result import Outcome, instances
from . import api, machine, seen
from .ability import Ability, find_ability
from .create import create_hosts, port_picker
from .design import Image, NewHost, Place, Surroundings, design_hosts, design_warnings, networks_of
from .engine import Engine
from .image import Images, Wish, login_user, read_release, wish_of
from .keys import change_key, hosts_with_other_key
from .lifecycle import lines, start_hosts, wait_for_hosts
from .places import choose_places, make_places
from .remove import delete_hosts, remove_volumes, stale_volumes
from .request import Request
from .resize import Resize, find_resizes, resize_hosts
from .storage import check_volumes, storage_warnings


def present(engine: Engine, request: Request) -> Outcome:
    """Converge the hosts, or in check mode tell what that would do; raises HostsError, EngineError."""
    observed = api.observe(engine, request.infrastructure)
    plan = make_plan(request.groups, observed.hosts, request.wanted, max(observed.last, request.last_id))
    run = _Run(engine, request, observed, plan, Outcome())
    return run.predict() if request.check else run.apply()


@dataclass
class _Run:
    """One convergence: what is there, what is wanted, and what comes out."""

    engine: Engine
    request: Request
    observed: seen.Seen
    plan: Plan
    outcome: Outcome

    def predict(self) -> Outcome:
        """Tell what `apply` would do, with the addresses that new hosts would get."""
        places, wishes = self._places(), self._wishes()
        images = {node: Image("", self.request.user or login_user(wish)) for node, wish in wishes.items()}
        new = self._design(places, images)
        other_key = hosts_with_other_key(self.engine, self.plan.keep, self.request.public_key)
        resized = self._resizes(self.plan.keep)
        asleep = [host for host in self.plan.keep if host.state != RUNNING]
        self._tell(places, new, [host.name for host in new], asleep, other_key, resized)
        hosts = [*_resized(self.plan.keep, resized), *(host.as_host() for host in new)]
        self.outcome.instances = instances(hosts, self.outcome.created)
        return self.outcome

    def apply(self) -> Outcome:
        """Remove, create and start hosts until they are as wanted; wait until they answer."""
        engine, request = self.engine, self.request
        places = self._places()
        images, limits = self._images(self._wishes())
        delete_hosts(engine, request.infrastructure, self.observed, self._doomed, [host.id for host in self._staying])
        remove_volumes(engine, self._stale())
        places = make_places(engine, request.infrastructure, places)
        new = self._design(places, images)
        created, kept = self._create(new, limits)
        asleep = [host for host in kept if host.state != RUNNING]
        warnings, started = start_hosts(engine, request.infrastructure, asleep)
        self.outcome.warnings += warnings
        kept = [replace(started.get(host.name, host), state=RUNNING) for host in kept]
        resized = self._resizes(kept)
        self.outcome.warnings += resize_hosts(engine, request.infrastructure, resized)
        kept = _resized(kept, resized)
        wait_for_hosts(engine, request, kept, new={*created, *(host.name for host in asleep)})
        other_key = hosts_with_other_key(engine, kept, request.public_key)
        change_key(engine, other_key, request.public_key)
        self._tell(places, new, created, asleep, other_key, resized)
        self.outcome.instances = instances(kept, created)
        return self.outcome

    def _resizes(self, hosts: Iterable[Host]) -> list[Resize]:
        """The hosts, of those that were there before, that are wanted with another size."""
        stayed = {host.id for host in self.plan.keep}
        kept = [host for host in hosts if host.id in stayed]
        groups = {host.id: group_of(self.request.groups, self.request.wanted, host.id, host.node) for host in kept}
        return find_resizes(kept, groups, machine.cpu_count())

    @property
    def _doomed(self) -> list[Host]:
        return [*self.plan.broken, *(self.plan.surplus if self.request.purge else ())]

    @property
    def _staying(self) -> list[Host]:
        return [*self.plan.keep, *(() if self.request.purge else self.plan.surplus)]

    @property
    def _growing(self) -> list[Group]:
        nodes = {slot.node for slot in self.plan.create}
        return [group for group in self.request.groups if group.node in nodes]

    def _stale(self) -> list[str]:
        coming = [slot.id for slot in self.plan.create]
        # A host that is made anew has the size and the addresses that it is made with.
        memories = [
            item.name
            for item in self.observed.volumes
            if item.is_memory and item.labels.get(seen.INSTANCE, "") in map(str, coming)
        ]
        return [*stale_volumes(self.observed, self._staying, coming), *memories]

    def _left(self) -> list[seen.SeenVolume]:
        stale = self._stale()
        return [item for item in self.observed.volumes if item.name not in stale]

    def _places(self) -> dict[str, Place]:
        used = {net.name for group in self.request.groups for net in networks_of(group, self.request.networks)}
        wanted = [network for network in self.request.networks if network.name in used]
        return choose_places(self.request.infrastructure, wanted, self.observed.all_networks)

    def _wishes(self) -> dict[str, Wish]:
        """The image that each growing group asks for; warns of what the local cloud cannot give."""
        release = read_release()
        result = {}
        for group in self._growing:
            result[group.node], warning = wish_of(group, self.request.registry, release)
            self.outcome.warnings += [warning] if warning else []
        self.outcome.warnings += storage_warnings(self._growing) + design_warnings(self._growing, machine.cpu_count())
        return result

    def _images(self, wishes: dict[str, Wish]) -> tuple[dict[str, Image], bool]:
        """The image of each growing group, built where it is missing, and whether limits work here."""
        if not wishes:
            return {}, True
        maker = Images(self.engine, self.request.image_files, self.request.user)
        made = {wish: maker.get(wish) for wish in dict.fromkeys(wishes.values())}
        ability: Ability = find_ability(self.engine, next(iter(made.values())).tag)
        self.engine = ability.engine(self.engine)
        self.outcome.warnings += maker.warnings
        if not ability.limits:
            self.outcome.warnings.append("This machine cannot limit the CPUs and the memory of hosts.")
        return {node: made[wish] for node, wish in wishes.items()}, ability.limits

    def _design(self, places: dict[str, Place], images: dict[str, Image]) -> list[NewHost]:
        request = self.request
        if not self.plan.create:
            return []
        check_volumes(self._growing, lambda name: api.volume_exists(self.engine, name))
        published = any(group.public and group.ports for group in self._growing)
        others = api.list_hosts(self.engine) if published else []
        pick = port_picker(request.publish_address, [port for host in others for port in host.facts.get("ports", [])])
        around = Surroundings(places, images, pick, machine.cpu_count(), request.publish_address)
        return design_hosts(request.infrastructure, request.groups, self.plan.create, self._staying, around)

    def _create(self, new: list[NewHost], limits: bool) -> tuple[list[str], list[Host]]:
        """Create hosts; return the names of those this run made, and all that are wanted as they are then."""
        if not new:
            return [], list(self.plan.keep)
        warning = machine.make_room_for(len(api.list_hosts(self.engine)) + len(new))
        self.outcome.warnings += [warning] if warning else []
        say(f"creating hosts: {len(new)}")
        created = create_hosts(self.engine, self.request, new, limits)
        say(f"created, booting: {len(created)}")
        wanted = {*(host.name for host in self.plan.keep), *(host.name for host in new)}
        found = seen.with_changes(api.list_hosts(self.engine, self.request.infrastructure), self._left())
        return created, [host for host in found if host.name in wanted]

    def _tell(
        self,
        places: dict[str, Place],
        new: list[NewHost],
        created: list[str],
        asleep: Iterable[Host],
        other_key: Iterable[Host],
        resized: Iterable[Resize],
    ) -> None:
        """Fill in the outcome but its instances: the same for what was done and for what would be done."""
        outcome = self.outcome
        outcome.created = created
        outcome.started = [host.name for host in asleep]
        outcome.deleted = [host.name for host in self._doomed]
        outcome.surplus = [] if self.request.purge else instances(self.plan.surplus)
        rekeyed = [host.name for host in other_key]
        outcome.before = lines(self.observed, self.observed.hosts) + [
            f"key of host {name}: another" for name in rekeyed
        ]
        outcome.after = self._lines_after(places, new) + [f"key of host {name}: public_key" for name in rekeyed]
        outcome.before += [item.lines()[0] for item in resized]
        outcome.after += [item.lines()[1] for item in resized]
        outcome.changed = sorted(outcome.before) != sorted(outcome.after)

    def _lines_after(self, places: dict[str, Place], new: list[NewHost]) -> list[str]:
        known = {item.name for item in self.observed.all_networks}
        networks = [
            seen.SeenNetwork(place.engine_name, {}, (str(place.subnet),))
            for place in places.values()
            if place.engine_name not in known
        ]
        volumes = {item.name: item for item in self._left()}
        for host in new:
            volumes |= {
                mount.volume: seen.SeenVolume(mount.volume) for mount in host.mounts if mount.labels is not None
            }
        future = seen.Seen((), (*self.observed.networks, *networks), tuple(volumes.values()))
        kept = [replace(host, state=RUNNING) for host in self.plan.keep]
        surplus = [] if self.request.purge else list(self.plan.surplus)
        return lines(future, [*kept, *surplus, *(replace(host.as_host(), state=RUNNING) for host in new)])


def _resized(hosts: Iterable[Host], resizes: Iterable[Resize]) -> list[Host]:
    changed = {item.host.id: item.changed.facts for item in resizes}
    return [replace(host, facts=changed.get(host.id, host.facts)) for host in hosts]
