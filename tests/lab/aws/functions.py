# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lambda in the lab: the code of functions really runs, and what AWS refuses is refused."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from .function_sandbox import Job, Result, run_image, run_python, unpack

_LOG = logging.getLogger("lab.aws.functions")
# A new function is Pending, a changed one InProgress, for so long; IAM tells the rest of AWS of a role after so long.
# A table of faults has no time for it: LAB_FUNCTION_SECONDS=0 leaves both out.
PENDING_SECONDS = float(os.environ.get("LAB_FUNCTION_SECONDS", "0.7"))
ROLE_SECONDS = float(os.environ.get("LAB_FUNCTION_SECONDS", "1.0"))
_ASSUME = "The role defined for the function cannot be assumed by Lambda."
_UNVALIDATED = "Unable to validate the following destination configurations"
_OVERLAP = "Configurations overlap. Configurations on the same bucket cannot share a common event type."


def install(state: Path) -> None:
    """Change moto's Lambda and S3 in this process; unpacked code is kept below `state`."""
    folder = state / "functions"
    folder.mkdir(parents=True, exist_ok=True)
    _install_invocation(folder)
    _install_states()
    _install_strictness()
    _install_notifications()


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a method; `around` gets the one that was there first."""
    before = getattr(owner, name)
    if getattr(before, "of_lab", False):
        return

    def method(*arguments: Any, **named: Any) -> Any:
        return around(before, *arguments, **named)

    method.of_lab = True  # type: ignore[attr-defined]
    setattr(owner, name, method)


def _install_invocation(folder: Path) -> None:
    from moto.awslambda.models import LambdaFunction

    def invoke(_before: Any, function: Any, body: Any, asked: Any, answered: Any) -> str | bytes:
        event = json.loads(body) if body else {}
        kind = asked.get("X-Amz-Invocation-Type") or asked.get("x-amz-invocation-type") or "RequestResponse"
        if kind == "DryRun":
            return ""
        if kind == "Event":
            threading.Thread(target=_quietly, args=(folder, function, event), daemon=True).start()
            return ""
        result, log = _call(folder, function, event)
        if result.failed:
            answered["x-amz-function-error"] = "Unhandled"
        answered["x-amz-log-result"] = base64.b64encode(log.encode()[-4096:]).decode()
        return json.dumps(result.payload).encode()

    _wrap(LambdaFunction, "invoke", invoke)


def _quietly(folder: Path, function: Any, event: Any) -> None:
    try:
        _call(folder, function, event)
    except Exception:
        _LOG.exception("function %s", function.function_name)


def _call(folder: Path, function: Any, event: Any) -> tuple[Result, str]:
    """Run a function and write its log."""
    _await_ready(function)
    request = str(uuid.uuid4())
    stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
    job = Job(
        event=event,
        handler=function.handler or "",
        seconds=float(function.timeout),
        memory=int(function.memory_size),
        environment={**_environment(function), **function.environment_vars},
        context={
            "function_name": function.function_name,
            "invoked_function_arn": function.function_arn,
            "memory_limit_in_mb": str(function.memory_size),
            "aws_request_id": request,
            "log_group_name": function.logs_group_name,
            "log_stream_name": stream,
        },
    )
    start = time.monotonic()
    result = _run(folder, function, job)
    milliseconds = (time.monotonic() - start) * 1000
    lines = [f"START RequestId: {request} Version: $LATEST", *result.log.splitlines(), f"END RequestId: {request}"]
    lines.append(f"REPORT RequestId: {request} Duration: {milliseconds:.2f} ms Memory Size: {function.memory_size} MB")
    _write_log(function, stream, lines)
    return result, "\n".join(lines)


def _run(folder: Path, function: Any, job: Job) -> Result:
    if function.package_type == "Image":
        return run_image(str(function.code.get("ImageUri")), job)
    if not str(function.run_time).startswith("python"):
        message = f"The lab runs Python, not {function.run_time}."
        return Result({"errorType": "Lab.Runtime", "errorMessage": message}, True, message)
    digest = hashlib.sha256(function.code_bytes).hexdigest()
    return run_python(unpack(function.code_bytes, folder / digest), job)


def _environment(function: Any) -> dict[str, str]:
    return {
        "AWS_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
        "LAMBDA_TASK_ROOT": "/var/task",
        "_HANDLER": function.handler or "",
        "TZ": ":UTC",
    }


def _write_log(function: Any, stream: str, lines: list[str]) -> None:
    """Lambda makes a log group only when the role of the function lets it."""
    logs, group = function.logs_backend, function.logs_group_name
    if group not in logs.groups:
        if "logs:CreateLogGroup" not in json.dumps(_policies(function)):
            return
        logs.ensure_log_group(group)
    now = int(time.time() * 1000)
    logs.create_log_stream(group, stream)
    logs.put_log_events(group, stream, [{"timestamp": now, "message": line} for line in lines])


def _policies(function: Any) -> list[Any]:
    role = _role(function.account_id, function.partition, function.role)
    return [] if role is None else list(role.policies.values())


def _role(account: str, partition: str, arn: str) -> Any:
    from moto.iam.models import iam_backends

    roles = iam_backends[account][partition].get_roles()
    return next((role for role in list(roles) if role.arn == arn), None)


def _await_ready(function: Any) -> None:
    time.sleep(max(0.0, getattr(function, "lab_ready", 0.0) - time.monotonic()))


def _install_states() -> None:
    from moto.awslambda.models import LambdaBackend, LambdaFunction

    def get_configuration(before: Any, function: Any, *arguments: Any, **named: Any) -> Any:
        config = before(function, *arguments, **named)
        waiting = getattr(function, "lab_ready", 0.0) > time.monotonic()
        if waiting and function.lab_new:
            config.update(State="Pending", StateReason="The function is being created.", StateReasonCode="Creating")
        elif waiting:
            config["LastUpdateStatus"] = "InProgress"
        return config

    def change(before: Any, backend: Any, name: str, qualifier: Any, body: dict[str, Any]) -> Any:
        function = backend.get_function(name, qualifier)
        _refuse_busy(function)
        if "Role" in body:
            _check_role(backend, body["Role"])
        result = before(backend, name, qualifier, body)
        if body.get("Architectures"):
            function.architectures = body["Architectures"]
        _begin(function, new=False)
        return {**result, **function.get_configuration()}

    _wrap(LambdaFunction, "get_configuration", get_configuration)
    _wrap(LambdaBackend, "update_function_code", change)
    _wrap(LambdaBackend, "update_function_configuration", change)


def _begin(function: Any, new: bool) -> None:
    function.lab_new = new
    function.lab_ready = time.monotonic() + PENDING_SECONDS


def _refuse_busy(function: Any) -> None:
    if getattr(function, "lab_ready", 0.0) <= time.monotonic():
        return
    what = (
        "The function is currently in the following state: Pending"
        if function.lab_new
        else f"An update is in progress for resource: {function.function_arn}"
    )
    raise _conflict(f"The operation cannot be performed at this time. {what}")


def _conflict(message: str) -> Exception:
    from moto.awslambda.exceptions import LambdaClientError

    class ResourceConflictError(LambdaClientError):
        code = 409

    return ResourceConflictError("ResourceConflictException", message)


def _install_strictness() -> None:
    from moto.awslambda.models import LambdaBackend

    def create(before: Any, backend: Any, spec: dict[str, Any]) -> Any:
        _check_role(backend, spec["Role"])
        function = before(backend, spec)
        _begin(function, new=True)
        return function

    def add_permission(before: Any, backend: Any, name: str, qualifier: Any, raw: str) -> Any:
        sid = json.loads(raw).get("StatementId")
        if any(item.get("Sid") == sid for item in backend.get_function(name, qualifier).policy.statements):
            message = f"The statement id ({sid}) provided already exists. Please provide a new statement id."
            raise _conflict(message)
        return before(backend, name, qualifier, raw)

    def create_url(before: Any, backend: Any, name: str, config: dict[str, Any]) -> Any:
        if backend.get_function(name).url_config is not None:
            raise _conflict(f"Failed to create function url config for {name}. Error message: it exists already")
        return before(backend, name, config)

    _wrap(LambdaBackend, "create_function", create)
    _wrap(LambdaBackend, "add_permission", add_permission)
    _wrap(LambdaBackend, "create_function_url_config", create_url)


def _check_role(backend: Any, arn: str) -> None:
    """The role must be there, for a moment already, and it must be for Lambda."""
    from moto.awslambda.exceptions import InvalidParameterValueException
    from moto.core.utils import utcnow
    from moto.utilities.utils import get_partition

    role = _role(backend.account_id, get_partition(backend.region_name), arn)
    trusted = role is not None and any(
        item.get("Effect") == "Allow"
        and "lambda.amazonaws.com" in _list(item.get("Principal", {}).get("Service"))
        and "sts:AssumeRole" in _list(item.get("Action"))
        for item in _list(json.loads(role.assume_role_policy_document).get("Statement"))
    )
    if not trusted or utcnow() - role.create_date < timedelta(seconds=ROLE_SECONDS):
        raise InvalidParameterValueException(_ASSUME)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _install_notifications() -> None:
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    def put(before: Any, backend: Any, bucket_name: str, notification_config: dict[str, Any]) -> None:
        from moto.s3.exceptions import S3ClientError

        wanted = _list((notification_config or {}).get("CloudFunctionConfiguration"))
        skip = _header("x-amz-skip-destination-validation") == "true"
        if not skip and not all(_may_call(item["CloudFunction"], bucket_name, backend) for item in wanted):
            raise S3ClientError("InvalidArgument", _UNVALIDATED)
        if any(_overlap(one, other) for at, one in enumerate(wanted) for other in wanted[:at]):
            raise S3ClientError("InvalidArgument", _OVERLAP)
        before(backend, bucket_name, notification_config)

    def call(_before: Any, account_id: str, event_body: Any, fn_arn: str, region_name: str) -> None:
        function = _find(account_id, region_name, fn_arn)
        entry = event_body["Records"][0]["s3"]
        bucket = entry["bucket"]["arn"]
        entry["object"]["key"] = quote_plus(unquote_plus(entry["object"]["key"]), safe="/")
        if function is not None and _allows(function, bucket, account_id):
            function.invoke(json.dumps(event_body), {"X-Amz-Invocation-Type": "Event"}, {})

    _wrap(S3Backend, "put_bucket_notification_configuration", put)
    _wrap(notifications, "_invoke_awslambda", call)


def _header(name: str) -> str:
    from flask import has_request_context, request

    return str(request.headers.get(name, "")).lower() if has_request_context() else ""


def _find(account: str, region: str, arn: str) -> Any:
    from moto.awslambda.models import lambda_backends

    functions = lambda_backends[account][region].list_functions()
    return next((item for item in functions if item.function_arn == arn), None)


def _may_call(arn: str, bucket: str, backend: Any) -> bool:
    function = _find(backend.account_id, arn.split(":")[3], arn)
    return function is not None and _allows(function, backend.get_bucket(bucket).arn, backend.account_id)


def _allows(function: Any, bucket_arn: str, account: str) -> bool:
    """Whether the policy of a function lets a bucket call it."""
    return any(_permits(statement, bucket_arn, account) for statement in list(function.policy.statements))


def _permits(statement: Mapping[str, Any], bucket_arn: str, account: str) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    if statement.get("Effect") != "Allow" or service != "s3.amazonaws.com":
        return False
    conditions = {key: value for part in (statement.get("Condition") or {}).values() for key, value in part.items()}
    return (
        statement.get("Action") in ("lambda:InvokeFunction", "lambda:*")
        and fnmatch.fnmatchcase(bucket_arn, conditions.get("AWS:SourceArn", "*"))
        and conditions.get("AWS:SourceAccount", account) == account
    )


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if not set(_list(one["Event"])) & set(_list(other["Event"])):
        return False
    (prefix, suffix), (their_prefix, their_suffix) = _filter(one), _filter(other)
    same_start = prefix.startswith(their_prefix) or their_prefix.startswith(prefix)
    return same_start and (suffix.endswith(their_suffix) or their_suffix.endswith(suffix))


def _filter(config: Mapping[str, Any]) -> tuple[str, str]:
    rules = _list(((config.get("Filter") or {}).get("S3Key") or {}).get("FilterRule"))
    values = {str(rule["Name"]).lower(): str(rule["Value"]) for rule in rules}
    return values.get("prefix", ""), values.get("suffix", "")
