# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts on hosts, by SSH."""

from __future__ import annotations

import base64
import binascii
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from . import scripts
from .entries import Entry
from .record import Mark, read_mark

_WORKERS = 32
_CONNECT_SECONDS = 20
_SCRIPT_SECONDS = 120
_PAUSE = 1.0
_WRONG_KEY = ("permission denied", "too many authentication failures")
Item = TypeVar("Item")
Result = TypeVar("Result")


class RemoteError(Exception):
    """A script could not be run on a host; the text says why in a few words.

    `denied`: the host knows none of our keys.
    """

    def __init__(self, reason: str, denied: bool = False) -> None:
        super().__init__(reason)
        self.denied = denied


@dataclass(frozen=True)
class Probe:
    """What a host said about itself."""

    entry: Entry
    ssh_address: str
    user: str
    is_root: bool
    cpus: int
    memory: int
    own_address: str
    boot: str
    has_key: bool
    mark: Mark | None


@dataclass(frozen=True)
class Ssh:
    """How hosts are logged in to: with the key of the infrastructure, or as the user does it.

    `known_hosts` is "" where nothing may be written. `key_first`: places of hosts that should know our key already.
    """

    own_key_file: str = ""
    private_key_file: str = ""
    known_hosts: str = ""
    key_first: frozenset[str] = field(default=frozenset())

    def run(self, entry: Entry, script: str) -> dict[str, str]:
        """Run a script and return the values that it printed; raises RemoteError."""
        address = resolve(entry.address)
        reason, denied = "", False
        for identity in self._ways(entry):
            code, output, errors = _follow(self._command(entry, address, identity), script)
            values = _values(output)
            if values is not None:
                return values
            reason = _last_words(errors) or f"the command ended with {code}"
            denied = code == 255 and any(words in reason.lower() for words in _WRONG_KEY)
            if not denied:
                break
        raise RemoteError(reason, denied)

    def probe(self, entry: Entry, key: str) -> Probe:
        """Return what a host is; raises RemoteError."""
        found = self.run(entry, scripts.probe(key))
        if found.get("system") != "Linux":
            raise RemoteError(f"it is no Linux host but {found.get('system') or 'something unknown'}")
        return Probe(
            entry=entry,
            ssh_address=resolve(entry.address),
            user=found.get("user", ""),
            is_root=found.get("root") == "yes",
            cpus=_number(found.get("cpus")),
            memory=_number(found.get("memory")) * 1024,
            own_address=found.get("own", ""),
            boot=found.get("boot", ""),
            has_key=found.get("key") == "yes",
            mark=read_mark(_decoded(found.get("mark", ""))),
        )

    def _ways(self, entry: Entry) -> list[str]:
        """Files with private keys to try one after the other; "" is what SSH itself tries, the agent for one."""
        given = entry.private_key_file or self.private_key_file
        own = [self.own_key_file] if self.own_key_file and os.path.exists(self.own_key_file) else []
        return [*own, given] if entry.place in self.key_first else [given, *own]

    def _command(self, entry: Entry, address: str, identity: str) -> list[str]:
        known_hosts = self.known_hosts or os.devnull
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(_CONNECT_SECONDS),
            "ControlMaster": "no",
            "ControlPath": "none",
            "HostKeyAlias": entry.alias,
            "LogLevel": "ERROR",
            "Port": str(entry.port),
            "ServerAliveInterval": "10",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": _quoted(known_hosts),
            **({"IdentityFile": _quoted(identity), "IdentitiesOnly": "yes"} if identity else {}),
            **({"User": entry.user} if entry.user else {}),
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-T", *words, "--", address, "exec sh -s"]


def in_parallel(action: Callable[[Item], Result], items: Iterable[Item]) -> list[tuple[Item, Result | RemoteError]]:
    """Return each item with what `action` returned, or with the RemoteError that it raised."""
    work = list(items)
    if not work:
        return []

    def attempt(item: Item) -> Result | RemoteError:
        try:
            return action(item)
        except RemoteError as error:
            return error

    with ThreadPoolExecutor(min(_WORKERS, len(work))) as pool:
        return list(zip(work, pool.map(attempt, work), strict=True))


def patiently(action: Callable[[Item], Result], seconds: float) -> Callable[[Item], Result]:
    """Return `action`, but tried again until `seconds` are over."""

    def wait(item: Item) -> Result:
        end = time.monotonic() + seconds
        while True:
            try:
                return action(item)
            except RemoteError:
                if time.monotonic() + _PAUSE > end:
                    raise
                time.sleep(_PAUSE)

    return wait


def resolve(address: str) -> str:
    """Return the IP address of a name; raises RemoteError."""
    try:
        found = socket.getaddrinfo(address, 22, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RemoteError("its name is not known here") from None
    return str(found[0][4][0])


def as_user(entry: Entry, user: str) -> Entry:
    """Return an entry with a login user, unless it has one."""
    return entry if entry.user or not user else replace(entry, user=user)


def _follow(command: list[str], script: str) -> tuple[int, str, str]:
    try:
        done = subprocess.run(
            command,
            input=script,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SCRIPT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RemoteError(f"it took longer than {_SCRIPT_SECONDS} s") from None
    except OSError as error:
        raise RemoteError(f"ssh cannot be run here: {error.strerror}") from None
    return done.returncode, done.stdout, done.stderr


def _values(output: str) -> dict[str, str] | None:
    """What a script printed between its two marks, None when it did not come to its end."""
    _greeting, begin, rest = output.partition(f"{scripts.BEGIN}\n")
    body, end, _more = rest.partition(f"{scripts.END}\n")
    if not begin or not end:
        return None
    values: dict[str, str] = {}
    for line in body.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            values[name] = f"{values[name]}; {value}" if name == "left" and name in values else value
    return values


def _last_words(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    words = "".join(letter for letter in (lines[-1] if lines else "") if letter.isprintable())
    return words[:200].rstrip(".")


def _quoted(path: str) -> str:
    """A path as a value of an option of SSH, which expands percent signs."""
    text = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"'


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 0


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return "?"
