# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as an image from which others can be made."""

from __future__ import annotations

import time

from .._hosts.choose import choose_one
from .._hosts.model import HostsError
from .._hosts.options import slug
from .._hosts.progress import say
from .._hosts.result import Outcome, instances
from . import api, seen
from .design import FQDN_VARIABLE, KEY_VARIABLE
from .engine import Engine
from .image import BUILD_SECONDS
from .request import Request

REPOSITORY = "localhost/continuum-snapshot"
# What tells to whom a container belongs, and who may log in, is not part of its image.
_CHANGES = tuple(
    word
    for change in (
        *(f"LABEL {name}=" for name in (seen.INFRASTRUCTURE, seen.NODE, seen.INSTANCE, seen.FACTS)),
        *(f"ENV {name}=" for name in (KEY_VARIABLE, FQDN_VARIABLE)),
    )
    for word in ("--change", change)
)


def snapshot(engine: Engine, request: Request) -> Outcome:
    """Keep a host as an image; raises HostsError when there is one of this name already."""
    observed = api.observe(engine, request.infrastructure)
    host = choose_one(observed.hosts, request.hosts)
    name = slug(request.snapshot) if request.snapshot else time.strftime(f"{host.name}-%Y%m%d-%H%M%S", time.gmtime())
    tag = f"{REPOSITORY}/{request.infrastructure}/{name}"
    if engine.run("images", "-q", tag).strip():
        raise HostsError(f"There is a snapshot {name} of {request.infrastructure} already.", "choose another name.")
    outcome = Outcome(instances=instances(observed.hosts), changed=True, image=f"docker://{tag}")
    outcome.after = [f"image {tag}: {host.name}"]
    if host.facts.get("volumes"):
        outcome.warnings.append(f"What is on volumes is not in the image: {', '.join(host.facts['volumes'])}.")
    if not request.check:
        say(f"making an image of {host.name}")
        engine.run("commit", "-q", *_CHANGES, host.name, tag, timeout=BUILD_SECONDS)
    return outcome
