# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to AWS: which are made again after a failure, and how nothing is made twice. The only place that retries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from .errors import code_of, explain, is_of_aws, is_throttled, is_unclear
from .kinds import INFRASTRUCTURE, INSTANCES, Kind, Resource, state_of

Item = TypeVar("Item")
Result = TypeVar("Result")
Find = Callable[[], "Resource | None"]

ATTEMPTS = 7
_PAUSE = 0.25
_LONGEST_PAUSE = 15.0
# EC2 shows what was made after a while: this often and this long we look for what a lost answer may have made.
_LOOKS = 4
_LOOK_PAUSE = 0.7
CHUNK = 500


class Client(Protocol):
    """A client of boto3; its own retries are switched off."""

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]: ...


class Cloud:
    """AWS in one region. `connect` makes a client of a service; clients are made when they are needed."""

    def __init__(self, connect: Callable[[str], Client], region: str, pause: float = 1.0) -> None:
        self.region = region
        self._connect, self._pause_factor = connect, pause
        self._clients: dict[str, Client] = {}

    def call(self, action: str, service: str = "ec2", /, **arguments: Any) -> dict[str, Any]:
        """Make a call that may be repeated: it reads, it carries a client token, or doing it twice is doing it once.

        Raises HostsError after the last attempt.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._client(service, action)(**arguments)
            except Exception as error:
                self._give_up(error, action, attempt)
                self._wait(attempt)
        raise AssertionError

    def create(self, action: str, result: str, find: Find, **arguments: Any) -> Resource:
        """Make something by a call without a client token, once: after an unclear failure `find` looks for it first.

        Returns the resource, which is the key `result` of the answer. Raises HostsError.
        """
        for attempt in range(ATTEMPTS):
            try:
                answer = self._client("ec2", action)(**arguments)
                return dict(answer[result]) if result else answer
            except Exception as error:
                # Another run may have made it a moment ago: what has a name of its own is there once.
                there = find() if code_of(error).endswith(".Duplicate") else None
                if there is not None:
                    return there
                self._give_up(error, action, attempt)
                found = self._look(find) if is_unclear(error) else None
                if found is not None:
                    return found
                self._wait(attempt)
        raise AssertionError

    def remove(self, action: str, missing: Sequence[str], service: str = "ec2", /, **arguments: Any) -> None:
        """Make a call that deletes; what is not there is fine. Raises HostsError."""
        try:
            self.call(action, service, **arguments)
        except Exception as error:
            if code_of(error) not in missing:
                raise

    def listed(self, action: str, result: str, service: str = "ec2", /, **arguments: Any) -> list[Resource]:
        """Return all pages of a list. Raises HostsError."""
        found: list[Resource] = []
        token: dict[str, str] = {}
        while True:
            answer = self.call(action, service, **arguments, **token)
            found += answer.get(result) or []
            if not answer.get("NextToken"):
                return found
            token = {"NextToken": answer["NextToken"]}

    def describe(self, kind: Kind, filters: Mapping[str, Sequence[str]]) -> list[Resource]:
        """Return the resources of a kind that the filters let through, in whatever state."""
        words = [{"Name": name, "Values": list(values)} for name, values in filters.items()]
        found = self.listed(kind.describe, kind.result, **{kind.filters: words})
        if kind is INSTANCES:
            found = [instance for reservation in found for instance in reservation["Instances"]]
        return found

    def there(self, kind: Kind, filters: Mapping[str, Sequence[str]]) -> list[Resource]:
        """Return the resources of a kind that the filters let through and that are still there."""
        return [item for item in self.describe(kind, filters) if state_of(kind, item) not in kind.gone]

    def tagged(self, kind: Kind, infrastructure: str, **tags: str) -> list[Resource]:
        """Return the resources of a kind that bear the tag of an infrastructure, and the given ones."""
        wanted = {f"tag:{INFRASTRUCTURE}": [infrastructure], **{f"tag:{key}": [value] for key, value in tags.items()}}
        return self.there(kind, wanted)

    def each(self, action: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Do something for all items, several at a time; the results are in the order of the items."""
        work = list(items)
        if len(work) < 2:
            return [action(item) for item in work]
        with ThreadPoolExecutor(min(12, len(work))) as pool:
            return list(pool.map(action, work))

    def in_chunks(self, action: str, ids: Sequence[str], /, **arguments: Any) -> None:
        """Make a call on instances for any number of them."""
        for start in range(0, len(ids), CHUNK):
            self.call(action, InstanceIds=list(ids[start : start + CHUNK]), **arguments)

    def sleep(self, seconds: float) -> None:
        """Wait; tests make it short."""
        time.sleep(seconds * self._pause_factor)

    def client(self, service: str) -> Client:
        """Return the client of a service."""
        if service not in self._clients:
            self._clients[service] = self._connect(service)
        return self._clients[service]

    def _client(self, service: str, action: str) -> Callable[..., dict[str, Any]]:
        method: Callable[..., dict[str, Any]] = getattr(self.client(service), action)
        return method

    @staticmethod
    def _give_up(error: Exception, action: str, attempt: int) -> None:
        """Raise what a person can read, unless the call is worth another attempt."""
        if not is_of_aws(error):
            raise error
        if attempt == ATTEMPTS - 1 or not (is_throttled(error) or is_unclear(error)):
            raise explain(error, _spoken(action)) from error

    def _wait(self, attempt: int) -> None:
        pause = min(_LONGEST_PAUSE, _PAUSE * 2**attempt)
        self.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads calls, guards nothing

    def _look(self, find: Find) -> Resource | None:
        for look in range(_LOOKS):
            if look:
                self.sleep(_LOOK_PAUSE * look)
            found = find()
            if found is not None:
                return found
        return None


def _spoken(action: str) -> str:
    """The name of an API call as AWS writes it."""
    return "".join(word.capitalize() for word in action.split("_"))
