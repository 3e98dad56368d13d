# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody keeps the service busy alone, and browsers do nothing with its answers that they should not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from service.app import create_app
from service.auth.passwords import Spaces
from service.config import Config, ConfigError
from service.routes import limits
from service.routes.limits import Bucket

pytestmark = pytest.mark.integration
BURST = 20
Make = Callable[..., Flask]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that gives an application whose clock stands still."""
    monkeypatch.setattr(limits, "Bucket", lambda rate: Bucket(rate, lambda: 1000.0))

    def app(**settings: str) -> Flask:
        given = {f"CONTINUUM_{name.upper()}": value for name, value in settings.items()}
        return create_app(Config.load({"CONTINUUM_HOME": str(tmp_path), "CONTINUUM_DUMMY_CLOUD": "1", **given}))

    return app


def who(user: str, password: str = "pass") -> dict[str, str]:  # noqa: S107
    return {"Authorization": json.dumps([{"type": "InfrastructureManager", "username": user, "password": password}])}


def ask(client: FlaskClient, path: str, headers: dict[str, str] | None = None, address: str = "192.0.2.1") -> Any:
    return client.get(path, headers=headers, environ_base={"REMOTE_ADDR": address})


def test_a_user_who_asks_too_often_waits_and_nobody_else(make: Make) -> None:
    client = make(rate_per_user="30").test_client()
    for _number in range(BURST):
        assert ask(client, "/infrastructures", who("eager")).status_code == 200
    # Whatever the address, whatever he asks.
    answer = ask(client, "/infrastructures/x/state", who("eager"), "192.0.2.2")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert "Too many requests. Wait a little." in answer.text
    assert ask(client, "/infrastructures", who("other")).status_code == 200
    assert ask(client, "/version", who("eager")).status_code == 200


@pytest.mark.parametrize("path", ["/version", "/catalogue", "/docs", "/no/such/place", "/infrastructures"])
def test_addresses_without_credentials(make: Make, path: str) -> None:
    client = make(rate_per_address="60").test_client()
    for _number in range(BURST):
        assert ask(client, path).status_code in (200, 401, 404)
    assert ask(client, path, address="192.0.2.9").status_code != 429
    answer = ask(client, path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    # Who says who he is, is somebody else; machines are always told how the service is.
    assert ask(client, "/infrastructures", who("user")).status_code == 200
    assert {ask(client, place).status_code for place in ("/healthz", "/readyz", "/metrics")} == {200}


def test_passwords_are_not_guessed(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users").write_text("admin:x\n")
    looked_at: list[str] = []
    monkeypatch.setattr(Spaces, "checks", lambda _self, _user, word, _hash: bool(looked_at.append(word)))
    client = make(rate_per_address="60", users_file=str(tmp_path / "users")).test_client()
    for number in range(BURST):
        assert ask(client, "/infrastructures", who("admin", str(number))).status_code == 401
    assert ask(client, "/infrastructures", who("admin", "more")).status_code == 429
    assert len(looked_at) == BURST
    assert ask(client, "/infrastructures", who("admin"), "192.0.2.9").status_code == 401


def test_a_network_of_ipv6_is_one_address(make: Make) -> None:
    client = make(rate_per_address="60").test_client()
    found = [ask(client, "/version", address=f"2001:db8::{number:x}").status_code for number in range(BURST + 1)]
    assert found == [200] * BURST + [429]
    assert ask(client, "/version", address="2001:db8:1::1").status_code == 200


def test_no_limit(make: Make) -> None:
    client = make(rate_per_address="0", rate_per_user="0").test_client()
    assert {ask(client, "/version").status_code for _number in range(300)} == {200}
    with pytest.raises(ConfigError, match="rate_per_user"):
        make(rate_per_user="-1")


def test_the_defaults_leave_room_for_a_dashboard(make: Make) -> None:
    """A page with many infrastructures asks for all their states at once."""
    client = make().test_client()
    assert {ask(client, "/infrastructures", who("user")).status_code for _number in range(500)} == {200}


def test_tokens_come_back_and_names_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    bucket = Bucket(60, lambda: now[0])
    assert [bucket.wait("a") for _number in range(BURST + 1)] == [0.0] * BURST + [1.0]
    now[0] = 0.5
    assert bucket.wait("a") == 0.5
    now[0] = 1.0
    assert bucket.wait("a", take=False) == 0
    assert bucket.wait("a") == 0
    monkeypatch.setattr(limits, "_MOST_KNOWN", 2)
    for name in "bcd":
        bucket.wait(name)
    assert len(bucket._known) == 2


@pytest.mark.parametrize("path", ["/", "/docs", "/version", "/openapi.json", "/infrastructures", "/nowhere"])
def test_headers_of_all_answers(make: Make, path: str) -> None:
    answer = ask(make().test_client(), path, {"Accept": "*/*"})
    policy = answer.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
        assert part in policy
    assert ("style-src" in policy) == (answer.mimetype == "text/html")
    assert "script-src" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in answer.headers


def test_pages_of_errors_and_pictures_are_closed_too(make: Make) -> None:
    answer = ask(make().test_client(), "/infrastructures", {"Accept": "text/html"})
    assert answer.mimetype == "text/html"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_https_only_is_told_over_https(make: Make) -> None:
    client = make(hsts_seconds="31536000").test_client()
    assert "Strict-Transport-Security" not in client.get("/version").headers
    answer = client.get("/version", base_url="https://im.example.org/")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_bodies_have_an_end(make: Make) -> None:
    client = make(max_body_bytes="1000").test_client()
    answer = client.post("/infrastructures", data="x" * 1001, headers=who("user"))
    assert (answer.status_code, "longer than 1000 bytes" in answer.text) == (413, True)


def test_headers_have_an_end(make: Make) -> None:
    answer = ask(make().test_client(), "/infrastructures", who("x" * 300_000))
    assert answer.status_code == 400
