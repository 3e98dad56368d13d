# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS refuses and moto lets through: what holds for all calls, and the way to the checks of each call."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from . import account, strict_dns, strict_instances, strict_network, strict_storage
from .answers import Refused
from .calls import Call

MOST_TAGS = 50
_TAG_FILTER = re.compile(r"tag:.+|tag-key|tag-value")
_RANGES = {"DescribeInstances": (5, 1000), "DescribeTags": (5, 1000), "DescribeVolumes": (5, 1000)}
_PAGE = {"DescribeInstances": ("InstanceId.1", "1000"), "DescribeInstanceStatus": ("InstanceId.1", "1000")}

Check = Callable[[Call, Any], None]
_CHECKS: dict[str, Check] = {**strict_instances.CHECKS, **strict_network.CHECKS, **strict_storage.CHECKS}
_AFTER: dict[str, Check] = {**strict_network.AFTER, **strict_storage.AFTER}


def check(call: Call, body: bytes, path: str) -> None:
    """Refuse a call that AWS refuses, and fill in what AWS fills in; raises Refused."""
    if call.service == "route53":
        strict_dns.check(call, body, path)
    if call.service != "ec2":
        return
    backend = account.ec2(call.region)
    if call.action.startswith("Describe"):
        _check_filters(call)
        _check_page(call)
    _check_tags(call)
    if call.action in _CHECKS:
        _CHECKS[call.action](call, backend)


def after(call: Call) -> None:
    """Put right what moto left after a call that succeeded."""
    if call.service != "ec2":
        return
    backend = account.ec2(call.region)
    if call.action in _AFTER:
        _AFTER[call.action](call, backend)
    if call.action.startswith(("Delete", "Release", "Deregister")) and call.action != "DeleteTags":
        for value in call.form.values():
            if value in backend.tags and not value.startswith("nat-"):
                del backend.tags[value]


def _check_filters(call: Call) -> None:
    known = _filters().get(call.action)
    for _prefix, item in call.groups("Filter"):
        name = item.get("Name", "")
        if known and name not in known and not _TAG_FILTER.fullmatch(name):
            raise Refused("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not any(key.startswith("Value.") for key in item):
            raise Refused("InvalidParameterValue", f"The filter '{name}' must have at least one value")


def _check_page(call: Call) -> None:
    if call.action in _PAGE and "MaxResults" not in call.form and _PAGE[call.action][0] not in call.form:
        call.form["MaxResults"] = _PAGE[call.action][1]
    if "MaxResults" not in call.form or call.action not in _ranges():
        return
    least, most = _ranges()[call.action]
    text = call.get("MaxResults")
    if not text.isdigit() or not least <= int(text) <= most:
        raise Refused(
            "InvalidParameterValue",
            f"Value ( {text} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}.",
        )


def _check_tags(call: Call) -> None:
    if call.action in ("CreateTags", "DeleteTags"):
        _check_tag_list([item for _prefix, item in call.groups("Tag")])
        for resource in call.many("ResourceId"):
            _check_resource(call, resource)
    for prefix, item in call.groups("TagSpecification"):
        if not item.get("ResourceType"):
            raise Refused("InvalidParameterValue", "Tag specification resource type must have a value")
        _check_tag_list([tag for _prefix, tag in call.groups(f"{prefix}.Tag")])


def _check_tag_list(tags: list[dict[str, str]]) -> None:
    keys = [tag.get("Key", "") for tag in tags]
    if len(keys) > MOST_TAGS:
        raise Refused("TagLimitExceeded", "The maximum number of tags for the resource has been reached.")
    for key in keys:
        if keys.count(key) > 1:
            raise Refused("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        if not 1 <= len(key) <= 128:
            raise Refused("InvalidParameterValue", "Tag key exceeds the maximum length of 128 characters")
        if key.lower().startswith("aws:"):
            raise Refused("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
    if any(len(tag.get("Value", "")) > 256 for tag in tags):
        raise Refused("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters")


def _check_resource(call: Call, resource: str) -> None:
    backend = account.ec2(call.region)
    if resource.startswith("i-") and resource not in account.instances(backend):
        raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{resource}' does not exist")
    new = {tag["Key"] for _prefix, tag in call.groups("Tag") if "Key" in tag}
    if call.action == "CreateTags" and len(new | set(backend.tags.get(resource) or {})) > MOST_TAGS:
        raise Refused("TagLimitExceeded", "The maximum number of tags for the resource has been reached.")


@functools.lru_cache
def _model() -> Any:
    from botocore.loaders import Loader

    return Loader().load_service_model("ec2", "service-2")


def _members(action: str) -> Any:
    operation = _model()["operations"].get(action, {})
    return _model()["shapes"][operation["input"]["shape"]].get("members", {}) if "input" in operation else {}


@functools.lru_cache
def _filters() -> dict[str, set[str]]:
    """Return the filters that each call knows, as the documentation of the API tells them."""
    result = {}
    for action in _model()["operations"]:
        members = _members(action) if action.startswith("Describe") else {}
        text = (members.get("Filters") or members.get("Filter") or {}).get("documentation", "")
        names = {name for name in re.findall(r"<li> <p> <code>([^<]+)</code>", text) if not name.startswith("tag")}
        if names:
            result[action] = names
    return result


@functools.lru_cache
def _ranges() -> dict[str, tuple[int, int]]:
    result = dict(_RANGES)
    for action in _model()["operations"]:
        member = _members(action).get("MaxResults")
        shape = _model()["shapes"][member["shape"]] if member else {}
        if "min" in shape and "max" in shape:
            result[action] = (int(shape["min"]), int(shape["max"]))
    return result
