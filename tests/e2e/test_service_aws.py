# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service on EC2, with the credentials of its users: they work, they are written down nowhere, nothing is left."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from served import Client, running_service

from .clouds import Aws

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(Aws.missing()), reason=Aws.missing())]
KEY, SECRET = "AKIDOFTHEUSER0000001", "sEcrEt+of/the=user4AWS0123456789abcdefgh"
WRONG = "wRonG+secret/0123456789abcdefghijklmnopq"
REFUSED = "AWS was not able to validate the provided access credentials"
WHERE = ("AWS_ENDPOINT_URL", "AWS_EC2_METADATA_DISABLED")
TEMPLATE = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  node_templates:
    box:
      type: tosca.nodes.indigo.Compute
      capabilities:
        endpoint: {{properties: {{network_name: PUBLIC}}}}
        os: {{properties: {{image: "{image}"}}}}
  outputs:
    address: {{value: {{get_attribute: [box, public_address, 0]}}}}
"""


def header(key: str, secret: str, user: str) -> str:
    return (
        f"id = amazon; type = EC2; username = {key}; password = '{secret}'\n"
        f"type = InfrastructureManager; username = {user}; password = pass\n"
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from lab.aws.client import Lab

    with Lab.start(hosts=True, state=tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="module")
def service(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service that has no credentials of its own, and knows no region."""
    folder = tmp_path_factory.mktemp("im")
    (folder / "user.dat").write_text(header(KEY, SECRET, "user"))
    (folder / "stranger.dat").write_text(header("AKIDOFSOMEBODY000001", WRONG, "stranger"))
    filters = [{"Name": "name", "Values": ["debian-12-amd64-*"]}]
    image = lab.client("ec2").describe_images(Filters=filters)["Images"][0]["ImageId"]
    region = lab.environment["AWS_REGION"]
    (folder / "vm.yaml").write_text(TEMPLATE.format(image=f"aws://{region}/{image}"))
    nothing = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"), "")
    with running_service(folder, {**nothing, **{name: lab.environment[name] for name in WHERE}}) as found:
        yield found


@pytest.fixture
def before(lab: Any) -> Iterator[Any]:
    """What the account has before; only the user's key is let in."""
    found = lab.describe()
    lab.settings(access_key=KEY)
    yield found
    lab.settings(access_key="")


def written(folder: Path, secret: str) -> list[str]:
    """Return the files of a folder that have a secret, in any of the forms in which programs write it."""
    forms = [secret.encode(), base64.b64encode(secret.encode())]
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".dat"]
    return [str(path) for path in files if any(form in path.read_bytes() for form in forms)]


def test_a_host_on_ec2(lab: Any, service: Client, before: Any) -> None:
    service.run("create", str(service.folder / "vm.yaml"))
    (key,) = service.keys()
    assert service.wait(key) == {"0": "configured"}, service.run("getcontmsg", key)
    (instance,) = [item for item in lab.describe()["instances"] if item["tags"]["im_infrastructure"] == f"im-{key}"]
    shown = service.run("getvminfo", key, "0", quiet=True)
    assert "provider.type = 'EC2'" in shown
    assert instance["id"] in shown
    address = service.run("getoutputs", key, quiet=True)
    assert address.count(".") == 3
    assert "ERROR" not in service.run("getcontmsg", key)
    assert service.shell(key, "id -un").strip() == "admin"
    service.run("reconfigure", key)
    assert service.wait(key) == {"0": "configured"}
    assert written(service.folder, SECRET) == []
    service.run("destroy", key, "-y")
    assert service.keys() == []
    assert lab.describe() == before
    assert written(service.folder, SECRET) == []


def test_credentials_that_are_refused(lab: Any, service: Client, before: Any) -> None:
    service.run("create", str(service.folder / "vm.yaml"), user="stranger")
    (key,) = service.keys("stranger")
    assert service.states(key, "stranger") == ("failed", {"0": "failed"})
    told = service.run("getcontmsg", key, user="stranger")
    assert f"AWS refused DescribeInstances (AuthFailure): {REFUSED}. Hint: check AWS_ACCESS_KEY_ID" in told
    assert told.count("Hint: ") == told.count(REFUSED)
    refused = service.run("destroy", key, "-y", user="stranger", check=False)
    assert REFUSED in refused
    assert "with force=1" in refused
    assert service.states(key, "stranger")[0] == "failed"
    service.run("destroy", key, "-y", "-f", user="stranger")
    assert service.keys("stranger") == []
    assert written(service.folder, WRONG) == []
    assert lab.describe() == before
