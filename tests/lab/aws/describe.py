# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that an account has, as plain data that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import account

Entry = dict[str, Any]
_PLAIN = (str, int, float, bool)
_VOLATILE = ("lab_", "_", "launch_time", "status", "state")


def everything(baseline: dict[str, dict[str, list[Entry]]]) -> dict[str, list[Entry]]:
    """Return all resources by kind. Of other regions than the first, what they had from the beginning is left out."""
    account.ec2(account.HOME)
    result: dict[str, list[Entry]] = {}
    for region in account.known_regions():
        known = baseline.get(region, {}) if region != account.HOME else {}
        for kind, entries in of_region(region).items():
            result.setdefault(kind, []).extend(item for item in entries if item not in known.get(kind, []))
    return {**result, **_global()}


def of_region(region: str) -> dict[str, list[Entry]]:
    """Return what EC2, Lambda and the logs have in a region, by kind."""
    backend = account.ec2(region)
    found: dict[str, Iterable[Any]] = {
        "instances": [item for item in account.instances(backend).values() if item.state not in account.GONE],
        "volumes": backend.volumes.values(),
        "snapshots": backend.snapshots.values(),
        "images": backend.amis.values(),
        "vpcs": backend.vpcs.values(),
        "subnets": account.subnets(backend).values(),
        "internet_gateways": backend.internet_gateways.values(),
        "nat_gateways": [item for item in backend.nat_gateways.values() if item.state not in ("deleted", "failed")],
        "route_tables": backend.route_tables.values(),
        "network_acls": backend.network_acls.values(),
        "security_groups": account.groups(backend).values(),
        "key_pairs": backend.key_pairs.values(),
        "addresses": backend.addresses,
        "network_interfaces": backend.enis.values(),
        "dhcp_options": backend.dhcp_options_sets.values(),
        "launch_templates": backend.launch_templates.values(),
        "vpc_endpoints": backend.vpc_end_points.values(),
        "spot_requests": backend.spot_instance_requests.values(),
    }
    result = {kind: _sorted(_entry(item, region) for item in items) for kind, items in found.items()}
    return {**result, **_other_services(region)}


def _entry(item: Any, region: str) -> Entry:
    plain: Entry = {"region": region, "tags": dict(item.ec2_backend.tags.get(item.id) or {})}
    for key, value in vars(item).items():
        if isinstance(value, _PLAIN) and not key.startswith(_VOLATILE):
            plain[key] = value
    for name, read in _MORE.items():
        if hasattr(item, name):
            plain[name.strip("_")] = read(getattr(item, name))
    return plain


def _values(items: Any) -> list[Any]:
    return list(items.values()) if isinstance(items, dict) else list(items)


def _rules(rules: Iterable[Any]) -> list[str]:
    return sorted(
        " ".join(
            str(part) for part in (rule.ip_protocol, rule.from_port, rule.to_port, rule.ip_range, rule.source_group)
        )
        for rule in _values(rules)
    )


_MORE: dict[str, Callable[[Any], Any]] = {
    "ingress_rules": _rules,
    "egress_rules": _rules,
    "routes": lambda items: sorted(f"{item.destination_cidr_block} {item.local}" for item in _values(items)),
    "_associations": lambda items: sorted(str(getattr(item, "subnet_id", item)) for item in _values(items)),
    "vpc": lambda vpc: getattr(vpc, "id", None),
    "instance": lambda instance: getattr(instance, "id", None),
    "attachment": lambda attachment: getattr(getattr(attachment, "instance", None), "id", None),
}


def _other_services(region: str) -> dict[str, list[Entry]]:
    from moto.backends import get_backend

    def of(service: Any) -> Any:
        backends: Any = get_backend(service)
        return backends[account.ACCOUNT][region]

    logs, functions = of("logs"), of("lambda")
    return {
        "log_groups": _sorted({"id": name, "region": region} for name in logs.groups),
        "functions": _sorted({"id": item.function_arn, "region": region} for item in functions.list_functions()),
        "event_sources": _sorted({"id": name, "region": region} for name in functions._event_source_mappings),
    }


def _global() -> dict[str, list[Entry]]:
    from moto.iam.models import iam_backends
    from moto.route53.models import route53_backends
    from moto.s3.models import s3_backends

    iam = iam_backends[account.ACCOUNT]["aws"]
    zones = route53_backends[account.ACCOUNT]["aws"].zones
    buckets = s3_backends[account.ACCOUNT]["aws"].buckets
    return {
        "roles": _sorted({"id": item.name, "policies": sorted(item.policies)} for item in iam.roles.values()),
        "policies": _sorted({"id": arn} for arn in iam.managed_policies if ":aws:policy/" not in arn),
        "instance_profiles": _sorted({"id": item.name} for item in iam.instance_profiles.values()),
        "users": _sorted({"id": name} for name in iam.users),
        "hosted_zones": _sorted({"id": item.id, "name": item.name} for item in zones.values()),
        "records": _sorted(_record(zone, item) for zone in zones.values() for item in zone.rrsets),
        "buckets": _sorted({"id": item.name, "objects": sorted(item.keys)} for item in buckets.values()),
    }


def _record(zone: Any, item: Any) -> Entry:
    return {"id": f"{item.name} {item.type}", "zone": zone.id, "values": sorted(str(value) for value in item.records)}


def _sorted(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda item: str(item.get("id") or item.get("public_ip") or item.get("key_name")))
