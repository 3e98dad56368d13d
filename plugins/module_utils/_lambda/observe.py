# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the account has of an infrastructure, found by tags.

ListFunctions shows no tags, so our functions begin their description with the name of the infrastructure. The tags
decide; the description only tells where to look. Roles are found by their path. A function, or its role when the
function is not there (yet), tells of the log group and the buckets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._hosts.model import HostsError
from .api import Api
from .desired import POLICY, bucket_arn, notification_prefix, own_tags
from .model import BUCKET_TAG, FUNCTION_TAG, INFRASTRUCTURE_TAG, LOG_GROUP_TAG, LOG_GROUPS, Account, Data, Observed

_NONE = ("ResourceNotFoundException",)
_NO_BUCKET = ("404", "NoSuchBucket", "NotFound")
_NOT_OURS = ("NoSuchTagSet", "AccessDenied", "PermanentRedirect", "AuthorizationHeaderMalformed", "403", *_NO_BUCKET)


def read_account(api: Api, infrastructure: str) -> Account:
    """Return whose credentials these are, and which region is meant."""
    who = api.call("sts", "get_caller_identity")
    region = api.client("lambda").meta.region_name
    return Account(infrastructure, who["Account"], region, who["Arn"].split(":")[1])


def observe(
    api: Api, account: Account, names: Iterable[str] = (), buckets: Iterable[str] = (), everything: bool = False
) -> Observed:
    """Return what is there, of functions and buckets with these names too.

    With `everything` all buckets of the account are asked whose they are: one that was not empty when its function
    went is found so.
    """
    found = Observed()
    wanted = set(names)
    listed = {
        item["FunctionName"]
        for item in api.pages("lambda", "list_functions", "Functions")
        if str(item.get("Description", "")).startswith(account.marker)
    }
    listed |= _roles(api, account, found)
    places = set(buckets)
    for name in sorted(wanted | listed):
        places |= _function(api, account, name, found)
        _log_group(api, account, name, found)
    made = {name for name in places if _says_made(found, name)}
    if everything:
        places |= _tagged_buckets(api, account, places)
    for bucket in sorted(places):
        _bucket(api, account, bucket, bucket in made, found)
    return found


def _roles(api: Api, account: Account, found: Observed) -> set[str]:
    """Note the roles of the infrastructure; return the names of the functions that they are for."""
    functions = set()
    for item in api.pages("iam", "list_roles", "Roles", PathPrefix=account.role_path):
        name = item["RoleName"]
        role = api.call("iam", "get_role", ("NoSuchEntity",), RoleName=name)
        if role is None:
            continue
        tags = {tag["Key"]: tag["Value"] for tag in role["Role"].get("Tags") or []}
        if tags.get(INFRASTRUCTURE_TAG) != account.infrastructure:
            continue
        policy = api.call("iam", "get_role_policy", ("NoSuchEntity",), RoleName=name, PolicyName=POLICY)
        found.resources["role", name] = {
            "path": item["Path"],
            "trust": _document(item["AssumeRolePolicyDocument"]),
            "policy": _document(policy["PolicyDocument"]) if policy else {},
            "tags": own_tags(tags),
        }
        functions.update([tags[FUNCTION_TAG]] if tags.get(FUNCTION_TAG) else [])
    return functions


def _document(value: Any) -> Any:
    """Botocore decodes the policies of IAM; a text is left when it could not."""
    return json.loads(value) if isinstance(value, str) else value


def _function(api: Api, account: Account, name: str, found: Observed) -> set[str]:
    """Note a function with what hangs on it; return the names of its buckets."""
    answer = api.call("lambda", "get_function", _NONE, FunctionName=name)
    if answer is None:
        return set()
    tags, config = answer.get("Tags") or {}, answer["Configuration"]
    if tags.get(INFRASTRUCTURE_TAG) != account.infrastructure:
        found.foreign.add(("function", name))
        return set()
    key = ("function", name)
    image = config.get("PackageType") == "Image"
    found.resources[key] = {
        "package": "Image" if image else "Zip",
        "code": answer.get("Code", {}).get("ImageUri", "") if image else config.get("CodeSha256", ""),
        "runtime": "" if image else config.get("Runtime") or "",
        "handler": "" if image else config.get("Handler") or "",
        "role": config["Role"],
        "memory": config.get("MemorySize", 128),
        "timeout": config.get("Timeout", 3),
        "environment": (config.get("Environment") or {}).get("Variables") or {},
        "architecture": (config.get("Architectures") or ["x86_64"])[0],
        "description": config.get("Description", ""),
        "tags": own_tags(tags),
    }
    found.details[key] = {"arn": config["FunctionArn"], "state": config.get("State", "Active")}
    _permissions(api, name, found)
    url = api.call("lambda", "get_function_url_config", _NONE, FunctionName=name)
    if url is not None:
        found.resources["url", name] = {"auth": url["AuthType"]}
        found.details["url", name] = {"url": url["FunctionUrl"]}
    return {tag.removeprefix(BUCKET_TAG) for tag in tags if tag.startswith(BUCKET_TAG)}


def _permissions(api: Api, name: str, found: Observed) -> None:
    answer = api.call("lambda", "get_policy", _NONE, FunctionName=name)
    for statement in json.loads(answer["Policy"])["Statement"] if answer else []:
        if str(statement.get("Sid", "")).startswith("im-"):
            found.resources["permission", f"{name}/{statement['Sid']}"] = _permission(statement)


def _permission(statement: dict[str, Any]) -> Data:
    principal = statement.get("Principal")
    conditions = {key: value for part in (statement.get("Condition") or {}).values() for key, value in part.items()}
    if isinstance(principal, dict):
        principal = next(iter(principal.values()), "")
    return {
        "action": statement.get("Action"),
        "principal": principal,
        "source": conditions.get("AWS:SourceArn", ""),
        "account": conditions.get("AWS:SourceAccount", ""),
    }


def _log_group(api: Api, account: Account, function: str, found: Observed) -> None:
    """One without our tag is ours when the function is: Lambda makes the group when there is none.

    The function says so when the group was there before it.
    """
    name = f"{LOG_GROUPS}{function}"
    key = ("log_group", name)
    groups = api.call("logs", "describe_log_groups", logGroupNamePrefix=name).get("logGroups") or []
    group = next((item for item in groups if item["logGroupName"] == name), None)
    if group is None:
        return
    arn = group["arn"].removesuffix(":*")
    tags = (api.call("logs", "list_tags_for_resource", _NONE, resourceArn=arn) or {}).get("tags") or {}
    owner = tags.get(INFRASTRUCTURE_TAG)
    ours = found.resources.get(("function", function), {}).get("tags", {LOG_GROUP_TAG: "existing"})
    if owner == account.infrastructure or (owner is None and LOG_GROUP_TAG not in ours):
        found.resources[key] = {"retention": group.get("retentionInDays", 0), "tags": own_tags(tags)}
        found.details[key] = {"arn": arn}
    else:
        found.foreign.add(key)


def _says_made(found: Observed, bucket: str) -> bool:
    return any(data.get("tags", {}).get(BUCKET_TAG + bucket) == "made" for data in found.resources.values())


def _tagged_buckets(api: Api, account: Account, known: set[str]) -> set[str]:
    listed = api.call("s3", "list_buckets").get("Buckets") or []
    names = [item["Name"] for item in listed if item["Name"] not in known]
    with ThreadPoolExecutor(8) as pool:
        tags = list(pool.map(lambda name: bucket_tags(api, name), names))
    pairs = zip(names, tags)  # noqa: B905
    return {name for name, found in pairs if found.get(INFRASTRUCTURE_TAG) == account.infrastructure}


def bucket_tags(api: Api, bucket: str) -> dict[str, str]:
    """Return the tags of a bucket, {} when they are none of our business."""
    answer = api.call("s3", "get_bucket_tagging", _NOT_OURS, Bucket=bucket)
    return {tag["Key"]: tag["Value"] for tag in (answer or {}).get("TagSet") or []}


def _bucket(api: Api, account: Account, bucket: str, made: bool, found: Observed) -> None:
    head = api.call("s3", "head_bucket", _NO_BUCKET, Bucket=bucket)
    if head is None:
        return
    region = head.get("BucketRegion") or account.region
    tags = bucket_tags(api, bucket)
    owner = tags.get(INFRASTRUCTURE_TAG)
    found.details["bucket", bucket] = {"region": region, "arn": bucket_arn(account, bucket)}
    if owner == account.infrastructure or (owner is None and made):
        found.resources["bucket", bucket] = {"tags": own_tags(tags)}
    else:
        found.existing.add(bucket)
    config = api.call("s3", "get_bucket_notification_configuration", _NO_BUCKET, Bucket=bucket) or {}
    ours = {
        item["Id"]: notification(item)
        for item in config.get("LambdaFunctionConfigurations") or []
        if str(item.get("Id", "")).startswith(notification_prefix(account))
    }
    if ours:
        found.resources["notification", bucket] = ours


def notification(item: dict[str, Any]) -> Data:
    """Return a notification of S3 in the form in which it is compared."""
    rules = ((item.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    values = {str(rule["Name"]).lower(): rule["Value"] for rule in rules}
    return {
        "function": item["LambdaFunctionArn"],
        "events": sorted(item["Events"]),
        "prefix": values.get("prefix", ""),
        "suffix": values.get("suffix", ""),
    }


def refuse_foreign(account: Account, found: Observed, names: Iterable[str], buckets: Iterable[str]) -> None:
    """Raise HostsError when a wanted name belongs to somebody else."""
    for name in names:
        if ("function", name) in found.foreign:
            message = f"There is a function '{name}' already, and it does not belong to {account.infrastructure}."
            raise HostsError(message, "Choose another name, or delete that function.")
    for bucket in buckets:
        region = found.details.get(("bucket", bucket), {}).get("region", account.region)
        if region != account.region:
            hint = f"Deploy with AWS_REGION={region}, or take a bucket in {account.region}."
            raise HostsError(f"The bucket '{bucket}' lies in {region}, the function in {account.region}.", hint)
