# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key pair of an infrastructure. It belongs to a user, not to the project."""

from __future__ import annotations

import hashlib
from functools import partial

from .._hosts.changes import Changes
from .._hosts.model import HostsError
from . import kinds
from .cloud import Cloud
from .kinds import KEYS, Resource
from .request import Request
from .seen import Seen


class Key:
    """The key pair of an infrastructure."""

    def __init__(self, cloud: Cloud, request: Request, seen: Seen, changes: Changes) -> None:
        self._cloud, self._request, self._seen, self._changes = cloud, request, seen, changes
        self.name = kinds.key_name(request.infrastructure)
        self.mark = key_mark(request.public_key)

    def check(self) -> None:
        """Raise HostsError when hosts exist that another key opens: OpenStack cannot change that."""
        if any(host.facts["key"] not in ("", self.mark) for host in self._seen.hosts):
            raise HostsError(
                f"The hosts of {self._request.infrastructure} were made with another key pair than the one here.",
                "bring back the key folder of the infrastructure, or destroy the infrastructure first.",
            )

    def build(self) -> None:
        """Import the public key when it is not there. Raises HostsError."""
        found = next(iter(self._seen.of(KEYS)), None)
        line = f"key pair {self.name}"
        if found is not None and key_mark(str(found["public_key"])) == self.mark:
            self._changes.keep(line)
        elif found is None:
            self._changes.add(line, self._import)
        else:
            self._changes.alter(f"{line}: another key", line, lambda: self._cloud.delete(KEYS, self.name))
            self._changes.do(self._import)

    def _import(self) -> Resource:
        body = {"name": self.name, "public_key": self._request.public_key}
        look = partial(self._cloud.key, self._request.infrastructure)
        return self._cloud.create(KEYS, {KEYS.one: body}, look, known=("already exists",))


def key_mark(public_key: str) -> str:
    """Return what tells one public key from another."""
    return hashlib.sha256(" ".join(public_key.split()[:2]).encode()).hexdigest()[:32]
