# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself: code runs as on Lambda, in a sandbox, and what AWS refuses is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._lambda.desired import TRUST
from botocore.exceptions import ClientError

from lab.aws.function_sandbox import Job, run_image

from .conftest import Functions

pytestmark = pytest.mark.integration
SLOW = "import time\ndef handler(event, context): time.sleep(60)\n"
LARGE = "def handler(event, context): return len(bytearray(600 * 2**20))\n"
LEAVING = "import sys\ndef handler(event, context): sys.exit(3)\n"
NETWORK = "import socket\ndef handler(event, context): socket.create_connection(('127.0.0.1', int(event)), 5)\n"
WRITING = """
import os
def handler(event, context):
    open("/tmp/mine", "w").write("x")
    found = []
    for path in ("/var/task/index.py", "/usr/x", "/etc/x"):
        try:
            open(path, "a")
            found.append(path)
        except OSError:
            pass
    return found, sorted(name for name in os.environ if name.startswith("AWS_SECRET"))
"""


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (SLOW, "Sandbox.Timedout"),
        (LARGE, "Runtime.OutOfMemory"),
        (LEAVING, "Runtime.ExitError"),
        ("import nothing_of_that_name\n", "Runtime.ImportModuleError"),
        ("x = 1\n", "Runtime.HandlerNotFound"),
        ("def handler(event, context): return object()\n", "TypeError"),
    ],
)
def test_errors_have_the_names_of_lambda(functions: Functions, code: str, kind: str) -> None:
    (functions.root / "code" / "index.py").write_text(code)
    functions.present(functions.function(timeout=1))
    answer, error = functions.invoke("web-hello")
    assert (answer["errorType"], error) == (kind, "Unhandled")
    functions.absent()


def test_the_sandbox_has_no_network_and_changes_nothing(functions: Functions) -> None:
    (functions.root / "code" / "index.py").write_text(NETWORK)
    functions.present(functions.function())
    answer, error = functions.invoke("web-hello", functions.lab.endpoint.rpartition(":")[2])
    assert (answer["errorType"], error) == ("ConnectionRefusedError", "Unhandled")
    (functions.root / "code" / "index.py").write_text(WRITING)
    functions.present(functions.function())
    assert functions.invoke("web-hello") == ([[], []], None)
    functions.absent()


def test_roles_that_lambda_cannot_assume_are_refused(functions: Functions) -> None:
    client, iam = functions.lab.client("lambda"), functions.lab.client("iam")
    other = json.dumps(TRUST).replace("lambda.", "ec2.")
    arn = iam.create_role(RoleName="other", AssumeRolePolicyDocument=other)["Role"]["Arn"]
    options: dict[str, Any] = {"FunctionName": "x", "Runtime": "python3.13", "Handler": "a.b"}
    for role in (arn, arn.replace("other", "missing")):
        with pytest.raises(ClientError, match="cannot be assumed by Lambda") as error:
            client.create_function(**options, Role=role, Code={"ZipFile": b"x"})
        assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_notifications_without_permission_are_refused(functions: Functions) -> None:
    functions.present(functions.function())
    s3, client = functions.lab.client("s3"), functions.lab.client("lambda")
    s3.create_bucket(Bucket="uploads-of-web")
    arn = client.get_function_configuration(FunctionName="web-hello")["FunctionArn"]
    entry: dict[str, Any] = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}

    def put(*entries: dict[str, Any]) -> None:
        config = {"LambdaFunctionConfigurations": list(entries)}
        s3.put_bucket_notification_configuration(Bucket="uploads-of-web", NotificationConfiguration=config)

    with pytest.raises(ClientError, match="Unable to validate the following destination configurations"):
        put(entry)
    allowed = {"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::uploads-of-web"}
    client.add_permission(FunctionName="web-hello", StatementId="a", Action="lambda:InvokeFunction", **allowed)
    with pytest.raises(ClientError, match="already exists"):
        client.add_permission(FunctionName="web-hello", StatementId="a", Action="lambda:InvokeFunction", **allowed)
    put(entry)
    with pytest.raises(ClientError, match="Configurations overlap"):
        put({**entry, "Id": "a"}, {**entry, "Id": "b"})


PODMAN = """#!/bin/sh
case "$1 $2" in
"image exists") [ "$3" = localhost/known:1 ] ;;
"run --rm") shift 2; echo "$@"; echo '{"answer": 1}' ;;
esac
"""


def test_images_are_run_by_podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "podman").write_text(PODMAN)
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    job = Job(event={"a": 1}, handler="main", seconds=5, memory=128, environment={"WORD": "hi"})
    done = run_image("localhost/known:1", job)
    assert (done.payload, done.failed) == ({"answer": 1}, False)
    assert done.log == '--network none --env WORD=hi localhost/known:1 main {"a": 1}'
    for image in ("localhost/other:1", "--privileged"):
        assert run_image(image, job).payload["errorType"] == "Runtime.InvalidImage"
