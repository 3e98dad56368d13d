# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service on OpenStack, with credentials of its users: a password, or an access token of EGI's kind.

They work, they are written down nowhere, nothing is left; and who is not let in is told why.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
import yaml

from fake_egi import FakeEgi
from lab.openstack.client import Lab
from served import Client, running_service

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore"),  # of openstacksdk about itself
    pytest.mark.skipif(bool(Lab.missing()), reason=Lab.missing()),
]
PASSWORD, WRONG = "pAssw0rd+of/the=user-0123456789", "wR0ng+password/0123456789"
SITE, VO = "LAB-SITE", "vo.example.eu"
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


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(hosts=True, state=tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="module")
def keystone(lab: Lab) -> str:
    """The address of the lab's keystone; a user with a password that is easy to find has come to it."""
    admin = lab.connection("lab-admin")
    user = admin.identity.create_user(name="ann", password=PASSWORD, domain_id="default")
    project, role = admin.identity.find_project("demo"), admin.identity.find_role("member")
    admin.identity.assign_project_role_to_user(project, user, role)
    cloud = yaml.safe_load((lab.state / "clouds.yaml").read_text())["clouds"]["lab"]
    return str(cloud["auth"]["auth_url"]).removesuffix("/v3")


@pytest.fixture(scope="module")
def egi(lab: Lab, keystone: str) -> Iterator[FakeEgi]:
    """What EGI's information service says of the lab."""
    found, connection = FakeEgi(), lab.connection()
    found.add(SITE, f"{keystone}/v3/", **{VO: connection.current_project_id})
    image = connection.image.find_image("debian-12").id
    found.images[SITE, VO] = [{"id": image, "name": "Debian", "appdb_id": "egi.debian.12", "version": "2026.11"}]
    yield found
    found.stop()


def write_records(folder: Path, user: str, *records: str) -> None:
    """Write the credentials of a user, for im_client."""
    own = f"type = InfrastructureManager; username = {user}; password = pass"
    (folder / f"{user}.dat").write_text("\n".join([*records, own]) + "\n")


@pytest.fixture(scope="module")
def service(lab: Lab, keystone: str, egi: FakeEgi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service whose user has sites of his own, which are of nobody's business."""
    folder = tmp_path_factory.mktemp("im")
    other = "id = other; type = OpenStack; host = https://192.0.2.1:5000; username = a; password = b; tenant = c"
    ost = f"type = OpenStack; host = {keystone}; username = ann; tenant = demo; service_region = RegionOne"
    write_records(folder, "user", other, f"id = lab; {ost}; password = '{PASSWORD}'")
    write_records(folder, "stranger", f"id = lab; {ost}; password = '{WRONG}'")
    image = egi.images[SITE, VO][0]["id"]
    (folder / "vm.yaml").write_text(TEMPLATE.format(image=f"ost://127.0.0.1/{image}"))
    (folder / "egi.yaml").write_text(TEMPLATE.format(image=f"egi://{SITE}/egi.debian.12?{VO}"))
    own = folder / "user-home" / ".config" / "openstack" / "clouds.yaml"
    own.parent.mkdir(parents=True)
    # With such a file openstacksdk refuses to work, if it is read.
    own.write_text("clouds: {envvars: {auth: {auth_url: 'http://192.0.2.2'}}}\n")
    environment = {
        "HOME": str(folder / "user-home"),
        "CONTINUUM_OPENSTACK_HOSTS": "127.0.0.1",
        "CONTINUUM_EGI_INFO_URL": egi.address,
    }
    with running_service(folder, environment) as found:
        yield found


def written(folder: Path, secret: str) -> list[str]:
    """Return the files of a folder that have a secret, in any of the forms in which programs write it."""
    forms = [secret.encode(), base64.b64encode(secret.encode())]
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".dat"]
    return [str(path) for path in files if any(form in path.read_bytes() for form in forms)]


class Watch:
    """Looks at the process list for a secret, again and again."""

    def __init__(self, secret: str) -> None:
        self.looked = 0
        self.seen: list[str] = []
        self._secret, self._end = secret.encode(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join(30)

    def _look(self) -> None:
        while not self._end.wait(0.3):
            self.looked += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    self.seen += [str(path)] if self._secret in path.read_bytes() else []


def deploy_and_destroy(lab: Lab, service: Client, template: str, user: str, secret: str) -> str:
    """Make a host and remove it again; return what was shown of it."""
    before = lab.describe()
    service.run("create", str(service.folder / template), user=user)
    (key,) = service.keys(user)
    with Watch(secret) as watch:
        assert service.wait(key, user) == {"0": "configured"}, service.run("getcontmsg", key, user=user)
    assert watch.looked > 5
    assert watch.seen == []
    (server,) = [item for item in lab.describe()["servers"] if item["metadata"]["im_infrastructure"] == f"im-{key}"]
    shown = service.run("getvminfo", key, "0", user=user, quiet=True)
    assert "provider.type = 'OpenStack'" in shown
    assert "provider.host = '127.0.0.1'" in shown
    assert server["id"] in shown
    assert service.run("getoutputs", key, user=user, quiet=True).count(".") == 3
    assert "ERROR" not in service.run("getcontmsg", key, user=user)
    assert service.shell(key, "id -un", user=user).strip() == "debian"
    assert written(service.folder, secret) == []
    service.run("destroy", key, "-y", user=user)
    assert service.keys(user) == []
    assert lab.describe() == before
    assert written(service.folder, secret) == []
    return shown


def refused(lab: Lab, service: Client, template: str, user: str, secret: str) -> None:
    """See that a host cannot be made, that the reason is said, and that it can be forgotten."""
    before = lab.describe()
    service.run("create", str(service.folder / template), user=user)
    (key,) = service.keys(user)
    assert service.states(key, user) == ("failed", {"0": "failed"})
    told = service.run("getcontmsg", key, user=user)
    assert "OpenStack does not accept the credentials (401)" in told
    assert "Hint: check user, password or application credential" in told
    assert "with force=1" in service.run("destroy", key, "-y", user=user, check=False)
    service.run("destroy", key, "-y", "-f", user=user)
    assert service.keys(user) == []
    assert written(service.folder, secret) == []
    assert lab.describe() == before


@pytest.mark.long
def test_a_host_with_a_password(lab: Lab, service: Client) -> None:
    deploy_and_destroy(lab, service, "vm.yaml", "user", PASSWORD)


def test_a_password_that_is_refused(lab: Lab, service: Client) -> None:
    refused(lab, service, "vm.yaml", "stranger", WRONG)


def test_what_the_project_may_have(service: Client) -> None:
    quotas = service.run("cloudusage", "lab")
    assert "600" in quotas
    images = service.run("cloudimages", "lab")
    assert "ost://127.0.0.1/" in images
    assert "debian-12" in images


def test_a_host_with_an_access_token(lab: Lab, service: Client) -> None:
    token = lab.token()
    write_records(service.folder, "member", f"id = egi; type = EGI; host = {SITE}; vo = {VO}; token = {token}")
    assert f"provider.vo = '{VO}'" in deploy_and_destroy(lab, service, "egi.yaml", "member", token)


def test_other_ways_to_log_in(lab: Lab, keystone: str, service: Client) -> None:
    """An application credential, an access token in a record of OpenStack, and a password with everything said."""
    connection = lab.connection()
    credential = connection.identity.create_application_credential(connection.current_user_id, "for-the-service")
    site = f"id = lab; type = OpenStack; host = {keystone}"
    records = (
        f"{site}; auth_version = 3.x_appcred; username = {credential.id}; password = '{credential.secret}'",
        f"{site}; auth_version = 3.x_oidc_access_token; username = egi.eu; tenant = openid; domain = demo; "
        f"password = {lab.token()}",
        f"{site}; username = ann; password = '{PASSWORD}'; tenant_id = {connection.current_project_id}; "
        "auth_version = 3.x_password; domain = Default; service_region = RegionOne; api_version = 2.1",
    )
    try:
        for record in records:
            write_records(service.folder, "other", record)
            assert "600" in service.run("cloudusage", "lab", user="other"), record
    finally:
        connection.identity.delete_application_credential(connection.current_user_id, credential)


@pytest.mark.long
def test_a_token_of_somebody_who_is_not_in_the_vo(lab: Lab, service: Client) -> None:
    token = lab.token(vo=False)
    write_records(service.folder, "outsider", f"id = all; type = EGIIS; vo = {VO}; token = {token}")
    refused(lab, service, "egi.yaml", "outsider", token)


def test_a_token_that_has_expired(lab: Lab, service: Client) -> None:
    calls = len(lab.calls())
    record = f"id = egi; type = EGI; host = {SITE}; vo = {VO}; token = {lab.token(expired=True)}"
    write_records(service.folder, "late", record)
    told = service.run("create", str(service.folder / "egi.yaml"), user="late", check=False)
    assert "The access token of the record 'egi' has expired (" in told
    assert service.keys("late") == []
    assert len(lab.calls()) == calls


def test_sites_and_groups_that_nobody_knows(service: Client) -> None:
    for host, vo, words in (
        ("NO-SITE", VO, "knows no site NO-SITE"),
        (SITE, "vo.other.eu", f"The EGI site {SITE} has no project for the VO vo.other.eu"),
    ):
        write_records(service.folder, "lost", f"id = egi; type = EGI; host = {host}; vo = {vo}; token = never-sent")
        assert words in service.run("cloudusage", "egi", user="lost", check=False)
