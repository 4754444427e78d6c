"""What policies want kept warm between their runs, and indexes for clearing old rows away."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table, the column and the indexes."""
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "kept",
        sa.Column("placement_id", big, nullable=False),
        sa.Column("policy", sa.String(length=250), nullable=False),
        sa.Column("label", sa.String(length=500), nullable=False),
        sa.Column("recheck_seconds", sa.Integer(), nullable=False),
        sa.Column("accept_partial", sa.Boolean(), nullable=False),
        sa.Column("selected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["placement_id"], ["placement.id"], name=op.f("fk_kept_placement_id_placement")
        ),
        sa.PrimaryKeyConstraint("placement_id", "policy", name=op.f("pk_kept")),
    )
    op.create_index(op.f("ix_kept_keep_until"), "kept", ["keep_until"])
    op.add_column("plan", sa.Column("keep_warm", sa.JSON(none_as_null=True)))
    op.create_index(op.f("ix_plan_policy_recorded_at"), "plan", ["policy", "recorded_at"])
    op.create_index(op.f("ix_plan_placement_attempt_id"), "plan_placement", ["attempt_id"])
