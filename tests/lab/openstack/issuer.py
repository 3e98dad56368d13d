# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OIDC issuer with claims like those of EGI Check-in: signs access tokens, tells its keys."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from . import catalogue

_KEY_ID = "lab-1"
_SECONDS = 3600
_OTHER = "urn:mace:egi.eu:group:other.example.eu:role=member#aai.egi.eu"


class Issuer:
    """Signs with a key of its own, made anew for each lab."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def jwks(self) -> dict[str, Any]:
        """Return the public key as sites read it."""
        numbers = self._key.public_key().public_numbers()
        parts = {"n": _encode(_bytes(numbers.n)), "e": _encode(_bytes(numbers.e))}
        return {"keys": [{"kty": "RSA", "kid": _KEY_ID, "alg": "RS256", "use": "sig", **parts}]}

    def write(self, path: Path) -> None:
        """Tell the site whom it trusts."""
        path.write_text(json.dumps({"issuer": catalogue.ISSUER, "jwks": self.jwks}), encoding="utf-8")

    def token(self, expired: bool = False, vo: bool = True, **claims: Any) -> str:
        """Return an access token, for a member of the VO or not, valid or no more; `claims` are added or replaced."""
        now = int(time.time())
        issued = now - 2 * _SECONDS if expired else now
        content = {
            "iss": catalogue.ISSUER,
            "sub": "0123456789abcdef@egi.eu",
            "iat": issued,
            "exp": issued + _SECONDS,
            "scope": "openid profile email eduperson_entitlement",
            "eduperson_entitlement": [catalogue.ENTITLEMENT, _OTHER] if vo else [_OTHER],
            **claims,
        }
        header = {"alg": "RS256", "typ": "at+jwt", "kid": _KEY_ID}
        text = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(content).encode())}"
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_encode(signature)}"


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
