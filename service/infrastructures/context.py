# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every verb needs: settings, database, translator, who asks; and the door to an infrastructure."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any

from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home
from sqlalchemy import Connection, Engine, bindparam, exists, select
from sqlalchemy.orm import Session, selectinload

from ..auth.clouds import CloudAccess, cloud_records, find_cloud, find_images, in_region
from ..auth.identity import Identities, Identity
from ..auth.records import Record
from ..config import Config
from ..db.engine import AWAY, hold, read_link, read_scope, secret_box, writes
from ..db.models import Infrastructure, Operation, Owner, Vm
from ..db.secrets import SecretBox
from ..errors import Forbidden, NotFound, ServiceError
from ..operations.credentials import VaultClient, offer_credentials
from ..operations.queue import WAITS_FOR_CREDENTIALS
from .definition import Definition, Translator

UNKNOWN = "Invalid infrastructure ID or access not granted."
TOKEN_VARIABLE = "IM_ACCESS_TOKEN"  # noqa: S105 (a name)
# Names of options of infrastructures.
REGION = "region"
IMAGES = "images"
VO = "vo"
# Without credentials nothing can be done on these.
CLOSED = ("aws", "openstack")
_SECRET_OF_KEYS = b"continuum identities"
_INFRASTRUCTURE, _OWNER, _OPERATION = Infrastructure.__table__, Owner.__table__, Operation.__table__
_WAITS = exists(
    select(_OPERATION.c.id).where(
        _OPERATION.c.infrastructure_id == _INFRASTRUCTURE.c.id,
        _OPERATION.c.state == "queued",
        _OPERATION.c.reason == WAITS_FOR_CREDENTIALS,
    )
)
# Every request passes the door: one query, made once, that opens nothing sealed. A row for each owner.
_DOOR = (
    select(
        *(_INFRASTRUCTURE.c[name] for name in ("id", "deleted_at", "cloud", "cloud_id", "options")),
        _OWNER.c.identity,
        _WAITS.label("waits"),
    )
    .select_from(_INFRASTRUCTURE.outerjoin(_OWNER))
    .where(_INFRASTRUCTURE.c.id == bindparam("key"))
)


@dataclass(frozen=True)
class Service:
    """The parts of the service, made once for each process."""

    config: Config
    engine: Engine
    translator: Translator
    identities: Identities
    box: SecretBox
    places: BoundedSemaphore

    @classmethod
    def of(cls, config: Config, engine: Engine) -> Service:
        """Return the service of a configuration."""
        home = Home(config.home)
        # Keys of name spaces are made with the key that seals: they mean nothing elsewhere.
        secret = config.secret_key.encode() or _key_bytes(config)
        places = BoundedSemaphore(max(2, config.web_threads // 4))
        people = Identities(config, secret)
        return cls(config, engine, Translator(home, os.environ), people, secret_box(config), places)

    @contextmanager
    def place_to_wait(self) -> Iterator[bool]:
        """Say whether a request may wait for an operation: most threads are for those who only want to look."""
        free = self.places.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self.places.release()


def _key_bytes(config: Config) -> bytes:
    secret_box(config)  # makes the file when it is not there
    with open(config.secret_key_file, "rb") as file:
        return _SECRET_OF_KEYS + file.read().split()[0]


@dataclass(frozen=True)
class Caller:
    """Who asks, with the records of the request as they were given; `expand` turns them into those of clouds."""

    identity: Identity
    given: Sequence[Record] = field(repr=False)
    request_id: str = ""
    expand: Callable[[Sequence[Record]], list[Record]] = field(default=list, repr=False)

    @functools.cached_property
    def records(self) -> list[Record]:
        """The records, with what a Vault has. Raises `VaultError`."""
        return self.expand(self.given)

    def cloud(self, config: Config, wanted: str = "", images: Iterable[str] = ()) -> CloudAccess:
        """Return the cloud that a request means: the wanted one, else one that has the images. Raises `BadRequest`."""
        return find_cloud(self.records, wanted, config.default_cloud, config.dummy_cloud, config, images)

    def environment(self, access: CloudAccess) -> dict[str, str]:
        """Return the environment of a run: credentials of the cloud, and the caller's token."""
        token = {TOKEN_VARIABLE: self.identity.token} if self.identity.token else {}
        return {**access.environment, **token}


def open_infrastructure(session: Session, caller: Caller, key: str, gone: bool = False) -> Infrastructure:
    """Return an infrastructure that the caller may use. Raises `NotFound` or `Forbidden`.

    With `gone` also one that is deleted, to those who had it. The answer to somebody else is the same whatever else is
    in the request. In a session that may write the infrastructure is held: nobody else changes it meanwhile.
    """
    if writes(session):
        hold(session, key)
    _enter(session.connection(), caller, key, gone)
    query = select(Infrastructure).where(Infrastructure.id == key).options(selectinload(Infrastructure.vms))
    found = session.scalar(query)
    if found is None:
        raise NotFound(UNKNOWN)
    return found


def _enter(link: Connection, caller: Caller, key: str, gone: bool) -> Any:
    """Return the row of the door. Raises `NotFound` or `Forbidden`."""
    rows = link.execute(_DOOR, {"key": key}).all()
    if not rows:
        raise NotFound(UNKNOWN)
    mine = caller.identity.is_admin or {row.identity for row in rows} & set(caller.identity.keys)
    if rows[0].deleted_at is not None and not (gone and mine):
        raise NotFound(UNKNOWN)
    if not mine:
        raise Forbidden("Access to this infrastructure not granted.")
    return rows[0]


def owned(caller: Caller) -> Any:
    """Return the condition that selects the infrastructures of the caller."""
    if caller.identity.is_admin:
        return Infrastructure.id.is_not(None)
    mine = select(Owner.infrastructure_id).where(Owner.identity.in_(caller.identity.keys))
    return Infrastructure.id.in_(mine)


def listed(engine: Engine, caller: Caller, *texts: str) -> Sequence[Any]:
    """Return the ids of the caller's infrastructures, the last changed first, each with the columns `texts`."""
    query = _list(texts, caller.identity.is_admin)
    with read_link(engine) as link:
        return link.execute(query, {} if caller.identity.is_admin else {"keys": caller.identity.keys}).all()


@functools.cache
def _list(texts: tuple[str, ...], all_of_them: bool) -> Any:
    columns = (_INFRASTRUCTURE.c[name] for name in ("id", *texts))
    query = select(*columns).where(_INFRASTRUCTURE.c.deleted_at.is_(None))
    if not all_of_them:
        # From the few that are the caller's: SQLite would rather look through all that are alive.
        keys = _OWNER.c.identity.in_(bindparam("keys", expanding=True))
        mine = select(_OWNER.c.infrastructure_id).where(keys).distinct().subquery()
        query = query.join(mine, mine.c.infrastructure_id == _INFRASTRUCTURE.c.id)
    return query.order_by(_INFRASTRUCTURE.c.updated_at.desc(), _INFRASTRUCTURE.c.id)


def find_vm(infrastructure: Infrastructure, text: str) -> Vm:
    """Return a host by the text of its number. Raises `NotFound`."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    vm = next((item for item in infrastructure.vms if item.vm_id == number), None)
    if vm is None:
        raise NotFound("Invalid VM ID")
    if vm.deleted_at is not None:
        raise NotFound("Deleted VM.")
    return vm


def staying_vms(infrastructure: Infrastructure) -> list[Vm]:
    """Return the hosts that are there and shall stay."""
    return [vm for vm in infrastructure.live_vms if vm.state != "deleting"]


def definition_of(service: Service, infrastructure: Infrastructure) -> Definition:
    """Return the translated template of an infrastructure."""
    return service.translator.definition(
        infrastructure.template or EMPTY, infrastructure.inputs, infrastructure.cloud, infrastructure.name
    )


EMPTY = "tosca_definitions_version: tosca_simple_yaml_1_0\ntopology_template: {node_templates: {}}\n"


def radl_of(service: Service, infrastructure: Infrastructure) -> Any:
    """Return the RADL document of an infrastructure; `deploy` says what was added last."""
    last: Mapping[str, int] = infrastructure.options.get("last_added", {})
    definition = definition_of(service, infrastructure)
    return service.translator.radl(infrastructure.kind, infrastructure.source, definition, last)


def authorize(service: Service, caller: Caller, key: str, gone: bool = False, changes: bool = False) -> None:
    """Raise when the caller may not use the infrastructure; operations that wait for credentials get the caller's.

    With `changes` Vaults and sites are asked now: later it would be in a transaction, for which others wait.
    """
    with read_link(service.engine) as link:
        found = _enter(link, caller, key, gone)
    if found.waits:
        _offer(service, caller, found)
    elif changes and found.cloud in CLOSED:
        with contextlib.suppress(ServiceError):
            _access(service, caller, found)


def _access(service: Service, caller: Caller, found: Any) -> CloudAccess:
    record = next((item for item in cloud_records(caller.records) if item.get("id") == found.cloud_id), None)
    records = [record] if record else caller.records
    return find_cloud(records, "", "", service.config.dummy_cloud, service.config)


def _offer(service: Service, caller: Caller, found: Any) -> None:
    try:
        access = _access(service, caller, found)
    except ServiceError:
        # The request is about something else: it does not fail.
        return
    if access.cloud == found.cloud:
        access = in_region(access, found.options.get(REGION, ""))
        offer_credentials(service.engine, service.config, found.id, caller.environment(access))


def images_on_site(
    service: Service, caller: Caller, access: CloudAccess, definition: Definition
) -> dict[str, dict[str, str]]:
    """Return the option of an infrastructure with what images of EGI are on the site, nothing when there is none."""
    wanted = {group.node: group.image for group in definition.topology.groups}
    found = find_images(caller.records, access, wanted, service.config)
    return {IMAGES: found} if found else {}


def put_credentials(service: Service, caller: Caller, key: str, access: CloudAccess, region: str = "") -> str:
    """Keep the credentials for an operation; return the name of the cloud when it needs some, else "".

    `region` is that of the infrastructure, for records without one.
    """
    environment = caller.environment(in_region(access, region))
    if environment:
        VaultClient(service.config).put(key, environment)
    return access.cloud if access.environment else ""


def wait_until(service: Service, key: str, done: Callable[[Infrastructure], bool], seconds: float) -> bool:
    """Wait until something is true of an infrastructure or it is gone; False when the time is over."""
    with service.place_to_wait() as free:
        return _wait_until(service, key, done, seconds if free else 0.0)


def _wait_until(service: Service, key: str, done: Callable[[Infrastructure], bool], seconds: float) -> bool:
    end, pause = time.monotonic() + seconds, 0.05
    while True:
        # A database that is away for a moment is waited for: what was asked for is in it.
        with contextlib.suppress(*AWAY):
            with read_scope(service.engine) as session:
                found = session.scalar(
                    select(Infrastructure).where(Infrastructure.id == key).options(selectinload(Infrastructure.vms))
                )
            # Outside of the session: what is asked may need a connection too, and there are only so many.
            if found is None or done(found):
                return True
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(0.5, pause * 1.4)
