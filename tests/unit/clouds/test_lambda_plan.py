# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of functions: what is wanted becomes resources, the difference becomes steps in a safe order."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._lambda.desired import (
    bucket_name,
    bucket_sid,
    desired,
    role_name,
)
from ansible_collections.continuum.im.plugins.module_utils._lambda.limits import Limits
from ansible_collections.continuum.im.plugins.module_utils._lambda.model import Account, Observed, Trigger, Wanted
from ansible_collections.continuum.im.plugins.module_utils._lambda.plan import after_steps, diff, steps

pytestmark = pytest.mark.unit
ACCOUNT = Account("web", "123456789012", "eu-west-1")
EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


def wanted(**more: Any) -> Wanted:
    usual = {"node": "hello", "name": "web-hello", "runtime": "python3.13", "handler": "index.handler", "code": b"zip"}
    return Wanted(**{**usual, **more})


def observed(*functions: Wanted, **more: Any) -> Observed:
    return Observed(resources=desired(functions, ACCOUNT, Observed()), **more)


def planned(functions: list[Wanted], there: Observed) -> list[str]:
    return [f"{step.verb} {step.title}" for step in steps(desired(functions, ACCOUNT, there), there)]


def test_from_nothing_the_function_comes_before_what_only_it_knows() -> None:
    full = wanted(triggers=(Trigger("uploads", "in/"),), url="iam")
    assert [step.key for step in steps(desired([full], ACCOUNT, Observed()), Observed())] == [
        ("role", "im-web-web-hello"),
        ("function", "web-hello"),
        ("log_group", "/aws/lambda/web-hello"),
        ("bucket", "uploads"),
        ("permission", f"web-hello/{bucket_sid('uploads')}"),
        ("url", "web-hello"),
        ("notification", "uploads"),
    ]


def test_nothing_to_do() -> None:
    item = wanted(triggers=(Trigger("uploads"),), url="public", secrets={"PW": "x"})
    assert planned([item], observed(item)) == []


def test_changes_are_made_in_place() -> None:
    before, after = wanted(), wanted(memory=512, code=b"new", retention=7)
    assert planned([after], observed(before)) == [
        "update function web-hello",
        "update log group /aws/lambda/web-hello",
    ]


def test_calls_end_before_the_function_goes() -> None:
    there = observed(wanted(triggers=(Trigger("uploads"),), url="public"))
    kinds = [step.key[0] for step in steps({}, there)]
    assert kinds == [
        *("notification", "url", "permission", "permission", "permission"),
        *("log_group", "bucket", "function", "role"),
    ]


def test_from_code_to_image_the_function_is_made_anew() -> None:
    image = wanted(
        code=None, image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1", runtime="", handler="", url="iam"
    )
    assert planned([image], observed(wanted(url="iam"))) == [
        "delete function web-hello",
        "create function web-hello",
        "create URL of function web-hello",
    ]


def test_a_bucket_of_others_is_neither_made_nor_removed() -> None:
    item = wanted(triggers=(Trigger("theirs"),))
    there = Observed(existing={"theirs"})
    made = steps(desired([item], ACCOUNT, there), there)
    assert ("bucket", "theirs") not in [step.key for step in made]
    function = next(step for step in made if step.key[0] == "function")
    assert function.after is not None
    assert function.after["tags"]["im_bucket:theirs"] == "existing"


def test_a_log_group_of_others_is_left_alone() -> None:
    there = Observed(foreign={("log_group", "/aws/lambda/web-hello")})
    assert not [title for title in planned([wanted()], there) if "log group" in title]
    assert desired([wanted()], ACCOUNT, there)["function", "web-hello"]["tags"]["im_log_group"] == "existing"


def test_a_given_role_is_used() -> None:
    arn = "arn:aws:iam::123456789012:role/mine"
    found = desired([wanted(role=arn)], ACCOUNT, Observed())
    assert found["function", "web-hello"]["role"] == arn
    assert not [key for key in found if key[0] == "role"]


def test_the_role_may_do_the_least() -> None:
    item = wanted(triggers=(Trigger("in", "a/"),), writes=(("out", "b/"),))
    policy = desired([item], ACCOUNT, Observed())["role", role_name(ACCOUNT, "web-hello")]["policy"]
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": ["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/web-hello:*"],
        },
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::in/a/*"]},
        {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::out/b/*"]},
    ]


def test_functions_share_a_bucket() -> None:
    one = wanted(triggers=(Trigger("uploads", "a/"),))
    two = wanted(node="b", name="web-b", triggers=(Trigger("uploads", "b/"),))
    found = desired([one, two], ACCOUNT, Observed())
    assert {item["prefix"] for item in found["notification", "uploads"].values()} == {"a/", "b/"}
    assert planned([one], observed(one, two))[0] == "update notification of bucket uploads"


def test_the_diff_shows_no_secret() -> None:
    before = wanted(environment={"LEVEL": "low"}, secrets={"PW": "geheim-1"})
    after = wanted(environment={"LEVEL": "high"}, secrets={"PW": "geheim-2"})
    there = observed(before)
    todo = steps(desired([after], ACCOUNT, Observed()), there)
    text = diff(there.resources, after_steps(there.resources, todo), [after])
    assert "geheim" not in str(text)
    assert '"LEVEL": "low"' in text["before"]
    assert '"LEVEL": "high"' in text["after"]
    assert "(not shown, changes)" in text["after"]
    assert "geheim" not in str(diff(there.resources, {}, []))
    assert '"LEVEL": "(not shown)"' in diff(there.resources, {}, [])["before"]


def test_made_up_names_fit() -> None:
    account = Account("a" * 40, "123456789012", "eu-west-1")
    assert len(role_name(account, "f" * 64)) == 64
    assert len(bucket_name(account, "F_" * 32)) <= 63
    assert bucket_name(ACCOUNT, "web_Hello") == "im-web-web-hello-123456789012"


@pytest.fixture(scope="module")
def limits() -> Limits:
    return Limits(botocore.session.get_session().get_service_model("lambda"), EVENTS)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"memory": 64}, "64 MiB"),
        ({"memory": 1_000_000}, "128 to"),
        ({"timeout": 0}, "0 seconds"),
        ({"timeout": 100_000}, "100000 seconds"),
        ({"name": "a b"}, "cannot be the name"),
        ({"name": "a" * 65}, "cannot be the name"),
        ({"name": "arn:aws:lambda:eu-west-1:123456789012:function:a"}, "cannot be the name"),
        ({"runtime": "python3.99"}, "Take one of python"),
        ({"handler": "two words"}, "not a handler"),
        ({"handler": ""}, "not a handler"),
        ({"architecture": "sparc"}, "x86_64, arm64"),
        ({"retention": 31}, "31 days"),
        ({"role": "admin"}, "not the ARN"),
        ({"image": "x/y:1"}, "and not both"),
        ({"code": None}, "its code or an image"),
        ({"code": None, "image": "--privileged"}, "not the address"),
        ({"environment": {"1A": "x"}}, "environment variable"),
        ({"environment": {"AWS_REGION": "x"}}, "environment variable"),
        ({"environment": {"LONG": "x" * 5000}}, "5004 bytes"),
        ({"triggers": (Trigger("No"),)}, "name of a bucket"),
        ({"triggers": (Trigger("good-name", events=("s3:Nothing",)),)}, "no event"),
        ({"triggers": (Trigger("good-name", events=()),)}, "no events"),
        ({"writes": (("a..b", ""),)}, "name of a bucket"),
    ],
)
def test_what_lambda_refuses_is_refused_with_a_sentence(limits: Limits, more: dict[str, Any], words: str) -> None:
    with pytest.raises(HostsError) as error:
        limits.check([wanted(**more)])
    assert words in str(error.value)
    assert " Hint: " in str(error.value)


def test_names_are_unique_and_the_rest_is_accepted(limits: Limits) -> None:
    limits.check([wanted(triggers=(Trigger("uploads"),)), wanted(name="b", code=None, image="a/b@sha256:0")])
    with pytest.raises(HostsError, match="Two functions"):
        limits.check([wanted(), wanted()])
