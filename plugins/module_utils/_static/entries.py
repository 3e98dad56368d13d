# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that a user offers, as data: checked, whatever form they come in."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._hosts.model import HostsError

ADDRESS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.:%-]{0,251}[A-Za-z0-9])?|::[0-9a-fA-F:.]{0,40}")
USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,63}")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
NODE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
KEYS = ("address", "user", "port", "private_ip", "public_ip", "node", "name", "private_key_file")
# What an inventory calls them.
OTHER_NAMES = {
    "ansible_host": "address",
    "ansible_ssh_host": "address",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_ssh_private_key_file": "private_key_file",
    "ansible_private_key_file": "private_key_file",
    "im_node": "node",
}


@dataclass(frozen=True)
class Entry:
    """A host that may be used: where it answers, how to log in the first time, and what it is meant for.

    `groups`: groups of an inventory that it is in; they mean a node only if the template has one of that name.
    """

    address: str
    user: str = ""
    port: int = 22
    private_ip: str = ""
    public_ip: str = ""
    node: str = ""
    name: str = ""
    private_key_file: str = ""
    groups: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """What tells two hosts apart, and what messages call a host."""
        return self.address if self.port == 22 else f"{self.address} port {self.port}"

    @property
    def alias(self) -> str:
        """The name under which its host key is kept."""
        return re.sub(r"[^A-Za-z0-9_.-]", "-", self.place)


def read_entries(items: Iterable[Any]) -> tuple[Entry, ...]:
    """Return the hosts of a list, each a mapping or an address alone; raises HostsError naming what is wrong."""
    entries = tuple(_entry(item) for item in items)
    for what in ("place", "name"):
        values = [getattr(entry, what) for entry in entries if getattr(entry, what)]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise HostsError(f"The list of hosts has {twice} twice.")
    return entries


def _entry(item: Any) -> Entry:
    if isinstance(item, str):
        item = {"address": item}
    if not isinstance(item, Mapping):
        raise HostsError(f"{item!r} is not a host.", "write {address: 192.0.2.10, user: debian}.")
    words = {OTHER_NAMES.get(str(key), str(key)): value for key, value in item.items() if value not in (None, "")}
    groups = words.pop("groups", ())
    unknown = sorted(set(words) - set(KEYS))
    if unknown:
        raise HostsError(f"A host has no {unknown[0]!r}.", f"it may have {', '.join(KEYS)}.")
    texts = {key: str(value).strip() for key, value in words.items() if key != "port"}
    if not texts.get("address"):
        raise HostsError(f"The host {texts.get('name', '?')!r} has no address.", "write {address: 192.0.2.10}.")
    _check("address", ADDRESS, texts, "an IP address or a name")
    _check("user", USER, texts, "the name of a login user")
    _check("name", LABEL, texts, "letters, digits, dots, dashes and underscores")
    _check("node", NODE, texts, "the name of a node of the template")
    for key in ("private_ip", "public_ip"):
        if key in texts:
            texts[key] = _ip(texts["address"], key, texts[key])
    if "private_key_file" in texts:
        texts["private_key_file"] = _key_file(texts["address"], texts["private_key_file"])
    return Entry(**texts, port=_port(texts["address"], words.get("port", 22)), groups=tuple(map(str, groups)))


def _check(key: str, pattern: re.Pattern[str], texts: Mapping[str, str], allowed: str) -> None:
    value = texts.get(key, "")
    if value and not pattern.fullmatch(value):
        raise HostsError(f"{value!r} is not valid as {key} of a host.", f"use {allowed}.")


def _ip(address: str, key: str, value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise HostsError(f"The {key} of host {address} is not an IP address: {value!r}.") from None


def _port(address: str, value: Any) -> int:
    try:
        port = int(value)
    except (TypeError, ValueError):
        port = 0
    if isinstance(value, bool) or not 0 < port < 65536:
        raise HostsError(f"The port of host {address} is not a number from 1 to 65535: {value!r}.")
    return port


def _key_file(address: str, value: str) -> str:
    path = os.path.abspath(os.path.expanduser(value))
    if not path.isprintable():
        raise HostsError(f"The private_key_file of host {address} is not a path.")
    return path
