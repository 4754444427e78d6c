"""What a page reads: plans that only show, tallies over time, what the doctor saw.

Plans of before that only showed are known by what they did with their placements.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0008"
down_revision = "0007"

_ONLY_SHOWED = """
UPDATE plan SET dry_run = true WHERE id IN (
  SELECT plan_id FROM plan_placement WHERE disposition = 'DRY_RUN'
)
"""


def upgrade() -> None:
    """Change plans, add the tables, and index what is paged through."""
    op.add_column(
        "plan", sa.Column("dry_run", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.execute(_ONLY_SHOWED)
    op.drop_index(op.f("ix_placement_repository"), "placement")
    in_order = ["repository", "digest", "platform"]
    op.create_index(op.f("ix_placement_repository_digest_platform"), "placement", in_order)
    op.create_index(op.f("ix_attempt_dag_id_run_id"), "attempt", ["dag_id", "run_id"])
    op.create_table(
        "tally",
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("placements", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("taken_at", "cluster", "verdict", name=op.f("pk_tally")),
    )
    op.create_table(
        "examination",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("observations", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_examination")),
    )
    op.create_index(op.f("ix_examination_seen_at"), "examination", ["seen_at"])
