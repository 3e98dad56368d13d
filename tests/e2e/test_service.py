# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official client of the Infrastructure Manager against a real service, with a real cluster of the local cloud."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from served import Client, running_service
from standing_hosts import missing, standing_hosts

from .conftest import REPOSITORY, Deployer, left_over

pytestmark = pytest.mark.e2e
TEMPLATE = REPOSITORY / "playbooks" / "tosca" / "templates" / "slurm.yaml"
ADD = "network private_net\nsystem wn\ndeploy wn 1\n"
USER = "id = local; type = Local\ntype = InfrastructureManager; username = user; password = pass\n"
HEIR = USER.replace("user;", "heir;")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("im")
    (folder / "user.dat").write_text(USER)
    (folder / "heir.dat").write_text(HEIR)
    with running_service(folder) as found:
        yield found


@contextlib.contextmanager
def cluster(service: Client) -> Iterator[str]:
    """Give the id of a SLURM cluster with one worker; whatever happens, it is gone afterwards."""
    template = service.folder / "slurm.yaml"
    text = TEMPLATE.read_text(encoding="utf-8")
    template.write_text(re.sub(r"(wn_num:\n(?: +.*\n)*? +default: )2", r"\g<1>1", text, count=1))
    service.run("create", str(template))
    (key,) = service.keys()
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
        (key,) = service.keys("owner")
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
    _forget_host_keys(service, key)
    assert "vnode-1" in service.run("sshvm", key, "1", "0", "hostname")
    _forget_host_keys(service, key)
    (service.folder / "note").write_text("carried over\n")
    service.run("put", key, "0", str(service.folder / "note"), "/tmp/note")
    assert service.shell(key, "cat /tmp/note").strip() == "carried over"


def _forget_host_keys(service: Client, key: str) -> None:
    """The client jumps with the known hosts of whoever runs it: an earlier host may have had the address."""
    for address in sorted(set(re.findall(r"10\.\d+\.\d+\.\d+", service.run("getinfo", key)))):
        subprocess.run(["ssh-keygen", "-R", address], capture_output=True, timeout=60, check=False)


def _changes(service: Client, key: str) -> None:
    """A host comes, as it is, and is configured together with the front end only; another goes; the new one grows."""
    added, nothing = service.folder / "add.radl", service.folder / "nothing.radl"
    added.write_text(ADD)
    nothing.write_text("")
    assert "IDs: 2 " in service.run("addresource", key, str(added), "0")
    assert _rested(service, key) == {"0": "configured", "1": "configured", "2": "running"}
    service.run("reconfigure", key, str(nothing), "0,2")
    assert service.wait(key) == {"0": "configured", "1": "configured", "2": "configured"}
    assert "Prepare the hosts" not in service.run("getvmcontmsg", key, "1")
    service.run("removeresource", key, "1")
    assert service.wait(key) == {"0": "configured", "2": "configured"}
    assert service.shell(key, "srun hostname").strip() == "vnode-2"
    service.run("reconfigure", key)
    assert service.wait(key) == {"0": "configured", "2": "configured"}
    altered = service.folder / "alter.radl"
    altered.write_text("system wn (memory.size >= 768 MiB)\n")
    service.run("alter", key, "2", str(altered))
    assert service.run("getvminfo", key, "2", "memory.size", quiet=True).strip() == str(768 * 1024**2)
    assert service.wait(key) == {"0": "configured", "2": "configured"}
    assert set(service.shell(key, "sinfo -h -N -o %m -n vnode-2").split()) == {"768"}


def _rested(service: Client, key: str) -> dict[str, str]:
    """Wait until an operation is done, also where hosts stay without configuration; return the states of the hosts."""
    end = time.monotonic() + 300
    while "add is done." not in service.run("getcontmsg", key):
        assert time.monotonic() < end
        time.sleep(1)
    states: dict[str, str] = json.loads(service.run("getstate", key, quiet=True))["vm_states"]
    return states


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
