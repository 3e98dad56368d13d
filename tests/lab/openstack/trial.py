# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests on real hosts need again and again: a network with a router, a key, an open group, SSH, and waiting."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ..aws.trial import Login, wait_for
from .client import Lab

ANYWHERE = "0.0.0.0/0"


class Cloud(Login):
    """A lab with a network that reaches the outside, and a key."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        super().__init__(folder / "key", "debian")
        self.lab, self.os = lab, lab.connection()
        self._make_key()
        self.network, self.subnet, self.router = self.make_network("10.20.0.0/24")
        self.group = self.make_group("open")
        self.allow(self.group, 22)

    def make_network(self, cidr: str, router: bool = True) -> tuple[str, str, str]:
        """Make a network with a subnet, and a router that leads outside."""
        network = self.os.network.create_network(name="inner").id
        subnet = self.os.network.create_subnet(network_id=network, cidr=cidr, ip_version=4, name="inner").id
        if not router:
            return network, subnet, ""
        gateway = {"network_id": self.os.network.find_network("public").id}
        made = self.os.network.create_router(name="way", external_gateway_info=gateway)
        self.os.network.add_interface_to_router(made, subnet_id=subnet)
        return network, subnet, made.id

    def make_group(self, name: str) -> str:
        """Make a security group."""
        return str(self.os.network.create_security_group(name=name).id)

    def allow(self, group: str, port: int, **source: Any) -> str:
        """Open a TCP port of a group; return the rule."""
        where = source or {"remote_ip_prefix": ANYWHERE}
        rule = {"direction": "ingress", "protocol": "tcp", "port_range_min": port, "port_range_max": port}
        return str(self.os.network.create_security_group_rule(security_group_id=group, **rule, **where).id)

    def run(self, network: str = "", groups: tuple[str, ...] = (), **changes: Any) -> str:
        """Make a port and a server with it; return the id of the server."""
        chosen = {"network_id": network or self.network, "security_groups": list(groups or (self.group,))}
        port = self.os.network.create_port(**chosen)
        user_data = changes.pop("user_data", "")
        options = {
            "name": "host",
            "image_id": self.os.image.find_image("debian-12").id,
            "flavor_id": self.os.compute.find_flavor("m1.tiny").id,
            "key_name": "hosts",
            "networks": [{"port": port.id}],
            **({"user_data": base64.b64encode(user_data.encode()).decode()} if user_data else {}),
            **changes,
        }
        return str(self.os.compute.create_server(**options).id)

    def wait(self, server: str, status: str = "ACTIVE") -> Any:
        """Wait for a status of a server; return what the API tells of it then."""
        wait_for(lambda: self.os.compute.get_server(server).status == status, f"{server} {status}")
        return self.os.compute.get_server(server)

    def port(self, server: str) -> Any:
        """Return the first port of a server."""
        return next(self.os.network.ports(device_id=server))

    def address(self, server: str) -> str:
        """Return the fixed address of a server."""
        return str(self.port(server).fixed_ips[0]["ip_address"])

    def publish(self, server: str) -> str:
        """Give a server a floating address."""
        network = self.os.network.find_network("public").id
        made = self.os.network.create_ip(floating_network_id=network, port_id=self.port(server).id)
        return str(made.floating_ip_address)

    def make_volume(self, size: int = 1, **more: Any) -> str:
        """Make a volume and wait for it."""
        made = self.os.block_storage.create_volume(size=size, **more).id
        self.wait_volume(made, "available")
        return str(made)

    def wait_volume(self, volume: str, status: str) -> None:
        """Wait for a status of a volume."""
        wait_for(lambda: self.os.block_storage.get_volume(volume).status == status, f"volume {status}")

    def attach(self, server: str, volume: str) -> None:
        """Attach a volume and wait for it."""
        self.os.compute.create_volume_attachment(server, volume_id=volume)
        self.wait_volume(volume, "in-use")

    def _make_key(self) -> None:
        made = self.os.compute.create_keypair(name="hosts")
        self.key.write_text(made.private_key, encoding="utf-8")
        self.key.chmod(0o600)
