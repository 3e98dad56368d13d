# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key pair that comes with the run, for runs whose folders do not stay: jobs of AWX.

`IM_PRIVATE_KEY` holds the private key. What an infrastructure keeps beside its key elsewhere, random texts of inputs,
is derived from it, so that the next run has the same without a file.
"""

from __future__ import annotations

import hashlib
import hmac
import string
from collections.abc import Mapping
from typing import Any

from .._errors import ChoiceError

VARIABLE = "IM_PRIVATE_KEY"
_LETTERS = string.ascii_letters + string.digits
_FAIR = 256 - 256 % len(_LETTERS)


def given_public_key(environment: Mapping[str, str], comment: str) -> str:
    """Return the public half of the key of the environment as one line, "" without one.

    Raises `ChoiceError` for what is no private key that can be used without a passphrase.
    """
    key = _load(environment)
    if key is None:
        return ""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    line: bytes = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return f"{line.decode()} {comment}"


def given_seed(environment: Mapping[str, str]) -> str:
    """Return what random texts are derived from, "" without a key: the same however the key is written.

    Raises `ChoiceError`.
    """
    key = _load(environment)
    if key is None:
        return ""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return hashlib.sha256(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).hexdigest()


def _load(environment: Mapping[str, str]) -> Any:
    """Return the private key of the environment, None without one. Raises `ChoiceError`."""
    private = environment.get(VARIABLE, "").replace("\r", "").rstrip("\n")
    if not private:
        return None
    from cryptography.hazmat.primitives import serialization  # a slow import, rarely needed

    new = "OPENSSH PRIVATE KEY" in private
    load = serialization.load_ssh_private_key if new else serialization.load_pem_private_key
    hint = f"Write the whole key into {VARIABLE}, as ssh-keygen makes it without a passphrase."
    problem = ChoiceError.of(f"{VARIABLE} holds no private key that can be used.", hint)
    if not private.startswith("-----BEGIN "):
        raise problem
    try:
        return load(private.encode() + b"\n", None)
    except Exception:
        raise problem from None


def derived_text(seed: str, infrastructure: str, name: str, length: int) -> str:
    """Return the random text of an input: always the same for one key, and telling nothing of the key."""
    found: list[str] = []
    block = 0
    while len(found) < length:
        words = "\0".join((infrastructure, name, str(block)))
        digest = hmac.new(seed.encode(), words.encode(), hashlib.sha256).digest()
        found += [_LETTERS[byte % len(_LETTERS)] for byte in digest if byte < _FAIR]
        block += 1
    return "".join(found[:length])
