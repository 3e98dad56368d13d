# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts: makes, starts, stops and removes them when nova says so, and keeps their networks as neutron says."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..aws.containers import REBOOTED, Containers
from ..aws.place import Place
from ..aws.shell import ShellError, attempt
from ..aws.volumes import Volumes
from ..aws.wanted import DOWN, GONE, UP, Host, Wanted
from . import wanted
from .database import Database
from .networks import Networks
from .settings import Settings
from .watch import Watch

_LOG = logging.getLogger("lab.openstack")
_WORKERS = 4
_LINK_LENGTH = 20
_USERS = {"ubuntu": "ubuntu"}
_USER = "debian"


@dataclass
class Known:
    """A host: what nova said of it, its interfaces and disks in order, and its state."""

    description: dict[str, Any]
    ports: list[str]
    disks: dict[str, str] = field(default_factory=dict)
    state: str = GONE
    lock: threading.RLock = field(default_factory=threading.RLock)


class Hosts:
    """All hosts of a lab."""

    def __init__(self, place: Place, state: Path, settings: Settings, direct: ipaddress.IPv4Network) -> None:
        self.place, self.settings, self._direct = place, settings, direct
        self._networks, self._volumes = Networks(place), Volumes(state / "volumes")
        self._containers = Containers(place, state)
        self._database: Database | None = None
        self._known: dict[str, Known] = {}
        self._images: set[str] = set()
        self._turn, self._slots = threading.Lock(), threading.Semaphore(_WORKERS)
        self._watch = Watch(self.refresh, self._look)

    def begin(self, database: Database, wake_socket: Path) -> None:
        """Prepare the machine and begin to look; makes the image of the hosts when it is not there."""
        self._database = database
        self._networks.prepare()
        self._containers.ensure_image()
        self._watch.begin(wake_socket)

    def end(self) -> None:
        """Stop looking, and remove everything."""
        self._watch.end()
        with self._turn:
            self.place.clean()
        self._volumes.clear()
        self._containers.clear()
        self._watch.close()

    def clear(self) -> None:
        """Remove all hosts and what volumes have."""
        for host_id in list(self._known):
            self.remove(host_id)
        for image in list(self._images):
            self._forget_image(image)
        self._volumes.clear()
        self.refresh()

    def create(self, description: dict[str, Any]) -> None:
        """Make a host; raises what went wrong."""
        known = Known(description, list(description["ports"]))
        known.disks = {item["volume"]: item["device"] for item in description["disks"]}
        self._known[description["id"]] = known
        if not self.settings.boot:
            return
        if self.settings.boot_seconds > 0:
            threading.Thread(target=self._boot_later, args=(description["id"], known), daemon=True).start()
            return
        self._boot(description["id"], known)

    def remove(self, host_id: str) -> None:
        """Remove a host, if it is there."""
        known = self._known.pop(host_id, None)
        if known is None:
            return
        with known.lock:
            known.state = GONE
            self._containers.remove(host_id)
            self._networks.unplug(host_id)
            for volume in known.disks:
                self._volumes.detach(volume)
        self.refresh()

    def stop(self, host_id: str) -> None:
        """Shut a host down, if it runs."""
        with self._locked(host_id) as known:
            if known is not None and known.state == UP:
                known.state = DOWN
                self._containers.stop(host_id)

    def start(self, host_id: str) -> None:
        """Start a host that was shut down."""
        with self._locked(host_id) as known:
            if known is None or known.state == UP:
                return
            if known.state == GONE:
                self._boot(host_id, known)
                return
            self._containers.start(self._host(host_id, known), self._devices(known))
            known.state = UP

    def state(self, host_id: str) -> str:
        """Return up, down or "" for not known."""
        known = self._known.get(host_id)
        return known.state if known is not None and known.state in (UP, DOWN) else ""

    def console(self, host_id: str) -> str:
        """Return what a host wrote when it booted."""
        return attempt("podman", "logs", self._containers.name(host_id))

    def commit(self, host_id: str, image: str) -> None:
        """Make an image of a host."""
        with self._locked(host_id) as known:
            if known is None or known.state == GONE:
                raise ShellError("there is no host to make an image of")
            self._containers.commit(host_id, image)
            self._images.add(image)

    def attach(self, host_id: str, volume: str, device: str) -> None:
        """Give a host the device of a volume."""
        with self._locked(host_id) as known:
            if known is not None:
                known.disks[volume] = device
                self._show_devices(host_id, known)

    def detach(self, host_id: str, volume: str) -> None:
        """Take the device of a volume away."""
        with self._locked(host_id) as known:
            if known is not None and known.disks.pop(volume, ""):
                self._show_devices(host_id, known)
                self._volumes.detach(volume)

    def plug(self, host_id: str, port: str) -> None:
        """Give a host one more interface."""
        with self._locked(host_id) as known:
            if known is not None and port not in known.ports:
                known.ports.append(port)
                self.refresh()
                if known.state != GONE:
                    self._networks.plug(self._host(host_id, known))

    def unplug(self, host_id: str, port: str) -> None:
        """Take an interface away."""
        with self._locked(host_id) as known:
            if known is not None and port in known.ports:
                # The others keep their names.
                known.ports[known.ports.index(port)] = ""
                self._networks.drop(port)
        self.refresh()

    def copy_volume(self, source: str, target: str, size: int) -> None:
        """Copy what a volume or a snapshot has."""
        self._volumes.copy(source, target, size)

    def remove_volume(self, name: str) -> None:
        """Remove the bytes of a volume or a snapshot."""
        self._volumes.remove(name)

    def extend_volume(self, name: str, size: int) -> None:
        """Make a volume larger."""
        for host_id, known in list(self._known.items()):
            if name in known.disks:
                with known.lock:
                    self._volumes.attach(name, size, "")
                    self._show_devices(host_id, known, {name: size})

    def wake(self) -> None:
        """Look again at networks, groups and addresses."""
        self._watch.wake()

    def refresh(self) -> None:
        """Make networks, rules and routes as neutron says."""
        with self._turn:
            if self._watch.ended.is_set():
                return
            now = self._read()
            hosts = {key: self._host(key, item, now) for key, item in list(self._known.items())}
            self._networks.apply(Wanted(hosts=hosts, groups=now.groups))

    @contextlib.contextmanager
    def _locked(self, host_id: str) -> Iterator[Known | None]:
        known = self._known.get(host_id)
        if known is None:
            yield None
            return
        with known.lock:
            yield known

    def _boot_later(self, host_id: str, known: Known) -> None:
        if not self._watch.ended.wait(self.settings.boot_seconds) and self._known.get(host_id) is known:
            try:
                self._boot(host_id, known)
            except ShellError as error:
                _LOG.error("host %s: %s", host_id, error)

    def _boot(self, host_id: str, known: Known) -> None:
        with self._slots, known.lock:
            self.refresh()
            host = self._host(host_id, known)
            self._containers.remove(host_id)
            self._containers.create(host, self._networks.plug(host), self._devices(known))
            known.state = UP

    def _host(self, host_id: str, known: Known, now: wanted.Networking | None = None) -> Host:
        networking = now or self._read()
        description = known.description
        ports = [networking.ports.get(item) for item in known.ports]
        placed = [dataclasses.replace(port, index=number) for number, port in enumerate(ports) if port is not None]
        user = description["user"] or _USERS.get(description["distribution"], _USER)
        image = description["image"]
        return Host(
            id=host_id,
            vpc=placed[0].space if placed else host_id,
            want=UP,
            name=description["name"],
            user=user,
            image=image if image in self._images else "",
            key=description["key"],
            user_data=description["user_data"],
            reboots=0,
            ports=tuple(placed),
            disks=(),
        )

    def _read(self) -> wanted.Networking:
        if self._database is None:
            raise ShellError("the database does not run yet")
        return wanted.read(self._database, self._direct)

    def _devices(self, known: Known, sizes: dict[str, int] | None = None) -> str:
        if not known.disks or self._database is None:
            return ""
        names = ", ".join(f"'{volume}'" for volume in known.disks)
        rows = self._database.rows(f"select json_array(id, size) from cinder.volumes where id in ({names})")
        found = {**dict(rows), **(sizes or {})}
        lines = []
        for volume, device in known.disks.items():
            number = self._volumes.attach(volume, int(found[volume]), "")
            lines.append(f"{device} {number} virtio-{volume[:_LINK_LENGTH]}\n")
        return "".join(sorted(lines))

    def _show_devices(self, host_id: str, known: Known, sizes: dict[str, int] | None = None) -> None:
        devices = self._devices(known, sizes)
        if known.state == UP:
            self._containers.update_devices(host_id, devices)

    def _look(self) -> None:
        """See hosts that ended by themselves, and images that were deleted."""
        if any(known.state == UP for known in self._known.values()):
            for host_id, seen in self._containers.list().items():
                if not seen.running:
                    self._ended_by_itself(host_id, seen.exit_code)
        if self._images and self._database is not None:
            there = set(self._database.sql("select id from glance.images where deleted=0"))
            for image in self._images - there:
                self._forget_image(image)

    def _ended_by_itself(self, host_id: str, exit_code: int) -> None:
        known = self._known.get(host_id)
        if known is None or not known.lock.acquire(blocking=False):
            return
        try:
            if known.state == UP and not self._containers.list()[host_id].running:
                known.state = DOWN
                if exit_code == REBOOTED:
                    self.start(host_id)
                else:
                    _LOG.info("host %s shut itself down", host_id)
        finally:
            known.lock.release()

    def _forget_image(self, image: str) -> None:
        self._images.discard(image)
        self._containers.remove_image(image)
