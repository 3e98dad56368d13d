# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of the module: observe, plan, do, look again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from .._hosts.model import HostsError
from .api import Api
from .apply import Worker
from .desired import desired
from .limits import Limits
from .model import FUNCTION_TAG, LOG_GROUPS, Account, Key, Observed, Wanted
from .observe import observe, read_account, refuse_foreign
from .options import read_functions
from .plan import Step, after_steps, diff, steps, title


@dataclass
class Outcome:
    """What a run did, or would do in check mode."""

    account: Account
    observed: Observed
    done: list[Step] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    diff: dict[str, str] = field(default_factory=dict)

    def names(self, verb: str) -> list[str]:
        """Return what was done with this verb, as words."""
        return [step.title for step in self.done if step.verb == verb]

    def as_result(self) -> dict[str, Any]:
        """Return the arguments of `exit_json`."""
        return {
            "changed": bool(self.done),
            "ansible_facts": facts(self.account, self.observed),
            "created": self.names("create"),
            "updated": self.names("update"),
            "deleted": self.names("delete"),
            "left": self.left,
            "diff": self.diff,
        }


def facts(account: Account, observed: Observed) -> dict[str, Any]:
    """Return the facts of the contract: there are no hosts, there are functions."""
    return {"im_instances": [], "im_surplus": [], "im_deployed_functions": describe(account, observed)}


def describe(account: Account, observed: Observed) -> list[dict[str, Any]]:
    """Return the functions that are there, by name."""
    found = []
    for (kind, name), data in sorted(observed.resources.items()):
        if kind != "function":
            continue
        details = observed.details.get(("function", name), {})
        buckets = sorted(
            bucket
            for (other, bucket), ours in observed.resources.items()
            if other == "notification" and any(item["function"] == account.function_arn(name) for item in ours.values())
        )
        found.append(
            {
                "node": data["tags"].get("im_node", ""),
                "name": name,
                "arn": account.function_arn(name),
                "url": observed.details.get(("url", name), {}).get("url"),
                "bucket": buckets[0] if buckets else None,
                "buckets": buckets,
                "role": data["role"],
                "log_group": f"{LOG_GROUPS}{name}",
                "memory": data["memory"],
                "timeout": data["timeout"],
                "state": str(details.get("state", "planned")).lower(),
            }
        )
    return found


def present(api: Api, infrastructure: str, options: list[dict[str, Any]], timeout: float, check: bool) -> Outcome:
    """Make the functions as the options want them, and remove those that are not wanted any more."""
    # What is wrong in the options is told without a word to AWS; only names that we make up need the account.
    limits = Limits(api.client("lambda").meta.service_model, _events(api))
    limits.check(read_functions(options, Account(infrastructure, "0" * 12, "")))
    account = read_account(api, infrastructure)
    functions = read_functions(options, account)
    names = [item.name for item in functions]
    buckets = list(dict.fromkeys(bucket for item in functions for bucket in item.buckets))
    observed = observe(api, account, names, buckets)
    refuse_foreign(account, observed, names, buckets)
    wanted = desired(functions, account, observed)
    todo = steps(wanted, observed)
    outcome = Outcome(account, observed, todo, diff=_diff(observed, todo, functions))
    outcome.warnings.extend(_warnings(observed, functions))
    if check:
        outcome.observed = replace(observed, resources=after_steps(observed.resources, todo))
        return outcome
    worker = Worker(api, account, functions, timeout)
    # Steps that only remove must not keep new functions from being made: they are at the end.
    outcome.done = [step for step in todo if _done(worker, step, outcome)]
    if todo:
        outcome.observed = observe(api, account, names, buckets)
    return outcome


def _events(api: Api) -> list[str]:
    return list(api.client("s3").meta.service_model.shape_for("Event").enum)


def _done(worker: Worker, step: Step, outcome: Outcome) -> bool:
    """A bucket that is not wanted any more and not empty stays; everything else must work."""
    try:
        worker.do(step)
    except HostsError as error:
        if (step.verb, step.key[0]) != ("delete", "bucket"):
            raise
        message = f"The {step.title} is no longer used, but stays: {error}. Empty it before you destroy the rest."
        outcome.warnings.append(message)
        return False
    return True


def _warnings(observed: Observed, functions: Iterable[Wanted]) -> list[str]:
    return [
        f"The log group {item.log_group} was there before the function and is left as it is, with its retention."
        for item in functions
        if ("log_group", item.log_group) in observed.foreign
    ]


def _diff(observed: Observed, todo: Iterable[Step], functions: Iterable[Wanted]) -> dict[str, str]:
    """Return only what changes: an account may be large."""
    touched = {step.key for step in todo}
    before = {key: data for key, data in observed.resources.items() if key in touched}
    after = {key: data for key, data in after_steps(observed.resources, todo).items() if key in touched}
    return diff(before, after, list(functions))


def absent(api: Api, infrastructure: str, check: bool) -> Outcome:
    """Remove everything of an infrastructure; `left` names what stays, with the reason."""
    account = read_account(api, infrastructure)
    observed = observe(api, account, everything=True)
    todo = steps({}, observed)
    outcome = Outcome(account, observed, todo, diff=_diff(observed, todo, []))
    if check:
        outcome.observed = replace(observed, resources={})
        return outcome
    if not todo:
        return outcome
    reasons = _remove(Worker(api, account, [], 0), todo)
    names = {name for kind, name in observed.resources if kind == "function"}
    outcome.observed = observe(api, account, names, everything=True)
    for key in sorted(outcome.observed.resources):
        outcome.left.append(f"{title(key)}: {reasons.get(key, 'it is still there although AWS said that it is gone')}")
    outcome.done = [step for step in todo if step.key not in outcome.observed.resources]
    return outcome


def _remove(worker: Worker, todo: Iterable[Step]) -> dict[Key, str]:
    """Do what can be done; return why the rest stays.

    A function whose log group stays must stay too, with its role: nothing else tells a later run of the log group.
    """
    reasons: dict[Key, str] = {}
    kept: set[str] = set()
    for step in todo:
        kind, name = step.key
        function = name if kind == "function" else (step.before or {}).get("tags", {}).get(FUNCTION_TAG)
        if function in kept:
            reasons[step.key] = "it stays while its log group stays"
            continue
        try:
            worker.do(step)
        except HostsError as error:
            reasons[step.key] = str(error).rstrip(".")
            if kind == "log_group":
                kept.add(name.removeprefix(LOG_GROUPS))
    return reasons


def info(api: Api, infrastructure: str) -> Outcome:
    """Look only."""
    account = read_account(api, infrastructure)
    return Outcome(account, observe(api, account, everything=True))
