# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of AWS and runs that are cut off: the next run converges, and nothing is left in the end."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._lambda.apply import Worker
from ansible_collections.continuum.im.plugins.module_utils._lambda.plan import Step

from .conftest import Functions

pytestmark = pytest.mark.integration
MAKING = (
    *("CreateRole", "PutRolePolicy", "CreateFunction", "CreateLogGroup", "PutRetentionPolicy", "CreateBucket"),
    *("PutBucketTagging", "AddPermission", "CreateFunctionUrlConfig", "PutBucketNotificationConfiguration"),
)
REMOVING = (
    *("PutBucketNotificationConfiguration", "DeleteFunctionUrlConfig", "RemovePermission", "DeleteLogGroup"),
    *("DeleteBucket", "DeleteFunction", "DeleteRolePolicy", "DeleteRole"),
)
LOOKING = ("GetCallerIdentity", "ListFunctions", "ListRoles", "GetFunction", "DescribeLogGroups", "HeadBucket")
CREATED = 7
REMOVED = 7


def full(functions: Functions) -> dict[str, Any]:
    return functions.function(triggers=[functions.trigger(bucket="uploads-of-web", prefix="in/")], url="iam")


def every_kind(actions: tuple[str, ...]) -> list[Any]:
    """Each answer may be lost: that is our business. Repeating is that of the client library: a sample will do."""
    found = []
    for action in actions:
        found.append(pytest.param("lost_answer", action))
        for kind in ("throttle", "error500"):
            sampled = action in (actions[0], "CreateBucket", "DeleteBucket")
            found.append(pytest.param(kind, action, marks=[] if sampled else [pytest.mark.long]))
    return found


class CutError(Exception):
    """Stands for kill -9 between two steps."""


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        *(("throttle", action) for action in LOOKING),
        *every_kind(MAKING),
    ],
)
def test_a_deployment_gets_over_a_fault(functions: Functions, kind: str, action: str) -> None:
    before = functions.lab.describe()
    functions.lab.add_fault(kind, action)
    done = functions.present(full(functions))
    assert functions.lab.struck() == 1
    assert len(done.names("create")) == CREATED
    assert not functions.present(full(functions)).done
    functions.absent()
    assert functions.lab.describe() == before


@pytest.mark.parametrize(("kind", "action"), every_kind(REMOVING))
def test_a_removal_gets_over_a_fault(functions: Functions, kind: str, action: str) -> None:
    before = functions.lab.describe()
    functions.present(full(functions))
    functions.lab.add_fault(kind, action)
    done = functions.absent()
    assert functions.lab.struck() == 1
    assert (done.left, len(done.done)) == ([], REMOVED)
    assert functions.lab.describe() == before


@pytest.mark.parametrize("action", MAKING)
def test_what_is_denied_is_said_and_the_next_run_goes_on(functions: Functions, action: str) -> None:
    before = functions.lab.describe()
    functions.lab.add_fault("denied", action, count=-1)
    with pytest.raises(HostsError, match=rf"^AWS refused \w+:{action}: .*\. Hint: ") as error:
        functions.present(full(functions))
    assert "\n" not in str(error.value)
    functions.lab.clear_faults()
    functions.present(full(functions))
    assert not functions.present(full(functions)).done
    functions.absent()
    assert functions.lab.describe() == before


@pytest.mark.parametrize("action", REMOVING)
def test_what_cannot_be_removed_is_named(functions: Functions, action: str) -> None:
    before = functions.lab.describe()
    functions.present(full(functions))
    functions.lab.add_fault("denied", action, count=-1)
    done = functions.absent()
    # Without its function nothing is left of a permission or a URL.
    assert action in "\n".join(done.left) or not done.left
    assert done.left or action in ("DeleteFunctionUrlConfig", "RemovePermission", "PutBucketNotificationConfiguration")
    functions.lab.clear_faults()
    assert functions.absent().left == []
    assert functions.lab.describe() == before


@pytest.mark.parametrize("steps", range(CREATED))
def test_a_deployment_that_was_cut_off(functions: Functions, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    before = functions.lab.describe()
    for finish in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(Worker, "do", _cut_after(steps))
            with pytest.raises(CutError):
                functions.present(full(functions))
        if finish:
            functions.present(full(functions))
            assert not functions.present(full(functions)).done
        assert functions.absent().left == []
        assert functions.lab.describe() == before


@pytest.mark.parametrize("steps", range(REMOVED))
def test_a_removal_that_was_cut_off(functions: Functions, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    before = functions.lab.describe()
    functions.present(full(functions))
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "do", _cut_after(steps))
        with pytest.raises(CutError):
            functions.absent()
    assert functions.absent().left == []
    assert functions.lab.describe() == before


def test_a_bucket_that_was_made_and_not_tagged_is_still_ours(functions: Functions) -> None:
    before = functions.lab.describe()
    functions.lab.add_fault("denied", "PutBucketTagging", count=-1)
    with pytest.raises(HostsError):
        functions.present(full(functions))
    functions.lab.clear_faults()
    functions.absent()
    assert functions.lab.describe() == before


def _cut_after(steps: int) -> Any:
    real, count = Worker.do, iter(range(100))

    def do(worker: Worker, step: Step) -> None:
        if next(count) == steps:
            raise CutError
        real(worker, step)

    return do
