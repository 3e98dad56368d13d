# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site of OpenStack as the driver sees it: one way to ask any service, whatever the kind of authorization."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

with contextlib.suppress(ImportError):  # the module says that it is missing, better than we could
    from keystoneauth1 import exceptions
    from keystoneauth1.adapter import Adapter

from .._hosts.model import HostsError
from .errors import LostError, RefusedError, lost, said, short
from .kinds import COMPUTE, IMAGE, NETWORK, STORAGE

_VERSIONS = {COMPUTE: ("2.1", "2.latest"), IMAGE: ("2", "2.latest"), STORAGE: ("3", "3.latest")}
# Connecting, and waiting for an answer: making a server takes a busy site long.
_TIMEOUT = (15, 120)


@dataclass(frozen=True)
class Answer:
    """What a service answered; `wait` is how many seconds it asks us to wait before we ask again."""

    status: int
    body: Any
    wait: float = 0


class Site(Protocol):
    """A project on a site. Only this knows how to get there."""

    @property
    def name(self) -> str:
        """Return what a person calls the site."""

    @property
    def host(self) -> str:
        """Return the host of the identity service, by which image URLs name the site."""

    @property
    def project(self) -> str:
        """Return the id of the project, "" when it is not known."""

    def has(self, service: str) -> bool:
        """Tell whether the site has a service."""

    def highest(self, service: str) -> tuple[int, int]:
        """Return the highest microversion of a service, (0, 0) for none."""

    def ask(self, service: str, method: str, path: str, body: Any = None, version: str = "") -> Answer:
        """Make one call, once. Raises HostsError when no answer comes or nobody is let in."""


class KeystoneSite:
    """A site that is reached by openstacksdk; `region` is its CloudRegion.

    `token` returns a newer access token, "" for none: where people log in with one, a long run outlives it.
    """

    def __init__(self, region: Any, host: str, token: Callable[[], str]) -> None:
        self._region, self._token = region, token
        self._clients: dict[str, Any] = {}
        self._lock = threading.RLock()
        self.host = host

    @property
    def name(self) -> str:
        """Return what a person calls the site."""
        region = str(self._region.region_name or "")
        return f"{self.host} ({region})" if region else self.host

    @property
    def project(self) -> str:
        """Return the id of the project."""
        session = self._region.get_session()
        return str(self._safely("log in", lambda: session.auth.get_project_id(session)) or "")

    def has(self, service: str) -> bool:
        """Tell whether the site has a service."""
        return self._client(service) is not None

    def highest(self, service: str) -> tuple[int, int]:
        """Return the highest microversion of a service, (0, 0) for none."""
        client = self._client(service)
        data = self._safely(f"{service} GET /", client.get_endpoint_data) if client else None
        found = getattr(data, "max_microversion", None)
        return (int(found[0]), int(found[1])) if found else (0, 0)

    def ask(self, service: str, method: str, path: str, body: Any = None, version: str = "") -> Answer:
        """Make one call, once."""
        client = self._client(service)
        if client is None:
            raise HostsError(f"The site {self.name} has no service {service}.", "ask for less, or take another site.")
        more: dict[str, Any] = {} if body is None else {"json": body}
        if version:
            more["microversion"] = version
        response = self._safely(
            f"{service} {method} {path.partition('?')[0]}",
            lambda: client.request(path, method, raise_exc=False, timeout=_TIMEOUT, **more),
        )
        try:
            content = response.json() if response.content else {}
        except ValueError:
            content = response.text
        wait = str(response.headers.get("Retry-After") or "")
        return Answer(response.status_code, content, float(wait) if wait.isdigit() else 0)

    def _client(self, service: str) -> Any:
        """Return the adapter of a service, None when the site has none; its versions are asked for once."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._safely(f"{service} GET /", lambda: self._connect(service))
            return self._clients[service]

    def _connect(self, service: str) -> Any:
        """An adapter without retries of its own: only we know which call may be repeated."""
        session, region = self._region.get_session(), self._region
        where = {"service_type": region.get_service_type(service), "interface": region.get_interface(service)}
        where["service_name"] = region.get_service_name(service)
        where["region_name"] = region.get_region_name(service)
        override = region.get_endpoint(service)
        try:
            if service == NETWORK and not override:
                override = _with_version(session.get_endpoint(**where), "v2.0")
            low, high = _VERSIONS.get(service, (None, None))
            client = Adapter(session, **where, endpoint_override=override, min_version=low, max_version=high)
            return client if client.get_endpoint() else None
        except exceptions.EndpointNotFound:
            return None

    def _safely(self, call: str, action: Callable[[], Any]) -> Any:
        """Do something with the session; its errors become ours. An access token that ended is renewed once."""
        used = self._access_token
        try:
            return action()
        except exceptions.Unauthorized as error:
            if not self._renew(used):
                raise _unauthorized(error) from error
        except Exception as error:
            raise explain(call, error) from error
        try:
            return action()
        except exceptions.Unauthorized as error:
            raise _unauthorized(error) from error
        except Exception as error:
            raise explain(call, error) from error

    @property
    def _access_token(self) -> str:
        """The access token that the session logs in with, "" for other kinds of authorization."""
        return str(getattr(self._region.get_session().auth, "access_token", None) or "")

    def _renew(self, used: str) -> bool:
        """Take a newer access token than the one that was used, unless another call that ran meanwhile did so."""
        with self._lock:
            auth = self._region.get_session().auth
            if self._access_token != used:
                return True
            newer = self._token() if hasattr(auth, "access_token") else ""
            if not newer or newer == used:
                return False
            auth.access_token = newer
            auth.invalidate()
            return True


def explain(call: str, error: Exception) -> Exception:
    """Return an error of the session as one that a person can read; defects of ours are returned as they are."""
    if isinstance(error, HostsError) or not isinstance(error, exceptions.ClientException):
        return error
    if isinstance(error, (exceptions.MissingRequiredOptions, exceptions.MissingAuthPlugin, exceptions.OptionError)):
        return HostsError(f"The credentials for OpenStack are not complete: {short(str(error))}.", "see clouds.yaml.")
    if isinstance(error, exceptions.HttpError):
        status = int(error.http_status or 0)
        text = _text(error)
        return RefusedError(
            status,
            text,
            f"OpenStack refused to {call} ({status}): {text}.",
            "check the names of the project, the identity provider and the protocol." if status in (403, 404) else "",
        )
    if isinstance(error, (exceptions.DiscoveryFailure, exceptions.ConnectionError)):
        return lost(call, error)
    return HostsError(f"OpenStack cannot be used: {short(str(error))}.", "check the credentials and the site.")


def _with_version(url: str | None, version: str) -> str | None:
    """The address of neutron with its version: old ones show the versions to nobody."""
    text = (url or "").rstrip("/")
    return text if not text or text.endswith(("/v2.0", "/v2")) else f"{text}/{version}"


def _unauthorized(error: Any) -> RefusedError:
    return RefusedError(
        401,
        _text(error),
        f"OpenStack does not accept the credentials (401): {_text(error)}.",
        "check user, password or application credential and the project. An access token must be fresh, "
        "and of somebody who is in the group (VO) of the project.",
    )


def _text(error: Any) -> str:
    try:
        found = said(error.response.json())
    except (AttributeError, ValueError):
        found = ""
    return found or short(str(error.message if getattr(error, "message", "") else error))


__all__ = ["Answer", "KeystoneSite", "LostError", "Site", "explain"]
