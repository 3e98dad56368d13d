# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of AWS without hosts, and the functions of one infrastructure on it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._lambda import converge
from ansible_collections.continuum.im.plugins.module_utils._lambda.api import Api, client_config
from ansible_collections.continuum.im.plugins.module_utils._lambda.options import FUNCTION, TRIGGER

from lab.aws.client import Lab

REPOSITORY = Path(__file__).resolve().parents[3]
MODULES = "ansible_collections.continuum.im.plugins.modules"
WAIT_SECONDS = 120
CODE = """
import os

def handler(event, context):
    print("called with", event)
    if event == "break":
        raise ValueError("broken")
    return {"event": event, "word": os.environ.get("WORD"), "name": context.function_name}
"""


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_FUNCTION_SECONDS", "0")
        # The pauses before another try are the client library's; what is tested is that there is one.
        patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", _hardly)
        with Lab.start(hosts=False, state=tmp_path_factory.mktemp("lab")) as started:
            yield started


def _hardly(_backoff: Any, _context: Any) -> float:
    return 0.01


@functools.cache
def _api(lab: Lab) -> Api:
    """Making a client takes longer than most calls."""
    return Api(lambda service: lab.client(service, config=client_config()))


@dataclass
class Functions:
    """The functions of an infrastructure; the code lies in `root`."""

    lab: Lab
    root: Path
    name: str = "web"

    @property
    def api(self) -> Api:
        return _api(self.lab)

    def function(self, node: str = "hello", **more: Any) -> dict[str, Any]:
        """Options of a function, completed as Ansible completes them."""
        usual = {"runtime": "python3.13", "handler": "index.handler", "code": "code", "code_root": str(self.root)}
        defaults = {name: option.get("default") for name, option in FUNCTION.items()}
        return {**defaults, **({} if "image" in more else usual), "node": node, **more}

    def trigger(self, **more: Any) -> dict[str, Any]:
        return {**{name: option.get("default") for name, option in TRIGGER.items()}, **more}

    def present(self, *functions: dict[str, Any], check: bool = False) -> converge.Outcome:
        return converge.present(self.api, self.name, list(functions), WAIT_SECONDS, check)

    def absent(self, check: bool = False) -> converge.Outcome:
        return converge.absent(self.api, self.name, check)

    def invoke(self, name: str, event: Any = None) -> tuple[Any, str | None]:
        """The answer of a function, and the kind of its error."""
        answer = self.lab.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def log(self, name: str) -> str:
        events = self.lab.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        return "\n".join(event["message"] for event in events)

    def module(self, name: str = "lambda_functions", check: bool = False, **options: Any) -> dict[str, Any]:
        """Run the module as Ansible does, in a process of its own."""
        internal = {"_ansible_check_mode": check, "_ansible_diff": True}
        path = self.root / "arguments.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"infrastructure": self.name, **options, **internal}}))
        environment = {**os.environ, **self.lab.environment, "PYTHONPATH": str(REPOSITORY / "collections")}
        done = subprocess.run(
            [sys.executable, "-m", f"{MODULES}.{name}", str(path)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=False,
        )
        result: dict[str, Any] = json.loads(done.stdout or json.dumps({"failed": True, "msg": done.stderr}))
        return result


@pytest.fixture
def functions(lab: Lab, tmp_path: Path) -> Iterator[Functions]:
    """An empty account, and code in a folder."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(CODE)
    empty = lab.describe()
    yield Functions(lab, tmp_path)
    lab.clear_faults()
    if lab.describe() != empty:
        lab.reset()  # takes seconds: moto makes all policies of AWS anew


def await_true(condition: Callable[[], Any]) -> Any:
    """Return what `condition` gives, once it gives something."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found
