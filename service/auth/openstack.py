# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the type `OpenStack`: they become the OS_* variables that openstacksdk reads, and nothing else.

Each variable is named here. None of them leads to a file: neither one that a record could name, nor the clouds.yaml of
the user as whom the service runs.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from ansible_collections.continuum.im.plugins.module_utils._hosts.reach import VARIABLE, Reach

from ..config import Config
from ..errors import BadRequest
from .access import AccessError, CloudAccess, place
from .records import Record

OPENSTACK = "OpenStack"
OIDC = "3.x_oidc_access_token"
_PORT = 5000
_VERSION = re.compile(r"/v\d+(\.\d+)?$")
_PROJECT_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MICROVERSION = re.compile(r"\d{1,2}\.\d{1,4}")
_DEFAULT_DOMAIN, _DEFAULT_DOMAIN_ID = "Default", "default"
_LONGEST = 32 * 1024
_URLS = {
    "base_url": "OS_COMPUTE_ENDPOINT_OVERRIDE",
    "network_url": "OS_NETWORK_ENDPOINT_OVERRIDE",
    "image_url": "OS_IMAGE_ENDPOINT_OVERRIDE",
    "volume_url": "OS_BLOCK_STORAGE_ENDPOINT_OVERRIDE",
}
_NAMES = {
    "service_region": "OS_REGION_NAME",
    "service_name": "OS_COMPUTE_SERVICE_NAME",
    "service_type": "OS_COMPUTE_SERVICE_TYPE",
}
_KNOWN = (
    *("id", "type", "host", "username", "password", "tenant", "proxy", "auth_version", "domain", "tenant_domain_id"),
    *("tenant_id", "api_version", "auth_token", "microversion", "vo", "enabled", *_URLS, *_NAMES),
)
_NO_FILES = dict.fromkeys(("OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE", "NETRC"), "/dev/null")
# The variables of a run that can enter no site.
NOWHERE = {**_NO_FILES, VARIABLE: ""}


def read_openstack(record: Record, config: Config) -> CloudAccess:
    """Return the site of a record. Raises `BadRequest`, and `AccessError` for a token that has expired."""
    version = record.get("auth_version") or "2.0_password"
    if record.get("proxy") or version == "2.0_voms":
        raise BadRequest(
            "OpenStack sites take no VOMS proxies any more: use an access token (3.x_oidc_access_token) or an "
            "application credential (3.x_appcred)."
        )
    reader = _READERS.get("token" if record.get("auth_token") else version)
    if reader is None:
        raise _incorrect(f"auth_version ({version[:40]}; known: {', '.join(name for name in _READERS if '.' in name)})")
    if not record.get("host"):
        raise _incorrect("host", record)
    _check_letters(record)
    who = reader(record)
    url = auth_url(record["host"], config)
    environment = {**_NO_FILES, VARIABLE: ",".join(config.openstack_hosts), "OS_AUTH_URL": url, **who}
    environment |= _more(record, config)
    _check_braces(environment)
    host, port, endpoint = place({"host": url.rpartition("/")[0]})
    identity, vo = record.get("id", "openstack"), record.get("vo", "")
    return CloudAccess("openstack", identity, OPENSTACK, host, port, endpoint, environment, vo)


def auth_url(host: str, config: Config) -> str:
    """Return the address of a keystone that may be called, with its version. Raises `BadRequest`."""
    text = host.strip()
    if "://" not in text:
        text = _with_scheme(text, config)
    try:
        parts = urlsplit(text)
        wrong = not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or parts.scheme not in ("http", "https") or parts.username is not None or parts.query or parts.fragment:
        raise BadRequest("The 'host' of an OpenStack record is for example https://keystone.example.org:5000.")
    _check_reach(text, config)
    return f"{parts.scheme}://{parts.netloc}{_VERSION.sub('', parts.path.rstrip('/'))}/v3"


def site_host(host: str) -> str:
    """Return the name of the machine in the `host` of a record, "" when it cannot be read."""
    return place({"host": host})[0]


def check_token(token: str, identity: str) -> None:
    """Raise `AccessError` for an access token that is known to have expired."""
    try:
        payload = token.split(".")[1]
        expires = float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return  # it is no JWT: the site knows
    if expires <= time.time():
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(expires, 2**33)))
        raise AccessError(f"The access token of the record '{identity}' has expired ({when}): get a new one.")


def _password(record: Record) -> dict[str, str]:
    _need(record, "username", "password")
    return {
        "OS_AUTH_TYPE": "v3password",
        "OS_USERNAME": record["username"],
        "OS_PASSWORD": record["password"],
        "OS_USER_DOMAIN_NAME": record.get("domain") or _DEFAULT_DOMAIN,
        **_project(record),
    }


def _application_credential(record: Record) -> dict[str, str]:
    _need(record, "username", "password")
    return {
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": record["username"],
        "OS_APPLICATION_CREDENTIAL_SECRET": record["password"],
    }


def _access_token(record: Record) -> dict[str, str]:
    _need(record, "username", "password", "tenant", *(() if record.get("tenant_id") else ("domain",)))
    check_token(record["password"], record.get("id", "openstack"))
    wanted = {"tenant": record.get("domain", ""), "tenant_id": record.get("tenant_id", "")}
    if _PROJECT_ID.fullmatch(wanted["tenant"]):
        wanted["tenant_id"] = wanted["tenant_id"] or wanted["tenant"]
    return {
        "OS_AUTH_TYPE": "v3oidcaccesstoken",
        "OS_IDENTITY_PROVIDER": record["username"],
        "OS_PROTOCOL": record["tenant"],
        "OS_ACCESS_TOKEN": record["password"],
        **_project({**record, **wanted}),
    }


def _token(record: Record) -> dict[str, str]:
    return {"OS_AUTH_TYPE": "v3token", "OS_TOKEN": record["auth_token"], **_project(record)}


def _project(record: Record) -> dict[str, str]:
    if record.get("tenant_id"):
        return {"OS_PROJECT_ID": record["tenant_id"]}
    _need(record, "tenant")
    domain = record.get("tenant_domain_id") or _DEFAULT_DOMAIN_ID
    return {"OS_PROJECT_NAME": record["tenant"], "OS_PROJECT_DOMAIN_ID": domain}


def _more(record: Record, config: Config) -> dict[str, str]:
    """The variables of what a record need not have."""
    found = {}
    for key, variable in _URLS.items():
        if record.get(key):
            _check_reach(record[key], config)
            found[variable] = record[key]
    for key, variable in _NAMES.items():
        if record.get(key, "") not in ("", "None"):
            found[variable] = record[key]
    major = re.match(r"v?(\d+)", record.get("api_version", ""))
    if major:
        found["OS_COMPUTE_API_VERSION"] = major[1]
    if record.get("microversion"):
        if not _MICROVERSION.fullmatch(record["microversion"]):
            raise BadRequest("The 'microversion' of an OpenStack record is for example 2.79.")
        found["OS_COMPUTE_DEFAULT_MICROVERSION"] = record["microversion"]
    return found


def _need(record: Record, *keys: str) -> None:
    missing = [key for key in keys if not record.get(key)]
    if missing:
        raise _incorrect(", ".join(missing), record)


def _incorrect(keys: str, record: Record | None = None) -> BadRequest:
    unknown = sorted(set(record or ()) - set(_KNOWN))
    more = f" (unknown: {', '.join(unknown)[:100]})" if unknown else ""
    return BadRequest(f"No correct auth data has been specified to OpenStack.: {keys}{more}")


def _check_letters(record: Record) -> None:
    for key, value in record.items():
        if key in _KNOWN and (len(value) > _LONGEST or not value.isprintable()):
            raise BadRequest(f"The '{key}' of an OpenStack record has letters that it cannot have, or is too long.")


def _check_braces(environment: Mapping[str, str]) -> None:
    """Refuse what openstacksdk would take for places to fill in; it does so in all values but the password."""
    for name, value in environment.items():
        if name != "OS_PASSWORD" and ("{" in value or "}" in value):
            raise BadRequest(f"openstacksdk takes no braces in {name}, which the OpenStack record has.")


def _with_scheme(text: str, config: Config) -> str:
    """A name alone means https, and the usual port."""
    name, slash, path = text.partition("/")
    full = name if re.search(r":\d+$", name) else f"{name}:{_PORT}"
    plain = f"http://{full}"
    scheme = "http" if any(item.rstrip("/") == plain for item in config.openstack_hosts) else "https"
    return f"{scheme}://{full}{slash}{path}"


def _check_reach(url: str, config: Config) -> None:
    problem = Reach.read(config.openstack_hosts).problem(url)
    if problem:
        shown = urlsplit(url).netloc.rpartition("@")[2][:100] if problem.startswith("is not called") else url[:100]
        more = ", or CONTINUUM_OPENSTACK_HOSTS" if problem.startswith("is not called") else ""
        raise BadRequest(f"The OpenStack site {shown} {problem}{more}.")


_READERS: dict[str, Callable[[Record], dict[str, str]]] = {
    "2.0_password": _password,
    "3.x_password": _password,
    "3.x_appcred": _application_credential,
    OIDC: _access_token,
    "token": _token,
}
