# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving hosts back, and restarting them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from .._hosts.choose import choose_hosts
from .._hosts.model import RUNNING, Host, HostsError
from .._hosts.progress import Counter, say
from .._hosts.result import Outcome, host_line, instances
from . import scripts
from .entries import Entry
from .record import Kept, Record
from .remote import Probe, RemoteError, Ssh, in_parallel
from .seen import Request, Seen, fail_for_silent, names_of_silent, observe

_PAUSE = 1.0


def absent(request: Request) -> Outcome:
    """Give all hosts back; raises HostsError when our key or mark is left on one."""
    with request.memory.alone(request.timeout):
        request = replace(request, public_key=request.public_key or _own_key(request))
        seen = observe(request, patient=not (request.check or request.forget_unreachable))
        hosts = seen.hosts()
        outcome = Outcome(before=[host_line(host) for host in hosts], deleted=[host.name for host in hosts])
        work = _to_give_back(seen)
        outcome.changed = bool(work or seen.silent)
        if request.check:
            return outcome
        if seen.silent and request.forget_unreachable:
            outcome.warnings.append(f"Given up, our key and mark stay there: {names_of_silent(seen)}.")
        leaving = [replace(kept, leaving=True) for kept in work]
        record = replace(seen.record.without(*seen.gone).with_hosts(*leaving), last=seen.last)
        if leaving:
            request.memory.write(record)
        left = give_back(request, record, work)
        if seen.silent and not request.forget_unreachable:
            left |= {place: f"no answer by SSH: {reason}" for place, reason in seen.silent.items()}
        if left:
            places = [kept.entry.place for kept in work if kept.entry.place not in left]
            request.memory.write(record.without(*places))
            raise HostsError(
                f"Infrastructure {request.infrastructure} is not destroyed, left: "
                f"{'; '.join(f'{place} ({why})' for place, why in left.items())}.",
                "bring the host back and destroy again, or give it up with cloud_static_forget_unreachable=true.",
            )
        request.memory.forget()
        return outcome


def give_back(request: Request, record: Record, hosts: Sequence[Kept]) -> dict[str, str]:
    """Remove our key and mark from hosts; return what is left where, by place."""
    if not hosts:
        return {}
    say(f"giving hosts back: {len(hosts)}")
    ssh = request.ssh(record)

    def release(kept: Kept) -> str:
        number = kept.mark.id if kept.mark else None
        other = kept.mark.key if kept.mark else ""
        return ssh.run(kept.entry, scripts.release(request.infrastructure, number, request.public_key, other)).get(
            "left", ""
        )

    answers = in_parallel(release, hosts)
    return {item.entry.place: str(answer) for item, answer in answers if answer}


def rebooted(request: Request) -> Outcome:
    """Restart the chosen hosts and wait until they answer again; raises HostsError."""
    with request.memory.alone(request.timeout):
        seen = observe(request)
        hosts = seen.hosts()
        chosen = choose_hosts(hosts, _words(seen, request.hosts))
        if any(host.state != RUNNING for host in chosen):
            fail_for_silent(request, seen)
        outcome = Outcome(before=[host_line(host) for host in hosts], changed=bool(chosen))
        outcome.rebooted = [host.name for host in chosen]
        outcome.after = [*outcome.before, *(f"host {name}: restarted" for name in outcome.rebooted)]
        outcome.instances = instances(hosts)
        if chosen and not request.check:
            _reboot(request, seen, chosen)
        return outcome


def chosen_of(request: Request) -> tuple[list[Host], list[Host]]:
    """Return the hosts of an infrastructure, and those that the request names; raises HostsError."""
    seen = observe(request)
    hosts = seen.hosts()
    return hosts, choose_hosts(hosts, _words(seen, request.hosts))


def _words(seen: Seen, words: Sequence[str]) -> list[str]:
    """The words that name hosts, with numbers in place of addresses and of the user's own names."""
    numbers: dict[str, int] = {}
    for number, (kept, _probe) in seen.ours.items():
        numbers |= {word: number for word in (kept.entry.place, kept.entry.address, kept.entry.name) if word}
    return [str(numbers.get(word, word)) for word in words]


def _reboot(request: Request, seen: Seen, chosen: Sequence[Host]) -> None:
    say(f"restarting hosts: {len(chosen)}")
    ssh, counter = request.ssh(seen.record), Counter(len(chosen), "answers by SSH again")
    end = time.monotonic() + request.timeout

    def restart(host: Host) -> None:
        _kept, probe = seen.ours[host.id]
        try:
            ssh.run(probe.entry, scripts.reboot())
        except RemoteError as error:
            # A host that goes down closes the connection; whether it does is seen by what it says then.
            refused = error
        else:
            refused = RemoteError("it did not restart")
        while not _is_new(ssh, probe):
            if time.monotonic() > end:
                raise refused
            time.sleep(_PAUSE)
        counter.count(host.name)

    failed = [(host, answer) for host, answer in in_parallel(restart, chosen) if answer is not None]
    if failed:
        names = "; ".join(f"{host.name} ({reason})" for host, reason in failed)
        raise HostsError(f"Hosts do not answer within {request.timeout} s after their restart: {names}.")


def _is_new(ssh: Ssh, before: Probe) -> bool:
    try:
        now = ssh.probe(before.entry, "")
    except RemoteError:
        return False
    return now.boot != before.boot and now.is_root


def _to_give_back(seen: Seen) -> list[Kept]:
    """Hosts that bear our mark, and those that were about to be taken: our key may be there without a mark."""
    work = {kept.entry.place: kept for kept, _probe in seen.ours.values()}
    unsure = [*seen.lost, *(place for place, kept in seen.record.hosts.items() if kept.mark is None)]
    answered: dict[str, Entry] = {probe.entry.place: probe.entry for probe in seen.free}
    for place in unsure:
        if place not in work and (place in answered or place not in seen.others or place in seen.lost):
            work[place] = replace(seen.record.hosts[place], mark=None)
    return list(work.values())


def _own_key(request: Request) -> str:
    try:
        with open(f"{request.folder}/id_ed25519.pub", encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
