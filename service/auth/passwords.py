# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords: hashes of a file of users, and the keys of name spaces that a user and a password open.

`python -m service.auth.passwords NAME` asks for a password and prints the line for the file of users.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import os
import secrets
import sys
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

_N, _R, _P = 2**14, 8, 1
_MEMORY = 64 * 2**20
_MARK = "scrypt"
_MOST_CACHED = 2048


def hash_password(password: str) -> str:
    """Return `scrypt$n$r$p$salt$hash`."""
    salt = os.urandom(16)
    parts = [_MARK, str(_N), str(_R), str(_P), _text(salt), _text(_scrypt(password, salt, _N, _R, _P))]
    return "$".join(parts)


def check_password(password: str, stored: str) -> bool:
    """True when the password fits a line of `hash_password`; False for anything that is no such line."""
    try:
        mark, n, r, p, salt, digest = stored.split("$")
        expected = base64.b64decode(digest, validate=True)
        if mark != _MARK or not expected or int(n) > 2**17:
            return False
        found = _scrypt(password, base64.b64decode(salt, validate=True), int(n), int(r), int(p), len(expected))
    except (ValueError, MemoryError):
        return False
    return hmac.compare_digest(found, expected)


def read_users(text: str) -> dict[str, str]:
    """Return name -> hash of a file of users: one `name:hash` a line; blank lines and `#` are left out."""
    found = {}
    for line in text.splitlines():
        name, colon, stored = line.strip().partition(":")
        if colon and name and not name.startswith("#"):
            found[name] = stored.strip()
    return found


class Spaces:
    """Stable keys of user and password: the same pair gives the same key, nobody gets the password from it.

    Making a key costs some 50 ms on purpose. Keys are remembered in memory under a digest that dies with the process.
    """

    def __init__(self, secret: bytes) -> None:
        self._salt_key = hashlib.sha256(b"continuum name spaces" + secret).digest()
        self._own = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._lock = Lock()
        self._making: dict[bytes, Lock] = {}

    def key(self, user: str, password: str | None) -> str:
        """Return the key of the name space of a pair; no password is not the same as an empty one."""
        return self.remembered("key", user, password, lambda: self._key(user, password))

    def checks(self, user: str, password: str, stored: str) -> bool:
        """True when the password fits; remembered like the keys."""
        return self.remembered(stored, user, password, lambda: str(check_password(password, stored))) == "True"

    def remembered(self, kind: str, user: str, password: str | None, make: Callable[[], str]) -> str:
        """Return what `make` returns, from memory when it is known."""
        told = "\0".join((kind, user, "" if password is None else "=" + password)).encode("utf-8", "surrogatepass")
        name = hmac.digest(self._own, told, "sha256")
        with self._lock:
            if name in self._known:
                self._known.move_to_end(name)
                return self._known[name]
            making = self._making.setdefault(name, Lock())
        # Many requests of a new user at once: one makes it, the others wait.
        with making:
            with self._lock:
                if name in self._known:
                    return self._known[name]
            try:
                found = make()
                with self._lock:
                    self._known[name] = found
                    while len(self._known) > _MOST_CACHED:
                        self._known.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(name, None)
        return found

    def _key(self, user: str, password: str | None) -> str:
        salt = hmac.digest(self._salt_key, user.encode("utf-8", "surrogatepass"), "sha256")
        mark = "\0" if password is None else "\1" + password
        return "im:" + _scrypt(mark, salt, _N, _R, _P).hex()


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int, length: int = 32) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY * 4, dklen=length
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def main() -> int:
    """Print the line of a user."""
    if len(sys.argv) != 2:
        print("usage: python -m service.auth.passwords NAME", file=sys.stderr)
        return 2
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    print(f"{sys.argv[1]}:{hash_password(password)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
