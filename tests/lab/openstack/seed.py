# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets an OpenStack up from nothing, once: databases, keys, users, endpoints, flavors, images."""

from __future__ import annotations

import getpass
import grp
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..aws.shell import ShellError
from . import catalogue, configs
from .database import Database
from .layout import DATABASES, PASSWORD, REGION, TYPES, Layout
from .processes import Processes, bound, environment, tail

_SYNC_SECONDS = 900
# What a seed keeps of the folder of a lab.
_KEPT = ("mysql", "images", "etc")


def make(layout: Layout, target: Path) -> None:
    """Set one up in the folder of `layout` and keep its files in `target`. Raises ShellError."""
    layout.make_folders()
    layout.listen()
    database = Database(layout)
    database.install()
    database.start()
    try:
        configs.write(layout)
        _synchronise(layout, database)
        _fill(layout)
    finally:
        database.stop(gently=True)
    target.mkdir(parents=True)
    # By this nova's compute service knows that it is the same one.
    shutil.move(layout.state / "var/nova/compute_id", layout.state / "etc/compute_id")
    for name in _KEPT:
        shutil.move(layout.state / name, target / name)
    (target / "seed.json").write_text(json.dumps({"state": str(layout.state)}), encoding="utf-8")


def restore(layout: Layout, seed: Path) -> None:
    """Give a new lab the files of a seed, in place of those of one that was killed."""
    for name in ("mysql", "images"):
        shutil.rmtree(layout.state / name, ignore_errors=True)
    Database.copy(seed, layout.state)
    shutil.copytree(seed / "images", layout.state / "images", dirs_exist_ok=True)
    shutil.copyfile(seed / "etc/compute_id", layout.state / "var/nova/compute_id")
    for name in ("fernet-keys", "credential-keys"):
        shutil.copytree(seed / "etc/keystone" / name, layout.etc / "keystone" / name, dirs_exist_ok=True)


def adapt(layout: Layout, database: Database, seed: Path) -> None:
    """Write the ports and folders of this lab into the databases."""
    former = json.loads((seed / "seed.json").read_text(encoding="utf-8"))["state"]
    lines = []
    for cell in ("cell0", "cell1"):
        url = configs.database_url(layout, f"nova_{cell}")
        lines.append(f"update nova_api.cell_mappings set database_connection='{url}' where name='{cell}'")
    for interface, url in _endpoints(layout, "keystone", "/v3").items():
        lines.append(_endpoint_update("keystone", interface, url))
    for name, (_type, path) in TYPES.items():
        lines += [_endpoint_update(name, interface, url) for interface, url in _endpoints(layout, name, path).items()]
    lines.append(f"update glance.image_locations set value=replace(value, '{former}/', '{layout.state}/')")
    database.sql(";\n".join(lines))


def _endpoint_update(service: str, interface: str, url: str) -> str:
    chosen = f"select id from keystone.service where json_value(extra, '$.name')='{service}'"
    return f"update keystone.endpoint set url='{url}' where interface='{interface}' and service_id in ({chosen})"


def _endpoints(layout: Layout, service: str, path: str) -> dict[str, str]:
    inside = f"{layout.internal(service)}{path}"
    return {"public": f"{layout.public(service)}{path}", "internal": inside, "admin": inside}


def _synchronise(layout: Layout, database: Database) -> None:
    for name in DATABASES:
        database.sql(f"create database {name} character set utf8mb3")
    chains = (_neutron(layout), _nova(layout), _others(layout))
    with ThreadPoolExecutor(len(chains)) as pool:
        done = [pool.submit(_run_all, layout, chain) for chain in chains]
    for future in done:
        future.result()


def _neutron(layout: Layout) -> list[list[str]]:
    return [["neutron-db-manage", "--config-file", f"{layout.etc}/neutron/neutron.conf", "upgrade", "heads"]]


def _nova(layout: Layout) -> list[list[str]]:
    manage = ["nova-manage", "--config-dir", f"{layout.etc}/nova"]
    cells = [configs.database_url(layout, f"nova_{cell}") for cell in ("cell0", "cell1")]
    folder = configs.write_nova_cell0(layout)
    transport = ["--transport-url", "fake://"]
    return [
        [*manage, "api_db", "sync"],
        [*manage, "cell_v2", "map_cell0", "--database_connection", cells[0]],
        [*manage, "cell_v2", "create_cell", "--name", "cell1", *transport, "--database_connection", cells[1]],
        ["nova-manage", "--config-dir", str(folder), "db", "sync", "--local_cell"],
        [*manage, "db", "sync", "--local_cell"],
    ]


def _others(layout: Layout) -> list[list[str]]:
    keystone = ["keystone-manage", "--config-dir", f"{layout.etc}/keystone"]
    urls = _endpoints(layout, "keystone", "/v3")
    login = ["--bootstrap-password", PASSWORD, "--bootstrap-region-id", REGION]
    owner = ["--keystone-user", getpass.getuser(), "--keystone-group", grp.getgrgid(os.getgid()).gr_name]
    ends = [word for name, url in urls.items() for word in (f"--bootstrap-{name}-url", url)]
    return [
        [*keystone, "db_sync"],
        [*keystone, "fernet_setup", *owner],
        [*keystone, "credential_setup", *owner],
        [*keystone, "bootstrap", *login, *ends],
        ["placement-manage", "--config-file", f"{layout.etc}/placement/placement.conf", "db", "sync"],
        ["glance-manage", "--config-dir", f"{layout.etc}/glance", "db_sync"],
        ["cinder-manage", "--config-file", f"{layout.etc}/cinder/cinder.conf", "db", "sync"],
    ]


def _run_all(layout: Layout, commands: Sequence[Sequence[str]]) -> None:
    for words in commands:
        _run(layout, [f"{layout.venv}/bin/python", f"{layout.venv}/bin/{words[0]}", *words[1:]], words[0])


def _run(layout: Layout, words: Sequence[str], name: str) -> None:
    log = layout.logs / f"{name}.out"
    with log.open("ab") as output:
        done = subprocess.run(
            bound(*words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(layout),
            cwd=layout.state,
            timeout=_SYNC_SECONDS,
            check=False,
        )
    if done.returncode:
        raise ShellError(f"{name} ended with {done.returncode}: {tail(log)}")


def _fill(layout: Layout) -> None:
    description = layout.state / "description.json"
    description.write_text(json.dumps(_description(layout)), encoding="utf-8")
    processes = Processes(layout, "")
    words = [f"{layout.venv}/bin/python", "-m", "lab.openstack.inside.bootstrap", str(description)]
    try:
        # Services log in when they start: their users come first.
        processes.start("keystone")
        _run(layout, [*words, "identity"], "bootstrap")
        processes.start("placement", "nova", "glance")
        _run(layout, [*words, "offers"], "bootstrap")
    finally:
        processes.stop()


def _description(layout: Layout) -> dict[str, Any]:
    services = {
        name: {"type": kind, "endpoints": _endpoints(layout, name, path)} for name, (kind, path) in TYPES.items()
    }
    admin = {"auth_url": f"{layout.internal('keystone')}/v3", "username": "admin", "project_name": "admin"}
    domains = {"user_domain_name": "Default", "project_domain_name": "Default"}
    return {
        "admin": {**admin, **domains, "password": PASSWORD, "region_name": REGION, "interface": "internal"},
        "password": PASSWORD,
        "region": REGION,
        "services": services,
        "flavors": catalogue.FLAVORS,
        "images": catalogue.IMAGES,
        "federation": catalogue.FEDERATION,
    }
