# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images and quotas of a project on OpenStack, asked by a process of its own.

    python -m service.auth.openstack_info < {"environment": {...}, "what": "images", "filters": {...}}

openstacksdk takes a second to import and a site may take for ever: so it is no part of the web, it ends after a while
whatever it does, and only some of them run at a time. Credentials come by standard input and go nowhere.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import BadRequest, ServiceError
from .access import CloudAccess

SECONDS = 60.0
_WAIT_SECONDS = 5.0
MOST = 4
_AT_A_TIME = threading.BoundedSemaphore(MOST)
# Of the service's environment it gets these; no home, in which clouds.yaml or passwords could be.
_TAKEN_OVER = (
    *("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
_GB = 2**30 / 10**9
_COMPUTE = {
    "cores": ("totalCoresUsed", "maxTotalCores"),
    "ram": ("totalRAMUsed", "maxTotalRAMSize"),
    "instances": ("totalInstancesUsed", "maxTotalInstances"),
    "floating_ips": ("totalFloatingIpsUsed", "maxTotalFloatingIps"),
    "security_groups": ("totalSecurityGroupsUsed", "maxSecurityGroups"),
}
_NETWORK = {"floating_ips": "floatingip", "security_groups": "security_group"}
_STORAGE = {
    "volumes": ("totalVolumesUsed", "maxTotalVolumes"),
    "volume_storage": ("totalGigabytesUsed", "maxTotalVolumeGigabytes"),
}
_NOTHING = {"used": 0, "limit": -1}


def ask(access: CloudAccess, what: str, filters: Mapping[str, str] | None = None) -> Any:
    """Return the images or the quotas of a project. Raises `ServiceError`."""
    if not _AT_A_TIME.acquire(timeout=_WAIT_SECONDS):
        raise ServiceError("Too many sites are being asked at this moment. Try again in a minute.", 503)
    try:
        text = _run({"environment": access.environment, "what": what, "filters": dict(filters or {})})
    except subprocess.TimeoutExpired:
        raise ServiceError(f"The site {access.host} has not answered within {SECONDS:g} seconds.", 503) from None
    finally:
        _AT_A_TIME.release()
    try:
        answer = json.loads(text)
    except ValueError:
        raise ServiceError(f"The site {access.host} cannot be asked: {what} came to no answer.", 500) from None
    if "problem" in answer:
        raise BadRequest(str(answer["problem"]))
    return answer[what]


def _run(question: Mapping[str, Any]) -> str:
    repository = Path(__file__).resolve().parents[2]
    environment = {name: os.environ[name] for name in _TAKEN_OVER if name in os.environ}
    paths = [str(repository), str(repository / "collections"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "service.auth.openstack_info"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd="/",
        env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "HOME": "/nonexistent"},
    )
    return done.stdout


def answer(cloud: Any, host: str, what: str, filters: Mapping[str, str]) -> Any:
    """Return what a project has; `cloud` is one of the driver."""
    if what == "quotas":
        return quotas(cloud)
    found = cloud.listed("image", "/images", "images", status="active", limit="500")
    named = ({"uri": f"ost://{host}/{item['id']}", "name": str(item.get("name") or item["id"])}
             for item in found if _fits(item, filters))  # fmt: skip
    return sorted(named, key=lambda item: (item["name"].lower(), item["uri"]))


def quotas(cloud: Any) -> dict[str, Any]:
    """Return the quotas of a project; of what a site does not tell only that there is no limit is said."""
    compute = _absolute(cloud, "compute")
    found = {name: _pair(compute, *words) for name, words in _COMPUTE.items()}
    found["ram"] = {name: round(size / 1024 * _GB, 1) if size > 0 else size for name, size in found["ram"].items()}
    details = _asked(cloud, "network", f"/quotas/{cloud.site.project}/details").get("quota") or {}
    for name, word in _NETWORK.items():
        item = details.get(word)
        if isinstance(item, dict):
            found[name] = {"used": int(item.get("used", 0)), "limit": int(item.get("limit", -1))}
    storage = _absolute(cloud, "block-storage")
    if storage:
        found |= {name: _pair(storage, *words) for name, words in _STORAGE.items()}
    return found


def _fits(item: Mapping[str, Any], filters: Mapping[str, str]) -> bool:
    """An image says in its properties what it is, or in its name."""
    words = {"distribution": "os_distro", "version": "os_version"}
    return all(_says(item, words[key], wanted) for key, wanted in filters.items() if key in words)


def _says(item: Mapping[str, Any], key: str, wanted: str) -> bool:
    told, name = str(item.get(key) or "").lower(), str(item.get("name") or "").lower()
    return told == wanted or told.startswith(f"{wanted}.") if told else wanted in name


def _absolute(cloud: Any, service: str) -> dict[str, Any]:
    return dict((_asked(cloud, service, "/limits").get("limits") or {}).get("absolute") or {})


def _pair(limits: Mapping[str, Any], used: str, most: str) -> dict[str, Any]:
    return {"used": int(limits.get(used, 0)), "limit": int(limits.get(most, -1))} if most in limits else dict(_NOTHING)


def _asked(cloud: Any, service: str, path: str) -> dict[str, Any]:
    """Return an answer, an empty one when the site does not have it or does not tell."""
    from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
    from ansible_collections.continuum.im.plugins.module_utils._openstack.errors import status_of

    if not cloud.has(service):
        return {}
    try:
        return dict(cloud.call(service, "GET", path))
    except HostsError as error:
        if status_of(error) in (403, 404):
            return {}
        raise


def main() -> None:
    """Answer the question that comes by standard input."""
    signal.alarm(int(SECONDS) * 2)  # whoever asked may be gone
    question = json.load(sys.stdin)
    os.environ.update(question["environment"])
    from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
    from ansible_collections.continuum.im.plugins.module_utils._openstack.connect import connect

    what = question["what"]
    try:
        cloud = connect({})
        found = {what: answer(cloud, cloud.site.host, what, question["filters"])}
    except HostsError as error:
        found = {"problem": str(error)}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
