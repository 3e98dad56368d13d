# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that opens hosts which were made with another one."""

from __future__ import annotations

from collections.abc import Iterable

from .._hosts.model import RUNNING, Host
from . import api
from .create import in_parallel
from .design import key_mark
from .engine import Engine, EngineError


def hosts_with_other_key(engine: Engine, hosts: Iterable[Host], key: str) -> list[Host]:
    """Return the running hosts that `key` does not open; raises EngineError.

    Asks only those whose label tells another key.
    """
    asked = [host for host in hosts if host.state == RUNNING and host.facts.get("key") != key_mark(key)]
    found: dict[str, str] = {}

    def ask(host: Host) -> None:
        found[host.name] = api.read_key(engine, host.name)

    _report(in_parallel(ask, asked), "read")
    return [host for host in asked if found[host.name] != key]


def change_key(engine: Engine, hosts: Iterable[Host], key: str) -> None:
    """Make `key` the one that opens the hosts; raises EngineError."""
    _report(in_parallel(lambda host: api.write_key(engine, host.name, key), hosts), "written")


def _report(failed: list[tuple[Host, str]], what: str) -> None:
    if failed:
        raise EngineError(f"the key of host {failed[0][0].name} cannot be {what}: {failed[0][1]}")
