# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module local_hosts does: decides by the plan, acts by the engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from .._hosts.model import RUNNING, STOPPED, Group, Host, HostsError
from .._hosts.plan import Plan, make_plan
from .._hosts.result import Outcome, host_line, instances, resource_lines
from .._hosts.wait import wait_for_ssh
from . import api, machine, seen
from .ability import Ability, find_ability
from .create import create_hosts, in_parallel, port_picker
from .design import Image, NewHost, Place, Surroundings, design_hosts, design_warnings, key_mark, networks_of
from .engine import Engine, EngineError
from .image import Images, Wish, login_user, read_release, wish_of
from .places import choose_places, make_places
from .remove import delete_hosts, destroy, names_of, orphans
from .request import Request
from .storage import storage_warnings


@dataclass
class _Present:
    """One run of state=present: what is there and what it will be."""

    engine: Engine
    request: Request
    observed: seen.Seen
    plan: Plan
    outcome: Outcome

    @property
    def doomed(self) -> list[Host]:
        return [*self.plan.broken, *(self.plan.surplus if self.request.purge else ())]

    @property
    def staying(self) -> list[Host]:
        return [*self.plan.keep, *(() if self.request.purge else self.plan.surplus)]

    @property
    def groups(self) -> list[Group]:
        """The groups that get new hosts."""
        nodes = {slot.node for slot in self.plan.create}
        return [group for group in self.request.groups if group.node in nodes]


def present(engine: Engine, request: Request) -> Outcome:
    """Converge the hosts of an infrastructure; raises HostsError, EngineError."""
    observed = api.observe(engine, request.infrastructure)
    last = max(observed.marks.values(), default=-1)
    plan = make_plan(request.groups, observed.hosts, request.wanted, last)
    run = _Present(engine, request, observed, plan, Outcome(before=_lines(observed, observed.hosts)))
    places = _places(run)
    wishes = _wishes(run)
    if request.check:
        images = {node: Image("", request.user or login_user(wish)) for node, wish in wishes.items()}
        new = _design(run, places, images, list(run.staying))
        _predict(run, places, new)
        return run.outcome
    return _apply(run, places, wishes)


def absent(engine: Engine, request: Request) -> Outcome:
    """Remove an infrastructure; raises HostsError when something is left."""
    observed = api.observe(engine, request.infrastructure)
    names = [host.name for host in observed.hosts]
    outcome = Outcome(before=_lines(observed, observed.hosts), deleted=names, changed=bool(names_of(observed)))
    if not request.check:
        outcome.deleted = destroy(engine, request.infrastructure, observed) if outcome.changed else []
    return outcome


def started(engine: Engine, request: Request) -> Outcome:
    """Start all hosts that are stopped and wait until they answer."""
    observed = api.observe(engine, request.infrastructure)
    hosts = _start(engine, request, observed.hosts)
    after = [replace(host, state=RUNNING) for host in observed.hosts]
    outcome = _switched(observed, after)
    outcome.started = [host.name for host in hosts]
    outcome.instances = instances(observed.hosts if request.check else after)
    return outcome


def stopped(engine: Engine, request: Request) -> Outcome:
    """Stop all hosts that run."""
    observed = api.observe(engine, request.infrastructure)
    running = [host.name for host in observed.hosts if host.state == RUNNING]
    if running and not request.check:
        api.stop_hosts(engine, running)
    after = [replace(host, state=STOPPED) for host in observed.hosts]
    outcome = _switched(observed, after)
    outcome.stopped = running
    outcome.instances = instances(observed.hosts if request.check else after)
    return outcome


def _apply(run: _Present, places: dict[str, Place], wishes: dict[str, Wish]) -> Outcome:
    request, engine, outcome = run.request, run.engine, run.outcome
    images, limits = _images(run, wishes)
    delete_hosts(engine, request.infrastructure, run.observed, run.doomed, [host.id for host in run.staying])
    places = make_places(engine, request.infrastructure, places)
    new = _design(run, places, images, list(run.staying))
    if new:
        outcome.warnings += filter(None, [machine.make_room_for(len(api.list_hosts(engine)) + len(new))])
    outcome.created = create_hosts(engine, request, new, limits)
    found = api.list_hosts(engine, request.infrastructure) if new else list(run.staying)
    wanted = {host.name for host in [*run.plan.keep, *(item.as_host() for item in new)]}
    kept = [host for host in found if host.name in wanted]
    rekeyed = _rekey(engine, request, [host for host in run.plan.keep if host.state == RUNNING])
    begun = _start(engine, request, kept, outcome.created)
    outcome.started = [host.name for host in begun]
    outcome.deleted = [host.name for host in run.doomed]
    kept = [replace(host, state=RUNNING) for host in kept]
    outcome.instances = instances(kept, outcome.created)
    outcome.surplus = [] if request.purge else instances(run.plan.surplus)
    made = [place for place in places.values() if place.engine_name not in {item.name for item in run.observed.all_networks}]
    outcome.changed = bool(outcome.created or begun or outcome.deleted or rekeyed or made)
    outcome.after = _after(run, places, new)
    return outcome


def _predict(run: _Present, places: dict[str, Place], new: list[NewHost]) -> None:
    """Fill in what check mode tells."""
    outcome, request = run.outcome, run.request
    outcome.created = [host.name for host in new]
    outcome.started = [host.name for host in run.plan.keep if host.state != RUNNING]
    outcome.deleted = [host.name for host in run.doomed]
    outcome.instances = instances([*run.plan.keep, *(host.as_host() for host in new)], outcome.created)
    outcome.surplus = [] if request.purge else instances(run.plan.surplus)
    made = any(not place.exists for place in places.values())
    outcome.changed = bool(new or outcome.started or outcome.deleted or made)
    outcome.after = _after(run, places, new)


def _places(run: _Present) -> dict[str, Place]:
    """The networks that the groups use; those that no group uses are left out."""
    used = {net.name for group in run.request.groups for net in networks_of(group, run.request.networks)}
    wanted = [network for network in run.request.networks if network.name in used]
    return choose_places(run.request.infrastructure, wanted, run.observed.all_networks)


def _wishes(run: _Present) -> dict[str, Wish]:
    release = read_release()
    result = {}
    for group in run.groups:
        result[group.node], warning = wish_of(group, run.request.registry, release)
        run.outcome.warnings += [warning] if warning else []
    run.outcome.warnings += storage_warnings(run.groups) + design_warnings(run.groups, machine.cpu_count())
    return result


def _images(run: _Present, wishes: dict[str, Wish]) -> tuple[dict[str, Image], bool]:
    """Return the image of each group, built where it is missing, and whether limits work here."""
    if not wishes:
        return {}, True
    found: list[Ability] = []

    def ability(engine: Engine, base: str) -> Engine:
        found.append(find_ability(engine, base))
        return found[-1].engine(engine)

    maker = Images(run.engine, Path(run.request.image_files), run.request.user, ability)
    made = {wish: maker.get(wish) for wish in dict.fromkeys(wishes.values())}
    run.engine = ability(run.engine, next(iter(made.values())).tag)
    if not found[-1].limits:
        maker.warnings.append("This machine cannot limit the CPUs and the memory of hosts.")
    run.outcome.warnings += maker.warnings
    return {node: made[wish] for node, wish in wishes.items()}, found[-1].limits


def _design(run: _Present, places: dict[str, Place], images: dict[str, Image], others: list[Host]) -> list[NewHost]:
    request = run.request
    if not run.plan.create:
        return []
    published = any(group.public and group.ports for group in run.groups)
    taken = [port for host in api.list_hosts(run.engine) for port in host.facts.get("ports", [])] if published else []
    pick = port_picker(request.publish_address, taken)
    around = Surroundings(places, images, pick, machine.cpu_count(), request.publish_address)
    return design_hosts(request.infrastructure, request.groups, run.plan.create, others, around)


def _start(engine: Engine, request: Request, hosts: Iterable[Host], created: Iterable[str] = ()) -> list[Host]:
    """Start the hosts that do not run and wait for them and for `created`; return those that were started."""
    every, fresh = list(hosts), set(created)
    asleep = [host for host in every if host.state != RUNNING]
    if request.check:
        return asleep
    failed = in_parallel(lambda host: api.start_host(engine, host.name), asleep)
    if failed:
        raise HostsError("; ".join(f"Host {host.name} does not start: {reason}" for host, reason in failed) + ".")
    awaited = {str(host.facts.get("private_ip")): host for host in every if host in asleep or host.name in fresh}
    silent = wait_for_ssh([address for address in awaited if address], request.timeout)
    if silent:
        _complain(engine, request, [awaited[address] for address in silent])
    return asleep


def _complain(engine: Engine, request: Request, silent: list[Host]) -> None:
    states = {host.name: host.state for host in api.list_hosts(engine, request.infrastructure)}
    parts = [
        f"{host.name} ({states.get(host.name, 'gone')}; last words: {api.last_log_lines(engine, host.name) or 'none'})"
        for host in silent
    ]
    raise HostsError(
        f"No answer by SSH within {request.timeout} s from {', '.join(parts)}.",
        "run again to wait longer, or look into the host with `podman exec`.",
    )


def _rekey(engine: Engine, request: Request, running: list[Host]) -> list[str]:
    """Give hosts that were made with another key the wanted one; return the names of those that changed."""
    changed: list[str] = []

    def write(host: Host) -> None:
        if api.write_key(engine, host.name, request.public_key):
            changed.append(host.name)

    failed = in_parallel(write, [host for host in running if host.facts.get("key") != key_mark(request.public_key)])
    if failed:
        raise EngineError(f"the key of host {failed[0][0].name} cannot be written: {failed[0][1]}")
    return changed


def _switched(observed: seen.Seen, after: list[Host]) -> Outcome:
    changed = any(old.state != new.state for old, new in zip(observed.hosts, after, strict=True))
    return Outcome(changed=changed, before=_lines(observed, observed.hosts), after=_lines(observed, after))


def _lines(observed: seen.Seen, hosts: Iterable[Host]) -> list[str]:
    networks = {item.name: ", ".join(item.subnets) for item in observed.networks}
    volumes = {item.name: "" for item in observed.volumes if seen.LAST not in item.labels}
    return [*map(host_line, hosts), *resource_lines("network", networks), *resource_lines("volume", volumes)]


def _after(run: _Present, places: dict[str, Place], new: list[NewHost]) -> list[str]:
    going = set(orphans(run.observed, [host.id for host in run.doomed]))
    known = {item.name for item in run.observed.networks}
    networks = [
        seen.SeenNetwork(place.engine_name, {}, (str(place.subnet),))
        for place in places.values()
        if place.engine_name not in known and not place.network.provider_id
    ]
    volumes = {item.name: item for item in run.observed.volumes if item.name not in going}
    for host in new:
        volumes |= {mount.volume: seen.SeenVolume(mount.volume) for mount in host.mounts if mount.labels is not None}
    future = seen.Seen((), (*run.observed.networks, *networks), tuple(volumes.values()))
    kept = [replace(host, state=RUNNING) for host in run.plan.keep]
    surplus = [] if run.request.purge else list(run.plan.surplus)
    made = [replace(host.as_host(), state=RUNNING) for host in new]
    return _lines(future, [*kept, *surplus, *made])

