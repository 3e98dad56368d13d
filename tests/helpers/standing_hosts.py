"""Hosts that exist already, for tests: containers that nobody of ours manages, which start again when they restart."""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.continuum.im.plugins.module_utils._hosts.model import Group
from ansible_collections.continuum.im.plugins.module_utils._hosts.wait import wait_for_ssh
from ansible_collections.continuum.im.plugins.module_utils._local.ability import find_ability
from ansible_collections.continuum.im.plugins.module_utils._local.design import FQDN_VARIABLE, KEY_VARIABLE
from ansible_collections.continuum.im.plugins.module_utils._local.engine import Engine, find_engine
from ansible_collections.continuum.im.plugins.module_utils._local.image import Images, read_release, wish_of
from ansible_collections.continuum.im.plugins.module_utils._local.machine import limit_options, make_room_for

REPOSITORY = Path(__file__).resolve().parents[2]
_FILES = REPOSITORY / "roles" / "cloud_local" / "files" / "image"
_BOOT_SECONDS = 180
# A host has its name in a file of its own, not in one of the container engine.
_BOOT = "umount /etc/hostname; exec /sbin/init"


def missing() -> str:
    """Return why there can be no such hosts here, "" when there can."""
    there = shutil.which("podman") and os.geteuid() == 0 and Path("/dev/fuse").exists()
    return "" if there else "needs podman, root and /dev/fuse"


class StandingHosts:
    """Some hosts, and the key that their owner has."""

    def __init__(self, engine: Engine, prefix: str, key_file: Path, user: str, addresses: list[str]) -> None:
        self.engine, self.prefix, self.key_file, self.user, self.addresses = engine, prefix, key_file, user, addresses
        self._end = threading.Event()
        self._keeper = threading.Thread(target=self._keep_up, daemon=True)
        self._keeper.start()

    def name(self, number: int) -> str:
        """Return the name of a container."""
        return f"{self.prefix}-{number}"

    def offer(self, *numbers: int, **more: Any) -> list[dict[str, Any]]:
        """Return hosts in the form of a list of hosts; all without a number."""
        chosen = numbers or range(len(self.addresses))
        login = {"user": self.user, "private_key_file": str(self.key_file), **more}
        return [{"address": self.addresses[number], **login} for number in chosen]

    def shell(self, number: int, command: str) -> str:
        """Run a command on a host as root, without SSH."""
        return self.engine.run("exec", self.name(number), "sh", "-c", command)

    def keys(self, number: int) -> list[str]:
        """Return the lines of the login user's authorized_keys."""
        return self.shell(number, f"cat /home/{self.user}/.ssh/authorized_keys 2>/dev/null || true").splitlines()

    def marks(self, number: int) -> list[str]:
        """Return the files that we have left on a host."""
        return self.shell(number, "ls /var/lib/continuum* -d 2>/dev/null || true").split()

    def remove(self) -> None:
        """Remove everything."""
        self._end.set()
        self._keeper.join(timeout=60)
        for number in range(len(self.addresses)):
            self.engine.run("rm", "-f", "-t", "0", "--ignore", self.name(number))
        self.engine.run("network", "rm", "-f", self.prefix)

    def _keep_up(self) -> None:
        """A machine that is restarted comes up again; a container needs help with that."""
        while not self._end.wait(1):
            listed = ["podman", "ps", "-a", "--filter", f"name=^{self.prefix}-", "--filter", "status=exited"]
            done = subprocess.run([*listed, "--format", "{{.Names}}"], capture_output=True, text=True, check=False)
            for name in done.stdout.split():
                subprocess.run(
                    [self.engine.program, *self.engine.options, "start", name], capture_output=True, check=False
                )


@contextmanager
def standing_hosts(folder: Path, count: int) -> Iterator[StandingHosts]:
    """Make hosts, wait until they answer, and remove them at the end."""
    key_file = folder / "owner"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "owner", "-f", str(key_file)], check=True)
    engine = find_engine("podman")
    wish, _warning = wish_of(Group("x", "x", 1), "docker.io", read_release())
    image = Images(engine, _FILES, "").get(wish)
    engine = find_ability(engine, image.tag).engine(engine)
    make_room_for(count + 20)
    prefix = f"st-{secrets.token_hex(4)}"
    engine.run("network", "create", "--disable-dns", prefix)
    (subnet,) = engine.run_json("network", "inspect", prefix)[0]["subnets"]
    network = ipaddress.ip_network(subnet["subnet"])
    found = StandingHosts(engine, prefix, key_file, image.user, [str(network[10 + number]) for number in range(count)])
    key = key_file.with_suffix(".pub").read_text().strip()
    try:
        for number, address in enumerate(found.addresses):
            settings = ["--env", f"{KEY_VARIABLE}={key}", "--env", f"{FQDN_VARIABLE}=host{number}.example"]
            rights = ["--systemd=always", "--no-hosts", "--device", "/dev/fuse", "--cap-add", "SYS_ADMIN,SYS_BOOT"]
            place = ["--network", f"{prefix}:ip={address}", *rights, *limit_options()]
            names = ["--name", found.name(number), "--hostname", f"host{number}"]
            engine.run("run", "-d", *names, *place, *settings, image.tag, "/bin/sh", "-c", _BOOT)
        silent = wait_for_ssh(found.addresses, _BOOT_SECONDS)
        assert not silent, f"no answer from {silent}"
        yield found
    finally:
        found.remove()
