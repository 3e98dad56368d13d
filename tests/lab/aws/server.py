# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server: the lab's own interface, and around moto faults, strictness, tokens and time."""

from __future__ import annotations

import dataclasses
import importlib
import ipaddress
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from . import account, addresses, describe, faults, strict
from .answers import Answer, Refused, error_answer, json_answer
from .calls import Call, Environ, read_body, read_call, write_form
from .clock import LOCK, Clock
from .settings import Gate, NoHosts, Settings
from .states import States
from .tokens import Tokens

_LOG = logging.getLogger("lab.aws")
# Functions run for long and call back; objects are many. Their services keep moto's own order.
_UNLOCKED = ("lambda", "s3", "logs")
# What never changes, and takes long to write down.
_CONSTANT = ("DescribeInstanceTypes", "DescribeInstanceTypeOfferings")
_READING = ("Describe", "Get", "List")
_RESERVED = 256
Handler = Callable[[dict[str, Any]], Any]


class Plant(Gate, Protocol):
    """What runs the hosts."""

    def wake(self) -> None:
        """Look again at what there should be."""

    def reset(self) -> None:
        """Remove all hosts and wait for it."""


class NoPlant(NoHosts):
    """A lab without hosts."""

    def wake(self) -> None:
        return

    def reset(self) -> None:
        return


class Lab:
    """The WSGI application."""

    def __init__(
        self, public: ipaddress.IPv4Network, state: Path, settings: Settings, plant: Plant | None = None
    ) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.settings, self.state = settings, state
        self.plant: Plant = plant or NoPlant()
        self.clock, self.tokens, self.faults = Clock(), Tokens(), faults.Faults()
        self.calls: list[str] = []
        self.baseline: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._constant: dict[tuple[tuple[str, str], ...], Answer] = {}
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._control: dict[str, Handler] = {
            "faults": self._add_fault,
            "clear_faults": lambda _body: self.faults.clear(),
            "struck": lambda _body: self.faults.struck(),
            "calls": lambda _body: list(self.calls),
            "forget_calls": lambda _body: self.calls.clear(),
            "settings": self._change_settings,
            "reset": lambda _body: self.reset(),
            "describe": lambda _body: self._describe(),
        }
        States(self.clock, settings, self.plant, addresses.Pool(public, _RESERVED)).install()
        _install_functions(state)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/lab/"):
            return self._own(path.removeprefix("/lab/"), environ).send(start_response)
        return self.serve(environ).send(start_response)

    def serve(self, environ: Environ) -> Answer:
        """Carry out a call of the API; raises ConnectionAbortedError when its answer is lost."""
        call = read_call(environ)
        self.calls.append(call.name)
        if call.service == "ec2" and self.settings.access_key not in ("", call.access_key):
            text = "AWS was not able to validate the provided access credentials"
            return error_answer(Refused("AuthFailure", text, 401), call.service)
        kind = self.faults.strike(call)
        if kind == "lost_request":
            _cut(environ)
        if kind not in ("", "lost_answer"):
            return error_answer(faults.refusal(kind, call), call.service)
        answer = self._carry_out(call, environ)
        if kind == "lost_answer":
            _cut(environ)
        return answer

    def _carry_out(self, call: Call, environ: Environ) -> Answer:
        if call.service in _UNLOCKED:
            return self._ask_moto(environ)
        with LOCK:
            self._know(call)
            self.clock.settle()
            try:
                answer = self._strictly(call, environ)
            except Refused as error:
                return error_answer(error, call.service)
            except Exception:
                _LOG.exception("%s went wrong", call.name)
                return error_answer(Refused("InternalError", "The lab made a mistake; see its log.", 500), call.service)
        if not call.action.startswith(_READING):
            self.plant.wake()
        return answer

    def _strictly(self, call: Call, environ: Environ) -> Answer:
        asked = dict(call.form)
        known = self.tokens.answer(call)
        if known is not None:
            return known
        strict.check(call, read_body(environ), environ.get("PATH_INFO", ""))
        if call.is_true("DryRun"):
            raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        if call.form != asked:
            write_form(environ, call.form)
        answer = self._answer(call, environ)
        if answer.ok:
            strict.after(call)
        self.tokens.keep(call, asked, answer)
        return answer

    def _answer(self, call: Call, environ: Environ) -> Answer:
        if call.action not in _CONSTANT:
            return self._ask_moto(environ)
        key = (("region", call.region), *sorted(call.form.items()))
        if key not in self._constant:
            self._constant[key] = self._ask_moto(environ)
        return self._constant[key]

    def _ask_moto(self, environ: Environ) -> Answer:
        from werkzeug.test import run_wsgi_app

        body, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        return Answer(status, list(headers), b"".join(body))

    def _know(self, call: Call) -> None:
        if call.service == "ec2" and call.region not in self.baseline:
            self.baseline[call.region] = describe.of_region(call.region)

    def _own(self, name: str, environ: Environ) -> Answer:
        handler = self._control.get(name)
        if handler is None:
            return json_answer({"error": f"there is no /lab/{name}"}, "404 Not Found")
        try:
            return json_answer(handler(json.loads(read_body(environ) or b"{}")))
        except (ValueError, TypeError) as error:
            return json_answer({"error": str(error)}, "400 Bad Request")

    def _add_fault(self, body: dict[str, Any]) -> None:
        self.faults.add(faults.Fault(**body))

    def _change_settings(self, body: dict[str, Any]) -> dict[str, Any]:
        known = {item.name for item in dataclasses.fields(Settings)}
        if not set(body) <= known:
            raise ValueError(f"there is no setting {', '.join(sorted(set(body) - known))}")
        for name, value in body.items():
            setattr(self.settings, name, value)
        self.plant.wake()
        return dataclasses.asdict(self.settings)

    def _describe(self) -> dict[str, list[dict[str, Any]]]:
        with LOCK:
            self.clock.settle()
            return describe.everything(self.baseline)

    def reset(self) -> None:
        """Empty the account, remove the hosts, and forget faults, calls and settings."""
        from moto.moto_api._internal import moto_api_backend

        with LOCK:
            self.clock.clear()
            self.tokens.clear()
            self.baseline.clear()
            moto_api_backend.reset()
        self.faults.clear()
        self.calls.clear()
        self._change_settings(dataclasses.asdict(Settings()))
        self.plant.reset()


def _cut(environ: Environ) -> None:
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("a fault of the lab cut the connection")


def _install_functions(state: Path) -> None:
    try:
        functions = importlib.import_module(f"{__package__}.functions")
    except ModuleNotFoundError as error:
        if error.name != f"{__package__}.functions":
            raise
        return
    functions.install(state)


def serve(lab: Lab, port: int) -> tuple[Any, int]:
    """Start serving in a thread; return the server and its port."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):
        """Says nothing about each request, and lets clients keep their connection."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_request(self, *arguments: Any) -> None:
            return

    server = make_server("127.0.0.1", port, lab, threaded=True, request_handler=Handler)
    os.environ["MOTO_PORT"] = str(server.server_port)
    account.ec2(account.HOME)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_port
