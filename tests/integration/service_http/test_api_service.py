# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoints for clouds, figures and harvesters; settings of a site; what errors look like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from service.auth.passwords import hash_password

from .documents import RADL, RECIPE

pytestmark = pytest.mark.integration


def test_statistics(site: Any) -> None:
    site.create(RADL, user="counter")
    text = site.call("GET", "/stats", "counter", headers={"Accept": "text/csv"}).text
    assert text.splitlines()[0].startswith("creation_date,tosca_name,vm_count,cpu_count,memory_size,")
    assert len(text.splitlines()) == 2
    assert site.call("GET", "/stats?end_date=2010/01/01", "counter").get_json() == {"stats": []}
    answer = site.call("GET", "/stats?init_date=aaaa", "counter")
    assert (answer.status_code, answer.text) == (400, "Incorrect format in init_date parameter: YYYY/MM/dd")


def test_clouds(site: Any) -> None:
    assert len(site.call("GET", "/clouds/dummy/images?filters=version=1").get_json()["images"]) == 2
    assert site.call("GET", "/clouds/dummy/quotas").get_json()["quotas"]["cores"] == {"used": 1, "limit": 10}
    answer = site.call("GET", "/clouds/nope/images")
    assert (answer.status_code, answer.text) == (400, "Error getting cloud info: Cloud ID nope not found.")
    assert site.call("GET", "/clouds/dummy/images?filters=x").text == "Invalid format in filters parameter."


def test_the_local_cloud(make_site: Callable[..., Any]) -> None:
    site = make_site(default_cloud="local")
    found = site.call("GET", "/clouds/local/images?filters=distribution=ubuntu").get_json()["images"]
    assert found
    assert all("ubuntu" in item["uri"] for item in found)
    assert site.call("GET", "/clouds/local/quotas").get_json()["quotas"]["cores"]["limit"] >= 1


def test_harvesters(site: Any) -> None:
    client = site.app.test_client()
    for verb in ("Identify", "ListMetadataFormats", "ListIdentifiers&metadataPrefix=oai_dc"):
        assert "<error" not in client.get(f"/oai?verb={verb}").text
    for prefix in ("oai_dc", "oai_openaire", "oai_datacite"):
        text = client.get(f"/oai?verb=GetRecord&identifier=oai:continuum.im:slurm&metadataPrefix={prefix}").text
        assert "SLURM cluster" in text
    wrong = {
        "verb=Nonsense": "badVerb", "verb=GetRecord": "badArgument", "verb=ListSets": "noSetHierarchy",
        "verb=ListRecords&metadataPrefix=x": "cannotDisseminateFormat",
        "verb=GetRecord&identifier=x&metadataPrefix=oai_dc": "idDoesNotExist",
        "verb=ListRecords&metadataPrefix=oai_dc&until=1999-01-01": "noRecordsMatch",
        "verb=ListRecords&resumptionToken=x": "badResumptionToken",
    }  # fmt: skip
    for query, code in wrong.items():
        assert f'code="{code}"' in client.get(f"/oai?{query}").text


def test_read_only(make_site: Callable[..., Any]) -> None:
    site = make_site(read_only=True)
    answer = site.call("POST", "/infrastructures", data=RADL)
    assert (answer.status_code, answer.text) == (403, "Error Creating Inf.: Function currently disabled.")
    assert site.call("GET", "/infrastructures").status_code == 200


def test_below_a_path(make_site: Callable[..., Any]) -> None:
    site = make_site(root_path="/im", trusted_proxies=1)
    client = site.app.test_client()
    assert client.get("/im/version").status_code == client.get("/version").status_code == 200
    key = site.create(RADL)
    answer = site.call("GET", "/im/infrastructures", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil"})
    assert answer.text == f"https://localhost/im/infrastructures/{key}"


def test_long_bodies(make_site: Callable[..., Any]) -> None:
    site = make_site(max_body_bytes=1000)
    answer = site.call("POST", "/infrastructures", data="#" * 2000)
    assert (answer.status_code, answer.text) == (413, "The body is longer than 1000 bytes.")


def test_users_of_a_file(make_site: Callable[..., Any], tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("".join(f"{name}:{hash_password('pass')}\n" for name in ("user", "boss")))
    site = make_site(users_file=str(users), admin_users=["boss"])
    key = site.create(RADL)
    answer = site.call("GET", "/infrastructures", "stranger")
    assert answer.status_code == 401
    assert answer.text == "Error Getting Inf. List: Invalid InfrastructureManager credentials"
    assert key in site.call("GET", "/infrastructures", "boss").text
    assert site.call("DELETE", f"/infrastructures/{key}", "boss").status_code == 200


def test_a_header_in_all_forms(site: Any) -> None:
    key = site.create(RADL)
    client = site.app.test_client()
    own = "type = InfrastructureManager; username = user; password = pass"
    for text in (
        rf"id = dummy;type = Dummy;\n{own};\n",
        f"# comment\\n{own}",
        '{"type": "InfrastructureManager", "username": "user", "password": "pass"}',
        "Basic dXNlcjpwYXNz",
    ):
        assert client.get(f"/infrastructures/{key}", headers={"Authorization": text}).status_code == 200, text
    bad = client.get("/infrastructures", headers={"Authorization": rf"id = 1 x; type = Dummy\n{own}"})
    assert bad.status_code == 400


def test_errors_in_the_type_that_is_wanted(site: Any) -> None:
    path = "/infrastructures/<script>"
    page = site.call("GET", path, headers={"Accept": "text/html"})
    assert page.content_type.startswith("text/html")
    assert "<h1>Code: 404.</h1>" in page.text
    found = site.call("GET", path, headers={"Accept": "text/html, application/json"})
    assert found.get_json()["code"] == 404


def test_an_error_of_ours_shows_nothing(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any) -> Any:
        raise RuntimeError("/srv/secret/path")

    monkeypatch.setattr("service.routes.version.statistics", broken)
    answer = site.call("GET", "/stats")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


def test_why_it_failed(make_site: Callable[..., Any]) -> None:
    site = make_site(dummy_outcome="unconfigured")
    body = RADL.replace("contextualize ()\n", "") + RECIPE.partition("contextualize")[0]
    answer = site.call("POST", "/infrastructures", data=body)
    assert answer.status_code == 200
    key = answer.headers["InfID"]
    assert site.settle(key) == {"state": "unconfigured", "vm_states": {"0": "unconfigured", "1": "unconfigured"}}
    text = site.call("GET", f"/infrastructures/{key}/contmsg").text
    assert "VM 0:\n" in text
    assert "fatal: [" in text
    assert "the host does not answer" in text
    assert text.endswith("\n")
    header = site.call("GET", f"/infrastructures/{key}/contmsg?headeronly=1").text
    assert "VM 0:" not in header
    assert "the host does not answer" in header
    assert "fatal: [" in site.call("GET", f"/infrastructures/{key}/vms/0/contmsg").text
    site.call("DELETE", f"/infrastructures/{key}?async=1")
    again = site.call("PUT", f"/infrastructures/{key}/reconfigure")
    assert again.status_code in (404, 409)
