# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left to do on which host.

The record is a mapping `{version, salt, hosts: {cloud_id: {node: digest}}}` that the first host keeps. A digest
covers the roles of a node (their files too), the evaluated arguments, and so every fact about other hosts that they
use. It is keyed with the salt, since arguments may be secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .._parse.expressions import decode
from .._topology.model import group_word
from .evaluate import Instance, Scene, evaluate
from .hosts import Step, hosts_files, is_reachable

VERSION = 1
PREFIX = "continuum.im."
BASE = "base"
NAMES = "hosts"
NODE = "node:"
RoleDigest = Callable[[str], str]


def read_record(text: str | None) -> dict[str, Any]:
    """Return the record, a new one when there is none or when it cannot be used (then everything runs again)."""
    try:
        found = json.loads(text or "")
        if found["version"] == VERSION and isinstance(found["hosts"], dict) and found["salt"]:
            return dict(found)
    except (ValueError, KeyError, TypeError):
        pass
    return {"version": VERSION, "salt": secrets.token_hex(16), "hosts": {}}


def plan_hosts(
    record: dict[str, Any],
    instances: list[Instance],
    surplus: list[Instance],
    steps: list[Step],
    role_digest: RoleDigest,
    everything: bool = False,
    secrets: Mapping[str, str] | None = None,
    chosen: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """Return one entry a host that has something to do: `{name, groups, roles, digests}`.

    `groups`: im_pending and im_step_<node> for hosts with steps to run, im_informed for those that only get new names,
    im_recipes for those that run foreign recipes.
    `roles`: the roles of this collection that run on the host, by their short names.
    `digests`: what to record when all went well. `everything` ignores the record, `secrets` are the secret inputs by
    their environment variables, `chosen` are the names of the hosts that may be configured: None = all.
    """
    names = _digest(record["salt"], "".join(text for _cloud, text in sorted(hosts_files(instances).items())))
    foreign = {NODE + step["node"] for step in steps if step.get("recipe")}
    # What the hosts are is looked up once for all of them.
    by_group: dict[str, list[Instance]] = {}
    result = []
    for item in instances:
        if not is_reachable(item):
            continue
        scene = Scene(instances, surplus, item, secrets=secrets or {}, by_group=by_group)
        wanted = _wanted(item, record, scene, steps, role_digest)
        recorded = {} if item.get("fresh") else record["hosts"].get(item["cloud_id"], {})
        done = {} if everything else recorded
        if chosen is not None and item["name"] not in chosen:
            result += _left_alone(item, recorded, names)
            continue
        pending = [name for name in wanted if name != BASE and done.get(name) != wanted[name]]
        groups = [f"im_step_{group_word(name.removeprefix(NODE))}" for name in pending]
        if foreign.intersection(pending):
            groups.append("im_recipes")
        if pending or done.get(BASE) != wanted[BASE]:
            groups.append("im_pending")
        elif done.get(NAMES) != names:
            groups.append("im_informed")
        if groups:
            roles = list(dict.fromkeys(step["role"] for step in _steps_of(item, steps)))
            roles = [role.removeprefix(PREFIX) for role in roles if role.startswith(PREFIX)]
            result.append({"name": item["name"], "groups": groups, "roles": roles, "digests": {**wanted, NAMES: names}})
    return result


def _left_alone(item: Instance, done: dict[str, str], names: str) -> list[dict[str, Any]]:
    """A host that is not chosen learns the names of the others, once it is prepared. What it lacks comes later."""
    if BASE not in done or done.get(NAMES) == names:
        return []
    return [{"name": item["name"], "groups": ["im_informed"], "roles": [], "digests": {**done, NAMES: names}}]


def new_record(
    record: dict[str, Any], instances: list[Instance], planned: list[dict[str, Any]], succeeded: list[str]
) -> dict[str, Any]:
    """Return the record after a run.

    Hosts that are gone are forgotten, those that `succeeded` get their new digests.
    """
    known = {item["name"]: item["cloud_id"] for item in instances}
    hosts = {cloud_id: done for cloud_id, done in record["hosts"].items() if cloud_id in known.values()}
    for entry in planned:
        if entry["name"] in succeeded and entry["name"] in known:
            hosts[known[entry["name"]]] = entry["digests"]
        elif entry["name"] in known and "im_pending" in entry["groups"]:
            hosts.pop(known[entry["name"]], None)
    return {**record, "hosts": hosts}


def _wanted(
    item: Instance,
    record: dict[str, Any],
    scene: Scene,
    steps: list[Step],
    role_digest: RoleDigest,
) -> dict[str, str]:
    mine = _steps_of(item, steps)
    base = ["continuum.im.base", *dict.fromkeys(step["role"] for step in mine if step["role"])]
    prepared = [item["hostname"], base, role_digest("continuum.im.base"), item.get("disks") or []]
    result = {BASE: _digest(record["salt"], prepared)}
    contents: dict[str, list[Any]] = {}
    for step in mine:
        inputs = evaluate(decode(step["inputs"]), scene)
        runs = [step["recipe"], *step["files"]] if step.get("recipe") else [step["role"], step["entry"]]
        content = [*runs, role_digest(step["role"]) if step["role"] else "", inputs, item.get("shares")]
        contents.setdefault(step["node"], []).append(content)
    return {**result, **{NODE + node: _digest(record["salt"], content) for node, content in contents.items()}}


def _steps_of(item: Instance, steps: list[Step]) -> list[Step]:
    return [step for step in steps if step["group"] == item["node"] and step["phase"] == "configure"]


def _digest(salt: str, content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]
