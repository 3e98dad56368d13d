# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What functions become in the account: pure, from what is wanted to resources that can be compared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .model import (
    BUCKET_TAG,
    FUNCTION_TAG,
    INFRASTRUCTURE_TAG,
    LOG_GROUP_TAG,
    NODE_TAG,
    Account,
    Data,
    Observed,
    Resources,
    Trigger,
    Wanted,
)
from .package import code_sha256

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
POLICY = "continuum"
URL_SID = "im-url"
INVOKE_SID = "im-url-invoke"


def desired(functions: Iterable[Wanted], account: Account, observed: Observed) -> Resources:
    """Return every resource that the functions need; what others made is not among them."""
    existing = observed.existing
    found: Resources = {}
    for item in functions:
        if not item.role:
            found["role", role_name(account, item.name)] = _role(item, account)
        found["function", item.name] = _function(item, account, existing)
        if ("log_group", item.log_group) in observed.foreign:
            found["function", item.name]["tags"][LOG_GROUP_TAG] = "existing"
        else:
            found["log_group", item.log_group] = {"retention": item.retention, "tags": _tags(item, account)}
        for bucket in item.buckets:
            if bucket not in existing:
                found["bucket", bucket] = {"tags": {INFRASTRUCTURE_TAG: account.infrastructure}}
            found["permission", f"{item.name}/{bucket_sid(bucket)}"] = {
                "action": "lambda:InvokeFunction",
                "principal": "s3.amazonaws.com",
                "source": bucket_arn(account, bucket),
                "account": account.account_id,
            }
        for trigger in item.triggers:
            ours = found.setdefault(("notification", trigger.bucket), {})
            ours[notification_id(account, item.name, trigger)] = {
                "function": account.function_arn(item.name),
                "events": sorted(trigger.events),
                "prefix": trigger.prefix,
                "suffix": trigger.suffix,
            }
        found.update(_url(item))
    return found


def role_name(account: Account, function: str) -> str:
    """Return the name of the role that is made for a function."""
    return shortened(f"im-{account.infrastructure}-{function}", 64)


def role_arn(account: Account, function: str) -> str:
    """Return the ARN of the role that is made for a function."""
    return account.arn("iam", f"role{account.role_path}{role_name(account, function)}", region="")


def bucket_arn(account: Account, bucket: str) -> str:
    """Return the ARN of a bucket."""
    return f"arn:{account.partition}:s3:::{bucket}"


def bucket_name(account: Account, function: str) -> str:
    """Return the name of a bucket that a template leaves to us: the account's number makes it ours alone."""
    word = re.sub(r"[^a-z0-9]+", "-", function.lower()).strip("-")
    middle = shortened(f"{account.infrastructure}-{word}", 63 - len(f"im--{account.account_id}"))
    return f"im-{middle}-{account.account_id}"


def bucket_sid(bucket: str) -> str:
    """Return the id of the statement that lets a bucket call the function."""
    return f"im-s3-{_digest(bucket)}"


def notification_id(account: Account, function: str, trigger: Trigger) -> str:
    """Return the id of a notification: the same for the same function and filter."""
    return f"{notification_prefix(account)}{function}:{_digest(f'{trigger.prefix}|{trigger.suffix}')}"


def notification_prefix(account: Account) -> str:
    """Return how the ids of all notifications of an infrastructure begin."""
    return f"im:{account.infrastructure}:"


def shortened(name: str, most: int) -> str:
    """Return `name`, cut and told apart by a digest when it is too long."""
    return name if len(name) <= most else f"{name[: most - 9]}-{_digest(name)}"


def _role(item: Wanted, account: Account) -> Data:
    tags = {**_tags(item, account), FUNCTION_TAG: item.name}
    return {"path": account.role_path, "trust": TRUST, "policy": _policy(item, account), "tags": tags}


def _policy(item: Wanted, account: Account) -> dict[str, Any]:
    """The least that the function needs: write its own log, read what calls it, write where it is told to."""
    logs = account.arn("logs", f"log-group:{item.log_group}:*")
    statements = [_allow(["logs:CreateLogStream", "logs:PutLogEvents"], [logs])]
    reads = [f"{bucket_arn(account, trigger.bucket)}/{trigger.prefix}*" for trigger in item.triggers]
    writes = [f"{bucket_arn(account, bucket)}/{prefix}*" for bucket, prefix in item.writes]
    if reads:
        statements.append(_allow(["s3:GetObject"], sorted(set(reads))))
    if writes:
        statements.append(_allow(["s3:PutObject"], sorted(set(writes))))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _function(item: Wanted, account: Account, existing: set[str]) -> Data:
    tags = _tags(item, account)
    for bucket in item.buckets:
        tags[BUCKET_TAG + bucket] = "existing" if bucket in existing else "made"
    return {
        "package": "Image" if item.image else "Zip",
        "code": item.image or code_sha256(item.code or b""),
        "runtime": "" if item.image else item.runtime,
        "handler": "" if item.image else item.handler,
        "role": item.role or role_arn(account, item.name),
        "memory": item.memory,
        "timeout": item.timeout,
        "environment": item.variables,
        "architecture": item.architecture,
        "description": f"{account.marker}{NODE_TAG}={item.node[:100]}",
        "tags": tags,
    }


def _url(item: Wanted) -> Resources:
    if item.url == "none":
        return {}
    found: Resources = {("url", item.name): {"auth": "NONE" if item.url == "public" else "AWS_IAM"}}
    if item.url == "public":
        # Both are needed for a URL that everybody may call.
        anybody = {"principal": "*", "source": "", "account": ""}
        found["permission", f"{item.name}/{URL_SID}"] = {"action": "lambda:InvokeFunctionUrl", **anybody}
        found["permission", f"{item.name}/{INVOKE_SID}"] = {"action": "lambda:InvokeFunction", **anybody}
    return found


def _tags(item: Wanted, account: Account) -> dict[str, str]:
    return {INFRASTRUCTURE_TAG: account.infrastructure, NODE_TAG: item.node}


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that are ours; those of users are left alone."""
    return {name: value for name, value in tags.items() if name.startswith("im_")}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
