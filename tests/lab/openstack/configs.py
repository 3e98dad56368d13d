# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the services. Pure but for `write`."""

from __future__ import annotations

import shutil
from pathlib import Path

from .layout import PASSWORD, REGION, Layout

Section = dict[str, object]
Config = dict[str, Section]
# What a project may have: as much as a large site grants, so that benchmarks fit and tests can lower it.
_NOVA_QUOTA: Section = {"instances": 300, "cores": 600, "ram": 1536000, "key_pairs": 300, "server_groups": 100}
_CINDER_QUOTA: Section = {"quota_volumes": 600, "quota_snapshots": 600, "quota_gigabytes": 60000}
# An option that is given twice.
_FILTERS = "nova.scheduler.filters.all_filters\navailable_filters = lab.openstack.inside.filters.LabFilter"
_NEUTRON_QUOTA: Section = {
    "quota_network": 200,
    "quota_subnet": 200,
    "quota_port": 2000,
    "quota_router": 100,
    "quota_floatingip": 400,
    "quota_security_group": 400,
    "quota_security_group_rule": 4000,
}


def write(layout: Layout) -> None:
    """Write all configuration files."""
    made = {
        "keystone/keystone.conf": _keystone(layout),
        "placement/placement.conf": _placement(layout),
        "glance/glance-api.conf": _glance(layout),
        "neutron/neutron.conf": _neutron(layout),
        "nova/nova.conf": _nova(layout),
        "cinder/cinder.conf": _cinder(layout),
    }
    for name, config in made.items():
        (layout.etc / name).write_text(render(config), encoding="utf-8")
    shutil.copyfile(layout.venv / "etc/nova/api-paste.ini", layout.etc / "nova/api-paste.ini")


def write_nova_cell0(layout: Layout) -> Path:
    """Write nova's configuration for the database of servers that found no host; return its folder."""
    folder = layout.etc / "nova-cell0"
    folder.mkdir(exist_ok=True)
    (folder / "nova.conf").write_text(render(_nova(layout, "nova_cell0")), encoding="utf-8")
    return folder


def render(config: Config) -> str:
    """Return the text of a configuration file."""
    lines = []
    for section, values in config.items():
        lines.append(f"[{section}]")
        lines += [
            f"{key} = {str(value).lower() if isinstance(value, bool) else value}" for key, value in values.items()
        ]
    return "\n".join(lines) + "\n"


def database_url(layout: Layout, name: str) -> str:
    """Return how a service reaches its database."""
    return f"mysql+pymysql://root@localhost/{name}?unix_socket={layout.database_socket}&charset=utf8mb4"


def _database(layout: Layout, name: str) -> Section:
    return {"connection": database_url(layout, name), "max_pool_size": 20, "max_overflow": 40}


def _log(layout: Layout, name: str) -> Section:
    return {"log_file": layout.logs / f"{name}.log", "default_log_levels": "amqp=WARN,sqlalchemy=WARN,eventlet=WARN"}


def _login(layout: Layout, user: str) -> Section:
    return {
        "auth_type": "password",
        "auth_url": f"{layout.internal('keystone')}/v3",
        "username": user,
        "password": PASSWORD,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
        "valid_interfaces": "internal",
    }


def _tokens(layout: Layout, user: str) -> Section:
    own = {"www_authenticate_uri": f"{layout.public('keystone')}/v3", "interface": "internal"}
    return {**_login(layout, user), **own, "service_token_roles": "service", "service_token_roles_required": True}


def _keystone(layout: Layout) -> Config:
    folder = layout.etc / "keystone"
    return {
        "DEFAULT": {**_log(layout, "keystone"), "public_endpoint": layout.public("keystone")},
        "database": _database(layout, "keystone"),
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": folder / "fernet-keys"},
        "credential": {"key_repository": folder / "credential-keys"},
        "identity": {"password_hash_rounds": 4},
        "auth": {"methods": "password,token,application_credential,mapped,openid"},
        "openid": {"remote_id_attribute": "HTTP_OIDC_ISS"},
        "cache": {"enabled": True, "backend": "oslo_cache.dict"},
    }


def _placement(layout: Layout) -> Config:
    return {
        "DEFAULT": _log(layout, "placement"),
        "placement_database": {"connection": database_url(layout, "placement")},
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": _tokens(layout, "placement"),
    }


def _glance(layout: Layout) -> Config:
    staging = layout.state / "var/glance/staging"
    return {
        "DEFAULT": {
            **_log(layout, "glance"),
            "enabled_backends": "fs:file",
            "node_staging_uri": f"file://{staging}",
            "worker_self_reference_url": layout.internal("glance"),
        },
        "glance_store": {"default_backend": "fs"},
        "fs": {"filesystem_store_datadir": layout.state / "images"},
        "os_glance_staging_store": {"filesystem_store_datadir": staging},
        "os_glance_tasks_store": {"filesystem_store_datadir": layout.state / "var/glance/tasks"},
        "database": _database(layout, "glance"),
        "paste_deploy": {"flavor": "keystone", "config_file": layout.venv / "etc/glance/glance-api-paste.ini"},
        "keystone_authtoken": _tokens(layout, "glance"),
    }


def _neutron(layout: Layout) -> Config:
    var = layout.state / "var/neutron"
    return {
        "DEFAULT": {
            **_log(layout, "neutron"),
            "state_path": var,
            "api_paste_config": layout.venv / "etc/neutron/api-paste.ini",
            "transport_url": "fake://",
            "auth_strategy": "keystone",
            "core_plugin": "ml2",
            "service_plugins": "lab.openstack.inside.neutron.RouterPlugin",
            "notify_nova_on_port_status_changes": True,
            "notify_nova_on_port_data_changes": True,
            "dhcp_agent_notification": False,
            "global_physnet_mtu": 1500,
        },
        "quotas": _NEUTRON_QUOTA,
        "database": _database(layout, "neutron"),
        "keystone_authtoken": _tokens(layout, "neutron"),
        "nova": {**_login(layout, "nova"), "endpoint_type": "internal"},
        "oslo_concurrency": {"lock_path": var / "lock"},
        "ml2": {
            "type_drivers": "flat,vlan,vxlan",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "lab_openstack",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "ml2_type_vxlan": {"vni_ranges": "1:10000"},
        "securitygroup": {"enable_security_group": True},
    }


def _nova(layout: Layout, cell: str = "nova_cell1") -> Config:
    var = layout.state / "var/nova"
    return {
        "DEFAULT": {
            **_log(layout, "nova"),
            "state_path": var,
            "transport_url": "fake://",
            "host": "lab",
            "my_ip": "127.0.0.1",
            "compute_driver": "virt_driver.LabDriver",
            "report_interval": 10,
            "service_down_time": 60,
            "sync_power_state_interval": 10,
            "allow_resize_to_same_host": True,
            "vif_plugging_is_fatal": False,
            "vif_plugging_timeout": 0,
        },
        "api_database": {"connection": database_url(layout, "nova_api"), "max_pool_size": 20, "max_overflow": 40},
        "database": _database(layout, cell),
        "api": {"auth_strategy": "keystone"},
        "quota": _NOVA_QUOTA,
        "scheduler": {"discover_hosts_in_cells_interval": -1},
        "filter_scheduler": {
            "max_instances_per_host": 10000,
            "max_io_ops_per_host": 10000,
            "available_filters": _FILTERS,
            "enabled_filters": "ComputeFilter,ServerGroupAffinityFilter,LabFilter",
        },
        "keystone_authtoken": _tokens(layout, "nova"),
        "service_user": {**_login(layout, "nova"), "send_service_user_token": True},
        "placement": _login(layout, "placement"),
        "glance": {"api_servers": layout.internal("glance"), "enable_rbd_download": False},
        "neutron": _login(layout, "neutron"),
        "cinder": {**_login(layout, "cinder"), "catalog_info": "block-storage::internalURL", "os_region_name": REGION},
        "oslo_concurrency": {"lock_path": var / "lock"},
    }


def _cinder(layout: Layout) -> Config:
    var = layout.state / "var/cinder"
    return {
        "DEFAULT": {
            **_log(layout, "cinder"),
            **_CINDER_QUOTA,
            "state_path": var,
            "host": "lab",
            "transport_url": "fake://",
            "auth_strategy": "keystone",
            "api_paste_config": layout.venv / "etc/cinder/api-paste.ini",
            "resource_query_filters_file": layout.venv / "etc/cinder/resource_filters.json",
            "enabled_backends": "lab",
            "default_volume_type": "__DEFAULT__",
            "glance_api_servers": layout.internal("glance"),
            "periodic_fuzzy_delay": 2,
        },
        "lab": {"volume_driver": "lab.openstack.inside.volume_driver.LabDriver", "volume_backend_name": "lab"},
        "database": _database(layout, "cinder"),
        "keystone_authtoken": _tokens(layout, "cinder"),
        "nova": {**_login(layout, "nova"), "interface": "internal"},
        "oslo_concurrency": {"lock_path": var / "lock"},
        "coordination": {"backend_url": f"file://{var}/coordination"},
    }
