# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of OpenStack and EGI in requests: where their secrets go, what sites are asked, and what they cannot do."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service.auth import egi_info, openstack_info
from service.operations.credentials import VaultClient

from fake_egi import FakeEgi, access_token
from fake_keystone import PROJECT, FakeKeystone
from served import REPOSITORY

pytestmark = pytest.mark.integration
SECRET = "sEcrEt-of-the-cloud-0123456789"
USER = {"type": "InfrastructureManager", "username": "user", "password": "pass"}
DUMMY = {"id": "dummy", "type": "Dummy"}
RADL = "system front (disk.0.image.url = '{image}')\ndeploy front 1\ncontextualize ()\n"


@pytest.fixture
def keystone() -> Iterator[FakeKeystone]:
    found = FakeKeystone()
    found.passwords["ann"] = SECRET
    yield found
    found.stop()


@pytest.fixture
def egi(keystone: FakeKeystone) -> Iterator[FakeEgi]:
    egi_info.forget()
    found = FakeEgi()
    found.add("ONE", "https://1.1.1.1:5000/v3", vo_example_eu="1" * 32)
    found.add("TWO", f"{keystone.address}/v3/", vo_example_eu=PROJECT)
    found.images["TWO", "vo.example.eu"] = [{"id": "i1", "name": "Debian", "appdb_id": "egi.debian.12"}]
    yield found
    found.stop()
    egi_info.forget()


def record(keystone: FakeKeystone, **more: str) -> dict[str, str]:
    ann = {"id": "ost", "type": "OpenStack", "username": "ann", "password": SECRET, "tenant": "demo"}
    return {**ann, "host": keystone.address, **more}


def call(site: Any, method: str, path: str, *records: dict[str, str], **more: Any) -> Any:
    headers = {"Authorization": json.dumps([*records, USER])}
    return site.app.test_client().open(path, method=method, headers=headers, **more)


def nowhere_in(folder: Path, *secrets: str) -> None:
    for file in (path for path in folder.rglob("*") if path.is_file()):
        for secret in secrets:
            assert secret.encode() not in file.read_bytes(), file


def test_an_image_chooses_the_site_and_secrets_stay_in_memory(
    make_site: Callable[..., Any], keystone: FakeKeystone, tmp_path: Path
) -> None:
    site = make_site(openstack_hosts=[keystone.address])
    records = (DUMMY, record(keystone, id="far", host="https://1.1.1.1:5000"), record(keystone))
    body = RADL.format(image="ost://127.0.0.1/i1")
    answer = call(site, "POST", "/infrastructures?async=1", *records, data=body)
    assert answer.status_code == 200, answer.text
    key = answer.headers["InfID"]
    kept = VaultClient(site.config).take(key) or {}
    assert (kept["OS_AUTH_URL"], kept["OS_PASSWORD"]) == (f"{keystone.address}/v3", SECRET)
    site.settle(key)
    shown = call(site, "GET", f"/infrastructures/{key}/vms/0").text
    assert "provider.type = 'OpenStack'" in shown
    assert "provider.host = '127.0.0.1'" in shown
    dry = call(site, "POST", "/infrastructures?dry_run=1", *records, data=body).get_json()
    assert dry["ost"]["cloudType"] == "OpenStack"
    assert dry["ost"]["cloudEndpoint"] == keystone.address
    assert call(site, "DELETE", f"/infrastructures/{key}", *records).status_code == 200
    nowhere_in(tmp_path, SECRET)


def test_a_vo_and_its_sites(make_site: Callable[..., Any], egi: FakeEgi, tmp_path: Path) -> None:
    site = make_site(openstack_hosts=["127.0.0.1"], egi_info_url=egi.address)
    token = access_token()
    whole = {"id": "all", "type": "EGIIS", "vo": "vo.example.eu", "token": token}
    body = RADL.format(image="egi://TWO/egi.debian.12?vo.example.eu")
    answer = call(site, "POST", "/infrastructures?async=1", whole, data=body)
    assert answer.status_code == 200, answer.text
    key = answer.headers["InfID"]
    kept = VaultClient(site.config).take(key) or {}
    assert (kept["OS_PROJECT_ID"], kept["OS_ACCESS_TOKEN"]) == (PROJECT, token)
    site.settle(key)
    shown = call(site, "GET", f"/infrastructures/{key}/vms/0").text
    assert "provider.vo = 'vo.example.eu'" in shown
    exported = call(site, "GET", f"/infrastructures/{key}/data").get_json()["data"]
    assert "ost://127.0.0.1/i1" in exported
    # Sites exchange their images: the next change looks again.
    egi_info.forget()
    egi.images["TWO", "vo.example.eu"][0]["id"] = "i7"
    more = "system front\ndeploy front 1\n"
    assert call(site, "POST", f"/infrastructures/{key}", whole, data=more).status_code == 200
    site.settle(key)
    assert "ost://127.0.0.1/i7" in call(site, "GET", f"/infrastructures/{key}/data").get_json()["data"]
    assert call(site, "DELETE", f"/infrastructures/{key}", whole).status_code == 200
    nowhere_in(tmp_path, token)


def test_what_is_wrong_is_told_and_nothing_is_left(
    make_site: Callable[..., Any], egi: FakeEgi, keystone: FakeKeystone
) -> None:
    site = make_site(egi_info_url=egi.address)
    one = {"id": "egi", "type": "EGI", "host": "ONE", "vo": "vo.example.eu", "token": access_token()}
    late = call(site, "POST", "/infrastructures?async=1", {**one, "token": access_token(-1)}, data=RADL)
    assert (late.status_code, "has expired" in late.text) == (400, True)
    unknown = call(site, "POST", "/infrastructures", {**one, "host": "NONE"}, data="system a ()\ndeploy a 1\n")
    assert (unknown.status_code, "knows no site NONE" in unknown.text) == (400, True)
    private = call(site, "POST", "/infrastructures", record(keystone), data="system a ()\ndeploy a 1\n")
    assert (private.status_code, "needs https and a public address" in private.text) == (400, True)
    egi_info.forget()
    egi.stop()
    away = call(site, "POST", "/infrastructures?async=1", one, data="system a ()\ndeploy a 1\n")
    assert (away.status_code, "does not answer" in away.text) == (503, True)
    assert call(site, "GET", "/infrastructures", one).text == ""
    assert keystone.calls == []


def test_what_a_site_has_gone_can_be_forgotten(make_site: Callable[..., Any], egi: FakeEgi) -> None:
    site = make_site(openstack_hosts=["127.0.0.1"], egi_info_url=egi.address)
    two = {"id": "egi", "type": "EGI", "host": "TWO", "vo": "vo.example.eu", "token": access_token()}
    key = call(site, "POST", "/infrastructures?async=1", two, data=RADL.format(image="x")).headers["InfID"]
    site.settle(key)
    del egi.keystones["TWO"]
    egi_info.forget()
    VaultClient(site.config).drop(key)
    assert call(site, "DELETE", f"/infrastructures/{key}?force=1", two).status_code == 200
    assert call(site, "GET", "/infrastructures", two).text == ""


def test_images_and_quotas(make_site: Callable[..., Any], keystone: FakeKeystone) -> None:
    site = make_site(openstack_hosts=["127.0.0.0/8"])

    def names(filters: str) -> list[str]:
        found = call(site, "GET", f"/clouds/ost/images?filters={filters}", record(keystone)).get_json()
        return [item["name"] for item in found["images"]]

    answer = call(site, "GET", "/clouds/ost/images", record(keystone))
    assert answer.status_code == 200, f"{answer.text} {keystone.calls}"
    images = answer.get_json()["images"]
    assert images[0] == {"uri": "ost://127.0.0.1/i1", "name": "Debian 12"}
    assert len(images) == 3
    assert names("distribution=ubuntu,version=24.04") == ["ubuntu 24.04 noble"]
    assert names("version=9") == ["Rocky"]
    quotas = call(site, "GET", "/clouds/ost/quotas", record(keystone)).get_json()["quotas"]
    assert quotas == {
        "cores": {"used": 3, "limit": 20}, "ram": {"used": 2.1, "limit": -1}, "instances": {"used": 2, "limit": 10},
        "floating_ips": {"used": 1, "limit": 5}, "security_groups": {"used": 0, "limit": -1},
    }  # fmt: skip
    wrong = call(site, "GET", "/clouds/ost/quotas", record(keystone, password="x"))
    assert wrong.status_code == 400
    assert "OpenStack does not accept the credentials (401)" in wrong.text


def test_a_site_leads_nowhere_else(make_site: Callable[..., Any], keystone: FakeKeystone) -> None:
    """Neither by a redirect, nor by what its keystone says of the other services."""
    inside = FakeKeystone()
    site = make_site(openstack_hosts=[keystone.address])
    try:
        for keystone.redirect, keystone.elsewhere in ((inside.address, ""), ("", inside.address)):
            answer = call(site, "GET", "/clouds/ost/images", record(keystone))
            assert answer.status_code == 400
            assert f"{inside.address} is not called: it needs https and a public address" in answer.text
        assert inside.calls == []
    finally:
        inside.stop()


def test_a_slow_site_holds_up_nobody(
    make_site: Callable[..., Any], keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(openstack_hosts=[keystone.address])
    keystone.busy.set()
    monkeypatch.setattr(openstack_info, "SECONDS", 3.0)
    began = time.monotonic()
    answer = call(site, "GET", "/clouds/ost/images", record(keystone))
    assert answer.status_code == 503
    assert "The site 127.0.0.1 has not answered within 3 seconds." in answer.text
    assert time.monotonic() - began < 20
    # When enough sites are asked already, the next one is told so.
    monkeypatch.setattr(openstack_info, "_WAIT_SECONDS", 0.1)
    taken = [openstack_info._AT_A_TIME.acquire(timeout=5) for _number in range(openstack_info.MOST)]
    try:
        answer = call(site, "GET", "/clouds/ost/images", record(keystone))
        assert (answer.status_code, "Too many sites" in answer.text) == (503, True)
    finally:
        for _one in taken:
            openstack_info._AT_A_TIME.release()


def test_the_web_does_not_import_openstacksdk() -> None:
    code = "import sys, service.app; print([name for name in sys.modules if name in ('openstack', 'keystoneauth1')])"
    path = f"{REPOSITORY}:{REPOSITORY / 'collections'}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120, env={"PYTHONPATH": path}
    )
    assert done.stdout == "[]\n"
