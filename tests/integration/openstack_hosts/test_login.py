"""The ways into a project: an access token as EGI's sites take it, an application credential; and what is said when the
door stays shut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._openstack.absent import absent
from ansible_collections.continuum.im.plugins.module_utils._openstack.connect import connect
from ansible_collections.continuum.im.plugins.module_utils._openstack.present import present

from .conftest import WORKERS, World, make_cloud

pytestmark = pytest.mark.integration
ONE = (replace(WORKERS, count=1),)


@pytest.fixture
def egi(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site that takes access tokens, in the environment; returns the file in which one is looked for."""
    content: dict[str, Any] = yaml.safe_load((world.lab.state / "clouds-egi.yaml").read_text())
    del content["clouds"]["lab-egi"]["auth"]["access_token"]
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    return tmp_path / "token"


def test_a_member_of_the_vo_deploys_and_destroys(world: World, egi: Path) -> None:
    egi.write_text(world.lab.token())
    cloud = connect({"access_token_file": str(egi)})
    request = replace(world.request, groups=ONE)
    assert present(cloud, request).created
    assert not present(connect({"access_token_file": str(egi)}), request).changed
    assert absent(cloud, request).deleted
    assert not world.left()


@pytest.mark.parametrize("wrong", [{"expired": True}, {"vo": False}])
def test_a_token_that_is_not_accepted_is_one_sentence(world: World, egi: Path, wrong: dict[str, bool]) -> None:
    egi.write_text(world.lab.token(**wrong))
    with pytest.raises(HostsError, match=r"does not accept the credentials \(401\).*must be fresh, .* group \(VO\)"):
        present(connect({"access_token_file": str(egi)}), replace(world.request, groups=ONE))


def test_a_newer_token_is_taken_when_the_first_one_ended(world: World, egi: Path) -> None:
    egi.write_text(world.lab.token(expired=True))
    cloud = connect({"access_token_file": str(egi)})
    egi.write_text(world.lab.token())
    assert present(cloud, replace(world.request, groups=ONE, check=True)).created


def test_an_application_credential(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = world.lab.connection()
    made = connection.identity.create_application_credential(connection.current_user_id, "tests")
    auth = {
        "auth_url": connection.auth["auth_url"],
        "application_credential_id": made.id,
        "application_credential_secret": made.secret,
    }
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(world.lab.state / "none.yaml"))
    cloud = connect({"auth": auth, "auth_type": "v3applicationcredential", "region_name": "RegionOne"})
    assert cloud.site.project == world.cloud.site.project
    request = replace(world.request, groups=ONE)
    assert present(cloud, request).created
    absent(cloud, request)


def test_a_wrong_password_and_a_site_that_is_not_there(world: World, tmp_path: Path) -> None:
    content: dict[str, Any] = yaml.safe_load((world.lab.state / "clouds.yaml").read_text())
    content["clouds"]["lab"]["auth"]["password"] = "wrong"
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(HostsError, match=r"does not accept the credentials \(401\)"):
        present(make_cloud({"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}), world.request)
    content["clouds"]["lab"]["auth"]["auth_url"] = "http://127.0.0.1:9/v3"
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(HostsError, match="does not answer"):
        present(make_cloud({"OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}, 0.01), world.request)
