# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes, gateways, interfaces and images as AWS has them: they take a while, and have addresses that fit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from . import addresses, images
from .clock import LOCK
from .settings import Gate, Settings


class Later(Protocol):
    """Does something when the time of a change of state has passed and `ready` says so."""

    def __call__(self, action: Callable[[], object], ready: Callable[[], bool] = ...) -> None: ...


class Resources:
    """Changes moto's classes of everything but instances."""

    def __init__(self, later: Later, settings: Settings, gate: Gate, pool: addresses.Pool) -> None:
        self.later, self.settings, self.gate, self.pool = later, settings, gate, pool

    def install(self) -> None:
        """Change them; once per process."""
        self._volumes()
        self._gateways()
        self._interfaces()
        self._images()
        _tags()
        _groups()
        _default_network()
        _instance_types()

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
            done = _turn(result, "status", "attaching", lambda: "attached")
            self.later(done, lambda: self.gate.is_attached(result.volume.id))
            return result

        def new_snapshot(snapshot: Any, *arguments: Any, **options: Any) -> None:
            shoot(snapshot, *arguments, **options)
            if not snapshot.from_ami:
                snapshot.status = "pending"
                done = _turn(snapshot, "status", "pending", lambda: "completed")
                self.later(done, lambda: self.gate.is_copied(snapshot.id, snapshot.volume.id))

        Volume.__init__, Snapshot.__init__ = new, new_snapshot
        Volume.status = property(status)
        EBSBackend.attach_volume = attach_volume

    def _gateways(self) -> None:
        from moto.ec2.models import nat_gateways
        from moto.ec2.models.nat_gateways import NatGatewayBackend

        create = NatGatewayBackend.create_nat_gateway
        nat_gateways.random_private_ip = lambda *_arguments: None

        def create_nat_gateway(backend: Any, *arguments: Any, **options: Any) -> Any:
            gateway = create(backend, *arguments, **options)
            gateway.private_ip = gateway._eni.private_ip_address
            gateway.state = "pending"
            self.later(_turn(gateway, "state", "pending", lambda: _nat_state(gateway)))
            return gateway

        def delete_nat_gateway(backend: Any, nat_gateway_id: str) -> Any:
            gateway = backend.nat_gateways[nat_gateway_id]
            if gateway.state not in ("deleting", "deleted"):
                gateway.state = "deleting"
                self.later(lambda: _end_nat(gateway))
            return gateway

        NatGatewayBackend.create_nat_gateway = create_nat_gateway
        NatGatewayBackend.delete_nat_gateway = delete_nat_gateway

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

        NetworkInterface.__init__ = new
        NetworkInterface.start, NetworkInterface.stop = start, stop
        NetworkInterface.group_set = property(lambda item: list(item._group_set))
        Subnet.get_available_subnet_ip = lambda subnet, instance: addresses.next_private(subnet)
        Subnet.request_ip = lambda subnet, ip, instance: None
        elastic_network_interfaces.random_public_ip = self.pool.take
        elastic_ip_addresses.random_ip = self.pool.take

    def _images(self) -> None:
        from moto.ec2.models.amis import Ami, AmiBackend

        load, create = AmiBackend._load_amis, AmiBackend.create_image
        value = Ami.get_filter_value

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
                image.ebs_snapshot.volume.size = images.ROOT_GIB

        def create_image(backend: Any, *arguments: Any, **options: Any) -> Any:
            wanted = options.pop("tag_specifications", [])
            options["tag_specifications"] = [item for item in wanted if item["ResourceType"] != "snapshot"]
            image = create(backend, *arguments, **options)
            for item in wanted:
                if item["ResourceType"] == "snapshot":
                    image.ebs_snapshot.add_tags({tag["Key"]: tag.get("Value", "") for tag in item["Tags"]})
            instance = image.instance
            image.lab_source = instance.id
            image.ebs_snapshot.volume.size = image.lab_size = _root_size(instance)
            image.root_device_name, image.root_device_type = instance.root_device_name, "ebs"
            image.hypervisor, image.state = "xen", "pending"
            done = _turn(image, "state", "pending", lambda: "available")
            self.later(done, lambda: self.gate.has_image(image.id))
            return image

        def filter_value(image: Any, filter_name: str, method_name: str | None = None) -> Any:
            known = {
                "root-device-type": image.root_device_type,
                "root-device-name": image.root_device_name,
                "hypervisor": image.hypervisor,
                "image-type": image.image_type,
                "ena-support": "true",
                "description": image.description,
                "creation-date": image.creation_date.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            }
            return known[filter_name] if filter_name in known else value(image, filter_name, method_name)

        Ami.get_filter_value = filter_value
        Ami.block_device_mappings = property(mappings)
        Ami.ena_support = True
        AmiBackend._load_amis, AmiBackend.create_image = load_amis, create_image


def _turn(item: Any, name: str, before: str, after: Callable[[], str]) -> Callable[[], None]:
    def turn() -> None:
        if getattr(item, name) == before:
            setattr(item, name, after())

    return turn


def _root_size(instance: Any) -> int:
    block = instance.block_device_mapping.get(instance.root_device_name)
    return int(block.size) if block is not None and block.size else images.ROOT_GIB


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
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE

    def get_tags(item: Any) -> list[dict[str, str]]:
        with LOCK:
            pairs = item.ec2_backend.tags.get(item.id) or {}
            return [{"key": key, "value": value, "resource_id": item.id} for key, value in pairs.items()]

    EC2_PREFIX_TO_RESOURCE.update(eipalloc="elastic-ip", nat="natgateway")
    TaggedEC2Resource.get_tags = get_tags


def _groups() -> None:
    from moto.ec2.models.instances import InstanceBackend

    change = InstanceBackend.modify_instance_security_groups

    def modify(backend: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
        instance = change(backend, instance_id, new_group_id_list)
        instance.nics[0]._group_set = list(instance.security_groups)
        return instance

    InstanceBackend.modify_instance_security_groups = modify


def _default_network() -> None:
    """Give the default VPC its way to the internet, which moto leaves out."""
    from moto.ec2.models import EC2Backend

    make = EC2Backend.__init__

    def new(backend: Any, *arguments: Any, **options: Any) -> None:
        make(backend, *arguments, **options)
        vpc = backend.default_vpc
        if any(item.vpc is vpc for item in backend.internet_gateways.values()):
            return
        gateway = backend.create_internet_gateway()
        backend.attach_internet_gateway(gateway.id, vpc.id)
        table = next(item for item in backend.route_tables.values() if item.vpc_id == vpc.id)
        backend.create_route(table.id, "0.0.0.0/0", None, gateway_id=gateway.id)

    EC2Backend.__init__ = new


def _instance_types() -> None:
    """Give the list of instance types page by page."""
    from moto.core.responses import ActionResult
    from moto.ec2.responses.instances import InstanceResponse

    def describe_instance_types(response: Any) -> Any:
        names = response._get_param("InstanceTypes", [])
        found = response.ec2_backend.describe_instance_types(names, response._filters_from_querystring())
        first = int(response._get_param("NextToken") or 0)
        last = first + int(response._get_param("MaxResults") or 100)
        more = str(last) if last < len(found) else None
        return ActionResult({"InstanceTypes": found[first:last], "NextToken": more})

    InstanceResponse.describe_instance_types = describe_instance_types
