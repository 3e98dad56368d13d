# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the steps of a plan. Each may be done already: a lost answer of AWS makes no twin and no error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._hosts.model import HostsError
from .._hosts.progress import say
from .api import Api
from .desired import INVOKE_SID, POLICY, URL_SID, notification_prefix
from .model import INFRASTRUCTURE_TAG, Account, Data, Wanted
from .observe import bucket_tags
from .plan import Step

_GONE = ("ResourceNotFoundException", "NoSuchEntity", "NoSuchBucket", "404")
# IAM and S3 need a moment until the rest of AWS knows a new role or a new permission.
_AWARE_SECONDS = 60
_UNAWARE = (("InvalidParameterValueException", "assumed"),)


class Worker:
    """Does steps; `timeout` is how many seconds a function may need until it is ready."""

    def __init__(self, api: Api, account: Account, functions: Iterable[Wanted], timeout: float) -> None:
        self._api, self._account, self._timeout = api, account, timeout
        self._functions = {item.name: item for item in functions}

    def do(self, step: Step) -> None:
        """Do one step. Raises HostsError."""
        kind, name = step.key
        operation: Callable[[str, Step], None] = getattr(self, f"_{step.verb}_{kind}", None) or getattr(
            self, f"_put_{kind}"
        )
        operation(name, step)
        say(f"{step.title}: {step.verb}d")

    def _create_role(self, name: str, step: Step) -> None:
        data = _after(step)
        self._api.call(
            *("iam", "create_role", ("EntityAlreadyExists",)),
            RoleName=name,
            Path=data["path"],
            AssumeRolePolicyDocument=json.dumps(data["trust"]),
            Description="Made by continuum.im",
            Tags=_pairs(data["tags"]),
        )
        role = self._api.call("iam", "get_role", RoleName=name)["Role"]
        if role["Path"] != data["path"]:
            hint = "Delete it, or name a role for the function."
            raise HostsError(f"There is a role '{name}' already, and it does not belong to this infrastructure.", hint)
        self._put_policy(name, data)

    def _update_role(self, name: str, step: Step) -> None:
        data, before = _after(step), step.before or {}
        if before.get("trust") != data["trust"]:
            trust = json.dumps(data["trust"])
            self._api.call("iam", "update_assume_role_policy", RoleName=name, PolicyDocument=trust)
        if before.get("policy") != data["policy"]:
            self._put_policy(name, data)
        if before.get("tags") != data["tags"]:
            self._api.call("iam", "tag_role", RoleName=name, Tags=_pairs(data["tags"]))

    def _put_policy(self, name: str, data: Data) -> None:
        policy = json.dumps(data["policy"])
        self._api.call("iam", "put_role_policy", RoleName=name, PolicyName=POLICY, PolicyDocument=policy)

    def _delete_role(self, name: str, _step: Step) -> None:
        listed = self._api.call("iam", "list_role_policies", _GONE, RoleName=name)
        for policy in (listed or {}).get("PolicyNames") or []:
            self._api.call("iam", "delete_role_policy", _GONE, RoleName=name, PolicyName=policy)
        listed = self._api.call("iam", "list_attached_role_policies", _GONE, RoleName=name)
        for policy in (listed or {}).get("AttachedPolicies") or []:
            arn = policy["PolicyArn"]
            self._api.call("iam", "detach_role_policy", _GONE, RoleName=name, PolicyArn=arn)
        self._api.call("iam", "delete_role", _GONE, RoleName=name)

    def _create_function(self, name: str, step: Step) -> None:
        data, item = _after(step), self._functions[name]
        arguments: dict[str, Any] = {
            "FunctionName": name,
            "PackageType": data["package"],
            "Code": {"ImageUri": item.image} if item.image else {"ZipFile": item.code},
            "Architectures": [data["architecture"]],
            "Tags": data["tags"],
            **_configuration(data),
        }
        there = ("ResourceConflictException",)
        made = self._api.until("lambda", "create_function", _UNAWARE, _AWARE_SECONDS, there, **arguments)
        if made is None and not self._is_ours(name):
            hint = "Choose another name, or delete that function."
            raise HostsError(f"Somebody else has just made a function '{name}'.", hint)
        self._settle(name)

    def _is_ours(self, name: str) -> bool:
        """The answer to our own call was lost, and the call was made again."""
        answer = self._api.call("lambda", "get_function", _GONE, FunctionName=name)
        tags = (answer or {}).get("Tags") or {}
        return tags.get(INFRASTRUCTURE_TAG) == self._account.infrastructure

    def _update_function(self, name: str, step: Step) -> None:
        data, before, item = _after(step), step.before or {}, self._functions[name]
        self._settle(name)
        if data["tags"] != before["tags"]:
            # First, since they tell a later run which buckets are ours.
            arn = self._account.function_arn(name)
            self._api.call("lambda", "tag_resource", Resource=arn, Tags=data["tags"])
            gone = sorted(set(before["tags"]) - set(data["tags"]))
            if gone:
                self._api.call("lambda", "untag_resource", Resource=arn, TagKeys=gone)
        if (data["code"], data["architecture"]) != (before["code"], before["architecture"]):
            code = {"ImageUri": item.image} if item.image else {"ZipFile": item.code}
            self._busy("update_function_code", FunctionName=name, Architectures=[data["architecture"]], **code)
            self._settle(name)
        if _configuration(data) != _configuration(before):
            self._busy("update_function_configuration", FunctionName=name, **_configuration(data))
            self._settle(name)

    def _busy(self, operation: str, **arguments: Any) -> None:
        """Lambda does one update of a function after the other."""
        again = (("ResourceConflictException", "in progress"), *_UNAWARE)
        self._api.until("lambda", operation, again, max(self._timeout, _AWARE_SECONDS), **arguments)

    def _settle(self, name: str) -> None:
        """Wait until a function is ready and its last update is done."""
        pause, deadline = 0.3, time.monotonic() + self._timeout
        while True:
            config = self._api.call("lambda", "get_function_configuration", FunctionName=name)
            for status, reason in (("State", "StateReason"), ("LastUpdateStatus", "LastUpdateStatusReason")):
                if config.get(status) == "Failed":
                    why = str(config.get(reason) or "Lambda gives no reason").rstrip(".")
                    raise HostsError(f"Function '{name}' is not ready: {why}.", "Mend it and deploy again.")
            if config.get("State") != "Pending" and config.get("LastUpdateStatus") != "InProgress":
                return
            if time.monotonic() > deadline:
                hint = "Deploy again to wait longer, or raise cloud_lambda_timeout."
                raise HostsError(f"Function '{name}' was not ready within {self._timeout:g} seconds.", hint)
            time.sleep(pause)
            pause = min(pause * 1.5, 5)

    def _delete_function(self, name: str, _step: Step) -> None:
        self._api.call("lambda", "delete_function", _GONE, FunctionName=name)

    def _put_log_group(self, name: str, step: Step) -> None:
        data = _after(step)
        exists = ("ResourceAlreadyExistsException",)
        if step.verb == "create":
            self._api.call("logs", "create_log_group", exists, logGroupName=name, tags=data["tags"])
        elif (step.before or {}).get("tags") != data["tags"]:
            arn = self._account.arn("logs", f"log-group:{name}")
            self._api.call("logs", "tag_resource", resourceArn=arn, tags=data["tags"])
        if data["retention"]:
            days = data["retention"]
            self._api.call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)
        elif step.verb == "update":
            self._api.call("logs", "delete_retention_policy", _GONE, logGroupName=name)

    def _delete_log_group(self, name: str, _step: Step) -> None:
        self._api.call("logs", "delete_log_group", _GONE, logGroupName=name)

    def _put_bucket(self, name: str, step: Step) -> None:
        if step.verb == "create":
            place = {"CreateBucketConfiguration": {"LocationConstraint": self._account.region}}
            elsewhere = {} if self._account.region == "us-east-1" else place
            self._api.call("s3", "create_bucket", ("BucketAlreadyOwnedByYou",), Bucket=name, **elsewhere)
        tags = {**bucket_tags(self._api, name), **_after(step)["tags"]}
        self._api.call("s3", "put_bucket_tagging", Bucket=name, Tagging={"TagSet": _pairs(tags)})

    def _delete_bucket(self, name: str, _step: Step) -> None:
        if self._api.call("s3", "delete_bucket", (*_GONE, "BucketNotEmpty"), Bucket=name) is not None:
            return
        if self._api.call("s3", "head_bucket", _GONE, Bucket=name) is not None:
            raise HostsError("it is not empty")

    def _put_permission(self, name: str, step: Step) -> None:
        function, _slash, sid = name.partition("/")
        data = _after(step)
        if step.verb == "update":
            self._delete_permission(name, step)
        arguments = {"Action": data["action"], "Principal": data["principal"]}
        if data["source"]:
            arguments.update(SourceArn=data["source"], SourceAccount=data["account"])
        if sid == URL_SID:
            arguments["FunctionUrlAuthType"] = "NONE"
        extra = {"InvokedViaFunctionUrl": True} if sid == INVOKE_SID else {}
        again = ("ResourceConflictException",)
        where = {"FunctionName": function, "StatementId": sid}
        self._api.call("lambda", "add_permission", again, **where, **arguments, **extra)

    def _delete_permission(self, name: str, _step: Step) -> None:
        function, _slash, sid = name.partition("/")
        self._api.call("lambda", "remove_permission", _GONE, FunctionName=function, StatementId=sid)

    def _put_url(self, name: str, step: Step) -> None:
        auth = _after(step)["auth"]
        again = ("ResourceConflictException",)
        made = step.verb == "create" and self._api.call(
            "lambda", "create_function_url_config", again, FunctionName=name, AuthType=auth
        )
        if not made:
            self._api.call("lambda", "update_function_url_config", FunctionName=name, AuthType=auth)

    def _delete_url(self, name: str, _step: Step) -> None:
        self._api.call("lambda", "delete_function_url_config", _GONE, FunctionName=name)

    def _put_notification(self, name: str, step: Step) -> None:
        """What others configured on the bucket stays as it is."""
        config = self._api.call("s3", "get_bucket_notification_configuration", _GONE, Bucket=name)
        if config is None:
            return
        config.pop("ResponseMetadata", None)
        prefix = notification_prefix(self._account)
        others = [
            item
            for item in config.get("LambdaFunctionConfigurations") or []
            if not str(item.get("Id", "")).startswith(prefix)
        ]
        ours = [_notification(key, data) for key, data in sorted((step.after or {}).items())]
        config["LambdaFunctionConfigurations"] = [*others, *ours]
        if not config["LambdaFunctionConfigurations"]:
            del config["LambdaFunctionConfigurations"]
        # What goes must not fail because a destination of somebody else is dead.
        skip: dict[str, Any] = {} if step.after else {"SkipDestinationValidation": True}
        self._api.until(
            *("s3", "put_bucket_notification_configuration", (("InvalidArgument", "validate"),), _AWARE_SECONDS),
            Bucket=name,
            NotificationConfiguration=config,
            **skip,
        )


def _after(step: Step) -> Data:
    if step.after is None:
        raise ValueError(f"{step.verb} of {step.title} has no goal")
    return step.after


def _configuration(data: Data) -> dict[str, Any]:
    code = {} if data["package"] == "Image" else {"Runtime": data["runtime"], "Handler": data["handler"]}
    return {
        **code,
        "Role": data["role"],
        "MemorySize": data["memory"],
        "Timeout": data["timeout"],
        "Environment": {"Variables": data["environment"]},
        "Description": data["description"],
    }


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in sorted(tags.items())]


def _notification(key: str, data: Data) -> dict[str, Any]:
    rules = [{"Name": name, "Value": data[name]} for name in ("prefix", "suffix") if data[name]]
    filters = {"Filter": {"Key": {"FilterRules": rules}}} if rules else {}
    return {"Id": key, "LambdaFunctionArn": data["function"], "Events": data["events"], **filters}
