# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova: the API, the conductor, the scheduler and one compute service, in threads of one process."""

from __future__ import annotations

import importlib
import os

from . import serve


def run() -> None:
    """Serve."""
    os.environ["OS_NOVA_CONFIG_DIR"] = serve.config_folder("nova")
    os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "true"
    application = importlib.import_module("nova.wsgi.osapi_compute").application
    _start_services()
    serve.http(application, "nova")


def _start_services() -> None:
    import nova.conf
    import nova.virt
    import os_brick
    import os_vif
    from nova import context, service
    from nova.compute import rpcapi as compute
    from nova.objects import host_mapping
    from nova.scheduler import rpcapi as scheduler

    # Drivers are looked for in this package only.
    nova.virt.__path__.append(os.path.dirname(__file__))
    os_brick.setup(nova.conf.CONF)
    os_vif.initialize()
    services = (
        {"binary": "nova-conductor", "topic": "conductor"},
        {"binary": "nova-scheduler", "topic": scheduler.RPC_TOPIC},
        {"binary": "nova-compute", "topic": compute.RPC_TOPIC, "topic_alt": compute.RPC_TOPIC_ALT},
    )
    for options in services:
        service.Service.create(**options).start()
    admin = context.get_admin_context()
    with context.target_cell(admin, None):
        host_mapping.discover_hosts(admin)
