# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to OpenStack: which may be repeated, how long they are repeated, and what a lost answer leaves behind."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlencode

from .._hosts.model import HostsError
from .errors import is_throttled, is_unclear, refused, status_of
from .kinds import KEYS, Kind, Resource, is_ours, key_name, narrow
from .site import Site

Item = TypeVar("Item")
Result = TypeVar("Result")
Find = Callable[[], "Resource | None"]

ATTEMPTS = 7
WORKERS = 10
_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_LONGEST_WAIT = 60.0
# What a lost answer may have made is there after a while: this often and this long we look for it.
_LOOKS = 3
_LOOK_PAUSE = 0.7
_PAGE = 1000


class Cloud:
    """A project on a site of OpenStack."""

    def __init__(self, site: Site, pause: float = 1.0) -> None:
        self.site = site
        self.sleep_factor = pause

    @property
    def name(self) -> str:
        """Return what a person calls the site."""
        return self.site.name

    def has(self, service: str) -> bool:
        """Tell whether the site has a service."""
        return self.site.has(service)

    def call(self, service: str, method: str, path: str, body: Any = None, version: str = "") -> dict[str, Any]:
        """Make a call that may be repeated: it reads, or doing it twice is doing it once.

        Raises HostsError after the last attempt.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self.ask(service, method, path, body, version)
            except HostsError as error:
                self._give_up(error, attempt)
                self._wait(error, attempt)
        raise AssertionError

    def create(
        self, kind: Kind, body: Mapping[str, Any], find: Find, known: Iterable[str] = (), version: str = ""
    ) -> Resource:
        """Make something, once: after an unclear failure `find` looks for it first.

        `known` are words of a refusal which says that it may be there already. Raises HostsError.
        """
        return self.once(lambda: dict(self.ask(kind.service, "POST", kind.path, body, version)[kind.one]), find, known)

    def once(self, make: Callable[[], Result], find: Callable[[], Result | None], known: Iterable[str] = ()) -> Result:
        """Do what must not be done twice: after an unclear failure `find` looks for what it made. Raises HostsError."""
        words = list(known)
        for attempt in range(ATTEMPTS):
            try:
                return make()
            except HostsError as error:
                there = any(word in str(error).lower() for word in words)
                found = self._look(find) if there or is_unclear(error) else None
                if found is not None:
                    return found
                self._give_up(error, attempt)
                self._wait(error, attempt)
        raise AssertionError

    def ask(self, service: str, method: str, path: str, body: Any = None, version: str = "") -> dict[str, Any]:
        """Make a call, once; for use in `once`. Raises HostsError."""
        answer = self.site.ask(service, method, path, body, version)
        if answer.status >= 400:
            raise refused(f"{service} {method} {path.partition('?')[0]}", answer.status, answer.body, answer.wait)
        return answer.body if isinstance(answer.body, dict) else {}

    def delete(self, kind: Kind, number: str) -> None:
        """Delete something; what is not there is fine. Raises HostsError."""
        self.remove(kind.service, "DELETE", f"{kind.path}/{number}")

    def delete_free(self, kind: Kind, number: str) -> None:
        """Delete something that nothing needs; what somebody took meanwhile stays (neutron says 409, cinder 400).

        That is a host of a run that was killed, which came after our look: the next run finds both. Raises HostsError.
        """
        self.remove(kind.service, "DELETE", f"{kind.path}/{number}", gone=(400, 404, 409))

    def remove(self, service: str, method: str, path: str, body: Any = None, gone: Iterable[int] = (404,)) -> None:
        """Make a call that takes something away; the statuses `gone` say that it is not there. Raises HostsError."""
        try:
            self.call(service, method, path, body)
        except HostsError as error:
            if status_of(error) not in gone:
                raise

    def listed(self, service: str, path: str, key: str, **query: str) -> list[Resource]:
        """Return all pages of a list. Raises HostsError."""
        found: list[Resource] = []
        marker: dict[str, str] = {}
        while True:
            words = urlencode({**query, **marker})
            answer = self.call(service, "GET", f"{path}?{words}" if words else path)
            page = answer.get(key) or []
            found += page
            more = answer.get("next") or any(item.get("rel") == "next" for item in answer.get(f"{key}_links") or [])
            if not more or not page:
                return found
            marker = {"marker": str(page[-1]["id"])}

    def mine(self, kind: Kind, infrastructure: str) -> list[Resource]:
        """Return what an infrastructure has of a kind, without others' where the service can leave them out.

        Raises HostsError.
        """
        found = self.all(kind, narrow(kind, infrastructure)) or []
        return [item for item in found if is_ours(kind, item, infrastructure)]

    def all(self, kind: Kind, some: Mapping[str, str] | None = None) -> list[Resource] | None:
        """Return everything of a kind that the project sees, of its own where others' can be told apart.

        `some` is a query for a part of it; sites that do not know it are asked for all. None when the site does not
        have that kind. Raises HostsError.
        """
        if not self.has(kind.service) and kind.optional:
            return None
        query = {"project_id": self.site.project} if kind.query == "own" and self.site.project else {}
        try:
            return self.listed(kind.service, kind.list_path, kind.key, **query, **(some or {}))
        except HostsError as error:
            if some and status_of(error) == 400:
                return self.all(kind)
            if kind.optional and status_of(error) in (403, 404):
                return None
            raise

    def key(self, infrastructure: str) -> Resource | None:
        """Return the key pair of an infrastructure. Raises HostsError."""
        try:
            return dict(self.call(KEYS.service, "GET", f"{KEYS.path}/{key_name(infrastructure)}")[KEYS.one])
        except HostsError as error:
            if status_of(error) == 404:
                return None
            raise

    def each(self, action: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Do something for all items, several at a time; the results are in the order of the items.

        All are done even when one fails. Raises the first failure.
        """
        work = list(items)
        if len(work) < 2:
            return [action(item) for item in work]
        with ThreadPoolExecutor(min(WORKERS, len(work))) as pool:
            futures = [pool.submit(action, item) for item in work]
        return [future.result() for future in futures]

    def all_of(self, actions: Iterable[Callable[[], object]]) -> None:
        """Do several things at the same time. All are done even when one fails. Raises the first failure in order."""
        self.each(lambda action: action(), actions)

    def sleep(self, seconds: float) -> None:
        """Wait; tests make it short."""
        time.sleep(seconds * self.sleep_factor)

    @staticmethod
    def _give_up(error: HostsError, attempt: int) -> None:
        """Raise the error unless the call is worth another attempt."""
        if attempt == ATTEMPTS - 1 or not (is_throttled(error) or is_unclear(error)):
            raise error

    def _wait(self, error: HostsError, attempt: int) -> None:
        pause = min(_LONGEST_PAUSE, _PAUSE * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads calls
        self.sleep(max(pause, min(_LONGEST_WAIT, getattr(error, "wait", 0))))

    def _look(self, find: Callable[[], Result | None]) -> Result | None:
        for look in range(_LOOKS):
            if look:
                self.sleep(_LOOK_PAUSE * look)
            found = find()
            if found is not None:
                return found
        return None
