# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the type OpenStack become OS_* variables: those that are meant, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.reach import Reach
from ansible_collections.continuum.im.plugins.module_utils._openstack.connect import find_token
from service.auth.access import AccessError
from service.auth.clouds import find_cloud
from service.config import Config
from service.errors import BadRequest
from service.operations.task import Task

from fake_egi import access_token as token

# An address that everybody could call; nothing is sent to it.
SITE = "https://1.1.1.1:5000"
SECRET = "s3cret{of}the=user;"
RECORD = {"id": "ost", "type": "OpenStack", "host": SITE, "username": "ann", "password": SECRET, "tenant": "science"}
ALWAYS = {
    "OS_AUTH_URL": f"{SITE}/v3",
    "CONTINUUM_REACHABLE": "",
    **dict.fromkeys(("OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE", "NETRC"), "/dev/null"),
}
PROJECT = {"OS_PROJECT_NAME": "science", "OS_PROJECT_DOMAIN_ID": "default"}


def environment(config: Config | None = None, **more: str) -> dict[str, str]:
    """Return the variables of a record with some changes, without those that are always there."""
    found = find_cloud([{**RECORD, **more}], config=config)
    assert (found.cloud, found.type) == ("openstack", "OpenStack")
    assert SECRET not in repr(found)
    return {name: value for name, value in found.environment.items() if ALWAYS.get(name) != value}


def test_a_user_with_a_password() -> None:
    found = find_cloud([RECORD])
    assert (found.id, found.host, found.port, found.endpoint) == ("ost", "1.1.1.1", 5000, SITE)
    who = {"OS_AUTH_TYPE": "v3password", "OS_USERNAME": "ann", "OS_PASSWORD": SECRET, "OS_USER_DOMAIN_NAME": "Default"}
    assert found.environment == {**ALWAYS, **who, **PROJECT}
    assert environment(auth_version="3.x_password", domain="acme", tenant_domain_id="d1") == {
        **who, "OS_USER_DOMAIN_NAME": "acme", "OS_PROJECT_NAME": "science", "OS_PROJECT_DOMAIN_ID": "d1",
    }  # fmt: skip
    assert environment(tenant="", tenant_id="p1") == {**who, "OS_PROJECT_ID": "p1"}


def test_other_ways_to_log_in() -> None:
    assert environment(auth_version="3.x_appcred", tenant="", password="x") == {
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": "ann",
        "OS_APPLICATION_CREDENTIAL_SECRET": "x",
    }
    fresh, number = token(), "0123456789abcdef" * 2
    oidc = {"auth_version": "3.x_oidc_access_token", "username": "egi.eu", "tenant": "openid", "password": fresh}
    who = {
        "OS_AUTH_TYPE": "v3oidcaccesstoken", "OS_IDENTITY_PROVIDER": "egi.eu", "OS_PROTOCOL": "openid",
        "OS_ACCESS_TOKEN": fresh,
    }  # fmt: skip
    assert environment(**oidc, domain=number) == {**who, "OS_PROJECT_ID": number}
    assert environment(**oidc, domain="science") == {**who, **PROJECT}
    assert environment(username="", password="", auth_token="t0k") == {
        "OS_AUTH_TYPE": "v3token", "OS_TOKEN": "t0k", **PROJECT,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://1.1.1.1", "https://1.1.1.1/v3"),
        ("https://1.1.1.1:5000/", "https://1.1.1.1:5000/v3"),
        ("https://1.1.1.1:5000/v2.0/", "https://1.1.1.1:5000/v3"),
        ("https://1.1.1.1/identity/v3", "https://1.1.1.1/identity/v3"),
        ("https://1.1.1.1/identity", "https://1.1.1.1/identity/v3"),
        ("1.1.1.1", "https://1.1.1.1:5000/v3"),
        ("1.1.1.1:35357/v3", "https://1.1.1.1:35357/v3"),
        ("127.0.0.1:35357", "http://127.0.0.1:35357/v3"),
        ("http://127.0.0.1:35357", "http://127.0.0.1:35357/v3"),
        ("http://10.2.3.4:5000", "http://10.2.3.4:5000/v3"),
    ],
)
def test_addresses(host: str, url: str) -> None:
    config = replace(Config(), openstack_hosts=["http://127.0.0.1:35357/", "10.2.0.0/16"])
    found = find_cloud([{**RECORD, "host": host}], config=config).environment
    assert found["OS_AUTH_URL"] == url
    assert found["CONTINUUM_REACHABLE"] == "http://127.0.0.1:35357/,10.2.0.0/16"


def test_what_a_record_need_not_have() -> None:
    more = {
        "service_region": "north", "service_name": "None", "service_type": "compute", "api_version": "2.0",
        "microversion": "2.79", "base_url": f"{SITE}/nova", "network_url": f"{SITE}/neutron",
        "image_url": f"{SITE}/glance", "volume_url": f"{SITE}/cinder", "vo": "vo.example.eu", "colour": "green",
    }  # fmt: skip
    found, plain = environment(**more), environment()
    assert {name: value for name, value in found.items() if name not in plain} == {
        "OS_REGION_NAME": "north",
        "OS_COMPUTE_SERVICE_TYPE": "compute",
        "OS_COMPUTE_API_VERSION": "2",
        "OS_COMPUTE_DEFAULT_MICROVERSION": "2.79",
        "OS_COMPUTE_ENDPOINT_OVERRIDE": f"{SITE}/nova",
        "OS_NETWORK_ENDPOINT_OVERRIDE": f"{SITE}/neutron",
        "OS_IMAGE_ENDPOINT_OVERRIDE": f"{SITE}/glance",
        "OS_BLOCK_STORAGE_ENDPOINT_OVERRIDE": f"{SITE}/cinder",
    }
    assert find_cloud([{**RECORD, **more}]).vo == "vo.example.eu"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": ""}, r"to OpenStack\.: host$"),
        ({"username": "", "password": ""}, r"to OpenStack\.: username, password$"),
        ({"tenant": "", "tennant": "x"}, r"to OpenStack\.: tenant \(unknown: tennant\)$"),
        ({"auth_version": "4.0"}, r"to OpenStack\.: auth_version \(4\.0; known: 2\.0_password, "),
        ({"auth_version": "3.x_oidc_access_token"}, r"to OpenStack\.: domain$"),
        ({"auth_version": "2.0_voms"}, r"no VOMS proxies"),
        ({"proxy": "x"}, r"no VOMS proxies"),
        ({"host": "ftp://1.1.1.1"}, r"is for example https"),
        ({"host": "https://a:b@1.1.1.1"}, r"is for example https"),
        ({"host": "https://1.1.1.1/?a=b"}, r"is for example https"),
        ({"host": "https://[bad"}, r"is for example https"),
        ({"host": "https://1.1.1.1:99999"}, r"is for example https"),
        ({"host": "http://1.1.1.1:5000"}, r"needs https and a public address"),
        ({"host": "http://127.0.0.1:5000"}, r"127\.0\.0\.1:5000 .* needs https and a public .*OPENSTACK_HOSTS"),
        ({"host": "https://localhost/v3"}, r"needs https and a public address"),
        ({"host": "https://169.254.169.254"}, r"needs https and a public address"),
        ({"host": "https://[::ffff:10.0.0.1]:5000"}, r"needs https and a public address"),
        ({"base_url": "http://127.0.0.1:8774"}, r"needs https and a public address"),
        ({"image_url": "file:///etc/passwd"}, r"is no address of a service"),
        ({"tenant": "{password}"}, r"no braces in OS_PROJECT_NAME"),
        ({"service_region": "a\nb"}, r"The 'service_region' .* letters"),
        ({"password": "a\0b"}, r"The 'password' .* letters"),
        ({"microversion": "latest"}, r"for example 2\.79"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, str], words: str) -> None:
    with pytest.raises(BadRequest, match=words) as error:
        find_cloud([{**RECORD, **change}])
    assert SECRET not in error.value.reason


def test_a_token_that_has_expired_stops_everything() -> None:
    oidc = {"auth_version": "3.x_oidc_access_token", "tenant": "openid", "domain": "science"}
    with pytest.raises(AccessError, match=r"token of the record 'ost' has expired \(20\d\d-.* UTC\): get a new one"):
        environment(**oidc, password=token(-5))
    for unclear in ("opaque", "a.b.c", "a.e30.c", "a.W10.c"):
        assert environment(**oidc, password=unclear)["OS_ACCESS_TOKEN"] == unclear


def test_no_word_of_a_record_leads_to_a_file() -> None:
    hostile = {"cacert": "/etc/passwd", "OS_CACERT": "/x", "cert": "/x", "key": "/x", "cloud": "lab", "profile": "x"}
    found = environment(**hostile)
    assert found == environment()
    assert environment(password="file(/etc/passwd)")["OS_PASSWORD"] == "file(/etc/passwd)"


def test_what_is_hidden_in_events() -> None:
    task = Task(1, 1, 1, "create", {}, "key", "im-key", "openstack", "", 1)
    hidden = task.secrets(find_cloud([{**RECORD, "service_region": "north", "base_url": SITE}]).environment)
    assert hidden == [SECRET]
    fresh = token()
    oidc = {**RECORD, "auth_version": "3.x_oidc_access_token", "password": fresh, "domain": "science"}
    assert task.secrets(find_cloud([oidc]).environment) == [fresh]
    appcred = task.secrets(find_cloud([{**RECORD, "auth_version": "3.x_appcred", "password": "x y"}]).environment)
    assert "x y" in appcred
    assert task.secrets(find_cloud([{**RECORD, "auth_token": "t0k"}]).environment) == ["t0k"]


@pytest.mark.parametrize(
    ("allowed", "url", "fine"),
    [
        ([], "https://1.1.1.1/x", True),
        ([], "http://1.1.1.1/x", False),
        ([], "https://10.0.0.1/x", False),
        (["10.0.0.0/8"], "http://10.0.0.1:8774/x", True),
        (["10.0.0.0/8"], "http://11.0.0.1:8774/x", False),
        (["0.0.0.0/0"], "http://169.254.169.254/x", False),
        (["http://127.0.0.1:5000"], "http://127.0.0.1:5000/v3/auth", True),
        (["http://127.0.0.1:5000"], "http://127.0.0.1:5001/", False),
        (["http://127.0.0.1:5000"], "https://127.0.0.1:5000/", False),
        (["LocalHost"], "http://localhost:1234/", True),
        (["http://[bad"], "http://localhost:1234/", False),
        (["https://127.0.0.1"], "https://127.0.0.1:443/", True),
        ([], "https:///x", False),
        ([], "https://nothing.invalid/x", False),
    ],
)
def test_reach(allowed: list[str], url: str, fine: bool) -> None:
    assert (Reach.read(allowed).problem(url) == "") is fine


def test_tokens_of_this_machine_are_not_for_users_of_a_service(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-machine\n")
    given = {"OS_ACCESS_TOKEN": "of-the-user", "BEARER_TOKEN_FILE": str(file)}
    assert find_token("", given) == "of-the-machine"
    assert find_token("", {**given, "CONTINUUM_REACHABLE": ""}) == "of-the-user"


def test_limits_come_by_the_environment() -> None:
    assert Reach.of({}) is None
    assert Reach.of({"CONTINUUM_REACHABLE": ""}) == Reach()
    assert Reach.of({"CONTINUUM_REACHABLE": "A, http://b:1/"}) == Reach(("a", "http://b:1"))


def test_requests_are_stopped_wherever_they_lead() -> None:
    """A site that redirects, or whose list of services lies, sends the service nowhere."""
    requests = pytest.importorskip("requests")
    from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
    from ansible_collections.continuum.im.plugins.module_utils._openstack.guard import guard

    class Keystone:
        """What keystoneauth's session is, as far as it matters."""

        def __init__(self) -> None:
            self.session: Any = requests.Session()

    free, bound = Keystone(), Keystone()
    guard(free, None)
    guard(bound, Reach())
    assert [type(item).__name__ for item in free.session.adapters.values()] == ["HTTPAdapter", "HTTPAdapter"]
    with pytest.raises(HostsError, match=r"http://127\.0\.0\.1:9 is not called: it needs https .*OPENSTACK_HOSTS"):
        bound.session.get("http://user:pass@127.0.0.1:9/latest")
