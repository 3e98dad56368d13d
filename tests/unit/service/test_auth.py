# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the header, identities, passwords and clouds."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service.auth.clouds import find_cloud, find_region, in_region
from service.auth.identity import Identities
from service.auth.passwords import Spaces, check_password, hash_password, read_users
from service.auth.records import read_header, write_header
from service.config import Config
from service.errors import BadRequest, Unauthorized
from service.static_hosts import static_variables

pytestmark = pytest.mark.unit
IM = "InfrastructureManager"
USER = {"type": IM, "username": "user", "password": "pass"}


def pairs(text: str) -> list[dict[str, str]]:
    return [{key: value for key, value in record.items() if key != "id"} for record in read_header(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("garbage", []),
        (r"id = dummy;type = Dummy;\ntype = InfrastructureManager;username = user;password = pass;\n",
         [{"type": "Dummy"}, USER]),
        ("type = InfrastructureManager; username = 'us;er'; password = 'p=a;ss'",
         [{"type": IM, "username": "us;er", "password": "p=a;ss"}]),
        ('type = X; password = "it\'s"', [{"type": "X", "password": "it's"}]),
        ("type = X; username = O'Neil; password = b", [{"type": "X", "username": "O'Neil", "password": "b"}]),
        ("type = InfrastructureManager; username = user; password = pass; loose", [USER]),
        ("type = X; loose; username = u", [{"type": "X"}]),
        ("type = X; password = YWJj==; tenant = t", [{"type": "X", "password": "YWJj==", "tenant": "t"}]),
        (r"# type = X; a = b\n\ntype = Y", [{"type": "Y"}]),
        (r"type = X; key = one\\ntwo\ntype = Y", [{"type": "X", "key": "one\ntwo"}, {"type": "Y"}]),
        ("type = X; password = file(/etc/passwd)", [{"type": "X", "password": "file(/etc/passwd)"}]),
        ('[{"type": "X", "n": 1, "none": null, "key": "a\\nb"}, "no"]', [{"type": "X", "n": "1", "key": "a\nb"}]),
        ('{"type": "X"}', [{"type": "X"}]),
        ("Bearer abc.def.ghi", [{"type": IM, "token": "abc.def.ghi"}]),
        ("Basic " + base64.b64encode(b"user:pa:ss").decode(), [{"type": IM, "username": "user", "password": "pa:ss"}]),
        ("Basic !!!", []),
    ],
)  # fmt: skip
def test_header(text: str, expected: list[dict[str, str]]) -> None:
    assert pairs(text) == expected


def test_ids() -> None:
    assert [record["id"] for record in read_header(r"type = EC2\nid = mine; type = EC2")] == ["EC20", "mine"]
    with pytest.raises(BadRequest, match="Incorrect value in auth item id: 1bad id!"):
        read_header("id = 1bad id!; type = Dummy")


WORDS = st.text("abcXYZ012_.-", min_size=1, max_size=8)
VALUES = st.text(
    st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")).filter(lambda letter: letter not in "\"'\\"),
    min_size=1, max_size=20,
).filter(lambda text: text == text.strip())  # fmt: skip


@given(st.lists(st.dictionaries(WORDS, VALUES, min_size=1, max_size=4), max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read(records: list[dict[str, str]]) -> None:
    records = [{**record, "id": "one"} for record in records]
    assert read_header(write_header(records)) == records
    assert read_header(json.dumps(records)) == records


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read(text: str) -> None:
    try:
        records = read_header(text)
    except BadRequest:
        return
    assert all(isinstance(value, str) for record in records for value in record.values())


def test_passwords() -> None:
    stored = hash_password("s3cret")
    assert "s3cret" not in stored
    assert check_password("s3cret", stored)
    assert not check_password("other", stored)
    assert not check_password("s3cret", "plain")
    assert read_users("# people\nuser:a$b\n\nbad line") == {"user": "a$b"}


def test_name_spaces() -> None:
    spaces, other = Spaces(b"one"), Spaces(b"two")
    assert spaces.key("user", "pass") == Spaces(b"one").key("user", "pass")
    keys = {spaces.key("user", "pass"), spaces.key("user", "x"), spaces.key("other", "pass"), spaces.key("user", None)}
    assert len(keys | {spaces.key("user", ""), other.key("user", "pass")}) == 6
    assert "pass" not in spaces.key("user", "pass")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"type": "Dummy"}, "No credentials provided for the InfrastructureManager."),
        ({"type": IM}, "No username nor token for the InfrastructureManager."),
        ({"type": IM, "username": "__OPENID__x", "password": "y"},
         "Invalid username used for the InfrastructureManager."),
        ({"type": IM, "token": "notajwt"}, "Error trying to decode OIDC auth token: it is not a JWT."),
    ],
)  # fmt: skip
def test_refused(record: dict[str, str], reason: str) -> None:
    with pytest.raises(Unauthorized) as error:
        Identities(Config(), b"x").identify([record])
    assert error.value.reason == reason


def test_identity() -> None:
    people = Identities(replace(Config(), admin_users=["user"]), b"x")
    both = people.identify([USER, {**USER, "username": "two"}, USER])
    assert [member.user for member in both.members] == ["user", "two"]
    assert not both.is_admin  # anybody may call himself so
    assert people.identify([{"type": IM, "username": "user"}]).keys != people.identify([USER]).keys


def test_users_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"user:{hash_password('pass')}\nplain:{hash_password('pass')}\n")
    people = Identities(replace(Config(), users_file=str(file), admin_users=["user"]), b"x")
    assert people.identify([USER]).is_admin
    assert not people.identify([{**USER, "username": "plain"}]).is_admin
    for wrong in ({**USER, "password": "no"}, {**USER, "username": "nobody"}, {"type": IM, "username": "user"}):
        with pytest.raises(Unauthorized, match="Invalid InfrastructureManager credentials"):
            people.identify([wrong])
    file.write_text(f"other:{hash_password('secret')}\n")
    with pytest.raises(Unauthorized):
        people.identify([USER])


def test_the_region_is_that_of_the_record_else_of_the_image_else_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    ec2 = {"id": "one", "type": "EC2", "username": "key", "password": "secret"}
    open_one, fixed = find_cloud([ec2]), find_cloud([{**ec2, "region": "eu-west-1"}])
    images = ["", "ami-0abc", "aws://us-east-2/ami-0abc"]
    assert find_region(fixed, images) == "eu-west-1"
    assert find_region(open_one, images) == "us-east-2"
    with pytest.raises(BadRequest, match="region"):
        find_region(open_one, images[:2])
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert find_region(open_one, images[:2]) == "eu-north-1"
    assert find_region(open_one, images) == "us-east-2"
    assert find_region(find_cloud([USER], default="local"), images) == ""
    assert in_region(open_one, "us-east-2").environment["AWS_REGION"] == "us-east-2"
    assert in_region(fixed, "us-east-2") is fixed


def test_clouds() -> None:
    ec2 = {"id": "one", "type": "EC2", "username": "key", "password": "secret", "region": "eu-west-1", "token": "t"}
    dummy = {"id": "two", "type": "Dummy", "host": "http://server.example:8080/path"}
    found = find_cloud([USER, ec2, dummy])
    assert (found.cloud, found.id, found.type) == ("aws", "one", "EC2")
    assert found.environment == {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "t",
        "AWS_REGION": "eu-west-1",
    }  # fmt: skip
    assert "secret" not in repr(found)
    chosen = find_cloud([ec2, dummy], "two", dummy=True)
    assert (chosen.host, chosen.port, chosen.endpoint) == ("server.example", 8080, "http://server.example:8080/path")
    assert find_cloud([USER], default="local").type == "Local"
    assert find_cloud([{"id": "d", "type": "Dummy", "host": "http://[bad"}], dummy=True).endpoint == "http://:80"


def test_hosts_that_exist() -> None:
    record = {"id": "s", "type": "Static", "host": "192.0.2.1, 192.0.2.2", "username": "debian", "private_key": "KEY"}
    found = find_cloud([record])
    assert found.cloud == "static"
    variables, key = static_variables(found.environment)
    assert key == "KEY"
    assert variables == {
        "cloud_static_hosts": [{"address": "192.0.2.1"}, {"address": "192.0.2.2"}],
        "cloud_static_user": "debian",
    }
    more = {**record, "hosts": '["h1", {"address": "h2", "node": "front", "port": 2222}]'}
    assert [host["address"] for host in static_variables(find_cloud([more]).environment)[0]["cloud_static_hosts"]] == [
        "h1", "h2",
    ]  # fmt: skip
    assert static_variables({}) == ({}, "")
    for hosts in (
        "x",
        "{}",
        "[]",
        '[{"address": "h", "private_key_file": "/root/.ssh/id"}]',
        '["-oProxyCommand=x"]',
    ):
        wrong = {**record, "hosts": hosts}
        with pytest.raises(BadRequest, match="Static record"):
            find_cloud([wrong])
    with pytest.raises(BadRequest, match="private_key"):
        find_cloud([{"id": "s", "type": "Static", "host": "a"}])


@pytest.mark.parametrize(
    ("records", "wanted", "reason"),
    [
        ([USER], "", "No cloud provider available"),
        ([{"id": "a", "type": "NoSuch"}], "", r"not supported: NoSuch \(known: EC2, EGI, Local, OpenStack, Static\)"),
        ([{"id": "a", "type": "Dummy"}], "", "Cloud provider not supported: Dummy"),
        ([{"id": "a", "type": "Azure"}], "", r"Cloud provider not supported: Azure \(it exists"),
        (
            [{"id": "a", "type": "EC2", "username": "x"}],
            "",
            "No correct auth data has been specified to EC2.: password",
        ),
        ([{"id": "a", "type": "EC2", "username": "x", "password": "y", "region": "$(x)"}], "", "region"),
        ([{"id": "a", "type": "Local"}], "b", "No auth data for cloud with ID: b"),
    ],
)
def test_no_cloud(records: list[dict[str, str]], wanted: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        find_cloud(records, wanted)
