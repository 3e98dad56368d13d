# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module was asked for, and what the hosts say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .._hosts.model import DEFAULT_NETWORK, RUNNING, STOPPED, Group, Host, HostsError, Network, Slot
from .._hosts.progress import say
from .entries import Entry
from .record import Kept, Mark, Memory, Record
from .remote import Probe, RemoteError, Ssh, as_user, in_parallel, patiently


@dataclass(frozen=True)
class Request:
    """The options of the module, checked. `folder`: where the key pair and the record are on the controller."""

    infrastructure: str
    folder: str
    entries: tuple[Entry, ...] = ()
    networks: tuple[Network, ...] = (DEFAULT_NETWORK,)
    groups: tuple[Group, ...] = ()
    wanted: tuple[Slot, ...] | None = None
    purge: bool = True
    public_key: str = ""
    user: str = ""
    private_key_file: str = ""
    forget_unreachable: bool = False
    timeout: int = 120
    check: bool = False
    hosts: tuple[str, ...] = ()
    last_id: int = -1

    @property
    def memory(self) -> Memory:
        """The record on the controller."""
        return Memory(self.folder, self.infrastructure)

    def ssh(self, record: Record) -> Ssh:
        """Return how to log in; nothing is written in check mode, or where there is no folder yet."""
        writable = os.path.isdir(self.folder) and not self.check
        known_hosts = os.path.join(self.folder, "known_hosts")
        return Ssh(
            own_key_file=os.path.join(self.folder, "id_ed25519"),
            private_key_file=self.private_key_file,
            known_hosts=known_hosts if writable or os.path.exists(known_hosts) else "",
            key_first=frozenset(record.hosts),
        )


@dataclass(frozen=True)
class Seen:
    """What is there: hosts of the infrastructure, hosts that may be taken, and why others may not.

    `silent`: hosts that are ours as far as the controller remembers, and that do not answer, with the reason. `lost`:
    hosts that were ours and do not say so any more. `gone`: hosts that were given back by a run that was cut off.
    `others`: reasons by place. `down`: hosts to ask again when there are too few.
    """

    record: Record
    ours: Mapping[int, tuple[Kept, Probe]] = field(default_factory=dict)
    free: Sequence[Probe] = ()
    silent: Mapping[str, str] = field(default_factory=dict)
    lost: Sequence[str] = ()
    gone: Sequence[str] = ()
    others: Mapping[str, str] = field(default_factory=dict)
    down: Sequence[Entry] = ()

    @property
    def last(self) -> int:
        """The highest number that was ever used, as far as controller and hosts know."""
        marks = [max(probe.mark.last, probe.mark.id) for _kept, probe in self.ours.values() if probe.mark]
        remembered = [kept.mark.id for kept in self.record.hosts.values() if kept.mark]
        return max([self.record.last, *marks, *remembered])

    def hosts(self) -> list[Host]:
        """Return the hosts of the infrastructure in the words of the contract; those that are silent are stopped."""
        found = {number: kept.as_host(RUNNING) for number, (kept, _probe) in self.ours.items()}
        for place in self.silent:
            kept = self.record.hosts[place]
            if kept.mark is not None:
                found.setdefault(kept.mark.id, kept.as_host(STOPPED))
        return [found[number] for number in sorted(found)]


def observe(request: Request, patient: bool = False) -> Seen:
    """Ask all hosts that are offered or remembered what they are.

    Raises HostsError. With `patient` it waits for those that should be ours.
    """
    record = request.memory.read()
    offered = [as_user(entry, request.user) for entry in request.entries]
    entries = {kept.entry.place: kept.entry for kept in record.hosts.values()} | {item.place: item for item in offered}
    if entries:
        say(f"asking hosts: {len(entries)}")
    ssh = request.ssh(record)
    remembered = {place for place, kept in record.hosts.items() if kept.mark is not None}

    def ask(entry: Entry) -> Probe:
        return ssh.probe(entry, request.public_key)

    def ask_patiently(entry: Entry) -> Probe:
        return patiently(ask, request.timeout)(entry)

    answers = in_parallel(
        lambda entry: ask_patiently(entry) if patient and entry.place in remembered else ask(entry), entries.values()
    )
    return sort_answers(request, record, answers)


def ask_again(request: Request, seen: Seen) -> Seen:
    """Wait for hosts that did not answer, and return what is there then."""
    ssh = request.ssh(seen.record)
    answers = in_parallel(
        patiently(lambda entry: ssh.probe(entry, request.public_key), min(request.timeout, 60)), seen.down
    )
    more = sort_answers(request, seen.record, [item for item in answers if not isinstance(item[1], RemoteError)])
    asked = {entry.place for entry, answer in answers if not isinstance(answer, RemoteError)}
    others = {place: why for place, why in seen.others.items() if place not in asked}
    order = [entry.place for entry in request.entries]
    free = sorted([*seen.free, *more.free], key=lambda probe: order.index(probe.entry.place))
    return replace(seen, ours={**more.ours, **seen.ours}, free=free, others={**others, **more.others}, down=())


def sort_answers(request: Request, record: Record, answers: Sequence[tuple[Entry, Probe | RemoteError]]) -> Seen:
    """Return what the answers of hosts mean for an infrastructure."""
    ours: dict[int, tuple[Kept, Probe]] = {}
    free: list[Probe] = []
    silent, others = {}, {}
    lost, gone, down = [], [], []
    offered = {entry.place for entry in request.entries}
    for entry, answer in answers:
        kept = record.hosts.get(entry.place)
        was_ours = kept is not None and kept.mark is not None
        if isinstance(answer, RemoteError):
            # The key goes last when a host is given back: where it is refused then, nothing is left.
            if kept is not None and kept.leaving and answer.denied:
                gone.append(entry.place)
            elif was_ours:
                silent[entry.place] = str(answer)
            else:
                others[entry.place] = f"{entry.place} does not let us in ({answer})"
                down.append(entry)
            continue
        mark = answer.mark
        if mark is not None and mark.infrastructure == request.infrastructure:
            if mark.id in ours:
                others[entry.place] = f"{entry.place} is {ours[mark.id][0].entry.place} once more"
            else:
                ours[mark.id] = (keep(answer, mark), answer)
            continue
        if was_ours:
            lost.append(entry.place)
        why = _not_free(answer, mark)
        if why:
            others[entry.place] = f"{entry.place} {why}"
        elif entry.place in offered:
            free.append(answer)
    return Seen(record, ours, free, silent, lost, gone, others, down)


def keep(probe: Probe, mark: Mark | None) -> Kept:
    """Return what the controller remembers of a host."""
    return Kept(probe.entry, mark, max(1, probe.cpus), probe.memory, probe.ssh_address)


def fail_for_silent(request: Request, seen: Seen) -> None:
    """Raise HostsError when a host that is ours does not answer."""
    if seen.silent:
        raise HostsError(
            f"No answer by SSH from {names_of_silent(seen)}.",
            "bring it back and run again, or give it up for good with cloud_static_forget_unreachable=true.",
        )


def names_of_silent(seen: Seen) -> str:
    """Return the hosts that do not answer, with the reasons."""
    parts = []
    for place, reason in seen.silent.items():
        mark = seen.record.hosts[place].mark
        parts.append(f"{mark.name if mark else 'host'} ({place}: {reason})")
    return ", ".join(parts)


def _not_free(probe: Probe, mark: Mark | None) -> str:
    if mark is not None:
        return f"belongs to the infrastructure {mark.infrastructure}"
    return "" if probe.is_root else f"does not let {probe.user} become root by sudo without a password"
