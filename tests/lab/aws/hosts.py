# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes hosts what the API says they are: looks again and again, and does what is missing."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import account, wanted
from .clock import LOCK, Clock
from .containers import REBOOTED, Containers
from .network import Networks
from .place import Place
from .settings import Settings
from .shell import ShellError
from .volumes import Volumes
from .wanted import DOWN, GONE, UP, Host, Wanted

_LOG = logging.getLogger("lab.aws")
_WORKERS = 4
_TICK = 0.25
_LOOK_SECONDS = 2.0
_ATTEMPTS = 3


@dataclass
class Known:
    """What is known of a host: its state, what was done for it, and how often that failed."""

    state: str = GONE
    reboots: int = 0
    devices: str = ""
    failures: int = 0


class Hosts:
    """All hosts of a lab."""

    def __init__(self, place: Place, state: Path, settings: Settings) -> None:
        self.settings = settings
        self.clock: Clock | None = None
        self._networks, self._volumes = Networks(place), Volumes(state / "volumes")
        self._containers = Containers(place, state)
        self._known: dict[str, Known] = {}
        self._busy: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(_WORKERS)
        self._event, self._ended = threading.Event(), threading.Event()
        self._turn = threading.Lock()
        self._looked = 0.0
        self._images: set[str] = set()

    def start(self, clock: Clock) -> None:
        """Prepare the machine and begin to look."""
        self.clock = clock
        self._networks.prepare()
        threading.Thread(target=self._loop, daemon=True, name="hosts").start()

    def prepare(self) -> None:
        """Make the image of the hosts when it is not there; this takes a minute or two. Raises what went wrong."""
        self._containers.ensure_image()

    def stop(self) -> None:
        """Stop looking, and wait for what is under way."""
        self._ended.set()
        self._event.set()
        with self._turn:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._networks.place.clean()
        self._volumes.clear()
        self._containers.clear()

    def wake(self) -> None:
        """Look again at what there should be."""
        self._event.set()

    def reset(self) -> None:
        """Remove all hosts and wait for it."""
        with self._turn:
            for future in list(self._busy.values()):
                future.exception()
            self._networks.place.clean()
            self._networks.forget()
            self._known, self._busy, self._images = {}, {}, set()
            self._volumes.clear()
            self._containers.clear()
            self._networks.prepare()

    def is_up(self, instance_id: str) -> bool:
        known = self._known.get(instance_id)
        return known is not None and known.state == UP

    def is_down(self, instance_id: str) -> bool:
        known = self._known.get(instance_id)
        return known is None or known.state != UP

    def is_gone(self, instance_id: str) -> bool:
        return instance_id not in self._known and instance_id not in self._busy

    def is_attached(self, volume_id: str) -> bool:
        with LOCK:
            volumes = {
                key: item for region in account.known_regions() for key, item in account.ec2(region).volumes.items()
            }
            attachment = volumes[volume_id].attachment if volume_id in volumes else None
            if attachment is None or attachment.device == attachment.instance.root_device_name:
                return True
            known = self._known.get(attachment.instance.id)
        return known is None or known.state != UP or f"_{volume_id.replace('-', '')}\n" in known.devices

    def is_copied(self, snapshot_id: str, volume_id: str) -> bool:
        return self._volumes.is_copied(snapshot_id, volume_id)

    def has_image(self, image_id: str) -> bool:
        return image_id in self._images

    def _loop(self) -> None:
        while not self._ended.is_set():
            self._event.wait(_TICK)
            self._event.clear()
            try:
                with self._turn:
                    if not self._ended.is_set():
                        self._look()
            except Exception:
                _LOG.exception("looking went wrong; trying again")
                self._ended.wait(1)

    def _look(self) -> None:
        if self.clock is not None:
            self.clock.settle()
        now = wanted.read(self.settings)
        self._networks.apply(now)
        for host_id in list(self._busy):
            if self._busy[host_id].done():
                del self._busy[host_id]
        for host in now.hosts.values():
            if host.id not in self._busy and self._differs(host):
                self._busy[host.id] = self._pool.submit(self._safely, host.id)
        for host_id in [item for item in self._known if item not in now.hosts and item not in self._busy]:
            self._busy[host_id] = self._pool.submit(self._safely, host_id)
        self._look_at_storage(now)
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look_at_containers(now)

    def _differs(self, host: Host) -> bool:
        known = self._known.get(host.id, Known())
        if host.want != UP:
            return known.state == UP
        if known.state != UP or known.reboots != host.reboots:
            return True
        try:
            return known.devices != self._devices(host)
        except ShellError as error:
            _LOG.error("host %s: %s", host.id, error)
            return False

    def _safely(self, host_id: str) -> None:
        known = self._known.setdefault(host_id, Known())
        try:
            host = wanted.read(self.settings).hosts.get(host_id)
            self._reconcile(host_id, host, known)
            known.failures = 0
        except Exception as error:
            known.failures += 1
            if not isinstance(error, ShellError):
                _LOG.exception("host %s", host_id)
            _LOG.error("host %s: %s", host_id, error)
            if known.failures >= _ATTEMPTS:
                self._give_up(host_id)
        finally:
            self._event.set()

    def _reconcile(self, host_id: str, host: Host | None, known: Known) -> None:
        if host is None:
            self._containers.remove(host_id)
            self._networks.unplug(host_id)
            self._known.pop(host_id, None)
            return
        if host.want == DOWN:
            if known.state == UP:
                self._containers.stop(host_id)
                known.state = DOWN
            return
        if known.state == UP and known.reboots != host.reboots:
            self._containers.stop(host_id)
            known.state = DOWN
        self._bring_up(host, known)

    def _bring_up(self, host: Host, known: Known) -> None:
        devices = self._devices(host)
        if known.state == GONE:
            self._containers.remove(host.id)
            self._containers.create(host, self._networks.plug(host), devices)
        elif known.state == DOWN:
            self._networks.plug(host)
            self._containers.start(host, devices)
        elif known.devices != devices:
            self._containers.update_devices(host.id, devices)
        known.state, known.reboots, known.devices = UP, host.reboots, devices

    def _devices(self, host: Host) -> str:
        with LOCK:
            backends = [account.ec2(region) for region in account.known_regions()]
            found = {key: item for backend in backends for key, item in backend.volumes.items()}
        lines = []
        for disk in host.disks:
            volume = found.get(disk.volume)
            if volume is not None:
                number = self._volumes.attach(disk.volume, int(volume.size), volume.snapshot_id or "")
                device = disk.device if disk.device.startswith("/dev/") else f"/dev/{disk.device}"
                link = f"nvme-Amazon_Elastic_Block_Store_{disk.volume.replace('-', '')}"
                lines.append(f"{device} {number} {link}\n")
        return "".join(sorted(lines))

    def _look_at_storage(self, now: Wanted) -> None:
        attached = {disk.volume for host in now.hosts.values() for disk in host.disks}
        self._volumes.keep(now.volumes, now.snapshots, attached)
        for image, source in now.images.items():
            if image not in self._images and f"image {image}" not in self._busy and source in self._known:
                self._busy[f"image {image}"] = self._pool.submit(self._commit, source, image)
        for image in self._images - set(now.images):
            self._containers.remove_image(image)
            self._images.discard(image)

    def _commit(self, host_id: str, image: str) -> None:
        try:
            self._containers.commit(host_id, image)
            self._images.add(image)
        except ShellError:
            _LOG.exception("image %s", image)

    def _look_at_containers(self, now: Wanted) -> None:
        """See hosts that ended by themselves: those that rebooted start again, those that shut down are stopped."""
        if not any(known.state == UP for known in self._known.values()):
            return
        for host_id, seen in self._containers.list().items():
            known = self._known.get(host_id)
            if seen.running or known is None or known.state != UP or host_id in self._busy:
                continue
            known.state = DOWN
            if seen.exit_code != REBOOTED:
                _LOG.info("host %s shut itself down", host_id)
                self._shut_down(host_id)
        self._event.set()

    @staticmethod
    def _shut_down(host_id: str) -> None:
        with LOCK:
            instance = account.find_instance(host_id)
            if instance is not None and instance.state == "running":
                ends = instance.instance_initiated_shutdown_behavior == "terminate"
                instance.terminate() if ends else instance.stop()

    def _give_up(self, host_id: str) -> None:
        _LOG.error("host %s is given up", host_id)
        with LOCK:
            instance = account.find_instance(host_id)
            if instance is not None and instance.state not in account.ENDING:
                instance.terminate()
