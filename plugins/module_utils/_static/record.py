# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written on a host that is taken, and on the controller about all hosts of an infrastructure."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .._hosts.model import Host, HostsError
from .entries import Entry

VERSION = 1


@dataclass(frozen=True)
class Mark:
    """The mark on a host: which number of which infrastructure it is.

    `token`: random, so that a host that is given back and taken again counts as a new one. `last`: the highest number
    that the infrastructure ever used, as far as it was known then. `key`: the public key that was let in for `user`.
    """

    infrastructure: str
    id: int
    node: str
    name: str
    hostname: str
    fqdn: str
    token: str
    user: str
    key: str
    public_ip: str = ""
    private_ip: str = ""
    last: int = -1

    def text(self) -> str:
        """Return the mark as text. The script on the host reads it line by line."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def read_mark(text: str) -> Mark | None:
    """Return the mark of a host; None when there is none. One that is not understood belongs to somebody unknown."""
    if not text.strip():
        return None
    try:
        return _mark(json.loads(text))
    except (ValueError, TypeError, KeyError):
        return Mark("?", -1, "", "", "", "", "", "", "")


def _mark(found: Mapping[str, Any]) -> Mark:
    texts = ("infrastructure", "node", "name", "hostname", "fqdn", "token", "user", "key", "public_ip", "private_ip")
    values: dict[str, Any] = {key: str(found[key]) for key in texts}
    return Mark(**values, id=int(found["id"]), last=int(found["last"]))


@dataclass(frozen=True)
class Kept:
    """A host as the controller remembers it: how to log in, and its mark. Without a mark it was about to be taken.

    `leaving`: it was about to be given back.
    """

    entry: Entry
    mark: Mark | None = None
    cpus: int = 1
    memory: int = 0
    ssh_address: str = ""
    leaving: bool = False

    def as_host(self, state: str) -> Host:
        """Return the host in the words of the contract of a cloud. It must have a mark."""
        mark = self.mark
        if mark is None:
            raise HostsError(f"Host {self.entry.place} is not taken.")
        facts = {
            "hostname": mark.hostname,
            "fqdn": mark.fqdn,
            "user": mark.user,
            "public_ip": mark.public_ip or None,
            "private_ip": mark.private_ip or None,
            "cpus": self.cpus,
            "memory": self.memory,
            "ssh_address": self.ssh_address or None,
            "ssh_port": self.entry.port,
        }
        cloud_id = f"{self.entry.alias}-{mark.token}" if mark.token else ""
        return Host(mark.id, mark.node, mark.name, cloud_id, state, facts)


@dataclass(frozen=True)
class Record:
    """What the controller remembers of an infrastructure: its hosts by place, and the highest number ever used."""

    infrastructure: str
    last: int = -1
    hosts: Mapping[str, Kept] = field(default_factory=dict)

    def with_hosts(self, *kept: Kept) -> Record:
        """Return the record with hosts added or replaced."""
        return replace(self, hosts={**self.hosts, **{item.entry.place: item for item in kept}})

    def without(self, *places: str) -> Record:
        """Return the record without some hosts."""
        return replace(self, hosts={place: item for place, item in self.hosts.items() if place not in places})


class Memory:
    """Keeps the record of an infrastructure in a folder of the controller's home."""

    def __init__(self, folder: str, infrastructure: str) -> None:
        self.folder, self.infrastructure = Path(folder), infrastructure
        self.path = self.folder / "static.json"

    def read(self) -> Record:
        """Return the record, an empty one when there is none. Raises HostsError when it is damaged."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found["infrastructure"] != self.infrastructure:
                raise ValueError("it is of another infrastructure")
            hosts = [_kept(item) for item in found["hosts"]]
            return Record(self.infrastructure, int(found["last"]), {item.entry.place: item for item in hosts})
        except FileNotFoundError:
            return Record(self.infrastructure)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise HostsError(
                f"The record of the hosts cannot be used: {self.path} ({error}).",
                "remove it and name the hosts again; the marks on the hosts say the rest.",
            ) from None

    def write(self, record: Record) -> None:
        """Write the record so that a crash leaves the old one or the new one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = {
            "version": VERSION,
            "infrastructure": record.infrastructure,
            "last": record.last,
            "hosts": [asdict(item) for item in record.hosts.values()],
        }
        new = self.path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)

    def forget(self) -> None:
        """Remove the record."""
        self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Keep other runs for the same infrastructure on this controller away; raises HostsError when one is there.

        It waits for that one: the module of a run that was killed may still be at work.
        """
        if not self.folder.is_dir():
            yield
            return
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            if not _locked(descriptor, time.monotonic() + seconds):
                raise HostsError(
                    f"Another run works on the hosts of {self.infrastructure}.", "wait until it has ended."
                )
            yield
        finally:
            os.close(descriptor)


def _locked(descriptor: int, end: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        else:
            return True


def _kept(item: Mapping[str, Any]) -> Kept:
    entry = Entry(**{**item["entry"], "groups": tuple(item["entry"].get("groups", ()))})
    mark = _mark(item["mark"]) if item["mark"] else None
    return Kept(
        entry, mark, int(item["cpus"]), int(item["memory"]), str(item["ssh_address"]), bool(item.get("leaving"))
    )
