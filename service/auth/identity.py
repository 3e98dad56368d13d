# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of a header become an identity: the keys of the name spaces that the caller may enter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..config import Config
from ..errors import Forbidden, Unauthorized
from .oidc import TokenCheck
from .passwords import Spaces, read_users
from .records import SERVICE, Record

TOKEN_MARK = "__OPENID__"  # noqa: S105 (the beginning of a name)
_NOBODY = "scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@dataclass(frozen=True)
class Member:
    """One identity: the name that is shown, and a stable key that nobody can guess; of tokens also their subject."""

    user: str
    key: str
    subject: str = field(default="", compare=False)


@dataclass(frozen=True)
class Identity:
    """Who asks: one member or several; `token` is the first bearer token."""

    members: tuple[Member, ...]
    is_admin: bool = False
    token: str = ""

    @property
    def user(self) -> str:
        """The name to write into logs and operations."""
        return self.members[0].user

    @property
    def subject(self) -> str:
        """The subject of the first token."""
        return next((member.subject for member in self.members if member.subject), "")

    @property
    def keys(self) -> list[str]:
        """The keys of all members."""
        return [member.key for member in self.members]


class Identities:
    """Knows who may come in: any pair of user and password, the users of a file, and tokens."""

    def __init__(self, config: Config, secret: bytes, tokens: TokenCheck | None = None) -> None:
        self._config = config
        self._spaces = Spaces(secret)
        self._tokens = tokens or TokenCheck(config.oidc_issuers, config.oidc_audience, config.oidc_groups)
        self._users: dict[str, str] = {}
        self._read_at: tuple[int, int] | None = None

    def identify(self, records: Sequence[Record]) -> Identity:
        """Return who the records stand for. Raises `Unauthorized`."""
        own = [record for record in records if record.get("type") == SERVICE]
        if not own:
            raise Unauthorized("No credentials provided for the InfrastructureManager.")
        found = [self._member(record) for record in own[:10]]
        token = next((record["token"] for record in own if record.get("token")), "")
        members = tuple({member.key: member for member, _admin in found}.values())
        return Identity(members, any(admin for _member, admin in found), token)

    def owner(self, record: Record) -> Member:
        """Return the member that a record of another owner stands for. Raises `Unauthorized`."""
        if record.get("type", SERVICE) != SERVICE:
            raise Unauthorized("No credentials provided for the InfrastructureManager.")
        return self._member(record)[0]

    def _member(self, record: Record) -> tuple[Member, bool]:
        token, user = record.get("token"), record.get("username")
        if token:
            known = self._tokens.user(token)
            admins = (f"{known.issuer}#{known.subject}", f"{known.issuer}/#{known.subject}")
            is_admin = any(name in self._config.admin_users for name in admins)
            return Member(TOKEN_MARK + known.name, known.key, known.subject), is_admin
        if not user:
            raise Unauthorized("No username nor token for the InfrastructureManager.")
        if user.startswith(TOKEN_MARK):
            raise Unauthorized("Invalid username used for the InfrastructureManager.")
        password = record.get("password")
        if self._config.users_file:
            self._check(user, password)
            return Member(user, f"user:{user}"), user in self._config.admin_users
        # Anybody can take any name here: a name alone makes nobody an admin.
        return Member(user, self._spaces.key(user, password)), False

    def _check(self, user: str, password: str | None) -> None:
        stored = self._known_users().get(user)
        # An unknown user costs the same time as a wrong password.
        fits = self._spaces.checks(user, password or "", stored or _NOBODY)
        if stored is None or password is None or not fits:
            raise Unauthorized("Invalid InfrastructureManager credentials")

    def _known_users(self) -> dict[str, str]:
        """Return the users; the file is read again when it has changed."""
        try:
            found = os.stat(self._config.users_file)
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp != self._read_at:
                with open(self._config.users_file, encoding="utf-8") as file:
                    self._users, self._read_at = read_users(file.read()), stamp
        except OSError:
            raise Forbidden("The list of users cannot be read.") from None
        return self._users
