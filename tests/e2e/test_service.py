# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official client of the Infrastructure Manager against a real service, with a real cluster of the local cloud."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from standing_hosts import missing, standing_hosts

from .conftest import REPOSITORY, Deployer, left_over

pytestmark = pytest.mark.e2e
TEMPLATE = REPOSITORY / "playbooks" / "tosca" / "templates" / "slurm.yaml"
PROGRAMS = Path(sys.executable).parent
WAIT_SECONDS = 600.0
ADD = "network private_net\nsystem wn\ndeploy wn 1\n"
USER = "id = local; type = Local\ntype = InfrastructureManager; username = user; password = pass\n"
HEIR = USER.replace("user;", "heir;")


@dataclass
class Client:
    """Runs im_client as a user does."""

    address: str
    folder: Path

    def run(self, *words: str, user: str = "user", check: bool = True, quiet: bool = False) -> str:
        """Return what it prints; with `quiet` only data, or nothing."""
        options = ["-r", self.address, "-a", str(self.folder / f"{user}.dat"), *(["-q"] if quiet else [])]
        command = [str(PROGRAMS / "im_client"), *options, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=600, check=False, stdin=subprocess.DEVNULL, cwd=self.folder
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def wait(self, key: str, user: str = "user") -> dict[str, str]:
        """Wait until nothing is done any more; return the states of the hosts."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            found = json.loads(self.run("getstate", key, user=user, quiet=True))
            if not {"pending", "running", "deleting"} & {found["state"], *found["vm_states"].values()}:
                states: dict[str, str] = found["vm_states"]
                assert found["state"] in ("configured", "stopped"), self.run("getcontmsg", key, user=user)
                return states
            time.sleep(1)
        raise AssertionError(self.run("getcontmsg", key, user=user))

    def shell(self, key: str, command: str, user: str = "user") -> str:
        """Run a command on the front end, by `im_client ssh`; a host that has just booted gets some time."""
        end = time.monotonic() + 90
        while True:
            text = self.run("ssh", key, "0", command, user=user, check=time.monotonic() > end, quiet=True)
            if text.strip():
                return text
            time.sleep(2)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("im")
    (folder / "user.dat").write_text(USER)
    (folder / "heir.dat").write_text(HEIR)
    log = folder / "log"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'collections'}",
        "CONTINUUM_HOME": str(folder / "home"),
        "CONTINUUM_BIND": "127.0.0.1:0",
    }
    with log.open("wb") as file:
        command = [sys.executable, "-m", "service", "serve"]
        process = subprocess.Popen(
            command, env=environment, cwd=REPOSITORY, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield Client(_address(process, log), folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        match = re.search(r'"address": "(http://[^"]+)"', log.read_text(errors="replace"))
        if match is not None:
            return match.group(1)
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace"))


@contextlib.contextmanager
def cluster(service: Client) -> Iterator[str]:
    """Give the id of a SLURM cluster with one worker; whatever happens, it is gone afterwards."""
    template = service.folder / "slurm.yaml"
    text = TEMPLATE.read_text(encoding="utf-8")
    template.write_text(re.sub(r"(wn_num:\n(?: +.*\n)*? +default: )2", r"\g<1>1", text, count=1))
    service.run("create", str(template))
    (key,) = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", service.run("list"))
    try:
        yield key
    finally:
        deployer = Deployer(service.folder / "home", f"im-{key}")
        if any(left_over(deployer.name).values()):
            deployer.run("destroy", check=False)


def test_every_command(service: Client) -> None:
    assert "2.0.0" in service.run("getversion")
    assert "cores" in service.run("cloudusage", "local")
    assert "docker://" in service.run("cloudimages", "local")
    with cluster(service) as key:
        assert key in service.run("list")
        assert service.wait(key) == {"0": "configured", "1": "configured"}
        assert "configured" in service.run("wait", key, "60")
        _looks(service, key)
        _changes(service, key)
        _power(service, key)
        _moves(service, key)
        service.run("destroy", key, "-y", user="heir")
        assert key not in service.run("list", user="heir")
        assert not any(left_over(f"im-{key}").values())


def test_hosts_that_exist_already(service: Client, tmp_path: Path) -> None:
    """A user names hosts and their key in the header; the service uses no key of its own."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with standing_hosts(tmp_path, 1) as hosts:
        (service.folder / "owner.dat").write_text(
            f"id = s; type = Static; host = {hosts.addresses[0]}; username = {hosts.user}; "
            f"private_key = file({hosts.key_file})\n"
            "type = InfrastructureManager; username = owner; password = pass\n"
        )
        service.run("create", str(TEMPLATE.with_name("vm.yaml")), user="owner")
        (key,) = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", service.run("list", user="owner"))
        assert service.wait(key, "owner") == {"0": "configured"}
        assert hosts.marks(0)
        assert "host0" not in service.shell(key, "hostname", user="owner")
        service.run("destroy", key, "-y", user="owner")
        assert not [mark for mark in hosts.marks(0) if mark.endswith(".json")]
        assert not any("owner" not in line for line in hosts.keys(0))


def _looks(service: Client, key: str) -> None:
    outputs = service.run("getoutputs", key)
    assert "cluster_ip" in outputs
    assert "PRIVATE KEY" in outputs
    assert "Configure and start SLURM" in service.run("getcontmsg", key)
    assert "system wn" in service.run("getradl", key)
    assert "provider.type = 'Local'" in service.run("getinfo", key)
    assert service.run("getvminfo", key, "1", "state", quiet=True).strip() == "configured"
    assert "TASK [" in service.run("getvmcontmsg", key, "1")
    assert service.shell(key, "srun hostname").strip() == "vnode-1"
    assert "vnode-1" in service.run("sshvm", key, "1", "0", "hostname")
    (service.folder / "note").write_text("carried over\n")
    service.run("put", key, "0", str(service.folder / "note"), "/tmp/note")
    assert service.shell(key, "cat /tmp/note").strip() == "carried over"


def _changes(service: Client, key: str) -> None:
    added = service.folder / "add.radl"
    added.write_text(ADD)
    assert "IDs: 2 " in service.run("addresource", key, str(added))
    assert service.wait(key) == {"0": "configured", "1": "configured", "2": "configured"}
    service.run("removeresource", key, "1")
    assert service.wait(key) == {"0": "configured", "2": "configured"}
    assert service.shell(key, "srun hostname").strip() == "vnode-2"
    service.run("reconfigure", key)
    assert service.wait(key) == {"0": "configured", "2": "configured"}


def _power(service: Client, key: str) -> None:
    service.run("stop", key)
    assert set(service.wait(key).values()) == {"stopped"}
    service.run("start", key)
    assert set(service.wait(key).values()) == {"configured"}
    service.run("stopvm", key, "2")
    assert service.wait(key) == {"0": "configured", "2": "stopped"}
    service.run("startvm", key, "2")
    service.run("rebootvm", key, "2")
    assert service.wait(key) == {"0": "configured", "2": "configured"}
    assert service.shell(key, "hostname").strip()


def _moves(service: Client, key: str) -> None:
    """Out of the service and in again, to another owner."""
    document = json.loads(service.run("export", key, "1", quiet=True))
    text = document if isinstance(document, str) else json.dumps(document)
    assert "PRIVATE KEY" not in text
    assert key not in service.run("list")
    (service.folder / "exported.json").write_text(text)
    service.run("import", str(service.folder / "exported.json"))
    assert service.wait(key) == {"0": "configured", "2": "configured"}
    service.run("change_auth", key, str(service.folder / "heir.dat"), "1")
    assert "Access to this infrastructure not granted." in service.run("getstate", key, check=False)
    assert service.shell(key, "hostname", user="heir").strip()
