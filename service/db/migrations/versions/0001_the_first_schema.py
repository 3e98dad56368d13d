# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go on."""
    op.create_table(
        "infrastructure",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("cloud", sa.String(length=40), nullable=False),
        sa.Column("cloud_id", sa.Text(), nullable=False),
        sa.Column("cloud_host", sa.Text(), nullable=False),
        sa.Column("cloud_type", sa.Text(), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=True),
        sa.Column("next_vm_id", sa.Integer(), nullable=False),
        sa.Column("state_override", sa.String(length=20), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("log_header", sa.Text(), nullable=False),
        sa.Column("forget", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infrastructure")),
        sa.UniqueConstraint("name", name=op.f("uq_infrastructure_name")),
    )
    op.create_index("ix_infrastructure_deleted_at", "infrastructure", ["deleted_at"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("infrastructure_id", sa.String(length=36), nullable=False),
        sa.Column("operation_id", sa.Integer(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"], ["infrastructure.id"], name=op.f("fk_event_infrastructure_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_at", "event", ["at"], unique=False)
    op.create_index(
        "ix_event_infrastructure_id_generation_id", "event", ["infrastructure_id", "generation", "id"], unique=False
    )
    op.create_index("ix_event_infrastructure_id_id", "event", ["infrastructure_id", "id"], unique=False)
    op.create_table(
        "operation",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("infrastructure_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("stop", sa.Text(), nullable=False),
        sa.Column("credentials", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"],
            ["infrastructure.id"],
            name=op.f("fk_operation_infrastructure_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operation_infrastructure_id_id", "operation", ["infrastructure_id", "id"], unique=False)
    op.create_index("ix_operation_state_id", "operation", ["state", "id"], unique=False)
    op.create_index(
        "uq_operation_running",
        "operation",
        ["infrastructure_id"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "owner",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("infrastructure_id", sa.String(length=36), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"], ["infrastructure.id"], name=op.f("fk_owner_infrastructure_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owner")),
    )
    op.create_index("ix_owner_identity", "owner", ["identity"], unique=False)
    op.create_index("ix_owner_infrastructure_id", "owner", ["infrastructure_id"], unique=False)
    op.create_table(
        "secret",
        sa.Column("infrastructure_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"], ["infrastructure.id"], name=op.f("fk_secret_infrastructure_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("infrastructure_id", "name", name=op.f("pk_secret")),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("infrastructure_id", sa.String(length=36), nullable=False),
        sa.Column("vm_id", sa.Integer(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("auto_delete", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"], ["infrastructure.id"], name=op.f("fk_snapshot_infrastructure_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
    )
    op.create_index("ix_snapshot_infrastructure_id", "snapshot", ["infrastructure_id"], unique=False)
    op.create_table(
        "vm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("infrastructure_id", sa.String(length=36), nullable=False),
        sa.Column("vm_id", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cloud_id", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("configured", sa.String(length=20), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["infrastructure_id"], ["infrastructure.id"], name=op.f("fk_vm_infrastructure_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vm")),
        sa.UniqueConstraint("infrastructure_id", "vm_id", name=op.f("uq_vm_infrastructure_id_vm_id")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("vm")
    op.drop_table("snapshot")
    op.drop_table("secret")
    op.drop_table("owner")
    op.drop_table("operation")
    op.drop_table("event")
    op.drop_table("infrastructure")
