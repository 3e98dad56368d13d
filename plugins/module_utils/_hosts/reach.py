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
# From these a machine of a cloud learns its own credentials: no network that is allowed has them in it.
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
        scheme, host, port = _origin(url)
        if not host or not port:
            return "is no address of a service"
        if self._names(scheme, host, port):
            return ""
        try:
            found = {str(item[4][0]) for item in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            return "cannot be found"
        if all(map(self._has, found)) or (scheme == "https" and all(map(is_public, found))):
            return ""
        return "is not called: it needs https and a public address"

    def _names(self, scheme: str, host: str, port: int) -> bool:
        return any(word == host or ("://" in word and _origin(word) == (scheme, host, port)) for word in self.allowed)

    def _has(self, address: str) -> bool:
        found = _plain(address)
        return str(found) not in _NEVER and any(found in network for network in self._networks())

    def _networks(self) -> Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        for word in self.allowed:
            try:
                yield ipaddress.ip_network(word, strict=False)
            except ValueError:
                continue


def _origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL; what cannot be read is left out."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0


def is_public(address: str) -> bool:
    """Tell whether everybody could connect to an address."""
    found = _plain(address)
    return found.is_global and not found.is_multicast


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
