# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key pair that comes with the run, and the texts that are derived from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.continuum.im.plugins.filter.infrastructure import FilterModule
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ChoiceError
from ansible_collections.continuum.im.plugins.plugin_utils._run.key import (
    VARIABLE,
    derived_text,
    given_public_key,
    given_seed,
)
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, World, translate
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

pytestmark = pytest.mark.unit
KEYS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "rsa": rsa.generate_private_key(65537, 2048),
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
}


def text_of(kind: str, form: forms.PrivateFormat = forms.PrivateFormat.OpenSSH, passphrase: bytes = b"") -> str:
    sealed = forms.BestAvailableEncryption(passphrase) if passphrase else forms.NoEncryption()
    return KEYS[kind].private_bytes(forms.Encoding.PEM, form, sealed).decode()


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_the_public_key(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = KEYS[kind].public_key().public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH).decode()
    assert given_public_key({VARIABLE: text_of(kind)}, "mine") == f"{expected} mine"
    monkeypatch.setenv(VARIABLE, text_of(kind).replace("\n", "\r\n"))
    assert FilterModule().filters()["given_public_key"]("mine") == f"{expected} mine"


def test_older_forms_of_keys() -> None:
    assert given_public_key({VARIABLE: text_of("rsa", forms.PrivateFormat.TraditionalOpenSSL)}, "a").startswith(
        "ssh-rsa"
    )


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "ssh-ed25519 AAAA",
        " " + text_of("ed25519"),
        text_of("ed25519", forms.PrivateFormat.PKCS8, b"secret"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ChoiceError, match="no private key that can be used") as caught:
        given_public_key({VARIABLE: text}, "mine")
    assert text not in str(caught.value)


def test_without_a_key() -> None:
    assert given_seed({}) == ""
    assert given_public_key({}, "mine") == ""


def test_derived_texts() -> None:
    text = derived_text("key", "mine", "password", 100)
    assert len(text) == 100
    assert text.isalnum()
    assert derived_text("key", "mine", "password", 20) == text[:20]
    others = [("other", "mine", "password"), ("key", "other", "password"), ("key", "mine", "other")]
    assert len({derived_text(*words, 20) for words in others} | {text[:20]}) == 4


def test_a_run_that_brings_its_key_makes_the_same_texts_in_every_workspace(tmp_path: Path) -> None:
    template = tmp_path / "t.yaml"
    template.write_text(
        "tosca_definitions_version: tosca_simple_yaml_1_0\n"
        "topology_template:\n"
        "  inputs: {word: {type: string, default: random(12)}}\n"
        "  outputs: {word: {value: {get_input: word}}}\n"
    )
    found = []
    for folder in ("one", "two"):
        home = Home(str(tmp_path / folder))
        world = World(str(tmp_path), home, {VARIABLE: text_of("ed25519")})
        found.append(str(translate(str(template), {}, str(tmp_path), home, world).topology.outputs))
        assert not (tmp_path / folder).exists()
    assert found[0] == found[1]
