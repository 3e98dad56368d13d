# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run may connect to, when it works for somebody who may not go everywhere from here.

Whoever names a site or a recipe makes this machine call it, and whatever that leads to: redirects, lists of services.
Such runs call only what everybody could call, and what the settings of the service name.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

# Is it there, then nothing else is called than what it names (it may be empty), public addresses by https apart; and no
# file of this machine is taken for a credential.
VARIABLE = "CONTINUUM_REACHABLE"
# The same for recipes, roles and templates by URL.
SOURCES = "CONTINUUM_SOURCE_HOSTS"
_PORTS = {"http": 80, "https": 443}
# From these a machine of a cloud learns its own credentials: no network that is allowed has them in it.
_NEVER = frozenset({"169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200"})
# What other programs read in another way than we do.
_ODD = re.compile(r"[\x00-\x20\x7f\\]")
# Below it the ports belong to known services; of these only the web has documents.
_FIRST_FREE_PORT = 1024
# Addresses of IPv6 that carry one of IPv4 in their last 32 bits, which gateways unpack.
_CARRIERS = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/96", "::ffff:0:0:0/96")))
_PRIVATE = "is not called: it needs https and a public address"
_PRIVATE_DOCUMENT = "is not called: it has no public address"


class NotReachable(ValueError):  # noqa: N818 (not a failure of the program)
    """Something is not called; the text says why, to be read after its name."""


@dataclass(frozen=True)
class Reach:
    """What may be called though it is not public: URLs without a path, host names, addresses or networks.

    For `documents` plain http will do; their addresses hold no user, and no port of another service.
    """

    allowed: tuple[str, ...] = ()
    documents: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Reach | None:
        """Return the limits of a run; None when it may call whatever it wants."""
        text = environment.get(VARIABLE)
        return None if text is None else cls.read(text.split(","))

    @classmethod
    def read(cls, words: Iterable[str], documents: bool = False) -> Reach:
        """Return the limits that settings make."""
        return cls(tuple(word.strip().rstrip("/").lower() for word in words if word.strip()), documents)

    def problem(self, url: str) -> str:
        """Return why a URL may not be called, "" when it may."""
        scheme, host, port = _origin(url)
        if not host or not port or _ODD.search(url):
            return "is no address of a service"
        if self.documents and scheme not in _PORTS:
            return "is not called: only http and https addresses are"
        if self.documents and "@" in urlsplit(url).netloc:
            return "is not called: an address must not hold a user or a password"
        if self._names(scheme, host, port):
            return ""
        try:
            self.addresses(scheme, host, port)
        except NotReachable as error:
            return str(error)
        return ""

    def addresses(self, scheme: str, host: str, port: int) -> list[str]:
        """Return the addresses of a host, all of which may be connected to. Raises `NotReachable`.

        Connect to one of these, not to the name: its next answer may be another. `scheme` is "" when it is not known.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, OverflowError):
            raise NotReachable("cannot be found") from None
        addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        if self._names(scheme, host.lower(), port) or all(map(self._has, addresses)):
            return addresses
        if not self.documents and scheme == "https" and all(map(is_public, addresses)):
            return addresses
        if self.documents and all(map(is_public, addresses)):
            if port < _FIRST_FREE_PORT and port not in _PORTS.values():
                raise NotReachable(f"is not called: port {port} is none of the web")
            return addresses
        raise NotReachable(_PRIVATE_DOCUMENT if self.documents else _PRIVATE)

    def connect(self, scheme: str, host: str, port: int, seconds: float) -> socket.socket:
        """Return a connection to a host. Raises `NotReachable` or OSError."""
        failed = OSError("it has no address")
        for address in self.addresses(scheme, host, port):
            try:
                return socket.create_connection((address, port), seconds)
            except OSError as error:
                failed = error
        raise failed

    def _names(self, scheme: str, host: str, port: int) -> bool:
        for word in self.allowed:
            known = _origin(word) if "://" in word else ("", "", 0)
            if word == host or (known[1:] == (host, port) and scheme in (known[0], "")):
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


def _origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL; what cannot be read is left out."""
    try:
        parts = urlsplit(url)
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
        return parts.scheme, (parts.hostname or "").lower(), port
    except ValueError:
        return "", "", 0


def is_public(address: str) -> bool:
    """Tell whether everybody could connect to an address."""
    found = _plain(address)
    carried = None if isinstance(found, ipaddress.IPv4Address) else _carried(found)
    if carried is not None:
        return is_public(str(carried))
    closed = found.is_multicast or found.is_reserved or getattr(found, "is_site_local", False)
    return found.is_global and not closed and str(found) not in _NEVER


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the address of IPv4 that a gateway would call for one of IPv6."""
    if any(address in network for network in _CARRIERS):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or (address.teredo or (None, None))[1]


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    found = ipaddress.ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
