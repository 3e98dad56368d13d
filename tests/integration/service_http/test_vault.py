# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of clouds that are in a Vault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service.auth.vault import VaultError, read_vault
from service.config import Config
from service.operations.credentials import VaultClient

from fake_vault import FakeVault
from issuer import Issuer

pytestmark = pytest.mark.integration
RADL = "system front ()\ndeploy front 1\ncontextualize ()\n"
SECRET = "sEcrEt-of-the-cloud-0123456789"
EC2 = {"id": "amazon", "type": "EC2", "username": "AKID1", "password": SECRET, "region": "eu-west-1"}
USER = {"type": "InfrastructureManager", "username": "user", "password": "pass"}


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    found = FakeVault()
    found.users["hvs.mine"] = "entity-1"
    found.secrets["credentials/entity-1"] = {"amazon": json.dumps(EC2)}
    yield found
    found.stop()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.stop()


def record(vault: FakeVault, **more: str) -> dict[str, str]:
    return {"id": "vault", "type": "Vault", "host": vault.address, "token": "hvs.mine", **more}


def read(vault: FakeVault, **more: str) -> list[dict[str, str]]:
    return read_vault(record(vault, **more), Config(vault_hosts=[vault.address]))


def call(site: Any, method: str, path: str, *records: dict[str, str], **more: Any) -> Any:
    headers = {"Authorization": json.dumps([*records, USER])}
    return site.app.test_client().open(path, method=method, headers=headers, **more)


def test_credentials_come_from_the_vault_and_stay_in_memory(
    make_site: Callable[..., Any], vault: FakeVault, tmp_path: Path
) -> None:
    site = make_site(vault_hosts=[vault.address])
    answer = call(site, "POST", "/infrastructures?async=1", record(vault), data=RADL)
    assert answer.status_code == 200, answer.text
    key = answer.headers["InfID"]
    kept = VaultClient(site.config).take(key) or {}
    assert (kept["AWS_ACCESS_KEY_ID"], kept["AWS_SECRET_ACCESS_KEY"]) == ("AKID1", SECRET)
    site.settle(key)
    assert "provider.type = 'EC2'" in site.call("GET", f"/infrastructures/{key}/vms/0").text
    assert call(site, "DELETE", f"/infrastructures/{key}", record(vault)).status_code == 200
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert SECRET.encode() not in file.read_bytes(), file
        assert b"hvs.mine" not in file.read_bytes(), file


def test_who_only_looks_needs_no_vault(make_site: Callable[..., Any], vault: FakeVault) -> None:
    site = make_site(vault_hosts=[vault.address])
    key = call(site, "POST", "/infrastructures?async=1", record(vault), data=RADL).headers["InfID"]
    site.settle(key)
    vault.calls.clear()
    for path in ("", f"/{key}", f"/{key}/state", f"/{key}/contmsg", f"/{key}/vms/0"):
        assert call(site, "GET", f"/infrastructures{path}", record(vault)).status_code == 200
    assert vault.calls == []


def test_nobody_asks_a_vault_without_being_known(make_site: Callable[..., Any], vault: FakeVault) -> None:
    site = make_site(vault_hosts=[vault.address])
    headers = {"Authorization": json.dumps([record(vault)])}
    assert site.app.test_client().post("/infrastructures", headers=headers, data=RADL).status_code == 401
    assert vault.calls == []


def test_stores_of_both_versions_and_forms_of_secrets(vault: FakeVault) -> None:
    other = {"type": "EC2", "username": "AKID2", "password": "x"}
    assert read(vault) == [EC2]
    vault.secrets["kv/people/ann"] = {"one": EC2, "two": json.dumps({**other, "enabled": 1}), "9": json.dumps(other)}
    found = read(vault, mount_point="kv/", path="people/ann")
    assert [item["id"] for item in found] == ["amazon", "two", "Vault2"]
    assert found[1] == {**other, "id": "two"}
    vault.secrets["kv/flat"] = other
    assert read(vault, mount_point="/kv", path="/flat/") == [{**other, "id": "Vault0"}]
    vault.secrets["kv/off"] = {"a": {**EC2, "enabled": 0}, "b": USER, "c": record(vault)}
    assert read(vault, mount_point="kv", path="off") == []


def test_a_token_of_an_issuer_is_changed_into_one_of_the_vault_and_given_back(vault: FakeVault) -> None:
    vault.users["eyJh.eyJz.c2ln"] = "entity-1"
    assert read(vault, token="eyJh.eyJz.c2ln", role="im") == [EC2]
    assert vault.roles == ["im"]
    assert vault.given == {}
    with pytest.raises(VaultError, match="refuses the token"):
        read(vault, token="eyJh.eyJz.d3Jvbmc")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": ""}, r"No correct auth data has been specified to Vault.: host"),
        ({"token": ""}, r"No correct auth data has been specified to Vault.: token"),
        ({"token": "hvs.other"}, r"refuses the token"),
        ({"path": "nothing"}, r"has no credentials at the path"),
        ({"path": "../sys/health"}, r"names with slashes"),
        ({"mount_point": "a/../../sys"}, r"names with slashes"),
        ({"path": "#USER_SUB#"}, r"cannot stand for"),
        ({"host": "ftp://vault.example"}, r"is for example"),
        ({"host": "https://user:x@vault.example"}, r"is for example"),
        ({"host": "http://[bad"}, r"is for example"),
        ({"host": "http://127.0.0.1:1"}, r"needs https and a public address"),
        ({"host": "https://localhost:8200"}, r"needs https and a public address"),
        ({"host": "169.254.169.254"}, r"needs https and a public address"),
        ({"host": "[::ffff:10.0.0.1]:8200"}, r"needs https and a public address"),
    ],
)
def test_what_is_wrong_is_said(vault: FakeVault, change: dict[str, str], words: str) -> None:
    with pytest.raises(VaultError, match=words) as error:
        read(vault, **change)
    assert error.value.status == 400
    assert "hvs." not in error.value.reason


@pytest.mark.parametrize(
    ("broken", "status"), [("redirects", 400), ("page", 400), ("endless", 400), ("sealed", 503), ("away", 503)]
)
def test_a_vault_that_misbehaves(make_site: Callable[..., Any], vault: FakeVault, broken: str, status: int) -> None:
    site = make_site(vault_hosts=[vault.address])
    vault.broken = broken
    if broken == "away":
        vault.stop()
    answer = call(site, "POST", "/infrastructures?async=1", record(vault), data=RADL)
    assert answer.status_code == status, answer.text
    assert f"The Vault {vault.address} " in answer.text
    assert call(site, "GET", "/infrastructures").text == ""


def test_a_secret_that_is_no_credential(vault: FakeVault) -> None:
    vault.secrets["credentials/entity-1"] = {"note": f"my password is {SECRET}"}
    with pytest.raises(VaultError, match="no credential at 'note'") as error:
        read(vault)
    assert SECRET not in error.value.reason


def test_a_bearer_token_is_enough_with_a_vault_of_the_service(
    make_site: Callable[..., Any], vault: FakeVault, issuer: Issuer
) -> None:
    settings = {"oidc_issuers": [issuer.address], "vault_url": vault.address, "vault_role": "im"}
    site = make_site(**settings, vault_mount_point="kv", vault_path="people/#USER_SUB#", default_cloud="dummy")
    for name in ("alice-1", "bob"):
        token = issuer.token(sub=name)
        vault.users[token] = name
        vault.secrets["kv/people/alice-1"] = {"amazon": EC2}
        headers = {"Authorization": f"Bearer {token}"}
        answer = site.app.test_client().post("/infrastructures?async=1", headers=headers, data=RADL)
        assert answer.status_code == 200, answer.text
        kept = VaultClient(site.config).take(answer.headers["InfID"]) or {}
        # Bob has nothing there: his hosts are made on the usual cloud.
        assert kept.get("AWS_ACCESS_KEY_ID") == ("AKID1" if name == "alice-1" else None)
    assert vault.roles == ["im", "im"]
    odd = issuer.token(sub="alice-1/../bob")
    vault.users[odd] = "x"
    answer = site.app.test_client().post("/infrastructures", headers={"Authorization": f"Bearer {odd}"}, data=RADL)
    assert answer.status_code == 400
    assert "cannot stand for" in answer.text
