# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of other origins: those that the settings name may use the service, others may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from service.config import Config, ConfigError

pytestmark = pytest.mark.integration
PAGE = "https://dashboard.example.org"
ALLOW = "Access-Control-Allow-Origin"


def ask_first(site: Any, path: str, origin: str = PAGE, method: str = "POST") -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return site.app.test_client().options(path, headers=headers)


def test_a_page_that_is_named(make_site: Callable[..., Any]) -> None:
    site = make_site(cors_origins=[PAGE, "http://127.0.0.1:3000/"], root_path="/im")
    for path in ("/infrastructures", "/im/infrastructures"):
        first = ask_first(site, path)
        assert (first.status_code, first.text) == (204, "")
        assert first.headers[ALLOW] == PAGE
        assert first.headers["Access-Control-Allow-Credentials"] == "true"
        assert {"GET", "POST", "PUT"} <= set(first.headers["Access-Control-Allow-Methods"].split(", "))
        allowed = {word.strip().lower() for word in first.headers["Access-Control-Allow-Headers"].split(",")}
        assert {"origin", "accept", "content-type", "authorization"} <= allowed
    key = "00000000-0000-4000-8000-000000000000"
    assert (
        "DELETE" in ask_first(site, f"/infrastructures/{key}", method="DELETE").headers["Access-Control-Allow-Methods"]
    )
    answer = site.call("GET", "/infrastructures", headers={"Origin": "http://127.0.0.1:3000"})
    assert answer.status_code == 200
    assert answer.headers[ALLOW] == "http://127.0.0.1:3000"
    assert "InfID" in answer.headers["Access-Control-Expose-Headers"]
    # Errors too, or the page would not know what is wrong.
    refused = site.app.test_client().get("/infrastructures", headers={"Origin": PAGE})
    assert (refused.status_code, refused.headers[ALLOW]) == (401, PAGE)
    assert "Origin" in refused.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", "https://dashboard.example.org.evil.example", "null", ""])
def test_other_pages(make_site: Callable[..., Any], origin: str) -> None:
    site = make_site(cors_origins=[PAGE])
    for answer in (
        ask_first(site, "/infrastructures", origin),
        site.call("GET", "/version", headers={"Origin": origin}),
    ):
        assert [name for name in answer.headers if name[0].startswith("Access-Control")] == []
        assert "Origin" in answer.headers["Vary"]


def test_all_pages_get_no_credentials_of_the_browser(make_site: Callable[..., Any]) -> None:
    site = make_site(cors_origins=["*"])
    for answer in (ask_first(site, "/infrastructures"), site.call("GET", "/version", headers={"Origin": PAGE})):
        assert answer.headers[ALLOW] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_nothing_without_the_setting(site: Any) -> None:
    assert ask_first(site, "/infrastructures").status_code == 405
    assert ALLOW not in site.call("GET", "/version", headers={"Origin": PAGE}).headers


def test_an_origin_has_no_path(tmp_path: Path) -> None:
    for wrong in ("dashboard.example.org", "https://dashboard.example.org/page"):
        with pytest.raises(ConfigError, match="cors_origins"):
            Config.load({"CONTINUUM_HOME": str(tmp_path), "CONTINUUM_CORS_ORIGINS": wrong})
