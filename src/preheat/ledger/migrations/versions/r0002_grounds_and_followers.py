"""What a proof rests on, and every run that follows an attempt.

What was proved before has no grounds written down: the next plan asks for it once more, and peers
fetch nothing that they hold.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column(
        "placement",
        sa.Column("grounds", sa.String(length=64), server_default="", nullable=False),
    )
    op.create_table(
        "follower",
        sa.Column(
            "attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("fk_follower_attempt_id_attempt")
        ),
        sa.PrimaryKeyConstraint("attempt_id", "dag_id", "run_id", name=op.f("pk_follower")),
    )
