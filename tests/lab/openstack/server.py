# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: starts database and services, and offers what tests and drivers ask for."""

from __future__ import annotations

import dataclasses
import ipaddress
import logging
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from . import cache, clouds, configs, describe, offers, reset, seed
from .api import Api
from .control import Control, Handler
from .database import Database
from .faults import Fault, Faults
from .hosts import Hosts
from .issuer import Issuer
from .layout import Layout
from .plant import NoPlant, Plant
from .processes import Processes
from .runtime import Runtime
from .settings import Settings

_LOG = logging.getLogger("lab.openstack")
_PAUSE = 0.3


class Lab:
    """A running lab."""

    def __init__(self, state: Path, network: ipaddress.IPv4Network, port: int = 0) -> None:
        venv, self._seed = cache.provide()
        self.state, self._network = state, network
        self.settings, self.issuer = Settings(), Issuer()
        self._runtime = Runtime()
        self.layout = Layout(venv, state, self._runtime.path)
        self.database = Database(self.layout)
        self.faults = Faults(self.layout.exchange)
        self.plant: Plant = NoPlant()
        self._control = Control(self._functions(), port)
        self.endpoint = self._control.endpoint
        self._processes = Processes(self.layout, self.endpoint)
        self._ended = threading.Event()

    def start(self, hosts: Hosts | None = None) -> None:
        """Start everything; returns when all services answer."""
        began = time.monotonic()
        self.layout.make_folders()
        self.layout.listen()
        seed.restore(self.layout, self._seed)
        configs.write(self.layout)
        self.issuer.write(self.layout.etc / "keystone" / "issuer.json")
        self._control.start()
        self.database.start()
        seed.adapt(self.layout, self.database, self._seed)
        if hosts is not None:
            self.plant = hosts
            hosts.begin(self.database, self.layout.wake_socket)
        self._processes.start()
        offers.make(Api(self.layout), self._network)
        # A project has its default group from its first call on; what is there before users come is no trace of them.
        Api(self.layout, "demo", "demo").call("neutron", "GET", "/security-groups")
        clouds.write(self.state, f"http://127.0.0.1:{self.layout.listening['keystone'].public}", self.issuer.token())
        _LOG.info("started in %.1f s", time.monotonic() - began)

    def stop(self) -> None:
        """End everything and remove its files; the logs stay."""
        self._ended.set()
        self._processes.stop()
        self.database.stop()
        self._control.stop()
        self._runtime.remove()
        for name in ("mysql", "images", "var", "exchange", "etc", "volumes", "seeds"):
            shutil.rmtree(self.state / name, ignore_errors=True)

    def check(self) -> None:
        """Write down services that ended by themselves."""
        for name in self._processes.dead():
            _LOG.error("%s ended by itself; see %s", name, self.layout.logs)

    def environment(self) -> dict[str, str]:
        """Return the variables that lead clients to the lab."""
        return {"OS_CLIENT_CONFIG_FILE": str(self.state / "clouds.yaml")}

    def _functions(self) -> dict[str, Handler]:
        return {**self._for_tests(), **self._for_drivers()}

    def _for_tests(self) -> dict[str, Handler]:
        return {
            "faults": lambda body: self.faults.add(Fault(**body)),
            "clear_faults": lambda _body: self.faults.clear(),
            "struck": lambda _body: self.faults.struck(),
            "calls": lambda _body: self._calls(),
            "forget_calls": lambda _body: self._forget_calls(),
            "settings": self._change_settings,
            "describe": lambda _body: describe.everything(self.database),
            "token": lambda body: self.issuer.token(**body),
            "jwks": lambda _body: self.issuer.jwks,
            "reset": lambda _body: self.reset(),
        }

    def _for_drivers(self) -> dict[str, Handler]:
        return {
            "hosts/create": self._create,
            "hosts/remove": lambda body: self.plant.remove(body["id"]),
            "hosts/stop": lambda body: self.plant.stop(body["id"]),
            "hosts/start": lambda body: self.plant.start(body["id"]),
            "hosts/state": lambda body: self.plant.state(body["id"]),
            "hosts/console": lambda body: self.plant.console(body["id"]),
            "hosts/commit": lambda body: self.plant.commit(body["id"], body["image"]),
            "hosts/attach": lambda body: self.plant.attach(body["id"], body["volume"], body["device"]),
            "hosts/detach": lambda body: self.plant.detach(body["id"], body["volume"]),
            "hosts/plug": lambda body: self.plant.plug(body["id"], body["port"]),
            "hosts/unplug": lambda body: self.plant.unplug(body["id"], body["port"]),
            "volumes/copy": lambda body: self.plant.copy_volume(body["source"], body["target"], int(body["size"])),
            "volumes/remove": lambda body: self.plant.remove_volume(body["name"]),
            "volumes/extend": lambda body: self.plant.extend_volume(body["name"], int(body["size"])),
        }

    def _create(self, body: dict[str, Any]) -> None:
        seconds = self.settings.build_seconds
        if self.faults.strike("build:slow"):
            seconds = max(seconds, self.settings.slow_seconds)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._ended.is_set() and self._is_wanted(body["id"]):
            time.sleep(_PAUSE)
        self.plant.create(body)

    def _is_wanted(self, server: str) -> bool:
        chosen = f"uuid='{server}' and task_state='deleting'"
        return not self.database.sql(f"select 1 from nova_cell1.instances where {chosen}")

    def _calls(self) -> list[str]:
        path = self.layout.exchange / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def _forget_calls(self) -> None:
        # The services have it open, and append.
        os.truncate(self.layout.exchange / "calls", 0)

    def _change_settings(self, body: dict[str, Any]) -> dict[str, Any]:
        known = {item.name for item in dataclasses.fields(Settings)}
        if not set(body) <= known:
            raise ValueError(f"there is no setting {', '.join(sorted(set(body) - known))}")
        for name, value in body.items():
            setattr(self.settings, name, value)
        self.plant.wake()
        return dataclasses.asdict(self.settings)

    def reset(self) -> None:
        """Empty the project, and forget faults, calls and settings."""
        self.faults.clear()
        self._change_settings(dataclasses.asdict(Settings()))
        reset.empty(Api(self.layout), self.database)
        self.plant.clear()
        self._forget_calls()
