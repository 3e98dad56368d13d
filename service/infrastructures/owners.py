# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who an infrastructure belongs to."""

from __future__ import annotations

from ..auth.identity import Member
from ..db.engine import session_scope
from ..db.models import Infrastructure, Owner
from .context import Caller, Service, open_infrastructure


def owner_names(found: Infrastructure) -> list[str]:
    """Return the names of the owners in the order in which they were added."""
    return [owner.user for owner in found.owners]


def change_owner(service: Service, caller: Caller, key: str, member: Member, overwrite: bool) -> None:
    """Add an owner, or make it the only one."""
    with session_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        if overwrite:
            found.owners.clear()
            session.flush()
        if any(owner.identity == member.key for owner in found.owners):
            return
        position = max((owner.position for owner in found.owners), default=-1) + 1
        found.owners.append(Owner(user=member.user, identity=member.key, position=position))
