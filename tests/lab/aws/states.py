# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moto does at once and AWS does not: states that take a while, addresses, what is left after an end."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from . import account, addresses, images
from .clock import LOCK, Clock


class Gate(Protocol):
    """What the hosts say: whether what the API promises is so on this machine."""

    def is_up(self, instance_id: str) -> bool:
        """Return whether the host runs, or cannot."""

    def is_down(self, instance_id: str) -> bool:
        """Return whether the host does not run."""

    def is_gone(self, instance_id: str) -> bool:
        """Return whether nothing of the host is left."""

    def is_attached(self, volume_id: str) -> bool:
        """Return whether the device is in its host."""

    def has_image(self, image_id: str) -> bool:
        """Return whether hosts can be made from an image."""


class NoHosts:
    """A lab without hosts: everything is as the API says."""

    def is_up(self, instance_id: str) -> bool:
        return True

    def is_down(self, instance_id: str) -> bool:
        return True

    def is_gone(self, instance_id: str) -> bool:
        return True

    def is_attached(self, volume_id: str) -> bool:
        return True

    def has_image(self, image_id: str) -> bool:
        return True


@dataclass
class Settings:
    """What tests may change."""

    pending_seconds: float = 1.0
    boot: bool = True


class States:
    """Makes moto take its time."""

    def __init__(self, clock: Clock, settings: Settings, gate: Gate, pool: addresses.Pool) -> None:
        self.clock, self.settings, self.gate, self.pool = clock, settings, gate, pool

    def install(self) -> None:
        """Change moto's classes; once per process."""
        self._instances()
        self._volumes()
        self._gateways()
        self._interfaces()
        self._images()
        _tags()
        _groups()

    def _later(self, action: Callable[[], object], ready: Callable[[], bool] = lambda: True) -> None:
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

        InstanceBackend.run_instances = run_instances  # type: ignore[method-assign]
        Instance.start, Instance.stop, Instance.terminate = start_one, stop_one, terminate_one  # type: ignore[method-assign]
        Instance.reboot = _reboot  # type: ignore[method-assign]
        Instance.dynamic_group_list = property(lambda item: list(item.nics[0]._group_set) if item.nics else [])  # type: ignore[assignment, method-assign]

    def _to_running(self, instance: Any) -> None:
        _set(instance, "pending", 0)
        ready = lambda: not self.settings.boot or self.gate.is_up(instance.id)  # noqa: E731
        self._when(instance, "pending", lambda: _set(instance, "running", 16), ready)

    def _when(self, instance: Any, state: str, action: Callable[[], object], ready: Callable[[], bool]) -> None:
        self._later(lambda: action() if instance.state == state else None, ready)

    def _volumes(self) -> None:
        from moto.ec2.models.elastic_block_store import EBSBackend, Snapshot, Volume

        attach, make, shoot = EBSBackend.attach_volume, Volume.__init__, Snapshot.__init__

        def new(volume: Any, *arguments: Any, **options: Any) -> None:
            make(volume, *arguments, **options)
            volume.lab_ready = time.monotonic() + self.settings.pending_seconds

        def status(volume: Any) -> str:
            if volume.attachment:
                return "in-use"
            return "creating" if volume.lab_ready > time.monotonic() else "available"

        def attach_volume(backend: Any, *arguments: Any, **options: Any) -> Any:
            result = attach(backend, *arguments, **options)
            result.status = "attaching"
            done = lambda: result.status == "attaching" and setattr(result, "status", "attached")  # noqa: E731
            self._later(done, lambda: self.gate.is_attached(result.volume.id))
            return result

        def new_snapshot(snapshot: Any, *arguments: Any, **options: Any) -> None:
            shoot(snapshot, *arguments, **options)
            if not snapshot.from_ami:
                snapshot.status = "pending"
                self._later(lambda: setattr(snapshot, "status", "completed"))

        Volume.__init__, Snapshot.__init__ = new, new_snapshot  # type: ignore[method-assign]
        Volume.status = property(status)  # type: ignore[assignment, method-assign]
        EBSBackend.attach_volume = attach_volume  # type: ignore[method-assign]

    def _gateways(self) -> None:
        from moto.ec2.models import nat_gateways
        from moto.ec2.models.nat_gateways import NatGatewayBackend

        create = NatGatewayBackend.create_nat_gateway
        nat_gateways.random_private_ip = lambda *_arguments: None  # type: ignore[assignment, attr-defined]

        def create_nat_gateway(backend: Any, *arguments: Any, **options: Any) -> Any:
            gateway = create(backend, *arguments, **options)
            gateway.private_ip = gateway._eni.private_ip_address
            gateway.state = "pending"
            self._later(lambda: gateway.state == "pending" and setattr(gateway, "state", _nat_state(gateway)))
            return gateway

        def delete_nat_gateway(backend: Any, nat_gateway_id: str) -> Any:
            gateway = backend.nat_gateways[nat_gateway_id]
            if gateway.state not in ("deleting", "deleted"):
                gateway.state = "deleting"
                self._later(lambda: _end_nat(gateway))
            return gateway

        NatGatewayBackend.create_nat_gateway = create_nat_gateway  # type: ignore[method-assign]
        NatGatewayBackend.delete_nat_gateway = delete_nat_gateway  # type: ignore[method-assign]

    def _interfaces(self) -> None:
        from moto.ec2.models import elastic_ip_addresses, elastic_network_interfaces
        from moto.ec2.models.elastic_network_interfaces import NetworkInterface
        from moto.ec2.models.subnets import Subnet

        make = NetworkInterface.__init__

        def new(
            interface: Any, backend: Any, subnet: Any, address: Any, others: Any = None, *rest: Any, **options: Any
        ) -> None:
            place = backend.get_subnet(subnet) if isinstance(subnet, str) else subnet
            make(
                interface,
                backend,
                place,
                address or (None if others else addresses.next_private(place)),
                others,
                *rest,
                **options,
            )

        def start(interface: Any) -> None:
            if not _elastic(interface):
                interface.check_auto_public_ip()

        def stop(interface: Any) -> None:
            if not _elastic(interface):
                interface.public_ip = None

        NetworkInterface.__init__ = new  # type: ignore[method-assign]
        NetworkInterface.start, NetworkInterface.stop = start, stop  # type: ignore[method-assign]
        NetworkInterface.group_set = property(lambda item: list(item._group_set))  # type: ignore[method-assign]
        Subnet.get_available_subnet_ip = lambda subnet, instance: addresses.next_private(subnet)  # type: ignore[method-assign]
        Subnet.request_ip = lambda subnet, ip, instance: None  # type: ignore[method-assign]
        elastic_network_interfaces.random_public_ip = self.pool.take  # type: ignore[attr-defined]
        elastic_ip_addresses.random_ip = self.pool.take  # type: ignore[attr-defined]

    def _images(self) -> None:
        from moto.ec2.models.amis import Ami, AmiBackend

        load, create = AmiBackend._load_amis, AmiBackend.create_image

        def mappings(image: Any) -> list[dict[str, Any]]:
            ebs = {
                "SnapshotId": image.ebs_snapshot.id,
                "VolumeSize": getattr(image, "lab_size", images.ROOT_GIB),
                "DeleteOnTermination": True,
                "VolumeType": images.ROOT_TYPE,
                "Encrypted": False,
            }
            return [{"DeviceName": image.root_device_name, "Ebs": ebs}]

        def load_amis(backend: Any) -> None:
            load(backend)
            for image in backend.amis.values():
                image.owner_alias = None

        def create_image(backend: Any, *arguments: Any, **options: Any) -> Any:
            image = create(backend, *arguments, **options)
            instance = image.instance
            image.root_device_name, image.root_device_type = instance.root_device_name, "ebs"
            image.hypervisor, image.state = "xen", "pending"
            self._later(lambda: setattr(image, "state", "available"), lambda: self.gate.has_image(image.id))
            return image

        Ami.block_device_mappings = property(mappings)  # type: ignore[assignment, method-assign]
        Ami.ena_support = True  # type: ignore[attr-defined]
        AmiBackend._load_amis, AmiBackend.create_image = load_amis, create_image  # type: ignore[method-assign]


def _mend_new(instance: Any, given: set[int], existing: set[str], options: dict[str, Any]) -> None:
    for number, interface in instance.nics.items():
        if interface.id not in existing and number not in given:
            interface.delete_on_termination = True
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


def _elastic(interface: Any) -> bool:
    return any(item.eni is interface for item in interface.ec2_backend.addresses)


def _nat_state(gateway: Any) -> str:
    backend = gateway.ec2_backend
    attached = any(item.vpc and item.vpc.id == gateway.vpc_id for item in backend.internet_gateways.values())
    return "available" if attached or gateway.connectivity_type == "private" else "failed"


def _end_nat(gateway: Any) -> None:
    backend = gateway.ec2_backend
    for address in backend.addresses:
        if address.eni is gateway._eni:
            address.eni, address.association_id = None, None
    backend.enis.pop(gateway._eni.id, None)
    gateway.state = "deleted"


def _tags() -> None:
    from moto.ec2.models.core import TaggedEC2Resource

    def get_tags(item: Any) -> list[dict[str, str]]:
        with LOCK:
            pairs = item.ec2_backend.tags.get(item.id) or {}
            return [{"key": key, "value": value, "resource_id": item.id} for key, value in pairs.items()]

    TaggedEC2Resource.get_tags = get_tags  # type: ignore[method-assign]


def _groups() -> None:
    from moto.ec2.models.instances import InstanceBackend

    change = InstanceBackend.modify_instance_security_groups

    def modify(backend: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
        instance = change(backend, instance_id, new_group_id_list)
        instance.nics[0]._group_set = list(instance.security_groups)
        return instance

    InstanceBackend.modify_instance_security_groups = modify  # type: ignore[method-assign]
