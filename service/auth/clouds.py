# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of clouds become the cloud of a run and its environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..config import Config
from ..errors import BadRequest
from ..static_hosts import static_environment
from .access import CloudAccess, place
from .egi import EGI, EGIIS, has_image, read_egi, resolve_images
from .openstack import OPENSTACK, read_openstack
from .records import SERVICE, Record

NO_CLOUDS = (SERVICE, "VMRC", EGIIS, "Vault")
# Types of the reference that this service does not have (yet): they are named in the error.
_REFERENCE = (
    "Azure GCE Kubernetes KubeVirt Docker Lambda OSCAR OpenNebula CloudStack Linode Orange vSphere LibCloud"
).split()
_OF_STATIC = ("address", "user", "port", "private_ip", "public_ip", "node", "name")
_ADDRESS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?")
_MOST_HOSTS = 1000
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_IMAGE_OF_REGION = re.compile(rf"aws://({_REGION.pattern})/.+")


def cloud_records(records: Sequence[Record]) -> list[Record]:
    """Return the records that name clouds, in their order."""
    return [record for record in records if record.get("type") and record["type"] not in NO_CLOUDS]


def find_cloud(
    records: Sequence[Record],
    wanted: str = "",
    default: str = "",
    dummy: bool = False,
    config: Config | None = None,
    images: Iterable[str] = (),
) -> CloudAccess:
    """Return the cloud with the id `wanted`, else the first one that has one of the images, else the first, or default.

    Raises `BadRequest` when there is none, or when it is of a type that is not supported.
    """
    found = cloud_records(records)
    if wanted:
        record = next((item for item in found if item.get("id") == wanted), None)
        if record is not None:
            return read_cloud(record, dummy, config)
        if default and wanted == default:
            return _default(default)
        raise BadRequest(f"No auth data for cloud with ID: {wanted[:100]}")
    if found:
        return read_cloud(_with_image(found, images, config or Config()) or found[0], dummy, config)
    if default:
        return _default(default)
    raise BadRequest("No cloud provider available")


def read_cloud(record: Record, dummy: bool = False, config: Config | None = None) -> CloudAccess:
    """Return the cloud of one record. Raises `BadRequest`, or `AccessError` for one that cannot be used now."""
    kind = record.get("type", "")
    if kind in _OF_SITES:
        return _OF_SITES[kind](record, config or Config())
    reader = _READERS.get(kind)
    if reader is None or (kind == "Dummy" and not dummy):
        more = (
            "it exists, but not here yet"
            if kind in _REFERENCE
            else "known: " + ", ".join(sorted({*_READERS, *_OF_SITES} - {"Dummy"}))
        )
        raise BadRequest(f"Cloud provider not supported: {kind[:60]} ({more})")
    return reader(record)


def find_images(
    records: Sequence[Record], access: CloudAccess, images: Mapping[str, str], config: Config
) -> dict[str, str]:
    """Return the images on a site that names of EGI stand for, by group."""
    if access.cloud != "openstack":
        return {}
    record = next((item for item in cloud_records(records) if item.get("id") == access.id), {})
    return resolve_images(record, images, access, config)


def _with_image(found: Sequence[Record], images: Iterable[str], config: Config) -> Record | None:
    """The first record whose site has an image that says where it is."""
    for image in images:
        kinds = _PLACES.get(image.partition("://")[0], ())
        for record in found:
            kind = record.get("type", "")
            if kind in kinds and (kind == "EC2" or has_image(record, image, config)):
                return record
    return None


def find_region(access: CloudAccess, images: Iterable[str]) -> str:
    """Return where hosts are made: as the record says, an image, or the service's environment. Raises `BadRequest`.

    It is "" for clouds of one place.
    """
    if access.cloud != "aws":
        return ""
    named = (match[1] for image in images if (match := _IMAGE_OF_REGION.fullmatch(image)))
    usual = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "")
    region = access.environment.get("AWS_REGION") or next(named, usual)
    if not region:
        raise BadRequest(
            "No correct auth data has been specified to EC2.: region (or name an image: aws://eu-west-1/ami-...)"
        )
    return region


def in_region(access: CloudAccess, region: str) -> CloudAccess:
    """Return the cloud with a region, if its record names none."""
    if not region or "AWS_REGION" in access.environment:
        return access
    return replace(access, environment={**access.environment, "AWS_REGION": region})


def _default(name: str) -> CloudAccess:
    return CloudAccess(
        name,
        name,
        {"local": "Local", "static": "Static", "aws": "EC2", "openstack": OPENSTACK}.get(name, name.capitalize()),
    )


def _plain(cloud: str, kind: str) -> Callable[[Record], CloudAccess]:
    def read(record: Record) -> CloudAccess:
        host, port, endpoint = place(record)
        return CloudAccess(cloud, record.get("id", kind.lower()), kind, host, port, endpoint)

    return read


def _aws(record: Record) -> CloudAccess:
    missing = [key for key in ("username", "password") if not record.get(key)]
    if missing:
        raise BadRequest(f"No correct auth data has been specified to EC2.: {', '.join(missing)}")
    environment = {"AWS_ACCESS_KEY_ID": record["username"], "AWS_SECRET_ACCESS_KEY": record["password"]}
    if record.get("token"):
        environment["AWS_SESSION_TOKEN"] = record["token"]
    region = record.get("region", "")
    if region:
        if not _REGION.fullmatch(region):
            raise BadRequest("The 'region' of an EC2 record is for example eu-west-1.")
        environment["AWS_REGION"] = region
    host, port, endpoint = place(record)
    return CloudAccess("aws", record.get("id", "ec2"), "EC2", host, port, endpoint, environment=environment)


def _static(record: Record) -> CloudAccess:
    """Hosts that exist already: their addresses in `host` (commas between them) or as JSON in `hosts`, and the key."""
    missing = [key for key in ("username", "private_key") if not record.get(key)]
    missing += [] if record.get("host") or record.get("hosts") else ["host"]
    if missing:
        raise BadRequest(f"No correct auth data has been specified to Static.: {', '.join(missing)}")
    hosts = _static_hosts(record)
    environment = static_environment(hosts, record["username"], record["private_key"])
    return CloudAccess("static", record.get("id", "static"), "Static", environment=environment)


def _static_hosts(record: Record) -> list[dict[str, Any]]:
    wrong = BadRequest("The 'hosts' of a Static record are a JSON list of addresses, or of objects with an 'address'.")
    found: Any = [{"address": part.strip()} for part in record.get("host", "").split(",") if part.strip()]
    if record.get("hosts"):
        try:
            found = json.loads(record["hosts"])
        except (ValueError, RecursionError):
            raise wrong from None
    if not isinstance(found, list) or not found or len(found) > _MOST_HOSTS:
        raise wrong
    hosts = [item if isinstance(item, dict) else {"address": item} for item in found]
    for host in hosts:
        # A path would be one of this machine: nothing but these keys.
        if set(host) - set(_OF_STATIC) or not _ADDRESS.fullmatch(str(host.get("address", ""))):
            raise wrong
    return hosts


_READERS: dict[str, Callable[[Record], CloudAccess]] = {
    "Dummy": _plain("dummy", "Dummy"),
    "EC2": _aws,
    "Local": _plain("local", "Local"),
    "Static": _static,
}
_OF_SITES: dict[str, Callable[[Record, Config], CloudAccess]] = {EGI: read_egi, OPENSTACK: read_openstack}
# Kinds of records by the schemes of images that say where they are.
_PLACES = {"ost": (OPENSTACK, EGI), "egi": (OPENSTACK, EGI), "aws": ("EC2",)}

__all__ = ["CloudAccess", "cloud_records", "find_cloud", "find_images", "find_region", "in_region", "read_cloud"]
