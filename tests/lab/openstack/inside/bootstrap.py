# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a new OpenStack, as its administrators would: users, endpoints, flavors, images, federation. Runs when
the databases are set up: python -m lab.openstack.inside.bootstrap DESCRIPTION.json identity|offers
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openstack

_DOMAIN = "default"


def main() -> None:
    """Do one part of it."""
    wanted = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    admin = openstack.connect(**wanted["admin"])
    if sys.argv[2] == "identity":
        _catalogue(admin.identity, wanted)
        _federation(admin.identity, wanted["federation"])
    else:
        _offers(admin, wanted)


def _offers(admin: Any, wanted: dict[str, Any]) -> None:
    for flavor in wanted["flavors"]:
        extra = flavor.pop("extra_specs", {})
        made = admin.compute.create_flavor(**flavor)
        if extra:
            admin.compute.create_flavor_extra_specs(made, extra)
    for image in wanted["images"]:
        _image(admin.image, image)


def _catalogue(identity: Any, wanted: dict[str, Any]) -> None:
    service = identity.create_project(name="service", domain_id=_DOMAIN)
    roles = {item.name: item for item in identity.roles()}
    for name, description in wanted["services"].items():
        user = identity.create_user(name=name, password=wanted["password"], domain_id=_DOMAIN)
        for role in ("admin", "service"):
            identity.assign_project_role_to_user(service, user, roles[role])
        made = identity.create_service(name=name, type=description["type"])
        for interface, url in description["endpoints"].items():
            identity.create_endpoint(service_id=made.id, interface=interface, region_id=wanted["region"], url=url)
    demo = identity.create_project(name="demo", domain_id=_DOMAIN)
    user = identity.create_user(name="demo", password=wanted["password"], domain_id=_DOMAIN)
    identity.assign_project_role_to_user(demo, user, roles["member"])
    identity.assign_project_role_to_user(demo, identity.find_user("admin"), roles["admin"])


def _federation(identity: Any, wanted: dict[str, Any]) -> None:
    group = identity.create_group(name=wanted["vo"], domain_id=_DOMAIN)
    project, role = identity.find_project("demo"), identity.find_role("member")
    identity.assign_project_role_to_group(project, group, role)
    remote = list(_remote(wanted))
    rule = {"local": [{"user": {"name": "{0}"}, "group": {"id": group.id}}], "remote": remote}
    identity.create_mapping(id=wanted["vo"], rules=[rule])
    provider = wanted["identity_provider"]
    identity.create_identity_provider(id=provider, remote_ids=[wanted["issuer"]], is_enabled=True)
    identity.create_federation_protocol(provider, id=wanted["protocol"], mapping_id=wanted["vo"])


def _remote(wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "HTTP_OIDC_SUB"}
    yield {"type": "HTTP_OIDC_ISS", "any_one_of": [wanted["issuer"]]}
    yield {"type": "HTTP_OIDC_EDUPERSON_ENTITLEMENT", "any_one_of": [wanted["entitlement"]]}


def _image(glance: Any, image: dict[str, Any]) -> None:
    fixed = {"disk_format": "raw", "container_format": "bare", "visibility": "public"}
    made = glance.post("/images", json={**fixed, **image})
    made.raise_for_status()
    data = b"The hosts of the lab have their files elsewhere.\n"
    headers = {"Content-Type": "application/octet-stream"}
    glance.put(f"/images/{made.json()['id']}/file", data=data, headers=headers).raise_for_status()


if __name__ == "__main__":
    main()
