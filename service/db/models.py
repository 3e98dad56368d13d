# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service knows, as tables. Hosts as they are lie in the cloud; rows of `Vm` are what was last seen."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, MetaData, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from .types import Sealed, SealedJson, UtcTime

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
# What the size of a host is made of.
SIZE = ("cpus", "memory", "instance_type")
UNFINISHED = ("queued", "running")


def now() -> datetime:
    """Return the present time, UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return the id of a new infrastructure."""
    return str(uuid.uuid4())


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {datetime: UtcTime, dict[str, Any]: JSON, list[dict[str, Any]]: JSON}  # noqa: RUF012


class Infrastructure(Base):
    """One infrastructure.

    `source` is what the user sends and gets back, `template` the TOSCA text that is translated. `wanted` is the exact
    list of `{id, node}`, None = as many as the template says. `state_override` is "" or "deleting". `generation` counts
    configurations: the log shows the events of the last one.
    """

    __tablename__ = "infrastructure"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    display_name: Mapped[str] = mapped_column(Text, default="")
    kind: Mapped[str] = mapped_column(String(10), default="tosca")
    source: Mapped[str] = mapped_column(Sealed, default="")
    template: Mapped[str] = mapped_column(Sealed, default="")
    inputs: Mapped[Any] = mapped_column(SealedJson, default=dict)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    cloud: Mapped[str] = mapped_column(String(40), default="local")
    cloud_id: Mapped[str] = mapped_column(Text, default="")
    cloud_host: Mapped[str] = mapped_column(Text, default="")
    cloud_type: Mapped[str] = mapped_column(Text, default="")
    wanted: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True), default=None)
    next_vm_id: Mapped[int] = mapped_column(Integer, default=0)
    state_override: Mapped[str] = mapped_column(String(20), default="")
    generation: Mapped[int] = mapped_column(Integer, default=0)
    outputs: Mapped[Any] = mapped_column(SealedJson, default=dict)
    failure: Mapped[str] = mapped_column(Text, default="")
    log_header: Mapped[str] = mapped_column(Text, default="")
    forget: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    deleted_at: Mapped[datetime | None] = mapped_column(default=None, index=True)

    owners: Mapped[list[Owner]] = relationship(order_by="Owner.position", cascade="all, delete-orphan")
    vms: Mapped[list[Vm]] = relationship(order_by="Vm.vm_id", cascade="all, delete-orphan")

    @property
    def live_vms(self) -> list[Vm]:
        """The hosts that are not deleted, by number."""
        return [item for item in self.vms if item.deleted_at is None]


class Owner(Base):
    """Who an infrastructure belongs to. `identity` is a stable key, `user` what is shown."""

    __tablename__ = "owner"

    id: Mapped[int] = mapped_column(primary_key=True)
    infrastructure_id: Mapped[str] = mapped_column(ForeignKey("infrastructure.id", ondelete="CASCADE"), index=True)
    user: Mapped[str] = mapped_column(Text, default="")
    identity: Mapped[str] = mapped_column(String(200), index=True)
    position: Mapped[int] = mapped_column(Integer, default=0)


class Vm(Base):
    """A host as it was last seen.

    `state`: pending, running, configured, unconfigured, stopped, off, failed, unknown, deleting. `configured` is how
    its last configuration ended ("" = not yet, configured, unconfigured). `facts` is what the cloud told (see the
    contract of a cloud in docs/architecture.md), `extra` belongs to the layer above.
    """

    __tablename__ = "vm"
    __table_args__ = (UniqueConstraint("infrastructure_id", "vm_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    infrastructure_id: Mapped[str] = mapped_column(ForeignKey("infrastructure.id", ondelete="CASCADE"))
    vm_id: Mapped[int] = mapped_column(Integer)
    node: Mapped[str] = mapped_column(Text, default="")
    name: Mapped[str] = mapped_column(Text, default="")
    cloud_id: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20), default="pending")
    configured: Mapped[str] = mapped_column(String(20), default="")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def wanted(self) -> dict[str, Any]:
        """The host as the exact list of hosts names it, with the size of its own where it has been altered."""
        own = (self.extra or {}).get("altered", {})
        return {"id": self.vm_id, "node": self.node, **{name: own[name] for name in SIZE if name in own}}


class Operation(Base):
    """One change of one infrastructure.

    `state`: queued, running, done, failed, cancelled. `fence` grows with every claim: who writes with an older one is
    refused. `stop` is the reason why a running one shall end early. `credentials` is the name of the cloud whose
    credentials the run needs, "" for none. `not_before` holds a queued one back.
    """

    __tablename__ = "operation"
    __table_args__ = (
        Index(
            "uq_operation_running",
            "infrastructure_id",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
        Index("ix_operation_infrastructure_id_id", "infrastructure_id", "id"),
        Index("ix_operation_state_id", "state", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    infrastructure_id: Mapped[str] = mapped_column(ForeignKey("infrastructure.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    user: Mapped[str] = mapped_column(Text, default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[str] = mapped_column(String(12), default="queued")
    reason: Mapped[str] = mapped_column(Text, default="")
    progress: Mapped[str] = mapped_column(Text, default="")
    stop: Mapped[str] = mapped_column(Text, default="")
    credentials: Mapped[str] = mapped_column(String(40), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    not_before: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    worker: Mapped[str] = mapped_column(Text, default="")
    fence: Mapped[int] = mapped_column(Integer, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)

    @property
    def finished(self) -> bool:
        """True when nothing more will happen."""
        return self.state not in UNFINISHED


class Event(Base):
    """Something that happened in a run, in plain words. The id is what streams resume from."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_infrastructure_id_id", "infrastructure_id", "id"),
        Index("ix_event_infrastructure_id_generation_id", "infrastructure_id", "generation", "id"),
        Index("ix_event_at", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    infrastructure_id: Mapped[str] = mapped_column(ForeignKey("infrastructure.id", ondelete="CASCADE"))
    operation_id: Mapped[int | None] = mapped_column(Integer, default=None)
    generation: Mapped[int] = mapped_column(Integer, default=0)
    at: Mapped[datetime] = mapped_column(default=now)
    phase: Mapped[str] = mapped_column(Text, default="")
    host: Mapped[str] = mapped_column(Text, default="")
    task: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(12), default="info")
    seconds: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")


class Secret(Base):
    """A sealed text of an infrastructure: its key pair, generated passwords."""

    __tablename__ = "secret"

    infrastructure_id: Mapped[str] = mapped_column(
        ForeignKey("infrastructure.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    sealed: Mapped[str] = mapped_column(Sealed)


class Snapshot(Base):
    """An image made of a host."""

    __tablename__ = "snapshot"

    id: Mapped[int] = mapped_column(primary_key=True)
    infrastructure_id: Mapped[str] = mapped_column(ForeignKey("infrastructure.id", ondelete="CASCADE"), index=True)
    vm_id: Mapped[int] = mapped_column(Integer)
    image: Mapped[str] = mapped_column(Text)
    auto_delete: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
