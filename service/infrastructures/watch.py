# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks out for all event streams of a process: one thread, one query, however many streams are open.

Each stream asking for itself would cost more than all other requests together. The thread is there while there are
streams.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, bindparam, select

from ..db.engine import AWAY, read_link
from ..db.models import Event, Infrastructure, Operation

_PAUSE = 0.3
_AWAY_PAUSE = 2.0
# So many infrastructures are asked for in one query.
_AT_ONCE = 500
_LOG = logging.getLogger("continuum.web")
_INFRASTRUCTURE, _EVENT, _OPERATION = Infrastructure.__table__, Event.__table__, Operation.__table__


def _last(table: Any) -> Any:
    """Return the query of the last id of an infrastructure: an index has it at hand."""
    mine = select(table.c.id).where(table.c.infrastructure_id == _INFRASTRUCTURE.c.id)
    return mine.order_by(table.c.id.desc()).limit(1).correlate(_INFRASTRUCTURE).scalar_subquery()


_SIGNS = (
    select(
        _INFRASTRUCTURE.c.id,
        _INFRASTRUCTURE.c.deleted_at,
        _last(_EVENT).label("event"),
        *(_OPERATION.c[name] for name in ("state", "reason", "progress")),
        _OPERATION.c.id.label("operation"),
    )
    .select_from(_INFRASTRUCTURE.outerjoin(_OPERATION, _OPERATION.c.id == _last(_OPERATION)))
    .where(_INFRASTRUCTURE.c.id.in_(bindparam("keys", expanding=True)))
)


@dataclass
class Followed:
    """An infrastructure that somebody follows: what was seen of it last, and how often that has changed."""

    news: threading.Condition
    followers: int = 0
    seen: Any = None
    changes: int = 0


@dataclass
class Watch:
    """Tells those who follow an infrastructure when to look."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _followed: dict[str, Followed] = field(default_factory=dict)
    _end: threading.Event | None = None

    @contextmanager
    def follow(self, engine: Engine, key: str) -> Iterator[Followed]:
        """Look out for an infrastructure as long as the block lasts."""
        with self._lock:
            found = self._followed.setdefault(key, Followed(threading.Condition(self._lock)))
            found.followers += 1
            if self._end is None:
                self._end = threading.Event()
                threading.Thread(target=self._look_out, args=(engine, self._end), name="watch", daemon=True).start()
        try:
            yield found
        finally:
            with self._lock:
                found.followers -= 1
                if not found.followers:
                    del self._followed[key]
                if not self._followed and self._end is not None:
                    self._end.set()
                    self._end = None

    @property
    def busy(self) -> bool:
        """True while there are streams."""
        return self._end is not None

    def wait(self, found: Followed, known: int, seconds: float) -> None:
        """Wait until there are more changes than those that are known, at most so long."""
        with self._lock:
            if found.changes == known:
                found.news.wait(max(0.0, seconds))

    def _look_out(self, engine: Engine, end: threading.Event) -> None:
        pause = 0.0
        while not end.wait(pause):
            with self._lock:
                keys = list(self._followed)
            try:
                signs = _signs(engine, keys)
                pause = _PAUSE
            except Exception as error:
                if not isinstance(error, AWAY):
                    _LOG.exception("streams cannot be looked out for")
                # They look themselves, and tell what is wrong.
                signs, pause = {key: object() for key in keys}, _AWAY_PAUSE
            self._tell({key: signs.get(key) for key in keys})

    def _tell(self, signs: dict[str, Any]) -> None:
        with self._lock:
            for key, sign in signs.items():
                found = self._followed.get(key)
                # What comes first is a change, too: it may have happened after the stream's own first look.
                if found is not None and (not found.changes or found.seen != sign):
                    found.seen = sign
                    found.changes += 1
                    found.news.notify_all()


@dataclass
class Wait:
    """The place of one stream: it says when it looks, and then waits for what comes after that."""

    watch: Watch
    followed: Followed
    _known: int = 0

    def looks(self) -> None:
        """What has happened before is seen now."""
        self._known = self.followed.changes

    def __call__(self, seconds: float) -> None:
        """Wait for news, at most so long."""
        self.watch.wait(self.followed, self._known, seconds)


def _signs(engine: Engine, keys: list[str]) -> dict[str, Any]:
    found = {}
    for start in range(0, len(keys), _AT_ONCE):
        with read_link(engine) as link:
            rows = link.execute(_SIGNS, {"keys": keys[start : start + _AT_ONCE]}).all()
        found.update({row.id: tuple(row) for row in rows})
    return found


_WATCHES: weakref.WeakKeyDictionary[Engine, Watch] = weakref.WeakKeyDictionary()
_WATCHES_LOCK = threading.Lock()


def watch_of(engine: Engine) -> Watch:
    """Return the one that looks out in this process."""
    with _WATCHES_LOCK:
        return _WATCHES.setdefault(engine, Watch())
