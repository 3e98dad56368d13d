# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moto does at once and AWS does not: states that take a while, addresses, what is left after an end."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

from . import account, addresses
from .clock import Clock
from .resources import Resources
from .settings import Gate, Settings


class States:
    """Makes moto take its time."""

    def __init__(self, clock: Clock, settings: Settings, gate: Gate, pool: addresses.Pool) -> None:
        self.clock, self.settings, self.gate, self.pool = clock, settings, gate, pool

    def install(self) -> None:
        """Change moto's classes; once per process."""
        self._instances()
        Resources(self.later, self.settings, self.gate, self.pool).install()

    def later(self, action: Callable[[], object], ready: Callable[[], bool] = lambda: True) -> None:
        self.clock.later(self.settings.pending_seconds, action, ready)

    def _instances(self) -> None:
        from moto.ec2.models.instances import Instance, InstanceBackend

        run, start, stop, terminate = InstanceBackend.run_instances, Instance.start, Instance.stop, Instance.terminate

        def run_instances(backend: Any, *arguments: Any, **options: Any) -> Any:
            given = {
                int(item.get("DeviceIndex", 0)) for item in options.get("nics", []) if "DeleteOnTermination" in item
            }
            existing = {item["NetworkInterfaceId"] for item in options.get("nics", []) if "NetworkInterfaceId" in item}
            result = run(backend, *arguments, **options)
            for instance in result.instances:
                _mend_new(instance, given, existing, options)
                self._to_running(instance)
            return result

        def start_one(instance: Any) -> Any:
            if instance.state != "stopped":
                return copy.copy(instance._state)
            previous = start(instance)
            self._to_running(instance)
            return previous

        def stop_one(instance: Any) -> Any:
            previous = copy.copy(instance._state)
            if instance.state != "running":
                return previous
            _set(instance, "stopping", 64)
            self._when(instance, "stopping", lambda: stop(instance), lambda: self.gate.is_down(instance.id))
            return previous

        def terminate_one(instance: Any) -> Any:
            previous = copy.copy(instance._state)
            if instance.state not in account.ENDING:
                _set(instance, "shutting-down", 32)
                done = _ending(instance, terminate)
                self._when(instance, "shutting-down", done, lambda: self.gate.is_gone(instance.id))
            return previous

        InstanceBackend.run_instances = run_instances
        Instance.start, Instance.stop, Instance.terminate = start_one, stop_one, terminate_one
        Instance.reboot = _reboot
        Instance.dynamic_group_list = property(lambda item: list(item.nics[0]._group_set) if item.nics else [])

    def _to_running(self, instance: Any) -> None:
        _set(instance, "pending", 0)
        instance.lab_since = time.monotonic()
        settings = self.settings
        ready = lambda: not settings.boot or settings.boot_seconds > 0 or self.gate.is_up(instance.id)  # noqa: E731
        self._when(instance, "pending", lambda: _set(instance, "running", 16), ready)

    def _when(self, instance: Any, state: str, action: Callable[[], object], ready: Callable[[], bool]) -> None:
        self.later(lambda: action() if instance.state == state else None, ready)


def _mend_new(instance: Any, given: set[int], existing: set[str], options: dict[str, Any]) -> None:
    for number, interface in instance.nics.items():
        if interface.id not in existing and number not in given:
            interface.delete_on_termination = True
        interface.add_tags(options.get("tags", {}).get("network-interface", {}))
    instance.security_groups = list(instance.nics[0]._group_set)
    name, arn = options.get("iam_instance_profile_name"), options.get("iam_instance_profile_arn")
    if (name or arn) and instance.ami_launch_index:
        instance.ec2_backend.associate_iam_instance_profile(
            instance_id=instance.id, iam_instance_profile_name=name, iam_instance_profile_arn=arn
        )


def _reboot(instance: Any) -> None:
    instance.lab_reboots = getattr(instance, "lab_reboots", 0) + 1


def _ending(instance: Any, terminate: Callable[[Any], Any]) -> Callable[[], None]:
    def done() -> None:
        backend = instance.ec2_backend
        for address in backend.addresses:
            if address.eni is not None and address.eni in instance.nics.values():
                address.eni.public_ip, address.eni, address.instance, address.association_id = None, None, None, None
        kept = [item for item in instance.nics.values() if not item.delete_on_termination]
        terminate(instance)
        for interface in kept:
            interface.instance = interface.attachment_id = interface.attach_time = None
            interface.status = "available"

    return done


def _set(instance: Any, name: str, code: int) -> None:
    from moto.ec2.models.instances import InstanceState

    instance._state = InstanceState(name, code)
