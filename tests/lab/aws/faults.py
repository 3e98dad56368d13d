# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that strike calls on request."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from .answers import Refused
from .calls import Call

KINDS = ("throttle", "error500", "error503", "lost_answer", "lost_request", "denied", "capacity", "quota")
_LAUNCH_ONLY = ("capacity", "quota")

_QUOTAS = {
    "AllocateAddress": "AddressLimitExceeded",
    "CreateInternetGateway": "InternetGatewayLimitExceeded",
    "CreateNatGateway": "NatGatewayLimitExceeded",
    "CreateSecurityGroup": "SecurityGroupLimitExceeded",
    "CreateVolume": "VolumeLimitExceeded",
    "CreateVpc": "VpcLimitExceeded",
}
_THROTTLED = {
    "ec2": ("RequestLimitExceeded", 503),
    "s3": ("SlowDown", 503),
    "lambda": ("TooManyRequestsException", 429),
    "logs": ("ThrottlingException", 400),
}


@dataclass
class Fault:
    """A fault strikes calls of `action` ("" = any), from the `nth` of them on, `count` times (-1 = always)."""

    kind: str
    action: str = ""
    nth: int = 0
    count: int = 1
    seen: int = 0
    struck: int = 0

    def strikes(self, call: Call) -> bool:
        """Count a call and tell whether the fault strikes it."""
        wanted = self.action or ("RunInstances" if self.kind in _LAUNCH_ONLY else "")
        if wanted and wanted not in (call.action, call.name):
            return False
        self.seen += 1
        if 0 <= self.count <= self.struck or self.seen < self.nth:
            return False
        self.struck += 1
        return True


class Faults:
    """The faults of a lab; safe for threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._struck = 0

    def add(self, fault: Fault) -> None:
        """Add one; raises ValueError for a kind that is not known."""
        if fault.kind not in KINDS:
            raise ValueError(f"there is no fault {fault.kind!r}; there are {', '.join(KINDS)}")
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults and how often they struck."""
        with self._lock:
            self._faults, self._struck = [], 0

    def struck(self) -> int:
        """Return how often faults struck."""
        with self._lock:
            return self._struck

    def strike(self, call: Call) -> str:
        """Return the kind of the fault that strikes this call, "" for none."""
        with self._lock:
            kinds = [fault.kind for fault in self._faults if fault.strikes(call)]
            self._struck += bool(kinds)
            return kinds[0] if kinds else ""


def refusal(kind: str, call: Call) -> Refused:
    """Return the error that a fault answers with."""
    if kind == "throttle":
        code, status = _THROTTLED.get(call.service, ("Throttling", 400))
        return Refused(code, "Request limit exceeded.", status)
    if kind == "error500":
        return Refused("InternalError", "An internal error has occurred.", 500)
    if kind == "error503":
        return Refused("Unavailable", "The service is unavailable. Please try again shortly.", 503)
    if kind == "denied":
        code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
        return Refused(code, f"You are not authorized to perform this operation: {call.name}.", 403)
    if kind == "capacity":
        kind_of = call.get("InstanceType")
        text = f"We currently do not have sufficient {kind_of} capacity in the Availability Zone you requested."
        return Refused("InsufficientInstanceCapacity", text, 500)
    code = _QUOTAS.get(call.action, "VcpuLimitExceeded")
    return Refused(code, f"You have reached a limit of your account: {call.action}.", 400)
