# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions of a template: what the translator makes of them for the cloud lambda."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Deployment
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render
from ansible_collections.continuum.im.plugins.plugin_utils._result.outputs import output_values, summary
from ansible_collections.continuum.im.plugins.plugin_utils._translate import (
    Home,
    missing_clouds,
    secrets_of_deployment,
    translate,
)

pytestmark = pytest.mark.unit
CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "templates"
HEADER = "tosca_definitions_version: tosca_simple_yaml_1_0\ntopology_template:\n"


class _Loader(yaml.SafeLoader):
    """Reads `!unsafe` as text."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def deploy(folder: Path, text: str, cloud: str = "lambda", **inputs: Any) -> Deployment:
    (folder / "t.yaml").write_text(HEADER + "".join(f"  {line}\n" for line in text.strip("\n").split("\n")))
    return translate("t.yaml", {"cloud": cloud, "inputs": inputs}, str(folder), Home(str(folder)))


def functions(found: Deployment) -> list[dict[str, Any]]:
    play = yaml.load(str(render(found)["provision.yml"]), Loader=_Loader)[0]
    return list(play["vars"]["im_functions"])


PLAIN = """
inputs: {api_token: {type: string, default: x}}
node_templates:
  hello:
    type: continuum.nodes.Function
    properties:
      runtime: python3.13
      handler: index.handler
      code: code
      memory_size: 300 MB
      environment:
        LEVEL: "{{ 7*7 }}"
        TOKEN: {get_input: api_token}
        BOTH: {concat: ["Bearer ", {get_input: api_token}]}
      trigger: {prefix: in/}
outputs:
  where: {value: {get_attribute: [hello, endpoint]}}
  what: {value: {concat: ["name ", {get_attribute: [hello, function_name]}]}}
"""


def test_a_function_of_our_own_type(folder: Path) -> None:
    found = deploy(folder, PLAIN, api_token="geheim")
    assert missing_clouds(found) == []
    item = functions(found)[0]
    lookup = "lookup('ansible.builtin.env', 'IM_INPUT_API_TOKEN'"
    assert item["secret_environment"]["TOKEN"].startswith("{{ " + lookup)
    assert lookup in item["secret_environment"]["BOTH"]
    assert item["environment"] == {"LEVEL": "{{ 7*7 }}"}
    assert (item["code"], item["code_root"], item["memory_size"]) == ("code", str(folder), 287)
    assert item["triggers"] == [{"prefix": "in/"}]
    assert item["url"] == "none"


def test_secrets_are_not_in_the_project(folder: Path) -> None:
    found = deploy(folder, PLAIN, api_token="geheim")
    files = render(found)
    assert "geheim" not in str(files)
    assert "IM_INPUT_API_TOKEN" in str(files["README.md"])
    assert '!unsafe "{{ 7*7 }}"' in str(files["provision.yml"])
    assert secrets_of_deployment(found) == {"IM_INPUT_API_TOKEN": "geheim"}


def test_outputs_of_functions(folder: Path) -> None:
    found = deploy(folder, PLAIN)
    data = yaml.load(str(render(found)["topology.yml"]), Loader=_Loader)
    there = [{"node": "hello", "name": "t-hello", "arn": "arn:x", "url": "https://x", "state": "active"}]
    values = output_values(data["im_outputs"], [], "key", None, None, there)
    assert values == {"where": "https://x", "what": "name t-hello"}
    assert summary([], values, "", there)[0] == "function t-hello (hello): arn:x, active"
    assert output_values(data["im_outputs"], [], "key")["where"] is None


def test_a_function_that_is_counted_out_is_not_wanted(folder: Path) -> None:
    text = """
node_templates:
  a:
    type: continuum.nodes.Function
    properties: {image: x}
    capabilities: {scalable: {properties: {count: 0}}}
"""
    assert functions(deploy(folder, text)) == []


CATALOGUE = """
inputs: {word: {type: string, default: x}, a_secret: {type: string, default: x}}
node_templates:
  f:
    type: tosca.nodes.aisprint.FaaS.Function
    properties:
      name: f
      memory: 512Mi
      image: docker://123456789012.dkr.ecr.us-east-1.amazonaws.com/f:1
      script: SCRIPT
      env_variables: {A: b}
      input: [{storage_provider: PROVIDER, path: bucket/in}]
      output: [{storage_provider: s3, path: /other/}]
"""


def test_a_function_of_the_existing_catalogue(folder: Path) -> None:
    found = deploy(folder, CATALOGUE.replace("PROVIDER", "s3").replace("SCRIPT", "run.sh"))
    assert missing_clouds(found) == []
    item = functions(found)[0]
    config = json.loads(base64.b64decode(item["environment"].pop("FUNCTION_CONFIG")))
    assert (config["script"], config["input"][0]["path"]) == ("run.sh", "bucket/in")
    assert item == {
        "node": "f",
        "name": "f",
        "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/f:1",
        "timeout": 900,
        "log_retention": 30,
        "memory_size": 512,
        "environment": {"A": "b"},
        "triggers": [{"bucket": "bucket", "prefix": "in/", "events": ["s3:ObjectCreated:*"]}],
        "writes": [{"bucket": "other", "prefix": ""}],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CATALOGUE.replace("PROVIDER", "minio.default").replace("SCRIPT", "x"), "works with s3 only"),
        (CATALOGUE.replace("PROVIDER", "s3").replace("SCRIPT", "{get_input: a_secret}"), "would show a secret"),
        (PLAIN.replace("prefix: in/", "bucked: x"), "bucked"),
        (PLAIN.replace('"{{ 7*7 }}"', "{get_attribute: [hello, arn]}"), "is not known before it is made"),
        (PLAIN.replace("  hello:", "  box: {type: tosca.nodes.indigo.Compute}\n  hello:"), "makes functions only"),
    ],
)
def test_what_lambda_cannot_do_is_told(folder: Path, text: str, words: str) -> None:
    try:
        given = {"a_secret": "geheim"} if "a_secret" in text else {}
        problems = [str(item) for item in missing_clouds(deploy(folder, text, **given))]
    except Exception as error:
        problems = [str(error)]
    assert words in "\n".join(problems)


def test_other_clouds_have_no_functions(folder: Path) -> None:
    problem = missing_clouds(deploy(folder, PLAIN, cloud="local"))[0]
    assert (problem.code, problem.hint) == ("needs-cloud", "Deploy it with -e cloud=lambda.")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of existing templates is not here (../shared)")
def test_the_template_of_the_existing_catalogue_is_translated(folder: Path) -> None:
    choices = {"cloud": "lambda", "inputs": {"function_name": "f"}}
    found = translate(str(CORPUS / "faas_function.yaml"), choices, str(folder), Home(str(folder)))
    assert missing_clouds(found) == []
    assert functions(found)[0]["triggers"][0]["bucket"] == "bucket"
