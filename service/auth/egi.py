# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the types `EGI` and `EGIIS`: a site of EGI, or all sites of a VO, entered with an access token."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from ..config import Config
from ..errors import BadRequest
from . import egi_info
from .access import AccessError, CloudAccess
from .openstack import OIDC, check_token, read_openstack, site_host
from .records import Record

EGI, EGIIS = "EGI", "EGIIS"
_PROVIDER, _PROTOCOL = "egi.eu", "openid"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
_IMAGE = re.compile(r"egi://(?P<site>[^/?#]+)/(?P<image>[^?#]+)(?:\?(?P<vo>.*))?")
# What images are called: by the site, by EGI's catalogues of now and before.
_NAMES_OF_IMAGES = ("id", "name", "egi_id", "appdb_id", "mpuri")


def read_egi(record: Record, config: Config) -> CloudAccess:
    """Return the project of a VO on a site. Raises `BadRequest` and `AccessError`."""
    missing = [key for key in ("host", "vo", "token") if not record.get(key)]
    if missing:
        raise BadRequest(f"No correct auth data has been specified to {EGI}.: {', '.join(missing)}")
    check_token(record["token"], record.get("id", "egi"))
    name, vo = _name(record["host"]), _name(record["vo"])
    found = _site(config, name)
    projects = egi_info.projects(config, name)
    project = projects.get(vo) or {key.casefold(): value for key, value in projects.items()}.get(vo.casefold())
    if not project:
        known = ", ".join(sorted(projects)) or "none"
        raise BadRequest(f"The EGI site {name} has no project for the VO {vo} (it has some for: {known[:300]}).")
    access = read_openstack(
        {
            "id": record.get("id", "egi"),
            "host": found,
            "auth_version": OIDC,
            "username": _PROVIDER,
            "tenant": _protocol(config, name),
            "password": record["token"],
            "tenant_id": project,
            "api_version": record.get("api_version", ""),
        },
        config,
    )
    return replace(access, vo=vo)


def with_sites(records: Sequence[Record], config: Config) -> list[Record]:
    """Return the records, with one for each site of a VO in place of an `EGIIS` record. Raises `AccessError`."""
    found: list[Record] = []
    for record in records:
        found += _expanded(record, config) if record.get("type") == EGIIS else [record]
    return found


def has_image(record: Record, image: str, config: Config) -> bool:
    """Tell whether an image (ost://host/id, egi://site/image?vo) is on the site of an OpenStack or EGI record."""
    match = _IMAGE.fullmatch(image)
    is_egi = record.get("type") == EGI
    if match is not None and is_egi:
        wanted = (match["site"], match["vo"] or record.get("vo", ""))
        return _folded(*wanted) == _folded(record.get("host", ""), record.get("vo", ""))
    host = _host_of_site(config, unquote(match["site"])) if match is not None else site_host(image)
    own = _host_of_site(config, record.get("host", "")) if is_egi else site_host(record.get("host", ""))
    return bool(host) and host == own


def resolve_images(record: Record, images: Mapping[str, str], access: CloudAccess, config: Config) -> dict[str, str]:
    """Return what images (by group) of the form egi://site/image?vo are on the site itself, for those that are known.

    What the information service does not know is left to the site, which knows images by their names.
    """
    found = {}
    for node, image in images.items():
        match = _IMAGE.fullmatch(image)
        if match is None:
            continue
        vo = match["vo"] or record.get("vo") or access.vo
        if not vo or not _NAME.fullmatch(unquote(match["site"])) or not _NAME.fullmatch(vo):
            continue
        number = _find(_images(config, unquote(match["site"]), vo), unquote(match["image"]))
        if number:
            found[node] = f"ost://{access.host}/{number}"
    return found


def _images(config: Config, name: str, vo: str) -> list[dict[str, Any]]:
    try:
        return egi_info.images(config, name, vo)
    except AccessError:
        return []


def _find(known: Iterable[Mapping[str, Any]], wanted: str) -> str:
    """Return the id of the newest image that is called so, "" for none."""
    word = wanted.strip("/").casefold()
    found = [
        item for item in known if word in (str(item.get(key) or "").strip("/").casefold() for key in _NAMES_OF_IMAGES)
    ]
    newest = max(found, key=lambda item: [int(part) for part in re.findall(r"\d+", str(item.get("version")))][:6],
                 default=None)  # fmt: skip
    return str(newest["id"]) if newest else ""


def _expanded(record: Record, config: Config) -> list[Record]:
    missing = [key for key in ("vo", "token") if not record.get(key)]
    if missing:
        raise AccessError(f"No correct auth data has been specified to {EGIIS}.: {', '.join(missing)}")
    vo, identity = _name(record["vo"]), record.get("id", "egi")
    check_token(record["token"], identity)
    names = egi_info.sites(config, vo)
    if not names:
        raise AccessError(f"EGI's information service knows no site that has a project for the VO {vo}.")
    rest = {key: value for key, value in record.items() if key in ("token", "api_version")}
    return [
        {"id": re.sub(r"[^A-Za-z0-9_.-]", "_", f"{identity}-{name}"), "type": EGI, "host": name, "vo": vo, **rest}
        for name in names
    ]


def _site(config: Config, name: str) -> str:
    """Return the address of the keystone of a site. Raises `BadRequest` when there is no such site."""
    url = str((egi_info.site(config, name) or {}).get("url") or "")
    if not url:
        raise BadRequest(f"EGI's information service knows no site {name}.")
    return url


def _host_of_site(config: Config, name: str) -> str:
    """Return the machine of the keystone of a site, "" when nobody knows it."""
    if not _NAME.fullmatch(name):
        return ""
    try:
        return site_host(str((egi_info.site(config, name) or {}).get("url") or ""))
    except AccessError:
        return ""


def _protocol(config: Config, name: str) -> str:
    table = dict(item.split("=", 1) for item in config.egi_protocols if "=" in item)
    return table.get(name, _PROTOCOL)


def _name(text: str) -> str:
    """Return the name of a site or of a VO. Raises `BadRequest` for what cannot be one."""
    if not _NAME.fullmatch(text.strip()):
        raise BadRequest(f"{text[:60]!r} is not the name of a site of EGI, or of a VO.")
    return text.strip()


def _folded(*words: str) -> list[str]:
    return [unquote(word).strip().casefold() for word in words]
