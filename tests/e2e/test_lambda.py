# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions on the lab of AWS, as a user makes them: from TOSCA templates, with real code that is called."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.aws.client import Lab

from .conftest import PREFIX, Deployer, Run

pytestmark = pytest.mark.e2e
WAIT_SECONDS = 120
BUCKET = "uploads-of-e2e-lambda"
# Nothing but these inputs: the same deployment each time.
INPUTS = {"bucket": BUCKET, "greeting": "Good morning"}
OWN = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs: {api_token: {type: string, default: none}, code: {type: string, default: code}}
  node_templates:
    hello:
      type: continuum.nodes.Function
      properties:
        runtime: python3.13
        handler: main.run
        code: {get_input: code}
        environment: {TOKEN: {get_input: api_token}, TEXT: "{{ 7 * 7 }}"}
  outputs:
    name: {value: {get_attribute: [hello, function_name]}}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(hosts=False, state=tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture
def deployer(lab: Lab, tmp_path: Path) -> Iterator[Deployer]:
    """An infrastructure on an empty account."""
    empty = lab.describe()
    (tmp_path / "home").mkdir()
    yield Deployer(tmp_path / "home", PREFIX + "lambda", "function", dict(lab.environment), "lambda")
    if lab.describe() != empty:
        lab.reset()


def invoke(lab: Lab, name: str, event: Any = None) -> Any:
    answer = lab.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())


def await_true(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


def log(lab: Lab, name: str) -> str:
    events = lab.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return "\n".join(event["message"] for event in events)


def outputs(run: Run) -> dict[str, Any]:
    return dict(run.progress["result"]["outputs"])


def test_the_template_function(lab: Lab, deployer: Deployer) -> None:
    before = lab.describe()
    plan = deployer.deploy("--check", "--diff", **INPUTS)
    assert f"+bucket {BUCKET}" in plan.output
    assert f"+function {deployer.name}-function" in plan.output
    assert lab.describe() == before

    made = deployer.deploy(**INPUTS)
    name = f"{deployer.name}-function"
    assert outputs(made)["function_bucket"] == BUCKET
    assert outputs(made)["function_arn"].endswith(f":function:{name}")
    assert invoke(lab, name) == {"greeting": f"Good morning from {name}", "objects": []}
    lab.client("s3").put_object(Bucket=BUCKET, Key="in/a b.txt", Body=b"x")
    await_true(lambda: f"Good morning from {name} in/a b.txt" in log(lab, name))
    assert deployer.deploy(**INPUTS).changed == 0
    assert deployer.deploy("--check", **INPUTS).changed == 0

    more = {"memory_size": "256 MiB", "url": "iam"}
    plan = deployer.deploy("--check", "--diff", **INPUTS, **more)
    assert "+  memory: 256" in plan.output
    assert "-  memory: 128" in plan.output
    changed = deployer.deploy(**INPUTS, **more)
    assert outputs(changed)["function_url"].startswith("https://")
    assert lab.client("lambda").get_function_configuration(FunctionName=name)["MemorySize"] == 256
    assert deployer.deploy(**INPUTS, **more).changed == 0

    assert "nothing to stop" in deployer.run("stop").output
    assert "nothing to start" in deployer.run("start").output
    refused = deployer.run("destroy", check=False)
    assert refused.code != 0
    assert f"bucket {BUCKET}: it is not empty" in refused.output
    lab.client("s3").delete_object(Bucket=BUCKET, Key="in/a b.txt")
    deployer.run("destroy")
    assert lab.describe() == before
    assert not (deployer.home / "projects" / deployer.name).exists()


def test_code_of_ones_own_and_a_secret(lab: Lab, deployer: Deployer, tmp_path: Path) -> None:
    before = lab.describe()
    template = tmp_path / "own.yaml"
    template.write_text(OWN)
    code = tmp_path / "code"
    code.mkdir()
    main = "import os\n\ndef run(event, context):\n    return [%d, os.environ['TOKEN'], os.environ['TEXT']]\n"
    (code / "main.py").write_text(main % 1)
    deployer.template = str(template)
    made = deployer.deploy("-vv", "--diff", api_token="geheim-4711")
    name = outputs(made)["name"]
    assert invoke(lab, name) == [1, "geheim-4711", "{{ 7 * 7 }}"]
    project = deployer.home / "projects" / deployer.name
    written = [file.read_text() for file in project.rglob("*") if file.is_file()]
    assert written
    assert "geheim-4711" not in made.output + "".join(written)

    (code / "main.py").write_text(main % 2)
    assert deployer.deploy(api_token="geheim-4711").changed == 1
    assert invoke(lab, name)[0] == 2
    assert deployer.deploy(api_token="geheim-4711").changed == 0

    (tmp_path / "link").symlink_to("/etc")
    for path in ("../home", "link", "/etc"):
        refused = deployer.deploy(check=False, code=path)
        assert refused.code != 0
        assert "Hint: " in refused.output
        assert "Traceback" not in refused.output
    assert invoke(lab, name)[0] == 2
    deployer.run("destroy")
    assert lab.describe() == before


def test_mistakes_are_told_before_anything_is_made(lab: Lab, deployer: Deployer) -> None:
    before = lab.describe()
    refused = deployer.deploy(check=False, memory_size="64 MiB")
    assert "cannot have 64 MiB of memory. Hint: Lambda takes 128 to" in " ".join(refused.output.split())
    hosts = deployer.run("deploy", check=False, template="vm")
    assert "makes functions only" in " ".join(hosts.output.split())
    assert lab.describe() == before
