"""What happened in a Harbor, and one plan a policy where a run plans for several.

SQLite makes the table of plans anew for it, and so do the references to it: see
:func:`preheat.ledger.engine.migrating`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Change plans and placements, add the tables of the inbox."""
    with op.batch_alter_table("plan") as plan:
        plan.add_column(
            sa.Column("partial", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        plan.drop_constraint(op.f("uq_plan_dag_id_run_id"), type_="unique")
        plan.create_unique_constraint(
            op.f("uq_plan_dag_id_run_id_policy"), ["dag_id", "run_id", "policy"]
        )
    op.add_column("placement", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.create_index(op.f("ix_placement_repository"), "placement", ["repository"])
    _create_event()
    _create_others()


def _create_event() -> None:
    op.create_table(
        "event",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("registry", sa.String(length=250), nullable=False),
        sa.Column("delivery", sa.String(length=250), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("repository", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=False),
        sa.Column("tag", sa.String(length=250), nullable=False),
        sa.Column("operator", sa.String(length=250), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True)),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("also", sa.JSON(), nullable=False),
        sa.Column("policy", sa.String(length=250), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True)),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("outcomes", sa.JSON(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("registry", "delivery", name=op.f("uq_event_registry_delivery")),
        sqlite_autoincrement=True,
    )
    for column in ("digest", "tag"):
        index = op.f(f"ix_event_registry_repository_{column}")
        op.create_index(index, "event", ["registry", "repository", column])
    waiting, handled = sa.text("handled_at IS NULL"), sa.text("handled_at IS NOT NULL")
    for name, columns, where in (
        ("ix_event_waiting", ["registry", "due_at", "received_at", "id"], waiting),
        ("ix_event_handled_at", ["handled_at"], handled),
        ("ix_event_run", ["dag_id", "run_id"], handled),
    ):
        op.create_index(name, "event", columns, sqlite_where=where, postgresql_where=where)


def _create_others() -> None:
    op.create_table(
        "ignored_event",
        sa.Column("registry", sa.String(length=250), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("registry", "type", name=op.f("pk_ignored_event")),
    )
    op.create_table(
        "cursor",
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursor")),
    )
    op.create_table(
        "glimpse",
        sa.Column("registry", sa.String(length=250), nullable=False),
        sa.Column("repository", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("registry", "repository", name=op.f("pk_glimpse")),
    )
