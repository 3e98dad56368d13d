# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret gets through, whatever form it has."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote_plus

import pytest
from service.operations.redact import STARS, Redactor

pytestmark = pytest.mark.unit
SECRETS = [
    "s3cr3t/pa ss\"w+o'rd",
    "tümlaut-passwort",
    "plainsecret",
    "with\nnewline-in-it and more\nlines-of-a-long-secret",
]
KEY = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmU
AAAAEbm9uZQAAAAAAAAABAAAA
-----END OPENSSH PRIVATE KEY-----
"""


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "form",
    [
        str,
        quote_plus,
        json.dumps,
        repr,
        lambda text: json.dumps(json.dumps(text)),
        lambda text: json.dumps(text, ensure_ascii=False),
    ],
)
def test_forms(secret: str, form: object) -> None:
    assert callable(form)
    text = f"before {form(secret)} after"
    clean = Redactor([secret]).text(text)
    assert STARS in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    for part in secret.split("\n"):
        assert part not in clean


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_in_every_position(secret: str, before: str, encode: object) -> None:
    assert callable(encode)
    text = encode(f"{before}{secret}@host".encode()).decode()
    clean = Redactor([secret]).text(text)
    assert STARS in clean
    whole = clean.split(STARS)[0]
    assert secret.encode()[:6] not in base64.urlsafe_b64decode(whole[: len(whole) // 4 * 4])


def test_private_keys_are_known_by_their_looks() -> None:
    clean = Redactor().text(f"it says {KEY} and goes on")
    assert "b3BlbnNz" not in clean
    assert clean.endswith("and goes on")
    assert "b3BlbnNz" not in Redactor().text(KEY[:60])


def test_lines_of_a_known_key_are_secret_alone() -> None:
    assert Redactor([KEY]).text("x b3BlbnNzaC1rZXktdjEAAAAABG5vbmU y") == f"x {STARS} y"


def test_bearer_tokens_are_known_by_their_looks() -> None:
    assert "eyJ" not in Redactor().text("Bearer eyJhbGciOiJub25l.eyJzdWIiOiJhbm4ifQ.c2ln")


def test_short_secrets_only_as_words() -> None:
    assert Redactor(["ab"]).text("ab cabin ab.") == f"{STARS} cabin {STARS}."


def test_empty_secrets_do_nothing() -> None:
    assert Redactor(["", " "]).text("a text") == "a text"


def test_data() -> None:
    redactor = Redactor(["hushhush"])
    assert redactor.data({"hushhush": ["hushhush", 1, {"a": "x hushhush"}]}) == {STARS: [STARS, 1, {"a": f"x {STARS}"}]}
    redactor.add("another-one")
    assert redactor.text("another-one hushhush") == f"{STARS} {STARS}"
