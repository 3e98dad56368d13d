# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run may connect to, when it works with the credentials of somebody who may not go everywhere from here.

Whoever names a site makes this machine call it, and whatever that site leads to: redirects, and its list of services.
Such runs call only what everybody could call, and what the settings of the service name.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

# Is it there, then nothing else is called than what it names (it may be empty), public addresses by https apart; and no
# file of this machine is taken for a credential.
VARIABLE = "CONTINUUM_REACHABLE"
_PORTS = {"http": 80, "https": 443}
# A machine learns from these what it is, its credentials too; clouds answer there whatever the settings say.
_NEVER = frozenset({"169.254.169.254", "fd00:ec2::254"})


@dataclass(frozen=True)
class Reach:
    """What may be called though it is not public: URLs without a path, host names, addresses or networks."""

    allowed: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Reach | None:
        """Return the limits of a run; None when it may call whatever it wants."""
        text = environment.get(VARIABLE)
        return None if text is None else cls.read(text.split(","))

    @classmethod
    def read(cls, words: Iterable[str]) -> Reach:
        """Return the limits that settings make."""
        return cls(tuple(word.strip().rstrip("/").lower() for word in words if word.strip()))

    def problem(self, url: str) -> str:
        """Return why a URL may not be called, "" when it may."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            host, port = "", 0
        if not host or not port:
            return "is no address of a service"
        if self._names(parts.scheme, host, port):
            return ""
        try:
            found = {str(item[4][0]) for item in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            return "cannot be found"
        if all(map(self._has, found)) or (parts.scheme == "https" and all(map(is_public, found))):
            return ""
        return "is not called: it needs https and a public address"

    def _names(self, scheme: str, host: str, port: int) -> bool:
        for word in self.allowed:
            if "://" not in word:
                if word == host:
                    return True
                continue
            parts = urlsplit(word)
            if (parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)) == (scheme, host, port):
                return True
        return False

    def _has(self, address: str) -> bool:
        found = _plain(address)
        return str(found) not in _NEVER and any(found in network for network in self._networks())

    def _networks(self) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        for word in self.allowed:
            try:
                yield ipaddress.ip_network(word, strict=False)
            except ValueError:
                continue


def is_public(address: str) -> bool:
    """Tell whether everybody could connect to an address."""
    found = _plain(address)
    return found.is_global and not found.is_multicast


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
