# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of ansible-runner become rows and, when a run fails, one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from service.operations.events import Recorder
from service.operations.fold import Failure, message_of, sentence, short, was_killed
from service.operations.redact import STARS, Redactor

pytestmark = pytest.mark.unit


@pytest.fixture
def recorder() -> Recorder:
    return Recorder("i", 7, 3, Redactor(["hushhush"]))


def tell(recorder: Recorder, event: str, stdout: str = "", **data: Any) -> None:
    assert recorder.handle({"event": event, "stdout": stdout, "event_data": data}) is False


def rows(recorder: Recorder) -> list[tuple[str, str, str, str, str]]:
    return [(row.phase, row.host, row.task, row.status, row.message) for row in recorder.take()[0]]


def test_tasks(recorder: Recorder) -> None:
    tell(recorder, "playbook_on_play_start", name="Prepare the hosts")
    tell(recorder, "playbook_on_task_start", task="Install")
    tell(recorder, "runner_on_ok", host="a", task="Install", duration=1.23456, res={"changed": True, "msg": "two"})
    tell(recorder, "runner_on_ok", host="b", task="Install", res={"changed": False})
    tell(recorder, "runner_on_skipped", host="c", task="Install", res={})
    tell(recorder, "runner_on_ok", host="b", task="Validating arguments against arg spec 'main' - It", res={})
    assert recorder.progress == "Prepare the hosts: Install"
    found, _instances = recorder.take()
    assert [(row.host, row.status, row.message, row.seconds) for row in found] == [
        ("a", "changed", "two", 1.235),
        ("b", "ok", "", 0.0),
    ]
    assert {(row.infrastructure_id, row.operation_id, row.generation, row.phase) for row in found} == {
        ("i", 7, 3, "Prepare the hosts")
    }
    assert recorder.take() == ([], None)


def test_secrets_end_here(recorder: Recorder) -> None:
    tell(recorder, "playbook_on_play_start", name="hushhush")
    tell(recorder, "runner_on_ok", host="a", task="set hushhush", res={"msg": "x hushhush y"})
    tell(recorder, "runner_on_failed", host="a", task="use", res={"msg": "hushhush", "stderr": "cannot hushhush"})
    tell(recorder, "verbose", stdout="and hushhush")
    assert "hushhush" not in str(rows(recorder)) + str(recorder.failures) + str(recorder.lines)
    assert recorder.failures == [Failure("a", "use", f"{STARS}\ncannot {STARS}")]


def test_hosts_that_the_cloud_lists(recorder: Recorder) -> None:
    for count in (1, 2):
        facts = {"im_instances": [{"id": number} for number in range(count)]}
        tell(recorder, "runner_on_ok", host="localhost", task="Make the hosts", res={"ansible_facts": facts})
    found, instances = recorder.take()
    assert instances == [{"id": 0}, {"id": 1}]
    recorder.put_back(found, instances)
    assert recorder.take() == (found, instances)


def test_a_newer_list_is_not_put_back_over(recorder: Recorder) -> None:
    recorder.saw([{"id": 1}])
    recorder.put_back([], [{"id": 0}])
    assert recorder.take()[1] == [{"id": 1}]


def test_the_result(recorder: Recorder) -> None:
    tell(recorder, "playbook_on_stats", artifact_data={"outputs": {"a": 1}})
    assert recorder.result == {"outputs": {"a": 1}}
    tell(recorder, "playbook_on_stats")
    assert recorder.result == {}


def test_failures_that_do_not_count(recorder: Recorder) -> None:
    tell(recorder, "runner_on_failed", host="a", task="try", ignore_errors=True, res={"msg": "no"})
    assert recorder.failures == []
    assert rows(recorder) == [("", "a", "try", "ok", "no")]


def test_unreachable_hosts(recorder: Recorder) -> None:
    tell(recorder, "runner_on_unreachable", host="a", task="Read", res={"msg": "no answer"})
    assert recorder.failures == [Failure("a", "Read", "no answer", unreachable=True)]
    assert rows(recorder) == [("", "a", "Read", "unreachable", "no answer")]


def test_failures_inside_of_the_sandbox(recorder: Recorder) -> None:
    for line in ("FAILED on wn-1: Start it", "  no such service", "  second line", "  12.0 s  next", "done"):
        tell(recorder, "verbose", stdout=line)
    tell(recorder, "runner_on_failed", host="localhost", task="Configure the hosts", res={"msg": "ended with an error"})
    assert recorder.failures[0].host == "wn-1"
    assert sentence(recorder.failures, [], 2).startswith("wn-1, task 'Start it': no such service second line")


def test_what_the_callback_says_of_a_task_is_said_once(recorder: Recorder) -> None:
    for line in ("FAILED on localhost: continuum.im.cloud_local : Make the hosts", "  no room"):
        tell(recorder, "verbose", stdout=line)
    tell(recorder, "runner_on_failed", host="localhost", task="Make the hosts", res={"msg": "no room"})
    assert recorder.failures == [Failure("localhost", "Make the hosts", "no room")]
    assert rows(recorder) == [("", "localhost", "Make the hosts", "failed", "no room")]
    tell(recorder, "verbose", stdout="UNREACHABLE: wn: gone")
    tell(recorder, "runner_on_unreachable", host="wn", task="Read", res={"msg": "gone"})
    assert rows(recorder) == [("", "wn", "Read", "unreachable", "gone")]


def test_what_recipes_print(recorder: Recorder) -> None:
    output = {"app": {"tasks": {"Greet": {"state": "ok", "output": "hello hushhush"}}}}
    tell(recorder, "runner_on_ok", host="localhost", task="Configure", res={"continuum_progress": {"output": output}})
    assert rows(recorder) == [
        ("", "localhost", "app: Greet", "ok", f"hello {STARS}"),
        ("", "localhost", "Configure", "ok", ""),
    ]


def test_errors_of_the_run_itself(recorder: Recorder) -> None:
    tell(recorder, "verbose", stdout="Provide the hosts ...")
    tell(recorder, "error", stdout="[ERROR]: A worker was found in a dead state")
    assert recorder.killed
    assert recorder.errors == ["[ERROR]: A worker was found in a dead state"]


def test_long_messages_are_cut(recorder: Recorder) -> None:
    tell(recorder, "verbose", stdout="x" * 9000)
    assert len(rows(recorder)[0][4]) == 4000


def test_a_killed_task_is_no_failure_of_ansible(recorder: Recorder) -> None:
    tell(recorder, "runner_on_failed", host="a", task="t", res={"msg": "A worker was found in a dead state"})
    assert recorder.killed


@pytest.mark.parametrize(
    ("host", "result", "killed"),
    [
        ("localhost", {"rc": 137}, True),
        ("far", {"rc": 137}, False),
        ("far", {"rc": -9}, True),
        ("far", {"rc": 1}, False),
    ],
)
def test_killed(host: str, result: dict[str, Any], killed: bool) -> None:
    assert was_killed(host, result, "") is killed


def test_one_sentence_with_host_task_and_hint() -> None:
    failures = [Failure("fe", "Install", "E: Unable to locate package slurm"), Failure("wn", "Install", "the same")]
    assert sentence(failures, [], 2) == (
        "fe and 1 more, task 'Install': E: Unable to locate package slurm."
        " Hint: The image does not know this package; choose another."
    )
    assert sentence([Failure("fe", "Read", "", unreachable=True)], [], 4) == (
        "fe, task 'Read': does not answer. Hint: Check that the host runs and that port 22 is open."
    )


def test_runs_that_fail_before_their_first_task() -> None:
    lines = ["[ERROR]: The template cannot be deployed:", "template.yaml:3:1: there is no type 'x'"]
    text = sentence([], lines, 1)
    assert text.startswith("The template cannot be deployed: template.yaml:3:1: there is no type 'x'.")
    assert text.endswith("Hint: Correct the template and send it again.")
    assert sentence([], [], 5) == "the run ended with exit code 5 and said nothing."


def test_messages() -> None:
    assert message_of({"msg": ["a", "b"]}) == "a\nb"
    assert message_of({"changed": True}) == ""
    assert message_of({"failed": True, "msg": "no", "stderr": "why", "stdout": "what"}) == "no\nwhy"
    assert message_of({"failed": True, "msg": "no", "stdout": "what"}) == "no\nwhat"
    assert message_of({"msg": {"a": 1}}) == "{'a': 1}"
    assert short("fatal: " + "x" * 500).endswith("x ...")
