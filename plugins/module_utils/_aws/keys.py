# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key pair of an infrastructure. It also remembers the highest number ever used, and its id marks one life of the
infrastructure: a name that is used again gets new client tokens."""

from __future__ import annotations

import hashlib

from .._hosts.model import HostsError
from . import kinds
from .changes import Changes
from .cloud import Cloud
from .kinds import Resource, as_tags, tag_specifications, tags_of
from .network import PLANNED
from .request import Request
from .seen import Seen


class Key:
    """The key pair of an infrastructure; `id` is PLANNED in check mode when there is none yet."""

    def __init__(self, cloud: Cloud, request: Request, seen: Seen, changes: Changes) -> None:
        self._cloud, self._request, self._seen, self._changes = cloud, request, seen, changes
        self.name = key_name(request.infrastructure)
        self.id = PLANNED

    def build(self) -> None:
        """Import the public key when EC2 does not have it.

        Raises HostsError when hosts exist that another key opens: EC2 cannot change that.
        """
        mark = key_mark(self._request.public_key)
        found = next(iter(self._seen.of(kinds.KEYS)), None)
        line = f"key pair {self.name}"
        if found is not None and tags_of(found).get(kinds.KEY) == mark:
            self._changes.keep(line)
        elif found is None:
            found = self._changes.add(line, lambda: self._import(mark))
        elif self._seen.hosts:
            raise HostsError(
                f"The hosts of {self._request.infrastructure} were made with another key pair than the one here.",
                "bring back the key folder of the infrastructure, or destroy the infrastructure first.",
            )
        else:
            last = self._seen.last
            self._changes.do(self._forget)
            self._changes.alter(f"{line}: another key", line, lambda: None)
            found = None if self._changes.check else self._import(mark, last)
        self.id = str(found["KeyPairId"]) if found else PLANNED

    def remember(self, last: int) -> None:
        """Write down the highest number that was ever used: before its host goes, and when hosts were made."""
        if last > self._seen.mark:
            tags = as_tags({kinds.LAST: str(last)})
            self._changes.do(lambda: self._cloud.call("create_tags", Resources=[self.id], Tags=tags))

    def _import(self, mark: str, last: int = -1) -> Resource:
        tags = {kinds.INFRASTRUCTURE: self._request.infrastructure, kinds.KEY: mark, kinds.LAST: str(last)}
        return self._cloud.create(
            "import_key_pair", "", self._look, KeyName=self.name,
            PublicKeyMaterial=self._request.public_key.encode(),
            TagSpecifications=tag_specifications(["key-pair"], tags),
        )  # fmt: skip

    def _look(self) -> Resource | None:
        return next(iter(self._cloud.tagged(kinds.KEYS, self._request.infrastructure)), None)

    def _forget(self) -> None:
        self._cloud.remove("delete_key_pair", kinds.KEYS.missing, KeyName=self.name)


def key_name(infrastructure: str) -> str:
    """Return the name of the key pair of an infrastructure."""
    return f"im-{infrastructure}"


def key_mark(public_key: str) -> str:
    """Return what tells one public key from another."""
    return hashlib.sha256(" ".join(public_key.split()[:2]).encode()).hexdigest()[:32]
