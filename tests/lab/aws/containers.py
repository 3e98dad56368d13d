# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers that are hosts."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from . import userdata
from .place import Place
from .shell import attempt, run
from .wanted import Host

_REPOSITORY = Path(__file__).resolve().parents[3]
_FILES = _REPOSITORY / "roles" / "cloud_local" / "files" / "image"
_GUEST = Path(__file__).parent / "guest"
_CAPABILITIES = "MKNOD,NET_ADMIN,NET_RAW,SYS_ADMIN,SYS_BOOT"
_LOGIN_USER = "admin"
_STOP_SECONDS = "10"
_MANY = 500
# A host that is rebooted from inside ends with the signal that the kernel sends to its first process.
REBOOTED = 129


@dataclass(frozen=True)
class Seen:
    """A container: whether it runs, and its exit code."""

    running: bool
    exit_code: int


class Containers:
    """Makes, starts, stops and removes the containers of a lab."""

    def __init__(self, place: Place, state: Path) -> None:
        self.place, self._seeds = place, state / "seeds"
        self._image = ""
        self._podman: list[str] = []
        self._limits: list[str] = []
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Find the engine and make the image, with what the local cloud knows about this machine."""
        sys.path.insert(0, str(_REPOSITORY / "collections"))
        from ansible_collections.continuum.im.plugins.module_utils._local import ability, engine, image, machine

        podman = engine.find_engine("podman")
        release = image.read_release()
        version = release.get("VERSION_ID", "12") if release.get("ID") == "debian" else "12"
        wish = image.Wish(f"docker.io/library/debian:{version}", "debian", version)
        self._image = image.Images(podman, _FILES, _LOGIN_USER).get(wish).tag
        able = ability.find_ability(podman, self._image).engine(podman)
        self._podman = [able.program, *able.options]
        self._limits = machine.limit_options()
        machine.make_room_for(_MANY)

    def ensure_image(self) -> None:
        """Make the image when it is needed first, so that a lab starts at once."""
        with self._lock:
            if not self._image:
                self.prepare()

    def name(self, host_id: str) -> str:
        """Return the name of a container."""
        return f"{self.place.name}-{host_id}"

    def image_tag(self, image: str) -> str:
        """Return the tag of an image that was made of an instance."""
        return f"{self.place.image_repository}:{image}"

    def list(self) -> dict[str, Seen]:
        """Return the containers of the lab by the id of their instance."""
        text = run("podman", "ps", "-a", "--filter", f"label={self.place.label}", "--format", "json")
        result = {}
        for item in json.loads(text or "[]") or []:
            name = item["Names"][0].removeprefix(f"{self.place.name}-")
            result[name] = Seen(item.get("State") == "running", int(item.get("ExitCode") or 0))
        return result

    def create(self, host: Host, namespace: str, devices: str) -> None:
        """Make the container of a host and start it."""
        self.ensure_image()
        seed = self._seed(host, devices)
        words = ["run", "-d", "--systemd=always", "--no-hosts", "--pull=never", *self._limits]
        words += ["--name", self.name(host.id), "--hostname", host.name, "--label", self.place.label]
        words += ["--network", f"ns:{namespace}", "--cap-add", _CAPABILITIES, "--device-cgroup-rule", "b 7:* rmw"]
        words += ["--device", "/dev/fuse"]
        words += ["--volume", f"{seed}:/var/lib/lab:ro"]
        image = self.image_tag(host.image) if host.image else self._image
        run(*self._podman, *words, image, "/bin/sh", "/var/lib/lab/boot.sh")

    def start(self, host: Host, devices: str) -> None:
        """Start a container that is stopped."""
        self.write_devices(host.id, devices)
        run(*self._podman, "start", self.name(host.id))

    def stop(self, host_id: str) -> None:
        """Shut a host down."""
        run(*self._podman, "stop", "-t", _STOP_SECONDS, self.name(host_id))

    def remove(self, host_id: str) -> None:
        """Remove the container of a host and its files."""
        attempt("podman", "rm", "-f", "-t", "0", self.name(host_id))
        shutil.rmtree(self._seeds / host_id, ignore_errors=True)

    def update_devices(self, host_id: str, devices: str) -> None:
        """Make the device nodes of a running host those of `devices`."""
        self.write_devices(host_id, devices)
        process = run("podman", "inspect", "-f", "{{.State.Pid}}", self.name(host_id)).strip()
        run("nsenter", "-t", process, "-m", "/bin/sh", "/var/lib/lab/devices.sh")

    def write_devices(self, host_id: str, devices: str) -> None:
        """Write the list of devices that a host reads when it boots."""
        (self._seeds / host_id / "devices").write_text(devices, encoding="utf-8")

    def commit(self, host_id: str, image: str) -> None:
        """Make an image of a host."""
        run(*self._podman, "commit", "-q", "--pause=false", self.name(host_id), self.image_tag(image))

    def images(self) -> set[str]:
        """Return the images that were made of instances, by the id of the API."""
        listed = attempt("podman", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
        start = f"{self.place.image_repository}:"
        return {item.removeprefix(start) for item in listed if item.startswith(start)}

    def remove_image(self, image: str) -> None:
        """Remove an image that was made of an instance."""
        attempt("podman", "rmi", "-f", self.image_tag(image))

    def clear(self) -> None:
        """Remove the files of all hosts."""
        shutil.rmtree(self._seeds, ignore_errors=True)

    def _seed(self, host: Host, devices: str) -> Path:
        folder = self._seeds / host.id
        folder.mkdir(parents=True, exist_ok=True)
        for path in _GUEST.iterdir():
            shutil.copyfile(path, folder / path.name)
        texts = {
            "instance": host.id,
            "user": host.user,
            "authorized_keys": f"{host.key}\n" if host.key else "",
            "user-data": userdata.script(host.user_data, host.user),
            "devices": devices,
        }
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        return folder
