# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small OpenStack in memory: enough of the APIs that the driver's logic can be tried in milliseconds.

What the real services do is tested against the lab (tests/integration/openstack_hosts).
"""

from __future__ import annotations

import copy
import ipaddress
import itertools
import json
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._openstack.errors import LostError
from ansible_collections.continuum.im.plugins.module_utils._openstack.site import Answer

PROJECT = "project-1"
FLAVORS = [
    {"id": "1", "name": "m1.tiny", "vcpus": 1, "ram": 512, "disk": 1},
    {"id": "2", "name": "m1.small", "vcpus": 1, "ram": 2048, "disk": 20},
    {"id": "3", "name": "m1.medium", "vcpus": 2, "ram": 4096, "disk": 40},
    {"id": "4", "name": "m1.large", "vcpus": 4, "ram": 8192, "disk": 80},
    {"id": "5", "name": "v2", "vcpus": 2, "ram": 2048, "disk": 0},
]
IMAGES = [
    {"id": "image-debian", "name": "debian-12", "os_distro": "debian", "os_version": "12", "architecture": "x86_64",
     "os_admin_user": "debian", "status": "active", "created_at": "2026-01-01", "min_disk": 2},
]  # fmt: skip
SINGULAR = {"networks": "network", "subnets": "subnet", "routers": "router", "ports": "port"}
SINGULAR |= {"security-groups": "security_group", "floatingips": "floatingip", "volumes": "volume"}
SINGULAR |= {"servers": "server", "os-server-groups": "server_group", "os-keypairs": "keypair"}


class FakeSite:
    """The site of the tests. `hook` sees each call and may answer it; `limits` are the quotas."""

    name, host, project = "keystone.example.org (RegionOne)", "keystone.example.org", PROJECT

    def __init__(self, services: tuple[str, ...] = ("compute", "network", "image", "block-storage")) -> None:
        self.services = services
        self.things: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in SINGULAR}
        self.calls: list[str] = []
        self.hook: Callable[[str, Any], Answer | None] = lambda call, body: None
        self.after: Callable[[str], None] = lambda call: None
        self.limits: dict[str, int] = {}
        self.network_limits: dict[str, int] = {}
        self.microversion = (2, 90)
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self.add("networks", id="ext", name="public", **{"router:external": True})
        self.add("networks", id="prov", name="provider", shared=True, project_id="admin")
        self.add("subnets", id="prov-sub", network_id="prov", cidr="198.18.9.0/24", ip_version=4)

    def add(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Put something there."""
        item = {"id": f"{kind}-{next(self._numbers)}", "tags": [], **fields}
        self.things[kind][str(item["name"] if kind == "os-keypairs" else item["id"])] = item
        return item

    def has(self, service: str) -> bool:
        return service in self.services

    def highest(self, service: str) -> tuple[int, int]:
        return self.microversion if service == "compute" else (0, 0)

    def ask(self, service: str, method: str, path: str, body: Any = None, version: str = "") -> Answer:
        with self._lock:
            call = f"{method} {re.sub(r'(?<=/)[a-z-]+-[0-9]+|(?<=keypairs/)[^/]+', 'ID', path.partition('?')[0])}"
            self.calls.append(call)
            answer = self.hook(call, body)
            if answer is None:
                answer = self._answer(service, method, urlsplit(path), body)
            self.after(call)
            return copy.deepcopy(answer)

    def mine(self) -> dict[str, list[str]]:
        """Everything that is not the site's own."""
        own = {"ext", "prov", "prov-sub"}
        return {kind: sorted(set(items) - own) for kind, items in self.things.items() if set(items) - own}

    def _answer(self, service: str, method: str, url: Any, body: Any) -> Answer:
        words = [word for word in url.path.split("/") if word]
        special = {"limits": self._limits, "quotas": self._quotas, "images": self._images, "flavors": self._flavors}
        if words[0] in special:
            return special[words[0]](service)
        if words[0] == "security-group-rules":
            return self._rules(method, words, body)
        kind, items = words[0], self.things[words[0]]
        if method == "POST" and len(words) == 1:
            return self._create(kind, body)
        if len(words) == 1 or words[1] == "detail":
            asked = {key: values[0] for key, values in parse_qs(url.query).items() if key not in ("project_id",)}
            found = [item for item in items.values() if _matches(kind, item, asked)]
            return Answer(200, {kind.replace("-", "_").removeprefix("os_"): found})
        if words[1] not in items:
            return Answer(404, {"itemNotFound": {"message": f"{kind} {words[1]} is not there."}})
        return self._one(method, kind, words, items[words[1]], body)

    def _one(self, method: str, kind: str, words: list[str], item: dict[str, Any], body: Any) -> Answer:
        if method == "GET":
            return Answer(200, {SINGULAR[kind]: item})
        if len(words) > 2:
            return self._inside(method, kind, words[2], item, body)
        if method == "PUT":
            item |= next(iter(body.values()))
            return Answer(200, {SINGULAR[kind]: item})
        if kind == "servers":
            self._free(item)
        if kind == "volumes" and item.get("attachments"):
            return Answer(400, {"badRequest": {"message": "Invalid volume: it is in use."}})
        del self.things[kind][words[1]]
        return Answer(204, {})

    def _inside(self, method: str, kind: str, what: str, item: dict[str, Any], body: Any) -> Answer:
        if what == "tags":
            item["tags"] = body["tags"] if method == "PUT" else []
        elif what == "metadata":
            item["metadata"] |= body["metadata"]
        elif what == "action":
            self._act(item, body)
        elif what == "add_router_interface":
            return self._join(item, body["subnet_id"])
        elif what == "remove_router_interface" and not self.things["ports"].pop(body["port_id"], None):
            return Answer(404, {"NeutronError": {"type": "RouterInterfaceNotFound", "message": "no such interface"}})
        return Answer(200, {})

    def _join(self, router: dict[str, Any], subnet: str) -> Answer:
        ports = self.things["ports"].values()
        if any(port["device_id"] == router["id"] and port["fixed_ips"][0]["subnet_id"] == subnet for port in ports):
            return Answer(400, {"NeutronError": {"message": f"Router already has a port on subnet {subnet}."}})
        fixed = [{"subnet_id": subnet, "ip_address": "10.0.0.1"}]
        owner = {"device_id": router["id"], "device_owner": "network:router_interface"}
        self.add("ports", name="", **owner, fixed_ips=fixed)
        return Answer(200, {})

    @staticmethod
    def _act(server: dict[str, Any], body: dict[str, Any]) -> None:
        action, arguments = next(iter(body.items()))
        status = {"os-start": "ACTIVE", "os-stop": "SHUTOFF", "resize": "VERIFY_RESIZE", "confirmResize": "ACTIVE"}
        server["status"] = status.get(action, server["status"])
        if action == "resize":
            server["flavor"] = {"id": arguments["flavorRef"]}

    def _free(self, server: dict[str, Any]) -> None:
        for port in self.things["ports"].values():
            if port.get("device_id") == server["id"]:
                port["device_id"] = ""
        for number, going in server["volumes"]:
            volume = self.things["volumes"].get(number, {})
            volume |= {"status": "available", "attachments": []}
            if going:
                self.things["volumes"].pop(number, None)

    def _create(self, kind: str, body: Any) -> Answer:
        if kind in body:
            return Answer(201, {kind: [self._new(kind, item, {}) for item in body[kind]]})
        key = SINGULAR[kind]
        return Answer(201, {key: self._new(kind, body[key], body)})

    def _new(self, kind: str, fields: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        extra: dict[str, Any] = {}
        if kind == "security-groups":
            extra = {"security_group_rules": []}
        if kind == "ports":
            extra = {"fixed_ips": self._fixed_ips(fields), "device_id": ""}
        if kind == "floatingips":
            extra = {"floating_ip_address": f"203.0.113.{next(self._numbers) % 250}"}
        if kind == "volumes":
            extra = {"status": "available", "attachments": []}
        if kind == "servers":
            server = self._server(fields)
            group = (body.get("os:scheduler_hints") or {}).get("group")
            if group:
                self.things["os-server-groups"][group].setdefault("members", []).append(server["id"])
            return server
        return self.add(kind, **{**fields, **extra})

    def _fixed_ips(self, fields: dict[str, Any]) -> list[dict[str, str]]:
        if fields.get("fixed_ips"):
            return list(fields["fixed_ips"])
        subnet = next(item for item in self.things["subnets"].values() if item["network_id"] == fields["network_id"])
        address = ipaddress.ip_network(subnet["cidr"])[10 + next(self._numbers)]
        return [{"subnet_id": subnet["id"], "ip_address": str(address)}]

    def _server(self, fields: dict[str, Any]) -> dict[str, Any]:
        disks = [item for item in fields.get("block_device_mapping_v2", []) if item["destination_type"] == "volume"]
        volumes = [(item["uuid"], item["delete_on_termination"]) for item in disks]
        server = self.add("servers", **fields, status="ACTIVE", volumes=volumes, flavor={"id": fields["flavorRef"]})
        for entry in fields["networks"]:
            port = self.things["ports"][entry["port"]]
            if port["device_id"]:
                raise HostsError("port in use")
            port["device_id"] = server["id"]
        for number, _going in volumes:
            self.things["volumes"][number] |= {"status": "in-use", "attachments": [{"device": "/dev/vdb"}]}
        return server

    def _rules(self, method: str, words: list[str], body: Any) -> Answer:
        groups = self.things["security-groups"].values()
        if method == "DELETE":
            for group in groups:
                rules = group["security_group_rules"]
                group["security_group_rules"] = [rule for rule in rules if rule["id"] != words[1]]
            return Answer(204, {})
        for rule in body["security_group_rules"]:
            group = self.things["security-groups"][rule["security_group_id"]]
            group["security_group_rules"].append({**rule, "id": f"rule-{next(self._numbers)}"})
        return Answer(201, {})

    def _limits(self, _service: str) -> Answer:
        return Answer(200, {"limits": {"absolute": self.limits}})

    def _quotas(self, _service: str) -> Answer:
        details = {key: {"limit": limit, "used": 0, "reserved": 0} for key, limit in self.network_limits.items()}
        return Answer(200, {"quota": details})

    @staticmethod
    def _images(_service: str) -> Answer:
        return Answer(200, {"images": IMAGES})

    @staticmethod
    def _flavors(_service: str) -> Answer:
        return Answer(200, {"flavors": FLAVORS})


def _matches(kind: str, item: dict[str, Any], asked: dict[str, str]) -> bool:
    """Whether a list that is asked for some has an item: names of servers are regular expressions."""
    rest = dict(asked)
    if kind == "servers" and not re.search(rest.pop("name", ""), item["name"]):
        return False
    if not json.loads(rest.pop("metadata", "{}")).items() <= item.get("metadata", {}).items():
        return False
    return all(str(item.get(key)) == value for key, value in rest.items())


__all__ = ["FakeSite", "LostError"]
