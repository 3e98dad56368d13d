# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bearer tokens of a small issuer on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from issuer import Issuer

pytestmark = pytest.mark.integration
RADL = "system front ()\ndeploy front 1\ncontextualize ()\n"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.stop()


def call(site: Any, method: str, path: str, token: str, **more: Any) -> Any:
    own = [{"id": "dummy", "type": "Dummy"}, {"type": "InfrastructureManager", "token": token}]
    return site.app.test_client().open(path, method=method, headers={"Authorization": json.dumps(own)}, **more)


def test_a_user_with_tokens(make_site: Callable[..., Any], issuer: Issuer) -> None:
    site = make_site(oidc_issuers=[issuer.address], oidc_audience="im")
    token = issuer.token(preferred_username="alice")
    answer = call(site, "POST", "/infrastructures?async=1", token, data=RADL)
    assert answer.status_code == 200, answer.text
    key = answer.headers["InfID"]
    other = issuer.token(preferred_username="alice", sub="alice-2")
    assert call(site, "GET", f"/infrastructures/{key}", other).status_code == 403
    # Another token of the same subject is the same user, and a Bearer header is enough.
    again = issuer.token(name="Alice A.")
    answer = site.app.test_client().get(
        f"/infrastructures/{key}/authorization", headers={"Authorization": f"Bearer {again}"}
    )
    assert answer.text == "__OPENID__alice"
    new = json.dumps({"token": other})
    assert call(site, "POST", f"/infrastructures/{key}/authorization", token, data=new).status_code == 200
    assert call(site, "GET", f"/infrastructures/{key}", other).status_code == 200
    data = call(site, "GET", f"/infrastructures/{key}/data", token).text
    assert token not in data
    assert "alice-1" not in data


def test_keys_are_kept_and_follow_the_issuer(make_site: Callable[..., Any], issuer: Issuer) -> None:
    site = make_site(oidc_issuers=[issuer.address + "/"])
    assert call(site, "GET", "/infrastructures", issuer.token()).status_code == 200
    before = issuer.asked
    for _again in range(5):
        assert call(site, "GET", "/infrastructures", issuer.token()).status_code == 200
    assert issuer.asked == before


def test_tokens_that_are_refused(make_site: Callable[..., Any], issuer: Issuer) -> None:
    site = make_site(oidc_issuers=[issuer.address], oidc_audience="im", oidc_groups=["/staff"])
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    past = int(time.time()) - 1000
    good = {"groups": ["/staff"]}
    assert call(site, "GET", "/infrastructures", issuer.token(**good)).status_code == 200
    cases = {
        issuer.token(exp=past, **good): "OIDC auth Token expired.",
        issuer.token(iss="http://127.0.0.1:1/other", **good): "Issuer not accepted.",
        issuer.token(aud="another", **good): "The token is for another audience.",
        issuer.token(groups=["/guests"]): "none of the groups",
        issuer.token(nbf=int(time.time()) + 1000, **good): "not valid yet",
        issuer.token(stranger, **good): "The signature of the token is not that of its issuer.",
        issuer.token(sub="", **good): "no subject",
        issuer.token(**good)[:-8] + "AAAAAAAA": "The signature of the token",
        "notajwt": "Error trying to decode OIDC auth token: it is not a JWT.",
        "a.b.c": "Error trying to decode OIDC auth token: its claims are not JSON.",
    }
    for token, reason in cases.items():
        answer = call(site, "GET", "/infrastructures", token)
        assert answer.status_code == 401, answer.text
        assert reason in answer.text
        assert token not in answer.text


def test_unsigned_tokens_are_refused(make_site: Callable[..., Any], issuer: Issuer) -> None:
    import base64

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    site = make_site(oidc_issuers=[issuer.address])
    claims = {"iss": issuer.address, "sub": "alice-1", "exp": int(time.time()) + 300}
    for head in ({"alg": "none"}, {"alg": "HS256", "kid": "one"}):
        for signature in ("", "AAAA"):
            answer = call(site, "GET", "/infrastructures", f"{part(head)}.{part(claims)}.{signature}")
            assert answer.status_code == 401, answer.text


def test_an_admin_by_token(make_site: Callable[..., Any], issuer: Issuer) -> None:
    site = make_site(oidc_issuers=[issuer.address], admin_users=[f"{issuer.address}#boss"])
    key = site.create(RADL)
    assert key in call(site, "GET", "/infrastructures", issuer.token(sub="boss")).text
    assert call(site, "GET", "/infrastructures", issuer.token(sub="other")).text == ""


def test_an_issuer_that_does_not_answer(make_site: Callable[..., Any], issuer: Issuer) -> None:
    site = make_site(oidc_issuers=["http://127.0.0.1:9"])
    answer = call(site, "GET", "/infrastructures", issuer.token(iss="http://127.0.0.1:9"))
    assert (answer.status_code, "cannot be had now" in answer.text) == (503, True)


def test_new_keys(make_site: Callable[..., Any]) -> None:
    own = Issuer()
    try:
        site = make_site(oidc_issuers=[own.address])
        assert call(site, "GET", "/infrastructures", own.token()).status_code == 200
        tokens = site.app.extensions["continuum"].identities._tokens
        for known in tokens._issuers.values():
            known.at -= 60  # some time has passed
        own.rotate()
        assert call(site, "GET", "/infrastructures", own.token()).status_code == 200
    finally:
        own.stop()
