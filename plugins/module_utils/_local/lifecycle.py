# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, stopping and removing what is there; waiting for hosts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from .._hosts.choose import choose_hosts
from .._hosts.model import BROKEN, RUNNING, STOPPED, Host, HostsError
from .._hosts.progress import Counter, say
from .._hosts.result import Outcome, host_line, instances, resource_lines
from .._hosts.wait import wait_for_ssh
from . import api, machine, seen
from .addresses import Addresses
from .addresses import start as start_host
from .create import in_parallel
from .engine import Engine, EngineError
from .remove import destroy, names_of
from .request import Request
from .resize import limit_again


def absent(engine: Engine, request: Request) -> Outcome:
    """Remove an infrastructure; raises HostsError when something is left."""
    observed = api.observe(engine, request.infrastructure)
    outcome = Outcome(before=lines(observed, observed.hosts), changed=bool(names_of(observed)))
    outcome.deleted = [host.name for host in observed.hosts]
    if outcome.changed and not request.check:
        outcome.deleted = destroy(engine, request.infrastructure, observed)
    return outcome


def started(engine: Engine, request: Request) -> Outcome:
    """Start the chosen hosts that are stopped and wait until the chosen ones answer; raises HostsError."""
    observed = _alive(api.observe(engine, request.infrastructure))
    chosen = choose_hosts(observed.hosts, request.hosts)
    asleep = [host for host in chosen if host.state != RUNNING]
    outcome = _switched(observed, chosen, RUNNING, request.check)
    outcome.started = [host.name for host in asleep]
    if not request.check:
        warnings, now = start_hosts(engine, request.infrastructure, asleep)
        outcome.warnings += warnings
        chosen = [now.get(host.name, host) for host in chosen]
        wait_for_hosts(engine, request, chosen, new=set(now))
        outcome.instances = instances(_as_now(observed.hosts, now))
    return outcome


def stopped(engine: Engine, request: Request) -> Outcome:
    """Stop the chosen hosts that run."""
    observed = _alive(api.observe(engine, request.infrastructure))
    chosen = choose_hosts(observed.hosts, request.hosts)
    running = [host.name for host in chosen if host.state == RUNNING or host.facts.get(seen.STOPPING)]
    outcome = _switched(observed, chosen, STOPPED, request.check)
    outcome.stopped = running
    if running and not request.check:
        api.stop_hosts(engine, running)
    return outcome


def rebooted(engine: Engine, request: Request) -> Outcome:
    """Restart the chosen hosts, of all those that run, and wait until they answer; raises HostsError."""
    observed = _alive(api.observe(engine, request.infrastructure))
    chosen = choose_hosts(observed.hosts, request.hosts)
    running = [host for host in chosen if host.state == RUNNING]
    if request.hosts and len(running) < len(chosen):
        names = ", ".join(host.name for host in chosen if host.state != RUNNING)
        raise HostsError(f"Only hosts that run can be restarted; stopped: {names}.", "start them instead.")
    outcome = _switched(observed, (), RUNNING, request.check)
    outcome.rebooted = [host.name for host in running]
    outcome.changed = bool(running)
    outcome.after += [f"host {name}: restarted" for name in outcome.rebooted]
    if running and not request.check:
        say(f"restarting hosts: {len(running)}")

        addresses = Addresses(engine, request.infrastructure)
        now: dict[str, Host] = {}

        def restart(host: Host) -> None:
            now[host.name] = _restarted(engine, host, addresses)

        failed = in_parallel(restart, running)
        if failed:
            raise HostsError("; ".join(f"Host {host.name} does not restart: {why}" for host, why in failed) + ".")
        outcome.warnings += _moves(running, now)
        wait_for_hosts(engine, request, now.values(), new=outcome.rebooted)
        outcome.instances = instances(_as_now(observed.hosts, now))
    return outcome


def _restarted(engine: Engine, host: Host, addresses: Addresses) -> Host:
    """Restart a host; one that stops and does not start again is started as any host that is stopped."""
    try:
        api.restart_host(engine, host.name)
    except EngineError:
        host = start_host(engine, host, addresses)
    limit_again(engine, host)
    return host


def _as_now(hosts: Iterable[Host], running: dict[str, Host]) -> list[Host]:
    """Return hosts, with those that were started as they are now."""
    return [replace(running[host.name], state=RUNNING) if host.name in running else host for host in hosts]


def start_hosts(engine: Engine, infrastructure: str, asleep: Sequence[Host]) -> tuple[list[str], dict[str, Host]]:
    """Start hosts; return warnings, and the hosts as they are then by their names.

    Raises HostsError naming those that do not start.
    """
    if not asleep:
        return [], {}
    say(f"starting hosts: {len(asleep)}")
    room = machine.make_room_for(len(api.list_hosts(engine)))
    addresses = Addresses(engine, infrastructure)
    now: dict[str, Host] = {}

    def start(host: Host) -> None:
        now[host.name] = start_host(engine, host, addresses)
        limit_again(engine, host)

    failed = in_parallel(start, asleep)
    if failed:
        raise HostsError("; ".join(f"Host {host.name} does not start: {reason}" for host, reason in failed) + ".")
    return [*([room] if room else []), *_moves(asleep, now)], now


def _moves(before: Iterable[Host], now: dict[str, Host]) -> list[str]:
    """Say which hosts have another address than before."""
    pairs = [(host.facts.get("private_ip"), now[host.name]) for host in before]
    return [
        f"Host {host.name} has the address {host.facts['private_ip']} now: {old} is not free any more."
        for old, host in pairs
        if old != host.facts.get("private_ip")
    ]


def wait_for_hosts(engine: Engine, request: Request, hosts: Iterable[Host], new: Collection[str] = ()) -> None:
    """Wait until all hosts answer by SSH; raises HostsError naming those that do not, and what they said last.

    The `new` ones among them are told when they answer: people wait for them.
    """
    by_address = {str(host.facts.get("private_ip") or ""): host for host in hosts}
    counter = Counter(len(new), "answers by SSH")

    def heard(address: str) -> None:
        if by_address[address].name in new:
            counter.count(by_address[address].name)

    silent = wait_for_ssh([address for address in by_address if address], request.timeout, heard=heard)
    if not silent:
        return
    states = {host.name: host.state for host in api.list_hosts(engine, request.infrastructure)}
    names = [by_address[address].name for address in silent]
    parts = [f"{name} ({states.get(name, 'gone')}; last words: {api.last_log_lines(engine, name)})" for name in names]
    raise HostsError(
        f"No answer by SSH within {request.timeout} s from {', '.join(parts)}.",
        f"run again to wait longer, or look into the host: {engine.name} exec -it {names[0]} journalctl",
    )


def lines(observed: seen.Seen, hosts: Iterable[Host]) -> list[str]:
    """Return the lines of a diff for `hosts` and for the observed networks and volumes."""
    networks = {item.name: ", ".join(item.subnets) for item in observed.networks}
    volumes = {item.name: "" for item in observed.volumes if not item.is_memory}
    return [*map(host_line, hosts), *resource_lines("network", networks), *resource_lines("volume", volumes)]


def _alive(observed: seen.Seen) -> seen.Seen:
    return replace(observed, hosts=tuple(host for host in observed.hosts if host.state != BROKEN))


def _switched(observed: seen.Seen, chosen: Collection[Host], state: str, check: bool) -> Outcome:
    """What changes when the chosen hosts get another state."""
    names = {host.name for host in chosen}
    after = [replace(host, state=state) if host.name in names else host for host in observed.hosts]
    return Outcome(
        instances=instances(observed.hosts if check else after),
        changed=any(host.state != state for host in chosen),
        before=lines(observed, observed.hosts),
        after=lines(observed, after),
    )
