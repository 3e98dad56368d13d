# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the type `Vault`: credentials of clouds are read from a HashiCorp Vault (or OpenBao), into memory only.

These are four plain calls of its HTTP interface, so no library of its own: redirects must not be followed with a token,
answers must not be endless, and users may not send the service to addresses that only it can reach.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from ansible_collections.continuum.im.plugins.module_utils._hosts.reach import Reach

from ..config import Config
from ..errors import ServiceError
from .records import SERVICE, Record, valid_id

VAULT = "Vault"
MOUNT_POINT = "credentials/"
SUBJECT = "#USER_SUB#"
_OPTIONAL = "optional"
_MOST_VAULTS = 3
_LONGEST = 1_000_000
_TIMEOUTS = (5, 10)
_OR = ", or CONTINUUM_VAULT_HOSTS"
_DISABLED = ("0", "false", "no", "off")


class VaultError(ServiceError):
    """Credentials cannot be read from a Vault. It is no `BadRequest`: nothing goes on without them."""

    default_status = 400


def own_vault(config: Config, token: str, subject: str) -> list[Record]:
    """Return the record of the service's own Vault for the user of a token; nothing when it has none."""
    if not config.vault_url:
        return []
    found = {
        "type": VAULT,
        "host": config.vault_url,
        "token": token,
        "mount_point": config.vault_mount_point,
        "path": config.vault_path,
        "subject": subject,
        "role": config.vault_role,
        # Who has put nothing there may use clouds without credentials all the same.
        _OPTIONAL: "yes",
    }
    return [found]


def with_vaults(records: Sequence[Record], config: Config) -> list[Record]:
    """Return the records, with what is in a Vault in place of its record. Raises `VaultError`."""
    if sum(record.get("type") == VAULT for record in records) > _MOST_VAULTS:
        raise VaultError(f"There are more than {_MOST_VAULTS} records of the type {VAULT}.")
    found: list[Record] = []
    for record in records:
        found += read_vault(record, config) if record.get("type") == VAULT else [record]
    return found


def read_vault(record: Record, config: Config) -> list[Record]:
    """Return the records that a Vault has for the owner of a token. Raises `VaultError`."""
    missing = [key for key in ("host", "token") if not record.get(key)]
    if missing:
        raise VaultError(f"No correct auth data has been specified to {VAULT}.: {', '.join(missing)}")
    vault = _Vault(_address(record["host"], config), record["token"])
    try:
        entity = vault.enter(record.get("role", ""))
        path = _path(record, entity)
        if not path:
            raise VaultError(f"{vault} does not know whose token this is. Give the record a path.")
        secret = vault.secret(_segments(record.get("mount_point") or MOUNT_POINT), _segments(path))
    finally:
        vault.leave()
    if secret is None and record.get(_OPTIONAL) != "yes":
        raise VaultError(f"{vault} has no credentials at the path of the record.")
    return _records(secret or {}, vault)


class _Vault:
    """A Vault, and the token that opens it."""

    def __init__(self, address: str, token: str) -> None:
        self._address, self._token, self._entered = address, token, False

    def __str__(self) -> str:
        return f"The Vault {self._address}"

    def enter(self, role: str) -> str:
        """Change a token of an OIDC issuer into one of the Vault; return the id of its entity, "" if there is none."""
        if not (self._token.startswith("eyJ") and self._token.count(".") == 2):
            found = self._data(self._call("GET", "auth/token/lookup-self"))
            return str(found.get("entity_id") or "")
        body = {"jwt": self._token, **({"role": role} if role else {})}
        auth = (self._call("POST", "auth/jwt/login", body) or {}).get("auth")
        if not isinstance(auth, dict) or not isinstance(auth.get("client_token"), str):
            raise VaultError(f"{self} gives no token.")
        self._token, self._entered = auth["client_token"], True
        return str(auth.get("entity_id") or "")

    def secret(self, mount: str, path: str) -> dict[str, Any] | None:
        """Return a secret of a key-value store of either version, None when there is none."""
        versioned = self._version(mount) == "2"
        answer = self._call("GET", f"{mount}/data/{path}" if versioned else f"{mount}/{path}")
        if answer is None:
            return None
        found = self._data(answer)
        return self._data(found) if versioned else found

    def leave(self) -> None:
        """Give back the token that was made for this: each is kept by the Vault until it expires."""
        if self._entered:
            with contextlib.suppress(VaultError):
                self._call("POST", "auth/token/revoke-self", {})

    def _version(self, mount: str) -> str:
        """Everybody who may read in a store may ask for its version; who may not is told by the reading itself."""
        try:
            options = self._data(self._call("GET", f"sys/internal/ui/mounts/{mount}")).get("options")
        except VaultError:
            return "1"
        return str(options.get("version", "1")) if isinstance(options, dict) else "1"

    def _data(self, answer: dict[str, Any] | None) -> dict[str, Any]:
        found = (answer or {}).get("data")
        if not isinstance(found, dict):
            raise VaultError(f"{self} gives an answer that is none of a Vault.")
        return found

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any] | None:
        """Return the answer to a call, None when there is no such thing. Raises `VaultError` without their words."""
        headers = {"X-Vault-Request": "true"} | ({} if path.endswith("/login") else {"X-Vault-Token": self._token})
        try:
            with requests.request(
                method,
                f"{self._address}/v1/{path}",
                json=body,
                headers=headers,
                timeout=_TIMEOUTS,
                allow_redirects=False,
                stream=True,
                auth=_as_it_is,
            ) as answer:
                status, text = answer.status_code, answer.raw.read(_LONGEST + 1, decode_content=True)
        except (requests.RequestException, UnicodeError, OSError):
            raise VaultError(f"{self} does not answer.", 503) from None
        if status == 404:
            return None
        if status in (400, 401, 403):
            raise VaultError(f"{self} refuses the token, or what is asked with it ({path.partition('/')[0]}).")
        if status == 204:
            return {}
        return self._read(status, text)

    def _read(self, status: int, text: bytes) -> dict[str, Any]:
        if status in (429, 472, 473, 500, 501, 502, 503):
            raise VaultError(f"{self} is not ready ({status}).", 503)
        try:
            found = json.loads(text) if status == 200 and len(text) <= _LONGEST else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise VaultError(f"{self} gives an answer that is none of a Vault ({status}).")
        return found


def _as_it_is(request: Any) -> Any:
    """Send a request as it is: `requests` would add what it finds in files of the service's user."""
    return request


def _address(host: str, config: Config) -> str:
    """Return the address of a Vault that may be asked. Raises `VaultError`."""
    text = (host if "://" in host else f"https://{host}").strip().rstrip("/")
    try:
        parts = urlsplit(text)
        name, _port = parts.hostname or "", parts.port
    except ValueError:
        name = ""
    if not name or parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        raise VaultError("The 'host' of a Vault record is for example https://vault.example.org:8200.")
    if text not in {item.rstrip("/") for item in (config.vault_url, *config.vault_hosts)}:
        # Whoever names a host makes this machine call it: only such as everybody could call.
        problem = Reach().problem(text)
        if problem:
            name = name[:100]
            raise VaultError(f"The Vault {name} {problem}{'' if problem.endswith('found') else _OR}.")
    return text


def _path(record: Record, entity: str) -> str:
    """Return where the credentials are: as the record says, else at the id of the entity."""
    path, subject = record.get("path") or entity, record.get("subject", "")
    if SUBJECT in path and (not subject or "/" in subject):
        raise VaultError(f"The subject of the token cannot stand for {SUBJECT} in the path of the Vault.")
    return path.replace(SUBJECT, subject)


def _segments(path: str) -> str:
    """Return a path that leads nowhere else. Raises `VaultError`."""
    parts = [part for part in path.split("/") if part]
    if not parts or any(part in (".", "..") or not part.isprintable() for part in parts):
        raise VaultError("'path' and 'mount_point' of a Vault record are names with slashes between them.")
    return "/".join(quote(part, safe="") for part in parts)


def _records(secret: dict[str, Any], vault: _Vault) -> list[Record]:
    """Return the records of a secret: one in each value, as JSON or as an object; or the secret is one itself."""
    entries = {"": secret} if isinstance(secret.get("type"), str) and "{" not in secret["type"] else secret
    found: list[Record] = []
    for name, value in entries.items():
        record = _record(value)
        if record is None:
            raise VaultError(f"{vault} has no credential at '{name[:60]}', which would be JSON with a type.")
        if record.pop("enabled", "1").lower() in _DISABLED or record["type"] in (SERVICE, VAULT):
            continue
        identity = next((item for item in (record.get("id", ""), name) if valid_id(item)), f"{VAULT}{len(found)}")
        found.append({**record, "id": identity})
    return found


def _record(value: Any) -> Record | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return None
    return {
        str(key): item if isinstance(item, str) else json.dumps(item) for key, item in value.items() if item is not None
    }
