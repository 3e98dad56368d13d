# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cinder: the API, the scheduler and one volume service, in green threads of one process."""

from __future__ import annotations

import importlib
import logging
from typing import Any

from . import serve


def run() -> None:
    """Serve."""
    import eventlet

    eventlet.monkey_patch()
    _mend_threading()
    conf = _configure()
    from cinder import service
    from oslo_config import cfg
    from oslo_service import service as oslo

    _mend_heartbeat(service.Service)
    launcher = oslo.ServiceLauncher(conf)
    launcher.launch_service(service.Service.create(binary="cinder-scheduler"))
    for backend in conf.enabled_backends:
        conf.register_opt(cfg.StrOpt("backend_host"), group=backend)
        options = {"binary": "cinder-volume", "coordination": True}
        launcher.launch_service(service.Service.create(host=f"{conf.host}@{backend}", service_name=backend, **options))
    _serve(conf)
    launcher.wait()


def _mend_threading() -> None:
    """Let the original module know the threads of the patched one, as cinder's own programs do."""
    import threading

    original = importlib.import_module("__original_module_threading")
    original.current_thread.__globals__["_active"] = threading._active  # type: ignore[attr-defined]


def _configure() -> Any:
    from cinder import coordination, i18n, objects, rpc, utils, version
    from cinder.common import config
    from oslo_config import cfg
    from oslo_log import log

    i18n.enable_lazy()
    objects.register_all()
    conf = cfg.CONF
    file = f"{serve.config_folder('cinder')}/cinder.conf"
    conf(["--config-file", file], project="cinder", version=version.version_string())
    config.set_middleware_defaults()
    log.setup(conf, "cinder")
    utils.monkey_patch()
    importlib.import_module("os_brick").setup(conf)
    coordination.COORDINATOR.start()
    rpc.init(conf)
    return conf


def _mend_heartbeat(kind: Any) -> None:
    """Let each service report for itself: cinder keeps the id in the class, as if a process had one service."""
    report = kind.report_state

    def report_state(self: Any) -> None:
        kind.service_id = self.origin_service_id
        report(self)

    kind.report_state = report_state


def _serve(conf: Any) -> None:
    import eventlet
    from oslo_service import wsgi

    application = serve.gate(wsgi.Loader(conf).load_app(name="osapi_volume"), "cinder")
    quiet = logging.getLogger("lab.openstack.requests")
    quiet.propagate = False
    for listening in serve.sockets():
        listening.listen(128)
        eventlet.spawn(eventlet.wsgi.server, listening, application, log=quiet, log_output=False)
