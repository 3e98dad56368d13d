# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state=present: takes hosts until there are as many as wanted, and gives back those that are too many."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from .._hosts.model import PLANNED, RUNNING, Group, Host, HostsError
from .._hosts.options import host_name, slug
from .._hosts.plan import Plan, make_plan
from .._hosts.progress import say
from .._hosts.result import Outcome, host_line, instances
from . import scripts
from .absent import give_back
from .match import Free, Matched, match, public_address
from .record import Kept, Mark, Record
from .remote import Probe, RemoteError, in_parallel
from .seen import Request, Seen, ask_again, fail_for_silent, keep, names_of_silent, observe

_TOKEN_BYTES = 4


def present(request: Request) -> Outcome:
    """Converge the hosts, or in check mode tell what that would do; raises HostsError."""
    with request.memory.alone(request.timeout):
        seen = observe(request, patient=True)
        warnings = [f"Host {place} does not bear our mark any more; it is not ours now." for place in seen.lost]
        if request.forget_unreachable and seen.silent:
            warnings.append(f"Given up, since there is no answer by SSH: {names_of_silent(seen)}.")
            gone = seen.record.without(*seen.silent)
            seen = replace(seen, record=replace(gone, last=seen.last), silent={})
        fail_for_silent(request, seen)
        plan = make_plan(request.groups, seen.hosts(), request.wanted, max(seen.last, request.last_id))
        seen, matched = _match(request, seen, plan)
        run = _Run(request, seen, plan, matched, Outcome(warnings=[*warnings, *matched.warnings]))
        return run.predict() if request.check else run.apply()


@dataclass
class _Run:
    """One convergence: what is there, what is wanted, and what comes out."""

    request: Request
    seen: Seen
    plan: Plan
    matched: Matched
    outcome: Outcome
    record: Record = field(init=False)

    def __post_init__(self) -> None:
        ours = [kept for kept, _probe in self.seen.ours.values()]
        known = self.seen.record.without(*self.seen.lost, *self.seen.gone)
        self.record = replace(known.with_hosts(*ours), last=self.seen.last)

    def predict(self) -> Outcome:
        """Tell what `apply` would do."""
        new = [kept.as_host(RUNNING) for kept, _old in self._new("")]
        self._tell(new)
        # The plays of a plan log in to hosts that our key opens already, and to no other.
        closed = {*self.outcome.created, *(kept.mark.name for kept, _old in self._rekeyed() if kept.mark)}
        hosts = [replace(host, state=PLANNED) if host.name in closed else host for host in (*self.plan.keep, *new)]
        self.outcome.instances = instances(hosts, self.outcome.created)
        return self.outcome

    def apply(self) -> Outcome:
        """Take hosts, let the key in, give hosts back."""
        new = self._new(secrets.token_hex(_TOKEN_BYTES))
        # Written before the first host is touched: whatever happens then, the hosts are known.
        self._write(self.record.with_hosts(*(replace(kept, mark=None) for kept, _old in new)))
        self._take([*new, *self._rekeyed()], {kept.entry.place for kept, _old in new})
        hosts = [kept.as_host(RUNNING) for kept, _old in new]
        self._tell(hosts)
        if self.request.purge and self.plan.surplus:
            self._give_back()
        return self.outcome

    def _write(self, record: Record) -> None:
        if record != self.request.memory.read():
            self.request.memory.write(record)
        self.record = record

    def _new(self, token: str) -> list[tuple[Kept, str]]:
        """The hosts to take, as they are to be remembered, each with the key that was let in before."""
        groups = {group.node: group for group in self.request.groups}
        probes = {probe.entry.place: probe for probe in self.seen.free}
        last = max([self.seen.last, *(slot.id for slot in self.plan.create)])
        result = []
        for slot in self.plan.create:
            probe = probes[self.matched.hosts[slot.id].entry.place]
            mark = new_mark(self.request, groups[slot.node], slot.id, probe)
            result.append((keep(probe, replace(mark, token=token and f"{token}{slot.id:x}", last=last)), ""))
        return result

    def _rekeyed(self) -> list[tuple[Kept, str]]:
        """The hosts that stay and that the key does not open yet."""
        result = []
        for host in self._staying():
            kept, probe = self.seen.ours[host.id]
            if kept.mark is not None and not probe.has_key:
                changed = replace(kept.mark, key=self.request.public_key, user=probe.user)
                result.append((replace(kept, mark=changed), kept.mark.key))
        return result

    def _staying(self) -> list[Host]:
        surplus = () if self.request.purge else self.plan.surplus
        return sorted([*self.plan.keep, *surplus], key=lambda host: host.id)

    def _take(self, work: Sequence[tuple[Kept, str]], new: set[str]) -> None:
        if not work:
            return
        say(f"taking hosts: {len(work)}")
        ssh, groups = self.request.ssh(self.record), {group.node: group for group in self.request.groups}

        def take(item: tuple[Kept, str]) -> str:
            kept, old_key = item
            mark = kept.mark
            if mark is None:
                return ""
            text = base64.b64encode(mark.text().encode()).decode()
            folders = _folders(groups[mark.node]) if mark.node in groups and kept.entry.place in new else ()
            script = scripts.take(mark.infrastructure, mark.id, text, self.request.public_key, old_key, folders)
            found = ssh.run(kept.entry, script)
            return "" if found.get("taken") == "yes" else found.get("owner", "") or "somebody else"

        answers = in_parallel(take, work)
        taken = [item[0] for item, answer in answers if answer == ""]
        self._write(self.record.with_hosts(*taken))
        failed = [_why(item[0], answer, self.request.infrastructure) for item, answer in answers if answer != ""]
        if failed:
            raise HostsError(f"{'; '.join(failed)}.", "run again: what was done is kept.")

    def _give_back(self) -> None:
        surplus = [self.seen.ours[host.id][0] for host in self.plan.surplus]
        self._remember_last(max(host.id for host in self.plan.surplus))
        self._write(self.record.with_hosts(*(replace(kept, leaving=True) for kept in surplus)))
        left = give_back(self.request, self.record, surplus)
        self._write(self.record.without(*(kept.entry.place for kept in surplus if kept.entry.place not in left)))
        if left:
            raise HostsError(
                f"Hosts are not given back: {'; '.join(f'{place} ({why})' for place, why in left.items())}.",
                "run again when they answer.",
            )

    def _remember_last(self, leaving: int) -> None:
        """Keep the highest number of the hosts that go: on the controller, and on a host that stays."""
        last = max(self.record.last, leaving)
        self._write(replace(self.record, last=last))
        going = {host.id for host in self.plan.surplus}
        keepers = [kept for kept in self.record.hosts.values() if kept.mark and kept.mark.id not in going]
        marks = [kept.mark for kept in keepers if kept.mark]
        if marks and max(max(mark.last, mark.id) for mark in marks) < last:
            self._take([(replace(keepers[0], mark=replace(marks[0], last=last)), "")], set())

    def _tell(self, new: list[Host]) -> None:
        """Fill in the outcome: the same for what was done and for what would be done."""
        outcome, purge = self.outcome, self.request.purge
        outcome.warnings += _volume_warnings(self.request.groups, self.plan)
        outcome.created = [host.name for host in new]
        outcome.deleted = [host.name for host in self.plan.surplus] if purge else []
        outcome.surplus = [] if purge else instances(self.plan.surplus)
        outcome.instances = instances([*self.plan.keep, *new], outcome.created)
        rekeyed = [kept.mark.name for kept, _old in self._rekeyed() if kept.mark]
        outcome.before = lines(self.seen.hosts()) + [f"key of host {name}: another" for name in rekeyed]
        outcome.after = lines([*self._staying(), *new]) + [f"key of host {name}: public_key" for name in rekeyed]
        outcome.changed = sorted(outcome.before) != sorted(outcome.after)


def new_mark(request: Request, group: Group, number: int, probe: Probe) -> Mark:
    """Return the mark of a host that becomes host `number`; raises HostsError for a name that none can have."""
    hostname, fqdn = host_name(group, number)
    return Mark(
        infrastructure=request.infrastructure,
        id=number,
        node=group.node,
        name=f"{request.infrastructure}-{slug(group.instance_name)}-{number}",
        hostname=hostname,
        fqdn=fqdn,
        token="",
        user=probe.user,
        key=request.public_key,
        public_ip=(public_address(probe.entry) or probe.ssh_address) if group.public else "",
        private_ip=probe.entry.private_ip or probe.own_address or probe.ssh_address,
    )


def lines(hosts: Iterable[Host]) -> list[str]:
    """Return the lines of a diff."""
    return [f"{host_line(host)} at {host.facts.get('ssh_address')}" for host in hosts]


def _match(request: Request, seen: Seen, plan: Plan) -> tuple[Seen, Matched]:
    """Find hosts for what is missing; wait for those that do not answer when there are too few."""

    def attempt(found: Seen) -> Matched:
        free = [Free(probe.entry, probe.cpus, probe.memory) for probe in found.free]
        return match(plan.create, request.groups, free, [*found.others.values()])

    try:
        return seen, attempt(seen)
    except HostsError:
        if not seen.down:
            raise
    seen = ask_again(request, seen)
    return seen, attempt(seen)


def _folders(group: Group) -> list[str]:
    return [volume.mount for volume in group.volumes if volume.mount]


def _volume_warnings(groups: Sequence[Group], plan: Plan) -> list[str]:
    growing = {slot.node for slot in plan.create}
    return [
        f"Hosts that exist already get no volumes: {volume.mount or volume.name} of group {group.node} is a folder on"
        " the disk that they have."
        for group in groups
        for volume in group.volumes
        if group.node in growing and volume.mount
    ]


def _why(kept: Kept, answer: str | RemoteError, infrastructure: str) -> str:
    place = kept.entry.place
    if isinstance(answer, RemoteError):
        return f"Host {place} cannot be taken ({answer})"
    if answer == infrastructure:
        return f"Host {place} is named twice, with another address"
    return f"Host {place} was taken by {answer} at the same time"
