# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a site: from the options of a module, clouds.yaml and OS_* variables, by openstacksdk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._hosts.model import HostsError
from .._hosts.reach import Reach
from .cloud import Cloud
from .guard import guard
from .site import KeystoneSite, explain

# Where EGI's notebooks and its clients keep an access token.
_TOKEN_FILES = ("BEARER_TOKEN_FILE",)
_TOKEN_FILE = "/var/run/secrets/egi.eu/access_token"  # noqa: S105 - a path
_TOKEN_VARIABLES = ("OS_ACCESS_TOKEN", "OIDC_ACCESS_TOKEN", "EGI_ACCESS_TOKEN")
_WITH_TOKEN = "v3oidcaccesstoken"  # noqa: S105 - a kind of authorization
# Options of the module by their names in openstacksdk.
_OPTIONS = {
    "cloud": "cloud",
    "auth": "auth",
    "auth_type": "auth_type",
    "region_name": "region_name",
    "validate_certs": "verify",
    "ca_cert": "cacert",
    "client_cert": "cert",
    "client_key": "key",
    "interface": "interface",
}


def auth_argument_spec() -> dict[str, Any]:
    """Return the options that say which site is meant and who asks, as openstack.cloud has them."""
    return {
        "cloud": {"type": "str"},
        "auth": {"type": "dict", "no_log": True},
        "auth_type": {"type": "str"},
        "region_name": {"type": "str"},
        "validate_certs": {"type": "bool", "aliases": ["verify"]},
        "ca_cert": {"type": "path", "aliases": ["cacert"]},
        "client_cert": {"type": "path", "aliases": ["cert"]},
        "client_key": {"type": "path", "no_log": False, "aliases": ["key"]},
        "interface": {"type": "str", "choices": ["public", "internal", "admin"], "aliases": ["endpoint_type"]},
        "access_token_file": {"type": "path", "no_log": False},
    }


def connect(options: Mapping[str, Any]) -> Cloud:
    """Return the cloud that a module's options, clouds.yaml and the environment lead to. Raises HostsError."""
    try:
        from openstack.config import OpenStackConfig
        from openstack.exceptions import ConfigException
    except ImportError as error:
        raise HostsError("The Python package openstacksdk is missing.", "pip install 'openstacksdk<4.15'.") from error
    wanted = {name: options[key] for key, name in _OPTIONS.items() if options.get(key) is not None}
    token = partial(find_token, str(options.get("access_token_file") or ""), os.environ)
    try:
        config = OpenStackConfig()
        if config.get_one(validate=False, **wanted).config.get("auth_type") == _WITH_TOKEN:
            wanted = _with_token(config, wanted, token())
        region = config.get_one(**wanted)
    except ConfigException as error:
        raise HostsError(f"{error}".rstrip(".") + ".", "set OS_CLOUD to a cloud of clouds.yaml.") from error
    except HostsError:
        raise
    except Exception as error:
        raise _incomplete(config, error) from error
    url = str((region.config.get("auth") or {}).get("auth_url") or "")
    if not url:
        raise _incomplete(config, HostsError("auth_url is missing"))
    guard(region.get_session(), Reach.of(os.environ))
    return Cloud(KeystoneSite(region, urlsplit(url).hostname or url, token))


def find_token(file: str, environment: Mapping[str, str]) -> str:
    """Return the access token that is the newest: a file may be renewed while we run, a variable is not."""
    files = [file, *(environment.get(name, "") for name in _TOKEN_FILES), _TOKEN_FILE]
    # Files of this machine are not those of somebody whose credentials a service was given.
    for path in filter(None, files if Reach.of(environment) is None else ()):
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text:
            return text
    return next((environment[name] for name in _TOKEN_VARIABLES if environment.get(name)), "")


def _with_token(config: Any, wanted: dict[str, Any], token: str) -> dict[str, Any]:
    """The options with an access token, when nothing else has one."""
    known = config.get_one(validate=False, **wanted).config.get("auth") or {}
    if known.get("access_token") or not token:
        return wanted
    return {**wanted, "auth": {**wanted.get("auth", {}), "access_token": token}}


def _incomplete(config: Any, error: Exception) -> Exception:
    names = ", ".join(sorted(config.get_cloud_names())) or "none"
    found = explain("log in", error)
    if not isinstance(found, HostsError):
        return found
    return HostsError(
        f"There are no complete credentials for OpenStack: {str(error).rstrip('.')}.",
        f"set OS_CLOUD to a cloud of clouds.yaml (there are: {names}), or the OS_* variables of the project.",
    )
