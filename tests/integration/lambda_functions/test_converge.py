# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions on the lab: made, called, changed in place and removed, with everything that hangs on them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError

from .conftest import Functions, await_true

pytestmark = pytest.mark.integration
BUCKET = "uploads-of-web"


def full(functions: Functions, **more: Any) -> dict[str, Any]:
    trigger = functions.trigger(bucket=BUCKET, prefix="in/")
    secret = {"TOKEN": "geheim"}
    usual = {"triggers": [trigger], "url": "public", "environment": {"WORD": "hi"}, "secret_environment": secret}
    return functions.function(**{**usual, **more})


def test_a_plan_from_nothing_is_what_is_made(functions: Functions) -> None:
    before = functions.lab.describe()
    plan = functions.present(full(functions), check=True)
    assert functions.lab.describe() == before
    done = functions.present(full(functions))
    assert done.names("create") == plan.names("create")
    assert len(plan.names("create")) == 9
    assert plan.diff == done.diff
    assert "geheim" not in str(plan.diff)
    assert plan.as_result()["ansible_facts"]["im_deployed_functions"][0]["state"] == "planned"
    found = done.as_result()["ansible_facts"]["im_deployed_functions"][0]
    assert (found["name"], found["bucket"], found["state"]) == ("web-hello", BUCKET, "active")
    assert found["url"].startswith("https://")
    functions.lab.forget_calls()
    again = functions.present(full(functions))
    assert not again.done
    assert not [
        call for call in functions.lab.calls() if not call.split(":")[1].startswith(("Get", "List", "Desc", "Head"))
    ]
    removed = functions.absent()
    assert len(removed.done) == 9
    assert functions.lab.describe() == before
    assert not functions.absent().done


def test_real_code_runs(functions: Functions) -> None:
    functions.present(full(functions))
    answer, error = functions.invoke("web-hello", {"a": [1]})
    assert (answer, error) == ({"event": {"a": [1]}, "word": "hi", "name": "web-hello"}, None)
    answer, error = functions.invoke("web-hello", "break")
    assert (answer["errorType"], answer["errorMessage"], error) == ("ValueError", "broken", "Unhandled")
    assert "called with {'a': [1]}" in functions.log("web-hello")


def test_an_upload_calls_the_function(functions: Functions) -> None:
    functions.present(full(functions))
    s3 = functions.lab.client("s3")
    s3.put_object(Bucket=BUCKET, Key="elsewhere/b.txt", Body=b"x")
    s3.put_object(Bucket=BUCKET, Key="in/a.txt", Body=b"x")
    await_true(lambda: "in/a.txt" in functions.log("web-hello"))
    assert "b.txt" not in functions.log("web-hello")


def test_changes_in_place(functions: Functions) -> None:
    functions.present(full(functions))
    (functions.root / "code" / "index.py").write_text("def handler(event, context): return 'new'\n")
    changed = functions.present(full(functions, memory_size=256, url="iam", log_retention=7))
    assert changed.names("create") == []
    assert set(changed.names("update")) == {
        "function web-hello",
        "URL of function web-hello",
        "log group /aws/lambda/web-hello",
    }
    assert len(changed.names("delete")) == 2  # what let everybody call the URL
    assert functions.invoke("web-hello") == ("new", None)
    config = functions.lab.client("lambda").get_function_configuration(FunctionName="web-hello")
    assert config["MemorySize"] == 256
    assert not functions.present(full(functions, memory_size=256, url="iam", log_retention=7)).done


def test_a_function_that_is_not_wanted_goes(functions: Functions) -> None:
    one = functions.function("one", triggers=[functions.trigger(bucket=BUCKET, prefix="a/")])
    two = functions.function("two", triggers=[functions.trigger(bucket=BUCKET, prefix="b/")])
    functions.present(one, two)
    gone = functions.present(one)
    assert "function web-two" in gone.names("delete")
    assert gone.names("update") == [f"notification of bucket {BUCKET}"]
    config = functions.lab.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)
    assert len(config["LambdaFunctionConfigurations"]) == 1
    assert not functions.present(one).done


def test_what_others_configured_stays(functions: Functions) -> None:
    s3 = functions.lab.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    other = Functions(functions.lab, functions.root, "other")
    other.present(other.function(triggers=[other.trigger(bucket=BUCKET, prefix="theirs/")]))
    before = functions.lab.describe()
    config = s3.get_bucket_notification_configuration(Bucket=BUCKET)["LambdaFunctionConfigurations"]
    done = functions.present(full(functions))
    assert f"bucket {BUCKET}" not in done.names("create")
    both = s3.get_bucket_notification_configuration(Bucket=BUCKET)["LambdaFunctionConfigurations"]
    assert len(both) == 2
    assert config[0] in both
    functions.absent()
    assert s3.get_bucket_notification_configuration(Bucket=BUCKET)["LambdaFunctionConfigurations"] == config
    assert functions.lab.describe() == before


def test_a_bucket_that_is_not_empty_is_named_and_stays(functions: Functions) -> None:
    before = functions.lab.describe()
    functions.present(full(functions))
    s3 = functions.lab.client("s3")
    s3.put_object(Bucket=BUCKET, Key="keep.txt", Body=b"x")
    assert functions.absent().left == [f"bucket {BUCKET}: it is not empty"]
    assert [item["Name"] for item in s3.list_buckets()["Buckets"]] == [BUCKET]
    s3.delete_object(Bucket=BUCKET, Key="keep.txt")
    assert functions.absent().names("delete") == [f"bucket {BUCKET}"]
    assert functions.lab.describe() == before


def test_a_bucket_that_is_no_longer_used_stays_while_it_is_not_empty(functions: Functions) -> None:
    functions.present(full(functions))
    functions.lab.client("s3").put_object(Bucket=BUCKET, Key="keep.txt", Body=b"x")
    changed = functions.present(full(functions, triggers=[]))
    assert "not empty" in changed.warnings[0]
    assert functions.absent().left == [f"bucket {BUCKET}: it is not empty"]


def test_names_of_others_are_refused(functions: Functions) -> None:
    other = Functions(functions.lab, functions.root, "other")
    other.present(other.function(name="taken"))
    before = functions.lab.describe()
    with pytest.raises(HostsError, match="does not belong to web"):
        functions.present(functions.function(name="taken"))
    assert functions.lab.describe() == before


def test_a_log_group_that_was_there_is_left_alone(functions: Functions) -> None:
    logs = functions.lab.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/web-hello")
    before = functions.lab.describe()
    done = functions.present(functions.function())
    assert "is left as it is" in done.warnings[0]
    functions.absent()
    assert functions.lab.describe() == before


def test_a_zip_file_and_a_given_role(functions: Functions) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return 'zipped'\n")
    (functions.root / "ready.zip").write_bytes(content.getvalue())
    iam = functions.lab.client("iam")
    trust = (
        '{"Statement": [{"Effect": "Allow", "Principal": {"Service": "%s.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
    )
    role = iam.create_role(RoleName="mine", AssumeRolePolicyDocument=trust % "lambda")["Role"]["Arn"]
    before = functions.lab.describe()
    done = functions.present(functions.function(code="ready.zip", role=role))
    assert done.names("create") == ["function web-hello", "log group /aws/lambda/web-hello"]
    assert functions.invoke("web-hello") == ("zipped", None)
    functions.absent()
    assert functions.lab.describe() == before


def test_an_image_takes_the_place_of_code(functions: Functions) -> None:
    functions.present(functions.function())
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/none:1"
    changed = functions.present(functions.function(image=image))
    assert changed.names("delete") == ["function web-hello"]
    assert changed.names("create") == ["function web-hello"]
    assert not functions.present(functions.function(image=image)).done
    answer, error = functions.invoke("web-hello")
    assert (answer["errorType"], error) == ("Runtime.InvalidImage", "Unhandled")
    moved = functions.present(functions.function(image=image.replace(":1", ":2")))
    assert moved.names("update") == ["function web-hello"]


def test_the_architecture_changes_in_place(functions: Functions) -> None:
    functions.present(functions.function())
    assert functions.present(functions.function(architecture="arm64")).names("update") == ["function web-hello"]
    assert not functions.present(functions.function(architecture="arm64")).done


def test_the_module_as_ansible_runs_it(functions: Functions) -> None:
    option = {"node": "hello", "runtime": "python3.13", "handler": "index.handler", "code": "code"}
    option["code_root"] = str(functions.root)
    secret = {"secret_environment": {"TOKEN": "geheim-text"}}
    wanted = [{**option, **secret}]
    plan = functions.module(check=True, functions=wanted)
    assert plan["changed"], plan
    assert "function web-hello" in plan["diff"]["after"]
    done = functions.module(functions=wanted)
    assert done["created"] == plan["created"], done
    assert "geheim-text" not in str(done)
    assert not functions.module(functions=wanted)["changed"]
    info = functions.module("lambda_functions_info")
    assert "function web-hello" in info["resources"]
    assert info["ansible_facts"]["im_instances"] == []
    refused = functions.module(functions=[{**option, "memory_size": 64}])
    assert refused["msg"].startswith("Function 'web-hello' cannot have 64 MiB of memory. Hint: ")
    assert functions.module(state="absent")["left"] == []


def test_a_region_is_needed(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setitem(functions.lab.environment, name, "")
    assert "Hint: Set AWS_REGION" in functions.module(functions=[])["msg"]


def test_a_module_without_an_account_says_so(functions: Functions) -> None:
    functions.lab.add_fault("denied", "ListFunctions", count=-1)
    refused = functions.module(functions=[])
    assert "AWS refused lambda:ListFunctions" in refused["msg"]
    assert "docs/clouds/lambda.md" in refused["msg"]
