"""What a run wants shown before a placement counts as warm, and what was seen of it.

What was proved before was a job's word on every host in scope, or on one seed: it stays so.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    proof = sa.Column("proof", sa.String(length=10), server_default="layers", nullable=False)
    op.add_column("placement", proof)
    op.add_column(
        "placement", sa.Column("hosts_warm", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("placement", sa.Column("hosts_expected", sa.Integer(), server_default="0"))
    op.add_column(
        "plan_placement",
        sa.Column("demand", sa.String(length=40), server_default="", nullable=False),
    )
