# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the types EGI and EGIIS: sites of EGI, by what its information service says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from service.auth import egi_info
from service.auth.access import AccessError
from service.auth.clouds import find_cloud, find_images
from service.auth.egi import with_sites
from service.config import Config
from service.errors import BadRequest

from fake_egi import FakeEgi
from fake_egi import access_token as token

KEYSTONE = "https://1.1.1.1:5000"
ONE, TWO = "1" * 32, "2" * 32
OST = {"id": "ost", "type": "OpenStack", "host": "https://1.0.0.1:5000/v3", "username": "u", "password": "p",
       "tenant": "t"}  # fmt: skip


@pytest.fixture
def egi() -> Iterator[FakeEgi]:
    egi_info.forget()
    found = FakeEgi()
    found.add("CESGA", f"{KEYSTONE}/v3", vo_example_eu=ONE, ops=TWO)
    found.add("100IT", "https://1.0.0.1:5000/v3/", vo_example_eu=TWO)
    found.add("OTHER", "https://1.0.0.2/identity/", ops=ONE)
    found.images["CESGA", "vo.example.eu"] = [
        {"id": "i1", "name": "Ubuntu", "appdb_id": "egi.ubuntu.22.04", "version": "2024.9.1"},
        {"id": "i2", "name": "Ubuntu", "appdb_id": "egi.ubuntu.22.04", "version": "2024.11.18"},
        {"id": "i3", "name": "registry.egi.eu/egi_vm_images/debian:12", "egi_id": "debian-12"},
    ]
    yield found
    found.stop()
    egi_info.forget()


def settings(egi: FakeEgi, **more: object) -> Config:
    return replace(Config(), egi_info_url=egi.address + "/", **more)  # type: ignore[arg-type]


def record(**more: str) -> dict[str, str]:
    return {"id": "egi", "type": "EGI", "host": "CESGA", "vo": "vo.example.eu", "token": token(), **more}


def test_the_project_of_a_vo_on_a_site(egi: FakeEgi) -> None:
    config = settings(egi, egi_protocols=["100IT=oidc"])
    found = find_cloud([record(api_version="2")], config=config)
    shown = (found.cloud, found.type, found.id, found.host, found.vo)
    assert shown == ("openstack", "OpenStack", "egi", "1.1.1.1", "vo.example.eu")
    wanted = {
        "OS_AUTH_URL": f"{KEYSTONE}/v3",
        "OS_AUTH_TYPE": "v3oidcaccesstoken",
        "OS_IDENTITY_PROVIDER": "egi.eu",
        "OS_PROTOCOL": "openid",
        "OS_PROJECT_ID": ONE,
        "OS_COMPUTE_API_VERSION": "2",
    }
    assert {name: found.environment.get(name) for name in wanted} == wanted
    assert found.environment["OS_ACCESS_TOKEN"].startswith("eyJ")
    other = find_cloud([record(host="100IT")], config=config).environment
    assert (other["OS_PROTOCOL"], other["OS_PROJECT_ID"], other["OS_AUTH_URL"]) == (
        "oidc", TWO, "https://1.0.0.1:5000/v3",
    )  # fmt: skip
    assert find_cloud([record(host="OTHER", vo="OPS")], config=config).environment["OS_PROJECT_ID"] == ONE
    # It is asked once in a while, and never told who asks.
    calls = list(egi.calls)
    find_cloud([record()], config=config)
    assert egi.calls == calls
    assert "/site/CESGA/" in calls
    assert "/site/CESGA/projects" in calls


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": ""}, r"to EGI\.: host$"),
        ({"vo": "", "token": ""}, r"to EGI\.: vo, token$"),
        ({"host": "NOWHERE"}, r"knows no site NOWHERE"),
        ({"host": "../sites"}, r"is not the name of a site"),
        ({"vo": "a/b"}, r"is not the name of a site of EGI, or of a VO"),
        ({"vo": "vo.nobody.eu"}, r"CESGA has no project for the VO vo\.nobody\.eu \(it has some for: ops, vo\.example"),
    ],
)
def test_what_is_wrong_is_said(egi: FakeEgi, change: dict[str, str], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        find_cloud([record(**change)], config=settings(egi))


def test_a_token_that_has_expired_is_told_before_anybody_is_asked(egi: FakeEgi) -> None:
    with pytest.raises(AccessError, match="token of the record 'egi' has expired"):
        find_cloud([record(token=token(-1))], config=settings(egi))
    assert egi.calls == []


def test_a_site_that_only_the_service_could_reach(egi: FakeEgi) -> None:
    egi.add("INSIDE", "http://127.0.0.1:5000/v3", ops=ONE)
    inside = record(host="INSIDE", vo="ops")
    with pytest.raises(BadRequest, match="needs https and a public address"):
        find_cloud([inside], config=settings(egi))
    found = find_cloud([inside], config=settings(egi, openstack_hosts=["127.0.0.1"]))
    assert found.environment["OS_AUTH_URL"] == "http://127.0.0.1:5000/v3"


@pytest.mark.parametrize("broken", ["error", "page", "away"])
def test_an_information_service_that_does_not_answer(
    egi: FakeEgi, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    config = settings(egi)
    find_cloud([record()], config=config)
    egi.broken = broken
    if broken == "away":
        egi.stop()
    with pytest.raises(AccessError, match=r"does not answer\. Try again") as error:
        find_cloud([record(host="100IT")], config=config)
    assert error.value.status == 503
    # Who asks next is told at once.
    calls = len(egi.calls)
    with pytest.raises(AccessError):
        find_cloud([record(host="100IT")], config=config)
    assert len(egi.calls) == calls
    # What it said last stays good enough, though it should be asked again.
    monkeypatch.setattr(egi_info, "FRESH_SECONDS", -1.0)
    assert find_cloud([record()], config=config).environment["OS_PROJECT_ID"] == ONE


def test_all_sites_of_a_vo(egi: FakeEgi) -> None:
    config, fresh = settings(egi), token()
    whole = {"id": "all", "type": "EGIIS", "vo": "vo.example.eu", "token": fresh, "host": "https://elsewhere"}
    rest = {"type": "EGI", "vo": "vo.example.eu", "token": fresh}
    assert with_sites([OST, whole], config) == [
        OST,
        {"id": "all-CESGA", "host": "CESGA", **rest},
        {"id": "all-100IT", "host": "100IT", **rest},
    ]
    with pytest.raises(AccessError, match=r"knows no site that has a project for the VO vo\.nobody\.eu"):
        with_sites([{**whole, "vo": "vo.nobody.eu"}], config)
    with pytest.raises(AccessError, match=r"to EGIIS\.: vo, token"):
        with_sites([{"type": "EGIIS"}], config)
    with pytest.raises(AccessError, match="has expired"):
        with_sites([{**whole, "token": token(-1)}], config)
    assert with_sites([OST], config) == [OST]


@pytest.mark.parametrize(
    ("image", "chosen"),
    [
        ("", "local"),
        ("ami-1", "local"),
        ("ost://1.0.0.1/i1", "ost"),
        ("ost://1.1.1.1:5000/i1", "one"),
        ("ost://1.2.3.4/i1", "local"),
        ("egi://CESGA/egi.ubuntu.22.04?vo.example.eu", "one"),
        ("egi://cesga/egi.ubuntu.22.04", "one"),
        ("egi://OTHER/x?ops", "two"),
        ("egi://OTHER/x?vo.example.eu", "local"),
        ("egi://100IT/x?vo.example.eu", "ost"),
        ("aws://eu-west-1/ami-0abc", "ec2"),
    ],
)
def test_images_choose_the_site(egi: FakeEgi, image: str, chosen: str) -> None:
    records = [
        {"id": "local", "type": "Local"}, OST, record(id="one"), record(id="two", host="OTHER", vo="ops"),
        {"id": "ec2", "type": "EC2", "username": "k", "password": "s"},
    ]  # fmt: skip
    config = settings(egi)
    assert find_cloud(records, config=config, images=["", image]).id == chosen
    assert find_cloud(records, "ost", config=config, images=[image]).id == "ost"


def test_images_of_egi_are_looked_up(egi: FakeEgi) -> None:
    config, records = settings(egi), [record()]
    access = find_cloud(records, config=config)
    images = {
        "a": "egi://CESGA/egi.ubuntu.22.04?vo.example.eu", "b": "egi://CESGA/debian-12", "c": "egi://CESGA/unknown",
        "d": "ost://1.1.1.1/i7", "e": "", "f": "egi://CESGA/registry.egi.eu/egi_vm_images/debian:12?vo.example.eu",
    }  # fmt: skip
    known = {"a": "ost://1.1.1.1/i2", "b": "ost://1.1.1.1/i3", "f": "ost://1.1.1.1/i3"}
    assert find_images(records, access, images, config) == known
    assert find_images(records, replace(access, cloud="local"), images, config) == {}
    egi.stop()
    egi_info.forget()
    assert find_images(records, access, images, config) == {}
