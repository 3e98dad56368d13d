# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bearer tokens of OpenID Connect: who issued it, is it still good, is it for us. Signatures are always checked."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ..errors import ServiceError, Unauthorized

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
_BAD = "Invalid InfrastructureManager credentials. "
_KEPT = 3600.0
_FRESH = 30.0  # keys are asked for again when one is missing, but not more often than this
_LEEWAY = 30
_TIMEOUT = 10
_LONGEST = 1_000_000
_MOST_TOKEN = 20_000
_GROUP_CLAIMS = ("groups", "eduperson_entitlement", "entitlements", "wlcg.groups")
Get = Callable[[str], Any]


@dataclass(frozen=True)
class TokenUser:
    """Who a token stands for."""

    issuer: str
    subject: str
    name: str
    groups: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The stable key of the user."""
        return f"oidc:{self.issuer.rstrip('/')}/{self.subject}"


@dataclass
class _Keys:
    keys: KeySet | None = None
    at: float = -1e9
    lock: threading.Lock = field(default_factory=threading.Lock)


def get_json(url: str) -> Any:
    """Return a JSON document of the issuer; certificates are checked, redirects to other places are not followed."""
    with requests.get(url, timeout=_TIMEOUT, allow_redirects=False, stream=True) as answer:
        answer.raise_for_status()
        text = answer.raw.read(_LONGEST + 1, decode_content=True)
    if len(text) > _LONGEST:
        raise ValueError("the document is too long")
    return json.loads(text)


class TokenCheck:
    """Checks tokens of a fixed list of issuers; their keys are kept for an hour."""

    def __init__(
        self, issuers: Sequence[str], audience: str = "", groups: Sequence[str] = (), get: Get = get_json
    ) -> None:
        self._issuers = {issuer.rstrip("/"): _Keys() for issuer in issuers}
        self._audience = audience
        self._groups = frozenset(groups)
        self._get = get

    def user(self, token: str) -> TokenUser:
        """Return who a token stands for. Raises `Unauthorized` with the reason."""
        claims = _claims(token)
        issuer = str(claims.get("iss") or "")
        known = self._issuers.get(issuer.rstrip("/"))
        if known is None:
            raise Unauthorized(_BAD + "Issuer not accepted.")
        verified = self._verified(token, issuer.rstrip("/"), known)
        _check_times(verified)
        self._check_audience(verified)
        groups = _groups_of(verified)
        if self._groups and not self._groups.intersection(groups):
            raise Unauthorized(_BAD + "The token has none of the groups that are needed.")
        subject = str(verified.get("sub") or "")
        if not subject:
            raise Unauthorized(_BAD + "The token has no subject.")
        name = str(verified.get("preferred_username") or verified.get("name") or subject)
        return TokenUser(issuer.rstrip("/"), subject, name, tuple(groups))

    def _verified(self, token: str, issuer: str, known: _Keys) -> dict[str, Any]:
        try:
            return _decode(token, self._keys(issuer, known, _KEPT))
        except JoseError:
            pass
        # The issuer may have new keys since.
        try:
            return _decode(token, self._keys(issuer, known, _FRESH))
        except JoseError:
            raise Unauthorized(_BAD + "The signature of the token is not that of its issuer.") from None

    def _keys(self, issuer: str, known: _Keys, age: float) -> KeySet:
        with known.lock:
            if known.keys is not None and time.monotonic() - known.at < age:
                return known.keys
            try:
                place = self._get(f"{issuer}/.well-known/openid-configuration")["jwks_uri"]
                found = KeySet.import_key_set(self._get(str(place)))
            except (requests.RequestException, ValueError, KeyError, TypeError, JoseError):
                if known.keys is not None:
                    return known.keys
                raise ServiceError("The keys of the token's issuer cannot be had now.", 503) from None
            known.keys, known.at = found, time.monotonic()
            return found

    def _check_audience(self, claims: dict[str, Any]) -> None:
        if not self._audience:
            return
        found = claims.get("aud")
        if self._audience not in (found if isinstance(found, list) else [found]):
            raise Unauthorized(_BAD + "The token is for another audience.")


def _claims(token: str) -> dict[str, Any]:
    """Return the claims as they are written, unchecked: only to know whose keys are needed."""
    mark = "Error trying to decode OIDC auth token: "
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _MOST_TOKEN:
        raise Unauthorized(mark + "it is not a JWT.")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        raise Unauthorized(mark + "its claims are not JSON.") from None
    if not isinstance(found, dict):
        raise Unauthorized(mark + "its claims are not an object.")
    return found


def _decode(token: str, keys: KeySet) -> dict[str, Any]:
    try:
        found: dict[str, Any] = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    except ValueError:
        raise Unauthorized(_BAD + "The token cannot be read.") from None
    return found


def _check_times(claims: dict[str, Any]) -> None:
    now = time.time()
    until, since = claims.get("exp"), claims.get("nbf")
    if not isinstance(until, (int, float)) or until + _LEEWAY < now:
        raise Unauthorized(_BAD + "OIDC auth Token expired.")
    if isinstance(since, (int, float)) and since - _LEEWAY > now:
        raise Unauthorized(_BAD + "The token is not valid yet.")


def _groups_of(claims: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name in _GROUP_CLAIMS:
        value = claims.get(name)
        found += [str(item) for item in value] if isinstance(value, list) else [value] if isinstance(value, str) else []
    return found
