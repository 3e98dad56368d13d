"""A host is kept as an image, on each cloud that there is, and another infrastructure starts from it."""

from __future__ import annotations

import pytest

from .clouds import CloudUnderTest
from .conftest import Deployer

pytestmark = pytest.mark.e2e


def test_a_host_becomes_an_image_and_the_image_a_host(cloud: CloudUnderTest, cluster: Deployer) -> None:
    cluster.template = "vm"
    (host,) = cluster.deploy().instances
    cluster.ssh(host["hostname"], "echo kept | sudo tee /opt/kept && sync")
    refused = cluster.run("snapshot", host="nobody", snapshot="never", check=False)
    assert refused.code != 0
    assert "nobody" in refused.output
    assert host["name"] in refused.output
    image = cluster.run("snapshot", host=host["hostname"], snapshot=f"{cluster.name}-kept").progress["result"]["image"]
    assert image
    other = Deployer(cluster.home, f"{cluster.name}-b", "vm", cluster.environment, cloud.name)
    try:
        done = other.run("deploy", template="vm", images={"*": image})
        assert other.ssh(done.instances[0]["hostname"], "cat /opt/kept").strip() == "kept"
    finally:
        other.run("destroy")
        cloud.forget_image(image)
