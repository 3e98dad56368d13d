# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some hosts out of all, as a person names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .model import Host, HostsError


def choose_hosts(hosts: Sequence[Host], words: Iterable[str]) -> list[Host]:
    """Return the hosts that the words name, all without a word; raises HostsError listing those that are there.

    A word is a host's name in the cloud, its own name, its full name, its id in the cloud or its number.
    """
    wanted = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if not wanted:
        return list(hosts)
    found = {word: [host for host in hosts if word in _names(host)] for word in wanted}
    unknown = [word for word, matches in found.items() if not matches]
    if unknown:
        there = ", ".join(f"{host.name} ({host.facts.get('hostname') or host.id})" for host in hosts) or "none"
        what = "host" if len(unknown) == 1 else "hosts"
        raise HostsError(f"There is no {what} {', '.join(unknown)}.", f"hosts that are there: {there}.")
    several = next((word for word, matches in found.items() if len(matches) > 1), None)
    if several is not None:
        names = ", ".join(host.name for host in found[several])
        raise HostsError(f"{several!r} names several hosts.", f"take one of {names}.")
    chosen = {host.id for matches in found.values() for host in matches}
    return [host for host in hosts if host.id in chosen]


def choose_one(hosts: Sequence[Host], words: Sequence[str]) -> Host:
    """Return the one host that is named; raises HostsError when it is not exactly one."""
    if len(words) != 1:
        there = ", ".join(host.name for host in hosts) or "none"
        raise HostsError("Name exactly one host.", f"hosts that are there: {there}.")
    return choose_hosts(hosts, words)[0]


def _names(host: Host) -> set[str]:
    own = [str(host.facts[key]) for key in ("hostname", "fqdn") if host.facts.get(key)]
    return {host.name, host.cloud_id, str(host.id), *own}
