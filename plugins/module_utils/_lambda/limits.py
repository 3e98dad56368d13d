# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Lambda accepts, out of botocore's model of its API: refused here before anything is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._hosts.model import HostsError
from .model import Trigger, Wanted

# The model of CloudWatch Logs has no list; this is the one of its documentation. 0 keeps logs for ever.
RETENTIONS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_MOST_NAME = 64  # the model allows ARNs too, so it says 140
_MOST_ENVIRONMENT = 4096
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._:/@-]{0,499}")
_RESERVED = {
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
}


class Limits:
    """`model` is botocore's service model of lambda, `events` the names of the events of S3."""

    def __init__(self, model: Any, events: Iterable[str]) -> None:
        self._shapes: Mapping[str, Any] = model.operation_model("CreateFunction").input_shape.members
        self._events = set(events)

    def check(self, functions: Iterable[Wanted]) -> None:
        """Raise HostsError with one sentence for the first thing that Lambda would refuse."""
        names: set[str] = set()
        for item in functions:
            if item.name in names:
                raise HostsError(f"Two functions have the name '{item.name}'.", "Give each its own name.")
            names.add(item.name)
            self._check_one(item)

    def _check_one(self, item: Wanted) -> None:
        self._check_name(item.name)
        self._range(item, "MemorySize", item.memory, "MiB of memory")
        self._range(item, "Timeout", item.timeout, "seconds")
        self._one_of(item, "architecture", item.architecture, self._shapes["Architectures"].member.enum)
        if item.retention not in RETENTIONS:
            hint = f"Take one of {', '.join(str(days) for days in RETENTIONS)} (0: for ever)."
            raise HostsError(f"Logs of function '{item.name}' cannot be kept for {item.retention} days.", hint)
        if item.role and not self._fits("Role", item.role):
            hint = "Write arn:aws:iam::123456789012:role/NAME, or leave it out to get one."
            raise HostsError(f"'{item.role}' is not the ARN of a role.", hint)
        self._check_code(item)
        self._check_environment(item)
        for trigger in item.triggers:
            self._check_trigger(item, trigger)
        for bucket, _prefix in item.writes:
            _check_bucket(bucket)

    def _check_name(self, name: str) -> None:
        if ":" in name or len(name) > _MOST_NAME or not self._fits("FunctionName", name):
            hint = f"Use 1 to {_MOST_NAME} letters, digits, '-' and '_'."
            raise HostsError(f"'{name}' cannot be the name of a function.", hint)

    def _check_code(self, item: Wanted) -> None:
        if (item.code is None) == (not item.image):
            hint = "Give either 'code' with 'runtime' and 'handler', or 'image'."
            raise HostsError(f"Function '{item.name}' needs its code or an image, and not both.", hint)
        if item.image:
            if not _IMAGE.fullmatch(item.image):
                hint = "Write for example 123456789012.dkr.ecr.us-east-1.amazonaws.com/name:tag."
                raise HostsError(f"'{item.image}' is not the address of a container image.", hint)
            return
        self._one_of(item, "runtime", item.runtime, self._shapes["Runtime"].enum)
        shape = self._shapes["Handler"].metadata
        if not item.handler or len(item.handler) > shape["max"] or not self._fits("Handler", item.handler):
            hint = "Write for example index.handler: the function 'handler' in index.py."
            raise HostsError(f"'{item.handler}' is not a handler for function '{item.name}'.", hint)

    def _check_environment(self, item: Wanted) -> None:
        pattern = self._shapes["Environment"].members["Variables"].key.metadata["pattern"]
        size = 0
        for name, value in item.variables.items():
            if not re.fullmatch(pattern, name) or name in _RESERVED or name.startswith("AWS_LAMBDA_"):
                hint = "Use two or more letters, digits and '_', first a letter, and none of Lambda's own names."
                raise HostsError(f"'{name}' cannot be an environment variable of function '{item.name}'.", hint)
            size += len(name.encode()) + len(value.encode())
        if size > _MOST_ENVIRONMENT:
            message = f"The environment of function '{item.name}' has {size} bytes; Lambda takes {_MOST_ENVIRONMENT}."
            raise HostsError(message, "Put large values into the code or into a bucket.")

    def _check_trigger(self, item: Wanted, trigger: Trigger) -> None:
        _check_bucket(trigger.bucket)
        if not trigger.events:
            raise HostsError(f"The trigger of function '{item.name}' has no events.", "Write [s3:ObjectCreated:*].")
        for event in trigger.events:
            self._one_of(item, "event", event, sorted(self._events))

    def _range(self, item: Wanted, member: str, value: int, unit: str) -> None:
        limits = self._shapes[member].metadata
        if not limits["min"] <= value <= limits["max"]:
            hint = f"Lambda takes {limits['min']} to {limits['max']}."
            raise HostsError(f"Function '{item.name}' cannot have {value} {unit}.", hint)

    def _one_of(self, item: Wanted, what: str, value: str, choices: Iterable[str]) -> None:
        known = list(choices)
        if value not in known:
            like = [name for name in known if value and name.startswith(value[:4])]
            hint = f"Take one of {', '.join(like or known)}."
            raise HostsError(f"Function '{item.name}': Lambda has no {what} '{value}'.", hint)

    def _fits(self, member: str, value: str) -> bool:
        return bool(re.fullmatch(self._shapes[member].metadata["pattern"], value))


def _check_bucket(name: str) -> None:
    if not _BUCKET.fullmatch(name) or ".." in name:
        hint = "Use 3 to 63 lower case letters, digits, '-' and '.'; names are unique in the world."
        raise HostsError(f"'{name}' cannot be the name of a bucket.", hint)
